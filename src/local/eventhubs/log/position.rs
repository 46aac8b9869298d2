//! Where a receiver begins: the filter that clients put on the source of their link.

use super::{EnqueuedTime, Offset, SequenceNumber};

/// A place in a partition, as a client names it.
///
/// Clients write it as a condition on one annotation: `amqp.annotation.x-opt-sequence-number >= '17'`. An offset
/// of -1 stands before every event, and `@latest` behind the last that is enqueued now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartPosition {
    Latest { inclusive: bool },
    Offset { offset: Offset, inclusive: bool },
    SequenceNumber { number: SequenceNumber, inclusive: bool },
    EnqueuedTime { time: EnqueuedTime, inclusive: bool },
}

impl StartPosition {
    /// Reads a filter; none where it is not of the form above.
    pub(crate) fn parse(filter: &str) -> Option<Self> {
        let (annotation, comparison) = filter.split_once('>')?;
        let (inclusive, quoted) = match comparison.strip_prefix('=') {
            Some(quoted) => (true, quoted),
            None => (false, comparison),
        };
        let value = quoted.trim().strip_prefix('\'')?.strip_suffix('\'')?;
        match annotation.trim().strip_prefix("amqp.annotation.x-opt-")? {
            "offset" if value == "@latest" => Some(Self::Latest { inclusive }),
            "offset" => Some(Self::Offset { offset: Offset(value.parse().ok()?), inclusive }),
            "sequence-number" => Some(Self::SequenceNumber { number: SequenceNumber(value.parse().ok()?), inclusive }),
            "enqueued-time" => Some(Self::EnqueuedTime { time: EnqueuedTime(value.parse().ok()?), inclusive }),
            _ => None,
        }
    }
}
