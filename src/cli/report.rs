//! `streamgauge report`: a recording, or a live session, without a screen: lines while it is read, a summary, and a verdict as the exit code.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::interrupt::{Stop, interruptible};
use super::report_live::{Course, Live, LiveError};
use super::scenario_flags::ScenarioFlags;
use super::{Exit, complain, replay, report_live, values};
use crate::figures::clock;
use crate::load::plan_steps::PlanSteps;
use crate::model::observation::Target;
use crate::model::session::Session;
use crate::model::units::{EventRate, Time};
use crate::recording::jump::read_span;
use crate::report::account::Account;
use crate::report::document::Document;
use crate::report::lines::Line;
use crate::report::markdown::markdown;
use crate::report::reading::{self, ReadingError};
use crate::report::text::text;
use crate::report::verdict::{Outcome, Rule, Rules, Verdict};
use crate::toml_file::TomlFileError;

/// Flags of a report.
#[derive(Debug, Args)]
#[command(mut_arg("ru", |flag| flag.hide_short_help(true)), mut_arg("partitions", |flag| flag.hide_short_help(true)))]
pub struct ReportFlags {
    /// A recording (.jsonl.zst, .jsonl or -), or the name of a sample
    #[arg(required_unless_present = "live", conflicts_with_all = ["live", "ScenarioFlags"])]
    file: Option<PathBuf>,
    /// Watch the embedded scenario instead, for so long
    #[arg(long, value_name = "TIME", num_args = 0..=1, value_parser = live_for)]
    #[expect(clippy::option_option, reason = "the flag, and the time that may follow it")]
    live: Option<Option<Duration>>,
    /// The load: `1k for 1m, ramp to 5k in 2m, 0 for 1m`
    #[arg(long, value_name = "STEPS", requires = "live", conflicts_with_all = ["file", "rate"])]
    plan: Option<PlanSteps>,
    /// Search for the highest rate that is kept up with, from --rate on; --live is the time of each try [default: 1m]
    #[arg(long, requires = "live", conflicts_with = "plan", hide_short_help = true)]
    search: bool,
    /// Keep the recording of a live session
    #[arg(long, value_name = "FILE", requires = "live", hide_short_help = true)]
    record: Option<PathBuf>,
    /// Serve the figures of a live session to Prometheus, such as on 127.0.0.1:9464
    #[arg(long, value_name = "ADDRESS", requires = "live", hide_short_help = true)]
    metrics: Option<SocketAddr>,
    #[command(flatten)]
    scenario: ScenarioFlags,
    /// A line each second first: json, csv or table
    #[arg(long, value_name = "AS", hide_possible_values = true, conflicts_with_all = ["json", "markdown"])]
    lines: Option<LinesAs>,
    /// How far apart the lines are
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = every, requires = "lines", hide_short_help = true)]
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

/// Flags that say what a session has to keep.
#[derive(Debug, Args)]
pub struct RuleFlags {
    /// A rule and its limit, such as lost=0; see --help
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

/// How the lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LinesAs {
    /// JSON lines; the summary is the last one
    Json,
    /// CSV; the summary goes to standard error
    Csv,
    /// A table for people
    Table,
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
    #[error("a search begins at a rate above 0: give --rate 1000, for example")]
    SearchFrom,
    #[error(transparent)]
    Live(#[from] LiveError),
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
        Err(error) => {
            complain(&error);
            match error {
                Failure::Rules(_) | Failure::HowLong | Failure::SearchFrom => Exit::Usage,
                _ => Exit::Unmeasured,
            }
        }
    }
}

impl RuleFlags {
    /// The rules: flags before the file before the default.
    fn rules(&self) -> Result<Rules, TomlFileError> {
        let mut rules = self.rules.as_deref().map(Rules::read).transpose()?.unwrap_or_default();
        rules.ask(self.rule.iter().copied());
        rules.warm_up = self.warm_up.unwrap_or(rules.warm_up);
        rules.target = self.target.or(rules.target);
        Ok(rules)
    }
}

impl ReportFlags {
    /// What to run.
    fn live(&self) -> Result<Live, Failure> {
        let lasts = self.live.flatten();
        let course = match (&self.plan, lasts) {
            (Some(plan), _) => Course::Plan(plan.clone()),
            (None, lasts) if self.search => match self.scenario.rate {
                Target::Rate(rate) => Course::Search { from: rate.per_second(), hold: lasts.unwrap_or(TRY) },
                Target::Paused | Target::Unlimited => return Err(Failure::SearchFrom),
            },
            (None, Some(lasts)) => Course::Steady(lasts),
            (None, None) => return Err(Failure::HowLong),
        };
        Ok(Live { scenario: self.scenario.clone(), course, record: self.record.clone(), metrics: self.metrics })
    }
}

/// Each try of a search lasts so long.
const TRY: Duration = Duration::from_secs(60);

fn report(flags: &ReportFlags) -> Result<Exit, Failure> {
    let rules = flags.rules.rules()?;
    let Some(file) = flags.file.clone() else {
        return report_live::run(flags.live()?, flags, &rules);
    };
    let said = Said::of(flags);
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
    let interrupted = stop.is_asked();
    let verdict = Verdict::of(&account, rules);
    let outcome = verdict.outcome;
    said.summary(&Document::of(&account, &origin, verdict))?;
    Ok(if interrupted { Exit::Interrupted } else { exit_of(outcome) })
}

pub(super) fn exit_of(outcome: Outcome) -> Exit {
    match outcome {
        Outcome::Pass => Exit::Done,
        Outcome::Fail => Exit::Failed,
        Outcome::CantTell => Exit::Unmeasured,
    }
}

/// What is said on standard output, and how. Once nobody reads it any more nothing is said, and the verdict stands.
pub(super) struct Said {
    lines: Option<LinesAs>,
    every: Duration,
    summary: SummaryAs,
    output: io::BufWriter<io::Stdout>,
    closed: bool,
    failure: Option<io::Error>,
    rows: u64,
    /// Each line goes out as it is said: somebody follows a live session.
    at_once: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SummaryAs {
    Text,
    Markdown,
    Json,
    JsonLine,
    TextOnStandardError,
}

/// The table's heading is said again after so many rows: once a screen.
const HEAD_EVERY: u64 = 30;

impl Said {
    pub(super) fn of(flags: &ReportFlags) -> Self {
        let summary = match (flags.lines, flags.json, flags.markdown) {
            (Some(LinesAs::Json), ..) => SummaryAs::JsonLine,
            (Some(LinesAs::Csv), ..) => SummaryAs::TextOnStandardError,
            (_, true, _) => SummaryAs::Json,
            (_, _, true) => SummaryAs::Markdown,
            _ => SummaryAs::Text,
        };
        Self {
            lines: flags.lines,
            every: flags.every,
            summary,
            output: io::BufWriter::new(io::stdout()),
            closed: false,
            failure: None,
            rows: 0,
            at_once: flags.file.is_none(),
        }
    }

    pub(super) fn begin(&mut self) {
        if self.lines == Some(LinesAs::Csv) {
            self.say(Line::CSV_HEAD);
        }
    }

    /// A second of the session went by.
    pub(super) fn tick(&mut self, at: Time, session: &Session, bar: &Bar) {
        let Some(lines) = self.lines.filter(|_| !self.closed) else { return };
        let second = session.started().map_or(0, |begin| at.since(begin).as_secs());
        if !second.is_multiple_of(self.every.as_secs()) {
            return;
        }
        let line = Line::of(session, at);
        let text = match lines {
            LinesAs::Json => line.json(),
            LinesAs::Csv => line.csv(),
            LinesAs::Table => {
                if self.rows.is_multiple_of(HEAD_EVERY) {
                    self.say(Line::TABLE_HEAD);
                }
                self.rows += 1;
                line.row()
            }
        };
        bar.aside(|| self.say(&text));
    }

    fn say(&mut self, text: &str) {
        if self.closed {
            return;
        }
        let said = writeln!(self.output, "{text}");
        if let Err(error) = if self.at_once { said.and_then(|()| self.output.flush()) } else { said } {
            self.close(error);
        }
    }

    fn close(&mut self, error: io::Error) {
        self.closed = true;
        if error.kind() != io::ErrorKind::BrokenPipe {
            self.failure = Some(error);
        }
    }

    /// Whether nobody reads any more what is said.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether what is said can't be written, which is not the same as that nobody reads it.
    fn failed(&self) -> bool {
        self.failure.is_some()
    }

    pub(super) fn summary(mut self, document: &Document) -> Result<(), Failure> {
        match self.summary {
            SummaryAs::Text => {
                if self.lines.is_some() {
                    self.say("");
                }
                self.say(text(document).trim_end());
            }
            SummaryAs::Markdown => self.say(markdown(document).trim_end()),
            SummaryAs::Json => self.say(&serde_json::to_string_pretty(document).unwrap_or_default()),
            SummaryAs::JsonLine => {
                self.say(&serde_json::json!({ "summary": document }).to_string());
            }
            SummaryAs::TextOnStandardError => {
                // A closed standard error leaves nobody to tell.
                drop(io::stderr().write_all(text(document).as_bytes()));
            }
        }
        if !self.closed
            && let Err(error) = self.output.flush()
        {
            self.close(error);
        }
        let Self { output, failure, .. } = self;
        // What could not be written is not tried again.
        drop(output.into_parts());
        failure.map_or(Ok(()), |error| Err(Failure::Output(error)))
    }
}

/// How far it is, on a terminal: on standard error, so that standard output can go elsewhere.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn of_bytes() -> Self {
        Self::of("{bar:40} {percent:>3} %  {eta} left")
    }

    /// Of a session whose length is known. What it says is drawn twice a second, whether or not anything happens.
    pub(super) fn of_time() -> Self {
        Self::of("{bar:40} {msg}")
    }

    fn of(template: &str) -> Self {
        let target = if io::stderr().is_terminal() {
            ProgressDrawTarget::stderr_with_hz(8)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(1), target);
        let style = ProgressStyle::with_template(template);
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    fn show(&self, done: u64, all: u64) {
        self.0.set_length(all.max(1));
        self.0.set_position(done);
    }

    /// How much of the time is over.
    pub(super) fn show_time(&self, over: Duration, all: Duration) {
        self.show(over.as_secs(), all.as_secs());
        self.0.set_message(format!("{} of {}", clock(over.min(all)), clock(all)));
    }

    /// Says something while the bar stands aside.
    fn aside(&self, say: impl FnOnce()) {
        if self.0.is_hidden() {
            say();
        } else {
            self.0.suspend(say);
        }
    }

    pub(super) fn clear(&self) {
        self.0.finish_and_clear();
    }
}
