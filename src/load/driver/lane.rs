//! A lane at work: sends the due events of one partition, one batch in flight.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::connection::{Line, Seat, Shared};
use super::lock;
use crate::azure::backoff::Backoff;
use crate::load::lane::Lane;
use crate::load::payload::{Stamp, TYPICAL_BYTES};
use crate::load::sink::{Connection, SendError};
use crate::model::ledger::EventKey;
use crate::model::units::{PartitionId, Time};
use crate::wall_clock::wall_clock;

/// How long a lane that runs too far ahead of the others waits before it looks again.
const AHEAD: Duration = Duration::from_millis(1);

/// What is in a batch.
#[derive(Debug, Default)]
struct Contents {
    numbers: Vec<u64>,
    keys: Vec<EventKey>,
    copies: u64,
    bytes: u64,
}

/// Runs until the load stops and nothing due is left.
pub(super) async fn run(
    shared: Arc<Shared>,
    connection: Rc<Line>,
    partition: PartitionId,
    mut lane: Lane,
    seat: Rc<Seat>,
) {
    let mut body = Vec::with_capacity(TYPICAL_BYTES);
    open_the_link(&shared, &connection, partition).await;
    loop {
        if lane.next() >= shared.limit() {
            if shared.stopping.load(Ordering::Acquire) {
                return;
            }
            if shared.is_unlimited() {
                tokio::time::sleep(AHEAD).await;
            } else {
                seat.wake.notified().await;
            }
            continue;
        }
        send_one_batch(&shared, &connection, partition, &mut lane, &seat, &mut body).await;
    }
}

/// Opens the partition's link before its first event is due, since that takes several round trips. If it fails, the first
/// batch will find out.
async fn open_the_link(shared: &Shared, connection: &Line, partition: PartitionId) {
    let (_, client) = connection.client().await;
    let opening = client.begin(partition);
    drop(tokio::time::timeout(shared.options.send_limit, opening).await.map(|opened| opened.is_ok()));
}

/// Sends one batch until it is acknowledged or given up.
async fn send_one_batch(
    shared: &Shared,
    connection: &Line,
    partition: PartitionId,
    lane: &mut Lane,
    seat: &Seat,
    body: &mut Vec<u8>,
) {
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
    // Once the events have been handed over, further attempts hold exactly these, whatever has become due since.
    let mut handed_over: Option<u64> = None;
    let mut attempts = 0;
    let mut troubled = false;
    loop {
        let (generation, client) = connection.client().await;
        let mut ahead = lane.clone();
        let limit = handed_over.unwrap_or_else(|| shared.limit());
        let mut contents = Contents::default();
        // When sending began; none if it did not come to that.
        let mut began = None;
        let sending = async {
            let batch = fill(shared, &client, partition, &mut ahead, limit, body, &mut contents).await?;
            // A change of target may have taken back what was due a moment ago; the client can't send nothing.
            if contents.numbers.is_empty() {
                return Ok(());
            }
            if handed_over.is_none() {
                hand_over(shared, seat, ahead.next(), &contents);
                handed_over = contents.numbers.last().map(|last| last + 1);
            }
            began = Some(shared.clock.now());
            batch.send().await
        };
        let outcome = tokio::time::timeout(shared.options.send_limit, sending)
            .await
            .unwrap_or_else(|_| Err(SendError::Lost(format!("no answer within {:?}", shared.options.send_limit))));
        let reason = match (outcome, began) {
            (Ok(()), began) => {
                if let Some(began) = began {
                    acknowledged(shared, &contents, began);
                }
                *lane = ahead;
                connection.worked();
                if troubled {
                    shared.publish(seat.slot, lane.next());
                    connection.healthy();
                }
                return;
            }
            (Err(SendError::Busy(reason)), _) => reason,
            (Err(SendError::Lost(reason)), began) => {
                connection.discard(generation);
                // An attempt is one that may have reached the log.
                attempts += u32::from(began.is_some());
                if began.is_some() && attempts >= shared.options.attempts.max(1) {
                    give_up(shared, &contents);
                    *lane = ahead;
                    shared.publish(seat.slot, lane.next());
                    return;
                }
                reason
            }
        };
        troubled = true;
        // They are owed again: the figures say how late.
        shared.publish(seat.slot, lane.next());
        let wait = backoff.next_wait();
        let place = shared.options.sink.place();
        connection.trouble(format!("sending to partition {partition} of {place}: {reason}"), wait);
        drop(client);
        tokio::time::sleep(wait).await;
    }
}

/// Fills a batch with the lane's events below a limit, as many as fit.
async fn fill<'a>(
    shared: &Shared,
    client: &'a Connection,
    partition: PartitionId,
    lane: &mut Lane,
    limit: u64,
    body: &mut Vec<u8>,
    contents: &mut Contents,
) -> Result<crate::load::sink::Batch<'a>, SendError> {
    let mut batch = client.begin(partition).await?;
    let created_at = Stamp::new(wall_clock());
    while lane.next() < limit {
        let number = lane.next();
        let key = lane.peek();
        body.clear();
        shared.payloads.write(key, &created_at, body);
        if !batch.try_add(body)? {
            if contents.numbers.is_empty() {
                return Err(SendError::Lost("one event is larger than the service takes in a batch".into()));
            }
            break;
        }
        lane.advance();
        contents.numbers.push(number);
        contents.keys.push(key);
        contents.bytes += body.len() as u64;
        // A copy that no longer fits is left out: copies are there to see that nothing counts twice, not to be exact.
        if shared.payloads.is_duplicated(key, shared.options.duplicate_every) && batch.try_add(body)? {
            contents.copies += 1;
            contents.bytes += body.len() as u64;
        }
    }
    Ok(batch)
}

/// The batch is about to be sent for the first time: from here on its events count as sent.
fn hand_over(shared: &Shared, seat: &Seat, next: u64, contents: &Contents) {
    {
        // Before the client has them, so that the store can't show them earlier.
        let mut ledger = lock(&shared.ledger);
        contents.keys.iter().for_each(|key| ledger.sent(*key));
        (0..contents.copies).for_each(|_| ledger.copied());
    }
    shared.counts.sent.fetch_add(contents.keys.len() as u64, Ordering::Relaxed);
    if let Some(last) = contents.numbers.last() {
        shared.claim(last + 1);
    }
    seat.next.set(next);
    shared.publish(seat.slot, next);
}

fn acknowledged(shared: &Shared, contents: &Contents, began: Time) {
    let now = shared.clock.now();
    {
        let mut ledger = lock(&shared.ledger);
        contents.keys.iter().for_each(|key| ledger.acknowledged(*key));
    }
    let mut due = Vec::with_capacity(contents.numbers.len());
    shared.due_times(contents.numbers.iter().copied(), began, &mut due);
    shared.counts.acknowledge(&due, began, now, contents.bytes);
}

fn give_up(shared: &Shared, contents: &Contents) {
    let mut ledger = lock(&shared.ledger);
    contents.keys.iter().for_each(|key| ledger.given_up(*key));
    drop(ledger);
    shared.counts.failed.fetch_add(contents.keys.len() as u64, Ordering::Relaxed);
}
