//! Pictures of recordings: the frame as SVG, the replay as an asciicast, and what is said when there can be none.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod command;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use asciicast_rs::{Asciicast, V3};
use command::{complaint, out, run};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Size;
use ratatui::style::{Color, Modifier};
use serde_json::json;
use streamgauge::recording::samples::Sample;
use streamgauge::report::frames::{Frames, Look};
use streamgauge::ui::state::Zoom;
use streamgauge::ui::theme::Theme;

/// What a command writes to standard output.
fn written(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", complaint(&output));
    out(&output)
}

/// A folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("export").join(name);
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

/// The README says how its picture is made; made so again, it is the same.
#[test]
fn the_readme_shows_the_screen_as_it_is() {
    let readme = include_str!("../README.md");
    let command = readme.lines().find_map(|line| line.strip_prefix("streamgauge export ")).expect("the command");
    assert!(command.contains("--svg docs/screen.svg"), "{command}");
    let command = format!("export {}", command.replace("docs/screen.svg", "-"));
    let picture = written(&command.split(' ').collect::<Vec<_>>());
    assert!(
        picture == include_str!("../docs/screen.svg"),
        "the screen has changed: make the picture anew, as the README says"
    );
}

#[test]
fn a_picture_is_the_same_whichever_way_it_is_written() {
    let folder = folder("ways");
    let place = folder.join("frame.svg");
    let file = place.to_str().expect("a path");
    std::fs::write(&place, "what was there before").expect("a file");
    let picture = written(&["export", "stuck", "--svg", "-", "--at", "1m35s"]);
    assert_eq!(written(&["export", "stuck", "--svg", file, "--at", "95s"]), "");
    assert!(std::fs::read_to_string(&place).expect("the picture") == picture);
    assert!(written(&["export", "recordings/stuck.jsonl.zst", "--svg", "-", "--at", "95s"]) == picture);
    assert_eq!(names(&folder), ["frame.svg"], "nothing is left beside it");
    assert!(picture.contains(">STALLED</text>") && picture.ends_with("</svg>\n"), "{picture}");
    let small = written(&["export", "stuck", "--svg", "-", "--at", "95s", "--size", "80x24", "--theme", "mono"]);
    assert!(small.len() < picture.len() && small.contains(">STALLED</text>"));
    assert!(!small.contains("#ff6b6b"), "mono has no red");
}

/// A reader that other people wrote takes the cast; the terminal that it is played on then shows the last frame, cell by
/// cell and colour by colour.
#[test]
fn a_cast_ends_on_the_frame_that_is_drawn_at_the_end() {
    let cast = written(&["export", "throttled", "--cast", "-", "--from", "1m10s", "--speed", "8", "--fps", "5"]);
    let cast = Asciicast::<V3>::from_slice(cast.as_bytes()).expect("an asciicast");
    let term = &cast.header.term;
    assert_eq!((term.cols, term.rows), (120, 36));
    assert!(term.theme.is_some() && cast.header.timestamp.is_some());
    assert_eq!(cast.header.title.as_deref(), Some("local: Event Hubs, 4 partitions, to Cosmos DB"));

    let mut terminal = vt100::Parser::new(term.rows, term.cols, 0);
    let (mut end, mut markers, mut sent) = (0.0, Vec::new(), Vec::new());
    for (at, event) in cast.absolute_times() {
        end = at;
        if let Some(text) = event.as_output() {
            terminal.process(text.as_bytes());
            sent.push(text.len());
        }
        markers.extend(event.as_marker().map(|label| (at, label.to_owned())));
    }
    let exit = cast.events.last().and_then(asciicast_rs::v3::Event::as_exit);
    assert_eq!(exit.map(|exit| exit.code()), Some(0));
    // 75 s of the recording at eight times the speed, and a part of a frame.
    assert!((9.0..10.0).contains(&end), "{end}");
    let [(at, label)] = markers.as_slice() else { panic!("one mark: {markers:?}") };
    assert!(label == "load 20/s" && (1.2..1.5).contains(at), "{markers:?}");
    let (first, rest) = sent.split_first().expect("frames");
    assert!(rest.iter().sum::<usize>() / rest.len() < first / 2, "what stays is not sent again: {sent:?}");

    let look = Look { theme: Theme::dark(), size: Size::new(120, 36), zoom: Zoom::Overview, big: false };
    let player = Sample::named("throttled").expect("a sample").play().expect("a player");
    let mut frames = Frames::of(player, look).expect("frames");
    frames.play(3);
    frames.go_to("end").expect("the end");
    frames.wait(std::time::Duration::from_millis(200));
    let (_, frame) = frames.draw().expect("a frame");
    assert_shows(&terminal, &frame);
}

fn assert_shows(terminal: &vt100::Parser, frame: &Buffer) {
    for (row, cells) in (0..).zip(frame.content().chunks(usize::from(frame.area.width))) {
        for (column, cell) in (0..).zip(cells) {
            let shown = terminal.screen().cell(row, column).expect("a cell");
            let said = format!("row {row}, column {column}:\n{}", terminal.screen().contents());
            let contents = if shown.has_contents() { shown.contents() } else { " " };
            assert_eq!(contents, cell.symbol(), "{said}");
            if contents != " " {
                assert_eq!(shown.fgcolor(), colour(cell.fg), "{said}");
            }
            assert_eq!(shown.bgcolor(), colour(cell.bg), "{said}");
            assert_eq!(modifiers(shown), known(cell), "{said}");
        }
    }
}

fn colour(colour: Color) -> vt100::Color {
    match colour {
        Color::Reset => vt100::Color::Default,
        Color::Rgb(red, green, blue) => vt100::Color::Rgb(red, green, blue),
        Color::Indexed(index) => vt100::Color::Idx(index),
        // The names in the order of their numbers.
        other => {
            let names = [
                Color::Black,
                Color::Red,
                Color::Green,
                Color::Yellow,
                Color::Blue,
                Color::Magenta,
                Color::Cyan,
                Color::Gray,
                Color::DarkGray,
                Color::LightRed,
                Color::LightGreen,
                Color::LightYellow,
                Color::LightBlue,
                Color::LightMagenta,
                Color::LightCyan,
                Color::White,
            ];
            let index = names.iter().position(|name| *name == other).expect("a colour");
            vt100::Color::Idx(u8::try_from(index).expect("sixteen"))
        }
    }
}

fn modifiers(shown: &vt100::Cell) -> Modifier {
    let mut modifiers = Modifier::empty();
    modifiers.set(Modifier::BOLD, shown.bold());
    modifiers.set(Modifier::DIM, shown.dim());
    modifiers.set(Modifier::REVERSED, shown.inverse());
    modifiers
}

/// The modifiers of a cell that a blank shows, too, or that it has letters for.
fn known(cell: &Cell) -> Modifier {
    let blank = cell.symbol() == " " && cell.modifier.is_empty();
    let all = Modifier::BOLD | Modifier::DIM | Modifier::REVERSED;
    if blank { Modifier::empty() } else { cell.modifier & all }
}

#[test]
fn what_cannot_be_exported_is_said_in_one_sentence() {
    let folder = folder("bad");
    let inside = |name: &str| folder.join(name).to_str().expect("a path").to_owned();
    let (here, nowhere, file) = (inside(""), inside("absent/frame.svg"), inside("frame.svg"));
    let cases: [(&[&str], i32, &str); 17] = [
        (&["export"], 2, "required arguments were not provided"),
        (&["export", "steady"], 2, "required arguments were not provided"),
        (&["export", "steady", "--svg", &file, "--cast", &file], 2, "cannot be used with"),
        (
            &["export", "steady", "--svg", &file, "--size", "10x3"],
            2,
            "\"10x3\" is not a size: give columns x rows from 80x24 to 500x200",
        ),
        (&["export", "steady", "--svg", &file, "--theme", "drak"], 2, "did you mean `dark`?"),
        (&["export", "steady", "--svg", &file, "--zoom", "all"], 2, "can't fill the screen"),
        (&["export", "steady", "--svg", &file, "--fps", "9"], 2, "cannot be used with"),
        (&["export", "steady", "--cast", &file, "--at", "9s"], 2, "cannot be used with"),
        (&["export", "steady", "--cast", &file, "--fps", "31"], 2, "give a whole number from 1 to 30"),
        (&["export", "steady", "--cast", &file, "--speed", "3"], 2, "\"3\" is not a speed: give one of 1/8, 1/4"),
        (&["export", "absent", "--svg", &file], 3, "can't read absent ("),
        (&["export", "steady", "--svg", &file, "--at", "soon"], 2, "\"soon\" is not a place in a recording; try 10s"),
        (&["export", "steady", "--svg", &file, "--at", "3:33"], 2, "03:33 is not in this recording, which goes from "),
        (
            &["export", "steady", "--cast", &file, "--from", "20s", "--to", "10s"],
            2,
            "the cast would end before it begins",
        ),
        (&["export", "steady", "--svg", &here], 3, "is a folder; name a file in it"),
        (&["export", "steady", "--svg", &nowhere], 3, "there is no folder "),
        (&["export", "steady", "--svg", "/dev/full"], 3, "can't write /dev/full (No space left on device"),
    ];
    for (arguments, code, expected) in cases {
        let output = run(arguments);
        let said = complaint(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.starts_with("streamgauge: ") && said.contains(expected), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
        assert_eq!(names(&folder), Vec::<String>::new(), "{arguments:?} leaves nothing behind");
    }
}

/// The official player reads the cast and plays it to the same last screen.
///
/// `STREAMGAUGE_ASCIINEMA` names another program than `asciinema`; version 3 is needed.
#[test]
#[ignore = "needs asciinema 3"]
fn asciinema_plays_a_cast_to_the_same_end() {
    let folder = folder("asciinema");
    let (cast, raw) = (folder.join("replay.cast"), folder.join("replay.raw"));
    let cast_name = cast.to_str().expect("a path");
    assert_eq!(written(&["export", "outage", "--cast", cast_name, "--to", "40s"]), "");
    let program = std::env::var("STREAMGAUGE_ASCIINEMA").unwrap_or_else(|_| "asciinema".into());
    let output = Command::new(program).args(["convert", "--output-format", "raw"]).args([&cast, &raw]).output();
    let output = output.expect("asciinema starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let mut theirs = vt100::Parser::new(36, 120, 0);
    theirs.process(&std::fs::read(&raw).expect("what a terminal is sent"));
    let mut ours = vt100::Parser::new(36, 120, 0);
    let cast = Asciicast::<V3>::from_path(&cast).expect("an asciicast");
    for text in cast.events.iter().filter_map(asciicast_rs::v3::Event::as_output) {
        ours.process(text.as_bytes());
    }
    assert!(ours.screen().contents().contains("Event Hubs"));
    assert_eq!(theirs.screen().contents_formatted(), ours.screen().contents_formatted());
}

/// A recording of so many partitions that went on for hours: writing it takes longer than anybody waits.
fn endless(folder: &Path) -> String {
    const PARTITIONS: u32 = 2_048;
    let begin = 1_795_348_800_000_000_u64;
    let each = |value: u64| vec![value; PARTITIONS as usize];
    let mut text = json!({ "streamgauge": "1.0", "program": "0.1.0", "started": begin }).to_string() + "\n";
    for look in 0..60 {
        let log_end = json!({
            "partition": (0..PARTITIONS).collect::<Vec<_>>(), "earliest": each(0), "last": each(look), "after": each(0),
        });
        text += &(json!({ "at": begin + look * 590_000_000, "log_end": log_end }).to_string() + "\n");
    }
    let place = folder.join("endless.jsonl");
    std::fs::write(&place, text).expect("a file");
    place.to_str().expect("a path").to_owned()
}

/// Ctrl-C while it is written: nothing stands under the name, and nothing is left beside it.
#[test]
#[cfg(unix)]
fn ctrl_c_leaves_nothing_behind() {
    let folder = folder("interrupted");
    let endless = endless(&folder);
    for (what, more) in [("--csv", &[][..]), ("--parquet", &[]), ("--cast", &["--fps", "30", "--size", "400x150"])] {
        let out = folder.join("out");
        let mut child = Command::new(env!("CARGO_BIN_EXE_streamgauge"))
            .args(["export", &endless, what, out.to_str().expect("a path")])
            .args(more)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while names(&folder).len() < 2 {
            assert!(std::time::Instant::now() < deadline, "{what}: it is written beside its place");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
        let status = child.wait().expect("it ends");
        let mut said = String::new();
        std::io::Read::read_to_string(&mut child.stderr.take().expect("its errors"), &mut said).expect("text");
        assert_eq!(
            (status.code(), said.as_str()),
            (Some(4), "streamgauge: interrupted: nothing was written\n"),
            "{what}"
        );
        assert_eq!(names(&folder), ["endless.jsonl"], "{what}");
    }
}

/// A flag of a picture says nothing of figures: it is refused, and nothing is written.
#[test]
fn flags_of_pictures_are_refused_for_figures() {
    let flags: [&[&str]; 9] = [
        &["--at", "10s"],
        &["--from", "10s"],
        &["--to", "20s"],
        &["--size", "80x24"],
        &["--zoom", "lag"],
        &["--big"],
        &["--theme", "light"],
        &["--fps", "2"],
        &["--speed", "2"],
    ];
    for kind in ["--csv", "--parquet", "--hlog"] {
        for flag in flags {
            let output = run(&[&["export", "steady", kind, "-"], flag].concat());
            assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{kind} {flag:?}");
            assert!(complaint(&output).contains("cannot be used with"), "{kind} {flag:?}: {}", complaint(&output));
        }
    }
}

/// A recording is not written over by what is made of it, by whatever name it goes.
#[test]
fn an_export_does_not_take_the_place_of_its_recording() {
    let folder = folder("onto-itself");
    let place = folder.join("z.jsonl.zst");
    let bytes = Sample::named("steady").expect("a sample").bytes;
    std::fs::write(&place, bytes).expect("a recording");
    let mut names = vec![place.clone(), folder.join(".").join("z.jsonl.zst")];
    #[cfg(unix)]
    {
        let (linked, hard) = (folder.join("linked"), folder.join("hard"));
        std::os::unix::fs::symlink(&place, &linked).expect("a link");
        std::fs::hard_link(&place, &hard).expect("a second name");
        names.extend([linked, hard]);
    }
    for kind in ["--svg", "--cast", "--csv", "--parquet", "--hlog"] {
        for name in &names {
            let name = name.to_str().expect("a path");
            let output = run(&["export", place.to_str().expect("a path"), kind, name]);
            let sentence = format!("streamgauge: {name} is the recording itself; name another file to write");
            assert_eq!((output.status.code(), complaint(&output)), (Some(2), sentence));
            assert!(std::fs::read(&place).expect("the recording") == bytes, "{kind}: nothing is touched");
        }
    }
    #[cfg(target_os = "linux")]
    {
        let output = command::program(&["export", "-", "--csv", place.to_str().expect("a path")])
            .stdin(std::fs::File::open(&place).expect("the recording"))
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{}", complaint(&output));
        assert!(std::fs::read(&place).expect("the recording") == bytes);
    }
}
