//! What a person gets who asks for something that can't be: one sentence, and an exit code that is not zero.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod command;

use std::net::TcpListener;

use command::{complaint, run};

#[test]
fn a_flag_that_cannot_be_understood() {
    let rate = "is not a rate: give events a second from 0 to 10000000";
    let cases: [(&[&str], &str); 12] = [
        (&["--rate", "-1"], rate),
        (&["--rate", "1e99"], rate),
        (&["--rate", "abc"], rate),
        (&["--rate", ""], rate),
        (&["--partitions", "0"], "is not a number of partitions: give a whole number from 1 to 2048"),
        (&["--partitions", "4096"], "is not a number of partitions: give a whole number from 1 to 2048"),
        (&["--ru", "1"], "is not a number of request units: give a whole number from 400 to 1000000"),
        (&["--seed", "x"], "\"x\" is not a seed: give a whole number from 0 to 18446744073709551615"),
        (&["--duplicates", "-"], "is not how many events there are to one sent twice: give a whole number from 0"),
        (
            &["--metrics", "9464"],
            "is not an address to listen on: give an IP address and a port, such as 127.0.0.1:9464",
        ),
        (&["--cosmos-port", "70000"], "is not a port: give a whole number from 0 to 65535"),
        (&["lokal"], "unrecognized subcommand 'lokal'"),
    ];
    for (arguments, expected) in cases {
        let output = run(arguments);
        let said = complaint(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.starts_with("streamgauge: ") && said.contains(expected), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
    }
}

#[test]
fn a_terminal_that_is_none() {
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        complaint(&output),
        "streamgauge: the screen needs a terminal, and standard output is none; run it in a terminal, or use \
         `streamgauge local --headless`"
    );
    assert!(output.stdout.is_empty(), "no escape sequences in a pipe");
}

#[test]
fn a_port_that_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its address").port().to_string();
    for flag in ["--eventhubs-port", "--blob-port", "--cosmos-port"] {
        let output = run(&["local", "--headless", flag, &port]);
        let said = complaint(&output);
        assert_eq!(output.status.code(), Some(1), "{flag}: {said}");
        assert!(said.contains(&format!("port {port} on 127.0.0.1 is taken")), "{flag}: {said}");
        assert!(said.contains(flag), "the sentence names the flag: {said}");
    }
}

#[test]
fn a_recording_that_is_none() {
    let folder = env!("CARGO_TARGET_TMPDIR");
    let empty = format!("{folder}/empty.jsonl.zst");
    std::fs::write(&empty, b"").expect("a file");
    let wrong = format!("{folder}/wrong.jsonl.zst");
    std::fs::write(&wrong, b"no recording at all").expect("a file");
    let nowhere = format!("{folder}/nowhere.jsonl.zst");
    for file in [folder, &empty, &wrong, &nowhere] {
        let output = run(&["replay", file]);
        let said = complaint(&output);
        assert_eq!(output.status.code(), Some(1), "{file}: {said}");
        assert!(said.starts_with("streamgauge: ") && said.contains(file), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
