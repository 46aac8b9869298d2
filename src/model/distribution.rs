//! Latencies over minutes, for pictures: each second's histogram in buckets that grow with the value.
//!
//! A histogram of two significant digits has some hundred buckets in use; kept each second for minutes, for each of
//! three latencies, it would fill megabytes. A dot of a chart on a logarithmic axis is coarser than an eighth of an
//! octave, so that is what is kept. Figures that are read as text come from the histograms themselves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::units::Time;

/// Buckets in each doubling of the value.
const PER_OCTAVE: f64 = 8.0;

/// How many events took how long, in buckets an eighth of an octave wide (9 %).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Distribution {
    /// Bucket and count, in order: bucket `n` holds the values from `2^(n/8)` microseconds up to the next one.
    counts: Vec<(u8, u32)>,
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "8 x 31.75 is the bucket of an hour")]
fn bucket_of(micros: u64) -> u8 {
    ((micros.max(1) as f64).log2() * PER_OCTAVE).floor().clamp(0.0, 255.0) as u8
}

/// Where a bucket begins.
fn begin_of(bucket: u16) -> Duration {
    Duration::from_secs_f64((f64::from(bucket) / PER_OCTAVE).exp2() / 1e6)
}

impl Distribution {
    /// What a histogram of microseconds holds.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let mut sum = Self::default();
        for value in histogram.iter_recorded() {
            let count = u32::try_from(value.count_at_value()).unwrap_or(u32::MAX);
            sum.add(bucket_of(value.value_iterated_to()), count);
        }
        sum
    }

    fn add(&mut self, bucket: u8, count: u32) {
        match self.counts.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => {
                if let Some((_, sum)) = self.counts.get_mut(at) {
                    *sum = sum.saturating_add(count);
                }
            }
            Err(at) => self.counts.insert(at, (bucket, count)),
        }
    }

    /// Adds what another one holds.
    pub fn merge(&mut self, other: &Self) {
        other.counts.iter().for_each(|(bucket, count)| self.add(*bucket, *count));
    }

    /// How many events it holds.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// The value that a share of the events did not exceed, to a bucket's width; `None` without events.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let wanted = (self.count() as f64 * share.clamp(0.0, 1.0)).max(1.0);
        let mut seen = 0.0;
        self.counts.iter().find_map(|(bucket, count)| {
            seen += f64::from(*count);
            (seen >= wanted - 1e-9).then(|| begin_of(u16::from(*bucket) + 1))
        })
    }

    /// How many events took at least `from` and less than `to`, by the buckets that begin there.
    pub fn between(&self, from: Duration, to: Duration) -> u64 {
        let within = |bucket: u8| (from..to).contains(&begin_of(u16::from(bucket)));
        self.counts.iter().filter(|(bucket, _)| within(*bucket)).map(|(_, count)| u64::from(*count)).sum()
    }
}

/// The distribution of each of the last seconds.
#[derive(Debug, Clone, Default)]
pub struct LatencyHistory {
    /// By the second since the Unix epoch. Shared, since snapshots of a session are many and its past does not change.
    seconds: BTreeMap<i64, Arc<Distribution>>,
}

impl LatencyHistory {
    /// How far back it reaches.
    pub const SPAN: Duration = Duration::from_secs(300);

    /// Adds what was seen at a moment, in any order.
    pub fn push(&mut self, at: Time, histogram: &Histogram<u64>) {
        if histogram.is_empty() {
            return;
        }
        let second = at.as_micros().div_euclid(1_000_000);
        let seen = Distribution::of(histogram);
        self.seconds.entry(second).and_modify(|sum| Arc::make_mut(sum).merge(&seen)).or_insert_with(|| Arc::new(seen));
        let span = i64::try_from(Self::SPAN.as_secs()).unwrap_or(i64::MAX);
        let newest = self.seconds.last_key_value().map_or(second, |(newest, _)| *newest);
        while let Some(oldest) = self.seconds.first_entry()
            && oldest.key().saturating_add(span) < newest
        {
            oldest.remove();
        }
    }

    /// So many columns up to `end`, each of so many seconds; `None` where nothing was seen. Columns begin at multiples
    /// of their span since the epoch, so that a column does not change as it moves to the left.
    pub fn columns(&self, end: Time, each: u64, columns: usize) -> Vec<Option<Distribution>> {
        let each = i64::try_from(each.max(1)).unwrap_or(i64::MAX);
        let end = end.as_micros().div_euclid(1_000_000).div_euclid(each).saturating_mul(each);
        let columns = i64::try_from(columns).unwrap_or(0);
        let begin = end.saturating_sub(columns.saturating_mul(each));
        let mut sums = vec![None; usize::try_from(columns).unwrap_or(0)];
        if begin >= end {
            return sums;
        }
        for (second, seen) in self.seconds.range(begin..end) {
            let column = usize::try_from((second - begin) / each).unwrap_or(usize::MAX);
            if let Some(sum) = sums.get_mut(column) {
                sum.get_or_insert_with(Distribution::default).merge(seen);
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::observation::Latencies;
    use proptest::prelude::*;

    fn histogram(micros: &[u64]) -> Histogram<u64> {
        let mut histogram = Latencies::histogram();
        micros.iter().for_each(|value| histogram.saturating_record(*value));
        histogram
    }

    #[test]
    fn a_column_is_the_sum_of_its_seconds() {
        let mut history = LatencyHistory::default();
        history.push(Time::from_millis(10_000), &histogram(&[1_000]));
        history.push(Time::from_millis(11_500), &histogram(&[2_000, 4_000]));
        history.push(Time::from_millis(14_000), &histogram(&[8_000]));
        let counts = |each, columns| -> Vec<Option<u64>> {
            let columns = history.columns(Time::from_millis(16_000), each, columns);
            columns.iter().map(|column| column.as_ref().map(Distribution::count)).collect()
        };
        assert_eq!(counts(2, 3), [Some(3), None, Some(1)]);
        assert_eq!(counts(1, 2), [Some(1), None]);
        assert_eq!(history.columns(Time::from_millis(0), 0, 0), []);
    }

    #[test]
    fn what_is_too_old_is_forgotten() {
        let mut history = LatencyHistory::default();
        history.push(Time::from_millis(0), &histogram(&[1]));
        history.push(Time::from_millis(400_000), &histogram(&[1]));
        assert_eq!(history.seconds.len(), 1);
    }

    proptest! {
        /// A quantile is never below the exact one and at most a bucket above it.
        #[test]
        fn quantiles_are_near(values in proptest::collection::vec(1_u64..3_600_000_000, 1..200), share in 0.01_f64..1.0) {
            let exact = histogram(&values);
            let seen = Distribution::of(&exact).quantile(share).unwrap().as_secs_f64() * 1e6;
            let exact = exact.value_at_quantile(share) as f64;
            prop_assert!(seen >= exact * 0.99 && seen <= exact * 1.12 + 2.0, "{seen} for {exact}");
        }

        /// Rows of a heat map hold every event once.
        #[test]
        fn rows_add_up(values in proptest::collection::vec(1_u64..3_600_000_000, 0..200)) {
            let seen = Distribution::of(&histogram(&values));
            let edges: Vec<Duration> =
                (0..=36).map(|power| Duration::from_micros(1 << power)).collect();
            let sum: u64 = edges.windows(2).map(|pair| seen.between(pair[0], pair[1])).sum();
            prop_assert_eq!(sum, values.len() as u64);
        }
    }
}
