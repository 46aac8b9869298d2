//! The Event Hubs endpoint, driven by Microsoft's clients in other languages.
//!
//! The scripts in `tests/peers` hold the checks. To run them:
//!
//! ```sh
//! pip install azure-eventhub==5.15.* && npm install --prefix tests/peers --no-save @azure/event-hubs@6
//! cargo test --test eventhubs_peers -- --ignored
//! ```
//!
//! `STREAMGAUGE_PYTHON` names another interpreter than `python3`, such as that of a virtual environment; `NODE_PATH`
//! names another folder of node modules than `tests/peers/node_modules`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use streamgauge::local::eventhubs::{EventHubsEndpoint, EventHubsOptions};
use tokio::sync::oneshot;

const PATIENCE: Duration = Duration::from_secs(300);

fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers")
}

/// Runs a script against a fresh hub of four partitions, and shows what it printed if a check fails.
async fn run(mut command: Command, script: &str) {
    let endpoint = EventHubsEndpoint::start(EventHubsOptions::default()).await.unwrap();
    command.arg(peers().join(script)).arg(endpoint.connection_string()).stdin(Stdio::null());
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || ended.send(command.output()));
    let output = tokio::time::timeout(PATIENCE, end)
        .await
        .unwrap_or_else(|_| panic!("{script} did not end within {PATIENCE:?}"))
        .unwrap()
        .unwrap_or_else(|error| panic!("{script} cannot be run: {error}"));
    let printed = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script} failed with {}:\n{printed}\n{complaints}", output.status);
    assert!(printed.trim_end().ends_with(" passed, 0 failed"), "{script} did not come to its end:\n{printed}");
    println!("{printed}");
    endpoint.shutdown().await;
}

#[tokio::test]
#[ignore = "needs Python with azure-eventhub"]
async fn the_python_client_finds_what_it_expects() {
    let interpreter = std::env::var_os("STREAMGAUGE_PYTHON").unwrap_or_else(|| "python3".into());
    run(Command::new(interpreter), "eventhubs_python.py").await;
}

#[tokio::test]
#[ignore = "needs Node with @azure/event-hubs"]
async fn the_javascript_client_finds_what_it_expects() {
    run(Command::new("node"), "eventhubs_js.mjs").await;
}
