//! The scenario without a screen: what it prints, and how it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

#[test]
fn endpoints_are_one_line_of_json_and_a_signal_ends_it() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_streamgauge"))
        .args(["local", "--headless", "--json", "--rate", "0", "--no-process", "--partitions", "4"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    let endpoints: serde_json::Value = serde_json::from_str(&line).expect("JSON");

    let eventhubs = endpoints["eventhubs"].as_str().expect("a connection string");
    assert!(eventhubs.starts_with("Endpoint=sb://127.0.0.1:"), "{eventhubs}");
    for part in ["SharedAccessKeyName=", "SharedAccessKey=", "UseDevelopmentEmulator=true", "EntityPath="] {
        assert!(eventhubs.contains(part), "{eventhubs} has no {part}");
    }
    for (service, fields) in [
        ("blob", &["endpoint", "account", "key", "container"]),
        ("cosmos", &["endpoint", "key", "database", "container"]),
    ] {
        for field in fields {
            assert!(endpoints[service][field].is_string(), "{service}.{field} in {line}");
        }
    }
    assert!(endpoints["consumer_group"].is_string());

    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
    assert!(child.wait().expect("it ends").success());
}
