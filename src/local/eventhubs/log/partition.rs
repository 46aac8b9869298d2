//! One partition: a queue of events with an end that grows and a beginning that retention moves on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Arrival, EnqueuedTime, Event, Offset, SequenceNumber, StartPosition};

/// What a partition holds at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionStatus {
    /// The number of the oldest retained event; of the next one to come, while there is none.
    pub earliest: SequenceNumber,
    /// The number of the newest event: -1 while none was ever enqueued.
    pub last: SequenceNumber,
    /// Where the newest event begins, in bytes ever enqueued: -1 while there is none.
    pub last_offset: i64,
    /// When the newest event was enqueued, in milliseconds since the Unix epoch: 0 while there is none.
    pub last_enqueued_time: i64,
    /// How many events are retained.
    pub events: usize,
    /// What the retained events take: their encoded bytes, and for each the size of its entry in the log.
    pub bytes: u64,
}

impl PartitionStatus {
    /// Whether nothing was ever enqueued here: retention leaves the newest event in place always.
    pub fn is_empty(&self) -> bool {
        self.events == 0
    }
}

#[derive(Debug)]
pub(super) struct Partition {
    retention_bytes: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Without gaps: the sequence number of the first gives those of all.
    events: VecDeque<Event>,
    /// How many events were ever enqueued, and so the next sequence number.
    enqueued_events: i64,
    enqueued_bytes: i64,
    retained_bytes: u64,
    /// One for each receiver, so a connection with two receivers here stands twice.
    subscribers: Vec<Arc<Notify>>,
}

impl Partition {
    pub(super) fn new(retention_bytes: u64) -> Self {
        Self { retention_bytes, state: Mutex::default() }
    }

    /// A panic of another thread while it held the lock leaves a log that still holds whole events: go on with it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn append(&self, arrivals: impl IntoIterator<Item = Arrival>, now: EnqueuedTime) {
        let mut guard = self.state();
        let state = &mut *guard;
        // The system's clock may be set back; the order of enqueued times must not be.
        let enqueued_time = state.events.back().map_or(now, |newest| newest.enqueued_time.max(now));
        for arrival in arrivals {
            let event = Event {
                sequence_number: SequenceNumber(state.enqueued_events),
                offset: Offset(state.enqueued_bytes),
                enqueued_time,
                message: arrival.message,
                partition_key: arrival.partition_key,
            };
            state.enqueued_events += 1;
            // An empty message is never stored, so offsets increase with every event.
            state.enqueued_bytes += i64::try_from(event.message.len()).unwrap_or(0).max(1);
            state.retained_bytes += event.retained_bytes();
            state.events.push_back(event);
        }
        while state.retained_bytes > self.retention_bytes && state.events.len() > 1 {
            let Some(oldest) = state.events.pop_front() else { break };
            state.retained_bytes -= oldest.retained_bytes();
        }
        for subscriber in &state.subscribers {
            subscriber.notify_one();
        }
    }

    pub(super) fn read(
        &self,
        next: SequenceNumber,
        most_events: usize,
        most_bytes: usize,
        into: &mut Vec<Event>,
    ) -> SequenceNumber {
        let state = self.state();
        let next = next.max(state.earliest());
        let mut bytes = 0;
        let mut count = 0;
        for event in state.events.iter().skip(state.index_of(next)).take(most_events) {
            if bytes >= most_bytes {
                break;
            }
            bytes += event.message.len();
            count += 1;
            into.push(event.clone());
        }
        SequenceNumber(next.0 + count)
    }

    pub(super) fn locate(&self, position: &StartPosition) -> SequenceNumber {
        let state = self.state();
        let end = SequenceNumber(state.enqueued_events);
        let at_index = |index: usize| state.events.get(index).map_or(end, |event| event.sequence_number);
        match *position {
            StartPosition::Latest { inclusive: false } => end,
            StartPosition::Latest { inclusive: true } => {
                state.events.back().map_or(end, |newest| newest.sequence_number)
            }
            // A number beyond the end is kept: the receiver waits for exactly that event.
            StartPosition::SequenceNumber { number, inclusive } => {
                let first = if inclusive { number } else { number.next() };
                first.max(state.earliest())
            }
            StartPosition::Offset { offset, inclusive } => at_index(
                state.events.partition_point(|event| event.offset < offset || (!inclusive && event.offset == offset)),
            ),
            StartPosition::EnqueuedTime { time, inclusive } => at_index(
                state
                    .events
                    .partition_point(|event| event.enqueued_time < time || (!inclusive && event.enqueued_time == time)),
            ),
        }
    }

    pub(super) fn status(&self) -> PartitionStatus {
        let state = self.state();
        let newest = state.events.back();
        PartitionStatus {
            earliest: state.earliest(),
            last: SequenceNumber(state.enqueued_events - 1),
            last_offset: newest.map_or(-1, |event| event.offset.0),
            last_enqueued_time: newest.map_or(0, |event| event.enqueued_time.0),
            events: state.events.len(),
            bytes: state.retained_bytes,
        }
    }

    pub(super) fn subscribe(&self, wakeup: &Arc<Notify>) {
        self.state().subscribers.push(Arc::clone(wakeup));
    }

    pub(super) fn unsubscribe(&self, wakeup: &Arc<Notify>) {
        let mut state = self.state();
        if let Some(index) = state.subscribers.iter().position(|subscriber| Arc::ptr_eq(subscriber, wakeup)) {
            state.subscribers.swap_remove(index);
        }
    }
}

impl State {
    fn earliest(&self) -> SequenceNumber {
        self.events.front().map_or(SequenceNumber(self.enqueued_events), |oldest| oldest.sequence_number)
    }

    fn index_of(&self, number: SequenceNumber) -> usize {
        usize::try_from(number.0.saturating_sub(self.earliest().0)).unwrap_or(0)
    }
}
