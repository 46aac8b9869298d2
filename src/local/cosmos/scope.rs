//! Which part of a container a feed or a query reads: one physical partition, or what lies in it of some keys.
//!
//! | header of the request | reads |
//! |---|---|
//! | `x-ms-documentdb-partitionkey: ["device-7"]` | one logical partition |
//! | `x-ms-documentdb-partitionkeyrangeid: 1` | one physical partition |
//! | that with `x-ms-start-epk` and `x-ms-end-epk` | the keys between them, in that partition |

use std::sync::Arc;

use super::account::Container;
use super::epk::{EffectivePartitionKey, KeyRange};
use super::partition::{Lsn, Page, PageLimit, Partition, State};
use super::reply::Answer;
use super::request::{Asked, BadKeyHeader};

/// What a request reads from.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub(super) partition: Arc<Partition>,
    pub(super) one_key: Option<EffectivePartitionKey>,
    keys: KeyRange,
}

/// Why there is nothing to read from.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScopeProblem {
    #[error(transparent)]
    BadKey(#[from] BadKeyHeader),
    #[error("There is no partition key range {0:?}: read the ranges again.")]
    NoSuchRange(String),
    #[error("The keys lie in more than one partition key range: read the ranges again.")]
    ManyRanges,
    #[error("A feed is read from one range at a time: send x-ms-documentdb-partitionkeyrangeid or a partition key.")]
    NoRange,
}

impl ScopeProblem {
    pub(super) fn answer(&self) -> Answer {
        match self {
            Self::BadKey(_) | Self::NoRange => Answer::bad_request(&self.to_string()),
            Self::NoSuchRange(_) | Self::ManyRanges => Answer::range_gone(&self.to_string()),
        }
    }
}

impl Scope {
    /// What the headers name.
    pub(super) fn of(asked: &Asked, container: &Container) -> Result<Self, ScopeProblem> {
        if let Some(key) = asked.partition_key()? {
            let partition = container.partition_of(key).ok_or(ScopeProblem::NoRange)?;
            return Ok(Self { partition, keys: KeyRange::only(key), one_key: Some(key) });
        }
        let keys = asked.key_range();
        let scope = |partition| Self { partition, keys: keys.unwrap_or(KeyRange::ALL), one_key: None };
        if let Some(id) = asked.range_id() {
            let partition = container.partitions().iter().find(|partition| partition.id.to_string() == id).cloned();
            return partition.map(scope).ok_or_else(|| ScopeProblem::NoSuchRange(id.to_owned()));
        }
        let keys = keys.ok_or(ScopeProblem::NoRange)?;
        let partitions = container.partitions();
        let mut touched = partitions.iter().filter(|partition| partition.range.overlaps(keys));
        match (touched.next(), touched.next()) {
            (Some(partition), None) => Ok(scope(partition.clone())),
            _ => Err(ScopeProblem::ManyRanges),
        }
    }

    /// One physical partition.
    pub(super) fn of_range(container: &Container, id: u32) -> Result<Self, ScopeProblem> {
        let partition = container.partitions().iter().find(|partition| partition.id == id).cloned();
        let partition = partition.ok_or_else(|| ScopeProblem::NoSuchRange(id.to_string()))?;
        Ok(Self { partition, keys: KeyRange::ALL, one_key: None })
    }

    /// What was written in it after a position. It costs as much as was written in the whole partition since, but not
    /// more because much is stored.
    pub(super) fn changes(&self, state: &State, position: Lsn, limit: PageLimit) -> Page {
        state.items.after(position, self.keys, limit)
    }

    /// What it holds after a position: of one key without looking at others.
    pub(super) fn items(&self, state: &State, position: Lsn, limit: PageLimit) -> Page {
        match self.one_key {
            Some(key) => state.items.of_key(key, position, limit),
            None => state.items.after(position, self.keys, limit),
        }
    }
}
