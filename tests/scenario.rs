//! The embedded scenario as a whole: each service away in turn, the processor killed, the store too small. Every event is
//! accounted for in the end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

use std::time::Duration;

use streamgauge::local::fault::{Fault, FaultSwitch};
use streamgauge::local::scenario::{Faults, Ports, Scenario, ScenarioOptions};
use streamgauge::model::health::{Health, Word};
use streamgauge::model::observation::{Observation, Station, StationState, Target};
use streamgauge::model::session::Session;
use streamgauge::model::units::EventRate;
use streamgauge::report::summary;
use streamgauge::wall_clock::wall_clock;
use tokio::sync::mpsc;

/// Nothing here may hang.
const LIMIT: Duration = Duration::from_secs(120);

type Switch = fn(&Faults) -> &FaultSwitch;

struct Watched {
    scenario: Scenario,
    observations: mpsc::Receiver<Observation>,
    session: Session,
}

impl Watched {
    async fn start(rate: f64, request_units: u32) -> Self {
        let (tell, observations) = mpsc::channel(4_096);
        let options = ScenarioOptions {
            partitions: 4,
            target: Target::Rate(EventRate::new(rate)),
            seed: 7,
            duplicate_every: 0,
            request_units,
            process: true,
            ports: Ports::default(),
            tls: None,
        };
        let scenario = Scenario::start(options, tell, wall_clock).await.expect("the scenario comes up");
        Self { scenario, observations, session: Session::new() }
    }

    /// Takes observations in until the session shows something.
    async fn until(&mut self, what: &str, shown: impl Fn(&Session) -> bool) {
        let seen = async {
            while !shown(&self.session) {
                let observation = self.observations.recv().await.expect("the scenario goes on");
                self.session.apply(&observation);
            }
        };
        if tokio::time::timeout(LIMIT, seen).await.is_err() {
            let health = Health::of(&self.session, wall_clock());
            let load = self.session.load.as_ref().map(|load| &load.figures);
            let counts = load.map(|load| (load.due, load.sent, load.acknowledged, load.failed));
            panic!("waited for {what}: {health:?}, tally {:?}, load {counts:?}", self.session.tally);
        }
    }

    async fn stored(&mut self, more: u64) {
        let stored = |session: &Session| session.tally.map_or(0, |tally| tally.stored);
        let goal = stored(&self.session) + more;
        self.until("more events in the store", |session| stored(session) >= goal).await;
    }

    /// Stops the load, waits until everything is accounted for, and takes the scenario down.
    async fn settle(mut self) -> Session {
        self.scenario.pause_load();
        self.until("everything to be accounted for", summary::is_settled).await;
        let drain = async { while self.observations.recv().await.is_some() {} };
        tokio::select! {
            stopped = self.scenario.stop() => stopped.expect("it stops"),
            () = drain => {}
        }
        let tally = self.session.tally.expect("a tally");
        assert_eq!(tally.sent, tally.stored, "{tally:?}");
        assert_eq!((tally.lost, tally.foreign), (0, 0), "{tally:?}");
        assert_eq!(tally.order.map(|order| order.late), Some(0), "the processor keeps the order: {tally:?}");
        self.session
    }
}

fn is_away(session: &Session, station: Station) -> bool {
    matches!(session.station(station).map(|health| &health.state), Some(StationState::Retrying { .. }))
}

fn is_connected(session: &Session, station: Station) -> bool {
    matches!(session.station(station).map(|health| &health.state), Some(StationState::Connected))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_service_goes_away_and_comes_back_by_itself() {
    let mut watched = Watched::start(50.0, 100_000).await;
    watched.stored(50).await;
    let switches: [(Station, Switch); 3] = [
        (Station::Ingest, |faults| &faults.eventhubs),
        (Station::Checkpoints, |faults| &faults.blob),
        (Station::Store, |faults| &faults.cosmos),
    ];
    for (station, switch) in switches {
        let switch = switch(&watched.scenario.faults).clone();
        switch.set(Fault::Cut);
        watched.until("the trouble to be seen", |session| is_away(session, station)).await;
        let Some(StationState::Retrying { reason, .. }) = watched.session.station(station).map(|seen| &seen.state)
        else {
            panic!("{station:?} says why");
        };
        assert!(reason.contains("127.0.0.1:"), "where: {reason}");
        assert_eq!(reason.lines().count(), 1, "{reason}");
        switch.clear();
        watched.until("it to come back", |session| is_connected(session, station)).await;
        watched.stored(50).await;
    }
    watched.until("the pipeline to keep up", |session| Health::of(session, wall_clock()).word == Word::KeepingUp).await;
    watched.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_processor_that_is_killed_repeats_and_never_loses() {
    let mut watched = Watched::start(100.0, 100_000).await;
    watched.stored(100).await;
    // Killed before its first checkpoint, it would have no position to be behind.
    let everywhere = |session: &Session| session.partitions.values().all(|partition| partition.position().is_some());
    watched.until("a checkpoint on each partition", everywhere).await;
    for _ in 0..3 {
        watched.scenario.kill_processor();
        assert_eq!(watched.scenario.processor_runs(), Some(false));
        let backlog = |session: &Session| session.lag_events() > Some(100);
        watched.until("a backlog", backlog).await;
        watched.scenario.start_processor().expect("it starts again");
        watched.stored(100).await;
    }
    watched.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_too_small_throttles_and_loses_nothing() {
    // 1,000 RU/s carry about 118 writes a second.
    let mut watched = Watched::start(300.0, 1_000).await;
    watched.until("429s", |session| session.processor.as_ref().is_some_and(|seen| seen.figures.throttled > 20)).await;
    // A second may pass without a 429: the word and its reason are waited for together.
    let alarm = |session: &Session| {
        let health = Health::of(session, wall_clock());
        health.word == Word::FallingBehind && health.reason.starts_with("Cosmos DB throttles: ")
    };
    watched.until("the alarm, with its cause", alarm).await;
    watched.settle().await;
}
