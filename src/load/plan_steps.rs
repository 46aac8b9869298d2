//! A load plan as a person writes it: `1k for 1m, ramp to 5k in 2m, 5k for 5m, 0 for 1m`. Pure: a time in, a target out.
//!
//! A step holds a rate for a time, or goes to a rate evenly in a time, from where the step before ended (the first: from
//! nothing). The driver is told a new target ten times a second while it ramps; [`super::plan`] makes every event of that
//! due exactly once.

use std::time::Duration;

use super::plan::{FASTEST, SLOWEST};
use crate::figures::{compact, span};
use crate::model::observation::Target;
use crate::model::units::EventRate;
use crate::span::read_span;

/// A ramp is as many small steps: so long each.
const GRAIN: Duration = Duration::from_millis(100);

/// A plan lasts at most so long: a year.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// Events a second, as a person writes them: `1000`, `2.5k`, `1M`, `0`. `None` if it is no number, or out of range.
pub fn per_second(text: &str) -> Option<f64> {
    let (figure, factor) = match text.strip_suffix(['k', 'K']) {
        Some(figure) => (figure, 1e3),
        None => text.strip_suffix('M').map_or((text, 1.0), |figure| (figure, 1e6)),
    };
    let rate = figure.parse::<f64>().ok()? * factor;
    (rate == 0.0 || (SLOWEST..=FASTEST).contains(&rate)).then_some(rate)
}

/// One step of a plan.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Hold { rate: f64, lasts: Duration },
    Ramp { to: f64, lasts: Duration },
}

impl Step {
    const fn lasts(self) -> Duration {
        match self {
            Self::Hold { lasts, .. } | Self::Ramp { lasts, .. } => lasts,
        }
    }
}

/// A load plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanSteps(Vec<Step>);

impl std::str::FromStr for PlanSteps {
    type Err = String;

    /// Reads a plan; what is wrong with it is one sentence.
    fn from_str(text: &str) -> Result<Self, String> {
        let steps: Vec<Step> = text.split(',').map(step).collect::<Result<_, _>>()?;
        let plan = Self(steps);
        let lasts = plan.0.iter().try_fold(Duration::ZERO, |sum, step| sum.checked_add(step.lasts()));
        match lasts {
            Some(lasts) if lasts <= LONGEST => Ok(plan),
            _ => Err(format!("{text:?} lasts longer than a year; give shorter times")),
        }
    }
}

fn step(text: &str) -> Result<Step, String> {
    let wrong = || {
        let text = text.trim();
        format!("{text:?} is no step of a load plan; try `1k for 1m` or `ramp to 5k in 2m`, with commas between steps")
    };
    if text.trim().is_empty() {
        return Err(
            "a step of the load plan is missing: give steps such as `1k for 1m`, with one comma between two".into()
        );
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let (rate, lasts, ramp) = match words.as_slice() {
        [rate, "for", lasts] => (rate, lasts, false),
        ["ramp", "to", rate, "in", lasts] => (rate, lasts, true),
        _ => return Err(wrong()),
    };
    let rate = per_second(rate).ok_or_else(|| {
        format!("{rate:?} is not a rate: give events a second from 0 to {FASTEST:.0}, such as 1000 or 2.5k")
    })?;
    let lasts = read_span(lasts)
        .filter(|lasts| !lasts.is_zero())
        .ok_or_else(|| format!("{lasts:?} is not a time: give one such as 30s, 1m30s or 2h"))?;
    Ok(if ramp { Step::Ramp { to: rate, lasts } } else { Step::Hold { rate, lasts } })
}

impl PlanSteps {
    /// How long it lasts.
    pub fn lasts(&self) -> Duration {
        self.0.iter().map(|step| step.lasts()).sum()
    }

    /// The highest rate that it comes to, in events a second.
    pub fn highest(&self) -> f64 {
        let rates = self.0.iter().map(|step| match *step {
            Step::Hold { rate, .. } | Step::Ramp { to: rate, .. } => rate,
        });
        rates.fold(0.0, f64::max)
    }

    /// How many steps it has.
    pub fn steps(&self) -> usize {
        self.0.len()
    }

    /// The step so long after its begin, from 0 on, and what it says; `None` once the plan is over.
    pub fn step_at(&self, elapsed: Duration) -> Option<(usize, String)> {
        let mut end = Duration::ZERO;
        let place = self.0.iter().position(|step| {
            end += step.lasts();
            elapsed < end
        })?;
        let says = match *self.0.get(place)? {
            Step::Hold { rate, lasts } => format!("{}/s for {}", compact(rate), span(lasts)),
            Step::Ramp { to, lasts } => format!("ramp to {}/s in {}", compact(to), span(lasts)),
        };
        Some((place, says))
    }

    /// What the load is to do so long after its begin; `None` once the plan is over.
    pub fn target_at(&self, elapsed: Duration) -> Option<Target> {
        let (mut begin, mut rate) = (Duration::ZERO, 0.0);
        for step in &self.0 {
            let end = begin + step.lasts();
            if elapsed < end {
                return Some(target(match *step {
                    Step::Hold { rate, .. } => rate,
                    Step::Ramp { to, lasts } => {
                        // The middle of the grain: what is due in it is then exactly what is due on the slope.
                        let grains = (elapsed - begin).as_millis() / GRAIN.as_millis();
                        let within = (grains as f64 + 0.5) * GRAIN.as_secs_f64();
                        rate + (to - rate) * (within / lasts.as_secs_f64()).min(1.0)
                    }
                }));
            }
            rate = match *step {
                Step::Hold { rate, .. } => rate,
                Step::Ramp { to, .. } => to,
            };
            begin = end;
        }
        None
    }

    /// How long after the begin the target of a moment holds at least: to the end of its step, or of its grain on a slope.
    /// Once the plan is over, nothing changes any more.
    ///
    /// Worked example: in `10 for 5s, ramp to 20 in 250ms` what holds at 1 s holds until 5 s, then until 5.1, 5.2 and
    /// 5.25 s. Whoever looks late finds the same moments, so that lateness does not add up.
    pub fn holds_until(&self, elapsed: Duration) -> Option<Duration> {
        let mut begin = Duration::ZERO;
        for step in &self.0 {
            let end = begin + step.lasts();
            if elapsed < end {
                return Some(match step {
                    Step::Hold { .. } => end,
                    Step::Ramp { .. } => {
                        let grains = (elapsed - begin).as_millis() / GRAIN.as_millis() + 1;
                        end.min(begin + GRAIN * u32::try_from(grains).unwrap_or(u32::MAX))
                    }
                });
            }
            begin = end;
        }
        None
    }
}

fn target(rate: f64) -> Target {
    if rate < SLOWEST { Target::Paused } else { Target::Rate(EventRate::new(rate)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::load::plan::Plan;
    use crate::model::units::Time;

    fn plan(text: &str) -> PlanSteps {
        text.parse().unwrap()
    }

    fn rate_at(plan: &PlanSteps, seconds: f64) -> Option<f64> {
        plan.target_at(Duration::from_secs_f64(seconds)).map(|target| match target {
            Target::Paused => 0.0,
            Target::Rate(rate) => rate.per_second(),
            Target::Unlimited => f64::INFINITY,
        })
    }

    #[test]
    fn the_plan_of_the_module() {
        let plan = plan("1k for 1m, ramp to 5k in 2m, 5k for 5m, 0 for 1m");
        assert_eq!(plan.lasts(), Duration::from_secs(540));
        let seen = [0.0, 59.99, 120.0, 180.0, 479.0, 480.0, 539.0, 540.0].map(|at| rate_at(&plan, at));
        assert_eq!([seen[0], seen[1]], [Some(1_000.0), Some(1_000.0)]);
        assert!(seen[2].is_some_and(|rate| (rate - 3_000.0).abs() < 5.0), "half of the slope: {:?}", seen[2]);
        assert_eq!(seen[3..], [Some(5_000.0), Some(5_000.0), Some(0.0), Some(0.0), None]);
    }

    #[test]
    fn a_target_holds_to_the_end_of_its_step_or_grain() {
        let plan = plan("10 for 5s, ramp to 20 in 250ms");
        let moments = std::iter::successors(Some(Duration::from_secs(1)), |at| plan.holds_until(*at));
        let millis: Vec<u128> = moments.map(|at| at.as_millis()).collect();
        assert_eq!(millis, [1_000, 5_000, 5_100, 5_200, 5_250]);
        assert_eq!(plan.holds_until(Duration::from_millis(5_130)), Some(Duration::from_millis(5_200)), "late");
    }

    /// What is due on a slope from 0 to 100/s in 60 s is 3,000 events: the area under it.
    #[test]
    fn a_ramp_makes_due_what_lies_under_it() {
        let steps = plan("ramp to 100 in 1m, ramp to 0 in 1m");
        let at = |millis: u64| Time::from_millis(0).after(Duration::from_millis(millis));
        let mut plan = Plan::new(at(0), Target::Paused);
        for grain in 0..1_200 {
            let target = steps.target_at(Duration::from_millis(grain * 100)).unwrap();
            plan.change(at(grain * 100), target, 0);
        }
        let due = plan.due_by(at(120_000));
        assert!((5_999..=6_001).contains(&due), "{due}");
    }

    #[test]
    fn mistakes_are_one_sentence() {
        let step = "is no step of a load plan; try `1k for 1m` or `ramp to 5k in 2m`, with commas between steps";
        let missing = "a step of the load plan is missing: give steps such as `1k for 1m`, with one comma between two";
        for (text, expected) in [
            ("", missing.into()),
            (",1k for 1m", missing.into()),
            ("1k for 1m,,2k for 1m", missing.into()),
            ("1k", format!("\"1k\" {step}")),
            ("1k for 1m, ", missing.into()),
            ("1k for 1m 2k for 1m", format!("\"1k for 1m 2k for 1m\" {step}")),
            (
                "fast for 1m",
                "\"fast\" is not a rate: give events a second from 0 to 10000000, such as 1000 or 2.5k".into(),
            ),
            ("-1 for 1m", "\"-1\" is not a rate: give events a second from 0 to 10000000, such as 1000 or 2.5k".into()),
            ("1k for ever", "\"ever\" is not a time: give one such as 30s, 1m30s or 2h".into()),
            ("1k for 0s", "\"0s\" is not a time: give one such as 30s, 1m30s or 2h".into()),
            ("1k for 9000h", "\"1k for 9000h\" lasts longer than a year; give shorter times".into()),
        ] {
            assert_eq!(text.parse::<PlanSteps>().unwrap_err(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_fatal_and_no_rate_leaves_its_bounds(text in "[0-9kMramp ftoin,s]{0,40}", at in 0_u64..10_000_000) {
            if let Ok(plan) = text.parse::<PlanSteps>()
                && let Some(rate) = rate_at(&plan, at as f64 / 1e3)
            {
                prop_assert!((0.0..=FASTEST).contains(&rate));
            }
        }
    }
}
