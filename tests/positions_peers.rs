//! Positions from a container that another vendor serves and another vendor's clients wrote: Azurite, and the blob client
//! and checkpoint store of Python.
//!
//! ```text
//! pip install azure-storage-blob azure-eventhub-checkpointstoreblob
//! (cd tests/peers && npm install)
//! cargo test --test positions_peers -- --ignored
//! ```
//!
//! `STREAMGAUGE_PYTHON` names another interpreter than `python3`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod positions;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use positions::{GROUP, HUB, NS, Watched};
use streamgauge::azure::{BlobAddress, BlobCredential, Secret};
use streamgauge::model::observation::CheckpointForm::{self, Dapr, Functions, Go, Host, Metadata};
use streamgauge::model::ownership::Holding;
use streamgauge::probe::position::name::HubName;
use streamgauge::probe::position::search::search;

/// The account and key that every storage emulator has.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const CONTAINER: &str = "azure-webjobs-eventhub";

const PATIENCE: Duration = Duration::from_secs(60);

fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers")
}

/// Azurite on a free port, in memory.
struct Azurite {
    child: Child,
    endpoint: String,
    /// A line for each request, in their order.
    log: Receiver<String>,
}

impl Azurite {
    fn start() -> Self {
        let mut command = Command::new("node");
        command.arg(peers().join("node_modules/azurite/dist/src/blob/main.js"));
        command.args(["--blobPort", "0", "--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck"]);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("Node starts; is it installed?");
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, told) = std::sync::mpsc::channel();
        // All that it says is read, so that it never waits for a reader.
        std::thread::spawn(move || said.map_while(Result::ok).for_each(|line| drop(tell.send(line))));
        let address = loop {
            // `Azurite Blob service successfully listens on http://127.0.0.1:41237`
            let line = told.recv_timeout(PATIENCE).expect("Azurite says where it listens; is it in tests/peers?");
            if let Some((_, address)) = line.split_once("successfully listens on ") {
                break address.trim().to_owned();
            }
        };
        Self { child, endpoint: format!("{address}/{ACCOUNT}"), log: told }
    }

    /// Has Python write the checkpoints.
    fn fill(&self) {
        let python = std::env::var_os("STREAMGAUGE_PYTHON").unwrap_or_else(|| "python3".into());
        let mut command = Command::new(python);
        command.arg(peers().join("positions_python.py")).args([self.endpoint.as_str(), ACCOUNT, KEY, CONTAINER]);
        let output = command.output().expect("Python starts");
        let said = String::from_utf8_lossy(&output.stdout);
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.trim_end().ends_with(" written"), "{said}\n{complained}");
    }

    /// How many requests came since this was last asked: a wide look is sent behind them, and shows where they end.
    async fn requests(&self) -> usize {
        let hub = HubName { namespace: NS.into(), hub: HUB.into() };
        let marker = BlobAddress { container: "marker".into(), ..self.container() };
        search(&marker, &hub).await.expect_err("there is no such container");
        let mut count = 0;
        loop {
            let line = self.log.recv_timeout(PATIENCE).expect("the request that ends them is told");
            if line.contains("/marker?") {
                return count;
            }
            count += usize::from(line.contains(" HTTP/1.1\""));
        }
    }

    fn container(&self) -> BlobAddress {
        let credential = BlobCredential::SharedKey { account: ACCOUNT.into(), key: Secret::new(KEY) };
        BlobAddress { endpoint: self.endpoint.clone(), container: CONTAINER.into(), credential }
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What is to be seen of one partition: its form, events behind, its owner, and how its remark begins.
type Expected = (Option<CheckpointForm>, Option<u64>, Option<(&'static str, bool)>, Option<&'static str>);

#[tokio::test]
#[ignore = "needs Node with azurite, and Python with azure-storage-blob and azure-eventhub-checkpointstoreblob"]
async fn azurite_with_checkpoints_in_every_form() {
    let azurite = Azurite::start();
    azurite.fill();

    let five = Some(5);
    let no_number = "the checkpoint ns.servicebus.windows.net/plant/workers/checkpoint/";
    let table: [Expected; 14] = [
        (Some(Metadata), five, Some(("host-a", true)), None),
        (Some(Metadata), five, None, None),
        (Some(Functions), five, Some(("host-f", true)), None),
        (Some(Functions), five, Some(("host-g", false)), Some("the lease of its owner host-g has ended")),
        (Some(Go), five, None, None),
        (Some(Dapr), five, None, None),
        (Some(Host), five, None, None),
        (Some(Host), five, None, None),
        (Some(Functions), five, None, None),
        (None, None, None, Some(no_number)),
        (None, None, None, Some(no_number)),
        (None, None, None, Some("its processor has read nothing yet")),
        (None, None, Some(("host-a", true)), Some("no checkpoint was found; the log holds 100 events")),
        (None, None, None, Some("no checkpoint was found; the log holds 100 events")),
    ];
    let partitions = u32::try_from(table.len()).unwrap();
    let log: Vec<(u32, i64, i64)> = (0..partitions).map(|id| (id, 0, 99)).collect();
    let mut watched = Watched::new(azurite.container(), partitions);
    azurite.requests().await;
    // A wide look, a list for each of five prefixes, and eight bodies; then nothing but the lists.
    for requests in [1 + 5 + 8, 5] {
        watched.look(&log).await.unwrap();
        for (id, (form, events, owner, remark)) in (0..).zip(&table) {
            let (partition, now) = (watched.partition(id), watched.now());
            assert_eq!(partition.form(), *form, "form of {id}");
            assert_eq!(partition.lag().unwrap().events(), *events, "lag of {id}");
            let seen = partition.holder(now).map(|holder| (holder.owner, holder.holding == Holding::Holds));
            assert_eq!(seen, *owner, "owner of {id}");
            let said = partition.remark(now).unwrap_or_default();
            assert!(said.starts_with(remark.unwrap_or_default()), "{id}: {said}");
            assert_eq!(said.is_empty(), remark.is_none(), "{id}: {said}");
        }
        assert_eq!(azurite.requests().await, requests, "calls of a look");
    }
    let age = watched.partition(0).checkpoint_age(watched.now()).unwrap();
    assert!(age < Duration::from_secs(600), "a checkpoint written just now is {age:?} old");

    let hub = HubName { namespace: NS.into(), hub: HUB.into() };
    let found = search(&azurite.container(), &hub).await.unwrap();
    let groups: Vec<_> = found.groups.iter().map(|group| (group.name.as_deref(), group.partitions)).collect();
    // Go's is the one without a name. The SDK lowers "$Default", which is spelled like that all the same.
    assert_eq!(groups, [(None, 1), (Some("$Default"), 2), (Some(GROUP), 12)]);

    watched.group.send_replace("$Default".into());
    watched.look(&log).await.unwrap();
    assert_eq!(watched.session.lag_events(), Some(89 * 2 + 5), "two of its own, and Go's, which names no group");
    assert_eq!(watched.partition(1).owner(), Some("host-b"));
    assert_eq!(watched.partition(2).position(), None);
}
