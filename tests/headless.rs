//! The scenario without a screen: what it prints, and how it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod described;

use described::Served;

#[test]
fn endpoints_are_one_line_of_json_and_a_signal_ends_it() {
    let mut served = Served::start(&["--rate", "0", "--no-process"]);
    let endpoints = served.endpoints.clone();

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
            assert!(endpoints[service][field].is_string(), "{service}.{field} in {endpoints}");
        }
    }
    assert!(endpoints["consumer_group"].is_string());

    assert!(served.terminate().success());
}
