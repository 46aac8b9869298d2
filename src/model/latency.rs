//! Latencies over a sliding window, from histograms of short intervals.

use std::collections::VecDeque;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::distribution::LatencyHistory;
use super::observation::Latencies;
use super::units::Time;

/// What a histogram says in three figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Percentiles {
    /// Half of the events took at most this.
    pub p50: Duration,
    /// 99 of 100 took at most this.
    pub p99: Duration,
    /// The longest one.
    pub max: Duration,
    /// How many events these figures speak of.
    pub count: u64,
}

impl Percentiles {
    /// The figures of a histogram in microseconds; `None` if it is empty.
    pub fn of(histogram: &Histogram<u64>) -> Option<Self> {
        (!histogram.is_empty()).then(|| Self {
            p50: Duration::from_micros(histogram.value_at_quantile(0.50)),
            p99: Duration::from_micros(histogram.value_at_quantile(0.99)),
            max: Duration::from_micros(histogram.max()),
            count: histogram.len(),
        })
    }
}

/// The latencies of the last seconds: long enough that a p99 has events to stand on.
#[derive(Debug, Clone, Default)]
pub struct LatencyWindow {
    intervals: VecDeque<(Time, Latencies)>,
    /// The last minutes, for pictures.
    pub history: LatencyHistory,
}

impl LatencyWindow {
    /// The span that the percentiles speak of.
    pub const SPAN: Duration = Duration::from_secs(10);

    /// Takes the histogram of an interval.
    pub fn push(&mut self, at: Time, latencies: &Latencies) {
        if !latencies.0.is_empty() {
            self.history.push(at, &latencies.0);
            self.intervals.push_back((at, latencies.clone()));
        }
        while self.intervals.front().is_some_and(|&(first, _)| at.since(first) > Self::SPAN) {
            self.intervals.pop_front();
        }
    }

    /// The percentiles of the window that ends now; `None` if nothing was counted in it.
    pub fn percentiles(&self, now: Time) -> Option<Percentiles> {
        let mut sum = Latencies::histogram();
        for (_, latencies) in self.intervals.iter().filter(|&&(at, _)| now.since(at) <= Self::SPAN) {
            // All histograms share their bounds, or come from a recording with wider ones: then the value saturates.
            if sum.add(&*latencies.0).is_err() {
                for value in latencies.0.iter_recorded() {
                    sum.saturating_record_n(value.value_iterated_to(), value.count_at_value());
                }
            }
        }
        Percentiles::of(&sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn of_millis(values: &[u64]) -> Latencies {
        let mut histogram = Latencies::histogram();
        for &ms in values {
            histogram.record(ms * 1_000).unwrap();
        }
        Latencies(Arc::new(histogram))
    }

    #[test]
    fn percentiles_speak_of_the_window_only() {
        let mut window = LatencyWindow::default();
        window.push(Time::from_millis(0), &of_millis(&[9_000]));
        window.push(Time::from_millis(15_000), &of_millis(&[1, 2, 3]));
        let seen = window.percentiles(Time::from_millis(15_000)).unwrap();
        assert_eq!(seen.count, 3);
        assert!(seen.max < Duration::from_millis(4), "two significant digits: {:?}", seen.max);
        assert_eq!(window.percentiles(Time::from_millis(60_000)), None, "nothing recent: no figure");
    }
}
