//! What a partition promises: numbers without gaps, an order of times, a bound on what it keeps.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn arrival(length: usize) -> Arrival {
    Arrival { message: Bytes::from(vec![0; length]), partition_key: None }
}

/// A log of one partition with events of these lengths, the first enqueued at 1000 ms, the next at 1001 and so on.
fn log_of(lengths: &[usize], retention_bytes: u64) -> Arc<Log> {
    let log = Arc::new(Log::new(1, retention_bytes));
    for (time, length) in (1000..).zip(lengths) {
        log.append(0, [arrival(*length)], EnqueuedTime(time));
    }
    log
}

fn read_from(log: &Log, next: i64) -> (Vec<i64>, i64) {
    let mut events = Vec::new();
    let next = log.read(0, SequenceNumber(next), 1000, 1_000_000, &mut events);
    (events.iter().map(|event| event.sequence_number.0).collect(), next.0)
}

#[test]
fn a_fresh_partition_begins_at_0_and_ends_at_minus_1() {
    let status = Log::new(1, 1000).status(0).unwrap();
    assert_eq!((status.earliest.0, status.last.0, status.last_offset), (0, -1, -1));
    assert!(status.is_empty());
}

#[test]
fn retention_moves_the_beginning_on_and_keeps_the_newest() {
    let entry = size_of::<Event>() as u64;
    let log = log_of(&[100; 10], 3 * (100 + entry));
    let status = log.status(0).unwrap();
    assert_eq!((status.earliest.0, status.last.0, status.events), (7, 9, 3));
    assert_eq!(status.bytes, 3 * (100 + entry));
    assert_eq!(read_from(&log, 0), (vec![7, 8, 9], 10), "a reader before the beginning resumes at it");

    let one_too_large = log_of(&[10, 5000], 1000);
    let status = one_too_large.status(0).unwrap();
    assert_eq!((status.earliest.0, status.events), (1, 1));
}

#[test]
fn a_reader_takes_no_more_than_it_asks_for() {
    let log = log_of(&[100; 10], 1_000_000);
    let mut events = Vec::new();
    assert_eq!(log.read(0, SequenceNumber(0), 3, 1_000_000, &mut events), SequenceNumber(3));
    assert_eq!(log.read(0, SequenceNumber(3), 1000, 250, &mut events), SequenceNumber(6));
    assert_eq!(events.len(), 6);
    assert_eq!(read_from(&log, 10), (vec![], 10));
    assert_eq!(read_from(&log, 99), (vec![], 99), "an event that is not there yet is waited for");
}

#[test]
fn the_clock_may_go_back_but_enqueued_times_do_not() {
    let log = Arc::new(Log::new(1, 1_000_000));
    for time in [5, 3, 7] {
        log.append(0, [arrival(1)], EnqueuedTime(time));
    }
    let mut events = Vec::new();
    log.read(0, SequenceNumber(0), 10, 1000, &mut events);
    assert_eq!(events.iter().map(|event| event.enqueued_time.0).collect::<Vec<_>>(), [5, 5, 7]);
}

#[test]
fn a_filter_says_where_a_receiver_begins() {
    // Events 2 to 5 are retained, with offsets 200 to 500, enqueued at 1002 to 1005.
    let entry = size_of::<Event>() as u64;
    let log = log_of(&[100; 6], 4 * (100 + entry));
    let cases = [
        ("amqp.annotation.x-opt-offset > '-1'", 2),
        ("amqp.annotation.x-opt-offset >= '-1'", 2),
        ("amqp.annotation.x-opt-offset > '@latest'", 6),
        ("amqp.annotation.x-opt-offset >= '@latest'", 5),
        ("amqp.annotation.x-opt-offset > '300'", 4),
        ("amqp.annotation.x-opt-offset >= '300'", 3),
        ("amqp.annotation.x-opt-offset > '9999'", 6),
        ("amqp.annotation.x-opt-sequence-number > '3'", 4),
        ("amqp.annotation.x-opt-sequence-number >= '3'", 3),
        ("amqp.annotation.x-opt-sequence-number >= '0'", 2),
        ("amqp.annotation.x-opt-sequence-number > '-1'", 2),
        ("amqp.annotation.x-opt-sequence-number > '8'", 9),
        ("amqp.annotation.x-opt-enqueued-time > '1003'", 4),
        ("amqp.annotation.x-opt-enqueued-time >= '1003'", 3),
        ("amqp.annotation.x-opt-enqueued-time > '0'", 2),
        ("amqp.annotation.x-opt-enqueued-time > '2000'", 6),
    ];
    for (filter, expected) in cases {
        let position = StartPosition::parse(filter).unwrap();
        assert_eq!(log.locate(0, &position), SequenceNumber(expected), "{filter}");
    }
}

#[test]
fn what_is_not_a_filter_is_refused() {
    for filter in [
        "",
        "amqp.annotation.x-opt-offset < '3'",
        "amqp.annotation.x-opt-offset > 3",
        "amqp.annotation.x-opt-offset > 'three'",
        "amqp.annotation.x-opt-colour > '3'",
        "x-opt-offset > '3'",
        "amqp.annotation.x-opt-sequence-number > '@latest'",
    ] {
        assert_eq!(StartPosition::parse(filter), None, "{filter}");
    }
}

#[test]
fn only_the_ids_of_partitions_are_ids() {
    let log = Log::new(12, 1000);
    assert_eq!(log.partition_index("11"), Some(11));
    for id in ["12", "-1", "+1", "01", "", "one", "99999999999999999999999"] {
        assert_eq!(log.partition_index(id), None, "{id:?}");
    }
}

#[test]
fn turns_go_round_and_keys_stay() {
    let log = Log::new(3, 1000);
    assert_eq!((0..7).map(|_| log.next_partition()).collect::<Vec<_>>(), [0, 1, 2, 0, 1, 2, 0]);
    // The hash is part of what users see: the same key lies in the same partition in every version.
    let keys = ["", "a", "sensor-17", "Zürich"];
    assert_eq!(keys.map(|key| log.partition_of_key(key)), keys.map(|key| Log::new(3, 1).partition_of_key(key)));
    let spread = (0..300).map(|number| log.partition_of_key(&format!("device-{number}")));
    let mut counts = [0; 3];
    spread.for_each(|partition| counts[partition] += 1);
    assert!(counts.iter().all(|count| *count > 50), "{counts:?}");
}

#[tokio::test]
async fn a_subscriber_is_woken_until_it_leaves() {
    let log = Arc::new(Log::new(1, 1000));
    let wakeup = Arc::new(Notify::new());
    let subscription = log.subscribe(0, &wakeup);
    log.append(0, [arrival(1)], EnqueuedTime(0));
    tokio::time::timeout(std::time::Duration::from_secs(10), wakeup.notified()).await.unwrap();
    drop(subscription);
    assert_eq!(Arc::strong_count(&wakeup), 1);
}

proptest! {
    /// Whatever arrives, in whatever portions: numbers have no gaps, offsets increase, the bound holds.
    #[test]
    fn a_partition_keeps_its_promises(
        batches in proptest::collection::vec(proptest::collection::vec(1..400_usize, 1..8), 1..20),
        retention_bytes in 1..5000_u64, from in -5..200_i64,
    ) {
        let log = Arc::new(Log::new(1, retention_bytes));
        let mut count = 0;
        for batch in batches {
            count += i64::try_from(batch.len()).unwrap_or(0);
            log.append(0, batch.into_iter().map(arrival), EnqueuedTime(0));
            let status = log.status(0).unwrap();
            prop_assert!(status.bytes <= retention_bytes || status.events == 1);
            prop_assert_eq!(status.last.0, count - 1);
        }
        let earliest = log.status(0).unwrap().earliest;
        let mut events = Vec::new();
        log.read(0, SequenceNumber(from), 1000, usize::MAX, &mut events);
        let first = from.max(earliest.0);
        prop_assert_eq!(
            events.iter().map(|event| event.sequence_number.0).collect::<Vec<_>>(),
            (first..count.max(first)).collect::<Vec<_>>()
        );
        prop_assert!(events.windows(2).all(|pair| pair[0].offset < pair[1].offset));
    }
}
