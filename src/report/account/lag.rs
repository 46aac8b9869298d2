//! Lag over a whole session, from a look at the session each second.

use std::collections::BTreeMap;
use std::time::Duration;

use super::peaks::Peaks;
use crate::model::health::{Health, Word};
use crate::model::lag::{Lag, TimeLag};
use crate::model::session::Session;
use crate::model::status::Status;
use crate::model::units::{PartitionId, Time};

/// A stretch of time in which some partition was behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// When it began.
    pub from: Time,
    /// So long it was seen to last.
    pub seen: Duration,
    /// With the moments around it at which nothing could be seen, it may have lasted so long.
    pub possible: Duration,
    /// Whether it was over before the end.
    pub over: bool,
}

/// Lag of one partition.
#[derive(Debug, Clone, Default)]
pub struct PartitionLag {
    /// The most events that waited, and when.
    pub events: Peaks<u64>,
    /// The longest that an event waited, and when.
    pub oldest: Peaks<Duration>,
    /// Seconds in each status.
    pub statuses: BTreeMap<Status, u64>,
    /// Events that the log dropped before they were read, the most that was seen.
    pub missed: u64,
}

/// Lag over a whole session.
#[derive(Debug, Clone, Default)]
pub struct LagMeter {
    /// Over all partitions, from the first second on.
    pub events: Peaks<u64>,
    /// Over all partitions, after the warm-up.
    pub events_after_warm_up: Peaks<u64>,
    /// The longest that an event waited on any partition.
    pub oldest: Peaks<Duration>,
    /// Each partition.
    pub partitions: BTreeMap<PartitionId, PartitionLag>,
    /// Seconds under each word for the whole pipeline.
    pub words: Vec<(Word, u64)>,
    /// Seconds in which every partition's lag could be told, after the warm-up.
    pub told: u64,
    /// Seconds in which it could not, after the warm-up.
    pub untold: u64,
    /// The stretches in which some partition was behind, after the warm-up: each that lasted longer than those before.
    behind: Vec<Behind>,
    open: Option<Behind>,
    /// Since when nothing could be seen.
    dark_since: Option<Time>,
}

impl LagMeter {
    /// Looks at the session, a second after the look before.
    pub fn look(&mut self, at: Time, session: &Session, warm: bool) {
        let word = Health::of(session, at).word;
        match self.words.iter_mut().find(|(known, _)| *known == word) {
            Some((_, seconds)) => *seconds += 1,
            None => self.words.push((word, 1)),
        }
        if session.partitions.is_empty() {
            return;
        }
        let (mut behind, mut dark, mut total) = (false, false, 0);
        for (id, partition) in &session.partitions {
            let entry = self.partitions.entry(*id).or_default();
            let status = partition.status(at);
            *entry.statuses.entry(status).or_default() += 1;
            match status {
                Status::Blind | Status::NoPosition => dark = true,
                Status::Ok => {}
                Status::Draining | Status::Behind | Status::FallingBehind | Status::Rewound | Status::Stalled => {
                    behind = true;
                }
            }
            if status == Status::Blind {
                continue;
            }
            if let Some(Lag::Behind { events, missed }) = partition.lag() {
                entry.events.push(at, events);
                entry.missed = entry.missed.max(missed);
                total += events;
            }
            if let Some(oldest) = partition.time_lag().map(TimeLag::at_least) {
                entry.oldest.push(at, oldest);
                self.oldest.push(at, oldest);
            }
        }
        if !dark {
            self.events.push(at, total);
        }
        if warm {
            *(if dark { &mut self.untold } else { &mut self.told }) += 1;
            if !dark {
                self.events_after_warm_up.push(at, total);
            }
            self.follow(at, behind, dark);
        }
    }

    /// Goes on with the stretch that is open, or opens one, or closes it.
    fn follow(&mut self, at: Time, behind: bool, dark: bool) {
        let dark_since = self.dark_since.take();
        if behind {
            let open = self.open.get_or_insert(Behind {
                from: at,
                seen: Duration::ZERO,
                // It may have begun as soon as nothing could be seen.
                possible: dark_since.map_or(Duration::ZERO, |since| at.since(since)),
                over: false,
            });
            let before = open.seen;
            open.seen = at.since(open.from);
            open.possible += open.seen.saturating_sub(before);
        } else if dark {
            self.dark_since = Some(dark_since.unwrap_or(at));
        } else if let Some(open) = self.open.take() {
            let to = dark_since.unwrap_or(at);
            let seen = to.since(open.from).max(open.seen);
            let possible = open.possible + at.since(open.from).saturating_sub(open.seen);
            self.keep(Behind { seen, possible, over: true, ..open });
        }
    }

    fn keep(&mut self, stretch: Behind) {
        if self.behind.last().is_none_or(|longest| stretch.possible > longest.possible || stretch.seen > longest.seen) {
            self.behind.push(stretch);
        }
    }

    /// The stretches in which some partition was behind, each longer than those before it; the one that is not over last.
    pub fn behind(&self) -> impl Iterator<Item = Behind> + '_ {
        self.behind.iter().copied().chain(self.open)
    }
}
