//! Recordings read by tools that other people wrote: zstd and jq, DuckDB, pandas. The commands are those of
//! `recordings/README.md`, word for word.
//!
//! ```text
//! apt install zstd jq && pip install duckdb pandas zstandard
//! cargo test --test recording_peers -- --ignored
//! ```
//!
//! `STREAMGAUGE_PYTHON` names another interpreter than `python3`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

use std::path::Path;
use std::process::Command;

use streamgauge::recording::format::{LatenciesAre, Skipped};
use streamgauge::recording::player::Player;
use streamgauge::recording::samples::{ALL, Sample};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The blocks of the README in one language, without their fences.
fn commands(language: &str) -> Vec<&'static str> {
    let readme = include_str!("../recordings/README.md");
    let mut found = Vec::new();
    for block in readme.split("\n```").collect::<Vec<_>>().chunks(2) {
        if let Some(text) = block.get(1).and_then(|block| block.strip_prefix(language)) {
            found.push(text.trim());
        }
    }
    assert!(!found.is_empty(), "the README has commands for {language}");
    found
}

/// Runs a program where the README would; its output, or what it complained of.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(root()).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {complained}");
    String::from_utf8(output.stdout).expect("text")
}

fn python() -> String {
    std::env::var("STREAMGAUGE_PYTHON").unwrap_or_else(|_| "python3".into())
}

/// What our own reader finds in a sample.
struct Ours {
    name: &'static str,
    lines: usize,
    marks: Vec<String>,
    sent: u64,
    stored: u64,
    duplicated: u64,
    /// The last event of each partition.
    log_ends: Vec<i64>,
}

fn ours(sample: &Sample) -> Ours {
    let recording = sample.open().expect("a recording");
    let (mut frames, mut skipped) = (recording.frames_from(0), Skipped::default());
    while frames.next_frame(LatenciesAre::Read, &mut skipped).expect("it can be read").is_some() {}
    assert!(skipped.is_empty(), "{skipped:?}");
    let text = zstd::decode_all(sample.bytes).expect("zstd reads it");
    let mut player = Player::of(recording).expect("a player");
    let last = player.span().1;
    let session = player.session_at(last).expect("the end");
    let tally = session.tally.expect("a tally");
    Ours {
        name: sample.name,
        lines: text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count(),
        marks: session.marks.iter().map(|(_, text)| text.clone()).collect(),
        sent: tally.sent,
        stored: tally.stored,
        duplicated: tally.duplicated,
        log_ends: session.partitions.values().filter_map(|seen| Some(seen.log_end()?.last.0)).collect(),
    }
}

/// The README's commands are about one sample; here they are asked of each.
fn about(command: &str, sample: &str) -> String {
    assert!(command.contains("recordings/throttled.jsonl.zst"), "{command}");
    command.replace("recordings/throttled.jsonl.zst", &format!("recordings/{sample}.jsonl.zst"))
}

#[test]
#[ignore = "needs zstd and jq"]
fn zstdcat_and_jq() {
    let commands: Vec<&str> = commands("sh\n").into_iter().flat_map(str::lines).collect();
    let [count, marks, tally] = commands.as_slice() else { panic!("three commands: {commands:?}") };
    for ours in ALL.iter().map(ours) {
        let shell = |command: &str| run("sh", &["-euc", &about(command, ours.name)]);
        assert_eq!(shell(count).trim(), ours.lines.to_string(), "{}", ours.name);
        let shown = shell(marks);
        let found: Vec<&str> = shown.lines().filter_map(|line| Some(line.split_once(' ')?.1)).collect();
        assert_eq!(found, ours.marks, "{}", ours.name);
        let expected = format!("sent {} stored {} duplicated {}", ours.sent, ours.stored, ours.duplicated);
        assert_eq!(shell(tally).trim(), expected, "{}", ours.name);
    }
}

#[test]
#[ignore = "needs Python with duckdb and pandas"]
fn duckdb_and_pandas() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/recording_python.py");
    let statements = commands("sql\n");
    let [tally, ends] = statements.as_slice() else { panic!("two statements: {statements:?}") };
    let programs = commands("python\n");
    let [pandas] = programs.as_slice() else { panic!("one program: {programs:?}") };
    for ours in ALL.iter().map(ours) {
        let [tally, ends, pandas] = [tally, ends, pandas].map(|command| about(command, ours.name));
        let expected = serde_json::json!({
            "lines": ours.lines,
            "sent": ours.sent,
            "stored": ours.stored,
            "duplicated": ours.duplicated,
            "log_ends": ours.log_ends,
            "marks": ours.marks,
        });
        let said = run(&python(), &[script, &tally, &ends, &pandas, &expected.to_string()]);
        assert!(said.trim_end().ends_with("passed, 0 failed"), "{}: {said}", ours.name);
    }
}
