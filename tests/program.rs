//! The whole program, driven by keys in a pseudo-terminal: the embedded scenario, live. The rates are small: tests run
//! unoptimised, several at a time; what the scenario carries is measured in `benches/end_to_end.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod terminal;

use terminal::{Program, figure};

/// The tally line that the program leaves behind after the screen has gone.
fn last_tally(screen: &str) -> &str {
    screen.lines().rev().find(|line| line.contains("stored")).unwrap_or_default()
}

fn assert_nothing_is_lost(program: &Program) {
    let screen = program.screen();
    let tally = last_tally(&screen);
    let (sent, stored) = (figure(tally, "sent"), figure(tally, "stored"));
    assert!(sent > Some(0), "{screen}");
    assert_eq!(sent, stored, "{screen}");
    assert_eq!(figure(tally, "lost"), Some(0), "{screen}");
    assert!(!screen.contains("it is not known"), "every event was followed to the end: {screen}");
}

#[test]
fn events_flow_from_load_to_store_and_all_are_accounted_for() {
    let mut program = Program::start(&["--rate", "100"], (120, 36));
    program.wait_for("the pipeline to keep up", |screen| {
        screen.contains("KEEPING UP") && figure(screen, "stored") > Some(300)
    });
    program.press("]");
    program.wait_for("twice the load", |screen| screen.contains("load   200/s"));
    program.press("?");
    program.wait_for("the help", |screen| screen.contains("kill or start processor"));
    program.press("\u{1b}");
    program.wait_for("the help to close", |screen| !screen.contains("kill or start processor"));
    program.press("p");
    program.wait_for("a paused load", |screen| screen.contains("resume load"));
    program.press("q");
    assert!(program.end().success());
    assert!(!program.has_the_terminal());
    assert_nothing_is_lost(&program);
}

#[test]
fn a_killed_processor_loses_nothing_once_it_is_back() {
    let mut program = Program::start(&["--rate", "60"], (120, 36));
    program.wait_for("events in the store", |screen| figure(screen, "stored") > Some(100));
    program.press("x");
    program.wait_for("the end of the processor", |screen| screen.contains("start processor"));
    program.wait_for("a backlog", |screen| figure(screen, "in flight") > Some(300));
    program.press("x");
    program.wait_for("the backlog to be worked off", |screen| screen.contains("KEEPING UP"));
    program.press("q");
    assert!(program.end().success());
    assert_nothing_is_lost(&program);
}

#[test]
fn a_store_that_throttles_is_named_and_loses_nothing() {
    let mut program = Program::start(&["--rate", "300", "--ru", "1000"], (120, 36));
    program.wait_for("the alarm", |screen| {
        screen.contains("FALLING BEHIND")
            && screen.contains("Cosmos DB throttles")
            && screen.contains("▲ falling behind")
    });
    // So much that working it off takes longer than it takes to be seen.
    program.wait_for("a backlog", |screen| figure(screen, "in flight") > Some(2_000));
    program.press("[[[[[[");
    program.wait_for("the backlog to shrink", |screen| screen.contains("DRAINING"));
    program.wait_for("the backlog to be gone", |screen| screen.contains("KEEPING UP"));
    program.press("q");
    assert!(program.end().success());
    assert_nothing_is_lost(&program);
}

/// The path in the line that the program leaves behind: `recorded: streamgauge replay FILE`.
fn recorded(program: &Program) -> String {
    let screen = program.screen().replace('\n', "");
    let (_, rest) = screen.split_once("recorded: streamgauge replay ").expect("where the recording is");
    let end = rest.find(".jsonl.zst").expect("a recording") + ".jsonl.zst".len();
    rest[..end].to_owned()
}

#[test]
fn the_past_is_looked_at_while_live_and_replayed_afterwards() {
    let mut program = Program::start(&["--rate", "100"], (200, 60));
    program.wait_for("some past", |screen| figure(screen, "stored") > Some(200));
    program.press("m");
    program.wait_for("the question", |screen| screen.contains("mark this moment as:"));
    program.press("the first mark\r");
    program.wait_for("the mark on the timeline", |screen| screen.contains("◆ the first mark"));
    program.press(" ");
    program.wait_for("a frozen picture", |screen| screen.contains("BEHIND LIVE"));
    program.press(",,,,");
    program.wait_for("four looks back", |screen| screen.contains("‖ 1x"));
    program.press("\u{1b}");
    program.wait_for("the present", |screen| screen.contains("● LIVE"));
    program.press("q");
    assert!(program.end().success());
    let file = recorded(&program);

    let mut replay = Program::start(&["replay", &file], (200, 60));
    replay.wait_for("the replay", |screen| screen.contains("▶ 1x 00:00:0") && screen.contains("◆ the first mark"));
    replay.press(" n");
    replay.wait_for("the moment of the mark, paused", |screen| screen.contains("‖ 1x"));
    replay.press("gsoon\r");
    replay.wait_for("the sentence", |screen| screen.contains("\"soon\" is not a place in a recording"));
    replay.press("gend\r");
    replay.wait_for("the end", |screen| {
        let (at, of) = screen.split_once(" of 00:").map_or(("", ""), |(at, of)| (&at[at.len() - 5..], &of[..5]));
        !at.is_empty() && at == of
    });
    replay.press("q");
    assert!(replay.end().success());
    assert!(!replay.has_the_terminal());
}

/// A plan drives the load until a key does; its figures are served meanwhile.
#[test]
fn a_plan_is_shown_and_gives_way_to_the_keys() {
    let flags = ["--plan", "50 for 20m, 100 for 20m", "--metrics", "127.0.0.1:0", "--no-record"];
    let mut program = Program::start(&flags, (120, 36));
    program.wait_for("where the figures are", |screen| screen.contains("metrics at http://127.0.0.1:"));
    let screen = program.screen();
    let address = screen.split("http://").nth(1).and_then(|rest| rest.split("/metrics").next()).expect("an address");
    let mut stream = std::net::TcpStream::connect(address).expect("it listens");
    std::io::Write::write_all(&mut stream, b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    std::io::Read::read_to_string(&mut stream, &mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200 OK") && page.ends_with("# EOF\n"), "{page}");
    program.wait_for("the step", |screen| {
        screen.contains("Plan, step 1 of 2: 50/s for ") && screen.contains("▶ 0:") && screen.contains(" of 40:00")
    });
    program.press("p");
    program.wait_for("a pause of both", |screen| screen.contains("load  paused") && screen.contains("‖ 0:"));
    program.press("p");
    program.wait_for("both to go on", |screen| screen.contains("▶ 0:") && screen.contains("pause load"));
    program.press("]");
    // The notice stands where the load does.
    program.wait_for("the keys' word", |screen| screen.contains("the keys have the load now, and the plan is left"));
    program.wait_for("the keys' load", |screen| screen.contains("load   100/s") && !screen.contains(" of 40:00"));
    assert!(!program.screen().contains("Plan, step"), "{}", program.screen());
    program.press("q");
    assert!(program.end().success());
}
