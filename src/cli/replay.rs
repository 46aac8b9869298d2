//! `streamgauge replay`: a recording on the screen.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::choice::{self, ChoiceError};
use super::look::LookFlags;
use super::session::stop_signal;
use super::{Exit, begin, complain, say};
use crate::config::Loaded;
use crate::figures;
use crate::recording::error::ReadError;
use crate::recording::folder::Folder;
use crate::recording::player::Player;
use crate::recording::reader::Recording;
use crate::recording::samples::{self, Sample};
use crate::ui::replay::{self, ReplayError};
use crate::ui::state::ViewState;
use crate::ui::terminal::{Screen, ScreenError, watch_for_stops};
use crate::ui::theme::ThemeError;

/// Flags of a replay.
#[derive(Debug, Args)]
pub struct ReplayFlags {
    /// The recording (.jsonl.zst or .jsonl), - for standard input, or the name of a sample; without it, a choice
    file: Option<PathBuf>,
    /// Begin again at the end
    #[arg(long = "loop")]
    looping: bool,
    #[command(flatten)]
    look: LookFlags,
    /// The word for the whole pipeline in big letters, for the last row of a room
    #[arg(long)]
    big: bool,
}

/// What went wrong, in one sentence.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    #[error(transparent)]
    Screen(#[from] ScreenError),
    #[error(transparent)]
    Theme(#[from] ThemeError),
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
        Some(file) => play(file, flags, loaded),
        None => choose(flags, loaded),
    };
    match outcome {
        Ok(()) => Exit::Done,
        Err(error) => {
            complain(&error);
            match error {
                Failure::Screen(ScreenError::NoTerminal(_) | ScreenError::Dumb) | Failure::Theme(_) => Exit::Usage,
                _ => Exit::Failed,
            }
        }
    }
}

/// A recording that is named: a file, `-`, or one of the samples where no file of that name is.
pub(super) fn open(file: &Path) -> Result<Player, ReadError> {
    Player::of(recording(file)?)
}

/// The same, to be read from beginning to end.
pub(super) fn recording(file: &Path) -> Result<Recording, ReadError> {
    match file.to_str().and_then(Sample::named) {
        Some(sample) if !file.exists() => sample.open(),
        _ => Recording::open(file),
    }
}

fn play(file: &Path, flags: &ReplayFlags, loaded: &Loaded) -> Result<(), Failure> {
    // The threads that read the recording must not be the ones that a stop catches.
    watch_for_stops()?;
    // The recording comes first: a file that is none is said so on a terminal that was never taken.
    let player = open(file)?;
    let look = flags.look.look(&loaded.settings.look)?;
    let state = begin(loaded, ViewState { big: flags.big, ..replay::view_of(&player) });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    let outcome = runtime.block_on(async {
        // From here on a signal ends the program in good order: the terminal is not taken earlier.
        let stop = stop_signal();
        let mut screen = Screen::take(look)?;
        replay::run(&mut screen, player, state, flags.looping, stop).await
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(outcome?)
}

/// Lists the samples and the user's recordings, the newest last, and on a terminal asks which one to play.
fn choose(flags: &ReplayFlags, loaded: &Loaded) -> Result<(), Failure> {
    let mut files: Vec<PathBuf> = Vec::new();
    for sample in samples::ALL {
        files.push(sample.name.into());
        choice::list(files.len(), &format!("{:<9}", sample.name), sample.sentence);
    }
    // Without a folder of recordings there are still the samples.
    for recording in Folder::of_user().map(|folder| folder.recordings()).unwrap_or_default() {
        let size = figures::compact(recording.bytes as f64 / 1e6);
        files.push(recording.path);
        if let Some(path) = files.last() {
            say(&format!("{:>3}  {size:>5} MB   {}", files.len(), path.display()));
        }
    }
    match choice::choose(&files)? {
        Some(file) => play(file, flags, loaded),
        None => Ok(()),
    }
}
