//! Flags for the load into what is deployed: it costs money there, so nothing is sent without one of them or a
//! confirmation.

use std::time::Duration;

use clap::Args;

use super::values;
use crate::load::driver::Bounds;
use crate::load::plan_steps::PlanSteps;
use crate::model::observation::Target;
use crate::model::units::EventRate;
use crate::scenario::attached::{FIRST_RATE, LoadWish};
use crate::scenario::file::LoadBounds;
use crate::scenario::value::Rate;

/// The load into what is deployed.
#[derive(Debug, Clone, Args)]
pub struct LoadFlags {
    /// Drive load into it, in events a second: 2.5k, max
    ///
    /// They cost money there.
    #[arg(long, value_name = "RATE", value_parser = values::rate, allow_hyphen_values = true, conflicts_with = "plan")]
    load: Option<Target>,
    /// Load by a plan: `1k for 1m, ramp to 5k in 2m`
    ///
    /// Steps with commas between them: a rate for a time, or a ramp from where the step before ended.
    #[arg(long, value_name = "STEPS", allow_hyphen_values = true, hide_short_help = true)]
    plan: Option<PlanSteps>,
    /// No load past this rate, whatever key is pressed
    #[arg(long, value_name = "RATE", value_parser = most, allow_hyphen_values = true)]
    max_rate: Option<EventRate>,
    /// End the load after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), hide_short_help = true)]
    max_events: Option<u64>,
    /// End the load after so long: 30s, 10m
    #[arg(long = "for", value_name = "TIME", value_parser = values::span, hide_short_help = true)]
    lasts: Option<Duration>,
}

fn most(text: &str) -> Result<EventRate, String> {
    match values::rate(text)? {
        Target::Rate(rate) => Ok(rate),
        Target::Paused | Target::Unlimited => Err(format!("{text:?} bounds nothing: give events a second above 0")),
    }
}

impl LoadFlags {
    /// The plan, if there is one.
    pub(super) fn plan(&self) -> Option<&PlanSteps> {
        self.plan.as_ref()
    }

    /// What the load begins with, if it was asked for.
    fn first(&self) -> Option<Target> {
        let planned = self.plan.as_ref().map(|plan| plan.target_at(Duration::ZERO).unwrap_or(Target::Paused));
        self.load.or(planned)
    }

    /// What flags say goes before what the file says.
    pub(super) fn wish(&self, file: LoadBounds) -> LoadWish {
        LoadWish {
            target: self.first(),
            first: file.rate.map_or_else(|| EventRate::new(FIRST_RATE), Rate::rate),
            bounds: Bounds {
                rate: self.max_rate.or_else(|| file.max_rate.map(Rate::rate)),
                events: self.max_events.or(file.max_events),
                lasts: self.lasts.or_else(|| file.lasts.map(|span| span.0)),
            },
        }
    }
}
