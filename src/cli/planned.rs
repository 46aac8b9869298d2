//! A load plan on screen: it drives the load as long as nobody else does, and its step stands where a script's does.

use std::time::Duration;

use super::session::{Drain, SessionError, Stage};
use crate::load::plan_steps::PlanSteps;
use crate::model::observation::Target;
use crate::model::units::Time;
use crate::ui::controls::{Controls, Cue};
use crate::ui::prompt::LoadInto;
use crate::ui::state::{ScriptSign, ScriptStands};

/// A stage, and the plan of its load, if there is one.
pub(super) struct Planned<S> {
    stage: S,
    plan: Option<Plan>,
}

/// A plan as it goes on.
struct Plan {
    steps: PlanSteps,
    stands: Stands,
    /// How much of it is over, and since when it goes on from there.
    over: Duration,
    since: Option<Time>,
    /// What it asked the load for last, and at which step.
    set: Option<Target>,
    step: Option<usize>,
    cues: Vec<Cue>,
}

/// Who has the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// The plan.
    Running,
    /// Nobody: it was paused, and the plan with it.
    Paused,
    /// The keys: another rate was asked for than the plan's.
    Left,
    /// The plan came to its end.
    Over,
}

impl<S: Stage> Planned<S> {
    /// The plan begins with the first look.
    pub(super) fn new(stage: S, steps: Option<PlanSteps>) -> Self {
        let plan = steps.map(|steps| Plan {
            steps,
            stands: Stands::Running,
            over: Duration::ZERO,
            since: None,
            set: None,
            step: None,
            cues: Vec::new(),
        });
        Self { stage, plan }
    }
}

impl Plan {
    fn place(&self, now: Time) -> Duration {
        self.over + self.since.map_or(Duration::ZERO, |since| now.since(since))
    }

    /// What the load is to do now, where that is something else than before.
    fn tick(&mut self, now: Time) -> Option<Target> {
        if self.stands != Stands::Running {
            self.since = None;
            return None;
        }
        self.over = self.place(now);
        self.since = Some(now);
        let Some(target) = self.steps.target_at(self.over) else {
            self.stands = Stands::Over;
            self.cues.push(Cue::Mark("the end of the plan".into()));
            self.cues.push(Cue::Caption(Some("The plan is over, and the load is paused.".into())));
            return Some(Target::Paused);
        };
        if let Some((step, says)) = self.steps.step_at(self.over)
            && self.step.replace(step) != Some(step)
        {
            self.cues.push(Cue::Mark(format!("plan: {says}")));
            self.cues.push(Cue::Caption(Some(format!("Plan, step {} of {}: {says}", step + 1, self.steps.steps()))));
        }
        (self.set.replace(target) != Some(target)).then_some(target)
    }

    /// Somebody else asks the load for something. A pause holds the plan, and going on from it goes on with the plan; so
    /// does what stops the whole program and lets it go on. Anything else takes the load away from it.
    fn give_way(&mut self, target: Target) {
        let (stands, notice) = match (self.stands, target) {
            (Stands::Running, Target::Paused) => (Stands::Paused, "the plan waits with the load"),
            (Stands::Paused, target) if self.set == Some(target) => (Stands::Running, "the plan goes on"),
            (Stands::Running | Stands::Paused, _) => (Stands::Left, "the keys have the load now, and the plan is left"),
            (Stands::Over, _) => (Stands::Left, ""),
            (Stands::Left, _) => return,
        };
        self.stands = stands;
        if !notice.is_empty() {
            self.cues.push(Cue::Notice(notice.into()));
        }
        if stands == Stands::Left {
            self.cues.push(Cue::Caption(None));
        }
    }
}

impl<S: Stage> Controls for Planned<S> {
    fn target(&self) -> Option<Target> {
        self.stage.target()
    }

    fn set_target(&mut self, target: Target) {
        if let Some(plan) = &mut self.plan {
            plan.give_way(target);
        }
        self.stage.set_target(target);
    }

    fn unconfirmed(&self) -> Option<LoadInto> {
        self.stage.unconfirmed()
    }

    fn confirm(&mut self) -> Option<Target> {
        self.stage.confirm()
    }

    fn processor_runs(&self) -> Option<bool> {
        self.stage.processor_runs()
    }

    fn toggle_processor(&mut self) -> Result<(), String> {
        self.stage.toggle_processor()
    }

    fn wanted_group(&self) -> Option<String> {
        self.stage.wanted_group()
    }

    fn follow_group(&mut self, group: &str) {
        self.stage.follow_group(group);
    }

    fn cues(&mut self, wall: Time, waiting: bool) -> Vec<Cue> {
        let mut cues = self.stage.cues(wall, waiting);
        // A plan whose load has yet to begin has not begun.
        if let Some(plan) = self.plan.as_mut().filter(|_| !self.stage.load_waits()) {
            if let Some(target) = plan.tick(wall) {
                self.stage.set_target(target);
            }
            cues.append(&mut plan.cues);
        }
        cues
    }

    fn script(&self) -> Option<ScriptSign> {
        let Some(plan) = &self.plan else { return self.stage.script() };
        let stands = match plan.stands {
            Stands::Running => ScriptStands::Running,
            Stands::Paused => ScriptStands::Waiting,
            Stands::Over => ScriptStands::Over,
            Stands::Left => return None,
        };
        Some(ScriptSign { place: plan.over, span: plan.steps.lasts(), stands })
    }
}

impl<S: Stage> Stage for Planned<S> {
    fn load_waits(&self) -> bool {
        self.stage.load_waits()
    }

    fn end_load(&mut self) -> Option<Drain> {
        self.stage.end_load()
    }

    async fn take_down(self) -> Result<(), SessionError> {
        self.stage.take_down().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::units::EventRate;

    /// A load and nothing else.
    struct Knob {
        target: Target,
        waits: bool,
    }

    impl Controls for Knob {
        fn target(&self) -> Option<Target> {
            Some(self.target)
        }
        fn set_target(&mut self, target: Target) {
            self.target = target;
        }
        fn processor_runs(&self) -> Option<bool> {
            None
        }
        fn toggle_processor(&mut self) -> Result<(), String> {
            Ok(())
        }
    }

    impl Stage for Knob {
        fn load_waits(&self) -> bool {
            self.waits
        }
        fn end_load(&mut self) -> Option<Drain> {
            None
        }
        async fn take_down(self) -> Result<(), SessionError> {
            Ok(())
        }
    }

    fn planned() -> Planned<Knob> {
        Planned::new(Knob { target: Target::Paused, waits: false }, Some("10 for 10s, 20 for 10s".parse().unwrap()))
    }

    fn rate(per_second: f64) -> Target {
        Target::Rate(EventRate::new(per_second))
    }

    /// Looks at a second, and gives what the load is asked for and what was said.
    fn at(planned: &mut Planned<Knob>, second: i64) -> (Target, Vec<Cue>) {
        let cues = planned.cues(Time::from_millis(second * 1_000), false);
        (planned.stage.target, cues)
    }

    #[test]
    fn the_plan_turns_the_load_and_says_where_it_is() {
        let mut planned = planned();
        let (target, cues) = at(&mut planned, 100);
        assert_eq!(target, rate(10.0));
        let says = "Plan, step 1 of 2: 10/s for 10 s".to_owned();
        assert_eq!(cues, [Cue::Mark("plan: 10/s for 10 s".into()), Cue::Caption(Some(says))]);
        assert_eq!(at(&mut planned, 109), (rate(10.0), vec![]));
        assert_eq!(at(&mut planned, 110).0, rate(20.0));
        let sign = planned.script().unwrap();
        assert_eq!((sign.place.as_secs(), sign.span.as_secs(), sign.stands), (10, 20, ScriptStands::Running));
        let (target, cues) = at(&mut planned, 120);
        assert_eq!((target, cues[0].clone()), (Target::Paused, Cue::Mark("the end of the plan".into())));
        assert_eq!(planned.script().unwrap().stands, ScriptStands::Over);
    }

    #[test]
    fn a_plan_begins_with_its_load() {
        let mut planned = planned();
        planned.stage.waits = true;
        assert_eq!(at(&mut planned, 100), (Target::Paused, vec![]));
        planned.stage.waits = false;
        assert_eq!(at(&mut planned, 112).0, rate(10.0), "its first step");
        assert_eq!(planned.script().unwrap().place, Duration::ZERO);
    }

    #[test]
    fn a_pause_holds_the_plan_and_its_time() {
        let mut planned = planned();
        at(&mut planned, 100);
        at(&mut planned, 104);
        planned.set_target(Target::Paused);
        let (target, cues) = at(&mut planned, 105);
        assert_eq!((target, cues), (Target::Paused, vec![Cue::Notice("the plan waits with the load".into())]));
        assert_eq!(at(&mut planned, 200).0, Target::Paused);
        assert_eq!(planned.script().unwrap().stands, ScriptStands::Waiting);
        planned.set_target(rate(10.0));
        assert_eq!(at(&mut planned, 201), (rate(10.0), vec![Cue::Notice("the plan goes on".into())]));
        at(&mut planned, 206);
        assert_eq!(planned.script().unwrap().place, Duration::from_secs(9));
        assert_eq!(at(&mut planned, 207).0, rate(20.0));
    }

    #[test]
    fn another_rate_takes_the_load_from_the_plan() {
        let mut planned = planned();
        at(&mut planned, 100);
        planned.set_target(rate(11.0));
        let (target, cues) = at(&mut planned, 115);
        assert_eq!(target, rate(11.0), "the keys' rate stays");
        let notice = "the keys have the load now, and the plan is left".to_owned();
        assert_eq!(cues, [Cue::Notice(notice), Cue::Caption(None)]);
        assert_eq!(planned.script(), None);
        planned.set_target(rate(10.0));
        assert_eq!(at(&mut planned, 116), (rate(10.0), vec![]), "for good");
    }
}
