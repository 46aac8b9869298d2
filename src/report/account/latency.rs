//! Latencies of a whole session: one histogram over all of it, and a few figures of each minute.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::model::observation::Latencies;
use crate::model::units::Time;

/// What a minute's latencies say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MinuteLatency {
    /// Events it speaks of.
    pub count: u64,
    /// The mean.
    pub mean: Duration,
    /// 99 of 100 took at most this.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

/// The latencies of a whole session.
#[derive(Debug, Clone)]
pub struct LatencyMeter {
    all: Histogram<u64>,
    minute: (i64, Histogram<u64>),
    closed: BTreeMap<i64, MinuteLatency>,
}

impl Default for LatencyMeter {
    fn default() -> Self {
        Self { all: Latencies::histogram(), minute: (i64::MIN, Latencies::histogram()), closed: BTreeMap::new() }
    }
}

/// Adds a histogram to another. All have one shape, or come from a recording with wider bounds: then values saturate.
fn add(sum: &mut Histogram<u64>, more: &Histogram<u64>) {
    if sum.add(more).is_err() {
        for value in more.iter_recorded() {
            sum.saturating_record_n(value.value_iterated_to(), value.count_at_value());
        }
    }
}

fn figures(histogram: &Histogram<u64>) -> Option<MinuteLatency> {
    let micros = Duration::from_micros;
    (!histogram.is_empty()).then(|| MinuteLatency {
        count: histogram.len(),
        mean: Duration::from_secs_f64(histogram.mean().max(0.0) / 1e6),
        p99: micros(histogram.value_at_quantile(0.99)),
        max: micros(histogram.max()),
    })
}

impl LatencyMeter {
    /// Takes the histogram of an interval that ended at a time. Minute 0 begins at `origin`; those before it
    /// have numbers below zero.
    pub fn push(&mut self, origin: Time, at: Time, latencies: &Latencies) {
        if latencies.0.is_empty() {
            return;
        }
        add(&mut self.all, &latencies.0);
        let number = at.as_micros().saturating_sub(origin.as_micros()).div_euclid(60_000_000);
        // What comes late, by some microseconds, belongs to the minute that is open.
        if number > self.minute.0 {
            self.close();
            self.minute.0 = number;
        }
        add(&mut self.minute.1, &latencies.0);
    }

    fn close(&mut self) {
        if let Some(figures) = figures(&self.minute.1) {
            self.closed.insert(self.minute.0, figures);
        }
        self.minute.1.reset();
    }

    /// All of them.
    pub fn all(&self) -> &Histogram<u64> {
        &self.all
    }

    /// Each minute in which something was counted, the last one as far as it came.
    pub fn minutes(&self) -> impl Iterator<Item = (i64, MinuteLatency)> + '_ {
        let open = figures(&self.minute.1).map(|figures| (self.minute.0, figures));
        self.closed.iter().map(|(number, figures)| (*number, *figures)).chain(open)
    }
}
