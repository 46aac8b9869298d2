//! Start, stop and kill the processor; hold a partition.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use azure_core::Uuid;
use futures::FutureExt as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::blobs::GroupBlobs;
use super::checkpoints::{CHECKPOINT_RETRY, write_due};
use super::figures::{Counts, report, report_end};
use super::reader::{self, Reader};
use super::sharing::Sharing;
use super::tenures::Tenures;
use super::writer;
use crate::azure::eventhubs::DEFAULT_GROUP;
use crate::azure::own_thread::{OwnThread, OwnThreadError, on_own_thread};
use crate::azure::{AzureError, BlobAddress, CosmosAddress, EventHubsAddress, cosmos};
use crate::model::observation::{Observation, ProcessorFigures};
use crate::model::units::PartitionId;

/// What to read, where to write, and how.
#[derive(Debug, Clone)]
pub struct ProcessorOptions {
    /// The log to read.
    pub ingest: EventHubsAddress,
    /// As which consumer group; Event Hubs' own is `$Default`.
    pub consumer_group: String,
    /// Where checkpoints and ownerships are kept.
    pub checkpoints: BlobAddress,
    /// Where documents are written.
    pub store: CosmosAddress,
    /// How many writes are in flight at most, over all partitions; at least 1 is used.
    pub in_flight: usize,
    /// Between two checkpoints of a partition.
    pub checkpoint_every: Duration,
    /// What this instance calls itself among those that share the group's partitions. No two that run at a time may have
    /// the same name. One that starts again under its old name has its partitions back at once.
    pub instance: String,
    /// Between two looks at who holds which partition; what is held is renewed with each.
    pub ownership_every: Duration,
    /// An instance that did not renew what it holds for so long has lost it to whoever claims it.
    pub ownership_expiry: Duration,
    /// The owner level (epoch) of the receivers: one of the same or a higher level takes a partition from its holder. The
    /// processors of all SDKs use 0. Today's client library asks for it in vain: fe2o3-amqp 0.14.1 forgets a link's
    /// properties when the link gets its name, so that only the ownerships keep two processors of ours apart.
    pub owner_level: i64,
    /// How long [`ProcessorHandle::stop`] waits for writes in flight.
    pub stop_limit: Duration,
}

impl ProcessorOptions {
    /// The default consumer group, 128 writes in flight, a checkpoint each half second; a name that no other instance has,
    /// ownerships renewed each 10 s and expired after a minute, as in the SDKs of JavaScript and Rust.
    pub fn new(ingest: EventHubsAddress, checkpoints: BlobAddress, store: CosmosAddress) -> Self {
        Self {
            ingest,
            consumer_group: DEFAULT_GROUP.into(),
            checkpoints,
            store,
            in_flight: 128,
            checkpoint_every: Duration::from_millis(500),
            instance: format!("streamgauge-{}", Uuid::new_v4()),
            ownership_every: Duration::from_secs(10),
            ownership_expiry: Duration::from_secs(60),
            owner_level: 0,
            stop_limit: Duration::from_secs(15),
        }
    }
}

/// Why the processor could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ProcessorError {
    /// An address can't be used.
    #[error("the processor: {0}")]
    Azure(#[from] AzureError),
    /// A thread could not be started, or did not end.
    #[error("the processor: {0}")]
    Thread(#[from] OwnThreadError),
    /// Not everything in flight could be stored in time.
    #[error(
        "the processor stopped with events under way that were not stored within {limit:?}; they are read again \
         after a restart"
    )]
    Unfinished {
        /// How long was waited.
        limit: Duration,
    },
}

/// The processor at rest. It may be started, stopped or killed, and started again: its counts go on.
#[derive(Debug, Clone)]
pub struct Processor {
    options: ProcessorOptions,
    observations: mpsc::Sender<Observation>,
    counts: Arc<Counts>,
    held: Arc<watch::Sender<BTreeSet<PartitionId>>>,
}

/// A running processor. Dropping it kills it.
#[derive(Debug)]
pub struct ProcessorHandle {
    processor: Processor,
    reader: OwnThread,
    work: JoinSet<()>,
    reporter: JoinSet<()>,
    stopping: watch::Sender<Stopping>,
    tenures: Arc<Tenures>,
}

/// How far a stop has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stopping {
    NotYet,
    /// Nothing more is received and no partition is claimed; what is in flight may still be stored.
    Draining,
    /// What is stored by now is checkpointed, and that is all.
    OutOfTime,
}

impl Processor {
    /// A processor that is not running.
    pub fn new(options: ProcessorOptions, observations: mpsc::Sender<Observation>) -> Self {
        let held = Arc::new(watch::Sender::new(BTreeSet::new()));
        Self { options, observations, counts: Arc::new(Counts::new()), held }
    }

    /// What it did so far, over its restarts.
    pub fn figures(&self) -> ProcessorFigures {
        self.counts.figures()
    }

    /// Stops reading one partition until it is released: its events stay in the log, the others go on.
    pub fn hold(&self, partition: PartitionId) {
        self.held.send_modify(|held| {
            held.insert(partition);
        });
    }

    /// Reads a held partition again.
    pub fn release(&self, partition: PartitionId) {
        self.held.send_modify(|held| {
            held.remove(&partition);
        });
    }

    /// Starts it, on the tokio runtime that this is called from. It connects by itself, begins after its checkpoints
    /// (or at the earliest event), and waits for services that are away.
    ///
    /// Observations are [`Fact::Processor`](crate::model::observation::Fact::Processor) four times a second and
    /// [`Fact::Station`](crate::model::observation::Fact::Station) on change; a full channel costs reports, never speed.
    ///
    /// # Errors
    /// [`ProcessorError`] if an address is no address or no thread is left.
    pub fn start(&self) -> Result<ProcessorHandle, ProcessorError> {
        let blobs = GroupBlobs::new(&self.options)?;
        let tenures = Arc::new(Tenures::default());
        let (entrances, exits) = writer::lanes(self.options.in_flight);
        let (stopping, stop) = watch::channel(Stopping::NotYet);
        let (ready, until_ready) = tokio::sync::oneshot::channel();
        let (tell_partitions, partitions) = watch::channel(Vec::new());

        let mut reporter = JoinSet::new();
        reporter.spawn(report(Arc::clone(&self.counts), self.observations.clone()));
        let sharing = Sharing::new(&self.options, blobs, Arc::clone(&tenures), Arc::clone(&self.counts));
        let mut work = JoinSet::new();
        work.spawn(keep(self.clone(), sharing, partitions, exits, ready, stop));

        let reading = Reader {
            options: self.options.clone(),
            tenures: Arc::clone(&tenures),
            entrances,
            counts: Arc::clone(&self.counts),
            held: self.held.subscribe(),
            tell_partitions,
        };
        let reader = on_own_thread("process-log", move |mut shutdown| async move {
            let mut asked = shutdown.clone();
            tokio::select! {
                // The store is there. (Or the task is gone, and so will this be.)
                Ok(()) = until_ready => reader::run(reading, shutdown).await,
                () = asked.requested() => {}
                else => shutdown.requested().await,
            }
        })?;
        Ok(ProcessorHandle { processor: self.clone(), reader, work, reporter, stopping, tenures })
    }
}

/// Connects to the store, then claims partitions and writes documents and checkpoints until all is drained.
async fn keep(
    processor: Processor,
    sharing: Sharing,
    partitions: watch::Receiver<Vec<PartitionId>>,
    exits: Vec<mpsc::Receiver<writer::Work>>,
    ready: tokio::sync::oneshot::Sender<()>,
    stopping: watch::Receiver<Stopping>,
) {
    let counts = &processor.counts;
    // Boxed here and below: the compiler can't tell of the whole that it may move between threads, only of each part.
    let container = tokio::select! {
        container = writer::connect(&processor.options.store, counts).boxed() => container,
        () = at_least(Stopping::OutOfTime, stopping.clone()) => return,
    };
    let place: Arc<str> = cosmos::place(&processor.options.store).into();
    let (blobs, tenures) = (sharing.blobs.clone(), Arc::clone(&sharing.tenures));
    let mut lanes = JoinSet::new();
    for exit in exits {
        let (container, tenures, counts) = (container.clone(), Arc::clone(&tenures), Arc::clone(counts));
        lanes.spawn(writer::run_lane(exit, container, tenures, counts, Arc::clone(&place)));
    }
    // The reader has gone if it does not listen; then the lanes end by themselves.
    ready.send(()).unwrap_or_default();

    let sharing_ends = async {
        tokio::select! {
            () = sharing.run(partitions).boxed() => {}
            () = at_least(Stopping::Draining, stopping.clone()) => {}
        }
    };
    let checkpointing = async {
        let drained = async {
            tokio::select! {
                // The lanes end once the reader has let go of them and they are empty.
                () = async { while lanes.join_next().await.is_some() {} } => {}
                () = at_least(Stopping::OutOfTime, stopping.clone()) => {}
            }
        };
        tokio::pin!(drained);
        let every = processor.options.checkpoint_every;
        let mut ticks = tokio::time::interval(every.max(Duration::from_millis(10)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut drained => break,
                _ = ticks.tick() => {
                    // Never dropped half way: which version it left would not be known.
                    if !write_due(&blobs, &tenures, counts).boxed().await {
                        ticks.reset_after(every.max(CHECKPOINT_RETRY));
                    }
                }
            }
        }
    };
    // Beside each other, neither waiting for the other's calls.
    tokio::join!(sharing_ends, checkpointing);
    lanes.shutdown().await;
    // A last attempt or two: a stop that leaves a checkpoint behind repeats events, and loses none.
    for _ in 0..3 {
        if write_due(&blobs, &tenures, counts).boxed().await {
            break;
        }
    }
    sharing.let_go().boxed().await;
}

async fn at_least(stage: Stopping, mut stopping: watch::Receiver<Stopping>) {
    // An error means that the handle is gone, and this task with it.
    drop(stopping.wait_for(|stopping| *stopping >= stage).await);
}

impl ProcessorHandle {
    /// The processor that this is a run of.
    pub const fn processor(&self) -> &Processor {
        &self.processor
    }

    /// How many partitions it holds at the moment.
    pub fn partitions_held(&self) -> usize {
        self.tenures.count()
    }

    /// Stops in good order: nothing more is received, what is in flight is stored and checkpointed, the partitions are let
    /// go for others to take, then it ends.
    ///
    /// # Errors
    /// [`ProcessorError::Unfinished`] if the store did not take everything within [`ProcessorOptions::stop_limit`];
    /// what it took is checkpointed all the same.
    pub async fn stop(mut self) -> Result<ProcessorFigures, ProcessorError> {
        const GOODBYE: Duration = Duration::from_secs(5);
        let limit = self.processor.options.stop_limit;
        self.stopping.send_replace(Stopping::Draining);
        let reader = self.reader.shut_down(GOODBYE).await;
        let draining = async { while self.work.join_next().await.is_some() {} };
        if tokio::time::timeout(limit, draining).await.is_err() {
            self.stopping.send_replace(Stopping::OutOfTime);
            // What is stored is checkpointed, with its own limits.
            let closing = async { while self.work.join_next().await.is_some() {} };
            drop(tokio::time::timeout(limit, closing).await);
        }
        self.work.shutdown().await;
        self.reporter.shutdown().await;
        report_end(&self.processor.counts, &self.processor.observations);
        reader?;
        if !self.tenures.are_idle() {
            return Err(ProcessorError::Unfinished { limit });
        }
        Ok(self.processor.figures())
    }

    /// Ends it where it stands, as if the process had died: writes in flight are dropped, no checkpoint is written, the
    /// connection closes without a goodbye.
    pub async fn kill(mut self) {
        self.reader.abandon();
        self.work.shutdown().await;
        self.reporter.shutdown().await;
        report_end(&self.processor.counts, &self.processor.observations);
    }
}
