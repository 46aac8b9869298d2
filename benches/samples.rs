//! Makes `recordings/` anew, each from the embedded scenario: `cargo bench --bench samples [NAME]...`
//!
//! All of them at once take two and a half minutes. What they then show is looked at by `tests/recordings.rs`, whose
//! golden frames and moments go with the files.

#![allow(missing_docs, reason = "a program")]
#![allow(clippy::print_stdout, clippy::expect_used, clippy::panic, reason = "it says what it made, or why it did not")]

use std::path::Path;
use std::time::{Duration, Instant};

use streamgauge::figures;
use streamgauge::local::fault::{Fault, FaultSwitch};
use streamgauge::local::scenario::{Ports, Scenario, ScenarioOptions};
use streamgauge::model::observation::{Fact, Observation, Target};
use streamgauge::model::units::{EventRate, PartitionId};
use streamgauge::recording::format::{Header, ScenarioDescription};
use streamgauge::recording::writer::{Writer, WriterState};
use streamgauge::ui::state::StationNames;
use streamgauge::wall_clock::wall_clock;
use tokio::sync::mpsc;

/// A store that carries whatever comes.
const PLENTY: u32 = 20_000;

/// How long each of them is.
const END: u64 = 145;

/// A scenario that runs, and its recording.
struct Session {
    scenario: Scenario,
    observations: mpsc::Receiver<Observation>,
    writer: Writer,
    begun: Instant,
}

impl Session {
    async fn start(path: &Path, partitions: u32, rate: f64, request_units: u32) -> Self {
        let names = StationNames::default();
        let description = ScenarioDescription {
            title: format!("local: Event Hubs, {partitions} partitions, to Cosmos DB"),
            ingest: names.ingest,
            processor: names.processor,
            store: names.store,
        };
        let writer = Writer::create(path, &Header::new(wall_clock(), description)).expect("the recording is begun");
        let (tell, observations) = mpsc::channel(16_384);
        let options = ScenarioOptions {
            partitions,
            target: Target::Rate(EventRate::new(rate)),
            seed: 0,
            duplicate_every: 1_000,
            request_units,
            process: true,
            ports: Ports::default(),
            tls: None,
        };
        let scenario = Scenario::start(options, tell, wall_clock).await.expect("the scenario comes up");
        Self { scenario, observations, writer, begun: Instant::now() }
    }

    /// Records what is seen until so many seconds after the beginning.
    async fn until(&mut self, seconds: u64) {
        let rest = Duration::from_secs(seconds).saturating_sub(self.begun.elapsed());
        let record = async {
            while let Some(observation) = self.observations.recv().await {
                self.writer.record(&observation);
            }
        };
        assert!(tokio::time::timeout(rest, record).await.is_err(), "the scenario goes on");
    }

    fn mark(&self, text: impl Into<String>) {
        self.writer.record(&Observation { at: wall_clock(), fact: Fact::Mark(text.into()) });
    }

    fn load(&self, rate: f64) {
        let target = Target::Rate(EventRate::new(rate));
        self.scenario.load().set_target(target);
        self.mark(format!("load {}", figures::target(target)));
    }

    fn kill_processor(&mut self) {
        self.scenario.kill_processor();
        self.mark("processor killed");
    }

    fn start_processor(&mut self) {
        self.scenario.start_processor().expect("it starts again");
        self.mark("processor started");
    }

    /// Takes a service away for some seconds.
    async fn outage(&mut self, from: u64, to: u64, name: &str, switch: FaultSwitch) {
        self.until(from).await;
        switch.set(Fault::Cut);
        self.mark(format!("{name} goes away"));
        self.until(to).await;
        switch.clear();
        self.mark(format!("{name} is back"));
    }

    async fn end(mut self) {
        self.until(END).await;
        let WriterState::Finished { bytes, .. } = self.writer.finish() else { panic!("the recording stopped") };
        println!("{bytes:>8} bytes");
        let drain = async { while self.observations.recv().await.is_some() {} };
        tokio::select! {
            stopped = self.scenario.stop() => stopped.expect("it stops"),
            () = drain => {}
        }
    }
}

/// The processor keeps up with an even load.
async fn steady(path: &Path) {
    Session::start(path, 8, 80.0, PLENTY).await.end().await;
}

/// The load climbs until the store throttles, and goes down again.
async fn throttled(path: &Path) {
    // 600 RU/s carry about 70 writes a second.
    let mut session = Session::start(path, 4, 30.0, 600).await;
    for (at, rate) in [(20, 45.0), (35, 60.0), (50, 110.0), (80, 20.0)] {
        session.until(at).await;
        session.load(rate);
    }
    session.end().await;
}

/// The processor is killed and started again, twice.
async fn restart(path: &Path) {
    let mut session = Session::start(path, 8, 50.0, PLENTY).await;
    for (killed, started) in [(30, 45), (85, 105)] {
        session.until(killed).await;
        session.kill_processor();
        session.until(started).await;
        session.start_processor();
    }
    session.end().await;
}

/// One partition of 32 is passed over for a while.
async fn stuck(path: &Path) {
    let mut session = Session::start(path, 32, 60.0, PLENTY).await;
    let partition = PartitionId(17);
    session.until(30).await;
    session.scenario.hold(partition);
    session.mark("partition 17 is held");
    session.until(100).await;
    session.scenario.release(partition);
    session.mark("partition 17 is released");
    session.end().await;
}

/// Each service goes away and comes back, one after another.
async fn outage(path: &Path) {
    let mut session = Session::start(path, 8, 40.0, PLENTY).await;
    let faults = session.scenario.faults.clone();
    session.outage(25, 37, "Event Hubs", faults.eventhubs).await;
    session.outage(65, 77, "Blob Storage", faults.blob).await;
    session.outage(105, 117, "Cosmos DB", faults.cosmos).await;
    session.end().await;
}

/// Makes one recording. It takes the place of the one before when it is whole.
async fn make(name: String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings");
    let (path, part) = (folder.join(format!("{name}.jsonl.zst")), folder.join(format!("{name}.part")));
    std::fs::remove_file(&part).ok();
    match name.as_str() {
        "steady" => steady(&part).await,
        "throttled" => throttled(&part).await,
        "restart" => restart(&part).await,
        "stuck" => stuck(&part).await,
        "outage" => outage(&part).await,
        other => panic!("there is no sample {other}"),
    }
    std::fs::rename(&part, &path).expect("it is put in its place");
    println!("{name} is made");
}

fn main() {
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let all = ["steady", "throttled", "restart", "stuck", "outage"].map(String::from).to_vec();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let named = if named.is_empty() { all } else { named };
        futures::future::join_all(named.into_iter().map(make)).await;
    });
}
