//! What watching costs: CPU and memory of the monitor, calls and request units of what is watched, against their budgets.
//!
//! `cargo bench --bench watch [SECONDS]` watches 32 and 2,048 partitions, once and four times a second, each with the
//! budget that serves a deployed hub (40 calls/s) and with one that reads all at each look. Then a store that is written to,
//! at the smallest budget: 4 RU/s, which is 1 % of the fewest that can be provisioned. `cargo bench --bench watch writes
//! [SECONDS]` does the latter alone. The services run in a process of their own. Linux only: CPU and memory are read from
//! `/proc`.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    reason = "a program that prints its figures"
)]

#[path = "machine/mod.rs"]
mod machine;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use azure_messaging_eventhubs::models::EventData;
use machine::{cpu_of, memory_of};
use streamgauge::azure::cosmos::container;
use streamgauge::azure::eventhubs::{connect_producer, no_credential};
use streamgauge::azure::own_thread::on_own_thread;
use streamgauge::azure::{CosmosAddress, CosmosCredential, EventHubsAddress, EventHubsCredential, Secret};
use streamgauge::local::cosmos::{CosmosEndpoint, CosmosOptions};
use streamgauge::local::eventhubs::{EventHubsEndpoint, EventHubsOptions};
use streamgauge::local::fault::FaultSwitch;
use streamgauge::model::ledger::Audit;
use streamgauge::model::observation::{Observation, ProbeFigures, Station};
use streamgauge::model::session::Session;
use streamgauge::model::units::{EventRate, RequestUnits};
use streamgauge::probe::ingest::eventhubs::{CALLS_PER_SECOND, LogEndProbe};
use streamgauge::probe::store::cosmos::{CosmosProbe, FeedStart};
use streamgauge::probe::{Outlet, watch};
use streamgauge::wall_clock::wall_clock;
use tokio::sync::{mpsc, watch as latest};

/// The first argument of the process that serves; the second is the number of partitions.
const SERVE: &str = "--serve";

/// Provisioned RU/s: four physical partitions.
const REQUEST_UNITS: u32 = 40_000;

/// The share of them that the monitor may spend.
const SHARE: f64 = 0.01;

/// Serves both, if that is what this process was started for, until its standard input closes.
fn serve_if_asked(arguments: &[String]) -> bool {
    let Some(partitions) = arguments.get(2).filter(|_| arguments[1] == SERVE) else { return false };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let partitions = partitions.parse().expect("a number");
        let log = EventHubsOptions { partitions, ..EventHubsOptions::default() };
        let log = EventHubsEndpoint::start(log).await.expect("a hub");
        let store = CosmosOptions {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            database: "streaming".into(),
            container: "rawdata".into(),
            partition_key_path: "/deviceId".into(),
            request_units: REQUEST_UNITS,
            time_to_live: None,
            faults: FaultSwitch::default(),
        };
        let store = CosmosEndpoint::start(store).await.expect("a store");
        println!("{} {} {}", log.address(), store.endpoint(), store.key());
        std::io::stdout().flush().expect("a parent that listens");
        let closed = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        closed.await.expect("a thread").expect("standard input");
    });
    true
}

/// The services in their own process.
struct Services {
    child: Child,
    hub: EventHubsAddress,
    store: CosmosAddress,
}

impl Services {
    fn start(partitions: u32) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args([SERVE, &partitions.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a second process");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("where it serves");
        let mut words = line.split_whitespace();
        let mut word = || words.next().expect("three words").to_owned();
        let hub = EventHubsAddress {
            namespace: "localhost".into(),
            hub: EventHubsOptions::default().hub,
            custom_endpoint: Some(format!("amqp://{}", word())),
            credential: EventHubsCredential::Anonymous,
        };
        let store = CosmosAddress {
            endpoint: word(),
            database: "streaming".into(),
            container: "rawdata".into(),
            region: None,
            credential: CosmosCredential::Key(Secret::new(word())),
        };
        Self { child, hub, store }
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

/// Takes in what is seen for a while.
async fn run(session: &mut Session, seen: &mut mpsc::Receiver<Observation>, span: Duration) {
    let take_in = async {
        while let Some(observation) = seen.recv().await {
            session.apply(&observation);
        }
    };
    assert!(tokio::time::timeout(span, take_in).await.is_err(), "the probes ended by themselves");
}

async fn measure(partitions: u32, looks: u32, calls_per_second: f64, span: Duration) {
    let services = Services::start(partitions);
    // Something in the log: an empty partition is answered the same, but this is closer to what is usual.
    let hub = services.hub.clone();
    let sent = on_own_thread("sender", |_| async move {
        let producer = connect_producer(&hub, no_credential()).await.expect("a producer");
        for number in 0..64 {
            producer.send_event(EventData::from(format!("{number}")), None).await.expect("sent");
        }
    });
    sent.expect("a thread").finished(Duration::from_secs(60)).await.expect("it ends");

    let (tell, mut seen) = mpsc::channel(65_536);
    let outlet = Outlet::new(tell, Arc::new(Mutex::new(Audit::default())), wall_clock);
    let (tell_partitions, known) = latest::channel(Vec::new());
    let every = Duration::from_secs(1) / looks;
    let (hub, store) = (services.hub.clone(), services.store.clone());
    let (for_log, for_store) = (outlet.clone(), outlet);
    let log = on_own_thread("probe-log-ends", move |shutdown| {
        watch(LogEndProbe::new(hub, tell_partitions).within(calls_per_second), every, for_log, shutdown)
    });
    let stored = on_own_thread("probe-store", move |shutdown| {
        let budget = RequestUnits(f64::from(REQUEST_UNITS) * SHARE);
        let probe = CosmosProbe::new(store, FeedStart::Now, budget, None, Arc::default(), known).sharing(SHARE);
        watch(probe, every, for_store, shutdown)
    });
    let threads = [log.expect("a thread"), stored.expect("a thread")];

    let mut session = Session::new();
    run(&mut session, &mut seen, Duration::from_secs(5)).await;
    let cost = |session: &Session, station| session.probes.get(&station).expect("it was told").figures;
    let before: [ProbeFigures; 2] = [Station::Ingest, Station::Store].map(|station| cost(&session, station));
    let (used, begun) = (cpu_of("self"), Instant::now());
    run(&mut session, &mut seen, span).await;
    let (used, seconds) = ((cpu_of("self") - used).as_secs_f64(), begun.elapsed().as_secs_f64());
    let after: [ProbeFigures; 2] = [Station::Ingest, Station::Store].map(|station| cost(&session, station));
    println!(
        "{partitions:>10} {looks:>4} Hz {:>7.1} % {:>7.0} {:>9.1} {:>9.0} {:>8.1} s {:>8.1} {:>8.0} {:>6}",
        100.0 * used / seconds,
        memory_of("self").unwrap_or(0.0),
        (after[0].calls - before[0].calls) as f64 / seconds,
        after[0].calls_limit.unwrap_or(f64::NAN),
        after[0].round.as_secs_f64(),
        (after[1].charge.0 - before[1].charge.0) / seconds,
        after[1].charge_limit.map_or(f64::NAN, |limit| limit.0),
        after[0].throttled + after[1].throttled,
    );
    drop(seen);
    for thread in threads {
        thread.shut_down(Duration::from_secs(10)).await.expect("it ends");
    }
}

/// Writes a second, of a kilobyte each, and what is provisioned where the monitor may spend 4 RU/s.
const WRITES: u32 = 100;
const FEWEST_UNITS: f64 = 400.0;

/// Writes to a store, at an even pace.
async fn write_on(store: CosmosAddress) {
    let documents = container(&store).await.expect("a container");
    let text = "x".repeat(900);
    let mut due = tokio::time::interval(Duration::from_secs(1) / 10);
    let mut number = 0;
    loop {
        due.tick().await;
        for _ in 0..WRITES / 10 {
            number += 1;
            let (id, device) = (format!("{number}"), format!("device-{}", number % 100));
            let item = serde_json::json!({ "id": id, "deviceId": device, "text": text });
            documents.upsert_item(device, &id, &item, None).await.expect("stored");
        }
    }
}

/// A store that is written to, at 4 RU/s: what is spent of what may be, at most in ten seconds too, and what is shown for it.
async fn measure_writes(looks: u32, span: Duration) {
    let services = Services::start(1);
    let (tell, mut seen) = mpsc::channel(65_536);
    let outlet = Outlet::new(tell, Arc::new(Mutex::new(Audit::default())), wall_clock);
    let (_partitions, known) = latest::channel(Vec::new());
    let (store, every) = (services.store.clone(), Duration::from_secs(1) / looks);
    let stored = on_own_thread("probe-store", move |shutdown| {
        let units = RequestUnits(FEWEST_UNITS);
        let budget = RequestUnits(units.0 * SHARE);
        let probe = CosmosProbe::new(store, FeedStart::Now, budget, Some(units), Arc::default(), known).sharing(SHARE);
        watch(probe, every, outlet, shutdown)
    });
    let stored = stored.expect("a thread");
    let writer = tokio::spawn(write_on(services.store.clone()));

    let mut session = Session::new();
    run(&mut session, &mut seen, Duration::from_secs(5)).await;
    let cost = |session: &Session| session.probes.get(&Station::Store).expect("it was told").figures;
    let (begun, mut spent) = (Instant::now(), vec![cost(&session).charge.0]);
    while begun.elapsed() < span {
        run(&mut session, &mut seen, Duration::from_secs(1)).await;
        spent.push(cost(&session).charge.0);
    }
    let (first, last) = (spent.first().copied().unwrap_or(0.0), spent.last().copied().unwrap_or(0.0));
    let windows = spent.iter().zip(spent.iter().skip(10)).map(|(before, after)| (after - before) / 10.0);
    let figures = cost(&session);
    println!(
        "{WRITES:>10} {looks:>4} Hz {:>9.2} {:>9.2} {:>9.1} {:>10.1} s {:>11.0} {:>8.0} %",
        (last - first) / begun.elapsed().as_secs_f64(),
        windows.fold(f64::NAN, f64::max),
        figures.charge_limit.map_or(f64::NAN, |limit| limit.0),
        figures.round.as_secs_f64(),
        session.stored_rate(wall_clock()).map_or(f64::NAN, EventRate::per_second),
        100.0 * session.feed_share(wall_clock()).unwrap_or(f64::NAN),
    );
    writer.abort();
    drop(seen);
    stored.shut_down(Duration::from_secs(10)).await.expect("it ends");
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if serve_if_asked(&arguments) {
        return;
    }
    let seconds = arguments.iter().skip(1).find_map(|text| text.parse().ok()).unwrap_or(15);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let writes_alone = arguments.iter().any(|text| text == "writes");
    if !writes_alone {
        measure_all(&runtime, seconds);
    }
    println!(
        "{:>10} {:>7} {:>9} {:>9} {:>9} {:>12} {:>11} {:>10}",
        "writes/s", "looks", "RU/s", "in 10 s", "allowed", "round", "writes/s", "sampled"
    );
    runtime.block_on(async {
        for looks in [1, 4] {
            measure_writes(looks, Duration::from_secs(seconds)).await;
        }
    });
}

fn measure_all(runtime: &tokio::runtime::Runtime, seconds: u64) {
    println!(
        "{:>10} {:>7} {:>9} {:>7} {:>9} {:>9} {:>10} {:>8} {:>8} {:>6}",
        "partitions", "looks", "CPU", "MB", "calls/s", "allowed", "round", "RU/s", "allowed", "429s"
    );
    runtime.block_on(async {
        for partitions in [32_u32, 2_048] {
            for looks in [1, 4] {
                let all = f64::from(partitions * looks) * 1.25;
                for calls in [CALLS_PER_SECOND, all] {
                    measure(partitions, looks, calls, Duration::from_secs(seconds)).await;
                }
            }
        }
    });
}
