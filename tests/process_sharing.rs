//! Several instances of the processor in one consumer group: they share the partitions, take over from one that dies, and
//! lose no event.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod process_endpoints;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::TryStreamExt;
use process_endpoints::{PLENTY, Pipeline, pipeline, within};
use streamgauge::azure::blob;
use streamgauge::load::{LoadHandle, LoadOptions};
use streamgauge::model::ledger::Ledger;
use streamgauge::model::observation::{Observation, Target};
use streamgauge::model::units::EventRate;
use streamgauge::process::{Processor, ProcessorHandle, ProcessorOptions};
use tokio::sync::mpsc;

/// Longer than any test here: what happens by then happened without it.
const NEVER: Duration = Duration::from_secs(3_600);

/// One of several processors.
struct Instance {
    running: ProcessorHandle,
    observations: mpsc::Receiver<Observation>,
}

impl Instance {
    fn start(pipeline: &Pipeline, name: &str, every: Duration, expiry: Duration) -> Self {
        let (to, observations) = mpsc::channel(1_024);
        let options = ProcessorOptions {
            instance: name.into(),
            ownership_every: every,
            ownership_expiry: expiry,
            ..pipeline.options.clone()
        };
        Self { running: Processor::new(options, to).start().unwrap(), observations }
    }

    /// Looks again with each report until it holds so many partitions.
    async fn until_it_holds(&mut self, partitions: usize) {
        within(async {
            while self.running.partitions_held() != partitions {
                self.observations.recv().await.unwrap();
            }
        })
        .await;
    }

    async fn until_it_wrote(&mut self, more: u64) {
        let goal = self.running.processor().figures().written + more;
        within(async {
            while self.running.processor().figures().written < goal {
                self.observations.recv().await.unwrap();
            }
        })
        .await;
    }
}

/// A load that goes on until it is stopped.
struct Load(LoadHandle);

impl Load {
    fn start(pipeline: &Pipeline, rate: f64) -> Self {
        let (to, _unread) = mpsc::channel(1);
        let options = LoadOptions { target: Target::Rate(EventRate::new(rate)), ..pipeline.load_options() };
        Self(LoadHandle::start(options, Arc::new(Mutex::new(Ledger::default())), to).unwrap())
    }

    /// Stops it, waits until every event is in the store, and looks that each is there once.
    async fn stop_and_wait_for_all(self, pipeline: &Pipeline) {
        let sent = within(self.0.stop()).await.unwrap();
        assert_eq!(sent.acknowledged, sent.due);
        within(async {
            while pipeline.stored().await.values().map(Vec::len).sum::<usize>() as u64 != sent.acknowledged {}
        })
        .await;
        pipeline.assert_stored(sent.acknowledged).await;
    }
}

/// Who owns each partition, by its ownership blob; empty if it was let go.
async fn owners(pipeline: &Pipeline) -> Vec<String> {
    use azure_storage_blob::models::{BlobContainerClientListBlobsOptions, ListBlobsIncludeItem};
    let options = BlobContainerClientListBlobsOptions {
        prefix: Some(format!("localhost/{}/$default/ownership/", pipeline.options.ingest.hub)),
        include: Some(vec![ListBlobsIncludeItem::Metadata]),
        ..BlobContainerClientListBlobsOptions::default()
    };
    let container = blob::container(&pipeline.options.checkpoints).unwrap();
    let blobs: Vec<_> = within(container.list_blobs(Some(options)).unwrap().try_collect()).await.unwrap();
    blobs.into_iter().map(|blob| blob.metadata.unwrap().values.unwrap()["ownerid"].clone()).collect()
}

const SOON: Duration = Duration::from_millis(200);
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_gets_a_share_and_whoever_goes_leaves_it_at_once() {
    let pipeline = pipeline(4, PLENTY).await;
    let load = Load::start(&pipeline, 200.0);
    let mut a = Instance::start(&pipeline, "a", SOON, MINUTE);
    a.until_it_holds(4).await;
    let mut b = Instance::start(&pipeline, "b", SOON, MINUTE);
    b.until_it_holds(2).await;
    a.until_it_holds(2).await;
    a.until_it_wrote(20).await;
    b.until_it_wrote(20).await;
    let mut owned = owners(&pipeline).await;
    owned.sort_unstable();
    assert_eq!(owned, ["a", "a", "b", "b"]);

    // Long before its ownership would expire.
    within(b.running.stop()).await.unwrap();
    a.until_it_holds(4).await;
    load.stop_and_wait_for_all(&pipeline).await;
    within(a.running.stop()).await.unwrap();
    pipeline.assert_checkpoints_at_the_log_ends().await;
    assert_eq!(owners(&pipeline).await, ["", "", "", ""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_one_dies_and_the_others_take_its_partitions_over_and_lose_nothing() {
    let pipeline = pipeline(6, PLENTY).await;
    let load = Load::start(&pipeline, 300.0);
    let expiry = Duration::from_secs(3);
    let [mut a, mut b, mut c] = ["a", "b", "c"].map(|name| Instance::start(&pipeline, name, SOON, expiry));
    for instance in [&mut a, &mut b, &mut c] {
        instance.until_it_holds(2).await;
        instance.until_it_wrote(20).await;
    }
    // In the middle of its work, without a goodbye.
    within(b.running.kill()).await;
    for instance in [&mut a, &mut c] {
        instance.until_it_holds(3).await;
        instance.until_it_wrote(20).await;
    }
    assert!(!owners(&pipeline).await.contains(&"b".to_owned()));
    load.stop_and_wait_for_all(&pipeline).await;
    for instance in [a, c] {
        within(instance.running.stop()).await.unwrap();
    }
    pipeline.assert_checkpoints_at_the_log_ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lost_a_partition_learns_of_it_by_its_next_checkpoint() {
    let pipeline = pipeline(2, PLENTY).await;
    let load = Load::start(&pipeline, 200.0);
    // It looks for itself once, and never renews.
    let mut a = Instance::start(&pipeline, "a", NEVER, NEVER);
    a.until_it_holds(2).await;
    a.until_it_wrote(20).await;
    let mut b = Instance::start(&pipeline, "b", NEVER, NEVER);
    b.until_it_holds(1).await;
    a.until_it_holds(1).await;
    load.stop_and_wait_for_all(&pipeline).await;
    for instance in [a, b] {
        within(instance.running.stop()).await.unwrap();
    }
    pipeline.assert_checkpoints_at_the_log_ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_died_and_comes_back_under_its_name_has_its_partitions_at_once() {
    let pipeline = pipeline(2, PLENTY).await;
    let mut first = Instance::start(&pipeline, "a", SOON, NEVER);
    first.until_it_holds(2).await;
    within(first.running.kill()).await;
    let mut again = Instance::start(&pipeline, "a", SOON, NEVER);
    again.until_it_holds(2).await;
    within(again.running.stop()).await.unwrap();
}
