//! The Cosmos DB endpoint served to another vendor's client: azure-cosmos for Python.
//!
//! ```text
//! pip install azure-cosmos
//! cargo test --test cosmos_peers -- --ignored
//! ```
//!
//! `STREAMGAUGE_PYTHON` names another interpreter than `python3`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

use std::net::SocketAddr;
use std::process::Command;

use streamgauge::local::cosmos::{CosmosEndpoint, CosmosOptions};
use streamgauge::local::fault::FaultSwitch;

#[tokio::test]
#[ignore = "needs Python with azure-cosmos"]
async fn python() {
    let options = CosmosOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        database: "streaming".into(),
        container: "events".into(),
        partition_key_path: "/deviceId".into(),
        request_units: 20_000,
        time_to_live: None,
        faults: FaultSwitch::default(),
    };
    let endpoint = CosmosEndpoint::start(options).await.expect("the endpoint starts");
    let python = std::env::var_os("STREAMGAUGE_PYTHON").unwrap_or_else(|| "python3".into());
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/cosmos_python.py"));
    command.args([endpoint.endpoint(), endpoint.key(), "streaming".into(), "events".into()]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it runs").expect("Python starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.trim_end().ends_with("passed, 0 failed"), "{said}\n{complained}");
}
