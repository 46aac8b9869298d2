//! A processor that other people wrote, in the place of ours: Python's `EventHubConsumerClient` with its blob checkpoint
//! store, on the embedded scenario. What the monitor says of it must be right to the event.
//!
//! ```sh
//! pip install azure-eventhub azure-eventhub-checkpointstoreblob
//! cargo test --test consumer_peers -- --ignored
//! ```
//!
//! `STREAMGAUGE_PYTHON` names another interpreter than `python3`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use streamgauge::azure::{
    BlobAddress, BlobCredential, CosmosAddress, CosmosCredential, EventHubsAddress, EventHubsCredential, Secret,
};
use streamgauge::local::scenario::{Endpoints, Ports, Scenario, ScenarioOptions};
use streamgauge::model::observation::{CheckpointForm, Observation, Target};
use streamgauge::model::session::Session;
use streamgauge::model::units::{EventRate, PartitionId};
use streamgauge::process::{Processor, ProcessorHandle, ProcessorOptions};
use streamgauge::wall_clock::wall_clock;
use tokio::sync::mpsc;

/// Nothing here may hang.
const LIMIT: Duration = Duration::from_secs(120);
const PARTITIONS: u32 = 4;

/// A processor of Python's SDK, in a process of its own.
struct Python {
    child: Child,
    /// It ends in good order when this is closed.
    input: Option<ChildStdin>,
    said: mpsc::UnboundedReceiver<String>,
}

impl Python {
    /// Checkpoints up to and including this event of each partition; -1 for all.
    fn start(endpoints: &Endpoints, hold_at: i64) -> Self {
        let python = std::env::var_os("STREAMGAUGE_PYTHON").unwrap_or_else(|| "python3".into());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/consumer_python.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg(hold_at.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "{}", serde_json::to_string(endpoints).unwrap()).unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, said) = mpsc::unbounded_channel();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(tell.send(line))));
        Self { child, input: Some(input), said }
    }

    /// Ends it without a goodbye.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        self.input.take();
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The embedded scenario without a processor, and what the probes see of it.
struct Watched {
    scenario: Scenario,
    observations: mpsc::Receiver<Observation>,
    session: Session,
}

impl Watched {
    async fn start(rate: f64) -> Self {
        let (tell, observations) = mpsc::channel(16_384);
        let options = ScenarioOptions {
            partitions: PARTITIONS,
            target: Target::Rate(EventRate::new(rate)),
            seed: 11,
            duplicate_every: 0,
            request_units: 20_000,
            process: false,
            ports: Ports::default(),
            tls: None,
        };
        let scenario = Scenario::start(options, tell, wall_clock).await.expect("the scenario comes up");
        Self { scenario, observations, session: Session::new() }
    }

    /// Takes observations in until the session shows something.
    async fn until(&mut self, what: &str, mut shown: impl FnMut(&Session) -> bool) {
        let seen = async {
            while !shown(&self.session) {
                let observation = self.observations.recv().await.expect("the scenario goes on");
                self.session.apply(&observation);
            }
        };
        if tokio::time::timeout(LIMIT, seen).await.is_err() {
            let seen: Vec<_> = self
                .session
                .partitions
                .iter()
                .map(|(id, partition)| (id.0, partition.owner().map(str::to_owned), partition.lag()))
                .collect();
            panic!("waited for {what}; the session shows {seen:?}");
        }
    }

    /// Waits until each partition's log ends behind this event, then stops the load and waits until nothing moves: the
    /// log ends as the probe tells them and as the endpoint keeps them are then the same.
    async fn fill(&mut self, behind: i64) {
        self.until("enough events in each partition", |session| {
            let ends: Vec<i64> = session
                .partitions
                .values()
                .filter_map(streamgauge::model::partition::Partition::log_end)
                .map(|end| end.last.0)
                .collect();
            ends.len() == PARTITIONS as usize && ends.iter().all(|last| *last > behind)
        })
        .await;
        self.scenario.pause_load();
        self.until("all that was sent in the log", |session| {
            let acknowledged = session.load.as_ref().map_or(0, |load| load.figures.acknowledged);
            let due = session.load.as_ref().map_or(0, |load| load.figures.due);
            let ends: i64 = session
                .partitions
                .values()
                .filter_map(streamgauge::model::partition::Partition::log_end)
                .map(|end| end.last.0 + 1)
                .sum();
            acknowledged == due && i64::try_from(acknowledged).unwrap() == ends
        })
        .await;
    }

    async fn until_nothing_is_behind(&mut self) {
        self.scenario.pause_load();
        self.until("no lag", |session| {
            let acknowledged = session.load.as_ref().map_or(0, |load| load.figures.acknowledged);
            let ends: i64 = session
                .partitions
                .values()
                .filter_map(streamgauge::model::partition::Partition::log_end)
                .map(|end| end.last.0 + 1)
                .sum();
            i64::try_from(acknowledged).unwrap() == ends && session.lag_events() == Some(0)
        })
        .await;
    }

    /// So many partitions for each owner.
    fn owners(session: &Session) -> BTreeMap<String, usize> {
        let mut owners = BTreeMap::new();
        for owner in session.partitions.values().filter_map(|partition| partition.owner()) {
            *owners.entry(owner.to_owned()).or_default() += 1;
        }
        owners
    }

    async fn until_owned_by(&mut self, shares: &[usize]) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        self.until(&format!("owners with {shares:?} partitions"), |session| {
            found = Self::owners(session);
            let mut counts: Vec<usize> = found.values().copied().collect();
            counts.sort_unstable();
            counts == shares
        })
        .await;
        found
    }

    /// One of our processors in the same group.
    fn ours(&self, name: &str) -> (ProcessorHandle, mpsc::Receiver<Observation>) {
        let Endpoints { eventhubs, blob, cosmos, consumer_group, .. } = &self.scenario.endpoints;
        let host = eventhubs.trim_start_matches("Endpoint=sb://").split([';', '/']).next().unwrap();
        let hub = eventhubs.split("EntityPath=").nth(1).unwrap().split(';').next().unwrap();
        let ingest = EventHubsAddress {
            namespace: host.into(),
            hub: hub.into(),
            custom_endpoint: Some(format!("amqp://{host}")),
            credential: EventHubsCredential::Anonymous,
        };
        let checkpoints = BlobAddress {
            endpoint: blob.endpoint.clone(),
            container: blob.container.into(),
            credential: BlobCredential::SharedKey { account: blob.account.clone(), key: Secret::new(blob.key.clone()) },
        };
        let store = CosmosAddress {
            endpoint: cosmos.endpoint.clone(),
            database: cosmos.database.into(),
            container: cosmos.container.into(),
            region: None,
            credential: CosmosCredential::Key(Secret::new(cosmos.key.clone())),
        };
        let options = ProcessorOptions {
            consumer_group: (*consumer_group).into(),
            instance: name.into(),
            ownership_every: Duration::from_secs(1),
            ownership_expiry: Duration::from_secs(4),
            ..ProcessorOptions::new(ingest, checkpoints, store)
        };
        let (tell, unread) = mpsc::channel(1);
        (Processor::new(options, tell).start().unwrap(), unread)
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with azure-eventhub and azure-eventhub-checkpointstoreblob"]
async fn the_lag_of_pythons_processor_is_right_to_the_event() {
    const HOLD_AT: i64 = 37;
    let mut watched = Watched::start(200.0).await;
    watched.fill(HOLD_AT + 20).await;
    let mut python = Python::start(&watched.scenario.endpoints, HOLD_AT);
    let mut holding = 0;
    while holding < PARTITIONS {
        let said = tokio::time::timeout(LIMIT, python.said.recv()).await.expect("in time").expect("it goes on");
        holding += u32::from(said.starts_with("holds "));
    }
    watched
        .until("the last checkpoint of each partition", |session| {
            session.partitions.values().all(|partition| {
                partition.lag().and_then(streamgauge::model::lag::Lag::events)
                    == partition.log_end().map(|end| u64::try_from(end.last.0 - HOLD_AT).unwrap())
            })
        })
        .await;
    for id in 0..PARTITIONS {
        let partition = &watched.session.partitions[&PartitionId(id)];
        assert_eq!(partition.form(), Some(CheckpointForm::Metadata));
        assert!(partition.holder(watched.session.latest().unwrap()).is_some(), "the owner of {id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with azure-eventhub and azure-eventhub-checkpointstoreblob"]
async fn of_two_python_processors_one_dies_and_the_lag_comes_back() {
    let mut watched = Watched::start(40.0).await;
    let first = Python::start(&watched.scenario.endpoints, -1);
    watched.until_owned_by(&[4]).await;
    let second = Python::start(&watched.scenario.endpoints, -1);
    let owners = watched.until_owned_by(&[2, 2]).await;
    assert_eq!(owners.len(), 2);
    let changes = |session: &Session| session.owner_changes_lately(session.latest().unwrap());
    assert_eq!(changes(&watched.session), 2, "two went from the first to the second");

    first.kill();
    let owners = watched.until_owned_by(&[4]).await;
    assert_eq!(changes(&watched.session), 4, "and two from the first, which died: {owners:?}");
    watched.until_nothing_is_behind().await;
    drop(second);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with azure-eventhub and azure-eventhub-checkpointstoreblob"]
async fn pythons_processor_and_ours_share_a_group() {
    let mut watched = Watched::start(40.0).await;
    let python = Python::start(&watched.scenario.endpoints, -1);
    watched.until_owned_by(&[4]).await;
    // Ours takes its half from Python's, whose receivers have an owner level and keep ours out until they are closed.
    let (ours, _unread) = watched.ours("ours");
    let owners = watched.until_owned_by(&[2, 2]).await;
    assert_eq!(owners["ours"], 2);
    watched.until("something processed by ours", |_| ours.processor().figures().written > 20).await;

    // Python's dies; ours takes its half.
    python.kill();
    let owners = watched.until_owned_by(&[4]).await;
    assert_eq!(owners["ours"], 4);

    // Another of Python's comes and takes its half back.
    let python = Python::start(&watched.scenario.endpoints, -1);
    watched.until_owned_by(&[2, 2]).await;
    // Ours ends in good order; Python's takes what it left.
    tokio::time::timeout(LIMIT, ours.stop()).await.unwrap().unwrap();
    let owners = watched.until_owned_by(&[4]).await;
    assert!(!owners.contains_key("ours"));
    watched.until_nothing_is_behind().await;
    drop(python);
}
