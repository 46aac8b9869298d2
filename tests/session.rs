//! What a session adds up to, from observations alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod pipeline;

use std::time::Duration;

use pipeline::Pipeline;
use streamgauge::model::lag::Lag;
use streamgauge::model::observation::{
    Fact, Hub, LogEnd, Observation, PartitionPosition, Position, Station, StationState, StoreRange,
};
use streamgauge::model::session::Session;
use streamgauge::model::status::Status;
use streamgauge::model::units::{Lsn, PartitionId, RangeId, SequenceNumber, Time};

fn close(figure: Option<f64>, expected: f64) -> bool {
    figure.is_some_and(|figure| (figure - expected).abs() <= expected * 0.03)
}

#[test]
fn rates_come_from_the_services_own_counts() {
    let mut pipeline = Pipeline::new(8, 1_000.0, 2_000.0);
    let (session, now) = {
        pipeline.run(30);
        (&pipeline.session, pipeline.now())
    };
    assert!(close(session.ingest_rate(now).map(streamgauge::model::units::EventRate::per_second), 1_000.0));
    assert!(close(session.processed_rate(now).map(streamgauge::model::units::EventRate::per_second), 1_000.0));
    assert!(close(session.stored_rate(now).map(streamgauge::model::units::EventRate::per_second), 1_000.0));
    assert!(close(session.skew(now), 1.0));
    let units = session.request_units(now).expect("the charge of writes is known");
    assert!(close(Some(units.share), 8_500.0 / 20_000.0), "{units:?}");
}

#[test]
fn nothing_old_is_shown_as_live() {
    let mut pipeline = Pipeline::new(8, 1_000.0, 2_000.0);
    let session = &pipeline.run(30).session.clone();
    let later = pipeline.now().after(Duration::from_secs(20));
    assert_eq!(session.ingest_rate(later), None);
    assert_eq!(session.stored_rate(later), None);
    assert_eq!(session.throttled_rate(later), None);
    assert!(session.partitions.values().all(|partition| partition.status(later) == Status::Blind));
    assert_eq!(session.silence(Station::Ingest, later), Some(Duration::from_secs(20)));
}

fn see(session: &mut Session, at: i64, fact: Fact) {
    session.apply(&Observation { at: Time::from_millis(at), fact });
}

fn log_end(last: i64) -> Fact {
    let (partition, earliest) = (PartitionId(0), SequenceNumber(0));
    Fact::LogEnd(LogEnd { partition, earliest, last: SequenceNumber(last), last_enqueued_at: None })
}

fn position(last_read: i64) -> Fact {
    Fact::Position(PartitionPosition {
        partition: PartitionId(0),
        position: Some(Position::LastRead(SequenceNumber(last_read))),
        written_at: None,
        owner: None,
    })
}

/// The position is read first. If it moved past the log end that is known, the lag waits for the next log end rather
/// than shrink below what it was: a race can only count too many.
#[test]
fn lag_is_derived_when_a_log_end_comes() {
    let mut session = Session::new();
    see(&mut session, 0, position(89));
    assert_eq!(session.lag_events(), None);
    see(&mut session, 10, log_end(99));
    assert_eq!(session.lag_events(), Some(10));
    see(&mut session, 20, position(99));
    assert_eq!(session.lag_events(), Some(10), "the log end of 10 ms is older than this position");
    see(&mut session, 30, log_end(109));
    assert_eq!(session.partitions[&PartitionId(0)].lag(), Some(Lag::Behind { events: 10, missed: 0 }));
}

/// A hub that was made anew begins at zero again: no rate is invented from the step back.
#[test]
fn a_log_that_went_back_is_not_a_negative_rate() {
    let mut session = Session::new();
    for (at, last) in [(0, 1_000), (1_000, 2_000), (2_000, 10), (3_000, 20)] {
        see(&mut session, at, log_end(last));
    }
    assert_eq!(
        session.ingest_rate(Time::from_millis(3_000)).map(streamgauge::model::units::EventRate::per_second),
        Some(10.0)
    );
}

#[test]
fn a_split_of_the_store_does_not_count_its_writes_anew() {
    let mut session = Session::new();
    let range = |id: &str, lsn| Fact::StoreRange(StoreRange { range: RangeId(id.into()), lsn: Lsn(lsn) });
    for second in 0..4 {
        see(&mut session, second * 1_000, range("0", 5_000 + 100 * u64::try_from(second).unwrap()));
    }
    see(&mut session, 3_100, range("1", 90_000));
    assert_eq!(
        session.stored_rate(Time::from_millis(3_200)).map(streamgauge::model::units::EventRate::per_second),
        Some(100.0)
    );
}

#[test]
fn a_trouble_is_dated_from_its_first_moment() {
    let mut session = Session::new();
    let retrying = |reason: &str| {
        let next_attempt = Time::from_millis(0);
        Fact::Station(Station::Store, StationState::Retrying { reason: reason.into(), next_attempt })
    };
    see(&mut session, 0, Fact::Station(Station::Store, StationState::Connected));
    see(&mut session, 1_000, retrying("refused"));
    see(&mut session, 2_000, retrying("refused again"));
    let health = session.station(Station::Store).expect("it was seen");
    assert_eq!(health.since, Time::from_millis(1_000));
}

#[test]
fn what_is_away_from_the_start_is_a_fault_like_any_other() {
    let mut session = Session::new();
    let next_attempt = Time::from_millis(0);
    let retrying = StationState::Retrying { reason: "refused".into(), next_attempt };
    see(&mut session, 1_000, Fact::Station(Station::Checkpoints, retrying));
    see(&mut session, 2_000, Fact::Station(Station::Ingest, StationState::Connected));
    see(&mut session, 4_000, Fact::Station(Station::Checkpoints, StationState::Connected));
    let told: Vec<String> = session.log.newest_first().map(|(_, happened)| happened.to_string()).collect();
    assert_eq!(told, ["the checkpoints are back after 3.0 s", "the checkpoints are away: refused"]);
    assert_eq!(session.faults, [(Time::from_millis(1_000), Station::Checkpoints)]);
}

/// The total is kept up to date rather than added up: it must be what adding up would give, through every change.
#[test]
fn the_total_is_the_sum_of_the_partitions() {
    let mut pipeline = Pipeline::new(16, 2_000.0, 1_500.0);
    let check = |session: &Session| {
        let lags: Vec<u64> = session.partitions.values().filter_map(|partition| partition.lag()?.events()).collect();
        let sum = (!lags.is_empty()).then(|| lags.iter().sum::<u64>());
        assert_eq!(session.lag_events(), sum);
    };
    for _ in 0..20 {
        pipeline.look();
        check(&pipeline.session);
    }
    let now = pipeline.now();
    for group in ["cosmos", "another"] {
        pipeline.session.apply(&Observation { at: now, fact: Fact::Group(group.into()) });
        check(&pipeline.session);
    }
    assert_eq!(pipeline.session.lag_events(), None, "positions of another group say nothing");
    pipeline.run(5);
    check(&pipeline.session);
    let emptied = Fact::LogEnd(LogEnd {
        partition: PartitionId(3),
        earliest: SequenceNumber(0),
        last: SequenceNumber::NONE,
        last_enqueued_at: None,
    });
    pipeline.session.apply(&Observation { at: pipeline.now(), fact: emptied });
    check(&pipeline.session);

    // A hub that is made anew under the same name: as large as before, then without the last four partitions.
    for (made, partitions) in [(1, 16), (2, 16), (3, 12)] {
        let hub = Hub { partitions, created_at: Some(Time::from_millis(made)), failovers: None };
        pipeline.session.apply(&Observation { at: pipeline.now(), fact: Fact::Hub(hub) });
        let stand = usize::try_from(partitions).expect("a few");
        assert_eq!(pipeline.session.partitions.len(), stand, "hub {made}");
        check(&pipeline.session);
        pipeline.run(5);
        check(&pipeline.session);
    }
    let gone = Fact::Hub(Hub { partitions: 0, created_at: Some(Time::from_millis(4)), failovers: None });
    pipeline.session.apply(&Observation { at: pipeline.now(), fact: gone });
    check(&pipeline.session);
    assert_eq!(pipeline.session.lag_events(), None, "no partition, no lag");
}
