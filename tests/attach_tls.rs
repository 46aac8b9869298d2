//! `streamgauge attach` against the embedded scenario over TLS, with a certificate made at start: Event Hubs as `amqps`, Blob
//! storage and Cosmos DB as `https`, with nothing but a scenario file and, in the environment, keys and the authority to
//! trust. It is the code that watches Azure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]
// On macOS and Windows the system's store says who is trusted, which a test leaves alone.
#![cfg(all(unix, not(target_vendor = "apple")))]

mod described;
mod terminal;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use described::Described;
use streamgauge::local::scenario::{CertificateFile, Ports, Scenario, ScenarioOptions};
use streamgauge::local::tls::Identity;
use streamgauge::model::observation::{Station, StationState, Target};
use streamgauge::model::session::Session;
use streamgauge::model::units::{EventRate, PartitionId};
use streamgauge::recording::format::{LatenciesAre, Skipped};
use streamgauge::recording::reader::Recording;
use streamgauge::wall_clock::wall_clock;
use terminal::Program;
use tokio::sync::mpsc;

const LIMIT: Duration = Duration::from_secs(60);

/// Wide enough for a whole sentence.
const SIZE: (u16, u16) = (320, 60);

const HELD: PartitionId = PartitionId(2);

/// The embedded scenario with TLS in this process, and what it sees of itself.
struct Within {
    scenario: Option<Scenario>,
    seen: Arc<Mutex<Session>>,
    runtime: tokio::runtime::Runtime,
}

impl Within {
    fn start(certificate: CertificateFile) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("one");
        let options = ScenarioOptions {
            partitions: 4,
            target: Target::Rate(EventRate::new(24.0)),
            seed: 7,
            duplicate_every: 0,
            request_units: 100_000,
            process: true,
            ports: Ports::default(),
            tls: Some(certificate),
        };
        let seen = Arc::new(Mutex::new(Session::new()));
        let session = Arc::clone(&seen);
        let scenario = runtime.block_on(async {
            let (tell, mut observations) = mpsc::channel(4_096);
            tokio::spawn(async move {
                while let Some(observation) = observations.recv().await {
                    session.lock().expect("a session").apply(&observation);
                }
            });
            Scenario::start(options, tell, wall_clock).await.expect("the scenario comes up")
        });
        Self { scenario: Some(scenario), seen, runtime }
    }

    fn scenario(&self) -> &Scenario {
        self.scenario.as_ref().expect("it runs")
    }

    /// Waits until the scenario sees this of itself.
    fn wait_for(&self, what: &str, reached: impl Fn(&Session) -> bool) {
        let looking = async {
            while !reached(&self.seen.lock().expect("a session")) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = self.runtime.block_on(async { tokio::time::timeout(LIMIT, looking).await });
        assert!(waited.is_ok(), "waited for {what}");
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        if let Some(scenario) = self.scenario.take() {
            // A failed test has its own message; what the end of the scenario says does not matter then.
            drop(self.runtime.block_on(async { tokio::time::timeout(LIMIT, scenario.stop()).await }));
        }
    }
}

fn attach(described: &Described, trusted: &Path, flags: &[&str]) -> Program {
    let mut variables = described.variables();
    variables.push(("SSL_CERT_FILE", trusted.to_str().expect("a path in UTF-8")));
    Program::start_with(&[&["attach", &described.file], flags].concat(), SIZE, &variables)
}

/// What a recording adds up to.
fn recorded(file: &str) -> Session {
    let recording = Recording::open(Path::new(file)).expect("a recording");
    let mut frames = recording.frames_from(0);
    let mut session = Session::new();
    while let Some((_, seen)) = frames.next_frame(LatenciesAre::Read, &mut Skipped::default()).expect("a frame") {
        seen.iter().for_each(|observation| session.apply(observation));
    }
    session
}

fn lag(session: &Session) -> Option<u64> {
    session.partitions.get(&HELD)?.lag()?.events()
}

/// How long the program has been live, as its title says.
fn clock(screen: impl AsRef<str>) -> Option<String> {
    screen.as_ref().split_once("LIVE ").and_then(|(_, rest)| Some(rest.get(..8)?.to_owned()))
}

#[test]
fn ingest_lag_and_store_are_right_over_tls() {
    let mut within = Within::start(CertificateFile::Temporary);
    let endpoints = within.scenario().endpoints.clone();
    let certificate = endpoints.certificate.clone().expect("a certificate");
    assert!(endpoints.blob.endpoint.starts_with("https://") && endpoints.cosmos.endpoint.starts_with("https://"));
    assert!(!endpoints.eventhubs.contains("UseDevelopmentEmulator"), "{}", endpoints.eventhubs);
    let described = Described::of("attach-tls", &endpoints, "");
    let file = format!("{}/attach-tls.jsonl.zst", env!("CARGO_TARGET_TMPDIR"));
    // A test before may have left one.
    drop(std::fs::remove_file(&file));
    let mut program = attach(&described, &certificate, &["--record", &file]);
    program.wait_for("the word", |screen| screen.contains("KEEPING UP"));
    program.wait_for("every station", |screen| {
        ["4 partitions", "checkpoint", "10 ranges", "100k RU/s provisioned"].iter().all(|part| screen.contains(part))
    });
    program.wait_for("rates and latencies", |screen| {
        screen.contains(" events/s")
            && screen.contains(" writes/s")
            && screen.contains("stored p50")
            && !screen.contains("Event Hubs ───────    -")
    });

    // One partition is passed over until its lag is well above that of the others; then nothing more comes, and what is
    // seen from both sides stands still.
    within.scenario().hold(HELD);
    within.wait_for("lag", |seen| lag(seen) > Some(40));
    within.scenario().pause_load();
    within.wait_for("the last event in the log", |seen| {
        let load = &seen.load.as_ref().expect("a load").figures;
        load.target == Target::Paused && load.acknowledged == load.due && seen.held_events() == load.acknowledged
    });
    within.wait_for("the others to end", |seen| lag(seen).is_some() && seen.lag_events() == lag(seen));
    let behind = lag(&within.seen.lock().expect("a session")).expect("it lags");
    program.wait_for("the same lag on screen", |screen| screen.contains(&format!(" {behind} events behind")));
    // The two see the same log, the same checkpoints and the same store, once the program has looked at all of them.
    let same = |outside: &Session, inside: &Session| {
        let partition = |id| Some((outside.partitions.get(&id)?, inside.partitions.get(&id)?));
        let log_and_position = |id| {
            partition(PartitionId(id)).is_some_and(|(seen, is)| {
                seen.log_end().map(|end| end.last) == is.log_end().map(|end| end.last)
                    && seen.position() == is.position()
            })
        };
        let ranges =
            |session: &Session| session.ranges.iter().map(|(id, range)| (id.clone(), range.lsn)).collect::<Vec<_>>();
        (0..4).all(log_and_position) && inside.ranges.len() == 10 && ranges(outside) == ranges(inside)
    };
    let limit = Instant::now() + LIMIT;
    while !same(&recorded(&file), &within.seen.lock().expect("a session")) {
        assert!(Instant::now() < limit, "what is seen from outside differs");
        let before = clock(program.screen());
        program.wait_for("a second more", |screen| clock(screen) != before);
    }
    program.press("q");
    assert!(program.end().success());
    assert!(program.not_as_before().is_empty());
    assert_eq!(recorded(&file).partitions.len(), 4);

    let scenario = within.scenario.take().expect("it runs");
    within
        .runtime
        .block_on(async { tokio::time::timeout(LIMIT, scenario.stop()).await })
        .expect("in time")
        .expect("an end");
    assert!(!certificate.exists(), "a temporary certificate goes with the scenario");
}

#[test]
fn an_authority_that_is_not_trusted_is_told_with_what_to_try() {
    let shown = format!("{}/attach-tls-shown.pem", env!("CARGO_TARGET_TMPDIR"));
    let within = Within::start(CertificateFile::At(shown.clone().into()));
    let described = Described::of("attach-tls-untrusted", &within.scenario().endpoints, "");
    let another = format!("{}/attach-tls-another.pem", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&another, Identity::new(SystemTime::now()).expect("one").authority()).expect("a file");
    let file = format!("{}/attach-tls-untrusted.jsonl.zst", env!("CARGO_TARGET_TMPDIR"));
    // A test before may have left one.
    drop(std::fs::remove_file(&file));
    let mut program = attach(&described, Path::new(&another), &["--record", &file]);
    let sentence = "shows a certificate that this machine doesn't trust; have SSL_CERT_FILE name a file that holds its authority's \
                    certificate (PEM)";
    program.wait_for("every station and the first sentence", |screen| {
        screen.matches("✖ away ").count() == 3
            && screen.contains("BLIND   the ingest log: Event Hubs at 127.0.0.1:")
            && screen.contains(sentence)
    });
    program.press("q");
    assert!(program.end().success());
    let seen = recorded(&file);
    for (station, service) in
        [(Station::Ingest, "Event Hubs"), (Station::Checkpoints, "Blob storage"), (Station::Store, "Cosmos DB")]
    {
        let state = seen.station(station).map(|health| health.state.clone());
        let Some(StationState::Retrying { reason, .. }) = state else { panic!("{service}: {state:?}") };
        assert!(reason.starts_with(&format!("{service} at ")) && reason.ends_with(sentence), "{reason}");
    }
    // The same file, trusted: it comes up.
    let mut program = attach(&described, Path::new(&shown), &["--no-record"]);
    program.wait_for("the word", |screen| screen.contains("KEEPING UP"));
    program.press("q");
    assert!(program.end().success());
}
