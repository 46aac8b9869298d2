//! Each service in trouble, in each way, for seconds and for minutes, alone and together: what the session and the screen
//! say meanwhile, and that everything goes on by itself.
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
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use streamgauge::azure::BlobAddress;
use streamgauge::azure::eventhubs::{connect_producer, no_credential};
use streamgauge::figures;
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
use streamgauge::probe::store::cosmos::{CosmosProbe, FeedStart};
use streamgauge::ui::state::ViewState;
use streamgauge::ui::theme::Theme;
use streamgauge::ui::view;
use tokio::sync::watch;
use watched::{Seen, clock, hub, hub_address, loopback, store, store_address};

/// How often each probe looks.
const LOOK: Duration = Duration::from_millis(250);

/// How long a look may take, of the machine's own time: an answer that comes later does not come.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// As [`PATIENCE`], where no answer comes for 20 s in any case.
const IMPATIENCE: Duration = Duration::from_millis(100);

/// Shorter and longer than a partition is trusted without a look (5 s), and long enough for the longest pause many times.
const SHORT: Duration = Duration::from_secs(3);
const LONG: Duration = Duration::from_secs(12);
const MINUTES: Duration = Duration::from_secs(120);

/// Looks in such a long time are further apart.
const SELDOM: Duration = Duration::from_secs(2);

/// The longest pause between two attempts, and a little.
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// Three services and the probes that watch them. All that was sent is processed and stored: the pipeline keeps up.
struct Bench {
    faults: [FaultSwitch; 3],
    log_ends: Watch<LogEndProbe>,
    positions: Watch<CheckpointProbe>,
    stored: Watch<CosmosProbe>,
    due: [Time; 3],
    every: Duration,
    /// The pauses that failures of each led to, since they were asked for last.
    waits: [Vec<Duration>; 3],
    seen: Seen,
    _services: (EventHubsEndpoint, BlobEndpoint, CosmosEndpoint),
}

const STATIONS: [Station; 3] = [Station::Ingest, Station::Checkpoints, Station::Store];

impl Bench {
    /// With answers that come at once: a look that takes longer than [`PATIENCE`] is given up.
    async fn new() -> Self {
        let mut bench = Self::with_usual_limits().await;
        (0..3).for_each(|place| bench.set_limit(place, PATIENCE));
        bench
    }

    async fn with_usual_limits() -> Self {
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
        let stored = CosmosProbe::new(store_address(&documents), FeedStart::Now, units, None, ledger, partitions);
        let seen = Seen::new();
        Self {
            faults,
            log_ends: Watch::new(LogEndProbe::new(address, tell)),
            positions: Watch::new(positions),
            stored: Watch::new(stored),
            due: [clock::now(); 3],
            every: LOOK,
            waits: Default::default(),
            seen,
            _services: (log, checkpoints, documents),
        }
    }

    fn set_limit(&mut self, place: usize, limit: Duration) {
        match place {
            0 => self.log_ends.set_limit(limit),
            1 => self.positions.set_limit(limit),
            _ => self.stored.set_limit(limit),
        }
    }

    fn set(&mut self, place: usize, trouble: &Trouble) {
        self.faults[place].set(trouble.fault);
        if matches!(trouble.fault, Fault::Delay(_)) {
            self.set_limit(place, IMPATIENCE);
        }
    }

    fn clear(&mut self, place: usize) {
        self.faults[place].clear();
        self.set_limit(place, PATIENCE);
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
            self.due[next] = clock::now().after(failed.unwrap_or(self.every));
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

    /// The screen now, row by row.
    fn screen(&self, (width, height): (u16, u16)) -> Vec<String> {
        let (area, state) = (Rect::new(0, 0, width, height), ViewState::new("contoso", clock::now()));
        let mut buffer = Buffer::empty(area);
        view::draw(area, &mut buffer, &self.seen.session, &state, &Theme::dark());
        let rows = buffer.content().chunks(usize::from(width));
        rows.map(|row| row.iter().map(Cell::symbol).collect()).collect()
    }

    /// What stands below the name of a station on the flow line, up to the next one's.
    fn stop(&self, place: usize, size: (u16, u16)) -> String {
        let names = ["Event Hubs", "processor", "Cosmos DB"];
        let screen = self.screen(size);
        let flow = screen.iter().position(|row| names.iter().all(|name| row.contains(name))).expect("a flow line");
        let at = |name: &str| screen[flow].split(name).next().expect("a part").chars().count();
        let end = names.get(place + 1).map_or(usize::from(size.0), |next| at(next));
        screen[flow + 1].chars().take(end).skip(at(names[place])).collect::<String>().trim_end().to_owned()
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

/// What is on in a row: which services are in which trouble.
type On<'a> = [(usize, &'a Trouble)];

async fn row(bench: &mut Bench, on: &On<'_>, span: Duration) -> Row {
    let mut wrong = Vec::new();
    let mut expect = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    bench.waits = Default::default();
    bench.every = if span == MINUTES { SELDOM } else { LOOK };
    let began = clock::now();
    on.iter().for_each(|(place, trouble)| bench.set(*place, trouble));
    bench.run(span).await;

    let health = bench.health();
    let mut sentences = Vec::new();
    for &(place, trouble) in on {
        let (station, sentence) = (STATIONS[place], bench.sentence(STATIONS[place]));
        expect(!bench.is_well(station), format!("{station:?} is said to be well"));
        let known = trouble.says[place].iter().any(|word| sentence.contains(word));
        expect(known, format!("{station:?} does not say what is wrong"));
        expect(sentence.contains("127.0.0.1:"), format!("{station:?} does not say where"));
        expect(sentence.lines().count() == 1 && sentence.chars().count() < 420, "it is no sentence".into());
        let waits = &bench.waits[place];
        // A store that says when it has request units again is asked again then, see `Watch::look`.
        let says_when = trouble.fault == Fault::Throttle && station == Station::Store;
        let first = Duration::from_millis(if says_when { 250 } else { 500 });
        expect(waits.first() == Some(&first), format!("the first pause of {waits:?}"));
        expect(waits.iter().all(|wait| *wait <= Duration::from_secs(8)), format!("a pause is too long: {waits:?}"));
        // It began with the first look that failed, and went on ever since.
        let since = bench.seen.session.station(station).expect("it was seen").since;
        let late = since.since(began);
        // And its station is in trouble only once it did nothing else for 2 s.
        let noticed_in = if says_when { Duration::from_millis(2_500) } else { bench.every };
        expect(since >= began && late <= noticed_in, format!("{station:?} is away since {late:?} after it began"));
        let away = match clock::now().since(since).as_secs() {
            seconds @ ..60 => format!("{seconds} s"),
            seconds => figures::span(Duration::from_secs(seconds)),
        };
        for size in [(80, 24), (120, 36)] {
            let stop = bench.stop(place, size);
            expect(
                stop.starts_with(&format!("✖ away {away}")),
                format!("{station:?} on a screen of {size:?} is {stop:?}, away {away}"),
            );
        }
        sentences.push(sentence);
    }
    let are_on: Vec<usize> = on.iter().map(|(place, _)| *place).collect();
    for (place, station) in STATIONS.into_iter().enumerate().filter(|(place, _)| !are_on.contains(place)) {
        expect(bench.is_well(station), format!("{station:?} suffers with it: {}", bench.sentence(STATIONS[place])));
        expect(!bench.stop(place, (120, 36)).contains('✖'), format!("{station:?} is said to be away"));
    }
    // Without log ends or positions nothing can be said of the lag, once they are too old; the store is not needed for it.
    let blind = span >= LONG && are_on.iter().any(|place| *place < 2);
    let word = if blind { Word::Blind } else { Word::KeepingUp };
    expect(health.word == word, format!("the word is {:?}, {word:?} was expected", health.word));
    expect(!blind || sentences.iter().any(|sentence| health.reason.contains(sentence)), "it does not say why".into());
    for size in [(80, 24), (120, 36)] {
        let is_said = bench.screen(size).iter().take(4).any(|row| row.contains(word.text()));
        expect(is_said, format!("a screen of {size:?} does not say {}", word.text()));
    }

    bench.every = LOOK;
    are_on.iter().for_each(|place| bench.clear(*place));
    let back = bench.recover().await;
    expect(back.is_some_and(|back| back <= BACK_WITHIN), format!("back after {back:?}"));
    for place in are_on {
        let stop = bench.stop(place, (120, 36));
        expect(!stop.contains('✖'), format!("{:?} is back, and on screen it is {stop:?}", STATIONS[place]));
    }
    let names: Vec<&str> = on.iter().map(|(_, trouble)| trouble.name).collect();
    let what = if names.windows(2).all(|two| two[0] == two[1]) { names[0].to_owned() } else { names.join(", ") };
    let text = format!(
        "{:<16} {:<10} {:>3} s  {:<10} back after {:>4.2} s  {}",
        if on.len() == 1 { STATIONS[on[0].0].name() } else { "all of them" },
        what,
        span.as_secs(),
        health.word.text(),
        back.unwrap_or_default().as_secs_f64(),
        sentences.join(" | "),
    );
    Row { text, wrong }
}

/// Rows, one after the other.
async fn table(rows: &[(&On<'_>, Duration)]) {
    let mut bench = Bench::new().await;
    assert!(bench.recover().await.is_some(), "it begins well: {:?}", bench.health());
    let mut told = Vec::new();
    for (on, span) in rows {
        told.push(row(&mut bench, on, *span).await);
    }
    let text: Vec<String> = told
        .iter()
        .map(|row| row.wrong.iter().fold(row.text.clone(), |text, wrong| format!("{text}\n    WRONG: {wrong}")))
        .collect();
    let text = text.join("\n");
    println!("{text}");
    assert!(told.iter().all(|row| row.wrong.is_empty()), "\n{text}");
}

/// Some stations in the same trouble, in all troubles, for all spans.
async fn same(places: &[usize]) {
    let troubles = troubles();
    let on: Vec<Vec<_>> =
        troubles.iter().map(|trouble| places.iter().map(|place| (*place, trouble)).collect()).collect();
    let spans = |on| [SHORT, LONG, MINUTES].map(|span| (on, span));
    let rows: Vec<_> = on.iter().flat_map(|on| spans(on.as_slice())).collect();
    table(&rows).await;
}

#[tokio::test]
async fn the_ingest_log_in_trouble() {
    same(&[0]).await;
}

#[tokio::test]
async fn the_checkpoints_in_trouble() {
    same(&[1]).await;
}

#[tokio::test]
async fn the_store_in_trouble() {
    same(&[2]).await;
}

#[tokio::test]
async fn all_of_them_in_trouble_together() {
    same(&[0, 1, 2]).await;
}

/// A bad day: each of them in a trouble of its own.
#[tokio::test]
async fn all_of_them_in_different_troubles() {
    let troubles = troubles();
    let named = |name: &str| troubles.iter().find(|trouble| trouble.name == name).expect("there is one");
    let mixtures = [
        ["away", "throttling", "slow"],
        ["throttling", "refusing", "nonsense"],
        ["nonsense", "slow", "away"],
        ["refusing", "away", "throttling"],
        ["slow", "nonsense", "refusing"],
    ];
    let on = mixtures.map(|names| names.map(named));
    let on: Vec<Vec<_>> = on.into_iter().map(|troubles| troubles.into_iter().enumerate().collect()).collect();
    let rows: Vec<_> = on.iter().flat_map(|on| [LONG, MINUTES].map(|span| (on.as_slice(), span))).collect();
    table(&rows).await;
}

/// Far away, or busy, but well: each answer takes 300 ms, and that is no trouble.
#[tokio::test]
async fn answers_that_take_their_time_are_no_trouble() {
    let mut bench = Bench::with_usual_limits().await;
    bench.faults.iter().for_each(|fault| fault.set(Fault::Delay(Duration::from_millis(300))));
    bench.every = SELDOM;
    bench.run(Duration::from_secs(2)).await;
    let connected = clock::now();
    bench.run(Duration::from_secs(6)).await;
    for (place, station) in STATIONS.into_iter().enumerate() {
        assert!(bench.waits[place].is_empty(), "{station:?} was away: {}", bench.sentence(station));
        let health = bench.seen.session.station(station).expect("it was seen");
        assert!(health.state == StationState::Connected && health.since <= connected, "{station:?}: {health:?}");
        let stop = bench.stop(place, (120, 36));
        assert!(!stop.contains('✖') && !stop.contains('?'), "{station:?}: {stop}");
    }
    let (session, health) = (&bench.seen.session, bench.health());
    assert_eq!((health.word, health.reason.as_str()), (Word::KeepingUp, ""));
    let enqueued: i64 = session.partitions.values().map(|partition| partition.log_end().unwrap().last.0 + 1).sum();
    assert_eq!((session.partitions.len(), enqueued, session.lag_events()), (2, 4, Some(0)));
    assert_eq!(session.provisioned, Some(RequestUnits(20_000.0)));
    assert!(!session.ranges.is_empty());
}
