//! What the processor counts, over its restarts, and what it tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::azure::standing::Standing;
use crate::model::observation::{Fact, Observation, ProcessorFigures, Station, StationState};
use crate::model::units::RequestUnits;
use crate::wall_clock::wall_clock;

/// Between two reports.
const REPORT_EVERY: Duration = Duration::from_millis(250);

/// The three services that the processor rests on, as numbered in its [`Standing`].
pub(super) const LOG: usize = 0;
pub(super) const STORE: usize = 1;
pub(super) const CHECKPOINTS: usize = 2;

/// Counts since the processor first started.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) received: AtomicU64,
    pub(super) written: AtomicU64,
    pub(super) throttled: AtomicU64,
    pub(super) failed: AtomicU64,
    /// In thousandths of a request unit, so that counting needs no lock.
    charge: AtomicU64,
    pub(super) checkpoints: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) standing: Standing,
}

impl Counts {
    pub(super) fn new() -> Self {
        Self {
            received: AtomicU64::new(0),
            written: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            charge: AtomicU64::new(0),
            checkpoints: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            standing: Standing::new(3),
        }
    }

    pub(super) fn charge(&self, units: f64) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
        let thousandths = (units.clamp(0.0, 1e9) * 1e3).round() as u64;
        self.charge.fetch_add(thousandths, Ordering::Relaxed);
    }

    pub(super) fn figures(&self) -> ProcessorFigures {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ProcessorFigures {
            received: read(&self.received),
            written: read(&self.written),
            throttled: read(&self.throttled),
            failed: read(&self.failed),
            charge: RequestUnits(read(&self.charge) as f64 / 1e3),
            checkpoints: read(&self.checkpoints),
            rejected: read(&self.rejected),
        }
    }
}

/// Says four times a second how it goes. What a full channel does not take is told by the next report.
pub(super) async fn report(counts: Arc<Counts>, to: mpsc::Sender<Observation>) {
    let mut ticks = tokio::time::interval(REPORT_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        if let Some(state) = counts.standing.untold()
            && tell(&to, Fact::Station(Station::Processor, state.clone()))
        {
            counts.standing.told(state);
        }
        tell(&to, Fact::Processor(counts.figures()));
    }
}

/// The last word: figures at rest, and the station stopped.
pub(super) fn report_end(counts: &Counts, to: &mpsc::Sender<Observation>) {
    counts.standing.forget();
    tell(to, Fact::Processor(counts.figures()));
    tell(to, Fact::Station(Station::Processor, StationState::Stopped));
    counts.standing.told(StationState::Stopped);
}

fn tell(to: &mpsc::Sender<Observation>, fact: Fact) -> bool {
    to.try_send(Observation { at: wall_clock(), fact }).is_ok()
}
