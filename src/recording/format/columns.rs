//! Runs of facts of one kind as columns: a look at 32 partitions is one line of arrays.
//!
//! Columns that did not change since the line before cost a few bytes in a compressed frame, however long they are, and
//! those that did change stand beside their like.

use serde::{Deserialize, Serialize};

use super::{at_offset, offset};
use crate::model::observation::{
    Checkpoint, CheckpointForm, Fact, Hold, LogEnd, Observation, PartitionPosition, Position, StoreRange,
};
use crate::model::units::{Lsn, PartitionId, RangeId, SequenceNumber, Time};

/// A column that may have gaps; left out where it is nothing but gaps.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Sparse<T>(Vec<Option<T>>);

impl<T> Sparse<T> {
    fn is_blank(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// The values in order; gaps only, if the column was left out. `None` if it is too short.
    fn values(self, rows: usize) -> Option<impl Iterator<Item = Option<T>>> {
        let blank = self.0.is_empty();
        if !blank && self.0.len() != rows {
            return None;
        }
        Some(self.0.into_iter().map(Some).chain(std::iter::repeat_with(move || blank.then_some(None))).map_while(|v| v))
    }
}

/// Log ends of several partitions.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct LogEnds {
    partition: Vec<u32>,
    earliest: Vec<i64>,
    last: Vec<i64>,
    #[serde(default, skip_serializing_if = "Sparse::is_blank")]
    enqueued_ago: Sparse<i64>,
    after: Vec<i64>,
}

/// Positions on several partitions.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Positions {
    partition: Vec<u32>,
    #[serde(default, skip_serializing_if = "Sparse::is_blank")]
    last_read: Sparse<i64>,
    #[serde(default, skip_serializing_if = "Sparse::is_blank")]
    next_to_read: Sparse<i64>,
    #[serde(default, skip_serializing_if = "Sparse::is_blank")]
    written: Sparse<i64>,
    #[serde(default, skip_serializing_if = "Sparse::is_blank")]
    owner: Sparse<String>,
    after: Vec<i64>,
}

/// What stands beside the positions of several partitions.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Checkpoints {
    partition: Vec<u32>,
    /// A word for each form. One that a newer version writes is none to this one.
    #[serde(default, skip_serializing_if = "Sparse::is_blank")]
    form: Sparse<String>,
    #[serde(default, skip_serializing_if = "Sparse::is_blank")]
    renewed: Sparse<i64>,
    #[serde(default, skip_serializing_if = "Sparse::is_blank")]
    leased: Sparse<bool>,
    #[serde(default, skip_serializing_if = "Sparse::is_blank")]
    note: Sparse<String>,
    after: Vec<i64>,
}

/// Log sequence numbers of several physical partitions of the store.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct StoreRanges {
    range: Vec<String>,
    lsn: Vec<u64>,
    after: Vec<i64>,
}

impl LogEnds {
    pub(super) fn push(&mut self, base: Time, since: Time, at: Time, fact: &LogEnd) {
        self.partition.push(fact.partition.0);
        self.earliest.push(fact.earliest.0);
        self.last.push(fact.last.0);
        self.enqueued_ago.0.push(fact.last_enqueued_at.map(|enqueued| offset(enqueued, base)));
        self.after.push(offset(since, at));
    }

    pub(super) fn rows(self, base: Time, to: &mut Vec<Observation>) -> Option<()> {
        let Self { partition, earliest, last, enqueued_ago, after } = self;
        let rows = same_length(&[partition.len(), earliest.len(), last.len(), after.len()])?;
        let columns =
            partition.into_iter().zip(earliest).zip(last).zip(enqueued_ago.values(rows)?).zip(moments(base, after));
        to.extend(columns.map(|((((partition, earliest), last), ago), at)| Observation {
            at,
            fact: Fact::LogEnd(LogEnd {
                partition: PartitionId(partition),
                earliest: SequenceNumber(earliest),
                last: SequenceNumber(last),
                last_enqueued_at: ago.map(|ago| before(base, ago)),
            }),
        }));
        Some(())
    }
}

impl Positions {
    pub(super) fn push(&mut self, since: Time, at: Time, fact: &PartitionPosition) {
        let (last_read, next_to_read) = match fact.position {
            Some(Position::LastRead(number)) => (Some(number.0), None),
            Some(Position::NextToRead(number)) => (None, Some(number.0)),
            None => (None, None),
        };
        self.partition.push(fact.partition.0);
        self.last_read.0.push(last_read);
        self.next_to_read.0.push(next_to_read);
        self.written.0.push(fact.written_at.map(Time::as_micros));
        self.owner.0.push(fact.owner.clone());
        self.after.push(offset(since, at));
    }

    pub(super) fn rows(self, base: Time, to: &mut Vec<Observation>) -> Option<()> {
        let Self { partition, last_read, next_to_read, written, owner, after } = self;
        let rows = same_length(&[partition.len(), after.len()])?;
        let positions = last_read.values(rows)?.zip(next_to_read.values(rows)?);
        let checkpoints = written.values(rows)?.zip(owner.values(rows)?);
        let columns = partition.into_iter().zip(positions).zip(checkpoints).zip(moments(base, after));
        to.extend(columns.map(|(((partition, (last_read, next_to_read)), (written, owner)), at)| {
            Observation {
                at,
                fact: Fact::Position(PartitionPosition {
                    partition: PartitionId(partition),
                    position: last_read
                        .map(|number| Position::LastRead(SequenceNumber(number)))
                        .or(next_to_read.map(|number| Position::NextToRead(SequenceNumber(number)))),
                    written_at: written.map(Time::from_micros),
                    owner,
                }),
            }
        }));
        Some(())
    }
}

pub(super) fn form_word(form: CheckpointForm) -> &'static str {
    match form {
        CheckpointForm::Metadata => "metadata",
        CheckpointForm::Functions => "functions",
        CheckpointForm::Go => "go",
        CheckpointForm::Dapr => "dapr",
        CheckpointForm::Host => "host",
    }
}

/// The form of a word; `None` for one that a newer version writes.
pub(super) fn form_of(word: &str) -> Option<CheckpointForm> {
    CheckpointForm::ALL.into_iter().find(|form| form_word(*form) == word)
}

impl Checkpoints {
    pub(super) fn push(&mut self, since: Time, at: Time, fact: &Checkpoint) {
        let (renewed, leased) = match fact.hold {
            Some(Hold::Renewed(at)) => (Some(at.as_micros()), None),
            Some(Hold::Lease { stands }) => (None, Some(stands)),
            None => (None, None),
        };
        self.partition.push(fact.partition.0);
        self.form.0.push(fact.form.map(|form| form_word(form).to_owned()));
        self.renewed.0.push(renewed);
        self.leased.0.push(leased);
        self.note.0.push(fact.note.clone());
        self.after.push(offset(since, at));
    }

    pub(super) fn rows(self, base: Time, to: &mut Vec<Observation>) -> Option<()> {
        let Self { partition, form, renewed, leased, note, after } = self;
        let rows = same_length(&[partition.len(), after.len()])?;
        let holds = renewed.values(rows)?.zip(leased.values(rows)?);
        let told = form.values(rows)?.zip(note.values(rows)?);
        let columns = partition.into_iter().zip(told).zip(holds).zip(moments(base, after));
        to.extend(columns.map(|(((partition, (form, note)), (renewed, leased)), at)| {
            let form = form.and_then(|word| form_of(&word));
            let renewed = renewed.map(|at| Hold::Renewed(Time::from_micros(at)));
            let hold = renewed.or(leased.map(|stands| Hold::Lease { stands }));
            Observation {
                at,
                fact: Fact::Checkpoint(Checkpoint { partition: PartitionId(partition), form, hold, note }),
            }
        }));
        Some(())
    }
}

impl StoreRanges {
    pub(super) fn push(&mut self, since: Time, at: Time, fact: &StoreRange) {
        self.range.push(fact.range.0.clone());
        self.lsn.push(fact.lsn.0);
        self.after.push(offset(since, at));
    }

    pub(super) fn rows(self, base: Time, to: &mut Vec<Observation>) -> Option<()> {
        let Self { range, lsn, after } = self;
        same_length(&[range.len(), lsn.len(), after.len()])?;
        to.extend(range.into_iter().zip(lsn).zip(moments(base, after)).map(|((range, lsn), at)| Observation {
            at,
            fact: Fact::StoreRange(StoreRange { range: RangeId(range), lsn: Lsn(lsn) }),
        }));
        Some(())
    }
}

/// When each fact was seen: `after` holds the gaps between them.
fn moments(base: Time, after: Vec<i64>) -> impl Iterator<Item = Time> {
    after.into_iter().scan(base, |at, gap| {
        *at = at_offset(*at, gap);
        Some(*at)
    })
}

fn before(base: Time, ago: i64) -> Time {
    Time::from_micros(base.as_micros().wrapping_sub(ago))
}

/// The length that all columns share, if they do.
fn same_length(lengths: &[usize]) -> Option<usize> {
    let first = *lengths.first()?;
    lengths.iter().all(|length| *length == first).then_some(first)
}
