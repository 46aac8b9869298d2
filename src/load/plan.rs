//! The load plan: which event is due when. Open loop, pure, and exact for years: no floating error is ever added up.
//!
//! Events are numbered from 0 over the whole session. A plan is a row of segments, each with a pace. Inside a segment,
//! progress is counted in millionths of a millionth of an event (picoevents), and a rate in millionths of an event a
//! second (microevents/s), so that a microsecond at a rate of r adds exactly r picoevents:
//!
//! ```text
//! progress(t) = carried + r * (t - start)              in picoevents, t in microseconds
//! due by t    = first + floor(progress(t) / 10^12)
//! ```
//!
//! A change of pace starts a new segment and carries the fraction of an event that has already come together, so that
//! turning a slider a hundred times a second makes no event appear or vanish. What was due and unsent stays due at its
//! old time: that is the debt.
//!
//! Worked example: at 4 events/s from t = 0, events 0, 1, 2 are due at 0, 250 and 500 ms. At 600 ms the rate becomes
//! 1 event/s: 0.4 of event 3 has come together, so it is due 0.6 s later, at 1,200 ms, and event 4 at 2,200 ms.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::observation::Target;
use crate::model::units::{EventRate, Time};

/// Picoevents in an event.
const EVENT: u128 = 1_000_000_000_000;
/// The slowest rate that is not a pause, in events a second.
pub const SLOWEST: f64 = 1e-3;
/// The fastest rate, in events a second.
pub const FASTEST: f64 = 1e7;

/// How a segment makes events due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    Paused,
    /// Microevents a second, at least 1.
    Rate(u64),
    Unlimited,
}

/// A stretch of time with one pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    /// The number of its first event.
    first: u64,
    start: Time,
    /// Picoevents that had come together when it began.
    carried: u128,
    pace: Pace,
}

impl Segment {
    fn progress(&self, now: Time) -> u128 {
        match self.pace {
            Pace::Paused | Pace::Unlimited => self.carried,
            Pace::Rate(rate) => self.carried + u128::from(rate) * now.since(self.start).as_micros(),
        }
    }

    fn due_by(&self, now: Time) -> u64 {
        match self.pace {
            Pace::Unlimited => u64::MAX,
            Pace::Paused | Pace::Rate(_) => {
                self.first.saturating_add(u64::try_from(self.progress(now) / EVENT).unwrap_or(u64::MAX))
            }
        }
    }

    fn due_at(&self, event: u64) -> Option<Time> {
        let Pace::Rate(rate) = self.pace else { return None };
        let needed = (u128::from(event.checked_sub(self.first)?) + 1) * EVENT;
        let micros = needed.saturating_sub(self.carried).div_ceil(u128::from(rate));
        Some(self.start.after(Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))))
    }
}

/// When which event is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Segments that are over but whose events may still be unsent, oldest first.
    past: VecDeque<Segment>,
    current: Segment,
}

impl Plan {
    /// A plan that begins with a pace at a time; with a rate, event 0 is due at once. One that begins paused owes nothing.
    pub fn new(start: Time, target: Target) -> Self {
        let pace = pace(target);
        let carried = if pace == Pace::Paused { 0 } else { EVENT };
        Self { past: VecDeque::new(), current: Segment { first: 0, start, carried, pace } }
    }

    /// How many events are due by a time: all those with a smaller number. `u64::MAX` while the target is unlimited.
    /// The time must not lie before the last change.
    pub fn due_by(&self, now: Time) -> u64 {
        self.current.due_by(now)
    }

    /// When an event is, or was, due; `None` if no time is set for it (it lies behind a pause, or was sent without
    /// limit).
    pub fn due_at(&self, event: u64) -> Option<Time> {
        if event >= self.current.first {
            return self.current.due_at(event);
        }
        let after = self.past.partition_point(|segment| segment.first <= event);
        self.past.get(after.checked_sub(1)?)?.due_at(event)
    }

    /// When the next event becomes due, if one does without a change of pace.
    pub fn next_due_after(&self, now: Time) -> Option<Time> {
        self.due_at(self.due_by(now))
    }

    /// Changes the pace. What was due stays due; the fraction of an event that has come together is carried.
    ///
    /// `claimed` is one more than the number of the last event that was taken to be sent. It counts only when the load
    /// was unlimited until now: there is no schedule then, so what was taken is what was due.
    pub fn change(&mut self, now: Time, target: Target, claimed: u64) {
        let (first, carried) = match self.current.pace {
            Pace::Unlimited => (claimed.max(self.current.first), 0),
            Pace::Paused | Pace::Rate(_) => (self.current.due_by(now), self.current.progress(now) % EVENT),
        };
        if first > self.current.first {
            self.past.push_back(self.current);
        }
        self.current = Segment { first, start: now, carried, pace: pace(target) };
    }

    /// Forgets what it takes to answer for events below a number: they are sent.
    pub fn forget_before(&mut self, event: u64) {
        // A segment ends where the next one begins.
        while !self.past.is_empty() {
            let next_first = self.past.get(1).map_or(self.current.first, |next| next.first);
            if next_first > event {
                break;
            }
            self.past.pop_front();
        }
    }
}

fn pace(target: Target) -> Pace {
    match target {
        Target::Paused => Pace::Paused,
        Target::Unlimited => Pace::Unlimited,
        Target::Rate(rate) if rate == EventRate::ZERO => Pace::Paused,
        Target::Rate(rate) => {
            let micros = rate.per_second().clamp(SLOWEST, FASTEST) * 1e6;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 10^3 .. 10^13")]
            let micros = micros.round() as u64;
            Pace::Rate(micros)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(per_second: f64) -> Target {
        Target::Rate(EventRate::new(per_second))
    }

    fn at(millis: i64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn the_worked_example_of_the_module() {
        let mut plan = Plan::new(at(0), rate(4.0));
        assert_eq!([0, 1, 2].map(|n| plan.due_at(n)), [Some(at(0)), Some(at(250)), Some(at(500))]);
        plan.change(at(600), rate(1.0), 0);
        assert_eq!([3, 4].map(|n| plan.due_at(n)), [Some(at(1_200)), Some(at(2_200))]);
        // The debt keeps its old times.
        assert_eq!(plan.due_at(1), Some(at(250)));
    }

    #[test]
    fn a_pause_makes_nothing_due_and_loses_no_fraction() {
        let mut plan = Plan::new(at(0), rate(1.0));
        plan.change(at(500), Target::Paused, 0);
        assert_eq!(plan.due_by(at(60_000)), 1);
        assert_eq!(plan.next_due_after(at(60_000)), None);
        plan.change(at(60_000), rate(1.0), 0);
        assert_eq!(plan.due_at(1), Some(at(60_500)));
    }

    #[test]
    fn nothing_is_due_until_a_plan_that_begins_paused_has_a_rate() {
        for paused in [Target::Paused, rate(0.0)] {
            let mut plan = Plan::new(at(0), paused);
            assert_eq!((plan.due_by(at(60_000)), plan.next_due_after(at(60_000))), (0, None));
            plan.change(at(60_000), rate(2.0), 0);
            assert_eq!(plan.due_at(0), Some(at(60_500)));
        }
    }

    #[test]
    fn ten_million_a_second_for_ten_days_is_exact() {
        let plan = Plan::new(at(0), rate(1e7));
        let ten_days = at(10 * 24 * 3_600 * 1_000);
        assert_eq!(plan.due_by(ten_days), 10 * 24 * 3_600 * 10_000_000 + 1);
    }

    #[test]
    fn one_event_in_a_thousand_seconds() {
        let plan = Plan::new(at(0), rate(1e-3));
        assert_eq!(plan.due_at(1), Some(at(1_000_000)));
        assert_eq!(plan.due_by(at(999_999)), 1);
    }

    #[test]
    fn after_unlimited_the_count_goes_on_from_what_was_taken() {
        let mut plan = Plan::new(at(0), Target::Unlimited);
        assert_eq!(plan.due_by(at(5)), u64::MAX);
        assert_eq!(plan.due_at(7), None);
        plan.change(at(1_000), rate(10.0), 5_000);
        assert_eq!(plan.due_by(at(1_000)), 5_000);
        assert_eq!(plan.due_at(5_000), Some(at(1_100)));
        assert_eq!(plan.due_at(4_999), None);
    }

    #[test]
    fn forgetting_keeps_what_is_unsent() {
        let mut plan = Plan::new(at(0), rate(10.0));
        plan.change(at(1_000), rate(20.0), 0);
        plan.change(at(2_000), rate(30.0), 0);
        plan.forget_before(15);
        assert_eq!(plan.due_at(20), Some(at(1_500)));
        assert_eq!(plan.due_at(3), None);
        plan.forget_before(1_000_000);
        assert!(plan.past.is_empty());
    }

    proptest! {
        #[test]
        fn an_event_is_due_at_its_time_and_not_a_microsecond_earlier(
            per_second in prop_oneof![1e-3..1.0, 1.0..1e4, 1e4..1e7], n in 0_u64..1_000_000_000,
        ) {
            let plan = Plan::new(at(0), rate(per_second));
            let due = plan.due_at(n).unwrap();
            prop_assert!(plan.due_by(due) > n);
            prop_assert!(due == at(0) || plan.due_by(due.before(Duration::from_micros(1))) <= n);
        }

        #[test]
        fn due_counts_never_go_back_and_a_change_conserves_them(
            changes in prop::collection::vec((1_i64..5_000, prop_oneof![Just(0.0), 1e-3..1e5]), 1..20),
        ) {
            let mut now = 0;
            let mut plan = Plan::new(at(0), rate(3.0));
            let mut seen = 0;
            for (wait, per_second) in changes {
                now += wait;
                let before = plan.due_by(at(now));
                prop_assert!(before >= seen);
                let times: Vec<_> = (before.saturating_sub(50)..before).map(|n| plan.due_at(n)).collect();
                plan.change(at(now), rate(per_second), 0);
                prop_assert_eq!(plan.due_by(at(now)), before);
                let still: Vec<_> = (before.saturating_sub(50)..before).map(|n| plan.due_at(n)).collect();
                prop_assert_eq!(times, still);
                seen = before;
            }
        }

        #[test]
        fn turning_a_slider_makes_no_event_appear(turns in 1_i64..500) {
            let mut plan = Plan::new(at(0), rate(5.0));
            for turn in 1..=turns {
                plan.change(at(turn * 10), rate(5.0), 0);
            }
            prop_assert_eq!(plan.due_by(at(5_000)), 26);
        }
    }
}
