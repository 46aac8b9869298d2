//! A lane at work: sends the due events of one partition, one batch in flight.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::connection::{Line, Seat};
use super::lock;
use super::shared::{Gate, Shared};
use crate::azure::backoff::Backoff;
use crate::load::lane::Lane;
use crate::load::payload::{Stamp, TYPICAL_BYTES};
use crate::load::sink::{Batch, SendError};
use crate::model::ledger::EventKey;
use crate::model::units::{PartitionId, Time};
use crate::wall_clock::wall_clock;

/// How long a lane that runs too far ahead of the others waits before it looks again.
const AHEAD: Duration = Duration::from_millis(1);

/// How often a lane that waits with events in hand looks whether they may still be sent.
const RECHECK: Duration = Duration::from_millis(100);

/// More events are in no batch: a hub takes a megabyte.
const MOST_IN_A_BATCH: u64 = 10_000;

/// What is in a batch.
#[derive(Debug, Default)]
struct Contents {
    numbers: Vec<u64>,
    keys: Vec<EventKey>,
    /// How many of them were not handed over before.
    new: u64,
    copies: u64,
    bytes: u64,
}

/// Runs until the load stops and nothing due is left, or until other lanes are wanted. Gives the lane back as it then is.
pub(super) async fn run(
    shared: Arc<Shared>,
    connection: Rc<Line>,
    partition: PartitionId,
    mut lane: Lane,
    seat: Rc<Seat>,
) -> Lane {
    let mut body = Vec::with_capacity(TYPICAL_BYTES);
    open_the_link(&shared, &connection, partition).await;
    loop {
        if shared.layout.is_old(&seat.lanes) {
            return lane;
        }
        if lane.next() >= shared.limit() {
            if shared.stopping.load(Ordering::Acquire) {
                return lane;
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
    let client = tokio::select! {
        (_, client) = connection.client() => client,
        () = shared.over() => return,
    };
    let opening = client.begin(partition);
    drop(tokio::time::timeout(shared.options.send_limit, opening).await.map(|opened| opened.is_ok()));
}

/// Sends one batch until it is acknowledged or given up, or other lanes are wanted: those send it then.
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
    let mut handed_over: Option<Lane> = None;
    let mut attempts = 0;
    let mut troubled = false;
    loop {
        // Who is to be sent to may stay away for ever; that the load is over is news at once.
        let connected = tokio::select! {
            biased;
            () = shared.over() => None,
            client = connection.client() => Some(client),
        };
        if shared.layout.is_old(&seat.lanes) {
            if let Some(ahead) = &handed_over {
                lane.hand_over_up_to(ahead);
            }
            return;
        }
        let (Gate::Open, Some((generation, client))) = (shared.gate(), connected) else {
            // Whatever was wrong, nothing is tried any more: it would be said for ever.
            connection.healthy();
            match &handed_over {
                None => return,
                Some(_) if shared.gate() == Gate::Held => tokio::time::sleep(RECHECK).await,
                Some(ahead) => {
                    give_up(shared, &lane.up_to(ahead));
                    lane.clone_from(ahead);
                    seat.publish(lane.next());
                    return;
                }
            }
            continue;
        };
        let mut ahead = lane.clone();
        let mut contents = Contents::default();
        // When sending began; none if it did not come to that.
        let mut began = None;
        let sending = async {
            let batch = in_time(shared, client.begin(partition), connection.until_lost(generation)).await?;
            let Some((limit, allowed)) = leave(shared, seat, lane, handed_over.as_ref()).await else { return Ok(()) };
            let filled = fill(shared, batch, &mut ahead, limit, allowed, body, &mut contents);
            shared.give_back(allowed.saturating_sub(contents.numbers.len() as u64));
            let batch = filled?;
            // A change of target may have taken back what was due a moment ago; the client can't send nothing.
            if contents.numbers.is_empty() {
                return Ok(());
            }
            if handed_over.is_none() {
                hand_over(shared, seat, ahead.next(), &contents);
                handed_over = Some(ahead.clone());
            }
            began = Some(shared.clock.now());
            in_time(shared, batch.send(), connection.until_lost(generation)).await
        };
        let reason = match (sending.await, began) {
            // Nothing may be sent now, or is due after all.
            (Ok(()), None) if handed_over.is_none() => {
                if troubled {
                    connection.healthy();
                }
                return;
            }
            (Ok(()), None) => continue,
            (Ok(()), Some(began)) => {
                acknowledged(shared, &contents, began);
                *lane = ahead;
                connection.worked();
                if troubled {
                    seat.publish(lane.next());
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
                    give_up(shared, &contents.keys);
                    *lane = ahead;
                    seat.publish(lane.next());
                    return;
                }
                reason
            }
        };
        troubled = true;
        // They are owed again: the figures say how late.
        seat.publish(lane.next());
        let wait = backoff.next_wait();
        let place = shared.options.sink.place();
        connection.trouble(format!("sending to partition {partition} of {place}: {reason}"), wait);
        drop(client);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shared.over() => {}
        }
    }
}

/// What is done with a client is done within the limit and before it is `lost`, or it is not to be trusted any more.
async fn in_time<T>(
    shared: &Shared,
    work: impl Future<Output = Result<T, SendError>>,
    lost: impl Future<Output = ()>,
) -> Result<T, SendError> {
    let limit = shared.options.send_limit;
    tokio::select! {
        biased;
        done = work => done,
        () = lost => Err(SendError::Lost("the connection was lost".into())),
        () = tokio::time::sleep(limit) => Err(SendError::Lost(format!("no answer within {limit:?}"))),
    }
}

/// Leave to send: the events below a number, and how many of them, once a bound on the rate lets them go. None if nothing
/// may be sent after all, which includes that other lanes are wanted.
async fn leave(shared: &Shared, seat: &Seat, lane: &Lane, handed_over: Option<&Lane>) -> Option<(u64, u64)> {
    let limit = || handed_over.map_or_else(|| shared.limit(), Lane::next);
    // To open a link may have taken a while.
    if shared.gate() != Gate::Open {
        return None;
    }
    if !shared.has_allowance() {
        return Some((limit(), u64::MAX));
    }
    let wanted = lane.events_below(limit(), MOST_IN_A_BATCH);
    if wanted == 0 {
        return None;
    }
    // A batch that was handed over goes whole or not at all.
    let mut allowed = 0;
    loop {
        let (more, mut wait) = shared.allow(wanted - allowed);
        allowed += more;
        while !wait.is_zero() {
            let nap = wait.min(RECHECK);
            tokio::time::sleep(nap).await;
            wait -= nap;
            if shared.gate() != Gate::Open || shared.layout.is_old(&seat.lanes) {
                shared.give_back(allowed);
                return None;
            }
        }
        if handed_over.is_none() || allowed >= wanted {
            return Some((limit(), allowed));
        }
    }
}

/// Fills a batch with the lane's events below a limit, as many as fit and are allowed.
fn fill<'a>(
    shared: &Shared,
    mut batch: Batch<'a>,
    lane: &mut Lane,
    limit: u64,
    allowed: u64,
    body: &mut Vec<u8>,
    contents: &mut Contents,
) -> Result<Batch<'a>, SendError> {
    let created_at = Stamp::new(wall_clock());
    while lane.next() < limit && (contents.numbers.len() as u64) < allowed {
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
        let is_new = !lane.was_handed_over();
        lane.advance();
        contents.numbers.push(number);
        contents.keys.push(key);
        contents.new += u64::from(is_new);
        contents.bytes += body.len() as u64;
        // A copy that no longer fits is left out: copies are there to see that nothing counts twice, not to be exact.
        if is_new && shared.payloads.is_duplicated(key, shared.options.duplicate_every) && batch.try_add(body)? {
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
    shared.counts.sent.fetch_add(contents.new, Ordering::Relaxed);
    if let Some(last) = contents.numbers.last() {
        shared.claim(last + 1);
    }
    seat.next.set(next);
    seat.publish(next);
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

fn give_up(shared: &Shared, keys: &[EventKey]) {
    let mut ledger = lock(&shared.ledger);
    keys.iter().for_each(|key| ledger.given_up(*key));
    drop(ledger);
    shared.counts.failed.fetch_add(keys.len() as u64, Ordering::Relaxed);
}
