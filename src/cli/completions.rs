//! `streamgauge completions SHELL`: completions made from the command line's own definition.

use clap::{Args, ValueEnum};
use clap_complete::generate;

use super::{Exit, definition, write_out};

/// Flags of the command.
#[derive(Debug, Args)]
pub struct CompletionsFlags {
    /// The shell that is to complete: bash, zsh, fish or powershell
    #[arg(hide_possible_values = true)]
    shell: Shell,
}

/// The shells that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

impl From<Shell> for clap_complete::Shell {
    fn from(shell: Shell) -> Self {
        match shell {
            Shell::Bash => Self::Bash,
            Shell::Zsh => Self::Zsh,
            Shell::Fish => Self::Fish,
            Shell::Powershell => Self::PowerShell,
        }
    }
}

/// Runs the command.
pub(super) fn run(flags: &CompletionsFlags) -> Exit {
    let mut script = Vec::new();
    generate(clap_complete::Shell::from(flags.shell), &mut definition(), "streamgauge", &mut script);
    write_out(&script)
}
