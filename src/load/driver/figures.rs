//! What the driver counts, and how it becomes figures.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;

use super::lock;
use crate::model::observation::{Latencies, StationState};
use crate::model::units::Time;

/// Counts of all lanes together.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) sent: AtomicU64,
    pub(super) acknowledged: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) acknowledged_bytes: AtomicU64,
    interval: Mutex<Interval>,
    /// The state of each connection, and what was last told of them together.
    stations: Mutex<Stations>,
}

#[derive(Debug)]
struct Interval {
    from_due: Histogram<u64>,
    from_send: Histogram<u64>,
    lateness: Histogram<u64>,
}

#[derive(Debug)]
struct Stations {
    each: Vec<Option<StationState>>,
    told: Option<StationState>,
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
            stations: Mutex::new(Stations { each: vec![None; connections], told: None }),
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

    pub(super) fn station(&self, connection: usize, state: StationState) {
        if let Some(place) = lock(&self.stations).each.get_mut(connection) {
            *place = Some(state);
        }
    }

    /// The state of all connections together, if it is not what was told last: the first that retries, else connected
    /// once all are. Not told yet: call [`Counts::station_told`] when it is.
    pub(super) fn untold_station(&self) -> Option<StationState> {
        let stations = lock(&self.stations);
        let known: Option<Vec<&StationState>> = stations.each.iter().map(Option::as_ref).collect();
        let troubled = stations.each.iter().flatten().find(|state| matches!(state, StationState::Retrying { .. }));
        let now = troubled.or_else(|| known?.first().copied())?;
        (stations.told.as_ref() != Some(now)).then(|| now.clone())
    }

    pub(super) fn station_told(&self, state: StationState) {
        lock(&self.stations).told = Some(state);
    }
}

/// Whole microseconds, at least 1: the histogram's smallest value.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).max(1)
}
