//! Load and processor with the key of a connection string, against an endpoint that looks into each token: what is sent is
//! stored once, over the end of tokens and over a cut; and what is said of a key that does not do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod command;
mod process_endpoints;

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use command::LinesOf;
use process_endpoints::{PLENTY, Pipeline, pipeline_behind, within};
use streamgauge::azure::eventhubs::Claim;
use streamgauge::azure::{BlobCredential, CosmosCredential, EventHubsCredential, Secret};
use streamgauge::load::{LoadHandle, LoadOptions};
use streamgauge::local::eventhubs::SharedKey;
use streamgauge::local::fault::Fault;
use streamgauge::model::ledger::Ledger;
use streamgauge::model::observation::{Fact, LoadFigures, Observation, Station, StationState, Target};
use streamgauge::model::units::EventRate;
use streamgauge::process::{Processor, ProcessorHandle, ProcessorOptions};
use tokio::sync::mpsc;

const KEY: &str = "c2VjcmV0LXNlY3JldC1zZWNyZXQ=";
const OTHER: &str = "b3RoZXItb3RoZXItb3RoZXI=";

/// A scenario whose log has one key, and is reached with it.
async fn guarded(claims: &[Claim], partitions: u32) -> Pipeline {
    reached_with(EventHubsCredential::shared_key("streamgauge", Secret::new(KEY)), claims, partitions).await
}

async fn reached_with(credential: EventHubsCredential, claims: &[Claim], partitions: u32) -> Pipeline {
    let key = SharedKey { name: "streamgauge".into(), key: Secret::new(KEY), claims: claims.to_vec() };
    pipeline_behind(Some(key), credential, partitions, PLENTY).await
}

const ALL: &[Claim] = &[Claim::Listen, Claim::Send];

/// A load, and what it says.
struct Load {
    running: LoadHandle,
    observations: mpsc::Receiver<Observation>,
}

impl Load {
    fn start(pipeline: &Pipeline, rate: f64) -> Self {
        let (to, observations) = mpsc::channel(1_024);
        let target = Target::Rate(EventRate::new(rate));
        let send_limit = Duration::from_secs(20);
        // A send that was cut off may wait for its limit.
        let stop_limit = 2 * send_limit;
        let options = LoadOptions { target, connections: 2, send_limit, stop_limit, ..pipeline.load_options() };
        Self { running: LoadHandle::start(options, Arc::new(Mutex::new(Ledger::default())), to).unwrap(), observations }
    }

    async fn until_acknowledged(&mut self, events: u64) -> LoadFigures {
        within(async {
            loop {
                match self.observations.recv().await.unwrap().fact {
                    Fact::Load(figures) if figures.acknowledged >= events => return figures,
                    Fact::Station(Station::Load, StationState::Retrying { reason, .. }) => panic!("{reason}"),
                    _ => {}
                }
            }
        })
        .await
    }

    /// Waits for a complaint.
    async fn complaint(&mut self) -> String {
        within(async {
            loop {
                let seen = self.observations.recv().await.unwrap().fact;
                if let Fact::Station(Station::Load, StationState::Retrying { reason, .. }) = seen {
                    return reason;
                }
            }
        })
        .await
    }

    /// Stops it; says how many events it were.
    async fn stop(self) -> u64 {
        let sent = within(self.running.stop()).await.unwrap();
        assert_eq!((sent.acknowledged, sent.failed), (sent.due, 0));
        sent.acknowledged
    }
}

/// Waits until so many events are in the store, each once.
async fn until_stored(pipeline: &Pipeline, events: u64) {
    within(async { while pipeline.stored().await.values().map(Vec::len).sum::<usize>() as u64 != events {} }).await;
    pipeline.assert_stored(events).await;
}

/// How many events lie in the log.
fn in_log(pipeline: &Pipeline) -> u64 {
    pipeline.log.log().statuses().iter().map(|status| u64::try_from(status.last.0 + 1).unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_with_a_key_is_received_with_it_and_stored_once() {
    let mut pipeline = guarded(ALL, 4).await;
    let running = pipeline.processor.start().unwrap();
    let sent = pipeline.send(1_000).await;
    assert_eq!(in_log(&pipeline), sent);
    pipeline.until(|figures| figures.written >= sent).await;
    let last = within(running.stop()).await.unwrap();
    assert_eq!((last.received, last.written, last.rejected), (sent, sent, 0));
    pipeline.assert_stored(sent).await;
    pipeline.assert_checkpoints_at_the_log_ends().await;
}

/// The processor began before the load and goes on after it; both connect anew every six seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_is_replaced_before_and_nobody_notices() {
    let credential = EventHubsCredential::SharedKey {
        name: "streamgauge".into(),
        key: Secret::new(KEY),
        signed_for: Duration::from_secs(12),
    };
    let mut pipeline = reached_with(credential, ALL, 4).await;
    let running = pipeline.processor.start().unwrap();
    let mut load = Load::start(&pipeline, 200.0);
    load.until_acknowledged(100).await;
    let mut goal = 100;
    // Two of the load and one of the processor, three times each.
    while pipeline.log.connections() < 3 * 3 {
        goal += 100;
        load.until_acknowledged(goal).await;
    }
    let sent = load.stop().await;
    pipeline.until(|figures| figures.written >= sent).await;
    let last = within(running.stop()).await.unwrap();
    // What was received and had not begun its way to the store when the connection ended is received again.
    assert_eq!((in_log(&pipeline), last.written), (sent, sent), "no event twice");
    pipeline.assert_stored(sent).await;
    pipeline.assert_checkpoints_at_the_log_ends().await;
    while let Ok(seen) = pipeline.observations.try_recv() {
        assert!(!matches!(seen.fact, Fact::Station(_, StationState::Retrying { .. })), "{seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_is_made_anew() {
    let mut pipeline = guarded(ALL, 4).await;
    let running = pipeline.processor.start().unwrap();
    let mut load = Load::start(&pipeline, 100.0);
    load.until_acknowledged(100).await;
    pipeline.until(|figures| figures.written >= 100).await;
    pipeline.log_faults.set(Fault::Cut);
    load.complaint().await;
    pipeline.until_station(|state| matches!(state, StationState::Retrying { .. })).await;
    pipeline.log_faults.clear();
    pipeline.until_station(|state| *state == StationState::Connected).await;
    let sent = load.stop().await;
    pipeline.until(|figures| figures.written >= sent).await;
    until_stored(&pipeline, sent).await;
    within(running.stop()).await.unwrap();
    pipeline.assert_checkpoints_at_the_log_ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_service_costs_time_and_no_event() {
    let mut pipeline = guarded(ALL, 2).await;
    let running = pipeline.processor.start().unwrap();
    let mut load = Load::start(&pipeline, 100.0);
    load.until_acknowledged(100).await;
    pipeline.log_faults.set(Fault::Throttle);
    let complaint = load.complaint().await;
    assert!(complaint.contains("ServerBusy"), "{complaint}");
    pipeline.log_faults.clear();
    let sent = load.stop().await;
    pipeline.until(|figures| figures.written >= sent).await;
    until_stored(&pipeline, sent).await;
    within(running.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_key_is_one_sentence_that_names_the_right() {
    const VARIABLE: &str = "STREAMGAUGE_EVENTHUBS_CONNECTION_STRING";
    let wrong = EventHubsCredential::shared_key("streamgauge", Secret::new(OTHER));
    let right = EventHubsCredential::shared_key("streamgauge", Secret::new(KEY));
    let named = EventHubsCredential::shared_key("listen", Secret::new(KEY));
    let load: [(&EventHubsCredential, &[Claim], [&str; 2]); 3] = [
        (&wrong, ALL, ["refuses the credential", "the right key in"]),
        (&named, ALL, ["refuses the credential", "the right key in"]),
        (
            &right,
            &[Claim::Listen],
            ["sending to partition", "Azure Event Hubs Data Sender, or a key with the claim Send in"],
        ),
    ];
    for (credential, claims, expected) in load {
        let pipeline = reached_with(credential.clone(), claims, 1).await;
        let mut load = Load::start(&pipeline, 100.0);
        assert_sentence(&load.complaint().await, &[&expected[..], &[VARIABLE]].concat());
        drop(load);
        assert_eq!(in_log(&pipeline), 0);
    }
    let process: [(&EventHubsCredential, &[Claim], [&str; 2]); 2] = [
        (&wrong, ALL, ["refuses the credential", "the right key in"]),
        (
            &right,
            &[Claim::Send],
            ["reading partition", "Azure Event Hubs Data Receiver, or a key with the claim Listen in"],
        ),
    ];
    for (credential, claims, expected) in process {
        let mut pipeline = reached_with(credential.clone(), claims, 1).await;
        let running = pipeline.processor.start().unwrap();
        let mut complaint = String::new();
        while complaint.is_empty() {
            let seen = within(pipeline.observations.recv()).await.unwrap().fact;
            if let Fact::Station(Station::Processor, StationState::Retrying { reason, .. }) = seen {
                complaint = reason;
            }
        }
        assert_sentence(&complaint, &[&expected[..], &[VARIABLE]].concat());
        within(running.kill()).await;
    }
}

fn assert_sentence(said: &str, expected: &[&str]) {
    for part in expected {
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    }
    assert!(!said.contains('\n') && !said.contains(KEY) && !said.contains(OTHER), "{said}");
}

fn instance(pipeline: &Pipeline, name: &str) -> (ProcessorHandle, mpsc::Receiver<Observation>) {
    let (to, observations) = mpsc::channel(1_024);
    let options = ProcessorOptions {
        instance: name.into(),
        ownership_every: Duration::from_millis(200),
        ownership_expiry: Duration::from_secs(60),
        ..pipeline.options.clone()
    };
    (Processor::new(options, to).start().unwrap(), observations)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processors_with_a_key_share_the_partitions() {
    let pipeline = guarded(ALL, 4).await;
    let load = Load::start(&pipeline, 200.0);
    let [mut a, mut b] = ["a", "b"].map(|name| instance(&pipeline, name));
    for (running, observations) in [&mut a, &mut b] {
        within(async {
            while running.partitions_held() != 2 || running.processor().figures().written < 50 {
                observations.recv().await.unwrap();
            }
        })
        .await;
    }
    // What it leaves, the other takes over.
    within(b.0.stop()).await.unwrap();
    within(async {
        while a.0.partitions_held() != 4 {
            a.1.recv().await.unwrap();
        }
    })
    .await;
    let sent = load.stop().await;
    until_stored(&pipeline, sent).await;
    within(a.0.stop()).await.unwrap();
    pipeline.assert_checkpoints_at_the_log_ends().await;
}

/// `streamgauge process` by its scenario file and the connection strings of the environment.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_command_processes_with_a_connection_string() {
    const NAMESPACE: &str = "contoso.servicebus.windows.net";
    let pipeline = guarded(ALL, 2).await;
    let sent = pipeline.send(500).await;
    let options = &pipeline.options;
    let scenario = format!(
        "[ingest.event-hubs]\nnamespace = \"{}\"\nhub = \"{}\"\nendpoint = \"{}\"\ncredential = \"environment\"\n\
         [position.checkpoints]\nendpoint = \"{}\"\ncontainer = \"{}\"\n\
         [store.cosmos]\nendpoint = \"{}\"\ndatabase = \"{}\"\ncontainer = \"{}\"\n",
        NAMESPACE,
        options.ingest.hub,
        options.ingest.custom_endpoint.as_ref().unwrap(),
        options.checkpoints.endpoint,
        options.checkpoints.container,
        options.store.endpoint,
        options.store.database,
        options.store.container,
    );
    let file = format!("{}/shared-key.toml", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&file, scenario).unwrap();
    let (BlobCredential::SharedKey { key: blob, .. }, CosmosCredential::Key(cosmos)) =
        (&options.checkpoints.credential, &options.store.credential)
    else {
        panic!("keys")
    };
    let connection_string = format!("Endpoint=sb://{NAMESPACE}/;SharedAccessKeyName=streamgauge;SharedAccessKey={KEY}");
    let variables = BTreeMap::from([
        ("STREAMGAUGE_EVENTHUBS_CONNECTION_STRING", connection_string.as_str()),
        ("STREAMGAUGE_STORAGE_KEY", blob.reveal()),
        ("STREAMGAUGE_COSMOS_KEY", cosmos.reveal()),
    ]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_streamgauge"))
        .args(["process", &file, "--every", "1s"])
        .envs(variables)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = LinesOf::of(child.stdout.take().unwrap());
    let well = lines.with("all services answer");
    until_stored(&pipeline, sent).await;
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let said: Vec<String> = std::iter::once(well).chain(lines.rest()).collect();
    let output = child.wait_with_output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said:?} {complaints}");
    assert!(!said.join("\n").contains(KEY) && !complaints.contains(KEY), "{said:?} {complaints}");
    let checkpoints: Vec<String> = pipeline.checkpoints().await.into_keys().collect();
    let expected = [0, 1].map(|partition| format!("{NAMESPACE}/events/$default/checkpoint/{partition}"));
    assert_eq!(checkpoints, expected);
}
