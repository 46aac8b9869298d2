//! Two recordings on one screen: golden frames at three sizes, what keys do, and what is said of bad input.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod command;
mod recording;
mod terminal;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use command::{complaint, out, run};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use recording::header;
use streamgauge::model::units::Time;
use streamgauge::recording::reader::Recording;
use streamgauge::recording::samples::Sample;
use streamgauge::recording::trace::{Moment, Trace};
use streamgauge::recording::writer::Writer;
use streamgauge::ui::compare::state::Comparison;
use streamgauge::ui::keymap::Action;
use streamgauge::ui::theme::Theme;
use streamgauge::ui::theme::rendition::{Depth, Glyphs, Rendition};
use streamgauge::ui::theme::text;
use streamgauge::ui::view;
use terminal::Program;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 36), (200, 60)];

/// The wall's clock stands still.
const WALL: Time = Time::from_millis(0);

/// Two samples that were read, paused at a place.
fn comparison(a: &str, b: &str, place: &str) -> Comparison {
    let trace = |name| {
        let sample = Sample::named(name).expect("it is there");
        Trace::of(sample.open().expect("a recording")).expect("a trace").whole()
    };
    let mut comparison = Comparison::new([trace(a), trace(b)], Arc::default(), WALL);
    comparison.act(Action::TogglePlay, WALL);
    comparison.tick(WALL);
    comparison.jump(place, WALL).expect("a place");
    comparison
}

fn cells(comparison: &Comparison, (width, height): (u16, u16)) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    view::compare::draw(area, &mut buffer, comparison, &Theme::dark());
    buffer
}

fn frame(comparison: &Comparison, size: (u16, u16)) -> String {
    text::plain(&cells(comparison, size)).join("\n")
}

#[test]
fn two_traces_in_each_chart() {
    let trouble = comparison("steady", "throttled", "75s");
    for size in SIZES {
        insta::assert_snapshot!(format!("steady-throttled-{}x{}", size.0, size.1), frame(&trouble, size));
    }
}

#[test]
fn what_is_away_is_a_gap_and_a_dash() {
    let away = comparison("outage", "steady", "34s");
    let shown = frame(&away, SIZES[1]);
    assert!(shown.contains("A       -   B    80/s  diff        -"), "{shown}");
    insta::assert_snapshot!("outage-steady-120x36", shown);
}

/// The shorter one is blank past its end, not frozen at its last figure.
#[test]
fn what_has_ended_is_blank() {
    let whole = Sample::named("outage").expect("it is there").bytes;
    let bytes = zstd::decode_all(whole).expect("whole frames");
    // Up to 100 s after the header's line, or a little more.
    let short = Recording::from_pipe(&bytes[..bytes.len() * 2 / 3], "outage").expect("a recording");
    let traces = [Sample::named("throttled").expect("it is there").open().expect("a recording"), short];
    let mut over = Comparison::new(traces.map(|of| Trace::of(of).expect("a trace").whole()), Arc::default(), WALL);
    over.act(Action::TogglePlay, WALL);
    over.tick(WALL);
    over.forget_notice(WALL.after(Duration::from_secs(3_600)), Duration::ZERO);
    over.jump("end", WALL).expect("a place");
    assert!(matches!(over.moments(), [Moment::Known(_), Moment::Over]));
    let shown = frame(&over, SIZES[0]);
    assert!(shown.contains("■ ended at 00:01:") && shown.contains("A    20/s   B          diff        -"), "{shown}");
    insta::assert_snapshot!("ended-80x24", shown);
}

/// One that is some milliseconds shorter has not ended before the other: both show their last figures.
#[test]
fn recordings_of_one_length_end_together() {
    let both = comparison("throttled", "outage", "end");
    let lengths = both.sides.each_ref().map(Trace::length);
    assert!(lengths[0] != lengths[1] && lengths[0].abs_diff(lengths[1]) < Duration::from_secs(1), "{lengths:?}");
    assert!(both.moments().iter().all(|moment| matches!(moment, Moment::Known(_))), "{:?}", both.moments());
    assert!(!frame(&both, SIZES[0]).contains("ended at"));
}

#[test]
fn without_colour_and_in_ascii_the_traces_are_told_apart() {
    let trouble = comparison("steady", "throttled", "75s");
    let mut buffer = cells(&trouble, SIZES[0]);
    Rendition { depth: Depth::None, glyphs: Glyphs::Ascii }.apply(&mut buffer);
    let shown = text::plain(&buffer).join("\n");
    assert!(shown.is_ascii());
    insta::assert_snapshot!("ascii-80x24", shown);
}

#[test]
fn the_help_names_the_keys_and_the_traces() {
    for size in SIZES {
        let mut comparison = comparison("steady", "throttled", "10s");
        comparison.act(Action::ToggleHelp, WALL);
        let shown = frame(&comparison, size);
        for line in
            ["one look forth", "to the start", "quit", "the first, an area", "the second, a line", "both in one place"]
        {
            assert!(shown.contains(line), "{line}: {shown}");
        }
        assert!(!shown.contains("mark") && !shown.contains("load"), "only what works here: {shown}");
    }
}

#[test]
fn no_size_is_too_small_to_say_what_is_needed() {
    let comparison = comparison("steady", "throttled", "10s");
    assert_eq!(frame(&comparison, (79, 24)).trim_end(), "compare\nneeds 80 x 24\nhas 79 x 24");
    for width in [1, 2, 40, 80, 81, 500] {
        for height in [1, 2, 23, 24, 25, 120] {
            cells(&comparison, (width, height));
        }
    }
}

/// A click on a chart goes to what its cell shows: the cursor then stands there.
#[test]
fn a_cell_of_a_chart_is_a_moment() {
    for size in SIZES {
        let mut comparison = comparison("steady", "throttled", "start");
        let area = Rect::new(0, 0, size.0, size.1);
        let mut cells_with_a_moment = 0;
        for (x, y) in (0..size.0).flat_map(|x| [(x, size.1 / 4), (x, 0)]) {
            let Some(offset) = view::compare::offset_at(area, (x, y), &comparison) else { continue };
            cells_with_a_moment += 1;
            comparison.go_to(offset, WALL);
            let drawn = cells(&comparison, size);
            assert_eq!(drawn[(x, y)].symbol(), "┃", "{size:?}: {x} {offset:?}");
        }
        assert_eq!(cells_with_a_moment, size.0 - 2 * (2 + 6), "all cells of two plots, and none of the title");
    }
    assert_eq!(
        view::compare::offset_at(Rect::new(0, 0, 79, 24), (20, 10), &comparison("steady", "steady", "0s")),
        None
    );
}

/// Long names leave room for the word, and keep their ends.
#[test]
fn long_names_keep_their_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let long = folder.path().join("a-name-that-is-much-too-long-for-a-row-of-a-small-terminal-after.jsonl.zst");
    std::fs::write(&long, Sample::named("steady").expect("it is there").bytes).expect("a file");
    let trace = |path: &Path| Trace::of(Recording::open(path).expect("a recording")).expect("a trace").whole();
    let comparison = Comparison::new([trace(&long), trace(&long)], Arc::default(), WALL);
    let shown = frame(&comparison, SIZES[0]);
    assert!(shown.contains("-after.jsonl.zst   ? BLIND") && shown.contains(" A ⣿  …"), "{shown}");
}

/// A recording that was cut off is compared as far as it goes, and that is said.
#[test]
fn a_cut_recording_is_told_by_its_letter() {
    let folder = tempfile::tempdir().expect("a folder");
    let cut = folder.path().join("cut.jsonl.zst");
    let sample = Sample::named("steady").expect("it is there");
    std::fs::write(&cut, &sample.bytes[..sample.bytes.len() / 2]).expect("a file");
    let whole = Trace::of(sample.open().expect("a recording")).expect("a trace").whole();
    let cut = Trace::of(Recording::open(&cut).expect("a recording")).expect("a trace").whole();
    assert!(cut.length() < whole.length() && cut.length() > Duration::from_secs(30), "{:?}", cut.length());
    let mut comparison = Comparison::new([whole, cut], Arc::default(), WALL);
    comparison.tick(WALL);
    let shown = frame(&comparison, SIZES[1]);
    assert!(shown.contains("B: the recording was cut off; it plays up to its last whole second"), "{shown}");
}

#[test]
fn keys_move_both_in_a_terminal() {
    let mut program = Program::start(&["compare", "steady", "throttled", "--screen"], SIZES[0]);
    program.wait_for("both, playing", |screen| screen.contains("▶ 1x 00:00:0") && screen.contains("B ─  throttled"));
    assert!(program.has_the_terminal());
    program.press(" g14:05\r");
    program.wait_for("the sentence", |screen| screen.contains("two recordings share no time of day"));
    program.press("g75s\r");
    program.wait_for("the place", |screen| screen.contains("‖ 1x 00:01:15 of 00:02:25"));
    program.wait_for("both there", |screen| screen.contains("✔ KEEPING UP") && screen.contains("▲ FALLING BEHIND"));
    program.press("\u{1b}[C.");
    program.wait_for("10 s and a look later", |screen| screen.contains("00:01:26 of"));
    program.press(">");
    program.wait_for("twice as fast", |screen| screen.contains("‖ 2x"));
    program.click((program.place_of("2:00").0, 8));
    program.wait_for("where the mouse was", |screen| screen.contains("‖ 2x 00:01:59"));
    program.resize((70, 20));
    program.wait_for("what it needs", |screen| screen.contains("needs 80 x 24"));
    program.resize(SIZES[1]);
    program.wait_for("the charts", |screen| screen.contains("Enqueued to stored, p99"));
    program.press("q");
    assert!(program.end().success());
    assert_eq!(program.not_as_before(), Vec::<String>::new());
}

#[test]
fn a_terminal_that_can_not_place_text_is_told_what_to_do() {
    let arguments = ["compare", "steady", "throttled", "--screen"];
    let mut program = Program::start_with(&arguments, SIZES[0], &[("TERM", "dumb")]);
    assert_eq!(program.end().exit_code(), 2);
    assert!(program.screen().replace('\n', " ").contains("leave --screen out for text"), "{}", program.screen());
}

#[test]
fn what_can_not_be_shown_is_said_in_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let nothing = folder.path().join("nothing.jsonl.zst");
    Writer::create(&nothing, &header()).expect("a writer").finish();
    let nothing = nothing.to_str().expect("a path");
    let table: [(&[&str], i32, &str); 6] = [
        (&["steady", "throttled", "--screen"], 2, "--screen needs a terminal, and standard output is none; run it in"),
        (&["steady", "README.md", "--screen"], 3, "README.md is not a recording"),
        (&["nowhere", "steady", "--screen"], 3, "can't read nowhere"),
        (&["steady", nothing, "--screen"], 3, "holds no observation: there is nothing to show; try another recording"),
        (&["steady", "steady", "--screen", "--json"], 2, "'--screen' cannot be used with '--json'"),
        (&["steady", "steady", "--ascii"], 2, "--theme, --colour and --ascii are for the screen; add --screen"),
    ];
    for (arguments, code, sentence) in table {
        let output = run(&[&["compare"], arguments].concat());
        let said = complaint(&output);
        assert_eq!((output.status.code(), out(&output)), (Some(code), String::new()), "{arguments:?}: {said}");
        assert!(said.contains(sentence) && said.lines().count() == 1, "{arguments:?}: {said}");
    }
}
