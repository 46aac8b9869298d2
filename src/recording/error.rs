//! What can go wrong with a recording: one sentence that says what, where, and what to try.

use std::io;

use super::format::Version;

/// Why a recording can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It can't be opened, or the disk fails.
    #[error("can't read {place} ({reason}); check the path and its permissions")]
    Unreadable {
        /// Which file.
        place: String,
        /// What the system said.
        reason: io::Error,
    },
    /// It is a folder.
    #[error("{place} is a folder, not a recording; name a .jsonl.zst file in it")]
    Folder {
        /// Which one.
        place: String,
    },
    /// There is nothing in it.
    #[error("{place} is empty: nothing was recorded, or the copy was cut off; try the original")]
    Empty {
        /// Which file.
        place: String,
    },
    /// It is a recording, and nothing was seen in it.
    #[error("{place} holds no observation: there is nothing to show; try another recording")]
    NothingObserved {
        /// Which file.
        place: String,
    },
    /// It is something else.
    #[error(
        "{place} is not a recording: it does not begin as one; try a .jsonl.zst or .jsonl file that streamgauge wrote"
    )]
    NotARecording {
        /// Which file.
        place: String,
    },
    /// It ends before anything can be read.
    #[error("{place} is cut off within its first second, nothing can be read; try the original")]
    CutAtOnce {
        /// Which file.
        place: String,
    },
    /// A newer program wrote it.
    #[error(
        "{place} has format {found}, this program reads {}.x; replay it with a newer streamgauge",
        Version::OURS.major
    )]
    Newer {
        /// Which file.
        place: String,
        /// Its version.
        found: Version,
    },
    /// The bytes at a place are not what was written.
    #[error("{place} is damaged at byte {at} ({reason}); what comes before can be read")]
    Damaged {
        /// Which file.
        place: String,
        /// Where.
        at: u64,
        /// What is wrong.
        reason: &'static str,
    },
}

/// Why a recording can't be written, or kept under a name.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// There is something by that name.
    #[error("{place} exists already; give another name, or remove it first")]
    Exists {
        /// Which file.
        place: String,
    },
    /// The file can't be made.
    #[error("can't write {place} ({reason}); check the folder, its permissions and the space on the disk")]
    Unwritable {
        /// Which file.
        place: String,
        /// What the system said.
        reason: io::Error,
    },
    /// A name that would not be a file in the folder, or would be taken for one that may be removed.
    #[error("{name:?} can't be the name of a recording; use letters, digits, `-` and `_`, beginning with a letter")]
    Name {
        /// As given.
        name: String,
    },
    /// There is no place for recordings.
    #[error("there is no home folder to keep recordings in; name a file with --record FILE")]
    NoHome,
    /// It is not being written any more.
    #[error("the recording has stopped ({reason}); what was written until then is at {place}")]
    Stopped {
        /// Which file.
        place: String,
        /// Why it stopped.
        reason: String,
    },
}
