//! The reader: receives the events of the partitions that are held, on a thread of its own, and makes each a document.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use azure_core_amqp::message::AmqpMessageBody;
use azure_messaging_eventhubs::models::ReceivedEventData;
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
use crate::azure::eventhubs::{Consumer, ReceiveError, Receiver, place};
use crate::azure::own_thread::Shutdown;
use crate::model::units::{PartitionId, SequenceNumber, Time};
use crate::wall_clock::wall_clock;

/// A connection on which nothing came for so long is asked whether it still stands: a network that went silent tells
/// nobody.
const SILENCE: Duration = Duration::from_secs(10);
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

/// Why reading ended in good order.
enum Ended {
    /// It was asked to.
    Asked,
    /// The client's credential ends soon.
    Due,
}

/// Reads until it is asked to end. Every failure ends the client; the next one goes on where this one was.
pub(super) async fn run(reader: Reader, mut shutdown: Shutdown) {
    let reader = Rc::new(reader);
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    loop {
        let received = reader.counts.received.load(Ordering::Relaxed);
        let reason = match read(&reader, &mut shutdown).await {
            Ok(Ended::Asked) => return,
            Ok(Ended::Due) => continue,
            Err(Broken(reason)) => reason,
        };
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

/// Connects, and reads until the connection fails or is due, or until it is asked to end.
async fn read(reader: &Rc<Reader>, shutdown: &mut Shutdown) -> Result<Ended, Broken> {
    let client = tokio::select! {
        connected = connect(reader) => connected?,
        () = shutdown.requested() => return Ok(Ended::Asked),
    };
    reader.counts.standing.well(LOG);
    let ended = tokio::select! {
        broken = read_held(reader, &client) => return Err(broken),
        () = client.until_due() => Ended::Due,
        () = shutdown.requested() => Ended::Asked,
    };
    // What was received is on its way to the store; what was not taken on is received again.
    client.close().await;
    Ok(ended)
}

/// Reads whichever partitions are held, until the connection fails.
async fn read_held(reader: &Rc<Reader>, client: &Consumer) -> Broken {
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
async fn connect(reader: &Reader) -> Result<Consumer, Broken> {
    let client = Consumer::connect(&reader.options.ingest, &reader.options.consumer_group).await?;
    let ids = client.partitions().await?;
    let partitions = ids.iter().filter_map(|id| id.parse().ok()).map(PartitionId).collect();
    reader.tell_partitions.send_if_modified(|known| {
        let is_new = *known != partitions;
        *known = partitions;
        is_new
    });
    Ok(client)
}

/// Reads a partition as long as it is held.
async fn read_tenure(reader: Rc<Reader>, client: &Consumer, tenure: Tenure) -> (Tenure, Result<(), Broken>) {
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
        let after = reader.tenures.read_until(tenure);
        let ended = match client.receive(tenure.partition, reader.options.owner_level, after).await {
            Ok(receiver) => {
                let ended = tokio::select! {
                    () = &mut over => None,
                    ended = receive(&reader, tenure, &receiver) => Some(ended),
                };
                if !matches!(ended, Some(ReceiveError::Failed(_))) {
                    receiver.close().await;
                }
                ended
            }
            Err(error) => Some(error),
        };
        match ended {
            None => return (tenure, Ok(())),
            Some(ReceiveError::Displaced) => {
                // It is another's by now, or one who lost it has not noticed yet.
                reader.tenures.doubt(tenure);
                tokio::select! {
                    () = &mut over => return (tenure, Ok(())),
                    () = tokio::time::sleep(backoff.next_wait()) => {}
                }
            }
            Some(ReceiveError::Failed(reason)) => {
                let hub = place(&reader.options.ingest);
                let reason = format!("reading partition {} of {hub}: {reason}", tenure.partition);
                return (tenure, Err(Broken(reason)));
            }
        }
    }
}

/// Receives one partition's events until that fails.
async fn receive(reader: &Reader, tenure: Tenure, receiver: &Receiver) -> ReceiveError {
    let mut held = reader.held.clone();
    let mut events = receiver.events();
    loop {
        // An error means that nobody can hold or release any more.
        drop(held.wait_for(|held| !held.contains(&tenure.partition)).await);
        let event = match events.next().await {
            Some(Ok(event)) => event,
            Some(Err(error)) => return error,
            None => return ReceiveError::Displaced,
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

/// Comes back when the connection is silent and does not answer.
async fn watch_over(reader: &Reader, client: &Consumer) -> Broken {
    let seen = AtomicU64::new(reader.counts.received.load(Ordering::Relaxed));
    loop {
        tokio::time::sleep(SILENCE).await;
        let received = reader.counts.received.load(Ordering::Relaxed);
        if seen.swap(received, Ordering::Relaxed) != received {
            continue;
        }
        if let Err(error) = client.partitions().await {
            return error.into();
        }
    }
}
