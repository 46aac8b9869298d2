//! What `streamgauge export` writes for other tools (CSV, Parquet, interval logs), and that nothing half written stands
//! under a file's name. Other people's readers are asked in `report_peers.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod command;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use command::{complaint, program, run};
use streamgauge::recording::samples::ALL;
use streamgauge::report::rows::COLUMNS;

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

/// A row for each second and partition, each with a field for each column.
#[test]
fn csv_has_a_row_for_each_second_and_partition() {
    for (sample, partitions) in [("throttled", 4), ("stuck", 32)] {
        let output = run(&["export", sample, "--csv", "-"]);
        assert_eq!((output.status.code(), complaint(&output)), (Some(0), String::new()));
        let mut reader = csv::Reader::from_reader(output.stdout.as_slice());
        assert_eq!(reader.headers().expect("a head").iter().collect::<Vec<_>>(), COLUMNS);
        let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
        let seconds = rows.len() / partitions;
        assert_eq!(rows.len(), seconds * partitions, "{sample}");
        assert!((143..=145).contains(&seconds), "{sample}: {seconds}");
        let last = rows.last().expect("a row");
        assert_eq!(
            (last.get(1), last.get(2)),
            (Some(seconds.to_string().as_str()), Some((partitions - 1).to_string().as_str()))
        );
        assert!(rows.iter().all(|row| row.get(12).is_some_and(|status| !status.is_empty())), "{sample}");
    }
}

/// What the log of an interval holds adds up to the report's histogram.
#[test]
fn an_interval_log_adds_up_to_the_report() {
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
    let report = run(&["report", "stuck", "--json"]).stdout;
    let report: serde_json::Value = serde_json::from_slice(&report).expect("JSON");
    for (latency, name) in [("due", "from_due"), ("send", "from_send"), ("stored", "stored")] {
        let log = run(&["export", "stuck", "--hlog", "-", "--latency", latency]).stdout;
        let mut sum = streamgauge::model::observation::Latencies::histogram();
        let mut ended = 0.0;
        for entry in IntervalLogIterator::new(&log) {
            let LogEntry::Interval(interval) = entry.expect("an entry") else { continue };
            let bytes =
                base64::Engine::decode(&base64::engine::general_purpose::STANDARD, interval.encoded_histogram());
            let mut reader = hdrhistogram::serialization::Deserializer::new();
            sum.add(reader.deserialize::<u64, _>(&mut bytes.expect("base64").as_slice()).expect("a histogram"))
                .expect("one shape");
            let start = interval.start_timestamp().as_secs_f64();
            assert!((start - ended).abs() < 0.002, "{latency}: intervals follow each other: {start} after {ended}");
            ended = start + interval.duration().as_secs_f64();
        }
        let told =
            report["latencies"].as_array().expect("latencies").iter().find(|told| told["latency"] == name).expect(name);
        assert_eq!(told["count"], sum.len());
        for (quantile, field) in [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99_9"), (1.0, "max")] {
            assert_eq!(told[field], sum.value_at_quantile(quantile) as f64 / 1e6, "{latency} {field}");
        }
    }
}

const FORMS: [&str; 3] = ["--csv", "--parquet", "--hlog"];

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    for form in FORMS {
        let mut child = program(&["export", "stuck", form, "-"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut first = Vec::new();
        let mut pipe = BufReader::with_capacity(1, child.stdout.take().expect("its output"));
        pipe.read_until(b'#', &mut first).map(|_| ()).unwrap_or_default();
        drop(pipe);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!((output.status.code(), complaint(&output)), (Some(0), String::new()), "{form}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told() {
    for form in FORMS {
        let output = run(&["export", "steady", form, "/dev/full"]);
        assert_eq!(output.status.code(), Some(3), "{form}");
        let said = complaint(&output);
        assert!(said.starts_with("streamgauge: can't write /dev/full (No space left on device"), "{form}: {said}");
    }
}

/// A disk that is full in the middle: the sentence names the file that was asked for and not the one beside it, which goes.
#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_fills_up_leaves_nothing_and_names_the_file() {
    for form in FORMS {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("figures");
        // A file may have one block of 512 bytes; the signal that says so is not heard.
        let output = Command::new("sh")
            .args(["-c", "ulimit -f 1; trap '' XFSZ; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_streamgauge")])
            .args(["export", concat!(env!("CARGO_MANIFEST_DIR"), "/recordings/stuck.jsonl.zst"), form])
            .arg(&place)
            .output()
            .expect("it runs");
        let said = complaint(&output);
        assert_eq!(output.status.code(), Some(3), "{form}: {said}");
        let sentence = format!("streamgauge: can't write {} (File too large (os error 27)); check", place.display());
        assert!(said.starts_with(&sentence), "{form}: {said}");
        assert_eq!(names(folder.path()), Vec::<String>::new(), "{form}");
    }
}

/// What is written of a recording that was cut off is less than was recorded: one sentence says so.
#[test]
fn a_recording_that_is_cut_off_is_exported_as_far_as_it_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let cut = folder.path().join("cut.jsonl.zst");
    std::fs::write(&cut, &ALL[0].bytes[..ALL[0].bytes.len() / 2]).expect("a file");
    for form in ["--csv", "--parquet", "--hlog", "--svg"] {
        let output = run(&["export", cut.to_str().expect("a path"), form, "-"]);
        let said = complaint(&output);
        assert_eq!((output.status.code(), said.lines().count()), (Some(0), 1), "{form}: {said}");
        assert!(said.contains("cut.jsonl.zst: the recording ") && said.contains(" cut off"), "{form}: {said}");
        assert!(output.stdout.len() > 1_000, "{form}");
    }
}

/// The documentation has every metric, with its type and the labels of its samples.
#[test]
fn every_metric_is_documented() {
    let told = include_str!("../docs/export.md");
    let mut player = ALL[1].play().expect("a player");
    let end = player.span().1;
    let page = streamgauge::report::metrics::page(player.session_at(end).expect("the end"), end);
    let mut families = 0;
    for line in page.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) {
            families += 1;
            assert!(told.contains(&format!("| `{name}` | {kind} |")), "{line}");
        } else if let Some((name, labels)) = line.split_once('{') {
            let row = told.lines().find(|row| row.starts_with(&format!("| `{}` |", name.trim_end_matches("_total"))));
            let row = row.unwrap_or_else(|| panic!("{line}"));
            for label in labels.split("=\"").filter_map(|before| before.rsplit([',', '{', '"']).next()) {
                assert!(label.contains('}') || row.contains(&format!("`{label}`")), "{label}: {row}");
            }
        }
    }
    assert_eq!(told.matches("\n| `streamgauge_").count(), families, "none is told that there is not");
    for column in COLUMNS {
        assert!(told.contains(&format!("| `{column}` |")), "{column}");
    }
    for name in streamgauge::report::lines::Line::CSV_HEAD.split(',') {
        assert!(told.contains(&format!("`{name}`")), "{name}");
    }
}

/// What goes wrong in the middle leaves what was there before, and nothing beside it.
#[test]
#[cfg(unix)]
fn ctrl_c_in_the_middle_leaves_what_was_there() {
    for form in FORMS {
        let folder = tempfile::tempdir().expect("a folder");
        let place: PathBuf = folder.path().join("figures");
        std::fs::write(&place, "what was there before").expect("a file");
        // A pipe that nobody closes: the recording never comes to its end.
        let mut child = program(&["export", "-", form, place.to_str().expect("a path")])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut pipe = child.stdin.take().expect("its input");
        pipe.write_all(ALL[0].bytes).expect("it reads");
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(4), "{form}");
        assert_eq!(complaint(&output), "streamgauge: interrupted: nothing was written");
        assert_eq!(names(folder.path()), ["figures"], "{form}");
        assert_eq!(std::fs::read_to_string(&place).expect("the file"), "what was there before");
        drop(pipe);
    }
}

/// Where there is nothing to write, no file stands afterwards.
#[test]
fn a_recording_that_says_nothing_gives_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let silent = folder.path().join("silent.jsonl");
    std::fs::write(&silent, "{\"streamgauge\":\"1.0\",\"program\":\"0.1.0\",\"started\":1795348800000000}\n")
        .expect("a file");
    let place = folder.path().join("figures");
    for form in FORMS {
        let output = run(&["export", silent.to_str().expect("a path"), form, place.to_str().expect("a path")]);
        assert_eq!(output.status.code(), Some(3), "{form}");
        assert!(complaint(&output).contains("holds no observation"), "{form}");
        assert_eq!(names(folder.path()), ["silent.jsonl"], "{form}");
    }
}
