//! The probe of log ends against the embedded endpoint: its budget, hubs that change under it, and partitions that can't be
//! read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod watched;

use std::net::SocketAddr;
use std::time::Duration;

use azure_messaging_eventhubs::models::EventData;
use streamgauge::azure::eventhubs::{connect_producer, no_credential};
use streamgauge::local::fault::{Fault, FaultSwitch};
use streamgauge::model::health::{Health, Word};
use streamgauge::model::observation::{
    Fact, IngestCapacity, Observation, PartitionPosition, Position, Station, StationState,
};
use streamgauge::model::partition::Partition;
use streamgauge::model::status::Status;
use streamgauge::model::units::{PartitionId, SequenceNumber};
use streamgauge::probe::Watch;
use streamgauge::probe::ingest::eventhubs::LogEndProbe;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use watched::{Seen, clock, hub, hub_address, loopback};

const LOOK: Duration = Duration::from_millis(250);

fn probe(port: u16) -> (LogEndProbe, watch::Receiver<Vec<PartitionId>>) {
    let (tell, partitions) = watch::channel(Vec::new());
    (LogEndProbe::new(hub_address("127.0.0.1", port), tell), partitions)
}

/// Sends so many events, one after the other, wherever the hub puts them.
async fn send(port: u16, events: u32) {
    let producer = connect_producer(&hub_address("127.0.0.1", port), no_credential()).await.unwrap();
    for number in 0..events {
        producer.send_event(EventData::from(format!("{{\"n\":{number}}}")), None).await.unwrap();
    }
    producer.close().await.unwrap();
}

/// The processor has read all there is: what is blind then is so for the lack of a log end.
fn positions(seen: &mut Seen, partitions: u32) {
    for partition in (0..partitions).map(PartitionId) {
        let position = Some(Position::LastRead(SequenceNumber(-1)));
        let fact = Fact::Position(PartitionPosition { partition, position, written_at: None, owner: None });
        seen.session.apply(&Observation { at: clock::now(), fact });
    }
}

/// No management read says it: it is told with what they say.
#[tokio::test]
async fn what_the_hub_takes_in_at_most_is_told_where_it_is_known() {
    let endpoint = hub(loopback(0), 2, FaultSwitch::default()).await;
    let capacity = IngestCapacity::ThroughputUnits(6);
    let mut seen = Seen::new();
    let mut watch = Watch::new(probe(endpoint.address().port()).0.taking_in(Some(capacity)));
    assert_eq!(seen.look(&mut watch, LOOK).await, None);
    assert_eq!(seen.session.ingest_capacity, Some(capacity));
    assert_eq!((capacity.events().per_second(), capacity.bytes_per_second()), (6_000.0, 6e6));
}

/// 2,048 partitions and 400 calls a second: a round takes 5.1 s, which is longer than a partition is usually trusted.
#[tokio::test]
async fn what_one_look_may_not_read_is_read_in_rotation_and_is_not_blind() {
    const PARTITIONS: u32 = 2_048;
    let endpoint = hub(loopback(0), PARTITIONS, FaultSwitch::default()).await;
    let (probe, _partitions) = probe(endpoint.address().port());
    let (mut watch, mut seen) = (Watch::new(probe.within(400.0)), Seen::new());
    let began = clock::now();

    assert_eq!(seen.look(&mut watch, LOOK).await, None);
    positions(&mut seen, PARTITIONS);
    let health = Health::of(&seen.session, clock::now());
    assert_eq!(health.word, Word::Starting, "{}", health.reason);
    assert!(health.reason.starts_with("the first round of log ends: "), "{}", health.reason);

    for look in 2..=60 {
        assert_eq!(seen.look(&mut watch, LOOK).await, None);
        positions(&mut seen, PARTITIONS);
        let cost = seen.session.probes[&Station::Ingest].figures;
        let allowed = 400.0 * (1.0 + clock::now().since(began).as_secs_f64());
        assert!(cost.calls as f64 <= allowed + 3.0, "look {look}: {} calls, {allowed} allowed", cost.calls);
        assert_eq!((cost.calls_limit, cost.throttled), (Some(400.0), 0));
        if look > 25 {
            // A round is over: from here on nothing is blind, though most partitions were read seconds ago.
            let blind = seen.session.statuses(clock::now()).get(&Status::Blind).copied().unwrap_or(0);
            assert_eq!(blind, 0, "look {look}, round {:?}", cost.round);
        }
    }
    let cost = seen.session.probes[&Station::Ingest].figures;
    assert!(cost.round >= Duration::from_secs(5), "{:?}", cost.round);
    assert_eq!(seen.session.partitions.len(), PARTITIONS as usize);

    // And what is not read any more is blind after two rounds.
    let later = clock::now().after(cost.round * 2 + Duration::from_secs(1));
    positions(&mut seen, PARTITIONS);
    assert_eq!(seen.session.statuses(later).get(&Status::Blind), Some(&(PARTITIONS as usize)));
}

#[tokio::test]
async fn a_hub_that_is_scaled_out_is_told_and_its_new_partitions_are_read() {
    let endpoint = hub(loopback(0), 2, FaultSwitch::default()).await;
    send(endpoint.address().port(), 10).await;
    let (probe, partitions) = probe(endpoint.address().port());
    let (mut watch, mut seen) = (Watch::new(probe), Seen::new());
    seen.look(&mut watch, LOOK).await;
    assert_eq!((seen.session.partitions.len(), partitions.borrow().len()), (2, 2));
    let before = seen.session.partitions[&PartitionId(0)].log_end();

    endpoint.scale_out(5);
    // The hub's own properties are read every ten seconds.
    for _ in 0..12 {
        assert_eq!(seen.look(&mut watch, Duration::from_secs(1)).await, None);
    }
    assert_eq!((seen.session.partitions.len(), partitions.borrow().len()), (5, 5));
    assert_eq!(seen.marks(), ["the hub has 5 partitions, 2 before"]);
    assert_eq!(seen.session.partitions[&PartitionId(0)].log_end(), before, "what stood goes on");
}

#[tokio::test]
async fn a_hub_made_anew_is_told_once_and_watched_on() {
    let endpoint = hub(loopback(0), 4, FaultSwitch::default()).await;
    let port = endpoint.address().port();
    send(port, 40).await;
    let (probe, partitions) = probe(port);
    let (mut watch, mut seen) = (Watch::new(probe), Seen::new());
    seen.look(&mut watch, LOOK).await;
    assert_eq!(seen.session.partitions.len(), 4);

    endpoint.shutdown().await;
    let wait = seen.look(&mut watch, LOOK).await.expect("nobody listens");
    assert_eq!(wait, Duration::from_millis(500), "backoff starts at once");
    let StationState::Retrying { reason, .. } = &seen.session.station(Station::Ingest).unwrap().state else {
        panic!("it is away");
    };
    assert!(reason.contains("Event Hubs at"), "{reason}");

    let anew = hub(loopback(port), 3, FaultSwitch::default()).await;
    send(port, 3).await;
    for _ in 0..4 {
        seen.look(&mut watch, Duration::from_secs(1)).await;
    }
    assert_eq!(seen.session.station(Station::Ingest).unwrap().state, StationState::Connected);
    assert_eq!((seen.session.partitions.len(), partitions.borrow().len()), (3, 3), "the fourth is gone");
    assert_eq!(seen.marks(), ["the hub was made anew: 3 partitions, 4 before"]);
    let enqueued: i64 = seen.session.partitions.values().map(|p| p.log_end().unwrap().last.0 + 1).sum();
    assert_eq!(enqueued, 3);
    drop(anew);
}

/// A place that stays while what is behind it changes: it stands in for a name that comes to mean another address, since
/// no test can change what names mean on the machine it runs on.
async fn front(behind: watch::Receiver<SocketAddr>) -> u16 {
    let listener = TcpListener::bind(loopback(0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let behind = *behind.borrow();
            tokio::spawn(async move {
                if let Ok(mut service) = TcpStream::connect(behind).await {
                    // Whoever leaves first ends it.
                    drop(tokio::io::copy_bidirectional(&mut client, &mut service).await);
                }
            });
        }
    });
    port
}

/// A namespace that fails over keeps its name and gets another address. The client is made anew after the loss, and so finds
/// it.
#[tokio::test]
async fn a_namespace_that_failed_over_is_found_at_its_new_address() {
    let first = hub(loopback(0), 2, FaultSwitch::default()).await;
    send(first.address().port(), 5).await;
    let (address, behind) = watch::channel(first.address());
    let (probe, _partitions) = probe(front(behind).await);
    let (mut watch, mut seen) = (Watch::new(probe), Seen::new());
    assert_eq!(seen.look(&mut watch, LOOK).await, None);

    let second = hub(loopback(0), 2, FaultSwitch::default()).await;
    first.shutdown().await;
    assert!(seen.look(&mut watch, LOOK).await.is_some(), "the connection was lost");
    address.send_replace(second.address());
    let mut attempts = 0;
    while seen.look(&mut watch, LOOK).await.is_some() {
        attempts += 1;
        assert!(attempts < 5, "{:?}", seen.session.station(Station::Ingest));
    }
    assert_eq!(seen.session.station(Station::Ingest).unwrap().state, StationState::Connected);
    assert_eq!(seen.marks(), ["the hub was made anew"], "not all events had been copied there");
}

/// A namespace that is replicated to another region keeps its events, their numbers and its time of birth when that region
/// takes over. What changes is the epoch of the numbers.
#[tokio::test]
async fn a_failover_that_keeps_the_sequence_numbers_is_marked_once() {
    let endpoint = hub(loopback(0), 4, FaultSwitch::default()).await;
    send(endpoint.address().port(), 8).await;
    let (probe, _partitions) = probe(endpoint.address().port());
    let (mut watch, mut seen) = (Watch::new(probe), Seen::new());
    assert_eq!(seen.look(&mut watch, LOOK).await, None);
    assert_eq!(seen.session.hub.unwrap().failovers, Some(0));
    for _ in 0..2 {
        endpoint.fail_over();
        for _ in 0..3 {
            assert_eq!(seen.look(&mut watch, LOOK).await, None);
        }
    }
    assert_eq!(seen.session.hub.unwrap().failovers, Some(2));
    assert_eq!(seen.marks(), ["the namespace failed over to another region"; 2]);
}

/// One of four partitions answers nonsense: it is named, and blind; the others are read on, over the same connection and
/// within the budget.
#[tokio::test]
async fn a_partition_that_can_not_be_read_is_its_own_trouble() {
    const CALLS: f64 = 8.0;
    let endpoint = hub(loopback(0), 4, FaultSwitch::default()).await;
    let (probe, _partitions) = probe(endpoint.address().port());
    let (mut watch, mut seen) = (Watch::new(probe.within(CALLS)), Seen::new());
    let began = clock::now();
    assert_eq!(seen.look(&mut watch, LOOK).await, None);
    let connections = endpoint.connections();

    endpoint.spoil(&[2]);
    for look in 0..40 {
        assert_eq!(seen.look(&mut watch, LOOK).await, None, "the station stands");
        positions(&mut seen, 4);
        let cost = seen.session.probes[&Station::Ingest].figures;
        let allowed = CALLS * (1.0 + clock::now().since(began).as_secs_f64());
        assert!(cost.calls as f64 <= allowed + 3.0, "look {look}: {} calls, {allowed} allowed", cost.calls);
    }
    assert_eq!(endpoint.connections(), connections, "nothing was connected anew");
    let now = clock::now();
    let blind = |(id, partition): (&PartitionId, &Partition)| (partition.status(now) == Status::Blind).then_some(*id);
    let blind: Vec<_> = seen.session.partitions.iter().filter_map(blind).collect();
    assert_eq!(blind, [PartitionId(2)]);
    let health = Health::of(&seen.session, now);
    assert_eq!((health.word, health.reason.as_str()), (Word::Blind, "partition 2 of 4 could not be read"));
    let [mark] = seen.marks()[..] else { panic!("{:?}", seen.marks()) };
    assert!(mark.starts_with("partition 2 can't be read: Event Hubs at amqp://127.0.0.1:"), "{mark}");
    assert!(mark.contains("/events/Partitions/2 refused to read a log end"), "{mark}");
    assert!(mark.contains("begin_sequence_number") || mark.contains("is_partition_empty"), "{mark}");

    endpoint.spoil(&[]);
    for _ in 0..8 {
        assert_eq!(seen.look(&mut watch, LOOK).await, None);
    }
    positions(&mut seen, 4);
    assert_eq!(Health::of(&seen.session, clock::now()).word, Word::KeepingUp);
    assert_eq!(seen.marks()[1..], ["partition 2 can be read again"]);
}

/// Where none can be read the station is in trouble, and no partition is named.
#[tokio::test]
async fn a_hub_of_which_no_partition_can_be_read_is_the_station_s_trouble() {
    let endpoint = hub(loopback(0), 3, FaultSwitch::default()).await;
    let (probe, _partitions) = probe(endpoint.address().port());
    let (mut watch, mut seen) = (Watch::new(probe), Seen::new());
    assert_eq!(seen.look(&mut watch, LOOK).await, None);
    endpoint.spoil(&[0, 1, 2]);
    for _ in 0..3 {
        assert!(seen.look(&mut watch, LOOK).await.is_some());
    }
    endpoint.spoil(&[]);
    assert_eq!(seen.look(&mut watch, LOOK).await, None);
    assert_eq!((seen.marks().len(), seen.session.faults.len()), (0, 1), "{:?}", seen.marks());
}

/// Calls count when they are made: an answer that never comes, or is a refusal, was a call.
#[tokio::test]
async fn the_budget_holds_while_everything_fails() {
    const CALLS: f64 = 10.0;
    for fault in [Fault::Throttle, Fault::Deny, Fault::WrongReply, Fault::Delay(Duration::from_secs(60))] {
        let faults = FaultSwitch::default();
        let endpoint = hub(loopback(0), 32, faults.clone()).await;
        let (probe, _partitions) = probe(endpoint.address().port());
        let probe = Watch::new(probe.within(CALLS)).with_limit(Duration::from_millis(500));
        let (mut watch, mut seen) = (probe, Seen::new());
        let began = clock::now();
        assert_eq!(seen.look(&mut watch, LOOK).await, None);
        let calls = |seen: &Seen| seen.session.probes[&Station::Ingest].figures.calls;
        let before = calls(&seen);
        faults.set(fault);
        for _ in 0..6 {
            assert!(seen.look(&mut watch, Duration::from_secs(1)).await.is_some(), "{fault:?}");
        }
        faults.clear();
        assert_eq!(seen.look(&mut watch, Duration::from_secs(1)).await, None, "{fault:?}");
        let allowed = CALLS * (1.0 + clock::now().since(began).as_secs_f64());
        let made = calls(&seen);
        assert!(made > before && made as f64 <= allowed + 8.0, "{fault:?}: {made} calls, {allowed} allowed");
    }
}

/// Far away, where each answer takes 300 ms: 32 partitions are connected to, within the time that a probe is given, and from
/// then on each look reads all of them.
#[tokio::test]
async fn a_distant_hub_is_connected_to_and_watched() {
    const PARTITIONS: u32 = 32;
    let faults = FaultSwitch::default();
    let endpoint = hub(loopback(0), PARTITIONS, faults.clone()).await;
    send(endpoint.address().port(), 64).await;
    faults.set(Fault::Delay(Duration::from_millis(300)));
    let (probe, _partitions) = probe(endpoint.address().port());
    let (mut watch, mut seen) = (Watch::new(probe), Seen::new());
    let connections = endpoint.connections();
    for look in 0..5 {
        assert_eq!(seen.look(&mut watch, Duration::from_secs(1)).await, None, "look {look}");
        positions(&mut seen, PARTITIONS);
    }
    assert_eq!(endpoint.connections(), connections + 1);
    assert_eq!(seen.session.statuses(clock::now()).get(&Status::Blind), None);
    let enqueued: i64 = seen.session.partitions.values().map(|p| p.log_end().unwrap().last.0 + 1).sum();
    assert_eq!((seen.session.partitions.len(), enqueued), (PARTITIONS as usize, 64));
}
