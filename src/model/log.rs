//! The log: what happened in a session, in order, in words that a person searches.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use super::observation::Station;
use super::status::Status;
use super::units::{PartitionId, Time};
use crate::figures;

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    /// Somebody, or a script, wanted it remembered.
    Mark(String),
    /// A station ceased to answer, and why.
    Away(Station, String),
    /// A station answers again, after so long.
    Back(Station, Duration),
    /// A station was stopped on purpose.
    Stopped(Station),
    /// A partition's status changed from one to the other.
    Status(PartitionId, Status, Status),
    /// Another instance of the processor holds a partition.
    Owner(PartitionId, String),
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mark(text) => write!(f, "{text}"),
            Self::Away(station, reason) => write!(f, "{} {} away: {reason}", station.name(), station.is()),
            Self::Back(station, after) => {
                write!(f, "{} {} back after {}", station.name(), station.is(), figures::lag_span(*after))
            }
            Self::Stopped(station) => write!(f, "{} was stopped", station.name()),
            Self::Status(id, from, to) => write!(f, "partition {id}: {}, was {}", to.word(), from.word()),
            Self::Owner(id, owner) => write!(f, "partition {id}: held by {owner}"),
        }
    }
}

/// What happened, the oldest first. The oldest entries go when there are too many.
#[derive(Debug, Clone, Default)]
pub struct Log {
    entries: VecDeque<(Time, Happening)>,
}

impl Log {
    /// Entries kept.
    pub const CAPACITY: usize = 1_000;

    /// Adds an entry.
    pub(super) fn push(&mut self, at: Time, happening: Happening) {
        if self.entries.len() == Self::CAPACITY {
            self.entries.pop_front();
        }
        self.entries.push_back((at, happening));
    }

    /// Adds the change of a partition's status, if it is one to remember: whether a backlog just grows or shrinks changes
    /// by the second, and the first judgement is no change.
    pub(super) fn push_status(&mut self, at: Time, id: PartitionId, from: Status, to: Status) {
        let backlog = |status| matches!(status, Status::Behind | Status::FallingBehind | Status::Draining);
        if from != to && from != Status::Blind && !(backlog(from) && backlog(to)) {
            self.push(at, Happening::Status(id, from, to));
        }
    }

    /// All entries, the newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &(Time, Happening)> {
        self.entries.iter().rev()
    }
}
