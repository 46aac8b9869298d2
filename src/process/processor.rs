//! Start, stop and kill the processor; hold a partition.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use azure_messaging_eventhubs::StartPosition;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::checkpoints::{CHECKPOINT_RETRY, Checkpoints, write_moved};
use super::figures::{Counts, report, report_end};
use super::reader::{self, Reader};
use super::watermark::{Place, Watermark};
use super::writer;
use crate::azure::own_thread::{OwnThread, OwnThreadError, on_own_thread};
use crate::azure::{AzureError, BlobAddress, CosmosAddress, EventHubsAddress, cosmos};
use crate::model::observation::{Observation, ProcessorFigures};
use crate::model::units::{PartitionId, SequenceNumber};

/// What to read, where to write, and how.
#[derive(Debug, Clone)]
pub struct ProcessorOptions {
    /// The log to read.
    pub ingest: EventHubsAddress,
    /// As which consumer group; Event Hubs' own is `$Default`.
    pub consumer_group: String,
    /// Where checkpoints are kept.
    pub checkpoints: BlobAddress,
    /// Where documents are written.
    pub store: CosmosAddress,
    /// How many writes are in flight at most, over all partitions; at least 1 is used.
    pub in_flight: usize,
    /// Between two checkpoints of a partition.
    pub checkpoint_every: Duration,
    /// The owner level (epoch) of the receivers: one of the same or a higher level takes a partition from its holder.
    /// Today's client library asks for it in vain: fe2o3-amqp 0.14.1 forgets a link's properties when the link gets its
    /// name, so that two processors of one consumer group both get every event. Run one.
    pub owner_level: i64,
    /// How long [`ProcessorHandle::stop`] waits for writes in flight.
    pub stop_limit: Duration,
}

impl ProcessorOptions {
    /// The default consumer group, 128 writes in flight, a checkpoint each half second.
    pub fn new(ingest: EventHubsAddress, checkpoints: BlobAddress, store: CosmosAddress) -> Self {
        Self {
            ingest,
            consumer_group: "$Default".into(),
            checkpoints,
            store,
            in_flight: 128,
            checkpoint_every: Duration::from_millis(500),
            owner_level: 1,
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
    drained: watch::Sender<bool>,
    partitions: Arc<Partitions>,
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
        let checkpoints = Checkpoints::new(&self.options)?;
        let partitions = Arc::new(Partitions::default());
        let (entrances, exits) = writer::lanes(self.options.in_flight);
        let (drained, draining) = watch::channel(false);
        let (ready, until_ready) = tokio::sync::oneshot::channel();

        let mut reporter = JoinSet::new();
        reporter.spawn(report(Arc::clone(&self.counts), self.observations.clone()));
        let mut work = JoinSet::new();
        work.spawn(keep(self.clone(), checkpoints, Arc::clone(&partitions), exits, ready, draining));

        let reading = Reader {
            options: self.options.clone(),
            partitions: Arc::clone(&partitions),
            entrances,
            counts: Arc::clone(&self.counts),
            held: self.held.subscribe(),
        };
        let reader = on_own_thread("process-log", move |mut shutdown| async move {
            let mut asked = shutdown.clone();
            tokio::select! {
                // The positions are known and the store is there. (Or the task is gone, and so will this be.)
                Ok(()) = until_ready => reader::run(reading, shutdown).await,
                () = asked.requested() => {}
                else => shutdown.requested().await,
            }
        })?;
        Ok(ProcessorHandle { processor: self.clone(), reader, work, reporter, drained, partitions })
    }
}

/// Reads the checkpoints, connects to the store, then writes documents and checkpoints until all is drained.
async fn keep(
    processor: Processor,
    checkpoints: Checkpoints,
    partitions: Arc<Partitions>,
    exits: Vec<mpsc::Receiver<writer::Work>>,
    ready: tokio::sync::oneshot::Sender<()>,
    mut draining: watch::Receiver<bool>,
) {
    let counts = &processor.counts;
    let connecting =
        async { tokio::join!(checkpoints.read_all(counts), writer::connect(&processor.options.store, counts)) };
    let (begun, container) = tokio::select! {
        ready = connecting => ready,
        () = out_of_time(&mut draining) => return,
    };
    let mut written = begun.clone();
    partitions.resume(begun);
    let place: Arc<str> = cosmos::place(&processor.options.store).into();
    let mut lanes = JoinSet::new();
    for exit in exits {
        let (container, partitions, counts) = (container.clone(), Arc::clone(&partitions), Arc::clone(counts));
        lanes.spawn(writer::run_lane(exit, container, partitions, counts, Arc::clone(&place)));
    }
    // The reader has gone if it does not listen; then the lanes end by themselves.
    ready.send(()).unwrap_or_default();

    let every = processor.options.checkpoint_every;
    let mut ticks = tokio::time::interval(every.max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ended = async {
        // The lanes end once the reader has let go of them and they are empty.
        while lanes.join_next().await.is_some() {}
    };
    tokio::pin!(ended);
    loop {
        tokio::select! {
            () = &mut ended => break,
            () = out_of_time(&mut draining) => break,
            _ = ticks.tick() => {
                if !write_moved(&checkpoints, &partitions, &mut written, counts).await {
                    ticks.reset_after(every.max(CHECKPOINT_RETRY));
                }
            }
        }
    }
    // A last attempt or two: a stop that leaves a checkpoint behind repeats events, and loses none.
    for _ in 0..3 {
        if write_moved(&checkpoints, &partitions, &mut written, counts).await {
            break;
        }
    }
}

async fn out_of_time(draining: &mut watch::Receiver<bool>) {
    // An error means that the handle is gone, and this task with it.
    drop(draining.wait_for(|drained| *drained).await);
}

impl ProcessorHandle {
    /// The processor that this is a run of.
    pub const fn processor(&self) -> &Processor {
        &self.processor
    }

    /// Stops in good order: nothing more is received, what is in flight is stored and checkpointed, then it ends.
    ///
    /// # Errors
    /// [`ProcessorError::Unfinished`] if the store did not take everything within [`ProcessorOptions::stop_limit`];
    /// what it took is checkpointed all the same.
    pub async fn stop(mut self) -> Result<ProcessorFigures, ProcessorError> {
        const GOODBYE: Duration = Duration::from_secs(5);
        let limit = self.processor.options.stop_limit;
        let reader = self.reader.shut_down(GOODBYE).await;
        let draining = async { while self.work.join_next().await.is_some() {} };
        if tokio::time::timeout(limit, draining).await.is_err() {
            self.drained.send_replace(true);
            // What is stored is checkpointed, with its own limits.
            let closing = async { while self.work.join_next().await.is_some() {} };
            drop(tokio::time::timeout(limit, closing).await);
        }
        self.work.shutdown().await;
        self.reporter.shutdown().await;
        report_end(&self.processor.counts, &self.processor.observations);
        reader?;
        if !self.partitions.are_idle() {
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

/// The watermarks of all partitions, shared by the reader, the lanes and the checkpointer.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    watermarks: Mutex<BTreeMap<PartitionId, Watermark>>,
    resumed: Mutex<BTreeMap<PartitionId, SequenceNumber>>,
}

impl Partitions {
    /// A run begins after these.
    fn resume(&self, after: BTreeMap<PartitionId, SequenceNumber>) {
        *lock(&self.resumed) = after;
    }

    /// Where to begin or go on reading.
    pub(super) fn start(&self, partition: PartitionId) -> StartPosition {
        let begun = lock(&self.watermarks).get(&partition).and_then(Watermark::begun);
        reader::start_after(begun.or_else(|| lock(&self.resumed).get(&partition).copied()))
    }

    pub(super) fn begin(&self, partition: PartitionId, place: Place) {
        lock(&self.watermarks).entry(partition).or_default().begin(place);
    }

    pub(super) fn finish(&self, partition: PartitionId, sequence: SequenceNumber) {
        if let Some(watermark) = lock(&self.watermarks).get_mut(&partition) {
            watermark.finish(sequence);
        }
    }

    pub(super) fn done(&self) -> Vec<(PartitionId, Place)> {
        let watermarks = lock(&self.watermarks);
        watermarks.iter().filter_map(|(partition, mark)| Some((*partition, mark.done()?.clone()))).collect()
    }

    fn are_idle(&self) -> bool {
        lock(&self.watermarks).values().all(Watermark::is_idle)
    }
}

/// Locks a mutex; what a panicked holder left behind is still in order, since no step here is half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
