//! The audit: an event is lost only when that is certain.
//!
//! The argument, step by step:
//!
//! 1. A mark is taken: these events are acknowledged, so they are in the log.
//! 2. Log ends are read after it. Of each partition the *second* answer after the mark is taken, since the first may
//!    have been asked for before the mark. Every event of the mark lies at or before these log ends.
//! 3. Every partition's position reaches its log end. A processor moves its position only past what is stored, so from
//!    then on every event of the mark that will be stored is stored.
//! 4. The store's change feed is read to its end, by a read that began after that. Whatever of the mark it has not shown
//!    is not there: it is lost.
//!
//! A store whose items expire bends the last step: what it has not shown may have been there and be gone. So wherever the
//! feed was not read whole for longer than the store keeps its items, and wherever the log or the store began anew,
//! [`Ledger::forget_unseen`] takes what was not seen by then out of the judgement, for good: it is neither stored nor
//! lost.
//!
//! Until all four have happened the last judgement stands. A processor that does move its position past events that it
//! did not store (Azure Functions does so when the function fails) is exactly what this finds.

use std::collections::BTreeMap;

use super::{Ledger, Mark, Missing};
use crate::model::observation::{Fact, Observation, Position};
use crate::model::units::{PartitionId, SequenceNumber, Time};

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The events of the mark that are not in the store and can't be on their way.
    pub lost: Missing,
    /// How many events of the mark it covers: all but those beyond knowing.
    pub judged: u64,
    /// When it was certain.
    pub at: Time,
}

/// How far an audit is on one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Waiting for log ends: how many answers came since the mark.
    LogEnd { answers: u8 },
    /// Waiting for the position to reach this log end.
    Position(SequenceNumber),
    /// The position was seen there at this time.
    Reached(Time),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pending {
    mark: Mark,
    taken_at: Time,
    partitions: BTreeMap<PartitionId, Stage>,
}

/// A row of audits, one after the other.
///
/// ```
/// use streamgauge::model::ledger::{Audit, EventKey, Ledger};
/// use streamgauge::model::observation::{Fact, LogEnd, Observation, PartitionPosition, Position};
/// use streamgauge::model::units::{DeviceIndex, PartitionId, SequenceNumber, Time};
///
/// let partition = PartitionId(0);
/// let log_end = |at, last| Observation {
///     at: Time::from_millis(at),
///     fact: Fact::LogEnd(LogEnd {
///         partition,
///         earliest: SequenceNumber(0),
///         last: SequenceNumber(last),
///         last_enqueued_at: None,
///     }),
/// };
/// let position = |at, last| Observation {
///     at: Time::from_millis(at),
///     fact: Fact::Position(PartitionPosition {
///         partition,
///         position: Some(Position::LastRead(SequenceNumber(last))),
///         written_at: None,
///         owner: None,
///     }),
/// };
///
/// let mut ledger = Ledger::default();
/// for sequence in 0..2 {
///     let key = EventKey { device: DeviceIndex(7), sequence };
///     ledger.sent(key);
///     ledger.acknowledged(key);
/// }
/// let mut audit = Audit::default();
/// audit.begin(ledger.mark(), 1, Time::from_millis(0));
/// audit.observe(&log_end(10, 1)); // perhaps asked for before the mark
/// audit.observe(&log_end(20, 1));
/// audit.observe(&position(30, 1));
/// ledger.stored(EventKey { device: DeviceIndex(7), sequence: 0 });
/// assert!(audit.feed_read(Time::from_millis(25), &ledger).is_none()); // began too early
/// let judgement = audit.feed_read(Time::from_millis(40), &ledger).unwrap();
/// assert_eq!((judgement.lost.events, judgement.judged), (1, 2));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    pending: Option<Pending>,
    last: Option<Judgement>,
    /// The consumer group whose processor fills the store: the one that was watched first.
    group: Option<String>,
    /// Positions are those of another group, which say nothing of the store.
    elsewhere: bool,
    /// The last log end of each partition.
    ends: BTreeMap<PartitionId, SequenceNumber>,
    /// A log began anew: what was in the one before may never be processed.
    log_began_anew: bool,
}

impl Audit {
    /// Whether no audit is under way: time to take a mark.
    pub const fn is_idle(&self) -> bool {
        self.pending.is_none()
    }

    /// Begins an audit of a log with so many partitions, with a mark that was taken at this time. One that is under way
    /// is dropped.
    pub fn begin(&mut self, mark: Mark, partitions: u32, taken_at: Time) {
        let partitions = (0..partitions).map(|id| (PartitionId(id), Stage::LogEnd { answers: 0 })).collect();
        self.pending = Some(Pending { mark, taken_at, partitions });
    }

    /// Takes note of log ends and positions; other facts are passed over. For each partition they must come in the
    /// order in which they were seen.
    pub fn observe(&mut self, observation: &Observation) {
        if let Fact::Group(group) = &observation.fact {
            self.elsewhere = self.group.get_or_insert_with(|| group.clone()) != group;
        }
        if let Fact::LogEnd(end) = &observation.fact
            && self.ends.insert(end.partition, end.last).is_some_and(|before| end.last < before)
        {
            self.pending = None;
            self.log_began_anew = true;
        }
        let Some(pending) = &mut self.pending else { return };
        if observation.at < pending.taken_at {
            return;
        }
        match &observation.fact {
            Fact::LogEnd(end) => {
                let Some(stage) = pending.partitions.get_mut(&end.partition) else { return };
                *stage = match *stage {
                    Stage::LogEnd { answers: 0 } => Stage::LogEnd { answers: 1 },
                    // Nothing was ever in this partition, so there is nothing to reach.
                    Stage::LogEnd { .. } if end.last <= SequenceNumber::NONE => Stage::Reached(observation.at),
                    Stage::LogEnd { .. } => Stage::Position(end.last),
                    further => further,
                };
            }
            Fact::Position(seen) if !self.elsewhere => {
                let Some(stage) = pending.partitions.get_mut(&seen.partition) else { return };
                if let (Stage::Position(end), Some(position)) = (*stage, seen.position)
                    && reaches(position, end)
                {
                    *stage = Stage::Reached(observation.at);
                }
            }
            _ => {}
        }
    }

    /// Whether a log began anew since this was asked last. What was sent and not stored by then is beyond knowing: it may
    /// have been deleted with its log.
    pub fn take_log_began_anew(&mut self) -> bool {
        std::mem::take(&mut self.log_began_anew)
    }

    /// The store's change feed was read to its end by a read that began at `began`, and all that it showed is in the
    /// ledger. Comes back with a judgement if there is one now.
    pub fn feed_read(&mut self, began: Time, ledger: &Ledger) -> Option<&Judgement> {
        let pending = self.pending.as_ref()?;
        let certain = pending.partitions.values().all(|stage| matches!(stage, Stage::Reached(at) if *at <= began));
        if !certain {
            return None;
        }
        let (lost, judged) = (ledger.missing(&pending.mark), ledger.judged(&pending.mark));
        self.last = Some(Judgement { lost, judged, at: began });
        self.pending = None;
        self.last.as_ref()
    }

    /// The last judgement.
    pub const fn judgement(&self) -> Option<&Judgement> {
        self.last.as_ref()
    }

    /// The partitions that the audit waits for, with what it waits for: the log end that the position must reach, or
    /// `None` while the log end itself is not known.
    pub fn waits_for(&self) -> impl Iterator<Item = (PartitionId, Option<SequenceNumber>)> + '_ {
        let partitions = self.pending.iter().flat_map(|pending| &pending.partitions);
        partitions.filter_map(|(partition, stage)| match stage {
            Stage::LogEnd { .. } => Some((*partition, None)),
            Stage::Position(end) => Some((*partition, Some(*end))),
            Stage::Reached(_) => None,
        })
    }
}

fn reaches(position: Position, end: SequenceNumber) -> bool {
    match position {
        Position::LastRead(last) => last >= end,
        Position::NextToRead(next) => next > end,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::ledger::EventKey;
    use crate::model::observation::{LogEnd, PartitionPosition};
    use crate::model::units::DeviceIndex;

    fn log_end(at: i64, partition: u32, last: i64) -> Observation {
        let fact = Fact::LogEnd(LogEnd {
            partition: PartitionId(partition),
            earliest: SequenceNumber(0),
            last: SequenceNumber(last),
            last_enqueued_at: None,
        });
        Observation { at: Time::from_millis(at), fact }
    }

    fn position(at: i64, partition: u32, position: Option<Position>) -> Observation {
        let partition = PartitionId(partition);
        Observation {
            at: Time::from_millis(at),
            fact: Fact::Position(PartitionPosition { partition, position, written_at: None, owner: None }),
        }
    }

    #[test]
    fn an_empty_partition_needs_no_position() {
        let mut audit = Audit::default();
        audit.begin(Mark::default(), 1, Time::from_millis(0));
        audit.observe(&log_end(1, 0, -1));
        audit.observe(&log_end(2, 0, -1));
        assert!(audit.feed_read(Time::from_millis(3), &Ledger::default()).is_some());
    }

    #[test]
    fn next_to_read_must_lie_beyond_the_log_end() {
        let mut audit = Audit::default();
        audit.begin(Mark::default(), 1, Time::from_millis(0));
        audit.observe(&log_end(1, 0, 5));
        audit.observe(&log_end(2, 0, 5));
        audit.observe(&position(3, 0, Some(Position::NextToRead(SequenceNumber(5)))));
        assert_eq!(audit.waits_for().collect::<Vec<_>>(), [(PartitionId(0), Some(SequenceNumber(5)))]);
        audit.observe(&position(4, 0, Some(Position::NextToRead(SequenceNumber(6)))));
        assert_eq!(audit.waits_for().count(), 0);
    }

    #[test]
    fn positions_of_another_group_prove_nothing() {
        let mut audit = Audit::default();
        let group = |at, name: &str| Observation { at: Time::from_millis(at), fact: Fact::Group(name.into()) };
        audit.observe(&group(0, "cosmos"));
        audit.begin(Mark::default(), 1, Time::from_millis(0));
        audit.observe(&log_end(1, 0, 5));
        audit.observe(&log_end(2, 0, 5));
        audit.observe(&group(3, "backup"));
        audit.observe(&position(4, 0, Some(Position::LastRead(SequenceNumber(5)))));
        assert_eq!(audit.waits_for().count(), 1, "the store is filled by the other group's processor");
        audit.observe(&group(5, "cosmos"));
        audit.observe(&position(6, 0, Some(Position::LastRead(SequenceNumber(5)))));
        assert_eq!(audit.waits_for().count(), 0);
    }

    /// A pipeline in miniature: events go into a log, the processor stores them in order (or drops one), the feed shows
    /// them later. Whatever the interleaving, an event that is stored in the end is never called lost.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        Send(u32),
        Process(u32),
        ReadLogEnds,
        ReadPositions,
        ReadFeed,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0_u32..2).prop_map(Step::Send),
            3 => (0_u32..2).prop_map(Step::Process),
            1 => Just(Step::ReadLogEnds),
            1 => Just(Step::ReadPositions),
            1 => Just(Step::ReadFeed),
        ]
    }

    proptest! {
        #[test]
        fn only_what_the_processor_dropped_is_ever_lost(
            steps in prop::collection::vec(step(), 0..200), drop_every in prop_oneof![Just(0_u64), 2_u64..6],
        ) {
            let (mut ledger, mut audit) = (Ledger::default(), Audit::default());
            let mut log: [Vec<EventKey>; 2] = Default::default();
            let (mut processed, mut dropped) = ([0_usize; 2], Vec::new());
            let mut store = Vec::new();
            for (at, step) in steps.into_iter().enumerate() {
                let now = i64::try_from(at).unwrap();
                match step {
                    Step::Send(p) => {
                        let sequence = log[p as usize].len() as u64;
                        let key = EventKey { device: DeviceIndex(p), sequence };
                        ledger.sent(key);
                        ledger.acknowledged(key);
                        log[p as usize].push(key);
                    }
                    Step::Process(p) => {
                        if let Some(key) = log[p as usize].get(processed[p as usize]) {
                            processed[p as usize] += 1;
                            if drop_every > 0 && key.sequence % drop_every == 0 { dropped.push(*key) } else { store.push(*key) }
                        }
                    }
                    Step::ReadLogEnds => {
                        if audit.is_idle() {
                            audit.begin(ledger.mark(), 2, Time::from_millis(now));
                        }
                        for p in 0..2 { audit.observe(&log_end(now, p, i64::try_from(log[p as usize].len()).unwrap() - 1)); }
                    }
                    Step::ReadPositions => for p in 0..2 {
                        let next = SequenceNumber(i64::try_from(processed[p as usize]).unwrap());
                        audit.observe(&position(now, p, Some(Position::NextToRead(next))));
                    },
                    Step::ReadFeed => {
                        for key in store.drain(..) {
                            ledger.stored(key);
                        }
                        if let Some(judgement) = audit.feed_read(Time::from_millis(now), &ledger) {
                            for (device, first, last) in &judgement.lost.runs {
                                for sequence in *first..=*last {
                                    let key = EventKey { device: *device, sequence };
                                    prop_assert!(dropped.contains(&key));
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
