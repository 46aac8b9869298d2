//! The endpoint of a benchmark: the embedded Event Hubs endpoint in a process of its own, so that its CPU time can be told
//! from the client's. The benchmark starts itself a second time, with [`SERVE`] as its first argument.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::machine::cpu_of;
use streamgauge::azure::{EventHubsAddress, EventHubsCredential};
use streamgauge::local::eventhubs::{EventHubsEndpoint, EventHubsOptions};

/// The first argument of the process that serves; the second is the number of partitions.
const SERVE: &str = "--serve-eventhubs";

/// Serves, if that is what this process was started for, until its standard input closes.
pub(crate) fn serve_if_asked() -> bool {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(SERVE) {
        return false;
    }
    let partitions = arguments.next().and_then(|text| text.parse().ok()).expect("the number of partitions");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        // Small enough that a long run stays in memory, large enough that retention costs what it usually does.
        let options = EventHubsOptions { partitions, retention_bytes: 16 << 20, ..EventHubsOptions::default() };
        let hub = options.hub.clone();
        let endpoint = EventHubsEndpoint::start(options).await.expect("an endpoint");
        println!("{} {hub}", endpoint.address());
        std::io::stdout().flush().expect("a parent that listens");
        let until_closed = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        until_closed.await.expect("a thread").expect("standard input");
    });
    true
}

/// A running endpoint in its own process.
pub(crate) struct Endpoint {
    child: Child,
    /// Kept open: the child would end at its next word otherwise.
    _said: BufReader<ChildStdout>,
    pub(crate) address: EventHubsAddress,
}

impl Endpoint {
    pub(crate) fn start(partitions: u32) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args([SERVE, &partitions.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a second process");
        let mut said = BufReader::new(child.stdout.take().expect("its output"));
        let mut line = String::new();
        said.read_line(&mut line).expect("its address");
        let mut words = line.split_whitespace();
        let (place, hub) = (words.next(), words.next());
        let address = EventHubsAddress {
            namespace: "localhost".into(),
            hub: hub.expect("a hub").into(),
            custom_endpoint: Some(format!("amqp://{}", place.expect("an address"))),
            credential: EventHubsCredential::Anonymous,
        };
        Self { child, _said: said, address }
    }

    /// The CPU time that it has used.
    pub(crate) fn cpu(&self) -> Duration {
        cpu_of(&self.child.id().to_string())
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}
