//! A recording, read once from beginning to end: for a report or an export.

use std::ops::ControlFlow;

use super::document::Origin;
use crate::model::observation::Observation;
use crate::recording::error::ReadError;
use crate::recording::format::{LatenciesAre, Skipped};
use crate::recording::reader::Recording;

/// How far a recording was read, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// So far.
    pub read: u64,
    /// All of it.
    pub all: u64,
}

/// Why there is nothing to report.
#[derive(Debug, thiserror::Error)]
pub enum ReadingError {
    /// The file.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It can be read and says nothing.
    #[error("{place} holds no observation: nothing can be reported of it; try another recording")]
    Nothing {
        /// Which file.
        place: String,
    },
}

/// Reads a recording frame after frame. `frame` is given the observations of each and says whether to go on; what it was
/// given, and how the recording ends, comes back.
///
/// # Errors
/// If the file can't be read any more, or holds no observation.
pub fn read(
    recording: &Recording,
    mut frame: impl FnMut(Vec<Observation>, Progress) -> ControlFlow<()>,
) -> Result<Origin, ReadingError> {
    let all = recording.length()?;
    let (mut frames, mut skipped) = (recording.frames_from(0), Skipped::default());
    let mut incomplete = None;
    let mut any = false;
    while let Some((place, observations)) = frames.next_frame(LatenciesAre::Read, &mut skipped)? {
        any |= !observations.is_empty();
        if frame(observations, Progress { read: place.end(), all }).is_break() {
            incomplete = Some("interrupted: the rest was not read".to_owned());
            break;
        }
    }
    if !any && incomplete.is_none() {
        return Err(ReadingError::Nothing { place: recording.place().to_owned() });
    }
    Ok(Origin {
        source: recording.place().to_owned(),
        scenario: recording.header().scenario.clone(),
        incomplete: incomplete.or_else(|| frames.ending().sentence()),
        skipped: skipped.total(),
    })
}
