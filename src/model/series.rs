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

    /// Spreads what a look added evenly over the span since the look before, so that each second gets its share.
    ///
    /// Worked example: 300 events between 10.5 s and 12.0 s are 200 a second: second 10 gets 100, second 11 gets 200.
    pub fn spread(&mut self, advance: Advance) {
        let Advance { from, to, amount } = advance;
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

    /// So many seconds from `begin` on in so many equal columns, each the mean of the seconds in it; `None` where all are
    /// gaps. Where there are more columns than seconds, a second fills several.
    pub fn columns_from(&self, begin: Time, seconds: u64, columns: usize) -> Vec<Option<f64>> {
        let begin = second_of(begin);
        let wide = u64::try_from(columns.max(1)).unwrap_or(u64::MAX);
        let edge = |column: u64| {
            let passed = u128::from(column) * u128::from(seconds) / u128::from(wide);
            begin.saturating_add_unsigned(u64::try_from(passed).unwrap_or(u64::MAX))
        };
        (0..columns as u64)
            .map(|column| self.mean(edge(column)..edge(column + 1).max(edge(column).saturating_add(1))))
            .collect()
    }

    /// The mean of the seconds that are no gaps.
    fn mean(&self, seconds: std::ops::Range<i64>) -> Option<f64> {
        // Only the seconds that there are: a recording whose clock leapt may span centuries.
        let end = self.first.saturating_add_unsigned(self.values.len() as u64);
        let (sum, count) = (seconds.start.max(self.first)..seconds.end.min(end))
            .filter_map(|second| self.at_second(second))
            .fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
        (count > 0).then(|| sum / f64::from(count))
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
                self.mean(from..to)
            })
            .collect()
    }
}

/// What is read in rounds is old once two rounds went by without it; what is read at each look, after `shortest`.
pub(super) const fn stale_after(shortest: Duration, round: Duration) -> Duration {
    longest(shortest, round.saturating_mul(2))
}

const fn longest(one: Duration, other: Duration) -> Duration {
    if one.as_nanos() > other.as_nanos() { one } else { other }
}

/// A counter that is looked at now and then, and its rate over the last seconds.
#[derive(Debug, Clone)]
pub struct Counter {
    samples: VecDeque<(Time, f64)>,
    looked: Option<Time>,
    pace: Pace,
    /// How far looks are apart where they are rarer than the window.
    round: Duration,
}

/// How a counter moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// At each look.
    Smooth,
    /// In steps, with looks in between at which it stands.
    Stepped,
}

/// What a look at a counter added, and over which span.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Advance {
    /// The look before.
    pub from: Time,
    /// This look.
    pub to: Time,
    /// Counted in between.
    pub amount: f64,
}

impl Counter {
    /// A span without a look longer than this is a gap: what was counted in it is known, when is not.
    pub const GAP: Duration = Duration::from_secs(5);

    /// A rate is taken over so much at least, a second of looks that come four times in it: two looks that happen to come
    /// close together, as they do when a service that was away answers again, say nothing of a second.
    const SHORTEST: Duration = Duration::from_millis(700);

    /// For a counter that moves at each look: its rate is taken over exactly three seconds, long enough to be steady
    /// and short enough to follow. Whole seconds matter: a store whose budget is filled each second takes its writes in
    /// a burst a second, and a window of 3.2 s would hold now three of them, now four.
    pub fn smooth() -> Self {
        Self { samples: VecDeque::new(), looked: None, pace: Pace::Smooth, round: Duration::ZERO }
    }

    /// The same for looks that come in rounds of this length: what is a gap and how far the rate looks back follow.
    #[must_use]
    pub fn in_rounds(self, round: Duration) -> Self {
        Self { round, ..self }
    }

    /// Looks come in rounds of this length from now on.
    pub fn set_round(&mut self, round: Duration) {
        self.round = round;
    }

    /// A span without a look longer than this is a gap.
    fn gap(&self) -> Duration {
        stale_after(Self::GAP, self.round)
    }

    /// For a counter that moves in steps, such as a position that moves at each checkpoint: the rate is taken from
    /// step to step, so that it does not matter how many steps happen to fall into the window.
    pub fn stepped() -> Self {
        Self { pace: Pace::Stepped, ..Self::smooth() }
    }

    /// The span over which the rate is taken.
    const fn window(&self) -> Duration {
        match self.pace {
            Pace::Smooth => longest(Duration::from_secs(3), self.round),
            Pace::Stepped => stale_after(Duration::from_secs(8), self.round),
        }
    }

    /// Takes a look: the count so far. Says what was added since the look before, unless that is unknown: at the first
    /// look, after a gap, and where the count went back because the source began anew.
    pub fn push(&mut self, at: Time, total: f64) -> Option<Advance> {
        let looked = self.looked.replace(at);
        let before = self.samples.back().copied();
        let mut advance = None;
        if let (Some(looked), Some((_, count))) = (looked, before) {
            if at <= looked {
                self.looked = Some(looked);
                return None;
            }
            if total < count || at.since(looked) > self.gap() {
                self.samples.clear();
            } else {
                advance = Some(Advance { from: looked, to: at, amount: total - count });
            }
        }
        // Of a stepped counter only the looks at which it moved count: its rate is taken from step to step.
        if self.pace == Pace::Smooth || self.samples.back().is_none_or(|&(_, count)| total > count) {
            self.samples.push_back((at, total));
        }
        // One sample at or before the window's begin is kept, to measure from.
        while self.samples.get(1).is_some_and(|&(second, _)| at.since(second) >= self.window()) {
            self.samples.pop_front();
        }
        advance
    }

    /// The count at the last look.
    pub fn total(&self) -> Option<f64> {
        self.samples.back().map(|&(_, total)| total)
    }

    /// Per second, over the last looks; `None` before the second look, and once the last look is too old to speak of
    /// now.
    ///
    /// Worked example: a position is written each second and looked at four times a second. Steps were seen at 1, 2
    /// and 3 s, a hundred events each. At 3.75 s the rate is 200 events in the 2 s between the first step and the
    /// last: 100/s. At 9 s, six seconds after the last step, the next one is long overdue, and the rate is 200 events
    /// in 8 s: it fades instead of standing.
    pub fn rate(&self, now: Time) -> Option<f64> {
        let looked = self.looked.filter(|looked| now.since(*looked) <= self.gap())?;
        let (&(first, from), &(last, to)) = (self.samples.front()?, self.samples.back()?);
        if self.pace == Pace::Smooth {
            return self.smooth_rate();
        }
        let still = looked.since(last);
        if still >= self.window() {
            return Some(0.0);
        }
        let steps = u32::try_from(self.samples.len().saturating_sub(1)).unwrap_or(u32::MAX).max(1);
        let overdue = still > last.since(first) * 2 / steps;
        let span = if overdue { looked.since(first) } else { last.since(first) }.as_secs_f64();
        (span > 0.0).then(|| (to - from) / span)
    }

    /// The rate over exactly the window that ends with the last look, the count at its begin interpolated between the
    /// two looks around it; over what there is while that is less, but [`Self::SHORTEST`].
    fn smooth_rate(&self) -> Option<f64> {
        let (&(first, from), &(last, to)) = (self.samples.front()?, self.samples.back()?);
        let begin = last.before(self.window()).max(first);
        let from = match self.samples.get(1) {
            Some(&(second, next)) if begin > first => {
                from + (next - from) * begin.since(first).as_secs_f64() / second.since(first).as_secs_f64()
            }
            _ => from,
        };
        let span = last.since(begin);
        (span >= Self::SHORTEST).then(|| (to - from) / span.as_secs_f64())
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
        series.spread(Advance { from: millis(10_500), to: millis(12_000), amount: 300.0 });
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
        let mut counter = Counter::smooth();
        counter.push(millis(0), 0.0);
        assert_eq!(counter.rate(millis(0)), None);
        counter.push(millis(750), 750.0);
        assert_eq!(counter.rate(millis(800)), Some(1_000.0));
        assert_eq!(counter.rate(millis(20_000)), None, "a stale rate is not shown as live");
    }

    #[test]
    fn what_came_within_a_moment_is_no_rate() {
        let mut counter = Counter::smooth();
        // A service that was away answers again: what it took in meanwhile goes out between two looks.
        for (at, total) in [(0, 0.0), (20_000, 100.0), (20_050, 1_350.0)] {
            counter.push(millis(at), total);
        }
        assert_eq!(counter.rate(millis(20_100)), None, "1,250 events in 50 ms are not 25,000 a second");
        counter.push(millis(21_000), 1_400.0);
        assert_eq!(counter.rate(millis(21_000)), Some(1_300.0));
    }

    /// The worked example of [`Counter::rate`].
    #[test]
    fn a_stepped_counter_is_measured_from_step_to_step() {
        let mut counter = Counter::stepped();
        let mut rates = Vec::new();
        for tick in 4..=36_i64 {
            counter.push(millis(tick * 250), 100.0 * ((tick / 4).min(3)) as f64);
            rates.push(counter.rate(millis(tick * 250)));
        }
        let at = |ms: i64| rates[usize::try_from(ms / 250 - 4).unwrap()];
        assert_eq!(at(3_750), Some(100.0));
        assert_eq!(at(9_000), Some(25.0));
    }

    /// A store whose budget is filled each second takes its writes in bursts: the rate must not depend on how many
    /// bursts happen to fall between two looks.
    #[test]
    fn bursts_of_a_second_do_not_make_the_rate_jump() {
        let mut counter = Counter::smooth();
        for look in 0..200_i64 {
            let ms = look * 270;
            counter.push(millis(ms), 1_000.0 * (ms / 1_000) as f64);
            if ms > 4_000 {
                let rate = counter.rate(millis(ms)).unwrap();
                assert!((700.0..=1_300.0).contains(&rate), "{rate} at {ms} ms");
            }
        }
    }

    #[test]
    fn a_counter_that_stands_still_has_a_rate_of_zero() {
        let mut counter = Counter::smooth();
        for tick in 0..40 {
            counter.push(millis(tick * 250), if tick < 4 { tick as f64 } else { 4.0 });
        }
        assert_eq!(counter.rate(millis(10_000)), Some(0.0));
    }

    #[test]
    fn an_outage_is_a_gap_in_the_history() {
        let (mut counter, mut series) = (Counter::smooth(), Series::new(60));
        for (ms, total) in [(0, 0.0), (1_000, 100.0), (30_000, 5_000.0), (31_000, 5_100.0)] {
            if let Some(advance) = counter.push(millis(ms), total) {
                series.spread(advance);
            }
        }
        assert_eq!(series.at(millis(10_000)), None);
        assert_eq!(series.at(millis(30_000)), Some(100.0));
    }

    proptest! {
        /// Nothing is lost and nothing invented: the seconds add up to what the counter counted.
        #[test]
        fn seconds_add_up(steps in proptest::collection::vec((1_i64..5_000, 0_u32..10_000), 1..40)) {
            let (mut counter, mut series) = (Counter::smooth(), Series::new(Series::DAY));
            let (mut at, mut total) = (0_i64, 0.0);
            counter.push(millis(0), 0.0);
            for (ms, more) in steps {
                at += ms;
                total += f64::from(more);
                if let Some(advance) = counter.push(millis(at), total) {
                    series.spread(advance);
                }
            }
            let sum: f64 = series.values.iter().filter(|value| !value.is_nan()).sum();
            prop_assert!((sum - total).abs() <= total * 1e-9 + 1e-6, "{sum} against {total}");
        }
    }
}
