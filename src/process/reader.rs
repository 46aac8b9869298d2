//! The reader: receives the events of the partitions that are held, on a thread of its own, and makes each a document.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use azure_core_amqp::error::{AmqpErrorCondition, AmqpErrorKind};
use azure_core_amqp::message::AmqpMessageBody;
use azure_messaging_eventhubs::error::ErrorKind;
use azure_messaging_eventhubs::models::ReceivedEventData;
use azure_messaging_eventhubs::{
    ConsumerClient, EventHubsError, EventReceiver, OpenReceiverOptions, StartLocation, StartPosition,
};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;

use super::document::Document;
use super::figures::{Counts, LOG};
use super::processor::ProcessorOptions;
use super::tenures::{Tenure, Tenures};
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
/// After another processor displaced a receiver: long enough that two of them do not wrestle.
const DISPLACED_WAIT: Duration = Duration::from_secs(1);
const LONGEST_DISPLACED_WAIT: Duration = Duration::from_secs(10);

/// Everything that the reader needs.
pub(super) struct Reader {
    pub(super) options: ProcessorOptions,
    pub(super) tenures: Arc<Tenures>,
    pub(super) entrances: Entrances,
    pub(super) counts: Arc<Counts>,
    pub(super) held: watch::Receiver<BTreeSet<PartitionId>>,
    pub(super) tell_partitions: watch::Sender<Vec<PartitionId>>,
}

/// Why the client is given up: one sentence.
struct Broken(String);

impl From<AzureError> for Broken {
    fn from(error: AzureError) -> Self {
        Self(error.to_string())
    }
}

/// Reads until it is asked to end. Every failure ends the client; the next one goes on where this one was.
pub(super) async fn run(reader: Reader, mut shutdown: Shutdown) {
    let reader = Rc::new(reader);
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    loop {
        let received = reader.counts.received.load(Ordering::Relaxed);
        let Err(Broken(reason)) = read(&reader, &mut shutdown).await else { return };
        if reader.counts.received.load(Ordering::Relaxed) > received {
            backoff.reset();
        }
        let wait = backoff.next_wait();
        reader.counts.standing.trouble(LOG, reason, wait);
        tokio::select! {
            () = shutdown.requested() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Connects, and reads until the connection fails, or until it is asked to end.
async fn read(reader: &Rc<Reader>, shutdown: &mut Shutdown) -> Result<(), Broken> {
    let client = tokio::select! {
        connected = connect(reader) => connected?,
        () = shutdown.requested() => return Ok(()),
    };
    reader.counts.standing.well(LOG);
    tokio::select! {
        broken = read_held(reader, &client) => return Err(broken),
        () = shutdown.requested() => {}
    }
    // Whether the goodbye is heard changes nothing: what was received is on its way to the store.
    drop(tokio::time::timeout(CLOSE_LIMIT, client.close()).await);
    Ok(())
}

/// Reads whichever partitions are held, until the connection fails.
async fn read_held(reader: &Rc<Reader>, client: &ConsumerClient) -> Broken {
    let mut current = reader.tenures.watch();
    let mut begun = BTreeSet::new();
    let mut readings = FuturesUnordered::new();
    let watching = watch_over(reader, client);
    tokio::pin!(watching);
    loop {
        for tenure in current.borrow_and_update().values() {
            if begun.insert(*tenure) {
                readings.push(read_tenure(Rc::clone(reader), client, *tenure));
            }
        }
        tokio::select! {
            // An error means that nothing begins or ends any more; what is held is read on.
            Ok(()) = current.changed() => {}
            Some((tenure, ended)) = readings.next() => {
                begun.remove(&tenure);
                if let Err(broken) = ended {
                    return broken;
                }
            }
            broken = &mut watching => return broken,
        }
    }
}

/// Connects, and tells which partitions there are.
async fn connect(reader: &Reader) -> Result<ConsumerClient, Broken> {
    let address = &reader.options.ingest;
    let client = connect_consumer(address, &reader.options.consumer_group).await?;
    let properties =
        under_limit(address, "to read the hub's properties", CALL_LIMIT, client.get_eventhub_properties()).await?;
    let partitions = properties.partition_ids.iter().filter_map(|id| id.parse().ok()).map(PartitionId).collect();
    reader.tell_partitions.send_if_modified(|known| {
        let is_new = *known != partitions;
        *known = partitions;
        is_new
    });
    Ok(client)
}

/// Reads a partition as long as it is held.
async fn read_tenure(reader: Rc<Reader>, client: &ConsumerClient, tenure: Tenure) -> (Tenure, Result<(), Broken>) {
    let mut current = reader.tenures.watch();
    let over = async {
        // An error means that nobody can take the partition away any more.
        if current.wait_for(|current| current.get(&tenure.partition) != Some(&tenure)).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::pin!(over);
    let mut backoff = Backoff::new(DISPLACED_WAIT, LONGEST_DISPLACED_WAIT);
    loop {
        let options = OpenReceiverOptions {
            owner_level: Some(reader.options.owner_level),
            start_position: Some(start_after(reader.tenures.read_until(tenure))),
            ..OpenReceiverOptions::default()
        };
        let opening = client.open_receiver_on_partition(tenure.partition.to_string(), Some(options));
        let receiver = match under_limit(&reader.options.ingest, "to open a receiver", CALL_LIMIT, opening).await {
            Ok(receiver) => receiver,
            Err(error) => return (tenure, Err(error.into())),
        };
        let ended = tokio::select! {
            () = &mut over => None,
            ended = receive(&reader, tenure, &receiver) => Some(ended),
        };
        // Without a goodbye the service would go on sending. Whether it is heard changes nothing else.
        let goodbye = async { drop(tokio::time::timeout(CLOSE_LIMIT, receiver.close()).await) };
        match ended {
            None => {
                goodbye.await;
                return (tenure, Ok(()));
            }
            Some(error) if is_displaced(&error) => {
                goodbye.await;
                // It is another's by now, or one who lost it has not noticed yet.
                reader.tenures.doubt(tenure);
                tokio::select! {
                    () = &mut over => return (tenure, Ok(())),
                    () = tokio::time::sleep(backoff.next_wait()) => {}
                }
            }
            Some(error) => {
                let hub = place(&reader.options.ingest);
                let reason = format!("reading partition {} of {hub}: {}", tenure.partition, root_cause(&error));
                return (tenure, Err(Broken(reason)));
            }
        }
    }
}

/// Receives one partition's events until that fails.
async fn receive(reader: &Reader, tenure: Tenure, receiver: &EventReceiver) -> EventHubsError {
    let mut held = reader.held.clone();
    let mut events = receiver.stream_events();
    loop {
        // An error means that nobody can hold or release any more.
        drop(held.wait_for(|held| !held.contains(&tenure.partition)).await);
        let event = match events.next().await {
            Some(Ok(event)) => event,
            Some(Err(error)) => return error,
            None => return ErrorKind::ConsumerDisconnected(None).into(),
        };
        reader.counts.received.fetch_add(1, Ordering::Relaxed);
        let Some(sequence) = event.sequence_number().map(SequenceNumber) else {
            reader.counts.rejected.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let begun = Place { sequence, offset: event.offset().clone() };
        let Some(document) = document(&event) else {
            reader.counts.rejected.fetch_add(1, Ordering::Relaxed);
            reader.tenures.take_on(tenure, begun);
            reader.tenures.finish(tenure, sequence);
            continue;
        };
        // First the place in the lane, then the beginning: an event that has begun must get to a lane, and this task
        // may be dropped at any await. Without lanes there is nothing to do but wait for that.
        let Some(entrance) = reader.entrances.of(&document.device) else { return std::future::pending().await };
        let Ok(permit) = entrance.reserve().await else { return std::future::pending().await };
        reader.tenures.take_on(tenure, begun);
        permit.send(Work { tenure, sequence, document });
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

/// Whether another receiver displaced this one, or keeps it out.
fn is_displaced(error: &EventHubsError) -> bool {
    match &error.kind {
        ErrorKind::ConsumerDisconnected(_) => true,
        ErrorKind::AmqpError(error) => matches!(
            error.kind(),
            AmqpErrorKind::AmqpDescribedError(described) if described.condition == AmqpErrorCondition::LinkStolen
        ),
        _ => false,
    }
}

/// Comes back when the connection is silent and does not answer.
async fn watch_over(reader: &Reader, client: &ConsumerClient) -> Broken {
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
fn start_after(sequence: Option<SequenceNumber>) -> StartPosition {
    let location = sequence.map_or(StartLocation::Earliest, |sequence| StartLocation::SequenceNumber(sequence.0));
    StartPosition { location, inclusive: false }
}
