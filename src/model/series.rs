//! Figures over time: one value a second, gaps explicit, and the rate of a counter that is seen now and then.

use std::collections::VecDeque;
use std::time::Duration;

use super::units::Time;

/// One second of the session, counted from the Unix epoch.
fn second_of(at: Time) -> i64 {
    at.as_micros().div_euclid(1_000_000)
}

/// One value a second. A second in which nothing was seen is a gap, and stays one: it is never drawn as zero.
#[derive(Debug, Clone)]
pub struct Series {
    first: i64,
    values: VecDeque<f64>,
    capacity: usize,
}

impl Series {
    /// A day at one value a second.
    pub const DAY: usize = 86_400;

    /// An empty series that keeps so many seconds; the oldest go first.
    pub fn new(capacity: usize) -> Self {
        Self { first: 0, values: VecDeque::new(), capacity: capacity.max(1) }
    }

    /// The slot of a second, made if need be; `None` for one that is older than the series.
    fn slot(&mut self, second: i64) -> Option<&mut f64> {
        if self.values.is_empty() {
            self.first = second;
        }
        let mut index = usize::try_from(second.checked_sub(self.first)?).ok()?;
        if index >= self.values.len() + self.capacity {
            // A leap past everything that is kept: begin anew rather than fill the leap with gaps.
            self.values.clear();
            self.first = second;
            index = 0;
        }
        while self.values.len() <= index {
            self.values.push_back(f64::NAN);
        }
        while self.values.len() > self.capacity {
            self.values.pop_front();
            self.first += 1;
            index = index.checked_sub(1)?;
        }
        self.values.get_mut(index)
    }

    /// Sets the value of the second: the last one seen in a second stands.
    pub fn set(&mut self, at: Time, value: f64) {
        if let Some(slot) = self.slot(second_of(at)) {
            *slot = value;
        }
    }

    /// Spreads an amount evenly over a span, so that each second gets its share.
    ///
    /// Worked example: 300 events between 10.5 s and 12.0 s are 200 a second: second 10 gets 100, second 11 gets 200.
    pub fn spread(&mut self, from: Time, to: Time, amount: f64) {
        let span = to.as_micros() - from.as_micros();
        if span <= 0 {
            return;
        }
        for second in second_of(from)..=second_of(to) {
            let begin = (second * 1_000_000).max(from.as_micros());
            let end = ((second + 1) * 1_000_000).min(to.as_micros());
            if end <= begin {
                continue;
            }
            let share = amount * (end - begin) as f64 / span as f64;
            if let Some(slot) = self.slot(second) {
                *slot = if slot.is_nan() { share } else { *slot + share };
            }
        }
    }

    /// The value of a second; `None` for a gap.
    pub fn at(&self, at: Time) -> Option<f64> {
        self.at_second(second_of(at))
    }

    fn at_second(&self, second: i64) -> Option<f64> {
        let index = usize::try_from(second.checked_sub(self.first)?).ok()?;
        self.values.get(index).copied().filter(|value| !value.is_nan())
    }

    /// The newest value, if it is not a gap.
    pub fn last(&self) -> Option<f64> {
        self.values.back().copied().filter(|value| !value.is_nan())
    }

    /// The span up to `end` in so many equal columns, each the mean of the seconds in it; `None` where all are gaps.
    /// `end` itself is excluded: the second that is still filling would draw a false dip.
    pub fn columns(&self, end: Time, span: Duration, columns: usize) -> Vec<Option<f64>> {
        let end = second_of(end);
        let seconds = i64::try_from(span.as_secs().max(1)).unwrap_or(i64::MAX);
        let columns_wide = i64::try_from(columns.max(1)).unwrap_or(i64::MAX);
        // Edges are aligned to whole columns since the epoch where a column holds several seconds, so that a bar
        // does not change its height as it moves to the left.
        let end = match seconds / columns_wide {
            width @ 2.. => end.div_euclid(width) * width,
            _ => end,
        };
        (0..columns_wide)
            .map(|column| {
                let from = end - seconds + column * seconds / columns_wide;
                let to = (end - seconds + (column + 1) * seconds / columns_wide).max(from + 1);
                let (sum, count) = (from..to)
                    .filter_map(|second| self.at_second(second))
                    .fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
                (count > 0).then(|| sum / f64::from(count))
            })
            .collect()
    }
}

/// A counter that is looked at now and then: its rate over the last seconds, and its history as a [`Series`].
#[derive(Debug, Clone)]
pub struct Counter {
    samples: VecDeque<(Time, f64)>,
    /// The rate in each second of the session.
    pub history: Series,
}

impl Counter {
    /// The span over which the rate is taken: long enough to be steady, short enough to follow a change.
    const WINDOW: Duration = Duration::from_secs(3);

    /// A span without a look longer than this is a gap: what was counted in it is known, when is not.
    const GAP: Duration = Duration::from_secs(5);

    /// A counter whose history keeps so many seconds.
    pub fn new(capacity: usize) -> Self {
        Self { samples: VecDeque::new(), history: Series::new(capacity) }
    }

    /// Takes a look: the count so far. A count that went back (the source began anew) begins the rate anew.
    pub fn push(&mut self, at: Time, total: f64) {
        if let Some(&(before, count)) = self.samples.back() {
            if at < before {
                return;
            }
            if total < count || at.since(before) > Self::GAP {
                self.samples.clear();
            } else {
                self.history.spread(before, at, total - count);
            }
        }
        self.samples.push_back((at, total));
        // One sample at or before the window's begin is kept, to interpolate from.
        while self.samples.get(1).is_some_and(|&(second, _)| at.since(second) >= Self::WINDOW) {
            self.samples.pop_front();
        }
    }

    /// The count at the last look.
    pub fn total(&self) -> Option<f64> {
        self.samples.back().map(|&(_, total)| total)
    }

    /// Per second, over the last looks; `None` before the second look, and once the last look is too old to speak of
    /// now.
    pub fn rate(&self, now: Time) -> Option<f64> {
        let (&(first, from), &(last, to)) = (self.samples.front()?, self.samples.back()?);
        let span = last.since(first).as_secs_f64();
        (span > 0.0 && now.since(last) <= Self::GAP).then(|| (to - from) / span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn millis(ms: i64) -> Time {
        Time::from_millis(ms)
    }

    #[test]
    fn an_amount_is_spread_over_its_seconds() {
        let mut series = Series::new(60);
        series.spread(millis(10_500), millis(12_000), 300.0);
        assert_eq!(series.at(millis(10_000)), Some(100.0));
        assert_eq!(series.at(millis(11_000)), Some(200.0));
        assert_eq!(series.at(millis(12_000)), None);
    }

    #[test]
    fn a_second_without_a_look_is_a_gap_not_a_zero() {
        let mut series = Series::new(60);
        series.set(millis(1_000), 5.0);
        series.set(millis(4_000), 7.0);
        assert_eq!(series.columns(millis(5_000), Duration::from_secs(4), 4), [Some(5.0), None, None, Some(7.0)]);
    }

    #[test]
    fn the_oldest_seconds_go_first() {
        let mut series = Series::new(3);
        for second in 0..10 {
            series.set(millis(second * 1_000), second as f64);
        }
        let four = series.columns(millis(10_000), Duration::from_secs(4), 4);
        assert_eq!(four, [None, Some(7.0), Some(8.0), Some(9.0)]);
    }

    #[test]
    fn a_rate_needs_two_looks_and_goes_stale() {
        let mut counter = Counter::new(60);
        counter.push(millis(0), 0.0);
        assert_eq!(counter.rate(millis(0)), None);
        counter.push(millis(500), 500.0);
        assert_eq!(counter.rate(millis(600)), Some(1_000.0));
        assert_eq!(counter.rate(millis(20_000)), None, "a stale rate is not shown as live");
    }

    #[test]
    fn an_outage_is_a_gap_in_the_history() {
        let mut counter = Counter::new(60);
        counter.push(millis(0), 0.0);
        counter.push(millis(1_000), 100.0);
        counter.push(millis(30_000), 5_000.0);
        counter.push(millis(31_000), 5_100.0);
        assert_eq!(counter.history.at(millis(10_000)), None);
        assert_eq!(counter.history.at(millis(30_000)), Some(100.0));
    }

    proptest! {
        /// Nothing is lost and nothing invented: the seconds add up to what the counter counted.
        #[test]
        fn seconds_add_up(steps in proptest::collection::vec((1_i64..5_000, 0_u32..10_000), 1..40)) {
            let mut counter = Counter::new(Series::DAY);
            let (mut at, mut total) = (0_i64, 0.0);
            counter.push(millis(0), 0.0);
            for (ms, more) in steps {
                at += ms;
                total += f64::from(more);
                counter.push(millis(at), total);
            }
            let sum: f64 = counter.history.values.iter().filter(|value| !value.is_nan()).sum();
            prop_assert!((sum - total).abs() <= total * 1e-9 + 1e-6, "{sum} against {total}");
        }
    }
}
