//! Lag of one partition, in events and in time: pure arithmetic on a log end and a position.
//!
//! Lag is the number of events after the position up to the log end:
//!
//! ```
//! use streamgauge::model::lag::Lag;
//! use streamgauge::model::observation::Position;
//! use streamgauge::model::units::SequenceNumber;
//!
//! let (earliest, last) = (SequenceNumber(0), SequenceNumber(99));
//!
//! // A checkpoint at 89 says that 89 was processed: 90 to 99 wait.
//! let behind = Lag::between(earliest, last, Some(Position::LastRead(SequenceNumber(89))));
//! assert_eq!(behind, Lag::Behind { events: 10, missed: 0 });
//!
//! // A Kafka commit at 90 says the same thing.
//! assert_eq!(behind, Lag::between(earliest, last, Some(Position::NextToRead(SequenceNumber(90)))));
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use super::observation::Position;
use super::units::{SequenceNumber, Time};

impl Position {
    /// The first sequence number that is still to be read.
    pub fn next(self) -> SequenceNumber {
        match self {
            Self::LastRead(last) => SequenceNumber(last.0.saturating_add(1)),
            Self::NextToRead(next) => next,
        }
    }
}

/// How far the processor is behind on one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lag {
    /// So many events wait.
    Behind {
        /// Events that are still there to be read.
        events: u64,
        /// Events that the log dropped before the processor read them: they can't be read any more.
        missed: u64,
    },
    /// There is no position. That is not a backlog: the group may be new, or keep its position elsewhere.
    NoPosition {
        /// Events that the log holds.
        retained: u64,
    },
}

impl Lag {
    /// The lag between a log end and a position. Never negative: a position past the log end (the position was read
    /// later than the log end) is a lag of zero.
    pub fn between(earliest: SequenceNumber, last: SequenceNumber, position: Option<Position>) -> Self {
        let after_last = last.0.saturating_add(1);
        let count = |from: i64, to: i64| u64::try_from(to.saturating_sub(from)).unwrap_or(0);
        // An empty partition has last = -1 and may report any earliest: nothing is retained.
        let earliest = earliest.0.clamp(0, after_last.max(0));
        match position {
            None => Self::NoPosition { retained: count(earliest, after_last) },
            Some(position) => {
                let next = position.next().0.max(0);
                Self::Behind { events: count(next.max(earliest), after_last), missed: count(next, earliest) }
            }
        }
    }

    /// Events that wait; `None` where there is no position to count from.
    pub fn events(self) -> Option<u64> {
        match self {
            Self::Behind { events, .. } => Some(events),
            Self::NoPosition { .. } => None,
        }
    }
}

/// How old the oldest event is that still waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimeLag {
    /// About so long: interpolated between two samples of the log end.
    About(Duration),
    /// Longer than the samples reach back. Never extrapolated.
    MoreThan(Duration),
}

impl TimeLag {
    /// The duration, whether or not it is only a lower bound.
    pub fn at_least(self) -> Duration {
        match self {
            Self::About(span) | Self::MoreThan(span) => span,
        }
    }
}

/// Where the log end stood at which time, as far back as the ring reaches: from it, a position becomes an age.
#[derive(Debug, Clone, Default)]
pub struct LogEndHistory {
    samples: VecDeque<(Time, SequenceNumber)>,
}

impl LogEndHistory {
    /// Samples kept, at most. At one sample each [`Self::SPACING`] they reach back over half an hour.
    const CAPACITY: usize = 1_024;

    /// Samples closer than this replace the newest one.
    const SPACING: Duration = Duration::from_secs(2);

    /// Takes a sample. A log end that went back (the hub was made anew) begins the history anew.
    pub fn push(&mut self, at: Time, last: SequenceNumber) {
        if self.samples.back().is_some_and(|&(newest, end)| last < end || at < newest) {
            self.samples.clear();
        }
        // Two recent samples bracket "now"; older ones are thinned to the spacing.
        let thin = self.samples.len() >= 2
            && self.samples.get(self.samples.len() - 2).is_some_and(|&(before, _)| at.since(before) < Self::SPACING);
        if thin {
            self.samples.pop_back();
        }
        self.samples.push_back((at, last));
        if self.samples.len() > Self::CAPACITY {
            self.samples.pop_front();
        }
    }

    /// Where the log end stood at a moment, interpolated between the two samples around it.
    pub fn end_at(&self, at: Time) -> Option<f64> {
        let after = self.samples.partition_point(|&(sample, _)| sample < at);
        let &(to, last) = self.samples.get(after)?;
        let Some(&(from, before)) = after.checked_sub(1).and_then(|before| self.samples.get(before)) else {
            return (to == at).then_some(last.0 as f64);
        };
        let share = at.since(from).as_secs_f64() / to.since(from).as_secs_f64().max(f64::MIN_POSITIVE);
        Some(before.0 as f64 + (last.0 - before.0) as f64 * share)
    }

    /// How long ago the event after the position was enqueued: the moment at which the log end passed the position,
    /// interpolated between the two samples around it.
    ///
    /// Worked example: the log end was 100 at 10 s and 200 at 12 s, now is 15 s. Event 151 is the next to be read. The
    /// log end passed 150 half-way, at 11 s, so the time lag is about 4 s.
    ///
    /// `None` if there is no sample at all. Zero if nothing waits.
    pub fn age(&self, now: Time, position: Position) -> Option<TimeLag> {
        let &(_, newest) = self.samples.back()?;
        let next = position.next();
        if next > newest {
            return Some(TimeLag::About(Duration::ZERO));
        }
        // The first sample that includes the waiting event, and the one before it, which does not.
        let including = self.samples.partition_point(|&(_, end)| end < next);
        let &(after_at, after_end) = self.samples.get(including)?;
        let Some(&(before_at, before_end)) = including.checked_sub(1).and_then(|i| self.samples.get(i)) else {
            return Some(TimeLag::MoreThan(now.since(after_at)));
        };
        let share = (next.0 - before_end.0) as f64 / (after_end.0 - before_end.0).max(1) as f64;
        let passed = before_at.after(after_at.since(before_at).mul_f64(share.clamp(0.0, 1.0)));
        Some(TimeLag::About(now.since(passed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(s: i64) -> Time {
        Time::from_millis(s * 1_000)
    }

    /// lag.md's traps, a line each: earliest, last, position -> lag.
    #[test]
    fn the_arithmetic_of_lag() {
        let read = |n| Some(Position::LastRead(SequenceNumber(n)));
        let next = |n| Some(Position::NextToRead(SequenceNumber(n)));
        let behind = |events, missed| Lag::Behind { events, missed };
        let table = [
            ("caught up", 0, 99, read(99), behind(0, 0)),
            ("ten wait", 0, 99, read(89), behind(10, 0)),
            ("a commit names the next event", 0, 99, next(90), behind(10, 0)),
            ("position read after the log end: never negative", 0, 99, read(105), behind(0, 0)),
            ("retention passed the position: missed and behind apart", 50, 99, read(19), behind(50, 30)),
            ("position just before the earliest: nothing missed", 50, 99, read(49), behind(50, 0)),
            ("no checkpoint is not a backlog", 50, 99, None, Lag::NoPosition { retained: 50 }),
            ("an empty partition, no checkpoint", 0, -1, None, Lag::NoPosition { retained: 0 }),
            ("an empty partition, a checkpoint at -1", 0, -1, read(-1), behind(0, 0)),
            ("IoT Hub's routes report -1 for both", -1, -1, read(-1), behind(0, 0)),
            ("the very first event waits", 0, 0, read(-1), behind(1, 0)),
        ];
        for (case, earliest, last, position, expected) in table {
            assert_eq!(Lag::between(SequenceNumber(earliest), SequenceNumber(last), position), expected, "{case}");
        }
    }

    #[test]
    fn time_lag_interpolates_between_samples() {
        let mut history = LogEndHistory::default();
        history.push(seconds(10), SequenceNumber(100));
        history.push(seconds(12), SequenceNumber(200));
        let age = history.age(seconds(15), Position::LastRead(SequenceNumber(149)));
        assert_eq!(age, Some(TimeLag::About(Duration::from_secs(4))));
    }

    #[test]
    fn time_lag_never_extrapolates() {
        let mut history = LogEndHistory::default();
        assert_eq!(history.age(seconds(15), Position::LastRead(SequenceNumber(3))), None);
        history.push(seconds(10), SequenceNumber(100));
        let older_than_the_ring = history.age(seconds(15), Position::LastRead(SequenceNumber(3)));
        assert_eq!(older_than_the_ring, Some(TimeLag::MoreThan(Duration::from_secs(5))));
        let caught_up = history.age(seconds(15), Position::LastRead(SequenceNumber(100)));
        assert_eq!(caught_up, Some(TimeLag::About(Duration::ZERO)));
    }

    #[test]
    fn a_hub_made_anew_begins_the_history_anew() {
        let mut history = LogEndHistory::default();
        history.push(seconds(10), SequenceNumber(100));
        history.push(seconds(20), SequenceNumber(5));
        let age = history.age(seconds(21), Position::LastRead(SequenceNumber(2)));
        assert_eq!(age, Some(TimeLag::MoreThan(Duration::from_secs(1))));
    }

    proptest! {
        /// Whatever the numbers: what waits is still there, and what waits and what was missed add up to what came after
        /// the position.
        #[test]
        fn lag_is_total(earliest: i64, last: i64, position in proptest::option::of(any::<i64>())) {
            let after_last = i128::from(last.saturating_add(1).max(0));
            let from = i128::from(earliest.max(0)).min(after_last);
            let retained = after_last - from;
            let position = position.map(|n| Position::LastRead(SequenceNumber(n)));
            match (Lag::between(SequenceNumber(earliest), SequenceNumber(last), position), position) {
                (Lag::NoPosition { retained: told }, None) => prop_assert_eq!(i128::from(told), retained),
                (Lag::Behind { events, missed }, Some(position)) => {
                    let unread = after_last - i128::from(position.next().0.max(0));
                    prop_assert!(i128::from(events) <= retained);
                    prop_assert_eq!(i128::from(events) + i128::from(missed), unread.max(0));
                }
                (told, _) => prop_assert!(false, "{:?} of {:?}", told, position),
            }
        }

        /// The age of a position is never longer ago than the first sample, unless it says so.
        #[test]
        fn ages_fit_the_ring(ends in proptest::collection::vec(0_i64..1_000, 1..50), position in -1_i64..1_000) {
            let mut history = LogEndHistory::default();
            let mut total = 0;
            for (second, more) in (0_i64..).zip(&ends) {
                total += more;
                history.push(seconds(second), SequenceNumber(total));
            }
            let now = seconds(i64::try_from(ends.len()).unwrap());
            if let Some(TimeLag::About(age)) = history.age(now, Position::LastRead(SequenceNumber(position))) {
                prop_assert!(age <= now.since(seconds(0)));
            }
        }
    }
}
