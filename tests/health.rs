//! The word for the whole pipeline and the sentence why, situation by situation.

mod pipeline;

use pipeline::Pipeline;
use streamgauge::model::capacity::Of;
use streamgauge::model::health::{Health, Word};
use streamgauge::model::observation::{Fact, IngestCapacity, Observation, Station, StationState};

fn health(pipeline: &Pipeline) -> (Word, String) {
    let Health { word, reason, .. } = Health::of(&pipeline.session, pipeline.now());
    (word, reason)
}

#[test]
fn nothing_was_seen_yet() {
    let pipeline = Pipeline::new(8, 1_000.0, 2_000.0);
    assert_eq!(health(&pipeline), (Word::Starting, "waiting for the first look".into()));
}

#[test]
fn all_is_well_and_nothing_is_said() {
    let mut pipeline = Pipeline::new(8, 1_000.0, 2_000.0);
    assert_eq!(health(pipeline.run(60)), (Word::KeepingUp, String::new()));
}

#[test]
fn the_store_throttles() {
    let mut pipeline = Pipeline::new(8, 4_000.0, 2_350.0);
    let (word, reason) = health(pipeline.run(60));
    assert_eq!(word, Word::FallingBehind);
    assert_eq!(reason, "Cosmos DB throttles: 100 % of 20,000 RU/s, 1,650 429s/s, range 1 hottest");
}

#[test]
fn what_waited_is_worked_off() {
    let mut pipeline = Pipeline::new(8, 4_000.0, 2_350.0);
    pipeline.run(60).rate = 500.0;
    let (word, reason) = health(pipeline.run(20));
    assert_eq!(word, Word::Draining);
    assert!(reason.ends_with("events wait on 8 of 8 partitions"), "{reason}");
    assert_eq!(health(pipeline.run(60)).0, Word::KeepingUp);
}

#[test]
fn one_partition_of_32_is_stuck() {
    let mut pipeline = Pipeline::new(32, 2_000.0, 4_000.0);
    pipeline.run(60).stuck = Some(17);
    assert_eq!(health(pipeline.run(30)), (Word::Stalled, "partition 17 has not moved for 30 s".into()));
}

#[test]
fn the_processor_does_nothing_at_all() {
    let mut pipeline = Pipeline::new(8, 1_000.0, 2_000.0);
    pipeline.run(60).away = vec![Station::Processor];
    let (word, reason) = health(pipeline.run(30));
    assert_eq!(word, Word::Stalled);
    assert!(reason.starts_with("8 of 8 partitions stand still, partition 0 for "), "{reason}");
}

/// A station that does not answer makes the monitor blind, and the word says so rather than repeat what was true.
#[test]
fn a_station_does_not_answer() {
    for (station, sentence) in [
        (Station::Ingest, "the ingest log: connection refused (127.0.0.1:5672)"),
        (Station::Checkpoints, "the checkpoints: connection refused (127.0.0.1:10000)"),
    ] {
        let mut pipeline = Pipeline::new(8, 1_000.0, 2_000.0);
        pipeline.run(60).away = vec![station];
        assert_eq!(health(pipeline.run(12)), (Word::Blind, sentence.to_owned()));
        pipeline.away.clear();
        assert_eq!(health(pipeline.run(30)), (Word::KeepingUp, String::new()), "it comes back by itself");
    }
}

/// All that are away are named; what is wrong is said of the first of them, in the order of the flow.
#[test]
fn several_stations_do_not_answer() {
    let mut pipeline = Pipeline::new(8, 1_000.0, 2_000.0);
    pipeline.run(60).away = vec![Station::Checkpoints, Station::Store];
    let reason = "the checkpoints: connection refused (127.0.0.1:10000); nor can the store be seen";
    assert_eq!(health(pipeline.run(12)), (Word::Blind, reason.to_owned()));
    pipeline.away.push(Station::Ingest);
    let reason = "the ingest log: connection refused (127.0.0.1:5672); nor can the checkpoints or the store be seen";
    assert_eq!(health(pipeline.run(12)), (Word::Blind, reason.to_owned()));
}

/// The store's silence does not hide the lag, which is known without it: it is said beside the word.
#[test]
fn the_store_does_not_answer() {
    let mut pipeline = Pipeline::new(8, 1_000.0, 2_000.0);
    pipeline.run(60).away = vec![Station::Store];
    let (word, reason) = health(pipeline.run(12));
    assert_eq!((word, reason.as_str()), (Word::KeepingUp, "the store: connection refused (127.0.0.1:8081)"));
}

/// What is more than the log takes in waits with its senders: the lag says nothing of it.
#[test]
fn the_ingest_log_is_at_its_limit() {
    let mut pipeline = Pipeline::new(8, 5_800.0, 8_000.0);
    let now = pipeline.run(30).now();
    let mut with = |units| {
        let fact = Fact::IngestCapacity(IngestCapacity::ThroughputUnits(units));
        pipeline.session.apply(&Observation { at: now, fact });
        Health::of(&pipeline.session, now).reason
    };
    assert_eq!(with(7), "");
    assert_eq!(with(6), "ingest is at its limit: 97 % of 6 throughput units, by events");
    // Events of 847 bytes come to 1,000 a second before they come to 1 MB a second; it is the nearer limit that counts.
    let used = pipeline.session.ingest_use(now).expect("it is known");
    assert_eq!((used.of, (used.share * 1e3).round()), (Of::Events, 967.0));
    let marks: Vec<&str> = pipeline.session.marks.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(marks, ["the ingest log has 6 throughput units, 7 throughput units before"]);
}

#[test]
fn without_a_place_of_positions_nothing_is_known_of_the_lag() {
    let mut pipeline = Pipeline::new(8, 1_000.0, 2_000.0);
    let unwatched =
        Observation { at: pipeline.now(), fact: Fact::Station(Station::Checkpoints, StationState::Unwatched) };
    pipeline.session.apply(&unwatched);
    assert_eq!(health(&pipeline), (Word::Starting, "waiting for the first look".into()));
    pipeline.away = vec![Station::Checkpoints];
    let now = pipeline.run(20).now();
    pipeline.session.apply(&Observation { at: now, ..unwatched });
    let (word, reason) = health(&pipeline);
    assert_eq!(word, Word::Blind);
    assert_eq!(reason, "no positions are watched, so lag can't be known: the scenario has no [position]");
}
