//! The recordings that come with the program: each shows what its sentence says, at three sizes and several moments, and
//! the same cells whichever way a moment was reached, in any time zone, live or replayed.
//!
//! `STREAMGAUGE_FRAMES=print cargo test --test recordings frames -- --nocapture` prints them all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod recording;

use std::process::Command;
use std::time::Duration;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use recording::{Pipeline, header};
use streamgauge::model::health::{Health, Word};
use streamgauge::model::observation::{Observation, Station};
use streamgauge::model::session::Session;
use streamgauge::model::units::Time;
use streamgauge::recording::format::{LatenciesAre, Skipped};
use streamgauge::recording::player::Player;
use streamgauge::recording::reader::Ending;
use streamgauge::recording::samples::{ALL, Sample};
use streamgauge::recording::survey::{Event, Moment};
use streamgauge::recording::writer::Writer;
use streamgauge::ui::keymap::Action;
use streamgauge::ui::playback::Playback;
use streamgauge::ui::replay::view_of;
use streamgauge::ui::state::ViewState;
use streamgauge::ui::theme::Theme;
use streamgauge::ui::view;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 36), (200, 60)];

/// Each sample and the seconds at which its golden frames stand.
const FRAMES: [(&str, [u64; 3]); 5] = [
    ("steady", [5, 60, 140]),
    ("throttled", [30, 75, 140]),
    ("restart", [30, 43, 140]),
    ("stuck", [30, 95, 140]),
    ("outage", [34, 74, 114]),
];

/// A player that has read everything.
fn player(sample: &Sample) -> Player {
    let mut player = sample.play().expect("a player");
    let (_, last) = player.span();
    player.session_at(last).expect("the end");
    player
}

fn cells(session: &Session, state: &ViewState, (width, height): (u16, u16)) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    view::draw(area, &mut buffer, session, state, &Theme::dark());
    buffer
}

fn text(buffer: &Buffer) -> String {
    let rows = buffer.content().chunks(usize::from(buffer.area.width.max(1)));
    let rows = rows.map(|row| row.iter().map(Cell::symbol).collect::<String>().trim_end().to_owned());
    rows.collect::<Vec<_>>().join("\n")
}

/// A replay that stands still, as a person sees it.
struct Screen {
    playback: Playback,
    state: ViewState,
    first: Time,
}

impl Screen {
    fn of(sample: &Sample) -> Self {
        let player = player(sample);
        let (state, (first, _)) = (view_of(&player), player.span());
        let mut playback = Playback::of_file(player, false, first);
        playback.act(Action::TogglePlay, first);
        Self { playback, state, first }
    }

    fn at(&mut self, elapsed: Duration) -> &mut Self {
        self.playback.act(Action::Start, self.first);
        let whole = elapsed.as_secs();
        self.playback.jump(&format!("{whole}s"), self.first).expect("a place");
        for _ in 0..elapsed.subsec_millis() / 250 {
            self.playback.act(Action::StepForth, self.first);
        }
        self.playback.tick(self.first).expect("it plays");
        self.state.show(&self.playback);
        self
    }

    fn draw(&mut self, size: (u16, u16)) -> Buffer {
        cells(self.playback.session(), &self.state, size)
    }
}

fn named(name: &str) -> &'static Sample {
    Sample::named(name).expect("it is there")
}

#[test]
fn frames_are_as_they_were() {
    for (name, seconds) in FRAMES {
        let mut screen = Screen::of(named(name));
        for second in seconds {
            for size in SIZES {
                let frame = text(&screen.at(Duration::from_secs(second)).draw(size));
                if std::env::var_os("STREAMGAUGE_FRAMES").is_some() {
                    eprintln!("{name} at {second} s, {} x {}\n{frame}\n", size.0, size.1);
                }
                insta::assert_snapshot!(format!("{name}-{second}s-{}x{}", size.0, size.1), frame);
            }
        }
    }
}

/// The keys to each larger view, from the overview.
const ZOOMS: [(&str, &[Action]); 7] = [
    ("ingest", &[Action::ZoomIngest]),
    ("lag", &[Action::ZoomLag]),
    ("partition", &[Action::ZoomLag, Action::Zoom]),
    ("serve", &[Action::ZoomServe]),
    ("range", &[Action::ZoomServe, Action::Zoom]),
    ("timeline", &[Action::ZoomTimeline]),
    ("log", &[Action::ZoomLog]),
];

#[test]
fn each_panel_fills_the_screen() {
    let mut screen = Screen::of(named("throttled"));
    screen.at(Duration::from_secs(90));
    // Latencies of the minutes before the jump come bit by bit.
    for _ in 0..10 {
        screen.playback.tick(screen.first).expect("it plays");
    }
    for (name, keys) in ZOOMS {
        let mut state = screen.state.clone();
        for key in keys {
            assert!(state.act(*key, screen.playback.session()));
        }
        for size in SIZES {
            let frame = text(&cells(screen.playback.session(), &state, size));
            insta::assert_snapshot!(format!("zoom-{name}-{}x{}", size.0, size.1), frame);
        }
    }
}

#[test]
fn the_time_zone_of_the_machine_has_no_influence() {
    for zone in ["Asia/Kathmandu", "America/St_Johns"] {
        let mut golden = Command::new(std::env::current_exe().expect("this test"));
        golden.args(["--exact", "frames_are_as_they_were"]).env("TZ", zone).env("INSTA_UPDATE", "no");
        let output = golden.output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{zone}: {said}");
    }
}

#[test]
fn a_moment_draws_the_same_cells_reached_forth_back_and_at_once() {
    for sample in &ALL {
        let moments: Vec<Duration> = (0..12).map(|step| Duration::from_millis(step * 12_250 + 500)).collect();
        let mut screen = Screen::of(sample);
        let forth: Vec<Buffer> = moments.iter().map(|at| screen.at(*at).draw(SIZES[1])).collect();
        for (at, expected) in moments.iter().zip(&forth).rev() {
            assert!(screen.at(*at).draw(SIZES[1]) == *expected, "{} back at {at:?}", sample.name);
        }
        for (at, expected) in moments.iter().zip(&forth).step_by(5) {
            assert!(Screen::of(sample).at(*at).draw(SIZES[1]) == *expected, "{} at once {at:?}", sample.name);
        }
    }
}

#[test]
fn each_is_small_whole_and_two_to_five_minutes_long() {
    for sample in &ALL {
        let player = player(sample);
        let (first, last) = player.span();
        let span = last.since(first);
        assert!((120..300).contains(&span.as_secs()), "{}: {span:?}", sample.name);
        assert!(sample.bytes.len() < 500_000, "{}: {} bytes", sample.name, sample.bytes.len());
        let outcome = player.outcome().expect("it was read");
        assert_eq!(outcome.ending, Ending::Whole, "{}", sample.name);
        assert!(outcome.skipped.is_empty(), "{}: {:?}", sample.name, outcome.skipped);
        let tally = player.session().tally.expect("a tally");
        assert_eq!((tally.lost, tally.foreign), (0, 0), "{}: {tally:?}", sample.name);
        let readme = include_str!("../recordings/README.md");
        assert!(readme.contains(&format!("`{}.jsonl.zst`", sample.name)), "the README tells of {}", sample.name);
    }
}

/// The word, and the sentence why, so many seconds after the beginning.
fn health(player: &mut Player, seconds: u64) -> Health {
    let at = player.span().0.after(Duration::from_secs(seconds));
    Health::of(player.session_at(at).expect("a session"), at)
}

fn marks(moments: &[Moment]) -> Vec<&str> {
    let mut marks = Vec::new();
    for moment in moments {
        if let Event::Mark(text) = &moment.event {
            marks.push(text.as_str());
        }
    }
    marks
}

#[test]
fn steady_keeps_up_throughout() {
    let mut player = player(named("steady"));
    for second in (10..145).step_by(5) {
        let health = health(&mut player, second);
        assert_eq!((health.word, health.reason.as_str()), (Word::KeepingUp, ""), "at {second} s");
    }
}

#[test]
fn throttled_falls_behind_for_the_store_and_recovers() {
    let mut player = player(named("throttled"));
    assert_eq!(health(&mut player, 30).word, Word::KeepingUp);
    let trouble = health(&mut player, 75);
    assert_eq!(trouble.word, Word::FallingBehind);
    assert!(trouble.reason.starts_with("Cosmos DB throttles: "), "{}", trouble.reason);
    let words: Vec<Word> = (81..120).map(|second| health(&mut player, second).word).collect();
    assert!(words.contains(&Word::Draining), "{words:?}");
    assert_eq!(health(&mut player, 140).word, Word::KeepingUp);
    assert_eq!(marks(player.survey().moments()), ["load 45/s", "load 60/s", "load 110/s", "load 20/s"]);
}

#[test]
fn restart_loses_nothing_and_repeats_something() {
    let mut player = player(named("restart"));
    let tally = player.session().tally.expect("a tally");
    assert!(tally.duplicated > tally.copies, "{tally:?}");
    for (up, down) in [(28, 43), (80, 103)] {
        assert_eq!(health(&mut player, up).word, Word::KeepingUp, "at {up} s");
        assert_ne!(health(&mut player, down).word, Word::KeepingUp, "at {down} s");
    }
    assert_eq!(health(&mut player, 140).word, Word::KeepingUp);
    let (killed, started) = ("processor killed", "processor started");
    assert_eq!(marks(player.survey().moments()), [killed, started, killed, started]);
}

#[test]
fn stuck_names_the_one_partition() {
    let mut player = player(named("stuck"));
    assert_eq!(player.session().partitions.len(), 32);
    assert_eq!(health(&mut player, 28).word, Word::KeepingUp);
    let stuck = health(&mut player, 95);
    assert_eq!(stuck.word, Word::Stalled);
    assert!(stuck.reason.contains("17"), "{}", stuck.reason);
    assert_eq!(health(&mut player, 140).word, Word::KeepingUp);
    assert_eq!(marks(player.survey().moments()), ["partition 17 is held", "partition 17 is released"]);
}

#[test]
fn outage_takes_each_station_away_and_brings_it_back() {
    let mut player = player(named("outage"));
    for station in [Station::Ingest, Station::Checkpoints, Station::Store] {
        let survey = player.survey();
        let happens = |event: Event| survey.moments().iter().find(|moment| moment.event == event).map(|seen| seen.at);
        let (away, back) = (happens(Event::Fault(station)), happens(Event::Recovery(station)));
        assert!(away.is_some() && away < back, "{station:?}: {away:?} to {back:?}");
    }
    for well in [23, 63, 103, 143] {
        assert_eq!(health(&mut player, well).word, Word::KeepingUp, "at {well} s");
    }
}

/// All observations of a sample.
fn observations(sample: &Sample) -> Vec<Observation> {
    let recording = sample.open().expect("a recording");
    let (mut frames, mut seen) = (recording.frames_from(0), Vec::new());
    while let Some((_, observations)) =
        frames.next_frame(LatenciesAre::Read, &mut Skipped::default()).expect("it can be read")
    {
        seen.extend(observations);
    }
    seen
}

/// A live session that takes observations as they come and draws now and then, beside a replay of what was written.
fn live_and_replay_agree(name: &str, observations: &[Observation]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("live.jsonl.zst");
    let writer = Writer::create(&path, &header()).expect("a writer");
    let mut live = Session::new();
    let mut drawn = Vec::new();
    let state = |now| ViewState::new("a session", now);
    let mut next = observations.first().map_or(Time::default(), |first| first.at);
    for observation in observations {
        while observation.at > next {
            drawn.push((next, SIZES.map(|size| cells(&live, &state(next), size))));
            next = next.after(Duration::from_millis(7_300));
        }
        writer.record_patiently(observation);
        live.apply(observation);
    }
    writer.finish();
    let mut player = Player::open(&path).expect("a player");
    for (at, expected) in &drawn {
        let session = player.session_at(*at).expect("a session");
        for (size, expected) in SIZES.into_iter().zip(expected) {
            let found = cells(session, &state(*at), size);
            assert!(found == *expected, "{name} at {at:?}: live\n{}\nreplayed\n{}", text(expected), text(&found));
        }
    }
    assert!(drawn.len() > 7, "{name}: {}", drawn.len());
}

#[test]
fn live_and_replay_draw_the_same_frame_at_the_same_moment() {
    live_and_replay_agree("a pipeline", &Pipeline::new(8, 400.0).seconds(60));
    for sample in &ALL {
        live_and_replay_agree(sample.name, &observations(sample));
    }
}
