//! The reader: receives the events of all partitions, on a thread of its own, and makes each a document.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use azure_core_amqp::message::AmqpMessageBody;
use azure_messaging_eventhubs::error::ErrorKind;
use azure_messaging_eventhubs::models::ReceivedEventData;
use azure_messaging_eventhubs::{ConsumerClient, EventReceiver, OpenReceiverOptions, StartLocation, StartPosition};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;

use super::document::Document;
use super::figures::{Counts, LOG};
use super::processor::{Partitions, ProcessorOptions};
use super::watermark::Place;
use super::writer::{Entrances, Work};
use crate::azure::AzureError;
use crate::azure::backoff::Backoff;
use crate::azure::error::root_cause;
use crate::azure::eventhubs::{connect_consumer, place, under_limit};
use crate::azure::own_thread::Shutdown;
use crate::azure::standing::wall_clock;
use crate::model::units::{PartitionId, SequenceNumber, Time};

/// A connection on which nothing came for so long is asked whether it still stands: a network that went silent tells
/// nobody.
const SILENCE: Duration = Duration::from_secs(10);
/// How long the answer may take.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// How long a goodbye may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
/// After another processor took a partition: long enough that two of them do not wrestle.
const DISPLACED_WAIT: Duration = Duration::from_secs(10);

/// Everything that the reader needs.
pub(super) struct Reader {
    pub(super) options: ProcessorOptions,
    pub(super) partitions: Arc<Partitions>,
    pub(super) entrances: Entrances,
    pub(super) counts: Arc<Counts>,
    pub(super) held: watch::Receiver<BTreeSet<PartitionId>>,
}

/// Why reading ended, and how long to wait.
struct Ended {
    reason: String,
    displaced: bool,
}

impl From<AzureError> for Ended {
    fn from(error: AzureError) -> Self {
        Self { reason: error.to_string(), displaced: false }
    }
}

/// Reads until it is asked to end. Every failure ends the client; the next one goes on where this one was.
pub(super) async fn run(reader: Reader, mut shutdown: Shutdown) {
    let reader = Rc::new(reader);
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    loop {
        let received = reader.counts.received.load(Ordering::Relaxed);
        let Err(ended) = read(&reader, &mut shutdown).await else { return };
        if reader.counts.received.load(Ordering::Relaxed) > received {
            backoff.reset();
        }
        let wait = if ended.displaced { DISPLACED_WAIT } else { backoff.next_wait() };
        reader.counts.standing.trouble(LOG, ended.reason, wait);
        tokio::select! {
            () = shutdown.requested() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Connects, and reads all partitions until one fails, or until it is asked to end.
async fn read(reader: &Rc<Reader>, shutdown: &mut Shutdown) -> Result<(), Ended> {
    let (client, receivers) = tokio::select! {
        connected = connect(reader) => connected?,
        () = shutdown.requested() => return Ok(()),
    };
    reader.counts.standing.well(LOG);
    let mut readings: FuturesUnordered<_> = receivers
        .into_iter()
        .map(|(partition, receiver)| read_partition(Rc::clone(reader), partition, receiver))
        .collect();
    tokio::select! {
        ended = readings.next() => return ended.unwrap_or(Ok(())),
        ended = watch_over(reader, &client) => return Err(ended),
        () = shutdown.requested() => {}
    }
    drop(readings);
    // Whether the goodbye is heard changes nothing: what was received is on its way to the store.
    drop(tokio::time::timeout(CLOSE_LIMIT, client.close()).await);
    Ok(())
}

/// Connects, with a receiver for each partition.
async fn connect(reader: &Reader) -> Result<(ConsumerClient, Vec<(PartitionId, EventReceiver)>), Ended> {
    let address = &reader.options.ingest;
    let client = connect_consumer(address, &reader.options.consumer_group).await?;
    let properties =
        under_limit(address, "to read the hub's properties", CALL_LIMIT, client.get_eventhub_properties()).await?;
    let mut receivers = Vec::new();
    for id in properties.partition_ids {
        let Ok(partition) = id.parse().map(PartitionId) else { continue };
        let options = OpenReceiverOptions {
            owner_level: Some(reader.options.owner_level),
            start_position: Some(reader.partitions.start(partition)),
            ..OpenReceiverOptions::default()
        };
        let opening = client.open_receiver_on_partition(id, Some(options));
        let receiver = under_limit(address, "to open a receiver", CALL_LIMIT, opening).await?;
        receivers.push((partition, receiver));
    }
    Ok((client, receivers))
}

/// Reads one partition until it fails.
async fn read_partition(reader: Rc<Reader>, partition: PartitionId, receiver: EventReceiver) -> Result<(), Ended> {
    let mut held = reader.held.clone();
    let mut events = receiver.stream_events();
    loop {
        // An error means that nobody can hold or release any more.
        drop(held.wait_for(|held| !held.contains(&partition)).await);
        let event = match events.next().await {
            Some(Ok(event)) => event,
            Some(Err(error)) => return Err(ended(&reader, partition, &error)),
            None => return Ok(()),
        };
        reader.counts.received.fetch_add(1, Ordering::Relaxed);
        let Some(sequence) = event.sequence_number().map(SequenceNumber) else {
            reader.counts.rejected.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let begun = Place { sequence, offset: event.offset().clone() };
        let Some(document) = document(&event) else {
            reader.counts.rejected.fetch_add(1, Ordering::Relaxed);
            reader.partitions.begin(partition, begun);
            reader.partitions.finish(partition, sequence);
            continue;
        };
        let Some(entrance) = reader.entrances.of(&document.device) else { return Ok(()) };
        // First the place in the lane, then the beginning: an event that has begun must get to a lane, and this task
        // may be dropped at any await.
        let Ok(permit) = entrance.reserve().await else { return Ok(()) };
        reader.partitions.begin(partition, begun);
        permit.send(Work { partition, sequence, document });
    }
}

fn document(event: &ReceivedEventData) -> Option<Document> {
    let processed_at = wall_clock();
    let enqueued_at = event.enqueued_time().map_or(processed_at, moment);
    match &event.raw_amqp_message().body {
        AmqpMessageBody::Binary(sections) => match sections.as_slice() {
            [body] => Document::new(body, enqueued_at, processed_at).ok(),
            several => Document::new(&several.concat(), enqueued_at, processed_at).ok(),
        },
        _ => None,
    }
}

fn moment(time: SystemTime) -> Time {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

fn ended(reader: &Reader, partition: PartitionId, error: &azure_messaging_eventhubs::EventHubsError) -> Ended {
    let displaced = matches!(error.kind, ErrorKind::ConsumerDisconnected(_));
    let hub = place(&reader.options.ingest);
    let reason = if displaced {
        format!("another processor took partition {partition} of {hub}; stop one of the two")
    } else {
        format!("reading partition {partition} of {hub}: {}", root_cause(&error))
    };
    Ended { reason, displaced }
}

/// Comes back when the connection is silent and does not answer.
async fn watch_over(reader: &Reader, client: &ConsumerClient) -> Ended {
    let seen = AtomicU64::new(reader.counts.received.load(Ordering::Relaxed));
    loop {
        tokio::time::sleep(SILENCE).await;
        let received = reader.counts.received.load(Ordering::Relaxed);
        if seen.swap(received, Ordering::Relaxed) != received {
            continue;
        }
        let asking = client.get_eventhub_properties();
        if let Err(error) = under_limit(&reader.options.ingest, "to answer", CALL_LIMIT, asking).await {
            return error.into();
        }
    }
}

/// Where to begin reading: after an event, or at the earliest.
pub(super) fn start_after(sequence: Option<SequenceNumber>) -> StartPosition {
    let location = sequence.map_or(StartLocation::Earliest, |sequence| StartLocation::SequenceNumber(sequence.0));
    StartPosition { location, inclusive: false }
}
