//! `streamgauge process` against an embedded scenario in another process: what it says, and how it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]
#![cfg(unix)]

mod command;

use std::process::{Child, Command, Stdio};

use command::LinesOf;
use serde_json::Value;

const STREAMGAUGE: &str = env!("CARGO_BIN_EXE_streamgauge");

/// A program that is ended with the test.
struct Running {
    child: Child,
    lines: LinesOf,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let lines = LinesOf::of(child.stdout.take().expect("its output"));
        Self { child, lines }
    }

    /// The first line from here on that has a text in it.
    fn line_with(&self, text: &str) -> String {
        self.lines.with(text)
    }

    fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The scenario file for endpoints that `local --headless --json` printed.
fn scenario_file(endpoints: &Value, name: &str, store: bool) -> String {
    let text = |pointer: &str| endpoints.pointer(pointer).and_then(Value::as_str).expect("an endpoint").to_owned();
    let connection_string = text("/eventhubs");
    let host = connection_string.trim_start_matches("Endpoint=sb://").split([';', '/']).next().expect("a host");
    let mut scenario = format!(
        "[ingest.event-hubs]\nnamespace = \"{host}\"\nhub = \"streamgauge\"\nconsumer-group = \"{}\"\n\
         [position.checkpoints]\nendpoint = \"{}\"\ncontainer = \"{}\"\n",
        text("/consumer_group"),
        text("/blob/endpoint"),
        text("/blob/container"),
    );
    if store {
        scenario += &format!(
            "[store.cosmos]\nendpoint = \"{}\"\ndatabase = \"{}\"\ncontainer = \"{}\"\n",
            text("/cosmos/endpoint"),
            text("/cosmos/database"),
            text("/cosmos/container"),
        );
    }
    let file = format!("{}/{name}.toml", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&file, scenario).expect("the scenario file");
    file
}

fn process(endpoints: &Value, file: &str, more: &[&str]) -> Command {
    let text = |pointer: &str| endpoints.pointer(pointer).and_then(Value::as_str).expect("an endpoint").to_owned();
    let mut command = Command::new(STREAMGAUGE);
    command
        .args(["process", file, "--every", "1s"])
        .args(more)
        .env("STREAMGAUGE_EVENTHUBS_CONNECTION_STRING", text("/eventhubs"))
        .env("STREAMGAUGE_STORAGE_KEY", text("/blob/key"))
        .env("STREAMGAUGE_COSMOS_KEY", text("/cosmos/key"));
    command
}

fn served() -> (Running, Value) {
    let served = Running::start(
        Command::new(STREAMGAUGE)
            .args(["local", "--headless", "--json", "--rate", "100", "--no-process", "--partitions", "4"])
            .stderr(Stdio::null()),
    );
    let endpoints = serde_json::from_str(&served.line_with("{")).expect("JSON");
    (served, endpoints)
}

#[test]
fn it_says_how_it_goes_and_leaves_its_partitions_to_the_next() {
    let (_served, endpoints) = served();
    let file = scenario_file(&endpoints, "process", true);
    let mut first = Running::start(&mut process(&endpoints, &file, &["--instance", "first"]));
    assert!(first.line_with("this instance is").contains("first"));
    let line = first.line_with("  4 partitions");
    assert!(line.contains("/s received") && line.ends_with(" retries"), "{line}");
    first.line_with(" checkpoints");

    // Its ownerships would stand for a minute; a second instance has them sooner.
    first.terminate();
    let last = first.line_with("stopped: ");
    assert!(last.ends_with("the partitions are let go"), "{last}");
    assert!(first.child.wait().expect("it ends").success());
    let mut second = Running::start(&mut process(&endpoints, &file, &[]));
    assert!(second.line_with("this instance is").contains("streamgauge-"));
    second.line_with("  4 partitions");
    second.terminate();
    assert!(second.child.wait().expect("it ends").success());
}

#[test]
fn a_scenario_without_a_store_gets_a_sentence() {
    let (_served, endpoints) = served();
    let file = scenario_file(&endpoints, "process-without-store", false);
    let output = process(&endpoints, &file, &[]).output().expect("it runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint.contains("has no [store.cosmos]; the processor needs a store to write to"), "{complaint}");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
}
