//! Random faults on all services for as long as it is told: everything comes back by itself each time, no event is lost, and
//! memory, threads, files and tasks stay as they are. Two watch: the embedded scenario itself, and what `attach` runs over the
//! same endpoints with nothing but a scenario file, which is the code that watches Azure.
//!
//! `STREAMGAUGE_SOAK_SECONDS=3600 cargo test --test faults_soak -- --ignored --nocapture`; without, a minute.
//! `STREAMGAUGE_SOAK_SEED` repeats one: the faults, not their effects to the millisecond. Linux only, as it reads `/proc`.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]
#![allow(clippy::print_stdout, reason = "it prints a table")]

mod described;

use std::path::Path;
use std::time::{Duration, Instant};

use described::Described;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng as _;
use streamgauge::azure::credentials::Environment;
use streamgauge::load::driver::Bounds;
use streamgauge::local::fault::{Fault, FaultSwitch};
use streamgauge::local::scenario::{Ports, Scenario, ScenarioOptions};
use streamgauge::model::health::{Health, Word};
use streamgauge::model::observation::{Observation, Station, StationState, Target};
use streamgauge::model::session::Session;
use streamgauge::model::units::EventRate;
use streamgauge::report::summary;
use streamgauge::scenario::attached::{Attached, LoadWish};
use streamgauge::scenario::file::ScenarioFile;
use streamgauge::scenario::places::Places;
use streamgauge::wall_clock::wall_clock;
use tokio::sync::mpsc;

const RATE: f64 = 100.0;

/// A number of the environment.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a whole number"))
}

/// What the process holds at a moment.
#[derive(Debug, Clone, Copy)]
struct Holds {
    megabytes: u64,
    /// Events that the log retains: it holds them in memory, up to 512 MB of them.
    events: u64,
    threads: usize,
    files: usize,
    tasks: usize,
}

impl Holds {
    fn now(session: &Session) -> Self {
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it is there");
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        let count = |folder: &str| std::fs::read_dir(folder).expect("Linux").count();
        Self {
            megabytes: kilobytes / 1_024,
            events: session.held_events(),
            threads: count("/proc/self/task"),
            files: count("/proc/self/fd"),
            tasks: tokio::runtime::Handle::current().metrics().num_alive_tasks(),
        }
    }
}

struct Running {
    scenario: Scenario,
    observations: mpsc::Receiver<Observation>,
    session: Session,
    watcher: Watcher,
    dice: Pcg64Mcg,
}

/// What is attached to the same endpoints, with what it sees.
struct Watcher {
    attached: Attached,
    observations: mpsc::Receiver<Observation>,
    session: Session,
}

impl Watcher {
    /// Attaches by a scenario file and the variables, as a person does. No load of its own: that is the scenario's.
    fn attach(scenario: &Scenario) -> Self {
        let described = Described::of("soak", &scenario.endpoints, "");
        let file = ScenarioFile::read(Path::new(&described.file)).expect("a scenario file");
        let variable = |name: &str| {
            described.variables().into_iter().find(|(it, _)| *it == name).map(|(_, value)| value.to_owned())
        };
        let places = Places::of(&file, &Environment::new(&variable)).expect("places");
        let (tell, observations) = mpsc::channel(16_384);
        let wish = LoadWish { target: None, first: EventRate::new(1.0), bounds: Bounds::default() };
        let attached = Attached::start(places, wish, tell, wall_clock).expect("it attaches");
        Self { attached, observations, session: Session::new() }
    }
}

impl Running {
    fn below(&mut self, limit: u64) -> u64 {
        self.dice.next_u64() % limit
    }

    /// Takes in what comes for a while. Something always does: the sessions are not held up by what is away.
    async fn run(&mut self, span: Duration) {
        let end = tokio::time::Instant::now() + span;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(end) => return,
                seen = self.observations.recv() => self.session.apply(&seen.expect("the scenario runs")),
                seen = self.watcher.observations.recv() => self.watcher.session.apply(&seen.expect("it is attached")),
            }
        }
    }

    async fn until(&mut self, what: &str, limit: Duration, met: impl Fn(&Session, &Session) -> bool) {
        let begun = Instant::now();
        while !met(&self.session, &self.watcher.session) {
            let (own, attached) = (said(&self.session), said(&self.watcher.session));
            assert!(begun.elapsed() < limit, "no {what} within {limit:?}: {own}\nattached: {attached}");
            self.run(Duration::from_millis(250)).await;
        }
    }

    fn switches(&self) -> [(&'static str, FaultSwitch); 3] {
        let faults = &self.scenario.faults;
        [("log", faults.eventhubs.clone()), ("checkpoints", faults.blob.clone()), ("store", faults.cosmos.clone())]
    }

    fn fault(&mut self) -> Fault {
        match self.below(6) {
            0 => Fault::Cut,
            1 => Fault::Refuse,
            2 => Fault::Delay(Duration::from_millis(100 + self.below(8_000))),
            3 => Fault::Throttle,
            4 => Fault::Deny,
            _ => Fault::WrongReply,
        }
    }
}

/// What a session says at its end, for a failure.
fn said(session: &Session) -> String {
    let stations: Vec<String> =
        [Station::Load, Station::Ingest, Station::Processor, Station::Checkpoints, Station::Store]
            .into_iter()
            .filter_map(|station| Some((station, session.station(station)?)))
            .map(|(station, health)| format!("{station:?} {:?}", health.state))
            .collect();
    format!("{:?}, {:?}, {}", Health::of(session, wall_clock()), session.tally, stations.join("; "))
}

fn are_well(own: &Session, attached: &Session) -> bool {
    let watched = [Station::Ingest, Station::Checkpoints, Station::Store];
    is_well(own, &[&[Station::Load, Station::Processor], &watched[..]].concat()) && is_well(attached, &watched)
}

fn is_well(session: &Session, stations: &[Station]) -> bool {
    let connected = |station: &Station| session.station(*station).is_some_and(|it| it.state == StationState::Connected);
    stations.iter().all(connected) && Health::of(session, wall_clock()).word == Word::KeepingUp
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes as long as STREAMGAUGE_SOAK_SECONDS says"]
async fn random_faults_are_outlasted_and_leave_nothing_behind() {
    let (span, seed) =
        (Duration::from_secs(number("STREAMGAUGE_SOAK_SECONDS", 60)), number("STREAMGAUGE_SOAK_SEED", 1));
    println!("seed {seed}, {span:?}");
    let (tell, observations) = mpsc::channel(16_384);
    let options = ScenarioOptions {
        partitions: 8,
        target: Target::Rate(EventRate::new(RATE)),
        seed,
        duplicate_every: 0,
        request_units: 100_000,
        process: true,
        ports: Ports::default(),
        tls: None,
    };
    let scenario = Scenario::start(options, tell, wall_clock).await.expect("it comes up");
    let dice = Pcg64Mcg::new(u128::from(seed) * 2 + 1);
    let watcher = Watcher::attach(&scenario);
    let mut running = Running { scenario, observations, session: Session::new(), watcher, dice };
    let limit = Duration::from_secs(60);
    running.until("beginning", limit, are_well).await;

    let begun = Instant::now();
    let mut held = vec![Holds::now(&running.session)];
    while begun.elapsed() < span {
        let mut on = Vec::new();
        for (name, switch) in running.switches() {
            // One of three, now and then two or all.
            if running.below(2) == 0 {
                let fault = running.fault();
                switch.set(fault);
                on.push(format!("{name} {fault:?}"));
            }
        }
        let trouble = Duration::from_millis(500 + running.below(8_000));
        running.run(trouble).await;
        running.switches().iter().for_each(|(_, switch)| switch.clear());
        running.until("recovery", limit, are_well).await;
        let holds = Holds::now(&running.session);
        println!("{:>5} s  {trouble:>6.1?}  {holds:?}  {}", begun.elapsed().as_secs(), on.join(", "));
        held.push(holds);
    }

    running.scenario.pause_load();
    running.until("account of every event", limit * 2, |own, _| summary::is_settled(own)).await;
    summary::lines(&running.session).iter().for_each(|line| println!("{line}"));
    let tally = running.session.tally.expect("a tally");
    assert_eq!(tally.lost, 0, "{tally:?}");

    // The first third fills what is kept of a session and of the log. From then on nothing grows but for the odd page.
    let (early, late) = (&held[held.len() / 3..], &held[held.len() - held.len().div_ceil(3)..]);
    let least = |held: &[Holds], what: fn(&Holds) -> u64| held.iter().map(what).min().unwrap_or(0);
    for (name, what, slack) in [
        ("threads", (|it| it.threads as u64) as fn(&Holds) -> u64, 4),
        ("files", |it| it.files as u64, 32),
        ("tasks", |it| it.tasks as u64, 32),
    ] {
        let (before, after) = (least(early, what), least(late, what));
        assert!(after <= before + slack, "{name} grow: {before}, later {after}");
    }
    // What the log retains is in memory: about 1 KB of each event. The history of the session fills in half an hour.
    let (before, after) = (least(early, |it| it.megabytes), least(late, |it| it.megabytes));
    // It may retain less than at the beginning.
    let retained = least(late, |it| it.events).saturating_sub(least(early, |it| it.events)) as f64 * 1_200.0 / 1e6;
    assert!(after as f64 <= before as f64 * 1.2 + retained + 24.0, "memory grows: {before} MB, later {after} MB");

    let Running { scenario, mut observations, watcher: Watcher { attached, observations: mut last, .. }, .. } = running;
    let drain = async { while last.recv().await.is_some() {} };
    let (ended, ()) = tokio::join!(attached.stop(), drain);
    ended.expect("it ends");
    let drain = async { while observations.recv().await.is_some() {} };
    tokio::select! {
        stopped = scenario.stop() => stopped.expect("it stops"),
        () = drain => {}
    }
}
