//! Flags for the load into what is deployed: it costs money there, so nothing is sent without one of them or a
//! confirmation.

use std::time::Duration;

use clap::Args;

use super::values;
use crate::figures::compact;
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
    pub(super) fn wish(&self, file: LoadBounds) -> Result<LoadWish, LoadFlagsError> {
        let most = self.max_rate.or_else(|| file.max_rate.map(Rate::rate));
        let asked = match (&self.plan, self.load) {
            (Some(plan), _) => Some(("--plan", plan.highest())),
            (None, Some(Target::Rate(rate))) => Some(("--load", rate.per_second())),
            // As fast as it goes is as fast as it may.
            (None, Some(Target::Paused | Target::Unlimited) | None) => None,
        };
        if let (Some(most), Some((flag, rate))) = (most, asked)
            && rate > most.per_second()
        {
            let bound = if self.max_rate.is_some() { "--max-rate" } else { "max-rate in the scenario file" };
            return Err(LoadFlagsError::PastTheBound { flag, rate, bound, most: most.per_second() });
        }
        Ok(LoadWish {
            target: self.first(),
            first: file.rate.map_or_else(|| EventRate::new(FIRST_RATE), Rate::rate),
            bounds: Bounds {
                rate: most,
                events: self.max_events.or(file.max_events),
                lasts: self.lasts.or_else(|| file.lasts.map(|span| span.0)),
            },
        })
    }
}

/// Wishes that contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub(super) enum LoadFlagsError {
    /// A load cut to its bound would pass for the one that was asked for.
    #[error(
        "{flag} asks for {}/s, and {bound} allows {}/s: ask for less, or raise {bound}",
        compact(*rate), compact(*most)
    )]
    PastTheBound { flag: &'static str, rate: f64, bound: &'static str, most: f64 },
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        load: LoadFlags,
    }

    fn wish(flags: &[&str], max_rate: Option<f64>) -> Result<LoadWish, String> {
        let command = Command::try_parse_from([&["attach"], flags].concat()).unwrap();
        let max_rate = max_rate.map(|rate| Rate::try_from(rate).unwrap());
        command.load.wish(LoadBounds { max_rate, ..LoadBounds::default() }).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_asked_for_past_its_bound_is_refused() {
        let of_flag = "and --max-rate allows 60/s: ask for less, or raise --max-rate";
        let of_file =
            "and max-rate in the scenario file allows 50/s: ask for less, or raise max-rate in the scenario file";
        for (flags, max_rate, said) in [
            (vec!["--plan", "150 for 75s", "--max-rate", "60"], None, format!("--plan asks for 150/s, {of_flag}")),
            (
                vec!["--plan", "10 for 1s, ramp to 61 in 5s", "--max-rate", "60"],
                None,
                format!("--plan asks for 61/s, {of_flag}"),
            ),
            (vec!["--load", "2.5k", "--max-rate", "60"], Some(5_000.0), format!("--load asks for 2,500/s, {of_flag}")),
            (vec!["--load", "100"], Some(50.0), format!("--load asks for 100/s, {of_file}")),
        ] {
            assert_eq!(wish(&flags, max_rate).unwrap_err(), said, "{flags:?}");
        }
    }

    #[test]
    fn what_stays_within_its_bound_is_driven() {
        for flags in [
            vec!["--load", "60"],
            vec!["--load", "max"],
            vec!["--load", "0"],
            vec!["--plan", "0 for 1s, ramp to 60 in 5s"],
            vec!["--load", "500", "--max-rate", "1k"],
            vec![],
        ] {
            assert!(wish(&flags, Some(60.0)).is_ok(), "{flags:?}");
        }
    }
}
