//! Replay: the session at any moment is the same whichever way it was reached, live or from a file.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that can't go on has to fail")]

mod recording;

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use recording::{Dice, NOON, Pipeline, any_fact, header, latencies};
use streamgauge::model::latency::LatencyWindow;
use streamgauge::model::observation::{Fact, Observation, Station, StationState};
use streamgauge::model::session::Session;
use streamgauge::model::units::Time;
use streamgauge::recording::format::{LatenciesAre, LineWriter, Skipped, read_line};
use streamgauge::recording::player::{Filled, Player, Reached};
use streamgauge::recording::reader::Ending;
use streamgauge::recording::survey::Event;
use streamgauge::recording::writer::{Writer, WriterState};

fn record(path: &Path, observations: &[Observation]) -> Writer {
    let writer = Writer::create(path, &header()).expect("a writer");
    for observation in observations {
        writer.record_patiently(observation);
    }
    writer
}

/// What a session is at a moment, by the definition: all observations before the first that is later. Histograms are
/// compared by their insides below, and the format keeps their counts, not which value within a bucket was the largest:
/// so they go through its lines here, too.
fn folded(observations: &[Observation], at: Time) -> Session {
    let (mut writer, mut text) = (LineWriter::default(), Vec::new());
    for seen in observations.iter().take_while(|observation| observation.at <= at) {
        writer.push(seen, &mut text);
    }
    writer.finish(&mut text);
    let mut seen = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        read_line(line, LatenciesAre::Read, &mut seen, &mut Skipped::default());
    }
    let mut session = Session::new();
    for seen in &seen {
        session.apply(seen);
    }
    session
}

/// All of a session, its private parts too. Too long to print where two differ: the first place says where to look.
fn assert_same(found: &Session, expected: &Session, when: &str) {
    let (found, expected) = (format!("{found:?}"), format!("{expected:?}"));
    if found != expected {
        let place = found.bytes().zip(expected.bytes()).take_while(|(a, b)| a == b).count();
        let around = |text: &str| {
            let from = place.saturating_sub(200);
            String::from_utf8_lossy(&text.as_bytes()[from..text.len().min(place + 100)]).into_owned()
        };
        panic!("{when}: found\n{}\nexpected\n{}", around(&found), around(&expected));
    }
}

fn after(micros: u64) -> Time {
    NOON.after(Duration::from_micros(micros))
}

#[test]
fn the_session_at_a_moment_does_not_depend_on_the_way_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.jsonl.zst");
    let observations = Pipeline::new(4, 40.0).seconds(240);
    record(&path, &observations).finish();
    let mut player = Player::open(&path).expect("a player");
    // All read, so that there are snapshots to begin at.
    player.session_at(after(300_000_000)).expect("the end");
    assert!(player.survey().snapshot_bytes() > 0);
    let mut dice = Dice::new(4);
    for _ in 0..40 {
        let at = after(dice.below(245_000_000));
        let found = player.session_at(at).expect("a session");
        assert_same(found, &folded(&observations, at), &format!("{at:?}"));
    }
}

#[test]
fn forth_in_small_steps_is_the_session_as_it_grew() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.jsonl.zst");
    let observations = Pipeline::new(2, 40.0).seconds(20);
    record(&path, &observations).finish();
    let mut player = Player::open(&path).expect("a player");
    for tick in 0..90 {
        let at = after(tick * 250_000);
        assert_same(player.session_at(at).expect("a session"), &folded(&observations, at), &format!("tick {tick}"));
    }
}

#[test]
fn looking_back_while_it_is_being_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.jsonl.zst");
    let observations = Pipeline::new(4, 40.0).seconds(120);
    let (before, later) = observations.split_at(observations.len() / 2);
    let writer = record(&path, before);
    let mut player = Player::of_live(&path, writer.survey()).expect("a player");
    // What was just seen may still wait for its frame; what has one is there at once.
    let settled = loop {
        let (_, last) = player.span();
        if last >= after(55_000_000) {
            break last;
        }
        std::thread::yield_now();
    };
    for at in [settled, after(3_000_000), after(40_000_000)] {
        assert_eq!(player.go_to(at).expect("a session"), Reached::There);
        // Latencies of minutes ago come bit by bit.
        while player.fill_latencies(7).expect("latencies") == Filled::Partly {}
        assert_same(player.session(), &folded(&observations, at), "while it is being written");
    }
    for observation in later {
        writer.record_patiently(observation);
    }
    assert!(matches!(writer.finish(), WriterState::Finished { .. }));
    let end = after(130_000_000);
    assert_eq!(player.go_to(end).expect("a session"), Reached::There);
    while player.fill_latencies(7).expect("latencies") == Filled::Partly {}
    assert_same(player.session(), &folded(&observations, end), "after its end");
}

#[test]
fn what_happened_stands_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.jsonl.zst");
    let mut observations = Pipeline::new(2, 40.0).seconds(30);
    let mut say = |second: u64, fact: Fact| {
        let at = after(second * 1_000_000);
        let place = observations.partition_point(|seen| seen.at <= at);
        observations.insert(place, Observation { at, fact });
    };
    let retrying = StationState::Retrying { reason: "connection refused".into(), next_attempt: after(13_000_000) };
    say(5, Fact::Mark("twice the load".into()));
    say(12, Fact::Station(Station::Store, retrying.clone()));
    say(13, Fact::Station(Station::Store, retrying));
    say(14, Fact::Station(Station::Store, StationState::Connected));
    record(&path, &observations).finish();
    let mut player = Player::open(&path).expect("a player");
    player.session_at(after(60_000_000)).expect("the end");
    let survey = player.survey();
    let told = |event: &&Event| !matches!(event, Event::Status(_));
    let events: Vec<&Event> = survey.moments().iter().map(|moment| &moment.event).filter(told).collect();
    let expected =
        [Event::Mark("twice the load".into()), Event::Fault(Station::Store), Event::Recovery(Station::Store)];
    assert_eq!(events, expected.iter().collect::<Vec<_>>());
    assert!(survey.moments().is_sorted_by_key(|moment| moment.at));
    drop(survey);
    assert_eq!(player.outcome().map(|outcome| outcome.ending), Some(Ending::Whole));
}

#[test]
fn a_damaged_recording_plays_up_to_the_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.jsonl.zst");
    let observations = Pipeline::new(2, 40.0).seconds(30);
    record(&path, &observations).finish();
    let mut bytes = std::fs::read(&path).expect("the file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    std::fs::write(&path, bytes).expect("the file");
    let mut player = Player::open(&path).expect("a player");
    player.session_at(after(60_000_000)).expect("what there is");
    let (_, last) = player.span();
    assert_same(player.session(), &folded(&observations, last), "up to the damage");
    let outcome = player.outcome().expect("all is read");
    assert!(matches!(outcome.ending, Ending::Damaged { at, .. } if at <= middle as u64), "{outcome:?}");
}

/// Whichever of them is the earlier one: what the end of the file says is of the second.
#[test]
fn a_replay_ends_where_a_second_recording_begins() {
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = |name: &str, observations: &[Observation]| {
        let path = folder.path().join(name);
        record(&path, observations).finish();
        std::fs::read(&path).expect("the file")
    };
    let observations = Pipeline::new(2, 40.0).seconds(30);
    let (first, second) = (bytes("a.jsonl.zst", &observations), bytes("b.jsonl.zst", &observations[..200]));
    let path = folder.path().join("both.jsonl.zst");
    std::fs::write(&path, [first.as_slice(), &second].concat()).expect("the file");
    let mut player = Player::open(&path).expect("a player");
    player.wait_until_read();
    let (_, last) = player.span();
    assert_eq!(Some(last), observations.last().map(|last| last.at));
    player.session_at(last).expect("its end");
    assert_same(player.session(), &folded(&observations, last), "the first alone");
    let flaw = player.outcome().and_then(|outcome| outcome.flaw()).expect("a sentence");
    assert!(flaw.starts_with(&format!("a second recording begins at byte {} and", first.len())), "{flaw}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever is in the file, and whatever its clock did: a moment reached by a jump is the moment reached by playing.
    #[test]
    fn any_recording_replays_the_same(
        gaps in proptest::collection::vec((-3_000_000_i64..9_000_000, any_fact()), 1..120),
        asked in proptest::collection::vec(-10_000_000_i64..500_000_000, 1..8),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.jsonl.zst");
        let mut micros = NOON.as_micros();
        let observations: Vec<Observation> = gaps.into_iter().map(|(gap, fact)| {
            micros += gap;
            Observation { at: Time::from_micros(micros), fact }
        }).collect();
        record(&path, &observations).finish();
        let mut player = Player::open(&path).expect("a player");
        player.session_at(Time::from_micros(i64::MAX)).expect("the end");
        for offset in asked {
            let at = Time::from_micros(NOON.as_micros() + offset);
            let found = player.session_at(at).expect("a session").clone();
            let expected = folded(&observations, at);
            // Latencies older than any window may be forgotten after a jump: compare what a screen can show of them.
            let shown = |session: &Session| session.latest().and_then(|now| session.stored_latency.percentiles(now));
            prop_assert_eq!(shown(&found), shown(&expected));
            let stripped = |mut session: Session| {
                session.stored_latency = LatencyWindow::default();
                if let Some(load) = &mut session.load {
                    (load.from_due, load.from_send) = (LatencyWindow::default(), LatencyWindow::default());
                    (load.figures.from_due, load.figures.from_send) = (latencies([]), latencies([]));
                }
                session
            };
            assert_same(&stripped(found), &stripped(expected), &format!("{at:?}"));
        }
    }
}
