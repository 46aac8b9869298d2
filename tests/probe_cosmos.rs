//! The probe of Cosmos DB against the embedded endpoint: its budget, what it says of the store, and stores that change.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod watched;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use azure_data_cosmos::clients::ContainerClient;
use serde_json::json;
use streamgauge::azure::cosmos::container;
use streamgauge::load::payload::device_name;
use streamgauge::local::cosmos::CosmosEndpoint;
use streamgauge::local::fault::{Fault, FaultSwitch};
use streamgauge::model::ledger::{EventKey, Ledger};
use streamgauge::model::observation::{
    Fact, LogEnd, Observation, OrderFigures, PartitionPosition, Position, Provisioned, Station, StationState,
    TallyFigures,
};
use streamgauge::model::units::{DeviceIndex, EventRate, PartitionId, RequestUnits, SequenceNumber, Time};
use streamgauge::probe::Watch;
use streamgauge::probe::store::cosmos::{CosmosProbe, FeedStart};
use tokio::sync::watch;
use watched::{Seen, clock, store, store_address};

const LOOK: Duration = Duration::from_millis(250);
const PLENTY: RequestUnits = RequestUnits(1_000_000.0);

/// A store that is watched, and the events of ours that go into it.
struct Watched {
    endpoint: CosmosEndpoint,
    documents: ContainerClient,
    ledger: Arc<Mutex<Ledger>>,
    watch: Watch<CosmosProbe>,
    seen: Seen,
    next: u64,
}

impl Watched {
    async fn new(endpoint: CosmosEndpoint, probe: impl FnOnce(CosmosProbe) -> CosmosProbe, from: FeedStart) -> Self {
        Self::with(endpoint, from, PLENTY, None, probe).await
    }

    async fn with(
        endpoint: CosmosEndpoint,
        from: FeedStart,
        budget: RequestUnits,
        provisioned: Option<RequestUnits>,
        probe: impl FnOnce(CosmosProbe) -> CosmosProbe,
    ) -> Self {
        let address = store_address(&endpoint);
        let documents = container(&address).await.unwrap();
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let partitions = watch::channel(vec![PartitionId(0)]).1;
        let made = CosmosProbe::new(address, from, budget, provisioned, Arc::clone(&ledger), partitions);
        Self { endpoint, documents, ledger, watch: Watch::new(probe(made)), seen: Seen::new(), next: 0 }
    }

    /// Events that are sent and acknowledged: over a hundred devices, so that each partition gets its share.
    fn send(&mut self, events: u64) -> std::ops::Range<u64> {
        let sent = self.next..self.next + events;
        let mut ledger = self.ledger.lock().unwrap();
        for key in sent.clone().map(key) {
            ledger.sent(key);
            ledger.acknowledged(key);
        }
        self.next += events;
        sent
    }

    /// The processor stores some of them.
    async fn store(&self, events: std::ops::Range<u64>) {
        for number in events {
            self.store_with(number, "").await;
        }
    }

    /// It stores one of them, with so much text.
    async fn store_with(&self, number: u64, text: &str) {
        let key = key(number);
        let device = device_name(key.device);
        let enqueued = time::OffsetDateTime::now_utc().format(&time::format_description::well_known::Rfc3339).unwrap();
        let item = json!({
            "id": number.to_string(), "deviceId": device, "deviceSequenceNumber": key.sequence, "enqueuedAt": enqueued,
            "text": text,
        });
        self.documents.upsert_item(device, &number.to_string(), &item, None).await.unwrap();
    }

    async fn look(&mut self, after: Duration) -> Option<Duration> {
        self.seen.look(&mut self.watch, after).await
    }

    /// Log ends and positions that say that all was processed; then looks, until an audit that began after that has
    /// come to its judgement.
    async fn audit(&mut self) -> TallyFigures {
        let last = SequenceNumber(i64::try_from(self.next).unwrap() - 1);
        let partition = PartitionId(0);
        for _ in 0..2 {
            for fact in [
                Fact::LogEnd(LogEnd { partition, earliest: SequenceNumber(0), last, last_enqueued_at: None }),
                Fact::LogEnd(LogEnd { partition, earliest: SequenceNumber(0), last, last_enqueued_at: None }),
                Fact::Position(PartitionPosition {
                    partition,
                    position: Some(Position::LastRead(last)),
                    written_at: None,
                    owner: None,
                }),
            ] {
                clock::set(clock::now().after(Duration::from_millis(1)));
                self.seen.outlet.saw(Observation { at: clock::now(), fact }).await;
            }
            assert_eq!(self.look(LOOK).await, None);
        }
        self.tally()
    }

    fn tally(&self) -> TallyFigures {
        self.seen.session.tally.unwrap()
    }

    fn ranges(&self) -> Vec<String> {
        self.seen.session.ranges.keys().map(ToString::to_string).collect()
    }

    fn state(&self) -> &StationState {
        &self.seen.session.station(Station::Store).unwrap().state
    }
}

fn key(number: u64) -> EventKey {
    EventKey { device: DeviceIndex(u32::try_from(number % 100).unwrap()), sequence: number / 100 }
}

#[tokio::test]
async fn a_split_is_followed_and_no_write_is_invented_or_lost() {
    let mut watched =
        Watched::new(store(20_000, None, FaultSwitch::default()).await, |probe| probe, FeedStart::Beginning).await;
    let sent = watched.send(300);
    watched.store(sent).await;
    watched.look(LOOK).await;
    assert_eq!((watched.ranges(), watched.tally().stored), (vec!["0".to_owned(), "1".to_owned()], 300));

    // Some are written before the split and read only after it, by whichever half has their keys.
    let before = watched.send(200);
    watched.store(before).await;
    assert!(watched.endpoint.split(0));
    let after = watched.send(200);
    watched.store(after).await;
    for _ in 0..6 {
        assert_eq!(watched.look(LOOK).await, None, "a split is no trouble");
    }
    assert_eq!(watched.ranges(), ["1", "2", "3"]);
    assert_eq!(watched.seen.marks(), ["the store's physical partitions changed: 2, 3 in place of 0"]);
    let tally = watched.tally();
    assert_eq!((tally.stored, tally.duplicated, tally.foreign), (700, 0, 0));
    assert_eq!(tally.order.map(|order| order.late), Some(0), "the halves go on where the whole was");

    // A repeat afterwards is one, on either side of it.
    watched.store(0..50).await;
    watched.look(LOOK).await;
    let rate = watched.seen.session.stored_rate(clock::now()).map_or(0.0, EventRate::per_second);
    assert!(rate <= 700.0, "{rate}/s: the successors do not begin with all the writes of the one before");
    assert_eq!((watched.tally().stored, watched.tally().duplicated), (700, 50));

    let audit = watched.audit().await;
    assert_eq!((audit.lost, audit.judged, audit.unknowable), (0, 700, 0));
}

/// Device by device, whatever the order between devices; a repeat is never late.
#[tokio::test]
async fn events_out_of_order_are_counted_once_and_repeats_never() {
    let mut watched =
        Watched::new(store(20_000, None, FaultSwitch::default()).await, |probe| probe, FeedStart::Beginning).await;
    let order = |watched: &Watched| watched.tally().order.map(|order| (order.late, order.undecided));
    watched.send(1_000);
    watched.store(0..100).await;
    watched.store(200..300).await;
    assert_eq!(watched.look(LOOK).await, None);
    assert_eq!(order(&watched), Some((0, 0)), "what is still missing is not late");
    watched.store(100..110).await;
    watched.look(LOOK).await;
    assert_eq!(order(&watched), Some((10, 0)), "ten devices' second events came after their third");
    watched.store(0..110).await;
    watched.store(200..300).await;
    watched.look(LOOK).await;
    assert_eq!(order(&watched), Some((10, 0)), "all of it again, in whatever order");
    assert_eq!(watched.tally().duplicated, 210);

    // Between two looks: each was written once, so that their order is known.
    watched.store(400..401).await;
    watched.store(300..301).await;
    watched.look(LOOK).await;
    assert_eq!(order(&watched), Some((11, 0)));
    // Of one that was written again before it was seen it can't be known.
    watched.store(501..502).await;
    watched.store(601..602).await;
    watched.store(501..502).await;
    watched.look(LOOK).await;
    assert_eq!(order(&watched), Some((11, 1)));
}

#[tokio::test]
async fn a_store_by_another_key_has_no_order() {
    let endpoint = watched::store_by("/type", 20_000, None, FaultSwitch::default()).await;
    let mut watched = Watched::new(endpoint, |probe| probe, FeedStart::Beginning).await;
    assert_eq!(watched.look(LOOK).await, None);
    assert_eq!(watched.tally().order, None);
}

#[tokio::test]
async fn what_is_provisioned_is_read_from_the_offer_and_followed() {
    let budget = |watched: &Watched| watched.seen.session.probes[&Station::Store].figures.charge_limit.unwrap().0;
    let endpoint = store(20_000, None, FaultSwitch::default()).await;
    let own = RequestUnits(50.0);
    let mut watched = Watched::with(endpoint, FeedStart::Now, own, None, |probe| probe.sharing(0.01)).await;
    watched.look(LOOK).await;
    assert_eq!(watched.seen.session.throughput, Some(Provisioned::Manual(RequestUnits(20_000.0))));
    assert!((budget(&watched) - 200.0).abs() < 0.1, "1 % of it");

    watched.endpoint.set_autoscale(40_000);
    watched.look(Duration::from_secs(61)).await;
    assert_eq!(watched.seen.session.throughput, Some(Provisioned::Autoscale { most: RequestUnits(40_000.0) }));
    assert_eq!(watched.seen.marks(), ["the store has 40000 RU/s, 20000 before"]);
    assert!((budget(&watched) - 400.0).abs() < 0.1, "it follows");

    watched.endpoint.hide_offers(true);
    assert_eq!(watched.look(Duration::from_secs(61)).await, None, "not to know is no trouble");
    let Some(Provisioned::Unknown { reason }) = &watched.seen.session.throughput else {
        panic!("{:?}", watched.seen.session.throughput)
    };
    assert!(
        reason.starts_with("the provisioned RU/s are not known; this credential may not read offers (403)"),
        "{reason}"
    );
    assert_eq!(watched.seen.session.provisioned, None);
}

/// A container that is written to much more than the budget reads: what is spent stays within it, the log sequence
/// numbers are read all the same, what is left behind is never called lost.
#[tokio::test]
async fn a_feed_that_is_dearer_than_the_budget_is_sampled() {
    const BUDGET: f64 = 40.0;
    let endpoint = store(1_000_000, None, FaultSwitch::default()).await;
    endpoint.set_request_units(10_000_000);
    let endpoint_of = RequestUnits(BUDGET);
    let mut watched = Watched::with(endpoint, FeedStart::Now, endpoint_of, Some(PLENTY), |probe| probe).await;
    watched.look(LOOK).await;
    let began = clock::now();
    for _ in 0..40 {
        let sent = watched.send(60);
        watched.store(sent).await;
        assert_eq!(watched.look(LOOK).await, None);
    }
    let cost = watched.seen.session.probes[&Station::Store].figures;
    let allowed = BUDGET * (1.0 + clock::now().since(began).as_secs_f64());
    // One page may overdraw it.
    assert!(cost.charge.0 <= allowed + 60.0, "{} RU spent, {allowed} allowed", cost.charge.0);
    let writes: u64 = watched.seen.session.ranges.values().map(|range| range.lsn.0).sum();
    assert!(writes > 1_200, "{writes} of 2,400 writes seen");
    let audit = watched.audit().await;
    assert!(audit.stored < 2_400, "a sample");
    assert_eq!(audit.lost, 0, "{audit:?}");
    assert!(audit.duplicated < 100, "{audit:?}");
}

/// A store of two ranges that takes 100 writes/s of a kilobyte, watched for two minutes at 4 RU/s: what was spent by the
/// end of each look, and how many items were seen in it.
async fn busy_at_four_units_a_second(every: Duration) -> (Watched, Vec<(Time, f64, u64)>) {
    let endpoint = store(20_000, None, FaultSwitch::default()).await;
    endpoint.set_request_units(10_000_000);
    let of = RequestUnits(400.0);
    let mut watched = Watched::with(endpoint, FeedStart::Now, of, Some(of), |probe| probe.sharing(0.01)).await;
    let text = "x".repeat(900);
    let (mut spent, each_look) = (Vec::new(), u64::try_from(every.as_millis() / 10).unwrap());
    watched.look(every).await;
    let began = clock::now();
    while clock::now().since(began) < Duration::from_secs(120) {
        let sent = watched.send(each_look);
        futures::future::join_all(sent.map(|number| watched.store_with(number, &text))).await;
        assert_eq!(watched.look(every).await, None);
        let now = clock::now();
        spent.push((now, watched.seen.charge, watched.seen.items));
        if now.since(began) > Duration::from_secs(10) {
            let rate = watched.seen.session.stored_rate(now).map(EventRate::per_second);
            assert!(rate.is_some_and(|rate| (60.0..140.0).contains(&rate)), "{rate:?} writes/s");
        }
    }
    (watched, spent)
}

/// The fewest request units that there can be, and what a credential gets that may not read the offer.
#[tokio::test]
async fn at_four_units_a_second_the_numbers_stay_live_and_the_sample_is_spread() {
    const BUDGET: f64 = 4.0;
    // A second's budget that was saved up.
    const BURST: f64 = BUDGET;
    for every in [LOOK, Duration::from_secs(1)] {
        let (watched, spent) = busy_at_four_units_a_second(every).await;
        let window = Duration::from_secs(10);
        for (nth, (from, before, items_before)) in spent.iter().enumerate() {
            let Some((_, after, items)) = spent[nth..].iter().find(|(at, ..)| at.since(*from) >= window) else { break };
            let (spent, seen) = (after - before, items - items_before);
            assert!(spent <= BUDGET * 10.0 + BURST, "{spent} RU in ten seconds");
            assert!(spent >= BUDGET * 10.0 * 0.6, "{spent} RU in ten seconds: more can be read");
            assert!(seen >= 50, "{seen} items in ten seconds");
        }
        let figures = watched.seen.session.probes[&Station::Store].figures;
        assert_eq!(figures.charge_limit, Some(RequestUnits(BUDGET)));
        // The four calls to connect come before the first second.
        assert!(figures.charge.0 <= BUDGET * 121.0 + 4.0 + BURST, "{:?} in two minutes", figures.charge);
        assert!(figures.round <= Duration::from_millis(1_500), "{:?}", figures.round);
        let gap = watched.seen.longest_gap;
        assert!(gap <= Duration::from_secs(3), "a range was not asked for {gap:?}");
        let tally = watched.tally();
        assert_eq!((tally.lost, tally.duplicated), (0, 0), "{tally:?}");
        let share = watched.seen.session.feed_share(clock::now()).unwrap();
        assert!((0.02..0.5).contains(&share), "{share}");
    }
}

/// A feed that the budget reads whole, though never all ranges in one look: what is missing in the end is known to be lost.
#[tokio::test]
async fn ranges_that_are_asked_in_turn_are_audited() {
    let endpoint = store(20_000, None, FaultSwitch::default()).await;
    let of = RequestUnits(400.0);
    let mut watched = Watched::with(endpoint, FeedStart::Now, of, Some(of), |probe| probe.sharing(0.01)).await;
    for _ in 0..8 {
        assert_eq!(watched.look(LOOK).await, None);
    }
    let sent = watched.send(10);
    watched.store(sent.start..sent.end - 1).await;
    for _ in 0..8 {
        watched.audit().await;
    }
    let audit = watched.tally();
    assert_eq!((audit.stored, audit.judged, audit.lost, audit.unknowable), (9, 10, 1, 0));
}

/// Items that are much dearer than those before, and dearer than all of the budget, cost no look at the numbers.
#[tokio::test]
async fn one_item_dearer_than_the_budget_does_not_stop_the_numbers() {
    let endpoint = store(20_000, None, FaultSwitch::default()).await;
    endpoint.set_request_units(10_000_000);
    let of = RequestUnits(400.0);
    let mut watched = Watched::with(endpoint, FeedStart::Now, of, Some(of), |probe| probe.sharing(0.01)).await;
    let text = "x".repeat(300 * 1024);
    for second in 0..60 {
        let sent = watched.send(4);
        for number in sent {
            watched.store_with(number, if second < 5 { "" } else { &text }).await;
        }
        assert_eq!(watched.look(Duration::from_secs(1)).await, None);
    }
    assert!(watched.seen.longest_gap <= Duration::from_secs(2), "{:?}", watched.seen.longest_gap);
    let rate = watched.seen.session.stored_rate(clock::now()).map(EventRate::per_second);
    assert!(rate.is_some_and(|rate| (3.0..5.0).contains(&rate)), "{rate:?}");
    assert!(watched.seen.charge > 120.0 + 30.0, "{} RU: one of them was read", watched.seen.charge);
}

/// Ranges that the budget can't ask all at once are asked in turn, and rates follow the round.
#[tokio::test]
async fn many_ranges_at_four_units_a_second_are_asked_in_turn() {
    let endpoint = store(200_000, None, FaultSwitch::default()).await;
    endpoint.set_request_units(10_000_000);
    let of = RequestUnits(400.0);
    let mut watched = Watched::with(endpoint, FeedStart::Now, of, Some(of), |probe| probe.sharing(0.01)).await;
    for second in 0..90 {
        let sent = watched.send(100);
        watched.store(sent).await;
        assert_eq!(watched.look(Duration::from_secs(1)).await, None);
        let rate = watched.seen.session.stored_rate(clock::now()).map(EventRate::per_second);
        if second > 35 {
            assert!(rate.is_some_and(|rate| (60.0..140.0).contains(&rate)), "{rate:?} writes/s in second {second}");
        }
    }
    assert_eq!(watched.ranges().len(), 20);
    let round = watched.seen.session.probes[&Station::Store].figures.round;
    assert!((Duration::from_secs(9)..=Duration::from_secs(12)).contains(&round), "{round:?}");
    assert!(watched.seen.longest_gap <= round * 2, "{:?}", watched.seen.longest_gap);
}

/// Seconds that the store keeps items where they expire: longer than a slow machine takes to store and see twenty.
const TIME_TO_LIVE: u64 = 10;

/// The program was stopped for longer than the store keeps its items: what was stored meanwhile has expired unseen.
#[tokio::test]
async fn what_expired_unseen_is_neither_stored_nor_lost() {
    let mut watched = Watched::new(
        store(20_000, Some(TIME_TO_LIVE), FaultSwitch::default()).await,
        |probe| probe,
        FeedStart::Beginning,
    )
    .await;
    let sent = watched.send(20);
    watched.store(sent).await;
    watched.look(LOOK).await;
    let first = watched.audit().await;
    assert_eq!((first.stored, first.judged, first.lost), (20, 20, 0));

    // Stored, and gone before the next look.
    let sent = watched.send(10);
    watched.store(sent.clone()).await;
    let (last, device) = (sent.end - 1, device_name(key(sent.end - 1).device));
    let until_expired = async {
        while watched.documents.read_item(device.clone(), &last.to_string(), None).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(watched::LIMIT, until_expired).await.expect("it expires");
    assert_eq!(watched.look(Duration::from_secs(660)).await, None);
    let audit = watched.audit().await;
    assert_eq!((audit.stored, audit.lost, audit.unknowable), (20, 0, 10));
    assert_eq!(audit.judged, 20, "of the others it is not known");
    assert_eq!(audit.duplicated, 0, "what expired unseen is no repeat");
    assert_eq!(audit.order, Some(OrderFigures { late: 0, undecided: 10 }), "it may have come in any order");

    // And what comes afterwards is judged as ever: here one that the processor dropped.
    let sent = watched.send(5);
    watched.store(sent.start..sent.end - 1).await;
    let audit = watched.audit().await;
    assert_eq!((audit.stored, audit.lost, audit.unknowable, audit.judged), (24, 1, 10, 25));
    assert_eq!(audit.order, Some(OrderFigures { late: 0, undecided: 10 }));
}

#[tokio::test]
async fn our_own_429s_are_counted_told_and_outlasted() {
    let faults = FaultSwitch::default();
    let mut watched = Watched::new(store(20_000, None, faults.clone()).await, |probe| probe, FeedStart::Now).await;
    watched.look(LOOK).await;
    faults.set(Fault::Throttle);
    // The store asks for 100 ms: it is asked again as soon as that, at four looks a second.
    for _ in 0..8 {
        assert_eq!(watched.look(LOOK).await, Some(LOOK));
        assert_eq!(watched.state(), &StationState::Connected, "two seconds of them are not a fault yet");
    }
    assert_eq!(watched.look(LOOK).await, Some(LOOK));
    let StationState::Retrying { reason, .. } = watched.state() else { panic!("{:?}", watched.state()) };
    assert!(reason.contains("429: too many requests"), "{reason}");
    faults.clear();
    assert_eq!(watched.look(LOOK).await, None);
    watched.look(Duration::from_secs(1)).await;
    assert_eq!(watched.state(), &StationState::Connected);
    assert_eq!(watched.seen.session.probes[&Station::Store].figures.throttled, 9);
}

/// Items that are seen late are dated by the store's own second, and that is said.
#[tokio::test]
async fn latencies_say_how_exact_they_are() {
    let mut watched =
        Watched::new(store(20_000, None, FaultSwitch::default()).await, |probe| probe, FeedStart::Beginning).await;
    watched.look(LOOK).await;
    clock::set(Time::from(std::time::SystemTime::now()));
    let sent = watched.send(10);
    watched.store(sent).await;
    // A minute without a look. By our clock they would have taken as long; by the store's, a second at most.
    watched.look(Duration::from_secs(60)).await;
    assert_eq!(watched.seen.session.stored_resolution, Some(Duration::from_secs(1)));
    let latency = watched.seen.session.stored_latency.percentiles(clock::now());
    let longest = latency.expect("ten of them").max;
    assert!(longest <= Duration::from_secs(3), "{longest:?}");
}
