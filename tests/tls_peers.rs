//! The embedded scenario over TLS, as Microsoft's clients for Python see it: Event Hubs, Blob storage and Cosmos DB, each told
//! which authority to trust.
//!
//! ```text
//! pip install azure-eventhub azure-storage-blob azure-cosmos
//! cargo test --test tls_peers -- --ignored
//! ```
//!
//! `STREAMGAUGE_PYTHON` names another interpreter than `python3`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod described;

use std::process::Command;

use described::Served;

#[test]
#[ignore = "needs Python with azure-eventhub, azure-storage-blob and azure-cosmos"]
fn python() {
    let served = Served::start(&["--tls", "--rate", "0", "--no-process"]);
    let python = std::env::var_os("STREAMGAUGE_PYTHON").unwrap_or_else(|| "python3".into());
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/tls_python.py")).arg(served.endpoints.to_string());
    let output = command.output().expect("Python starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.trim_end().ends_with("passed, 0 failed"), "{said}\n{complained}");
}
