//! `streamgauge compare`: the figures of two recordings side by side, as text or on the screen.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::exit::{Cause, NoResult, no_result};
use super::interrupt::{Stop, interruptible};
use super::look::LookFlags;
use super::session::stop_signal;
use super::{Exit, Unwritten, left_out, put_out, replay};
use crate::config::Loaded;
use crate::recording::error::ReadError;
use crate::recording::trace::Trace;
use crate::report::account::Account;
use crate::report::comparison::Comparison as Figures;
use crate::report::document::Document;
use crate::report::reading::{self, ReadingError};
use crate::report::verdict::{Rules, Verdict};
use crate::ui::compare;
use crate::ui::compare::state::Comparison;
use crate::ui::terminal::{Screen, ScreenError, watch_for_stops};
use crate::ui::theme::ThemeError;
use crate::wall_clock::wall_clock;

/// Flags of a comparison.
#[derive(Debug, Args)]
pub struct CompareFlags {
    /// The first recording (.jsonl.zst or .jsonl), or the name of a sample
    a: PathBuf,
    /// The second
    b: PathBuf,
    /// One JSON document; its schema is docs/comparison.schema.json
    #[arg(long)]
    json: bool,
    /// On the screen: four charts with a trace of each, played together
    #[arg(long, conflicts_with = "json")]
    pub(super) screen: bool,
    #[command(flatten)]
    look: LookFlags,
}

/// Why there is no comparison, in one sentence.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Reading(#[from] ReadingError),
    #[error("--theme, --colour and --ascii are for the screen; add --screen")]
    LookWithoutScreen,
    #[error("interrupted before both were read")]
    Interrupted,
    #[error(transparent)]
    Output(#[from] Unwritten),
    #[error(transparent)]
    Theme(#[from] ThemeError),
    #[error(
        "--screen needs a terminal, and standard {0} is none; run it in a terminal, or leave --screen out for text"
    )]
    NoTerminal(&'static str),
    #[error(
        "--screen needs a terminal that can place text, and TERM=dumb says that this one can't; set TERM to what it is \
         (xterm-256color, say), or leave --screen out for text"
    )]
    Dumb,
    #[error(transparent)]
    Screen(ScreenError),
    #[error("the runtime could not be started ({0}); close other programs and try again")]
    Runtime(std::io::Error),
}

impl From<ScreenError> for Failure {
    fn from(error: ScreenError) -> Self {
        match error {
            ScreenError::NoTerminal(which) => Self::NoTerminal(which),
            ScreenError::Dumb => Self::Dumb,
            terminal @ ScreenError::Terminal(_) => Self::Screen(terminal),
        }
    }
}

/// Runs the command on the screen.
pub(super) fn show(flags: &CompareFlags, loaded: &Loaded) -> Exit {
    play(flags, loaded).map_or_else(|error| no_result(&error), |()| Exit::Done)
}

impl NoResult for Failure {
    fn cause(&self) -> Cause {
        match self {
            Self::NoTerminal(_) | Self::Dumb | Self::Theme(_) | Self::LookWithoutScreen => Cause::Asked,
            Self::Interrupted => Cause::Interrupted,
            Self::Read(_) | Self::Reading(_) | Self::Screen(_) | Self::Output(_) | Self::Runtime(_) => Cause::Unable,
        }
    }
}

fn play(flags: &CompareFlags, loaded: &Loaded) -> Result<(), Failure> {
    // The threads that read the recordings must not be the ones that a stop catches.
    watch_for_stops()?;
    // The recordings come first: a file that is none is said so on a terminal that was never taken.
    let trace = |file: &Path| Trace::of(replay::recording(file)?);
    let sides = [trace(&flags.a)?, trace(&flags.b)?];
    let look = flags.look.look(&loaded.settings.look)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    let outcome = runtime.block_on(async {
        let stop = stop_signal();
        let mut screen = Screen::take(look)?;
        let mut comparison = Comparison::new(sides, Arc::clone(&loaded.settings.keys), wall_clock());
        comparison.notice = loaded.flaw.as_ref().map(|flaw| (left_out(flaw), wall_clock()));
        compare::run(&mut screen, comparison, stop).await
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(outcome?)
}

/// Runs the command without a screen.
pub(super) fn run(flags: &CompareFlags) -> Exit {
    compare(flags).map_or_else(|error| no_result(&error), |()| Exit::Done)
}

fn compare(flags: &CompareFlags) -> Result<(), Failure> {
    if flags.look.is_named() {
        return Err(Failure::LookWithoutScreen);
    }
    let (a, b) = (flags.a.clone(), flags.b.clone());
    let compared = interruptible(move |stop| -> Result<Option<Figures>, ReadingError> {
        let (a, b) = (report(&a, stop)?, report(&b, stop)?);
        Ok((!stop.is_asked()).then(|| Figures::of(&a, &b)))
    });
    let comparison = compared.map_err(Failure::Runtime)?.transpose()?.flatten().ok_or(Failure::Interrupted)?;
    let text = if flags.json {
        serde_json::to_string_pretty(&comparison).unwrap_or_default() + "\n"
    } else {
        comparison.text()
    };
    Ok(put_out(text.as_bytes())?)
}

fn report(file: &Path, stop: &Stop) -> Result<Document, ReadingError> {
    let recording = replay::recording(file)?;
    let rules = Rules::default();
    let mut account = Account::new(rules.warm_up);
    let origin = reading::read(&recording, |observations, _| {
        observations.iter().for_each(|observation| account.apply(observation, &mut |_, _| {}));
        if stop.is_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let verdict = Verdict::of(&account, &rules);
    Ok(Document::of(&account, &origin, verdict))
}
