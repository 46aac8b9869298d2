//! Each service in trouble, in each way, for short and for long: what the session says meanwhile, and that everything
//! goes on by itself.
//!
//! `cargo test --test faults -- --nocapture` prints the table. Time is the test's own: what the probes wait for goes by at
//! once. Only an answer that does not come is waited for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]
#![allow(clippy::print_stdout, reason = "it prints a table")]

mod positions_container;
mod watched;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use azure_messaging_eventhubs::models::EventData;
use streamgauge::azure::BlobAddress;
use streamgauge::azure::eventhubs::{connect_producer, no_credential};
use streamgauge::local::blob::BlobEndpoint;
use streamgauge::local::cosmos::CosmosEndpoint;
use streamgauge::local::eventhubs::EventHubsEndpoint;
use streamgauge::local::fault::{Fault, FaultSwitch};
use streamgauge::model::health::{Health, Word};
use streamgauge::model::ledger::Ledger;
use streamgauge::model::observation::{Station, StationState};
use streamgauge::model::units::{RequestUnits, Time};
use streamgauge::probe::Watch;
use streamgauge::probe::ingest::eventhubs::LogEndProbe;
use streamgauge::probe::position::eventhubs_blob::CheckpointProbe;
use streamgauge::probe::store::cosmos::{CosmosProbe, From};
use tokio::sync::watch;
use watched::{Seen, clock, hub, hub_address, loopback, store, store_address};

/// How often each probe looks.
const LOOK: Duration = Duration::from_millis(250);

/// How long a look may take, of the machine's own time: an answer that comes later does not come.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Shorter and longer than a partition is trusted without a look (5 s).
const SHORT: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(12);

/// The longest pause between two attempts, and a little.
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// Three services and the probes that watch them. All that was sent is processed and stored: the pipeline keeps up.
struct Bench {
    faults: [FaultSwitch; 3],
    log_ends: Watch<LogEndProbe>,
    positions: Watch<CheckpointProbe>,
    stored: Watch<CosmosProbe>,
    due: [Time; 3],
    /// The pauses that failures of each led to, since they were asked for last.
    waits: [Vec<Duration>; 3],
    seen: Seen,
    _services: (EventHubsEndpoint, BlobEndpoint, CosmosEndpoint),
}

const STATIONS: [Station; 3] = [Station::Ingest, Station::Checkpoints, Station::Store];

impl Bench {
    async fn new() -> Self {
        let faults: [FaultSwitch; 3] = std::array::from_fn(|_| FaultSwitch::default());
        let log = hub(loopback(0), 2, faults[0].clone()).await;
        let address = hub_address("127.0.0.1", log.address().port());
        let producer = connect_producer(&address, no_credential()).await.unwrap();
        for event in ["a", "b", "c", "d"] {
            producer.send_event(EventData::from(event), None).await.unwrap();
        }
        producer.close().await.unwrap();

        let checkpoints = positions_container::endpoint_with(faults[1].clone()).await;
        let blobs: Vec<_> = (0..2)
            .map(|partition| {
                let last = log.log().status(partition).unwrap().last.0.to_string();
                let name = format!("localhost/{}/workers/checkpoint/{partition}", address.hub);
                positions_container::metadata(&name, &[("sequencenumber", &last), ("offset", "0")])
            })
            .collect();
        positions_container::write(&checkpoints, &blobs).await;
        let documents = store(20_000, None, faults[2].clone()).await;

        let (tell, partitions) = watch::channel(Vec::new());
        let container: BlobAddress = positions_container::address(&checkpoints, "checkpoints");
        let positions = CheckpointProbe::new(container, "localhost", &address.hub, "workers", partitions.clone());
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let units = RequestUnits(200.0);
        let stored = CosmosProbe::new(store_address(&documents), From::Now, units, None, ledger, partitions);
        let seen = Seen::new();
        Self {
            faults,
            log_ends: Watch::new(LogEndProbe::new(address, tell)).with_limit(PATIENCE),
            positions: Watch::new(positions).with_limit(PATIENCE),
            stored: Watch::new(stored).with_limit(PATIENCE),
            due: [clock::now(); 3],
            waits: Default::default(),
            seen,
            _services: (log, checkpoints, documents),
        }
    }

    /// Looks as they fall due, until so much time has gone by.
    async fn run(&mut self, span: Duration) {
        let end = clock::now().after(span);
        loop {
            let next = (0..3).min_by_key(|place| self.due[*place]).unwrap();
            if self.due[next] > end {
                clock::set(end);
                return;
            }
            clock::set(clock::now().max(self.due[next]));
            let outlet = &self.seen.outlet;
            let failed = match next {
                0 => self.log_ends.look(outlet).await,
                1 => self.positions.look(outlet).await,
                _ => self.stored.look(outlet).await,
            };
            self.due[next] = clock::now().after(failed.unwrap_or(LOOK));
            self.waits[next].extend(failed);
            self.seen.take_in();
        }
    }

    /// Looks until everything is well again: how long that took.
    async fn recover(&mut self) -> Option<Duration> {
        let began = clock::now();
        while clock::now().since(began) <= BACK_WITHIN * 2 {
            self.run(LOOK).await;
            if STATIONS.iter().all(|station| self.is_well(*station)) && self.health().word == Word::KeepingUp {
                return Some(clock::now().since(began));
            }
        }
        None
    }

    fn health(&self) -> Health {
        Health::of(&self.seen.session, clock::now())
    }

    fn is_well(&self, station: Station) -> bool {
        self.seen.session.station(station).is_some_and(|health| health.state == StationState::Connected)
    }

    /// What is said of a station; nothing while it is well.
    fn sentence(&self, station: Station) -> String {
        match &self.seen.session.station(station).expect("it was seen").state {
            StationState::Retrying { reason, .. } => reason.clone(),
            state => format!("{state:?}"),
        }
    }
}

/// A way to be in trouble, and one word at least that the sentence about each station must hold.
struct Trouble {
    name: &'static str,
    fault: Fault,
    says: [&'static [&'static str]; 3],
}

fn troubles() -> [Trouble; 5] {
    let away: &[&str] = &["refused", "closed", "reset", "connection", "Connection", "no answer", "SASL header"];
    let denied: &[&str] = &["401", "403", "nauthorized", "not authorized", "AuthorizationFailure"];
    [
        Trouble { name: "away", fault: Fault::Cut, says: [away; 3] },
        Trouble { name: "slow", fault: Fault::Delay(Duration::from_secs(20)), says: [&["no answer from"]; 3] },
        Trouble {
            name: "throttling",
            fault: Fault::Throttle,
            says: [&["server-busy", "throttled"], &["503", "busy", "no answer from"], &["429"]],
        },
        Trouble { name: "refusing", fault: Fault::Deny, says: [denied; 3] },
        Trouble {
            name: "nonsense",
            fault: Fault::WrongReply,
            says: [&["500", "wrong"], &["deserialize"], &["failed to parse"]],
        },
    ]
}

/// A row of the table, and what is wrong with it.
struct Row {
    text: String,
    wrong: Vec<String>,
}

async fn row(bench: &mut Bench, places: &[usize], trouble: &Trouble, span: Duration) -> Row {
    let mut wrong = Vec::new();
    let mut expect = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    bench.waits = Default::default();
    places.iter().for_each(|place| bench.faults[*place].set(trouble.fault));
    bench.run(span).await;

    let health = bench.health();
    let mut sentences = Vec::new();
    for &place in places {
        let (station, sentence) = (STATIONS[place], bench.sentence(STATIONS[place]));
        expect(!bench.is_well(station), format!("{station:?} is said to be well"));
        let known = trouble.says[place].iter().any(|word| sentence.contains(word));
        expect(known, format!("{station:?} does not say what is wrong"));
        expect(sentence.contains("127.0.0.1:"), format!("{station:?} does not say where"));
        expect(sentence.lines().count() == 1 && sentence.chars().count() < 420, "it is no sentence".into());
        let waits = &bench.waits[place];
        expect(waits.first() == Some(&Duration::from_millis(500)), format!("the first pause of {waits:?}"));
        expect(waits.iter().all(|wait| *wait <= Duration::from_secs(8)), format!("a pause is too long: {waits:?}"));
        sentences.push(sentence);
    }
    for (place, station) in STATIONS.into_iter().enumerate().filter(|(place, _)| !places.contains(place)) {
        expect(bench.is_well(station), format!("{station:?} suffers with it: {}", bench.sentence(STATIONS[place])));
    }
    // Without log ends or positions nothing can be said of the lag, once they are too old; the store is not needed for it.
    let blind = span == LONG && places.iter().any(|place| *place < 2);
    let word = if blind { Word::Blind } else { Word::KeepingUp };
    expect(health.word == word, format!("the word is {:?}, {word:?} was expected", health.word));
    expect(!blind || sentences.iter().any(|sentence| health.reason.contains(sentence)), "it does not say why".into());

    places.iter().for_each(|place| bench.faults[*place].clear());
    let back = bench.recover().await;
    expect(back.is_some_and(|back| back <= BACK_WITHIN), format!("back after {back:?}"));
    let who: Vec<&str> = places.iter().map(|place| STATIONS[*place].name()).collect();
    let text = format!(
        "{:<16} {:<10} {:>3} s  {:<10} back after {:>4.2} s  {}",
        if places.len() == 1 { who[0] } else { "all of them" },
        trouble.name,
        span.as_secs(),
        health.word.text(),
        back.unwrap_or_default().as_secs_f64(),
        sentences.join(" | "),
    );
    Row { text, wrong }
}

/// Rows of some stations, all troubles, short and long.
async fn table(places: &[usize]) {
    let mut bench = Bench::new().await;
    assert!(bench.recover().await.is_some(), "it begins well: {:?}", bench.health());
    let mut rows = Vec::new();
    for trouble in troubles() {
        for span in [SHORT, LONG] {
            rows.push(row(&mut bench, places, &trouble, span).await);
        }
    }
    let text: Vec<String> = rows
        .iter()
        .map(|row| row.wrong.iter().fold(row.text.clone(), |text, wrong| format!("{text}\n    WRONG: {wrong}")))
        .collect();
    let text = text.join("\n");
    println!("{text}");
    assert!(rows.iter().all(|row| row.wrong.is_empty()), "\n{text}");
}

#[tokio::test]
async fn the_ingest_log_in_trouble() {
    table(&[0]).await;
}

#[tokio::test]
async fn the_checkpoints_in_trouble() {
    table(&[1]).await;
}

#[tokio::test]
async fn the_store_in_trouble() {
    table(&[2]).await;
}

#[tokio::test]
async fn all_of_them_in_trouble_together() {
    table(&[0, 1, 2]).await;
}
