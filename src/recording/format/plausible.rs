//! What a reader takes for a measurement. A file can hold any number, and sums of absurd ones would overflow.

use std::time::Duration;

use crate::model::observation::{
    Checkpoint, Fact, Hold, IngestCapacity, LogEnd, Observation, PartitionPosition, StationState,
};
use crate::model::units::{SequenceNumber, Time};

/// Counts and times up to here: also what a JSON number can hold exactly in most programs. As microseconds since the
/// epoch it is the year 2255.
const HIGHEST: u64 = 1 << 53;

/// More partitions than any hub has. Each takes memory.
const MOST_PARTITIONS: u32 = 8_192;

/// More physical partitions than any container has.
const MOST_RANGES: usize = 65_536;

/// More consumer groups than a hub can have: 1,000 of a Dedicated one.
const MOST_GROUPS: usize = 4_096;

/// More throughput units than a namespace can have, which is 40.
const MOST_UNITS: u32 = 1 << 20;

/// Nothing is looked at so seldom.
const LONGEST_ROUND: Duration = Duration::from_secs(3_600);

/// Whether all numbers of an observation are such as can be measured.
pub(super) fn is_plausible(observation: &Observation) -> bool {
    is_time(observation.at)
        && match &observation.fact {
            Fact::LogEnd(LogEnd { partition, earliest, last, last_enqueued_at }) => {
                partition.0 < MOST_PARTITIONS
                    && is_number(*earliest)
                    && is_number(*last)
                    && last_enqueued_at.is_none_or(is_time)
            }
            Fact::Position(PartitionPosition { partition, position, written_at, .. }) => {
                partition.0 < MOST_PARTITIONS
                    && position.is_none_or(|position| is_number(position.next()))
                    && written_at.is_none_or(is_time)
            }
            Fact::Checkpoint(Checkpoint { partition, hold, .. }) => {
                partition.0 < MOST_PARTITIONS
                    && match hold {
                        Some(Hold::Renewed(at)) => is_time(*at),
                        Some(Hold::Lease { .. }) | None => true,
                    }
            }
            Fact::Hub(hub) => {
                hub.partitions <= MOST_PARTITIONS
                    && hub.created_at.is_none_or(is_time)
                    && hub.failovers.is_none_or(|count| count <= HIGHEST)
            }
            Fact::IngestCapacity(IngestCapacity::ThroughputUnits(units)) => *units <= MOST_UNITS,
            Fact::Groups(found) => {
                found.groups.len() <= MOST_GROUPS
                    && found.groups.iter().all(|group| group.written_at.is_none_or(is_time))
            }
            Fact::StoreRange(range) => range.lsn.0 <= HIGHEST,
            Fact::StoreRanges(ranges) => ranges.len() <= MOST_RANGES,
            Fact::Stored(stored) => stored.items <= HIGHEST,
            Fact::Probe(f) => are_counts(&[f.calls, f.throttled]) && f.round <= LONGEST_ROUND,
            Fact::Processor(f) => {
                are_counts(&[f.received, f.written, f.throttled, f.failed, f.checkpoints, f.rejected])
            }
            Fact::Load(f) => are_counts(&[f.due, f.sent, f.acknowledged, f.failed, f.acknowledged_bytes]),
            Fact::Tally(f) => are_counts(&[
                f.sent,
                f.copies,
                f.acknowledged,
                f.stored,
                f.unconfirmed,
                f.lost,
                f.judged,
                f.duplicated,
                f.foreign,
                f.unknowable,
                f.order.map_or(0, |order| order.late),
                f.order.map_or(0, |order| order.undecided),
            ]),
            Fact::Station(_, StationState::Retrying { next_attempt, .. }) => is_time(*next_attempt),
            Fact::Station(..) | Fact::Group(_) | Fact::Provisioned(_) | Fact::Mark(_) => true,
        }
}

fn are_counts(counts: &[u64]) -> bool {
    counts.iter().all(|count| *count <= HIGHEST)
}

fn is_number(number: SequenceNumber) -> bool {
    number.0 >= -1 && number.0.unsigned_abs() <= HIGHEST
}

fn is_time(time: Time) -> bool {
    u64::try_from(time.as_micros()).is_ok_and(|micros| micros <= HIGHEST)
}
