//! What the driver counts, and how it becomes figures.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;

use super::lock;
use crate::azure::standing::Standing;
use crate::model::observation::Latencies;
use crate::model::units::Time;

/// Counts of all lanes together.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) sent: AtomicU64,
    pub(super) acknowledged: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) acknowledged_bytes: AtomicU64,
    interval: Mutex<Interval>,
    pub(super) standing: Standing,
}

#[derive(Debug)]
struct Interval {
    from_due: Histogram<u64>,
    from_send: Histogram<u64>,
    lateness: Histogram<u64>,
}

impl Counts {
    pub(super) fn new(connections: usize) -> Self {
        Self {
            sent: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            acknowledged_bytes: AtomicU64::new(0),
            interval: Mutex::new(Interval {
                from_due: Latencies::histogram(),
                from_send: Latencies::histogram(),
                lateness: Latencies::histogram(),
            }),
            standing: Standing::new(connections),
        }
    }

    /// A batch was acknowledged: when each of its events was due, when its sending began, and now.
    pub(super) fn acknowledge(&self, due: &[Time], began: Time, now: Time, bytes: u64) {
        let events = due.len() as u64;
        self.acknowledged.fetch_add(events, Ordering::Relaxed);
        self.acknowledged_bytes.fetch_add(bytes, Ordering::Relaxed);
        let mut interval = lock(&self.interval);
        for due in due {
            interval.from_due.saturating_record(micros(now.since(*due)));
            interval.lateness.saturating_record(micros(began.since(*due)));
        }
        interval.from_send.saturating_record_n(micros(now.since(began)), events);
    }

    /// How long after it was due the sending of each event began, since the load began. The attempt that was
    /// acknowledged counts.
    pub(super) fn lateness(&self) -> Latencies {
        Latencies(lock(&self.interval).lateness.clone().into())
    }

    /// The latencies since they were last taken.
    pub(super) fn latencies(&self, take: bool) -> (Latencies, Latencies) {
        let mut interval = lock(&self.interval);
        let found = [&interval.from_due, &interval.from_send].map(|histogram| Latencies(histogram.clone().into()));
        if take {
            interval.from_due.reset();
            interval.from_send.reset();
        }
        let [from_due, from_send] = found;
        (from_due, from_send)
    }
}

/// Whole microseconds, at least 1: the histogram's smallest value.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).max(1)
}
