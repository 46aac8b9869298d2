//! Which steps of a script are due. Pure: the time on the wall is told to it.

use std::ops::Range;
use std::time::Duration;

use super::script::Script;
use crate::model::units::Time;

/// How far a script has come. Every step is due once, in order, however rarely somebody looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// When each step is due.
    steps: Vec<Duration>,
    end: Duration,
    place: Duration,
    /// What the wall said at the last tick, while it runs.
    last: Option<Time>,
    next: usize,
}

impl Progress {
    /// At the beginning of a script, waiting.
    pub fn new(script: &Script) -> Self {
        let steps = script.steps.iter().map(|step| step.at).collect();
        Self { steps, end: script.end, place: Duration::ZERO, last: None, next: 0 }
    }

    /// How far it has come.
    pub fn place(&self) -> Duration {
        self.place.min(self.end)
    }

    /// Whether all of it is done.
    pub fn is_over(&self) -> bool {
        self.place >= self.end
    }

    /// How long ago it came to its end.
    pub fn over_for(&self) -> Duration {
        self.place.saturating_sub(self.end)
    }

    /// Moves on by what has passed on the wall since the last tick, and gives the steps that have become due. A clock
    /// that was set back repeats nothing, and holds nothing up: the script goes on from there.
    ///
    /// Worked example: steps at 0, 10 and 20 s. A tick at 0 gives the first; one at 9.9 s none; one at 25 s both others.
    pub fn tick(&mut self, wall: Time) -> Range<usize> {
        self.place += self.last.map_or(Duration::ZERO, |last| wall.since(last));
        self.last = Some(wall);
        let first = self.next;
        self.next = self.steps.partition_point(|due| *due <= self.place).max(first);
        first..self.next
    }

    /// Waits: the time until the next tick does not count.
    pub fn wait(&mut self) {
        self.last = None;
    }

    /// Begins anew.
    pub fn restart(&mut self) {
        (self.place, self.last, self.next) = (Duration::ZERO, None, 0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn progress(steps: &[u64], end: u64) -> Progress {
        let span = Duration::from_millis;
        let steps = steps.iter().copied().map(span).collect();
        Progress { steps, end: span(end), place: Duration::ZERO, last: None, next: 0 }
    }

    fn wall(millis: i64) -> Time {
        Time::from_millis(1_795_348_800_000 + millis)
    }

    #[test]
    fn steps_become_due() {
        let mut progress = progress(&[0, 10_000, 20_000], 30_000);
        assert_eq!(progress.tick(wall(0)), 0..1);
        assert_eq!(progress.tick(wall(9_900)), 1..1);
        assert_eq!(progress.tick(wall(25_000)), 1..3);
        assert!(!progress.is_over());
        assert_eq!(progress.tick(wall(31_000)), 3..3);
        assert!(progress.is_over());
        assert_eq!((progress.place(), progress.over_for()), (Duration::from_secs(30), Duration::from_secs(1)));
        progress.restart();
        assert_eq!(progress.tick(wall(40_000)), 0..1);
    }

    #[test]
    fn waiting_costs_no_time() {
        let mut progress = progress(&[0, 10_000], 30_000);
        progress.tick(wall(0));
        progress.tick(wall(9_000));
        progress.wait();
        assert_eq!(progress.tick(wall(60_000)), 1..1);
        assert_eq!(progress.tick(wall(61_000)), 1..2);
        assert_eq!(progress.place(), Duration::from_secs(10));
    }

    /// An hour back, as when a clock is put right, and the script does not stand still for an hour.
    #[test]
    fn a_clock_set_back_holds_nothing_up() {
        let mut progress = progress(&[0, 10_000], 30_000);
        progress.tick(wall(0));
        progress.tick(wall(9_000));
        assert_eq!(progress.tick(wall(-3_600_000)), 1..1);
        assert_eq!(progress.place(), Duration::from_secs(9));
        assert_eq!(progress.tick(wall(-3_599_000)), 1..2);
    }

    proptest! {
        /// Each step once, in order, not before its time, and all of them by the end, whatever the ticks and waits.
        #[test]
        fn each_step_is_due_once_and_in_order(
            mut steps in prop::collection::vec(0_u64..60_000, 0..20),
            ticks in prop::collection::vec((-500_i64..5_000, any::<bool>()), 0..60),
        ) {
            steps.sort_unstable();
            let mut progress = progress(&steps, 60_000);
            let (mut now, mut done) = (0, Vec::new());
            for (passed, waits) in ticks {
                now += passed;
                for step in progress.tick(wall(now)) {
                    prop_assert!(Duration::from_millis(steps[step]) <= progress.place());
                    done.push(step);
                }
                if waits {
                    progress.wait();
                }
            }
            let rest = progress.tick(wall(now));
            done.extend(rest);
            done.extend(progress.tick(wall(now + 60_001)));
            prop_assert_eq!(done, (0..steps.len()).collect::<Vec<_>>());
            prop_assert!(progress.is_over());
        }
    }
}
