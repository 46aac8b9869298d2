//! `streamgauge replay`: a recording on the screen.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::local::stop_signal;
use super::{Exit, complain, left_out, say, theme};
use crate::config::Loaded;
use crate::figures;
use crate::recording::error::ReadError;
use crate::recording::folder::Folder;
use crate::recording::player::Player;
use crate::recording::samples::{self, Sample};
use crate::ui::live::wall_clock;
use crate::ui::replay::{self, ReplayError};
use crate::ui::state::ViewState;
use crate::ui::terminal::{Screen, ScreenError, watch_for_stops};

/// Flags of a replay.
#[derive(Debug, Args)]
pub struct ReplayFlags {
    /// The recording (.jsonl.zst or .jsonl), - for standard input, or the name of a sample; without it, a choice
    file: Option<PathBuf>,
    /// Begin again at the end
    #[arg(long = "loop")]
    looping: bool,
}

/// What went wrong, in one sentence.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{typed:?} is none of them: type a number from 1 to {count}")]
    Choice { typed: String, count: usize },
    #[error("your answer could not be read ({0}); name the recording on the command line")]
    Answer(String),
    #[error(transparent)]
    Screen(#[from] ScreenError),
    #[error("the runtime could not be started ({0}); close other programs and try again")]
    Runtime(std::io::Error),
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Read(error) => Self::Read(error),
            ReplayError::Screen(error) => Self::Screen(error),
        }
    }
}

/// Runs the command.
pub(super) fn run(flags: &ReplayFlags, loaded: &Loaded) -> Exit {
    let outcome = match &flags.file {
        Some(file) => play(file, flags.looping, loaded),
        None => choose(flags.looping, loaded),
    };
    match outcome {
        Ok(()) => Exit::Done,
        Err(error) => {
            complain(&error);
            match error {
                Failure::Screen(ScreenError::NoTerminal(_) | ScreenError::Dumb) => Exit::Usage,
                _ => Exit::Failed,
            }
        }
    }
}

/// A recording that is named: a file, `-`, or one of the samples where no file of that name is.
fn open(file: &Path) -> Result<Player, ReadError> {
    match file.to_str().and_then(Sample::named) {
        Some(sample) if !file.exists() => sample.play(),
        _ => Player::open(file),
    }
}

fn play(file: &Path, looping: bool, loaded: &Loaded) -> Result<(), Failure> {
    // The threads that read the recording must not be the ones that a stop catches.
    watch_for_stops()?;
    // The recording comes first: a file that is none is said so on a terminal that was never taken.
    let player = open(file)?;
    let theme = theme(&loaded.settings);
    let state = ViewState {
        sort: loaded.settings.sort,
        keys: Arc::clone(&loaded.settings.keys),
        notice: loaded.flaw.as_ref().map(|flaw| (left_out(flaw), wall_clock())),
        ..replay::view_of(&player)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    let outcome = runtime.block_on(async {
        // From here on a signal ends the program in good order: the terminal is not taken earlier.
        let stop = stop_signal();
        let mut screen = Screen::take()?;
        replay::run(&mut screen, player, state, looping, &theme, stop).await
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(outcome?)
}

/// Lists the samples and the user's recordings, the newest last, and on a terminal asks which one to play.
fn choose(looping: bool, loaded: &Loaded) -> Result<(), Failure> {
    let mut files: Vec<PathBuf> = Vec::new();
    for sample in samples::ALL {
        files.push(sample.name.into());
        say(&format!("{:>3}  {:<10} {}", files.len(), sample.name, sample.sentence));
    }
    // Without a folder of recordings there are still the samples.
    for recording in Folder::of_user().map(|folder| folder.recordings()).unwrap_or_default() {
        let size = figures::compact(recording.bytes as f64 / 1e6);
        files.push(recording.path);
        if let Some(path) = files.last() {
            say(&format!("{:>3}  {size:>5} MB   {}", files.len(), path.display()));
        }
    }
    if !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        return Ok(());
    }
    say("which one? (a number; Enter leaves)");
    let mut typed = String::new();
    std::io::stdin().read_line(&mut typed).map_err(|error| Failure::Answer(error.to_string()))?;
    match typed.trim() {
        "" => Ok(()),
        typed => {
            let chosen = typed.parse::<usize>().ok().and_then(|number| files.get(number.checked_sub(1)?));
            let count = files.len();
            play(chosen.ok_or(Failure::Choice { typed: typed.chars().take(40).collect(), count })?, looping, loaded)
        }
    }
}
