//! Exit codes, and what each command means by them.

use std::fmt::Display;
use std::process::ExitCode;

use super::complain;

/// What the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what was asked.
    Done = 0,
    /// It could not; of a report: a rule was broken.
    Failed = 1,
    /// The command line can't be understood, or asks for what this terminal can't do.
    Usage = 2,
    /// A report, a comparison or an export could not be made, or a rule that was asked for can't be told.
    Unmeasured = 3,
    /// A report, a comparison or an export was interrupted: a report speaks of what came before.
    Interrupted = 4,
}

/// Each exit code and what it says, for the manual.
pub(super) const EXITS: [(Exit, &str); 5] = [
    (Exit::Done, "It did what was asked; report: every rule was kept; a search: a rate was found"),
    (Exit::Failed, "It could not; report: a rule was broken. Compare and export have 3 for that"),
    (Exit::Usage, "The command line or the settings can't be understood, or ask for what this terminal can't do"),
    (
        Exit::Unmeasured,
        "Report, compare and export: a recording can't be read or holds nothing, or the result can't be written; report: \
         nothing could be measured, or not what a rule asks about; a search: no rate was kept up with",
    ),
    (
        Exit::Interrupted,
        "Report, compare and export: interrupted; a report speaks of what came before, the others write nothing. A live \
         report also if nobody reads its lines any more, as behind `| head -1`",
    ),
];

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a report, a comparison or an export came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The command line or a file of settings asks for what can't be.
    Asked,
    /// Somebody wanted an end.
    Interrupted,
    /// What was to be read could not be read, or the result could not be written.
    Unable,
}

/// What went wrong in a report, a comparison or an export.
pub(super) trait NoResult: Display {
    /// Why there is no result.
    fn cause(&self) -> Cause;
}

/// Says what went wrong, and gives the code for it: the same for the three. 1 is none of them: a script has to tell a rule
/// that was broken from a disk that is full.
pub(super) fn no_result(error: &impl NoResult) -> Exit {
    complain(error);
    match error.cause() {
        Cause::Asked => Exit::Usage,
        Cause::Interrupted => Exit::Interrupted,
        Cause::Unable => Exit::Unmeasured,
    }
}
