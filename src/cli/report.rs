//! `streamgauge report`: a recording, or a live session, without a screen: lines while it is read, a summary, and a verdict as the exit code.

use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::attach::{self, Deployed};
use super::exit::{Cause, NoResult, no_result};
use super::interrupt::{Stop, interruptible};
use super::load_flags::LoadFlags;
use super::report_live::{Course, Live, LiveError, Watched};
use super::report_output::{Bar, LinesAs, Said, SummaryAs};
use super::scenario_flags::ScenarioFlags;
use super::{Exit, complain, replay, report_live, values};
use crate::load::search::judgement::Hold;
use crate::model::observation::Target;
use crate::model::units::EventRate;
use crate::report::account::Account;
use crate::report::document::Document;
use crate::report::reading::{self, ReadingError};
use crate::report::verdict::{Outcome, Rule, RuleTable, Rules, Verdict};
use crate::scenario::ScenarioFile;
use crate::span::read_span;
use crate::toml_file::TomlFileError;

/// At the end of the help.
pub(super) const EXAMPLES: &str = "Examples:\n  \
    streamgauge report throttled       one of the samples\n  \
    streamgauge report --live 5m --rule lost=0 --rule p99-stored=2s\n  \
    streamgauge report --live --plan \"1k for 1m, ramp to 5k in 2m\"";

/// At the end of the long help: what a script has to know, too.
pub(super) fn long_help() -> String {
    format!(
        "{EXAMPLES}\n\n\
         Exit codes:\n  \
         0  every rule was kept; with --search: a rate was found\n  \
         1  a rule was broken\n  \
         2  the command line can't be understood\n  \
         3  nothing could be measured, or not what a rule asks about; with --search:\n     \
            no rate was kept up with\n  \
         4  interrupted, also while the last events were on their way; with --live also\n     \
            if nobody reads the lines any more (`| head -1`): the session ends there"
    )
}

/// Every flag that is nothing without a live session. Each is named, and no group of them: a group is told as all its flags.
const OF_A_LIVE_SESSION: [&str; 19] = [
    "live",
    "deployed",
    "search",
    "record",
    "metrics",
    "plan",
    "load",
    "max_rate",
    "max_events",
    "lasts",
    "partitions",
    "rate",
    "ru",
    "seed",
    "duplicates",
    "eventhubs_port",
    "blob_port",
    "cosmos_port",
    "no_process",
];

/// Those of them that are of the embedded scenario.
fn of_the_scenario() -> impl Iterator<Item = &'static str> {
    OF_A_LIVE_SESSION.into_iter().skip_while(|flag| *flag != "partitions")
}

/// Flags of a report.
#[derive(Debug, Args)]
#[command(mut_arg("ru", |flag| flag.hide_short_help(true)), mut_arg("partitions", |flag| flag.hide_short_help(true)))]
#[command(mut_arg("plan", |flag| flag.hide_short_help(false).requires("live").conflicts_with("rate")))]
#[command(mut_args(of_a_live_session))]
pub struct ReportFlags {
    /// A recording (.jsonl.zst, .jsonl or -), or the name of a sample
    // Conflicts are stated one by one: clap does not ask for what a flag requires where that conflicts with what is there.
    #[arg(required_unless_present_any = OF_A_LIVE_SESSION, conflicts_with_all = OF_A_LIVE_SESSION)]
    file: Option<PathBuf>,
    /// Watch the embedded scenario instead, for so long
    #[arg(long, value_name = "TIME", num_args = 0..=1, value_parser = live_for)]
    #[expect(clippy::option_option, reason = "the flag, and the time that may follow it")]
    live: Option<Option<Duration>>,
    /// With --live: watch what this scenario file describes
    ///
    /// It is attached to; no load goes into it without --load or --plan.
    #[arg(long = "scenario", value_name = "FILE", requires = "live", conflicts_with = "search", conflicts_with_all = of_the_scenario())]
    deployed: Option<PathBuf>,
    #[command(flatten)]
    load: LoadFlags,
    /// Search for the highest rate that is kept up with, from --rate on; --live is the time of each try [default: 1m]
    ///
    /// A try lasts 20s at least. Its first quarter is for settling; in the rest neither events that are due and not stored
    /// nor lag may grow by more than 2 % of what is due, and once by 250 ms of it (lag: 1 s). What is found lies at most
    /// 6 % below what the store takes, and at most 8 % above it; with tries of 1m, 4 %.
    ///
    /// The default rules don't judge a search, as it overloads on purpose: that a rate was found is its rule, with the exit
    /// code 0, or 3 if none was. Rules that are asked for judge beside it. A search that is interrupted, or whose backlog
    /// does not drain within 5 minutes (or twice the time of a try, if longer), tells what it has found so far.
    #[arg(long, requires = "live", conflicts_with = "plan", hide_short_help = true)]
    search: bool,
    /// Keep the recording of a live session
    #[arg(long, value_name = "FILE", requires = "live", hide_short_help = true)]
    record: Option<PathBuf>,
    /// Serve the figures of a live session to Prometheus, such as on 127.0.0.1:9464
    #[arg(long, value_name = "ADDRESS", value_parser = values::address, requires = "live", hide_short_help = true)]
    metrics: Option<SocketAddr>,
    #[command(flatten)]
    scenario: ScenarioFlags,
    /// A line each second first: json, csv or table
    ///
    /// The summary comes after a table, as text. As JSON it is the last line, {"summary": {...}}; of CSV it goes to standard
    /// error, so that standard output stays a table.
    #[arg(long, value_name = "AS", hide_possible_values = true, conflicts_with_all = ["json", "markdown"])]
    lines: Option<LinesAs>,
    /// How far apart the lines are
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = every, requires = "lines", conflicts_with_all = ["json", "markdown"], hide_short_help = true)]
    every: Duration,
    /// The summary as JSON: see docs/report.schema.json
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// The summary as Markdown
    #[arg(long)]
    markdown: bool,
    #[command(flatten)]
    rules: RuleFlags,
}

/// Flags that are of other commands, too: here those of the embedded scenario are nothing without a live session, and those
/// that bound a load are nothing without a place where it costs money.
fn of_a_live_session(flag: clap::Arg) -> clap::Arg {
    match flag.get_id().as_str() {
        "load" | "max_rate" | "max_events" | "lasts" => flag
            .requires("deployed")
            .conflicts_with("search")
            .conflicts_with_all(of_the_scenario())
            .hide_short_help(true),
        name if of_the_scenario().any(|flag| flag == name) => flag.requires("live"),
        _ => flag,
    }
}

/// Flags that say what a session has to keep.
#[derive(Debug, Args)]
pub struct RuleFlags {
    /// A rule and its limit, such as lost=0
    #[arg(long = "rule", value_name = "NAME=LIMIT", value_parser = Rule::read, long_help = rule_help())]
    rule: Vec<Rule>,
    /// Rules from a TOML file; --rule goes before it
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Rules judge what comes after it [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = span, hide_short_help = true)]
    warm_up: Option<Duration>,
    /// Events a second that throughput is held against [default: what the load's plan says]
    #[arg(long, value_name = "RATE", value_parser = target, hide_short_help = true)]
    target: Option<EventRate>,
}

/// Every rule, for the long help.
fn rule_help() -> String {
    let width = Rule::NAMES.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let rules: Vec<String> = Rule::NAMES.iter().map(|(name, asks)| format!("{name:width$}  {asks}")).collect();
    format!(
        "A rule and its limit; may be given several times. Without any: throughput=90%, lag-back=1m, lost=0, as far as \
         they can be told.\n\n{}",
        rules.join("\n")
    )
}

fn span(text: &str) -> Result<Duration, String> {
    read_span(text).ok_or_else(|| format!("{text:?} is not a time: give one such as 30s, 1m30s or 500ms"))
}

fn live_for(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a time for a live session: give one such as 30s, 5m or 2h");
    read_span(text).filter(|span| !span.is_zero()).ok_or_else(wrong)
}

fn every(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} can't be the time between two lines: give whole seconds from 1s on, such as 10s");
    read_span(text).filter(|span| span.as_secs() >= 1 && span.subsec_nanos() == 0).ok_or_else(wrong)
}

fn target(text: &str) -> Result<EventRate, String> {
    match values::rate(text)? {
        Target::Rate(rate) => Ok(rate),
        _ => Err(format!("{text:?} can't be a target: give events a second, such as 1000 or 2.5k")),
    }
}

/// What went wrong, in one sentence.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("--live needs a time, such as --live 5m, or a --plan")]
    HowLong,
    #[error("a plan says itself how long it lasts; leave the time after --live out, or the plan")]
    TwoTimes,
    #[error("a search begins at a rate above 0: give --rate 1000, for example")]
    SearchFrom,
    #[error("a try of {_0:?} is too short to tell what is kept up with: give --live {}s or more", Hold::SHORTEST.as_secs())]
    SearchHold(Duration),
    #[error(transparent)]
    Live(#[from] LiveError),
    #[error(transparent)]
    Attach(#[from] attach::Failure),
    #[error(transparent)]
    Rules(#[from] TomlFileError),
    #[error(transparent)]
    Reading(#[from] ReadingError),
    #[error("standard output could not be written ({0}); send it elsewhere")]
    Output(io::Error),
    #[error("the runtime could not be started ({0}); close other programs and try again")]
    Runtime(io::Error),
}

/// Runs the command.
pub(super) fn run(flags: &ReportFlags) -> Exit {
    match report(flags) {
        Ok(exit) => exit,
        Err(error) => no_result(&error),
    }
}

impl NoResult for Failure {
    fn cause(&self) -> Cause {
        match self {
            Self::Rules(_) | Self::HowLong | Self::TwoTimes | Self::SearchFrom | Self::SearchHold(_) => Cause::Asked,
            Self::Attach(error) if error.is_usage() => Cause::Asked,
            Self::Live(_) | Self::Attach(_) | Self::Reading(_) | Self::Output(_) | Self::Runtime(_) => Cause::Unable,
        }
    }
}

impl RuleFlags {
    /// The rules: flags before the file before those of the scenario before the default.
    fn rules(&self, scenario: Option<&RuleTable>) -> Result<Rules, TomlFileError> {
        let mut rules = self.rules.as_deref().map(Rules::read).transpose()?.unwrap_or_default();
        if let Some(RuleTable(of_scenario)) = scenario
            && !rules.asked
        {
            rules.ask(of_scenario.iter().copied());
        }
        rules.ask(self.rule.iter().copied());
        rules.warm_up = self.warm_up.unwrap_or(rules.warm_up);
        rules.target = self.target.or(rules.target);
        Ok(rules)
    }
}

impl ReportFlags {
    /// What to run.
    fn live(&self, scenario: Option<&ScenarioFile>) -> Result<Live, Failure> {
        let lasts = self.live.flatten();
        let course = match (self.load.plan(), lasts) {
            (Some(_), Some(_)) => return Err(Failure::TwoTimes),
            (Some(plan), None) => Course::Plan(plan.clone()),
            (None, lasts) if self.search => match self.scenario.rate {
                Target::Rate(rate) => Course::Search { from: rate.per_second(), hold: hold(lasts)? },
                Target::Paused | Target::Unlimited => return Err(Failure::SearchFrom),
            },
            (None, Some(lasts)) => Course::Steady(lasts),
            (None, None) => return Err(Failure::HowLong),
        };
        let watched = match scenario {
            Some(file) => Watched::Deployed(Box::new(Deployed::of(file, &self.load)?)),
            None => Watched::Local(self.scenario.clone()),
        };
        Ok(Live { watched, course, record: self.record.clone(), metrics: self.metrics })
    }

    /// How the summary is written.
    fn summary(&self) -> SummaryAs {
        match (self.json, self.markdown) {
            (true, _) => SummaryAs::Json,
            (_, true) => SummaryAs::Markdown,
            _ => SummaryAs::Text,
        }
    }
}

/// How long each try of a search lasts.
fn hold(lasts: Option<Duration>) -> Result<Hold, Failure> {
    lasts.map_or(Ok(Hold::DEFAULT), |lasts| Hold::new(lasts).ok_or(Failure::SearchHold(lasts)))
}

fn report(flags: &ReportFlags) -> Result<Exit, Failure> {
    let scenario = flags.deployed.as_deref().map(ScenarioFile::read).transpose()?;
    let rules = flags.rules.rules(scenario.as_ref().map(|file| &file.rules))?;
    let Some(file) = flags.file.clone() else {
        let live = flags.live(scenario.as_ref())?;
        let said = Said::live(flags.lines, flags.every, flags.summary()).map_err(Failure::Runtime)?;
        return report_live::run(live, said, &rules);
    };
    let said = Said::of_recording(flags.lines, flags.every, flags.summary());
    let done = interruptible(move |stop| of_recording(&file, &rules, said, stop)).map_err(Failure::Runtime)?;
    done.unwrap_or_else(|| {
        complain(&"interrupted before there was anything to report");
        Ok(Exit::Interrupted)
    })
}

fn of_recording(file: &Path, rules: &Rules, mut said: Said, stop: &Stop) -> Result<Exit, Failure> {
    let recording = replay::recording(file).map_err(ReadingError::from)?;
    let mut account = Account::new(rules.warm_up);
    let bar = Bar::of_bytes();
    said.begin();
    let origin = reading::read(&recording, |observations, progress| {
        for observation in &observations {
            account.apply(observation, &mut |at, session| said.tick(at, session, &bar));
        }
        bar.show(progress.read, progress.all);
        if stop.is_asked() || said.failed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    bar.clear();
    // Where lines can't be written the recording was not read to its end, and what it is would be judged by a part.
    said.flush().map_err(Failure::Output)?;
    let interrupted = stop.is_asked();
    let verdict = Verdict::of(&account, rules);
    let outcome = verdict.outcome;
    said.summary(&Document::of(&account, &origin, verdict)).map_err(Failure::Output)?;
    Ok(if interrupted { Exit::Interrupted } else { exit_of(outcome) })
}

pub(super) fn exit_of(outcome: Outcome) -> Exit {
    match outcome {
        Outcome::Pass => Exit::Done,
        Outcome::Fail => Exit::Failed,
        Outcome::CantTell => Exit::Unmeasured,
    }
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    /// A flag that is new in a group that others share is one of a live session, too.
    #[test]
    fn every_flag_of_a_live_session_is_named() {
        let command = ReportFlags::augment_args(Command::new("report"));
        for name in ["LoadFlags", "ScenarioFlags"] {
            let group = command.get_groups().find(|group| group.get_id() == name).unwrap();
            for flag in group.get_args() {
                assert!(OF_A_LIVE_SESSION.contains(&flag.as_str()), "{flag}");
                assert_eq!(name == "ScenarioFlags", of_the_scenario().any(|of| of == flag.as_str()), "{flag}");
            }
        }
    }
}
