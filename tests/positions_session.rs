//! What a session makes of positions when the hub, the group or the owner changes under it: no lag is ever negative or
//! invented, and what is strange is said in a sentence.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

use std::time::Duration;

use streamgauge::model::health::{Health, Word};
use streamgauge::model::lag::{Lag, TimeLag};
use streamgauge::model::observation::{
    Checkpoint, CheckpointForm, Fact, Hold, Hub, LogEnd, Observation, PartitionPosition, Position, ProbeFigures,
    Station,
};
use streamgauge::model::ownership::Holding;
use streamgauge::model::partition::Partition;
use streamgauge::model::session::Session;
use streamgauge::model::status::Status;
use streamgauge::model::units::{EventRate, PartitionId, RequestUnits, SequenceNumber, Time};

fn at(ms: i64) -> Time {
    Time::from_millis(1_795_348_800_000 + ms)
}

fn see(session: &mut Session, ms: i64, fact: Fact) {
    session.apply(&Observation { at: at(ms), fact });
}

fn log_end(partition: u32, earliest: i64, last: i64) -> Fact {
    let (partition, earliest, last) = (PartitionId(partition), SequenceNumber(earliest), SequenceNumber(last));
    Fact::LogEnd(LogEnd { partition, earliest, last, last_enqueued_at: None })
}

fn position(partition: u32, last_read: Option<i64>, owner: Option<&str>) -> Fact {
    let position = last_read.map(|number| Position::LastRead(SequenceNumber(number)));
    let owner = owner.map(str::to_owned);
    Fact::Position(PartitionPosition { partition: PartitionId(partition), position, written_at: None, owner })
}

fn checkpoint(partition: u32, form: Option<CheckpointForm>, hold: Option<Hold>, note: Option<&str>) -> Fact {
    let note = note.map(str::to_owned);
    Fact::Checkpoint(Checkpoint { partition: PartitionId(partition), form, hold, note })
}

/// A second of looks, four of them, at one partition: the position is read first.
fn second(session: &mut Session, second: i64, earliest: i64, last: i64, last_read: i64) {
    for look in 0..4 {
        let ms = second * 1_000 + look * 250;
        see(session, ms, position(0, Some(last_read), None));
        see(session, ms + 10, log_end(0, earliest, last));
    }
}

fn only(session: &Session) -> &Partition {
    &session.partitions[&PartitionId(0)]
}

#[test]
fn a_hub_made_anew_has_no_lag_until_its_processor_begins_anew() {
    let mut session = Session::new();
    second(&mut session, 0, 0, 50_000, 49_990);
    assert_eq!(only(&session).lag(), Some(Lag::Behind { events: 10, missed: 0 }));

    // The hub is deleted and made again; the processor's checkpoint is still that of the old one. A log end may be
    // told late, so for five seconds a position past it is taken for that.
    second(&mut session, 1, 0, 20, 49_990);
    assert_eq!(only(&session).lag(), Some(Lag::Behind { events: 0, missed: 0 }));
    assert!(only(&session).growth().abs() < f64::EPSILON, "a step back is not a backlog that drains");
    assert_eq!(session.ingest_rate(at(1_760)), Some(EventRate::ZERO), "and not a negative rate");
    for s in 2..8 {
        second(&mut session, s, 0, 20 + s, 49_990);
    }
    let now = at(7_800);
    assert_eq!(only(&session).lag(), Some(Lag::NoPosition { retained: 28 }));
    assert_eq!(only(&session).status(now), Status::NoPosition);
    assert_eq!(session.lag_events(), None, "and the total holds nothing invented");
    assert_eq!(
        only(&session).remark(now).as_deref(),
        Some(
            "its checkpoint is at 49,990, past the log end 27: the log began anew; the processor has to begin anew as well"
        )
    );

    second(&mut session, 8, 0, 30, 25);
    assert_eq!(only(&session).lag(), Some(Lag::Behind { events: 5, missed: 0 }));
    assert_eq!(only(&session).remark(at(8_800)), None);
}

#[test]
fn a_log_that_began_anew_does_not_lend_its_times() {
    let mut session = Session::new();
    second(&mut session, 0, 1_000, 1_100, 1_050);
    // Made anew and filled beyond the old log end between two looks: only the first event that is kept shows it.
    second(&mut session, 60, 0, 5_000, 1_050);
    assert_eq!(only(&session).began_anew(), Some(at(60_010)));
    assert_eq!(
        only(&session).lag(),
        Some(Lag::Behind { events: 3_950, missed: 0 }),
        "from there its processor goes on"
    );
    assert_eq!(only(&session).time_lag(), Some(TimeLag::MoreThan(Duration::from_millis(750))));
    assert_eq!(
        session.ingest_rate(at(60_760)),
        Some(EventRate::ZERO),
        "3,900 events in a look were never seen to come"
    );
}

#[test]
fn a_partition_that_is_added_begins_without_a_lag() {
    let mut session = Session::new();
    second(&mut session, 0, 0, 100, 90);
    see(&mut session, 900, log_end(7, 0, 40));
    let added = &session.partitions[&PartitionId(7)];
    assert_eq!((added.lag(), added.status(at(900))), (None, Status::Blind));
    assert_eq!(session.lag_events(), Some(10));

    see(&mut session, 1_000, position(7, None, None));
    see(&mut session, 1_010, log_end(7, 0, 40));
    let added = &session.partitions[&PartitionId(7)];
    assert_eq!((added.lag(), added.status(at(1_010))), (Some(Lag::NoPosition { retained: 41 }), Status::NoPosition));
    assert_eq!(session.lag_events(), Some(10));
}

#[test]
fn from_no_position_to_one_is_not_a_rate() {
    let mut session = Session::new();
    for look in 0..8 {
        see(&mut session, look * 250, position(0, None, None));
    }
    for look in 8..16 {
        see(&mut session, look * 250, position(0, Some(1_000_000 + look), None));
    }
    let rate = session.processed_rate(at(3_750)).map_or(0.0, EventRate::per_second);
    assert!((rate - 4.0).abs() < 0.01, "a group that begins at the end of a long log did not process it: {rate}/s");
}

#[test]
fn another_group_begins_without_the_positions_of_the_one_before() {
    let mut session = Session::new();
    see(&mut session, 0, Fact::Group("cosmos".into()));
    see(&mut session, 0, checkpoint(0, Some(CheckpointForm::Metadata), None, None));
    second(&mut session, 0, 0, 100, 40);
    see(&mut session, 900, position(0, Some(40), Some("host")));
    see(&mut session, 900, Fact::Group("cosmos".into()));
    assert_eq!(session.lag_events(), Some(60), "the same group told again changes nothing");

    see(&mut session, 1_000, Fact::Group("backup".into()));
    let partition = only(&session);
    assert_eq!(session.group.as_deref(), Some("backup"));
    assert_eq!((partition.lag(), partition.position(), partition.owner(), partition.form()), (None, None, None, None));
    assert_eq!((partition.time_lag(), partition.status(at(1_000))), (None, Status::Blind));
    assert_eq!((session.lag_events(), session.processed_rate(at(1_000))), (None, None));
    assert_eq!(partition.lag_history.last(), None, "the curve of this group begins here");
    assert_eq!(partition.log_end().map(|end| end.last), Some(SequenceNumber(100)), "the log is the same");
    assert_eq!(session.marks, [(at(1_000), "consumer group backup".to_owned())]);
    assert_eq!(
        session.log.newest_first().next().map(|(_, what)| what.to_string()).as_deref(),
        Some("consumer group backup")
    );
    let health = Health::of(&session, at(1_100));
    assert_eq!(health.word, Word::Starting, "not blind: nothing is wrong");
    assert_eq!(health.reason, "consumer group backup: the lag of 0 of 1 partitions is known");
    assert_eq!(Health::of(&session, at(9_000)).word, Word::Blind, "but it must come soon");

    second(&mut session, 2, 0, 100, 95);
    assert_eq!(session.lag_events(), Some(5));
    assert_eq!(only(&session).status(at(2_760)), Status::Ok, "nothing was rewound: it is another group's position");
}

#[test]
fn forms_are_said_in_words() {
    let mut session = Session::new();
    assert_eq!(session.forms_text(), None);
    for partition in 0..3 {
        see(&mut session, 0, checkpoint(partition, Some(CheckpointForm::Metadata), None, None));
    }
    assert_eq!(session.forms_text().as_deref(), Some("Functions 5 / SDK metadata"));
    see(&mut session, 1, checkpoint(2, Some(CheckpointForm::Functions), None, None));
    assert_eq!(session.forms_text().as_deref(), Some("Functions 5 / SDK metadata (2), Functions before 5 (1)"));
}

#[test]
fn owners_that_change_are_counted_over_all_partitions() {
    let mut session = Session::new();
    for (second, owners) in [(0, ["a", "b"]), (10, ["a", "a"]), (20, ["b", "a"]), (400, ["c", "a"])] {
        for (partition, owner) in (0..).zip(owners) {
            see(&mut session, second * 1_000, position(partition, Some(1), Some(owner)));
        }
    }
    assert_eq!(session.owner_changed_at(), Some(at(400_000)));
    assert_eq!(session.owner_changes_lately(at(20_000)), 2);
    assert_eq!(session.owner_changes_lately(at(400_000)), 1);
}

/// What is said of one partition after some seconds, and that the figures stay true beside it.
#[test]
fn what_is_strange_is_said_in_a_sentence() {
    type Case = (&'static str, Vec<Fact>, Option<Lag>, Option<&'static str>);
    let renewed = |ms| Some(Hold::Renewed(at(ms)));
    let (behind, none) =
        (|events, missed| Some(Lag::Behind { events, missed }), |n| Some(Lag::NoPosition { retained: n }));
    let table: [Case; 9] = [
        ("all is well", vec![position(0, Some(90), Some("a")), log_end(0, 0, 99)], behind(9, 0), None),
        (
            "retention passed the position",
            vec![position(0, Some(19), None), log_end(0, 50, 99)],
            behind(50, 30),
            Some(
                "30 events were dropped by the log's retention before they were read: read faster, or keep them longer",
            ),
        ),
        (
            "retention emptied the log",
            vec![position(0, Some(19), None), log_end(0, 100, 99)],
            behind(0, 80),
            Some(
                "80 events were dropped by the log's retention before they were read: read faster, or keep them longer",
            ),
        ),
        (
            "no checkpoint",
            vec![position(0, None, None), log_end(0, 50, 99)],
            none(50),
            Some("no checkpoint was found; the log holds 50 events"),
        ),
        (
            "an IoT Hub route whose log end stays at -1",
            vec![position(0, Some(12), None), log_end(0, 0, -1)],
            behind(0, 0),
            Some(
                "its checkpoint is at 12, though the log reports no event: it was written for another hub, or before this one was made anew",
            ),
        ),
        (
            "a silent owner",
            vec![
                checkpoint(0, Some(CheckpointForm::Metadata), renewed(-234_000), None),
                position(0, Some(99), Some("host-a")),
                log_end(0, 0, 99),
            ],
            behind(0, 0),
            Some("its owner host-a has not renewed its ownership for 4 m: see whether it runs"),
        ),
        (
            "a lease that ended",
            vec![
                checkpoint(0, Some(CheckpointForm::Functions), Some(Hold::Lease { stands: false }), None),
                position(0, Some(99), Some("host-a")),
                log_end(0, 0, 99),
            ],
            behind(0, 0),
            Some("the lease of its owner host-a has ended: see whether it runs"),
        ),
        (
            "owners fight",
            ["a", "b", "a", "b"]
                .into_iter()
                .map(|owner| position(0, Some(99), Some(owner)))
                .chain([log_end(0, 0, 99)])
                .collect(),
            behind(0, 0),
            Some("it changed hands 3 times within 5 min: its processors restart, or fight over it"),
        ),
        (
            "an unusable checkpoint is told before all else",
            vec![
                checkpoint(0, None, None, Some("the checkpoint x can't be used: why")),
                position(0, None, None),
                log_end(0, 0, 99),
            ],
            none(100),
            Some("the checkpoint x can't be used: why"),
        ),
    ];
    for (case, facts, lag, remark) in table {
        let mut session = Session::new();
        for look in 0..24 {
            // Owners are told once: repeated, they would change hands at each look.
            let repeated =
                facts.iter().filter(|fact| look == 0 || !matches!(fact, Fact::Position(p) if p.owner.is_some()));
            for fact in repeated.cloned().collect::<Vec<_>>() {
                see(&mut session, look * 250, fact);
            }
        }
        assert_eq!(only(&session).lag(), lag, "{case}");
        assert_eq!(only(&session).remark(at(6_000)).as_deref(), remark, "{case}");
    }
}

#[test]
fn health_names_a_partition_whose_checkpoint_cannot_be_used() {
    let mut session = Session::new();
    for partition in 0..2 {
        see(
            &mut session,
            0,
            checkpoint(partition, None, None, (partition == 1).then_some("the checkpoint x can't be used")),
        );
        see(&mut session, 0, position(partition, (partition == 0).then_some(99), None));
        see(&mut session, 10, log_end(partition, 0, 99));
    }
    assert_eq!(Health::of(&session, at(20)).reason, "partition 1: the checkpoint x can't be used");
}

#[test]
fn an_owner_is_expired_by_the_time_of_the_session() {
    let mut session = Session::new();
    see(&mut session, 0, checkpoint(0, None, Some(Hold::Renewed(at(-1_000))), None));
    see(&mut session, 0, position(0, Some(1), Some("host")));
    let holding = |ms| only(&session).holder(at(ms)).unwrap().holding;
    assert_eq!(holding(0), Holding::Holds);
    assert_eq!(holding(180_000), Holding::Expired { silent_for: Some(Duration::from_secs(181)) });
}

#[test]
fn a_log_that_drops_faster_than_its_processor_reads_says_when() {
    let mut session = Session::new();
    for s in 0..12 {
        second(&mut session, s, 1_000 + 150 * s, 9_000 + 150 * s, 4_999 + 50 * s);
    }
    // The next to be read is 5,550, the log keeps 2,650 and what follows: 2,900 events, 100 fewer each second.
    let now = at(11_800);
    let left = only(&session).retention_loss(now).unwrap().as_secs_f64();
    assert!((24.0..34.0).contains(&left), "{left}");
    let remark = only(&session).remark(now).unwrap();
    assert!(remark.starts_with("at this pace the log's retention drops unread events in "), "{remark}");
    let health = Health::of(&session, now);
    assert!(health.reason.starts_with("unread events are dropped in "), "{health:?}");

    let mut session = Session::new();
    for s in 0..12 {
        second(&mut session, s, 1_000 + 150 * s, 9_000 + 150 * s, 4_999 + 200 * s);
    }
    assert_eq!(only(&session).retention_loss(now), None, "the processor is quicker");
}

/// That everything at a station is read once in so long.
fn round(station: Station, seconds: u64) -> Fact {
    Fact::Probe(ProbeFigures {
        station,
        round: Duration::from_secs(seconds),
        calls: 0,
        calls_limit: None,
        charge: RequestUnits(0.0),
        charge_limit: None,
        throttled: 0,
    })
}

/// 100 events/s, each processed at once, and the position read every ten seconds.
#[test]
fn a_position_of_a_while_ago_is_not_held_against_a_log_end_of_now() {
    let mut session = Session::new();
    see(&mut session, 0, round(Station::Checkpoints, 10));
    for second in 1..60 {
        let end = 100 * second;
        if second % 10 == 1 {
            see(&mut session, second * 1_000, position(0, Some(end - 7), None));
        }
        see(&mut session, second * 1_000, log_end(0, 0, end));
        let (partition, now) = (only(&session), at(second * 1_000));
        assert_eq!(partition.lag(), Some(Lag::Behind { events: 7, missed: 0 }), "second {second}");
        assert_eq!(partition.status(now), Status::Ok, "second {second}");
        assert_eq!(partition.position_age(now), Some(Duration::from_secs(((second - 1) % 10).try_into().unwrap())));
        if second > 20 {
            let rate = session.processed_rate(now).map_or(0.0, EventRate::per_second);
            assert!((rate - 100.0).abs() < 1.0, "{rate}/s in second {second}");
        }
    }
    // It was read last in second 51.
    see(&mut session, 71_000, log_end(0, 0, 7_100));
    assert_eq!(only(&session).status(at(71_000)), Status::Ok);
    assert_eq!(only(&session).status(at(71_100)), Status::Blind, "two rounds without it");
}

/// Both are read in rounds: what may have been processed since the position was read is within the allowance, more is not.
#[test]
fn a_position_that_is_older_than_its_log_end_is_given_that_much() {
    for (waits, expected) in [(0, Status::Ok), (2_000, Status::Behind)] {
        let mut session = Session::new();
        see(&mut session, 0, round(Station::Checkpoints, 10));
        see(&mut session, 0, round(Station::Ingest, 20));
        for second in (0..=120).step_by(20) {
            see(&mut session, second * 1_000 + 11_000, position(0, Some(100 * (second + 11) - waits), None));
            see(&mut session, second * 1_000 + 20_000, log_end(0, 0, 100 * (second + 20)));
        }
        assert_eq!(only(&session).lag(), Some(Lag::Behind { events: 900 + waits.unsigned_abs(), missed: 0 }));
        assert_eq!(only(&session).status(at(140_000)), expected, "{waits} wait");
    }
}

#[test]
fn the_first_round_of_positions_is_no_blindness() {
    let mut session = Session::new();
    see(&mut session, 0, Fact::Hub(Hub { partitions: 4, created_at: None, failovers: None }));
    see(&mut session, 0, round(Station::Ingest, 0));
    see(&mut session, 0, round(Station::Checkpoints, 10));
    see(&mut session, 0, position(0, Some(99), None));
    (0..4).for_each(|partition| see(&mut session, 10, log_end(partition, 0, 99)));
    let health = Health::of(&session, at(20));
    assert_eq!(health.word, Word::Starting);
    assert_eq!(health.reason, "the first round of positions: 1 of 4 partitions read");
}
