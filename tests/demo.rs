//! Demos: captions and big letters as a person sees them, a script performed by the whole program, and what is said of
//! scripts that can't be.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod command;
mod pipeline;
mod terminal;

use std::path::PathBuf;
use std::time::Duration;

use command::{complaint, out};
use pipeline::Pipeline;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use streamgauge::demo::shipped;
use streamgauge::model::observation::Station;
use streamgauge::recording::player::Player;
use streamgauge::recording::survey::Event;
use streamgauge::ui::state::{ScriptSign, ScriptStands, ViewState};
use streamgauge::ui::theme::Theme;
use streamgauge::ui::view;
use terminal::{Program, figure};

fn frame(pipeline: &Pipeline, state: &ViewState, (width, height): (u16, u16)) -> String {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    view::draw(area, &mut buffer, &pipeline.session, state, &Theme::dark());
    let rows = buffer.content().chunks(usize::from(width.max(1)));
    let rows = rows.map(|row| row.iter().map(Cell::symbol).collect::<String>().trim_end().to_owned());
    rows.collect::<Vec<_>>().join("\n")
}

/// A store that throttles, with the load on.
fn in_trouble() -> Pipeline {
    let mut pipeline = Pipeline::new(8, 1_000.0, 2_350.0);
    pipeline.run(60).rate = 4_000.0;
    pipeline.run(45);
    pipeline
}

fn state(pipeline: &Pipeline) -> ViewState {
    ViewState { load_control: true, ..ViewState::new("demo", pipeline.now()) }
}

fn in_script(pipeline: &Pipeline, caption: Option<&str>, stands: ScriptStands) -> ViewState {
    let (place, span) = (Duration::from_secs(105), Duration::from_secs(180));
    let script = Some(ScriptSign { place, span, stands });
    ViewState { caption: caption.map(str::to_owned), script, ..state(pipeline) }
}

const CAPTION: &str = "The lag grows on every partition, and the health line names the cause: Cosmos DB throttles.";

#[test]
fn a_caption_stands_below_the_screen_and_hides_nothing() {
    let pipeline = in_trouble();
    for size in [(80, 24), (120, 36), (200, 60)] {
        let said = in_script(&pipeline, Some(CAPTION), ScriptStands::Running);
        let shown = frame(&pipeline, &said, size);
        insta::assert_snapshot!(format!("caption-{}x{}", size.0, size.1), shown);
        let silent = frame(&pipeline, &in_script(&pipeline, None, ScriptStands::Waiting), size);
        assert!(silent.contains("‖ 1:45 of 3:00"), "{silent}");
        let top = |frame: &str| frame.lines().take(usize::from(size.1) - 4).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(top(&shown), top(&silent), "nothing jumps when a caption comes or goes");
    }
}

#[test]
fn big_letters_stand_above_the_screen_and_hide_nothing() {
    let pipeline = in_trouble();
    for size in [(120, 36), (200, 60)] {
        let shown = frame(&pipeline, &ViewState { big: true, ..state(&pipeline) }, size);
        assert!(shown.contains("▲ FALLING BEHIND") && shown.contains("Cosmos DB throttles: "), "{shown}");
        insta::assert_snapshot!(format!("big-{}x{}", size.0, size.1), shown);
    }
    let both = ViewState { big: true, ..in_script(&pipeline, Some(CAPTION), ScriptStands::Over) };
    insta::assert_snapshot!("big-caption-120x36", frame(&pipeline, &both, (120, 36)));
    for size in [(119, 36), (120, 35), (80, 24), (1, 1), (0, 0)] {
        let big = frame(&pipeline, &ViewState { big: true, ..state(&pipeline) }, size);
        assert_eq!(big, frame(&pipeline, &state(&pipeline), size), "no room for them at {size:?}");
    }
}

#[test]
fn what_is_not_seen_is_not_shown_in_big_letters() {
    let mut pipeline = Pipeline::new(8, 1_000.0, 2_000.0);
    pipeline.run(60).away = vec![Station::Checkpoints];
    pipeline.run(12);
    insta::assert_snapshot!(
        "big-blind-120x36",
        frame(&pipeline, &ViewState { big: true, ..state(&pipeline) }, (120, 36))
    );
}

#[test]
fn where_there_is_no_room_it_is_said_once() {
    let pipeline = in_trouble();
    let mut state = ViewState { big: true, ..state(&pipeline) };
    let said = |state: &ViewState| state.notice.as_ref().map(|(text, _)| text.clone());
    state.check_room((80, 24).into(), pipeline.now());
    assert_eq!(said(&state).as_deref(), Some("big letters need 120 x 36; this is 80 x 24"));
    state.notice = None;
    state.check_room((80, 24).into(), pipeline.now());
    assert_eq!(said(&state), None);
    state.check_room((120, 36).into(), pipeline.now());
    assert_eq!(said(&state), None);
    state.check_room((100, 36).into(), pipeline.now());
    assert!(said(&state).is_some_and(|text| text.ends_with("this is 100 x 36")));
}

/// A file of this test's own.
fn file(name: &str, text: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("demo");
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(name);
    drop(std::fs::remove_file(&path));
    if !text.is_empty() {
        std::fs::write(&path, text).expect("a file");
    }
    path
}

/// Short, and of everything something.
const SCRIPT: &str = r#"
title = "a demo of the test's own"
end = "16s"

[scenario]
partitions = 4
rate = 50
ru = 2000
duplicates = 0

[[step]]
at = "0s"
caption = "It begins with little."

[[step]]
at = "6s"
rate = 120
fault = { service = "cosmos", kind = "cut" }
caption = "Now the store is away."

[[step]]
at = "14s"
repair = "cosmos"
big = true
caption = "It is back."
"#;

#[test]
fn a_script_is_performed_and_recorded_with_its_chapters() {
    let script = file("short.toml", SCRIPT);
    let recording = file("short.jsonl.zst", "");
    let [script, record] = [&script, &recording].map(|path| path.to_str().expect("a path"));
    let mut program = Program::start(&["demo", script, "--record", record], (120, 36));
    program.wait_for("the first caption", |screen| {
        screen.contains("a demo of the test's own")
            && screen.contains("It begins with little.")
            && screen.contains("of 0:16")
    });
    // The script and its load wait while somebody looks back.
    program.press(" ");
    program.wait_for("a look back", |screen| screen.contains("BEHIND LIVE") && screen.contains("‖ 0:0"));
    program.press("\u{1b}");
    program.wait_for("the present", |screen| screen.contains("● LIVE") && screen.contains("▶ 0:0"));
    program.wait_for("events in the store", |screen| figure(screen, "stored") > Some(0));
    program.wait_for("the fault at its station", |screen| {
        screen.contains("Now the store is away.") && screen.contains("120/s") && screen.contains("✖ away")
    });
    program.wait_for("the end", |screen| {
        screen.contains("The end. q leaves, space looks back.") && screen.contains("■ 0:16")
    });
    program.wait_for("big letters", |screen| screen.contains("writes/s") && screen.contains("▀▀▀"));
    // It stays until somebody leaves; the keys still work.
    program.press("?");
    program.wait_for("the help", |screen| screen.contains("kill or start processor"));
    program.press("\u{1b}");
    program.wait_for("the help to close", |screen| !screen.contains("kill or start processor"));
    program.press("q");
    assert!(program.end().success());
    assert!(!program.has_the_terminal());

    let mut player = Player::open(&recording).expect("a recording");
    let (_, last) = player.span();
    player.session_at(last).expect("the end");
    assert_eq!(player.header().scenario.title, "a demo of the test's own");
    let survey = player.survey();
    let marks: Vec<&str> = survey
        .moments()
        .iter()
        .filter_map(|moment| if let Event::Mark(text) = &moment.event { Some(text.as_str()) } else { None })
        .collect();
    let expected = [
        "It begins with little.",
        "the script waits, load paused",
        "the script goes on, load 50/s",
        "load 120/s",
        "Cosmos DB goes away",
        "Now the store is away.",
        "Cosmos DB is back",
        "It is back.",
        "the end of the script",
    ];
    assert_eq!(marks, expected);
}

#[test]
fn a_small_terminal_is_told_that_big_letters_need_room() {
    let mut program = Program::start(&["--rate", "0", "--big"], (80, 24));
    program.wait_for("the sentence", |screen| screen.contains("big letters need 120 x 36; this is 80 x 24"));
    program.resize((120, 36));
    program.wait_for("big letters", |screen| screen.contains("events behind") && screen.contains("▀▀▀"));
    program.press("B");
    program.wait_for("the timeline again", |screen| screen.contains("Timeline"));
    program.signal("TERM");
    assert!(program.end().success());
    assert!(!program.has_the_terminal());
}

/// Its exit code, what it wrote, and what it complained of.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = command::run(arguments);
    (output.status.code(), out(&output), complaint(&output))
}

#[test]
fn scripts_are_listed_and_printed() {
    let (code, listed, _) = run(&["demo"]);
    let numbered =
        listed.lines().filter(|line| line.get(..3).is_some_and(|number| number.trim().parse::<u8>().is_ok()));
    assert_eq!((code, numbered.count()), (Some(0), shipped::ALL.len()), "{listed}");
    assert!(listed.lines().all(|line| line.chars().count() <= 80), "every terminal is so wide: {listed}");
    for script in shipped::ALL {
        assert!(listed.lines().any(|line| line.contains(script.name)), "{listed}");
        assert_eq!(run(&["demo", script.name, "--print"]), (Some(0), script.text.to_owned(), String::new()));
    }
    let own = file("own.toml", SCRIPT);
    let (code, printed, _) = run(&["demo", own.to_str().expect("a path"), "--print"]);
    assert_eq!((code, printed.trim()), (Some(0), SCRIPT.trim()));
}

#[test]
fn a_script_that_cannot_be_is_said_in_one_sentence() {
    let folder = env!("CARGO_TARGET_TMPDIR");
    let wrong = file("wrong.toml", &SCRIPT.replace("caption = \"It is back.\"", "captoin = \"It is back.\""));
    let late = file("late.toml", &SCRIPT.replace("16s", "13s"));
    let not_text = file("bytes.toml", "");
    std::fs::write(&not_text, [0xFF, 0xFE, 0x00]).expect("a file");
    let [wrong, late, not_text] = [&wrong, &late, &not_text].map(|path| path.to_str().expect("a path"));
    let cases = [
        (wrong, "wrong.toml, line 25: unknown field `captoin`; did you mean `caption`?"),
        (late, "late.toml, line 22: at: 14s is after the end, 13s"),
        (not_text, "bytes.toml is not text (UTF-8), so it can't be a TOML file"),
        ("absent.toml", "absent.toml could not be read ("),
        (folder, " could not be read ("),
        ("throtled", "there is no script \"throtled\"; did you mean throttled?"),
        ("zebra", "there is no script \"zebra\"; there are throttled, stuck, restart, outage; or name a file"),
    ];
    for (script, expected) in cases {
        let (code, _, said) = run(&["demo", script]);
        assert_eq!(code, Some(1), "{script}: {said}");
        assert!(said.starts_with("streamgauge: ") && said.contains(expected), "{script}: {said}");
        assert_eq!(said.lines().count(), 1, "{script}: {said}");
    }
    let (code, _, said) = run(&["demo", "throttled"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("the screen needs a terminal"), "{said}");
}
