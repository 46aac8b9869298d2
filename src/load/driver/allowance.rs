//! What a bound on the rate allows: how many events may go together, and when. Pure.
//!
//! The plan says what is due, and what was due while the log was away is due all the same. Sent at once when it comes
//! back it would be many times the rate that somebody set as the most. So events also need an allowance: each takes its
//! share of a second, and whoever comes too early waits for its turn.
//!
//! Worked example: 100 events/s, so that each takes 10 ms, and 500 are due at once. Each lane takes ten at most: the first
//! two tens go now, and each one after them a tenth of a second after the one before.

use std::time::Duration;

/// What was not sent lately may be made up for by so much. It is also the most that goes together.
const BURST: f64 = 0.1;

/// The allowance of a rate. Moments are spans since some beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    per_second: f64,
    /// From when on, in seconds, nothing is taken.
    free_from: f64,
}

impl Allowance {
    pub(super) fn new(per_second: f64) -> Self {
        Self { per_second, free_from: 0.0 }
    }

    /// Takes an allowance for some events, or for as many of them as may go together: how many, and how long they wait.
    pub(super) fn take(&mut self, now: Duration, events: u64) -> (u64, Duration) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is at most 10^7")]
        let together = (self.per_second * BURST) as u64;
        let events = events.min(together.max(1));
        let now = now.as_secs_f64();
        let begin = self.free_from.max(now - BURST);
        self.free_from = begin + events as f64 / self.per_second;
        (events, Duration::try_from_secs_f64(begin - now).unwrap_or_default())
    }

    /// So many events were not sent after all.
    pub(super) fn give_back(&mut self, events: u64) {
        self.free_from -= events as f64 / self.per_second;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_worked_example_of_the_module() {
        let mut allowance = Allowance::new(100.0);
        let now = Duration::from_secs(60);
        let taken: Vec<_> = (0..5).map(|_| allowance.take(now, 500)).map(|(n, wait)| (n, wait.as_millis())).collect();
        assert_eq!(taken, [(10, 0), (10, 0), (10, 100), (10, 200), (10, 300)]);
    }

    #[test]
    fn a_load_at_its_bound_never_waits() {
        let mut allowance = Allowance::new(60.0);
        for event in 0..100_000_u64 {
            // Late by up to 9 ms.
            let due = Duration::from_secs_f64(event as f64 / 60.0) + millis(event * 7 % 10);
            assert_eq!(allowance.take(due, 1), (1, Duration::ZERO), "event {event}");
        }
    }

    #[test]
    fn what_was_not_sent_is_there_for_others() {
        let mut allowance = Allowance::new(1.0);
        let now = Duration::from_secs(60);
        assert_eq!(allowance.take(now, 1), (1, Duration::ZERO));
        let (_, waits) = allowance.take(now, 1);
        allowance.give_back(1);
        assert_eq!(allowance.take(now, 1), (1, waits));
    }

    proptest! {
        /// Whoever asks for how much and when: no second, nor any other time, holds more than its rate and two bursts.
        #[test]
        fn no_time_holds_more_than_its_rate(
            per_second in 0.5_f64..5_000.0, asked in prop::collection::vec((0_u64..300, 1_u64..2_000), 1..100),
        ) {
            let mut allowance = Allowance::new(per_second);
            let mut now = millis(0);
            let mut sent: Vec<(f64, u64)> = Vec::new();
            for (later, events) in asked {
                now += millis(later);
                let (events, wait) = allowance.take(now, events);
                prop_assert!(events >= 1);
                sent.push(((now + wait).as_secs_f64(), events));
            }
            for (place, (begin, _)) in sent.iter().enumerate() {
                let mut events = 0;
                for (at, more) in &sent[place..] {
                    events += more;
                    let most = per_second * (at - begin + 2.0 * BURST) + 2.0;
                    prop_assert!(events as f64 <= most, "{events} in {} s", at - begin);
                }
            }
        }
    }
}
