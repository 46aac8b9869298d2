//! What a stage counted, minute by minute, from looks at its counters.
//!
//! What a look added is spread evenly over the span since the look before, so that each minute gets its share. Where the
//! looks paused across the end of a minute, the share is a guess, and the minute says how far it may be off:
//!
//! Worked example: looks at 50 s (count 0) and at 70 s (count 200). Minute 0 and minute 1 get 100 each, but all 200 may
//! lie in either: of both it is known that they have 0 to 200. The total is 200, exactly.

use std::collections::BTreeMap;

use crate::model::series::Counter;
use crate::model::units::Time;

/// A minute in microseconds.
const MINUTE: i64 = 60_000_000;

/// A minute of which more than this was looked at is a whole one.
const WHOLE: i64 = MINUTE - GAP;

/// [`Counter::GAP`] in microseconds.
#[expect(clippy::cast_possible_truncation, reason = "some seconds")]
const GAP: i64 = Counter::GAP.as_micros() as i64;

/// A span without a look that is longer than this is a leap of the clock: what it counted is in no minute.
const LEAP: i64 = 86_400_000_000;

/// What a minute counted, in events a second of the time in which it was looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MinuteRate {
    /// At least.
    pub at_least: f64,
    /// As well as can be said.
    pub likely: f64,
    /// At most.
    pub at_most: f64,
}

/// What one minute counted.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Minute {
    /// Counted in it for certain.
    sure: f64,
    /// Its even share of what was counted across its edges while nothing looked.
    shared: f64,
    /// All of what was counted across its edges while nothing looked.
    loose: f64,
    /// Microseconds between looks, over all counters.
    looked: i64,
}

impl Minute {
    /// Per second, where so many counters are looked at.
    fn rate(&self, counters: i64) -> MinuteRate {
        let seconds = self.looked as f64 / counters as f64 / 1e6;
        MinuteRate {
            at_least: self.sure / seconds,
            likely: (self.sure + self.shared) / seconds,
            at_most: (self.sure + self.loose) / seconds,
        }
    }
}

/// The counters of one stage: one, or one for each partition.
#[derive(Debug, Clone)]
pub struct Meter<K> {
    counters: BTreeMap<K, CounterSeen>,
    minutes: BTreeMap<i64, Minute>,
    total: f64,
    looked: i64,
}

/// What was seen of one counter.
#[derive(Debug, Clone, Copy, Default)]
struct CounterSeen {
    /// Where it stood at the last look; `None` if that says nothing of the next look.
    last: Option<(Time, f64)>,
    total: f64,
}

impl<K: Ord> Default for Meter<K> {
    fn default() -> Self {
        Self { counters: BTreeMap::new(), minutes: BTreeMap::new(), total: 0.0, looked: 0 }
    }
}

impl<K: Ord> Meter<K> {
    /// Takes a look at a counter. Minute 0 begins at `origin`; those before it have numbers below zero.
    pub fn push(&mut self, origin: Time, counter: K, at: Time, count: f64) {
        let seen = self.counters.entry(counter).or_default();
        let Some((from, counted)) = seen.last else {
            seen.last = Some((at, count));
            return;
        };
        if at <= from {
            return;
        }
        seen.last = Some((at, count));
        let span = at.as_micros().saturating_sub(from.as_micros());
        // A count that went back began anew: what it counted in between is not known.
        if count >= counted && span <= LEAP {
            seen.total += count - counted;
            let from = from.as_micros().saturating_sub(origin.as_micros());
            self.spread(from, from.saturating_add(span), count - counted);
        }
    }

    fn spread(&mut self, from: i64, to: i64, amount: f64) {
        let span = to - from;
        self.total += amount;
        self.looked += span;
        let guessed = span > GAP;
        let (first, last) = (from.div_euclid(MINUTE), (to - 1).div_euclid(MINUTE));
        for number in first..=last {
            let within = to.min((number + 1) * MINUTE) - from.max(number * MINUTE);
            let minute = self.minutes.entry(number).or_default();
            let share = amount * within as f64 / span as f64;
            minute.looked += within;
            if guessed && first != last {
                minute.shared += share;
                minute.loose += amount;
            } else {
                minute.sure += share;
            }
        }
    }

    /// Forgets where the counters stand: what they count until the next look is not known.
    pub fn forget(&mut self) {
        self.counters.values_mut().for_each(|seen| seen.last = None);
    }

    /// Forgets where one of them stands.
    pub fn forget_one(&mut self, counter: &K) {
        if let Some(seen) = self.counters.get_mut(counter) {
            seen.last = None;
        }
    }

    /// Whether it was ever looked at.
    pub fn is_seen(&self) -> bool {
        !self.counters.is_empty()
    }

    /// All that was counted between looks.
    pub fn total(&self) -> f64 {
        self.total
    }

    /// All that one counter counted between looks.
    pub fn total_of(&self, counter: &K) -> f64 {
        self.counters.get(counter).map_or(0.0, |seen| seen.total)
    }

    /// Per second, over all the time between looks; `None` before the second look.
    pub fn mean(&self) -> Option<f64> {
        let seconds = self.looked as f64 / 1e6 / self.counters.len().max(1) as f64;
        (seconds > 0.0).then(|| self.total / seconds)
    }

    /// The whole minutes in order: the number of each, and what it counted. A minute is whole if looks
    /// span it but for less than [`Counter::GAP`].
    pub fn whole_minutes(&self) -> impl Iterator<Item = (i64, MinuteRate)> + '_ {
        let counters = i64::try_from(self.counters.len().max(1)).unwrap_or(i64::MAX);
        let enough = WHOLE.saturating_mul(counters);
        let whole = self.minutes.iter().filter(move |(_, minute)| minute.looked > enough);
        whole.map(move |(number, minute)| (*number, minute.rate(counters)))
    }

    /// One minute, if it is a whole one.
    pub fn whole_minute(&self, number: i64) -> Option<MinuteRate> {
        let counters = i64::try_from(self.counters.len().max(1)).unwrap_or(i64::MAX);
        let minute = self.minutes.get(&number)?;
        (minute.looked > WHOLE.saturating_mul(counters)).then(|| minute.rate(counters))
    }
}

/// How many minutes from the origin on lie within a session: a rule about every minute has to know of each of them. One
/// that the session ends in is judged as well where it counts as whole, and not missed where it doesn't.
pub fn minutes_of(origin: Time, end: Time) -> i64 {
    end.as_micros().saturating_sub(origin.as_micros()).div_euclid(MINUTE).max(0)
}

/// When a minute begins.
pub fn begin_of_minute(origin: Time, number: i64) -> Time {
    Time::from_micros(origin.as_micros().saturating_add(number.saturating_mul(MINUTE)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_millis(seconds * 1_000)
    }

    fn of(looks: &[(i64, f64)]) -> Meter<()> {
        let mut meter = Meter::default();
        looks.iter().for_each(|(second, count)| meter.push(at(0), (), at(*second), *count));
        meter
    }

    #[test]
    fn the_worked_example_of_the_module() {
        let meter = of(&[(50, 0.0), (70, 200.0)]);
        let seen: Vec<_> = meter.minutes.values().map(|m| (m.sure + m.shared, m.sure, m.sure + m.loose)).collect();
        assert_eq!(seen, [(100.0, 0.0, 200.0), (100.0, 0.0, 200.0)]);
        assert!((meter.total() - 200.0).abs() < 1e-9);
    }

    #[test]
    fn only_minutes_that_were_looked_at_from_end_to_end_are_whole() {
        let looks: Vec<(i64, f64)> = (1..150).map(|second| (second, second as f64 * 10.0)).collect();
        let whole: Vec<i64> = of(&looks).whole_minutes().map(|(number, _)| number).collect();
        assert_eq!(whole, [0, 1], "the third has 29 s");
        assert_eq!(of(&[(30, 0.0), (90, 5.0)]).whole_minutes().count(), 0);
    }

    /// A session that ends 4.7 s before its minute: what was counted stands for the time that was looked at.
    #[test]
    fn a_minute_at_the_end_is_no_slower_for_being_shorter() {
        let mut meter = Meter::default();
        for tenth in 0..=553_i64 {
            meter.push(at(0), (), Time::from_millis(tenth * 100), tenth as f64 * 8.0);
        }
        let rate = meter.whole_minute(0).unwrap();
        assert!((rate.likely - 80.0).abs() < 1e-9, "{rate:?}");
    }

    #[test]
    fn a_count_that_went_back_is_a_new_beginning() {
        let meter = of(&[(0, 100.0), (1, 150.0), (2, 10.0), (3, 20.0)]);
        assert!((meter.total() - 60.0).abs() < 1e-9);
    }

    #[test]
    fn a_leap_of_the_clock_costs_nothing() {
        let meter = of(&[(0, 0.0), (4_000_000_000, 1e9)]);
        assert_eq!((meter.minutes.len(), meter.mean()), (0, None));
    }

    proptest! {
        /// Nothing is lost and nothing invented, and the truth lies within the bounds.
        #[test]
        fn minutes_add_up(steps in proptest::collection::vec((1_i64..40, 0_u32..10_000), 1..40)) {
            let (mut second, mut count) = (0, 0.0);
            let mut looks = vec![(0, 0.0)];
            for (wait, more) in steps {
                second += wait;
                count += f64::from(more);
                looks.push((second, count));
            }
            let meter = of(&looks);
            let sum: f64 = meter.minutes.values().map(|m| m.sure + m.shared).sum();
            prop_assert!((sum - count).abs() < 1e-6 * count.max(1.0));
            prop_assert!(meter.minutes.values().all(|m| m.shared <= m.loose + 1e-9));
        }
    }
}
