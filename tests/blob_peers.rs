//! The Blob endpoint served to another vendor's clients: azure-storage-blob and azure-eventhub-checkpointstoreblob for
//! Python.
//!
//! ```text
//! pip install azure-storage-blob azure-eventhub-checkpointstoreblob
//! cargo test --test blob_peers -- --ignored
//! ```
//!
//! `STREAMGAUGE_PYTHON` names another interpreter than `python3`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

use std::net::SocketAddr;
use std::process::Command;

use streamgauge::local::blob::{BlobEndpoint, BlobOptions};
use streamgauge::local::fault::FaultSwitch;

#[tokio::test]
#[ignore = "needs Python with azure-storage-blob and azure-eventhub-checkpointstoreblob"]
async fn python() {
    let options = BlobOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        account: "devstoreaccount1".into(),
        container: "checkpoints".into(),
        faults: FaultSwitch::default(),
    };
    let endpoint = BlobEndpoint::start(options).await.expect("the endpoint starts");
    let python = std::env::var_os("STREAMGAUGE_PYTHON").unwrap_or_else(|| "python3".into());
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/blob_python.py"));
    command.args([endpoint.endpoint(), endpoint.account().to_owned(), endpoint.key(), "checkpoints".into()]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it runs").expect("Python starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.trim_end().ends_with("passed, 0 failed"), "{said}\n{complained}");
}
