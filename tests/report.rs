//! `streamgauge report`: what it says of the recordings that come with the program, how it says it, and how it ends.
//!
//! `STREAMGAUGE_UPDATE=1 cargo test --test report` writes the golden files and the schema anew: look at the difference.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod command;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use command::{LinesOf, complaint, out, program, run};
use serde_json::Value;
use streamgauge::recording::player::Player;
use streamgauge::recording::samples::{ALL, Sample};
use streamgauge::report::comparison::Comparison;
use streamgauge::report::document::Document;

/// Holds a text against a file of the repository, or writes the file where that is asked for.
fn assert_golden(text: &str, place: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(place);
    if std::env::var_os("STREAMGAUGE_UPDATE").is_some() {
        std::fs::write(&path, text).expect("the file is written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "{place} is not what is said now:\n{text}");
}

#[test]
fn each_recording_has_its_report() {
    for sample in ALL {
        for (flag, suffix) in [(None, "txt"), (Some("--markdown"), "md"), (Some("--json"), "json")] {
            let arguments: Vec<&str> = ["report", sample.name].into_iter().chain(flag).collect();
            let output = run(&arguments);
            let text = out(&output);
            assert_golden(&text, &format!("tests/reports/{}.{suffix}", sample.name));
            let failed = text.contains("FAIL") || text.contains("\"outcome\": \"fail\"");
            assert_eq!(output.status.code(), Some(i32::from(failed)), "{arguments:?}");
            assert_eq!(complaint(&output), "", "no bar and no word beside it");
            assert!(flag.is_some() || text.lines().all(|line| line == line.trim_end()));
        }
    }
}

#[test]
fn the_published_schema_is_that_of_the_document() {
    let schema = schemars::schema_for!(Document);
    let text = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
    assert_golden(&text, "docs/report.schema.json");
}

#[test]
fn two_recordings_side_by_side() {
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(Comparison)).expect("JSON") + "\n";
    assert_golden(&schema, "docs/comparison.schema.json");
    let output = run(&["compare", "steady", "throttled"]);
    assert_eq!((output.status.code(), complaint(&output)), (Some(0), String::new()));
    assert_golden(&out(&output), "tests/reports/steady-throttled.txt");
    let json: Value = serde_json::from_str(&out(&run(&["compare", "steady", "throttled", "--json"]))).expect("JSON");
    let figures = json["figures"].as_array().expect("figures");
    for figure in figures {
        let [a, b, difference] = ["a", "b", "difference"].map(|field| figure[field].as_f64());
        assert_eq!(a.zip(b).is_some(), difference.is_some(), "{figure}");
        if let (Some(a), Some(b), Some(difference)) = (a, b, difference) {
            assert!((b - a - difference).abs() < 1e-5, "{figure}");
        }
    }
    let same = out(&run(&["compare", "steady", "steady"]));
    assert!(!same.contains('+') && same.contains("0 %"), "{same}");
    assert!(out(&output).lines().all(|line| line.chars().count() <= 80), "{}", out(&output));
    // Every summary figure of a report is compared.
    let names: Vec<&str> = figures.iter().filter_map(|figure| figure["figure"].as_str()).collect();
    for name in [
        "due, best minute",
        "enqueued to stored, p90",
        "enqueued to stored, p99.9",
        "pipeline, falling behind",
        "partitions, stalled",
        "in flight",
        "RU share, highest",
        "RU share, hottest",
    ] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    let output = run(&["compare", "steady", "nowhere"]);
    assert_eq!(output.status.code(), Some(3), "{}", complaint(&output));
}

/// A short session without a screen: lines, a page for Prometheus, a recording, and the figures of its end.
#[test]
fn a_live_session_is_reported_and_recorded() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("live.jsonl.zst");
    let file = path.to_str().expect("a path");
    let plan = "20 for 2s, ramp to 60 in 2s";
    let mut child = program(&["report", "--live", "--plan", plan, "--partitions", "2", "--lines", "json"])
        .args(["--record", file, "--metrics", "127.0.0.1:0", "--rule", "lost=0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let line = LinesOf::of(child.stderr.take().expect("its errors")).next();
    let address =
        line.trim().strip_prefix("streamgauge: metrics at http://").and_then(|rest| rest.strip_suffix("/metrics"));
    let page = page(address.expect(&line));
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"), "{page}");
    assert!(page.ends_with("# EOF\n") && page.contains("streamgauge_health{"), "{page}");
    let output = child.wait_with_output().expect("it ends");
    let lines: Vec<Value> = out(&output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (summary, ticks) = lines.split_last().expect("lines");
    assert!(ticks.len() >= 4, "{lines:?}");
    let live = &summary["summary"];
    assert_eq!(output.status.code(), Some(0), "{live}");
    // 40 while it holds, 80 on the slope; fewer or more where the machine is late to turn it up or off.
    let sent = live["tally"]["sent"].as_u64().expect("a figure");
    assert!((60..=240).contains(&sent), "{sent}");
    assert_eq!((&live["tally"]["stored"], &live["tally"]["in_flight"]), (&Value::from(sent), &Value::from(0)));
    let again: Value = serde_json::from_str(&out(&run(&["report", file, "--json", "--rule", "lost=0"]))).expect("JSON");
    for part in ["tally", "latencies", "verdict"] {
        assert_eq!(again[part], live[part], "what was recorded says the same: {part}");
    }
}

/// A page of a server, as it comes.
fn page(address: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).expect("it listens");
    std::io::Write::write_all(&mut stream, b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .expect("asked");
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("text");
    page
}

#[test]
fn a_live_session_that_cannot_be() {
    let cases: [(&[&str], i32, &str); 17] = [
        (
            &["--live", "3s", "--plan", "10 for 1s"],
            2,
            "a plan says itself how long it lasts; leave the time after --live",
        ),
        (
            &["--live", "1s", "--seed", "x"],
            2,
            "\"x\" is not a seed: give a whole number from 0 to 18446744073709551615",
        ),
        (&["--live", "1s", "--load", "5"], 2, "--scenario <FILE>"),
        (&["--live", "1s", "--scenario", "x.toml", "--rate", "5"], 2, "cannot be used with"),
        (&["--live", "1s", "--scenario", "x.toml", "--search"], 2, "cannot be used with"),
        (&["--live", "1s", "--scenario", "nowhere.toml"], 2, "nowhere.toml could not be read ("),
        (&["--live"], 2, "--live needs a time, such as --live 5m, or a --plan"),
        (&["--live", "soon"], 2, "\"soon\" is not a time for a live session: give one such as 30s, 5m or 2h"),
        (&["--live", "--plan", "1k"], 2, "\"1k\" is no step of a load plan; try `1k for 1m`"),
        (&["--live", "--plan", "-5 for 1m"], 2, "\"-5\" is not a rate: give events a second from 0 to "),
        (&["--live", "--plan", "1k for 1m,"], 2, "a step of the load plan is missing"),
        (&["--live", "--plan", "1k for 1s", "--rate", "5"], 2, "cannot be used with"),
        (&["--live", "--search", "--rate", "0"], 2, "a search begins at a rate above 0: give --rate 1000, for example"),
        (&["steady", "--rate", "5"], 2, "cannot be used with"),
        (&["steady", "--live", "5s"], 2, "cannot be used with"),
        (
            &["--live", "1s", "--metrics", "9464"],
            2,
            "\"9464\" is not an address to listen on: give an IP address and a port",
        ),
        (&["--live", "1s", "--metrics", "192.0.2.1:1"], 3, "can't listen on 192.0.2.1:1 for --metrics ("),
    ];
    for (arguments, code, said) in cases {
        let output = run(&[&["report"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", complaint(&output));
        assert!(complaint(&output).contains(said), "{arguments:?}: {}", complaint(&output));
    }
}

/// A flag that can do nothing beside another is refused, and never left out in silence.
#[test]
fn no_flag_is_ignored() {
    let alone: [&[&str]; 9] = [
        &["--search"],
        &["--record", "x"],
        &["--metrics", "127.0.0.1:0"],
        &["--scenario", "x.toml"],
        &["--plan", "1 for 1s"],
        &["--load", "5"],
        &["--max-events", "5"],
        &["--seed", "1"],
        &["--no-process"],
    ];
    for arguments in alone {
        let refused = |before: &[&str], said: &str| {
            let output = run(&[&["report"], before, arguments].concat());
            assert_eq!(output.status.code(), Some(2), "{before:?} {arguments:?}: {}", complaint(&output));
            assert!(complaint(&output).contains(said), "{before:?} {arguments:?}: {}", complaint(&output));
            assert!(!complaint(&output).contains("<FILE>\n") && !complaint(&output).contains("[FILE]\n"));
        };
        refused(&["steady"], "cannot be used with");
        refused(&[], "--live");
    }
    // What bounds a load is of a deployed scenario, whatever else is said of the embedded one.
    for bound in [["--max-events", "5"], ["--max-rate", "5"], ["--for", "1s"], ["--load", "5"]] {
        for beside in [&["--rate", "20"] as &[&str], &["--partitions", "2"], &["--search"]] {
            let output = run(&[&["report", "--live", "3s"], beside, bound.as_slice()].concat());
            let said = (output.status.code(), complaint(&output).contains("cannot be used with"));
            assert_eq!(said, (Some(2), true), "{beside:?} {bound:?}: {}", complaint(&output));
        }
    }
    let output = run(&["report", "steady", "--json", "--every", "5s"]);
    assert_eq!((output.status.code(), complaint(&output).contains("cannot be used with")), (Some(2), true));
}

/// Every field of a report is one that the schema names, and none that it requires is missing.
#[test]
fn a_report_is_as_its_schema_says() {
    fn check(value: &Value, schema: &Value, root: &Value, at: &str) {
        if let Some(name) = schema["$ref"].as_str() {
            let found = &root["$defs"][name.trim_start_matches("#/$defs/")];
            assert!(found.is_object(), "{name}");
            return check(value, found, root, at);
        }
        if let Some(either) = schema["anyOf"].as_array() {
            let null = either.iter().any(|schema| schema["type"] == "null");
            let other = either.iter().find(|schema| schema["type"] != "null").expect("a type");
            assert!(null || !value.is_null(), "{at}");
            if !value.is_null() {
                check(value, other, root, at);
            }
            return;
        }
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    let of = &schema["properties"][name];
                    let of = if of.is_null() { &schema["additionalProperties"] } else { of };
                    assert!(of.is_object(), "{at}.{name} is not in the schema");
                    check(field, of, root, &format!("{at}.{name}"));
                }
                for name in schema["required"].as_array().into_iter().flatten() {
                    assert!(fields.contains_key(name.as_str().expect("a name")), "{at}.{name} is missing");
                }
            }
            Value::Array(items) => items.iter().for_each(|item| check(item, &schema["items"], root, at)),
            Value::String(text) if schema["oneOf"].is_array() => {
                let known: Vec<&Value> =
                    schema["oneOf"].as_array().into_iter().flatten().map(|one| &one["const"]).collect();
                assert!(known.contains(&&Value::from(text.as_str())), "{at}: {text}");
            }
            _ => {
                let kind = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::String(_) => "string",
                    Value::Number(number) if number.is_u64() => "integer",
                    _ => "number",
                };
                let allowed = schema["type"].to_string();
                let fits = allowed.contains(kind) || (kind == "integer" && allowed.contains("number"));
                assert!(fits, "{at} is {value}, not {allowed}");
            }
        }
    }
    let schema: Value = serde_json::to_value(schemars::schema_for!(Document)).expect("JSON");
    for sample in ALL {
        let report: Value = serde_json::from_str(&out(&run(&["report", sample.name, "--json"]))).expect("JSON");
        check(&report, &schema, &schema, sample.name);
    }
}

#[test]
fn lines_come_before_the_summary() {
    let json = out(&run(&["report", "steady", "--lines", "json", "--every", "10s"]));
    let values: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (summary, lines) = values.split_last().expect("lines");
    assert_eq!(
        lines.iter().filter_map(|line| line["second"].as_f64()).collect::<Vec<_>>(),
        (1..=14).map(|n| f64::from(n) * 10.0).collect::<Vec<_>>()
    );
    assert!(lines.iter().all(|line| line["health"].is_string() && line["lag_events"].is_u64()), "{json}");
    let alone: Value = serde_json::from_str(&out(&run(&["report", "steady", "--json"]))).expect("JSON");
    assert_eq!(summary["summary"], alone, "the last line is the document");

    let csv = run(&["report", "steady", "--lines", "csv"]);
    let rows = out(&csv);
    assert_eq!(rows.lines().count(), 146, "a head and a line each second");
    assert!(rows.lines().all(|row| row.split(',').count() == 15), "{rows}");
    assert!(complaint(&csv).contains("Verdict: PASS"), "the summary is beside it");

    let table = out(&run(&["report", "outage", "--lines", "table", "--every", "20s"]));
    assert!(table.starts_with("    time  health"), "{table}");
    assert!(table.lines().nth(2).is_some_and(|row| row.trim_start().starts_with("00:00:40  BLIND")), "{table}");
    assert!(table.contains("\nVerdict: PASS\n"), "{table}");
}

#[test]
fn the_exit_code_is_the_verdict() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path.to_str().expect("a path").to_owned()
    };
    let header = b"{\"streamgauge\":\"1.0\",\"program\":\"0.1.0\",\"started\":1795348800000000}\n";
    let [empty, text, silent, rules] = [
        file("empty", b""),
        file("text", b"hello\n"),
        file("silent.jsonl", header),
        file("rules.toml", b"[rules]\nlots = 1\n"),
    ];
    let cases: [(&[&str], i32, &str); 11] = [
        (&["steady"], 0, ""),
        (&["throttled"], 1, ""),
        (&["throttled", "--rule", "lost=0"], 0, ""),
        (&["restart", "--rule", "lost=0"], 3, ""),
        (&["restart", "--rule", "lost=0", "--rule", "duplicates=0"], 1, ""),
        (&["steady", "--rule", "lost"], 2, "is not a rule: give a name and its limit"),
        (&["steady", "--rules", &rules], 2, "there is no rule \"lots\"; did you mean lost?"),
        (&["nowhere"], 3, "can't read nowhere ("),
        (&[&empty], 3, "is empty: nothing was recorded"),
        (&[&text], 3, "is not a recording: it does not begin as one"),
        (&[&silent], 3, "holds no observation: nothing can be reported of it; try another recording"),
    ];
    for (arguments, code, said) in cases {
        let output = run(&[&["report"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", complaint(&output));
        assert!(complaint(&output).contains(said), "{arguments:?}: {}", complaint(&output));
        assert!(complaint(&output).lines().count() <= 1, "{arguments:?}");
    }
}

/// A rule in a file, and a flag that goes before it.
#[test]
fn rules_come_from_a_file_and_flags_go_before_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rules.toml");
    std::fs::write(&path, "warm-up = \"20s\"\ntarget = 1000\n[rules]\nthroughput = \"90%\"\nlost = 0\n")
        .expect("a file");
    let file = path.to_str().expect("a path");
    let document = |arguments: &[&str]| -> Value {
        let output = run(&[&["report", "steady", "--json", "--rules", file], arguments].concat());
        serde_json::from_str(&out(&output)).expect("JSON")
    };
    let seen = document(&[]);
    assert_eq!(seen["session"]["warm_up"], 20.0);
    assert_eq!(seen["verdict"]["rules"][0]["figure"], "80/s of 1,000/s (8 %) in the worst of 2 minutes; 2 below");
    let seen = document(&["--target", "80", "--warm-up", "5s", "--rule", "throughput=95%"]);
    assert_eq!((&seen["session"]["warm_up"], &seen["verdict"]["outcome"]), (&Value::from(5.0), &Value::from("pass")));
    assert_eq!(seen["verdict"]["rules"][0]["limit"], "at least 95 %");
    assert_eq!(seen["verdict"]["rules"][1]["rule"], "lost");
}

/// A file that was cut says so, and is reported as far as it goes.
#[test]
fn a_recording_that_is_cut_off_or_damaged_is_reported_as_far_as_it_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = ALL[0].bytes;
    let path = folder.path().join("cut.jsonl.zst");
    std::fs::write(&path, &whole[..whole.len() / 2]).expect("a file");
    let said = out(&run(&["report", path.to_str().expect("a path")]));
    assert!(said.contains("the recording is cut off at byte "), "{said}");
    let mut damaged = whole.to_vec();
    damaged[whole.len() / 2..whole.len() / 2 + 40].fill(0xAA);
    std::fs::write(&path, &damaged).expect("a file");
    let said = out(&run(&["report", path.to_str().expect("a path")]));
    assert!(said.contains("the recording is damaged at byte "), "{said}");
}

/// So is one with another behind it: what the first lost is not made good by the second.
#[test]
fn of_two_recordings_in_one_file_the_first_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("both.jsonl.zst");
    let [steady, restart] = ["steady", "restart"].map(|name| Sample::named(name).expect("a sample").bytes);
    std::fs::write(&path, [restart, steady].concat()).expect("a file");
    let both = path.to_str().expect("a path");
    let document =
        |file: &str| -> Value { serde_json::from_str(&out(&run(&["report", file, "--json"]))).expect("JSON") };
    let (seen, alone) = (document(both), document("restart"));
    let sentence = format!(
        "a second recording begins at byte {} and was not read; cut the file there to have both",
        restart.len()
    );
    assert_eq!(seen["session"]["incomplete"], sentence);
    for part in ["stages", "lag", "latencies", "tally", "verdict"] {
        assert_eq!(seen[part], alone[part], "{part}");
    }
    let output = run(&["compare", both, "restart"]);
    assert!(out(&output).contains(&format!("  A: {sentence}\n")), "{}", out(&output));
    let output = run(&["export", both, "--csv", "-"]);
    assert_eq!(complaint(&output), format!("streamgauge: {both}: {sentence}"));
    assert_eq!(out(&output), out(&run(&["export", "restart", "--csv", "-"])));
    let output = run(&["export", both, "--svg", "-"]);
    assert_eq!(complaint(&output), format!("streamgauge: {both}: {sentence}"), "a replay says the same");
}

/// So is a comparison, and it says which of the two is not whole.
#[test]
fn a_recording_that_is_cut_off_is_compared_as_far_as_it_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cut.jsonl.zst");
    std::fs::write(&path, &ALL[0].bytes[..ALL[0].bytes.len() / 2]).expect("a file");
    let cut = path.to_str().expect("a path");
    let output = run(&["compare", "steady", cut]);
    assert_eq!((output.status.code(), complaint(&output)), (Some(0), String::new()));
    assert!(out(&output).contains("\n  B: the recording is cut off at byte "), "{}", out(&output));
    let json: Value = serde_json::from_str(&out(&run(&["compare", cut, "steady", "--json"]))).expect("JSON");
    assert!(json["a_incomplete"].as_str().is_some_and(|said| said.starts_with("the recording is cut off")), "{json}");
    assert_eq!(json["b_incomplete"], Value::Null);
}

/// `| head -1`: whoever reads no more gets no complaint, and the exit code is still the verdict.
#[test]
fn a_reader_that_leaves_early_changes_no_verdict() {
    for (sample, code) in [("steady", 0), ("throttled", 1)] {
        let mut child = program(&["report", sample, "--lines", "json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        BufReader::with_capacity(1, child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let output = child.wait_with_output().expect("it ends");
        assert_eq!((output.status.code(), complaint(&output)), (Some(code), String::new()), "{sample}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let output = program(&["report", "steady"]).stdout(full).output().expect("it runs");
    assert_eq!(output.status.code(), Some(3));
    let said = complaint(&output);
    assert!(said.contains("standard output could not be written (No space left on device"), "{said}");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    // Of lines that could not be written nothing is summed up beside them.
    for every in ["1s", "60s"] {
        let output = program(&["report", "steady", "--lines", "csv", "--every", every])
            .stdout(full.try_clone().expect("/dev/full"))
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(3));
        let said = complaint(&output);
        assert!(said.starts_with("streamgauge: standard output could not be written ("), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let output = program(&["report", "--live", "3s", "--rate", "5", "--partitions", "1", "--lines", "csv"])
        .stdout(full.try_clone().expect("/dev/full"))
        .output()
        .expect("it runs");
    let said = complaint(&output);
    assert_eq!((output.status.code(), said.lines().count()), (Some(3), 1), "{said}");
    let output = program(&["compare", "steady", "steady"]).stdout(full).output().expect("it runs");
    let told = (output.status.code(), complaint(&output).contains("(No space left on device"));
    assert_eq!(told, (Some(3), true), "the same code as of a report");
}

/// Ctrl-C while the recording still comes in from a pipe: the code says so.
#[test]
#[cfg(unix)]
fn ctrl_c_in_the_middle() {
    // A pipe that nobody closes: the recording never comes to its end.
    let mut child = program(&["report", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut pipe = child.stdin.take().expect("its input");
    // More than a pipe holds: when it is written, the program is up and reads.
    std::io::Write::write_all(&mut pipe, ALL[0].bytes).expect("it reads");
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
    let status = child.wait().expect("it ends");
    let mut said = String::new();
    child.stderr.take().expect("its errors").read_to_string(&mut said).expect("text");
    assert_eq!(
        (status.code(), said.as_str()),
        (Some(4), "streamgauge: interrupted before there was anything to report\n")
    );
    drop(pipe);
}

/// Whoever does not read the lines holds nothing up: the session is measured and recorded meanwhile.
#[test]
#[cfg(target_os = "linux")]
fn a_reader_that_does_not_read_holds_nothing_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("live.jsonl.zst");
    let (mut reader, mut writer) = std::io::pipe().expect("a pipe");
    // As much as a pipe holds on Linux: not a byte more goes into it.
    std::io::Write::write_all(&mut writer, &vec![b'\n'; 65_536]).expect("it is full");
    let mut child = program(&["report", "--live", "3s", "--partitions", "1", "--rate", "20", "--lines", "json"])
        .args(["--record", path.to_str().expect("a path"), "--rule", "duplicates=100%"])
        .stdout(writer)
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let seconds = || {
        let player = std::fs::read(&path).ok().and_then(|_| Player::open(&path).ok());
        player.map_or(0, |player| player.span().1.since(player.span().0).as_secs())
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(120);
    while seconds() < 3 {
        assert!(std::time::Instant::now() < deadline, "it is measured for its time while nobody reads");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let mut said = String::new();
    reader.read_to_string(&mut said).expect("text");
    let lines: Vec<Value> = said.trim_start().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(lines.len() >= 3, "{said}");
    assert!(lines.last().is_some_and(|last| last["summary"].is_object()), "the last one is the summary: {said}");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}
