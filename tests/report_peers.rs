//! Reports and exports under other people's tools: DuckDB recounts the sums from the raw lines and reads CSV and Parquet,
//! Python's hdrhistogram reads the logs, prometheus-client's parser the page of metrics.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod command;

use std::process::Command;

use streamgauge::recording::samples::ALL;
use streamgauge::report::metrics;

fn written(arguments: &[&str]) -> Vec<u8> {
    let output = command::run(arguments);
    assert_eq!(command::complaint(&output), "", "{arguments:?}");
    output.stdout
}

#[test]
#[ignore = "needs Python with duckdb, pandas, zstandard, hdrhistogram and prometheus-client"]
fn duckdb_hdrhistogram_and_prometheus() {
    let python = std::env::var("STREAMGAUGE_PYTHON").unwrap_or_else(|_| "python3".into());
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
        let output = Command::new(&python).args(&arguments).output().expect("Python starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(said.trim_end().ends_with(", 0 failed"), "{}: {said}{complained}", sample.name);
    }
}
