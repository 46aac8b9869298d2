//! The terminal is as before after every way out of the program, and while it is stopped; and what the program does with
//! whatever a terminal sends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]
#![cfg(unix)]

mod terminal;

use terminal::{Program, STREAMGAUGE, figure};

const NOTHING: [String; 0] = [];

/// The embedded scenario without load, its screen up.
fn idle(size: (u16, u16)) -> Program {
    on_screen(Program::start(&["--rate", "0", "--no-record"], size))
}

fn on_screen(mut program: Program) -> Program {
    program.wait_for("the screen", |screen| screen.contains("streamgauge") && screen.contains("Ingest"));
    assert!(program.has_the_terminal());
    assert!(program.not_as_before().len() >= 4, "it is taken: {:?}", program.not_as_before());
    program
}

#[test]
fn the_terminal_is_given_back_on_every_way_out() {
    for keys in ["q", "\u{3}"] {
        let mut program = idle((80, 24));
        program.press(keys);
        assert!(program.end().success());
        assert_eq!(program.not_as_before(), NOTHING, "{keys:?}");
    }
    for signal in ["TERM", "INT", "HUP"] {
        let mut program = idle((80, 24));
        program.signal(signal);
        assert!(program.end().success(), "{signal}");
        assert_eq!(program.not_as_before(), NOTHING, "{signal}");
    }
}

#[test]
fn the_terminal_is_given_back_by_a_replay_too() {
    for way_out in ["q", "TERM"] {
        let mut program = Program::start(&["replay", "steady"], (80, 24));
        program.wait_for("the replay", |screen| screen.contains("▶ 1x"));
        if way_out == "q" {
            program.press("q");
        } else {
            program.signal(way_out);
        }
        assert!(program.end().success());
        assert_eq!(program.not_as_before(), NOTHING, "{way_out}");
    }
}

/// The panic is the tests' own; only a build for debugging has a way to it.
#[test]
#[cfg(debug_assertions)]
fn a_panic_while_drawing_gives_the_terminal_back_before_it_is_told() {
    for arguments in [&["--rate", "100", "--no-record"][..], &["replay", "steady"]] {
        let mut program = on_screen(Program::start_with(arguments, (80, 24), &[("STREAMGAUGE_PANIC", "drawing")]));
        program.press("\u{1b}[24~");
        assert!(!program.end().success());
        assert_eq!(program.not_as_before(), NOTHING);
        assert!(program.screen().contains("a test asked for it"), "it can be read: {}", program.screen());
    }
}

#[test]
#[cfg(debug_assertions)]
fn a_panic_elsewhere_does_not_tear_the_picture() {
    let variables = [("STREAMGAUGE_PANIC", "other")];
    let mut program = on_screen(Program::start_with(&["--rate", "0", "--no-record"], (80, 24), &variables));
    program.press("\u{1b}[24~?");
    program.wait_for("the help", |screen| screen.contains("kill or start processor"));
    assert!(!program.screen().contains("a test asked for it"), "{}", program.screen());
    program.press("q");
    assert!(program.end().success());
    assert_eq!(program.not_as_before(), NOTHING);
}

#[test]
fn a_terminal_that_is_closed_ends_the_program() {
    let status = idle((80, 24)).hang_up();
    assert!(status.success(), "{status:?}");
    let replay = on_screen(Program::start(&["replay", "steady", "--loop"], (80, 24)));
    let status = replay.hang_up();
    assert!(status.success(), "{status:?}");
}

#[test]
fn a_resize_is_followed_down_to_one_cell_and_back() {
    let mut program = idle((80, 24));
    for size in [(1, 1), (40, 10), (2, 200), (300, 1), (200, 60)] {
        program.resize(size);
    }
    program.wait_for("the large screen", |screen| screen.contains("Timeline") && screen.contains("Lag by partition"));
    program.resize((79, 24));
    program.wait_for("what it needs", |screen| screen.contains("needs 80 x 24") && screen.contains("has 79 x 24"));
    program.resize((80, 24));
    program.wait_for("the small screen", |screen| screen.contains("Serve") && !screen.contains("Timeline"));
    program.press("q");
    assert!(program.end().success());
    assert_eq!(program.not_as_before(), NOTHING);
}

#[test]
fn mouse_and_wheel_reach_the_panels() {
    let mut program = on_screen(Program::start(&["replay", "steady"], (200, 60)));
    program.press(" ");
    program.wait_for("a replay that is paused", |screen| screen.contains("‖ 1x"));
    let (column, row) = program.place_of("lag    ");
    program.click((column + 120, row));
    program.wait_for("another moment", |screen| screen.contains("‖ 1x 00:01:") || screen.contains("‖ 1x 00:02:"));
    // What no terminal should send does no harm either.
    program.press("\u{1b}[<0;9999;9999M\u{1b}[<99;0;0M\u{1b}[<;;M\u{1b}[M\u{1b}[200~\u{0}\u{7f}");
    program.wheel_down((100, 20));
    program.press("?");
    program.wait_for("the help", |screen| screen.contains("go to 10s, 3h5m, 14:05"));
    program.press("?q");
    assert!(program.end().success());
    assert_eq!(program.not_as_before(), NOTHING);
}

#[test]
fn keys_of_vi_and_arrows_do_the_same() {
    for (forth, back) in [("l", "h"), ("\u{1b}[C", "\u{1b}[D")] {
        let mut program = on_screen(Program::start(&["replay", "steady"], (80, 24)));
        program.press(" g60s\r");
        program.wait_for("a minute", |screen| screen.contains("‖ 1x 00:01:00"));
        program.press(forth);
        program.wait_for("10 s more", |screen| screen.contains("‖ 1x 00:01:10"));
        program.press(back);
        program.press(back);
        program.wait_for("10 s less", |screen| screen.contains("‖ 1x 00:00:50"));
        program.press("q");
        assert!(program.end().success());
    }
}

#[test]
fn keys_are_bound_as_the_settings_say() {
    let home = tempfile::tempdir().expect("a folder");
    let file = home.path().join("keys.toml");
    std::fs::write(&file, "[keys]\nquit = [\"Q\", \"F4\"]\nplay = [\"alt-p\"]\n").expect("it is written");
    let config = file.to_str().expect("plain text");
    let mut program = on_screen(Program::start(&["replay", "steady", "--config", config], (80, 24)));
    program.press("q");
    program.press("\u{1b}p");
    program.wait_for("a pause by the new key", |screen| screen.contains("‖ 1x") && screen.contains("Q quit"));
    program.press("?");
    program.wait_for("the help", |screen| screen.contains("Alt-p"));
    program.press("\u{1b}OS");
    assert!(program.end().success());
    assert_eq!(program.not_as_before(), NOTHING);
}

#[test]
fn a_mistake_in_the_users_own_settings_is_on_the_screen_and_behind_it() {
    let home = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(home.path().join("streamgauge")).expect("it is made");
    std::fs::write(home.path().join("streamgauge/config.toml"), "[keys]\nqiut = [\"Q\"]\n").expect("it is written");
    let variables = [("XDG_CONFIG_HOME", home.path().to_str().expect("plain text"))];
    let mut program = Program::start_with(&["--rate", "0", "--no-record"], (200, 60), &variables);
    let sentence = "line 2: unknown action `qiut`; did you mean `quit`?; the defaults serve";
    program.wait_for("the notice", |screen| screen.contains("Ingest") && screen.contains(sentence));
    program.press("q");
    assert!(program.end().success());
    assert!(program.screen().replace('\n', "").contains(sentence), "{}", program.screen());
}

#[test]
fn a_terminal_that_can_not_place_text_is_refused() {
    for arguments in [&["--rate", "0"][..], &["replay", "steady"]] {
        let mut program = Program::start_with(arguments, (80, 24), &[("TERM", "dumb")]);
        assert_eq!(program.end().exit_code(), 2);
        assert!(program.screen().contains("TERM=dumb says"), "{}", program.screen());
        assert_eq!(program.not_as_before(), NOTHING);
    }
}

/// A shell in which the program was started, and has its screen up.
fn in_a_shell(arguments: &str) -> Program {
    let mut shell = Program::shell((80, 24));
    shell.wait_for("a prompt", |screen| screen.contains("ready>"));
    shell.press(&format!("{STREAMGAUGE} {arguments}\n"));
    on_screen(shell)
}

fn stopped(shell: &mut Program) {
    shell.wait_for("the shell", |screen| screen.contains("Stopped") && screen.trim_end().ends_with("ready>"));
    assert_eq!(shell.not_as_before(), NOTHING, "the shell has its terminal");
}

#[test]
fn a_stopped_program_leaves_the_terminal_to_the_shell_and_comes_back_whole() {
    let mut shell = in_a_shell("--rate 0 --no-record");
    for _ in 0..2 {
        shell.press("\u{1a}");
        stopped(&mut shell);
        shell.press("clear; fg\n");
        shell.wait_for("the whole screen", |screen| {
            ["streamgauge", "Ingest", "Lag", "Serve", "? help"].iter().all(|part| screen.contains(part))
        });
        assert!(shell.has_the_terminal());
    }
    let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/the-number-of-a-job");
    let back = |shell: &mut Program| {
        shell.press("clear; fg\n");
        shell.wait_for("the screen", |screen| screen.contains("Ingest") && !screen.contains("Stopped"));
        assert!(shell.has_the_terminal());
    };
    shell.press("\u{1a}");
    stopped(&mut shell);
    shell.press(&format!("jobs -p > {file}\n"));
    back(&mut shell);
    let number = std::fs::read_to_string(file).expect("its number");
    let send = |signal: &str| {
        let sent = std::process::Command::new("kill").args([signal, number.trim()]).status().expect("kill runs");
        assert!(sent.success());
    };
    // Asked from outside.
    send("-TSTP");
    stopped(&mut shell);
    back(&mut shell);
    // Not asked at all: nothing can be done before, but all after.
    send("-STOP");
    shell.wait_for("the shell", |screen| screen.contains("Stopped"));
    back(&mut shell);
    shell.press("q");
    shell.wait_for("the end", |screen| !screen.contains("Ingest") && screen.trim_end().ends_with("ready>"));
    assert_eq!(shell.not_as_before(), NOTHING);
    shell.press("exit\n");
    shell.end();
}

/// Of the lines of a recording those that hold a key: when, and what.
fn recorded<'a>(lines: &'a [serde_json::Value], key: &'a str) -> impl Iterator<Item = (u64, &'a serde_json::Value)> {
    lines.iter().filter_map(move |line| Some((line["at"].as_u64()?, line.get(key)?)))
}

/// 100 events/s, stopped for 8 s: as a debt these would be 800 events, due at once when it goes on.
#[test]
fn while_it_is_stopped_nothing_becomes_due_and_nothing_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("stopped.jsonl.zst");
    let mut shell = in_a_shell(&format!("--rate 100 --record {}", file.display()));
    shell.wait_for("events in the store", |screen| figure(screen, "stored") > Some(100));
    shell.press("\u{1a}");
    stopped(&mut shell);
    shell.press("clear; sleep 8; fg\n");
    shell.wait_for("it to keep up again", |screen| screen.contains("KEEPING UP") && screen.contains("load   100/s"));
    shell.press("q");
    shell.wait_for("the tally", |screen| screen.contains("recorded:") && screen.trim_end().ends_with("ready>"));
    let screen = shell.screen();
    assert_eq!(figure(&screen, "lost"), Some(0), "{screen}");
    assert_eq!(figure(&screen, "sent"), figure(&screen, "stored"), "{screen}");
    shell.press("exit\n");
    shell.end();

    let bytes = zstd::decode_all(std::fs::File::open(&file).expect("the recording")).expect("zstd");
    let text = String::from_utf8(bytes).expect("text");
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let mark = |wanted: &str| recorded(&lines, "mark").find(|(_, text)| **text == wanted).expect("a mark").0;
    let (suspended, resumed) = (mark("suspended"), mark("resumed"));
    assert!(resumed - suspended >= 8_000_000, "microseconds");
    let due = |load: &serde_json::Value| load["due"].as_u64().expect("a number");
    let before = recorded(&lines, "load").filter(|(at, _)| *at < suspended).last().map(|(_, load)| due(load));
    let after = recorded(&lines, "load").find(|(at, _)| *at >= resumed).map(|(_, load)| due(load));
    let became_due = after.expect("it goes on") - before.expect("it was on");
    assert!(became_due < 400, "{became_due}");
}

#[test]
fn a_replay_stands_still_while_it_is_stopped() {
    let mut shell = in_a_shell("replay steady");
    shell.wait_for("it plays", |screen| screen.contains("▶ 1x 00:00:0"));
    shell.press("\u{1a}");
    stopped(&mut shell);
    shell.press("clear; sleep 12; fg\n");
    shell.wait_for("it goes on where it was", |screen| screen.contains("▶ 1x 00:00:0"));
    shell.press("q");
    shell.wait_for("the end", |screen| !screen.contains("▶ 1x") && screen.trim_end().ends_with("ready>"));
    shell.press("exit\n");
    shell.end();
}

/// Without a shell nobody could bring it back: it goes on.
#[test]
fn without_a_shell_it_does_not_stop() {
    let mut program = idle((80, 24));
    program.press("\u{1a}?");
    program.wait_for("the help", |screen| screen.contains("kill or start processor"));
    program.signal("TSTP");
    program.press("?");
    program.wait_for("the panels", |screen| !screen.contains("kill or start processor") && screen.contains("Ingest"));
    program.press("q");
    assert!(program.end().success());
    assert_eq!(program.not_as_before(), NOTHING);
}
