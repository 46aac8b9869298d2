//! Reports and exports under other people's tools: DuckDB recounts the sums from the raw lines and reads CSV and Parquet,
//! Python's hdrhistogram reads the logs, prometheus-client's parser the page of metrics.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod command;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use streamgauge::recording::samples::ALL;
use streamgauge::report::metrics;

fn written(arguments: &[&str]) -> Vec<u8> {
    let output = command::run(arguments);
    assert_eq!(command::complaint(&output), "", "{arguments:?}");
    output.stdout
}

fn python() -> String {
    std::env::var("STREAMGAUGE_PYTHON").unwrap_or_else(|_| "python3".into())
}

#[test]
#[ignore = "needs Python with duckdb, pandas, zstandard, hdrhistogram and prometheus-client"]
fn duckdb_hdrhistogram_and_prometheus() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/report_python.py");
    for sample in ALL {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).expect("a file");
            path.to_str().expect("a path").to_owned()
        };
        let mut player = sample.play().expect("a player");
        let end = player.span().1;
        let page = metrics::page(player.session_at(end).expect("the end"), end);
        let mut arguments = vec![
            script.to_owned(),
            file("recording.jsonl.zst", sample.bytes),
            file("report.json", &written(&["report", sample.name, "--json"])),
            file("rows.csv", &written(&["export", sample.name, "--csv", "-"])),
            file("rows.parquet", &written(&["export", sample.name, "--parquet", "-"])),
            file("metrics.txt", page.as_bytes()),
        ];
        for (latency, name) in [("due", "from_due"), ("send", "from_send"), ("stored", "stored")] {
            let log = written(&["export", sample.name, "--hlog", "-", "--latency", latency]);
            arguments.push(format!("{name}={}", file(&format!("{name}.hlog"), &log)));
        }
        let output = Command::new(python()).args(&arguments).output().expect("Python starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(said.trim_end().ends_with(", 0 failed"), "{}: {said}{complained}", sample.name);
    }
}

/// The page as it is served while a session runs.
#[test]
#[ignore = "needs Python with prometheus-client"]
fn prometheus_takes_the_page_of_a_live_session() {
    let mut child = command::program(&["report", "--live", "30s", "--partitions", "2", "--rate", "50"])
        .args(["--lines", "json", "--metrics", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stderr.take().expect("its errors")).read_line(&mut line).expect("where the metrics are");
    let url = line.trim().strip_prefix("streamgauge: metrics at ").expect("an address").to_owned();
    // Once events were enqueued for some seconds, every station has answered.
    let lines = BufReader::new(child.stdout.take().expect("its lines")).lines();
    let enqueued = |line: &String| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        line["ingest"].as_f64().is_some_and(|rate| rate > 0.0) && line["writes"].as_f64().is_some_and(|rate| rate > 0.0)
    };
    let seen = lines.map(|line| line.expect("a line")).find(enqueued);
    assert!(seen.is_some(), "it ended before anything was written");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/metrics_python.py");
    let output = Command::new(python()).args([script, &url, "2"]).output().expect("Python starts");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(said.trim_end().ends_with(", 0 failed"), "{said}{complained}");
}
