//! `streamgauge replay`: a recording on the screen.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::local::stop_signal;
use super::{Exit, complain, say};
use crate::figures;
use crate::recording::error::{ReadError, WriteError};
use crate::recording::folder::Folder;
use crate::recording::player::Player;
use crate::ui::replay::{self, ReplayError};
use crate::ui::terminal::{Screen, ScreenError};
use crate::ui::theme::Theme;

/// Flags of a replay.
#[derive(Debug, Args)]
pub struct ReplayFlags {
    /// The recording (`.jsonl.zst` or `.jsonl`), or `-` for standard input; without it, a list of your recordings
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
    #[error(transparent)]
    Folder(#[from] WriteError),
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
pub(super) fn run(flags: &ReplayFlags) -> Exit {
    let outcome = match &flags.file {
        Some(file) => play(file, flags.looping),
        None => list(),
    };
    match outcome {
        Ok(()) => Exit::Done,
        Err(error) => {
            complain(&error);
            match error {
                Failure::Screen(ScreenError::NoTerminal(_)) => Exit::Usage,
                _ => Exit::Failed,
            }
        }
    }
}

fn play(file: &std::path::Path, looping: bool) -> Result<(), Failure> {
    // The recording comes first: a file that is none is said so on a terminal that was never taken.
    let player = Player::open(file)?;
    let mut screen = Screen::take()?;
    let theme = Theme::for_environment(std::env::var_os("NO_COLOR").as_deref());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    let outcome = runtime.block_on(replay::run(&mut screen, player, looping, &theme, stop_signal()));
    drop(screen);
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(outcome?)
}

/// The user's recordings, the newest last.
fn list() -> Result<(), Failure> {
    let folder = Folder::of_user()?;
    let recordings = folder.recordings();
    if recordings.is_empty() {
        say(&format!("no recordings in {} yet: each live session writes one", folder.path().display()));
    }
    for recording in recordings {
        let size = figures::compact(recording.bytes as f64 / 1e6);
        if !say(&format!("{size:>5} MB  {}", recording.path.display())) {
            break;
        }
    }
    Ok(())
}
