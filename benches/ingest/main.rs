//! How fast events get into an event hub: the load driver, the official client, and what the protocol's client library
//! could do at most, all into the embedded endpoint in a process of its own.
//!
//! ```text
//! cargo bench --bench ingest                 # SECONDS=3 each
//! STREAMGAUGE_PYTHON=.venv/bin/python NODE_PATH=tests/peers/node_modules cargo bench --bench ingest
//! ```
//!
//! With a key the driver sends over links of its own, which the official client has no login for; the endpoint takes any.
//!
//! The *ceiling* is batches that are encoded before the clock starts, sent by the protocol's client library below the
//! official client: what is left of the time is the library and the loopback. Trust the ratios; the absolutes are this
//! machine's. The client and the endpoint share its cores.

#![allow(clippy::print_stdout, clippy::expect_used, clippy::unwrap_used, reason = "a program that prints a table")]

#[path = "../endpoint/mod.rs"]
mod endpoint;
#[path = "../machine/mod.rs"]
mod machine;
mod pre_encoded;
mod rivals;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use azure_messaging_eventhubs::EventDataBatchOptions;
use futures::future::join_all;
use streamgauge::azure::eventhubs::{connect_producer, no_credential, on_own_thread};
use streamgauge::azure::{EventHubsAddress, EventHubsCredential, Secret};
use streamgauge::load::sink::Sink;
use streamgauge::load::{LoadHandle, LoadOptions};
use streamgauge::model::ledger::Ledger;
use streamgauge::model::observation::Target;
use tokio::sync::mpsc;

use self::endpoint::Endpoint;
use self::machine::cpu_of;

/// Partitions of the hub.
const PARTITIONS: u32 = 4;
/// The size of an event's body where it is not upstream's payload.
const BODY: usize = 1_000;
/// Patience with a thread that should end by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// What one way of sending achieved.
struct Outcome {
    events: u64,
    bytes: u64,
    took: Duration,
}

fn main() {
    if endpoint::serve_if_asked() {
        return;
    }
    let seconds = std::env::var("SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3.0);
    let time = Duration::from_secs_f64(seconds);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(all(time));
}

async fn all(time: Duration) {
    println!(
        "{:<44} {:>10} {:>7} {:>8} {:>14} {:>14}",
        "", "events/s", "MB/s", "ceiling", "client us/ev", "endpoint us/ev"
    );
    let mut table = Table { ceiling: None, driver: None };
    for connections in [1, 2] {
        let name = format!("pre-encoded batches, {connections} connection(s)");
        table.row(&name, async |endpoint: &Endpoint| pre_encoded::run(endpoint, connections, time).await).await;
    }
    for connections in [1, 2, 4] {
        let name = format!("official client, {connections} connection(s)");
        table.row(&name, async |endpoint: &Endpoint| official_client(endpoint, connections, time).await).await;
    }
    for connections in [1, 2, 4] {
        let name = format!("load driver, {connections} connection(s)");
        table
            .row(&name, async |endpoint: &Endpoint| load_driver(endpoint.address.clone(), connections, time).await)
            .await;
    }
    for connections in [1, 2, 4] {
        let name = format!("load driver with a key, {connections} connection(s)");
        let row = async |endpoint: &Endpoint| {
            let credential = EventHubsCredential::shared_key("streamgauge", Secret::new("a2V5"));
            load_driver(EventHubsAddress { credential, ..endpoint.address.clone() }, connections, time).await
        };
        table.row(&name, row).await;
    }
    for rival in rivals::found() {
        table.rival(rival, time);
    }
}

/// Prints rows, and ratios to the first of them.
struct Table {
    /// Events a second of the first row.
    ceiling: Option<f64>,
    /// The best of the load driver's.
    driver: Option<f64>,
}

impl Table {
    async fn row(&mut self, name: &str, run: impl AsyncFnOnce(&Endpoint) -> Outcome) {
        let endpoint = Endpoint::start(PARTITIONS);
        let (client, served) = (cpu_of("self"), endpoint.cpu());
        let outcome = run(&endpoint).await;
        let (client, served) = (cpu_of("self") - client, endpoint.cpu() - served);
        let rate = outcome.events as f64 / outcome.took.as_secs_f64();
        let megabytes = outcome.bytes as f64 / outcome.took.as_secs_f64() / 1e6;
        let ceiling = *self.ceiling.get_or_insert(rate);
        if name.starts_with("load driver") {
            self.driver = Some(self.driver.unwrap_or(0.0).max(rate));
        }
        let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / outcome.events.max(1) as f64;
        println!(
            "{name:<44} {rate:>10.0} {megabytes:>7.0} {:>8.2} {:>14.2} {:>14.2}",
            rate / ceiling,
            each(client),
            each(served)
        );
    }

    fn rival(&self, rival: rivals::Rival, time: Duration) {
        let endpoint = Endpoint::start(PARTITIONS);
        match rival.run(&endpoint, time) {
            Ok(rate) => println!(
                "{:<44} {rate:>10.0} {:>7.0} {:>8.2}   the driver's best is {:.1} times that",
                rival.name,
                rate * BODY as f64 / 1e6,
                rate / self.ceiling.unwrap_or(rate),
                self.driver.unwrap_or(0.0) / rate,
            ),
            Err(reason) => println!("{:<44} left out: {reason}", rival.name),
        }
    }
}

/// Full batches of the official client, one in flight on each connection.
async fn official_client(endpoint: &Endpoint, connections: u32, time: Duration) -> Outcome {
    let threads: Vec<_> = (0..connections)
        .map(|index| {
            let address = endpoint.address.clone();
            on_own_thread(&format!("client-{index}"), move |_| async move {
                let client = connect_producer(&address, no_credential()).await.expect("a connection");
                let partition = (index % PARTITIONS).to_string();
                let body = vec![b'x'; BODY];
                let (mut events, began) = (0, Instant::now());
                while began.elapsed() < time {
                    let options = EventDataBatchOptions { partition_id: Some(partition.clone()), ..Default::default() };
                    let batch = client.create_batch(Some(options)).await.expect("a batch");
                    while batch.try_add_event_data(body.clone(), None).expect("an event") {}
                    events += batch.len() as u64;
                    tokio::time::timeout(PATIENCE, client.send_batch(batch, None))
                        .await
                        .expect("in time")
                        .expect("sent");
                }
                (events, began.elapsed())
            })
            .expect("a thread")
        })
        .collect();
    let done = join_all(threads.into_iter().map(|thread| thread.finished(time + PATIENCE))).await;
    total(done.into_iter().map(|one| one.expect("an end")))
}

/// Adds up what several connections sent.
fn total(each: impl Iterator<Item = (u64, Duration)>) -> Outcome {
    let (events, took) =
        each.fold((0, Duration::ZERO), |(sum, longest), (events, took)| (sum + events, longest.max(took)));
    Outcome { events, bytes: events * BODY as u64, took }
}

/// The load driver without a limit, with upstream's payload and its duplicates.
async fn load_driver(address: EventHubsAddress, connections: usize, time: Duration) -> Outcome {
    let options = LoadOptions { target: Target::Unlimited, connections, ..LoadOptions::new(Sink::EventHubs(address)) };
    let (to, _unread) = mpsc::channel(1);
    let load = LoadHandle::start(options, Arc::new(Mutex::new(Ledger::default())), to).expect("a load");
    let connected = Instant::now();
    while load.figures().acknowledged == 0 && connected.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (before, began) = (load.figures(), Instant::now());
    tokio::time::sleep(time).await;
    let (after, took) = (load.figures(), began.elapsed());
    load.stop().await.expect("an end");
    Outcome {
        events: after.acknowledged - before.acknowledged,
        bytes: after.acknowledged_bytes - before.acknowledged_bytes,
        took,
    }
}
