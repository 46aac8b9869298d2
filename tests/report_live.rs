//! `streamgauge report --live` that does not come to its end: what it says then, and its exit code. And the search.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]
#![cfg(unix)]

mod command;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

use command::{complaint, out, program, run};
use serde_json::Value;

/// Ctrl-C.
fn interrupt(child: &Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

/// A live report whose lines are read while it runs.
struct Live {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Live {
    fn start(arguments: &[&str]) -> Self {
        let arguments = [&["report", "--lines", "json"], arguments].concat();
        let mut child = program(&arguments).stdout(Stdio::piped()).spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("its output"));
        Self { child, lines }
    }

    /// Reads on until a line of the session is as wanted.
    fn wait_for(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) {
        loop {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).expect("text") > 0, "it ended before {what}");
            let line: Value = serde_json::from_str(&line).expect("JSON");
            assert!(line["summary"].is_null(), "it ended before {what}: {line}");
            if wanted(&line) {
                return;
            }
        }
    }

    /// Ctrl-C, and what comes then: the exit code and the report.
    fn interrupted(mut self) -> (Option<i32>, Value) {
        interrupt(&self.child);
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).expect("text");
        let last: Value = serde_json::from_str(rest.lines().last().expect("a summary")).expect("JSON");
        (self.child.wait().expect("it ends").code(), last["summary"].clone())
    }
}

/// One document and nothing else on standard output, which says that it is not whole.
#[test]
fn ctrl_c_in_the_middle() {
    let arguments =
        ["report", "--live", "10m", "--partitions", "1", "--rate", "20", "--json", "--metrics", "127.0.0.1:0"];
    let mut child = program(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut said = String::new();
    BufReader::new(child.stderr.take().expect("its errors")).read_line(&mut said).expect("where the metrics are");
    let address = said.trim().strip_prefix("streamgauge: metrics at http://").expect(&said).replace("/metrics", "");
    // A page is given by the session itself, so once there is one it runs.
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("asked");
    stream.read_to_string(&mut String::new()).expect("a page");
    interrupt(&child);
    let output = child.wait_with_output().expect("it ends");
    let document: Value = serde_json::from_str(&out(&output)).expect("one document");
    assert_eq!(output.status.code(), Some(4), "{document}");
    assert_eq!(document["session"]["incomplete"], "interrupted before its time");
    assert!(document["search"].is_null());
}

/// The store carries 47 events a second: what waits after the load drains for longer than a test wants to wait.
#[test]
fn ctrl_c_while_the_last_events_are_on_their_way() {
    let mut live = Live::start(&["--live", "3s", "--partitions", "1", "--rate", "1000", "--ru", "400"]);
    live.wait_for("the load", |line| line["target"] == 1_000.0);
    live.wait_for("the drain", |line| line["target"] == 0.0);
    let (code, report) = live.interrupted();
    assert_eq!(code, Some(4), "{report}");
    let incomplete = "interrupted after the load, while its last events were on their way";
    assert_eq!(report["session"]["incomplete"], incomplete);
    assert!(report["tally"]["in_flight"].as_u64() > Some(0), "{report}");
}

/// A search that is interrupted in its second try tells the first.
#[test]
fn ctrl_c_in_a_search() {
    let mut live = Live::start(&["--live", "20s", "--search", "--partitions", "1", "--rate", "20"]);
    live.wait_for("the second try", |line| line["target"] == 40.0);
    let (code, report) = live.interrupted();
    assert_eq!(code, Some(4), "{report}");
    assert_eq!(report["session"]["incomplete"], "interrupted before its time");
    let search = &report["search"];
    assert_eq!((&search["highest"], &search["tries"]), (&Value::from(20.0), &Value::from(1)), "{search}");
    assert_eq!(search["tried"], serde_json::json!([{ "rate": 20.0, "kept_up": true, "reason": null }]));
    assert_eq!(search["unfinished"], "interrupted");
    assert_eq!(search["sentence"], "not finished, interrupted: so far it keeps up with 20/s");
}

/// `| head -1`: a session that nobody reads any more ends early, and its verdict would speak of a part.
#[test]
fn a_reader_that_leaves_ends_a_live_session() {
    let mut child = program(&["report", "--live", "10m", "--partitions", "1", "--rate", "20", "--lines", "csv"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    BufReader::with_capacity(1, child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(4));
    let said = complaint(&output);
    assert!(said.contains("ended before its time: nobody reads what it says any more"), "{said}");
}

#[test]
fn tries_that_are_too_short_are_refused() {
    let output = run(&["report", "--live", "3s", "--search"]);
    assert_eq!(output.status.code(), Some(2));
    let said = "streamgauge: a try of 3s is too short to tell what is kept up with: give --live 20s or more";
    assert_eq!(complaint(&output), said);
}

/// A write costs 8.5 RU: of 3,400 RU/s, 400 events a second are stored. What is found is what the store carries, though
/// the first rates above it are taken in by the log without complaint.
#[test]
#[ignore = "takes minutes"]
fn a_search_finds_what_the_store_carries() {
    let flags = ["--live", "20s", "--search", "--partitions", "2", "--rate", "150", "--ru", "3400"];
    let output = run(&[&["report", "--json"], &flags[..]].concat());
    let report: Value = serde_json::from_str(&out(&output)).expect("JSON");
    let search = &report["search"];
    assert_eq!(output.status.code(), Some(0), "{search}");
    assert_eq!((&search["unfinished"], &report["verdict"]["outcome"]), (&Value::Null, &Value::from("pass")));
    let highest = search["highest"].as_f64().expect("a rate");
    // A busy machine may carry less than its store; none carries more, and the search errs by 8 % at most.
    assert!((300.0..=432.0).contains(&highest), "{search}");
}
