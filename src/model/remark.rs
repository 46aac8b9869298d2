//! What is to be said of one partition beyond its figures: at most one sentence, the gravest first.

use std::time::Duration;

use super::lag::Lag;
use super::observation::Position;
use super::ownership::{Holding, Ownership};
use super::partition::Partition;
use super::units::{SequenceNumber, Time};
use crate::figures;

impl Partition {
    /// One sentence on what is wrong or strange here; `None` where there is nothing to add to the status.
    ///
    /// In order: a checkpoint that can't be used, a position that is not one on this log, events that were dropped
    /// before they were read, events that soon will be, an owner that is silent, owners that change too often, no
    /// checkpoint at all.
    pub fn remark(&self, now: Time) -> Option<String> {
        self.checkpoint_note()
            .map(str::to_owned)
            .or_else(|| self.beyond(now))
            .or_else(|| self.missed())
            .or_else(|| self.soon_missed(now))
            .or_else(|| self.silent_owner(now))
            .or_else(|| self.restless_owners(now))
            .or_else(|| self.no_position())
    }

    fn beyond(&self, now: Time) -> Option<String> {
        let (position, log_end) = (self.position().filter(|_| self.is_beyond(now))?, self.log_end()?);
        let position = match position {
            Position::LastRead(last) => last.0,
            Position::NextToRead(next) => next.0.saturating_sub(1),
        };
        let log = match log_end.last {
            SequenceNumber::NONE => "though the log reports no event".to_owned(),
            last => format!("past the log end {}", figure(last.0)),
        };
        let why = match self.began_anew() {
            Some(_) => "the log began anew; the processor has to begin anew as well",
            None => "it was written for another hub, or before this one was made anew",
        };
        Some(format!("its checkpoint is at {}, {log}: {why}", figure(position)))
    }

    fn missed(&self) -> Option<String> {
        match self.lag()? {
            Lag::Behind { missed: missed @ 1.., .. } => Some(format!(
                "{} events were dropped by the log's retention before they were read: read faster, or keep them longer",
                figures::count(missed)
            )),
            _ => None,
        }
    }

    fn soon_missed(&self, now: Time) -> Option<String> {
        let after = self.retention_loss(now).filter(|after| *after < Duration::from_secs(86_400))?;
        Some(format!("at this pace the log's retention drops unread events in {}", figures::span(after)))
    }

    fn silent_owner(&self, now: Time) -> Option<String> {
        let holder = self.holder(now)?;
        match holder.holding {
            Holding::Expired { silent_for: Some(span) } => Some(format!(
                "its owner {} has not renewed its ownership for {}: see whether it runs",
                holder.owner,
                figures::span(span)
            )),
            Holding::Expired { silent_for: None } => {
                Some(format!("the lease of its owner {} has ended: see whether it runs", holder.owner))
            }
            Holding::Holds | Holding::Unknown => None,
        }
    }

    /// Three changes: one more than a rolling restart needs, which hands a partition on and perhaps back.
    fn restless_owners(&self, now: Time) -> Option<String> {
        let changes = self.ownership().changes_lately(now);
        (changes >= 3).then(|| {
            let minutes = Ownership::LATELY.as_secs() / 60;
            format!("it changed hands {changes} times within {minutes} min: its processors restart, or fight over it")
        })
    }

    fn no_position(&self) -> Option<String> {
        match self.lag()? {
            Lag::NoPosition { retained } => {
                Some(format!("no checkpoint was found; the log holds {} events", figures::count(retained)))
            }
            Lag::Behind { .. } => None,
        }
    }
}

fn figure(value: i64) -> String {
    u64::try_from(value).map_or_else(|_| value.to_string(), figures::count)
}
