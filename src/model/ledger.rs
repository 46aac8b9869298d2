//! The ledger: which of our own events were sent, acknowledged and stored, by device and sequence number. Exact.
//!
//! A set of sequence numbers is kept as intervals, usually one for each device, so that a billion events cost no more
//! than a thousand. Worked example, one device:
//!
//! | what happens | sent | acknowledged | stored |
//! |---|---|---|---|
//! | events 0 to 9 are handed to the client | 0-9 | | |
//! | a batch of 0 to 4 is acknowledged | 0-9 | 0-4 | |
//! | **a mark is taken**: 0-4 | 0-9 | 0-4 | |
//! | the store's change feed shows 0, 1, 3, 4 | 0-9 | 0-4 | 0-1, 3-4 |
//!
//! `missing(mark)` is now 2: acknowledged at the mark and not stored. Whether it is *lost* is another matter, since it
//! may still be on its way: see [`Audit`].

mod audit;
mod intervals;
mod order;

use std::collections::HashMap;

pub use self::audit::{Audit, Judgement};
pub use self::intervals::Intervals;
pub use self::order::StoreOrder;
use super::observation::TallyFigures;
use super::units::DeviceIndex;

/// An event of ours: which device sent it, and which of that device's events it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey {
    /// The device.
    pub device: DeviceIndex,
    /// The device's own count, from 0.
    pub sequence: u64,
}

/// What became of one device's events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Record {
    sent: Intervals,
    acknowledged: Intervals,
    given_up: Intervals,
    stored: Intervals,
    /// Sent, not stored as far as was seen, and not to be known any more.
    beyond_knowing: Intervals,
}

impl Record {
    /// Those that are neither stored nor beyond knowing, of some that were acknowledged.
    fn missing_of(&self, acknowledged: &Intervals) -> Vec<(u64, u64)> {
        let unseen: Intervals = acknowledged.without(&self.stored).into_iter().collect();
        unseen.without(&self.beyond_knowing)
    }

    /// How many of some that were acknowledged are beyond knowing.
    fn unknowable_of(&self, acknowledged: &Intervals) -> u64 {
        if self.beyond_knowing.is_empty() {
            return 0;
        }
        let unseen: Intervals = acknowledged.without(&self.stored).into_iter().collect();
        count(unseen.iter()) - count(unseen.without(&self.beyond_knowing))
    }
}

fn count(runs: impl IntoIterator<Item = (u64, u64)>) -> u64 {
    runs.into_iter().map(|(first, last)| last - first + 1).sum()
}

/// What became of our own events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    devices: HashMap<DeviceIndex, Record>,
    sent: u64,
    copies: u64,
    acknowledged: u64,
    stored: u64,
    unconfirmed: u64,
    foreign: u64,
}

/// What an event is that the store's change feed shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// One of ours, for the first time.
    First,
    /// The same, of one of which nothing was to be known any more.
    AtLast,
    /// One of ours that was seen before.
    Repeat,
    /// None of ours.
    Foreign,
}

/// What was acknowledged at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    acknowledged: HashMap<DeviceIndex, Intervals>,
    events: u64,
}

/// Events that were acknowledged at a mark and are not stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Missing {
    /// How many.
    pub events: u64,
    /// Which: device, first and last sequence number of each run; by device, at most [`Missing::RUNS`] of them.
    pub runs: Vec<(DeviceIndex, u64, u64)>,
}

impl Missing {
    /// How many runs are listed at most.
    pub const RUNS: usize = 1_000;
}

impl Ledger {
    /// An event is about to be handed to the client. To be entered before the client has it, so that it can't be seen
    /// in the store before. Sending it again changes nothing.
    pub fn sent(&mut self, key: EventKey) {
        if self.devices.entry(key.device).or_default().sent.insert(key.sequence) {
            self.sent += 1;
        }
    }

    /// A copy of an event is sent on purpose.
    pub fn copied(&mut self) {
        self.copies += 1;
    }

    /// The service acknowledged an event.
    pub fn acknowledged(&mut self, key: EventKey) {
        let record = self.devices.entry(key.device).or_default();
        if record.acknowledged.insert(key.sequence) {
            self.acknowledged += 1;
        }
    }

    /// The load driver gave an event up after its last attempt: it may or may not be in the log.
    pub fn given_up(&mut self, key: EventKey) {
        let record = self.devices.entry(key.device).or_default();
        if record.given_up.insert(key.sequence) && !record.stored.contains(key.sequence) {
            self.unconfirmed += 1;
        }
    }

    /// The store's change feed showed an event. One that was never sent is foreign: of another load, or of an earlier
    /// session. An event that is seen twice (a copy, a repeat after a restart) counts once.
    pub fn stored(&mut self, key: EventKey) -> Sighting {
        let Some(record) = self.devices.get_mut(&key.device).filter(|record| record.sent.contains(key.sequence)) else {
            self.foreign += 1;
            return Sighting::Foreign;
        };
        if !record.stored.insert(key.sequence) {
            return Sighting::Repeat;
        }
        self.stored += 1;
        if record.given_up.contains(key.sequence) {
            self.unconfirmed = self.unconfirmed.saturating_sub(1);
        }
        if record.beyond_knowing.contains(key.sequence) { Sighting::AtLast } else { Sighting::First }
    }

    /// The store's change feed showed an item that can't be one of our events at all.
    pub fn foreign(&mut self) {
        self.foreign += 1;
    }

    /// The store kept its items for less long than it was not looked at: whatever was sent by now and was not seen may
    /// have been stored and have expired, or be still on its way. It is never called lost. Should it turn up, it counts as
    /// stored all the same. Gives how many it newly is that nothing can be known of.
    pub fn forget_unseen(&mut self) -> u64 {
        let forgotten = self.unseen();
        for record in self.devices.values_mut() {
            // This includes what was so before and has not turned up.
            record.beyond_knowing = record.sent.without(&record.stored).into_iter().collect();
        }
        forgotten
    }

    /// How many were sent and not seen in the store, less what is beyond knowing.
    pub fn unseen(&self) -> u64 {
        self.devices.values().map(|record| count(record.missing_of(&record.sent))).sum()
    }

    /// Acknowledged events of which nothing can be known any more.
    fn unknowable(&self) -> u64 {
        self.devices.values().map(|record| record.unknowable_of(&record.acknowledged)).sum()
    }

    /// How many events of a mark can be judged: all but those beyond knowing.
    pub fn judged(&self, mark: &Mark) -> u64 {
        let beyond: u64 = mark
            .acknowledged
            .iter()
            .filter_map(|(device, acknowledged)| Some(self.devices.get(device)?.unknowable_of(acknowledged)))
            .sum();
        mark.events - beyond
    }

    /// What is acknowledged now.
    pub fn mark(&self) -> Mark {
        let acknowledged = self
            .devices
            .iter()
            .filter(|(_, record)| !record.acknowledged.is_empty())
            .map(|(device, record)| (*device, record.acknowledged.clone()))
            .collect();
        Mark { acknowledged, events: self.acknowledged }
    }

    /// What was acknowledged at a mark and is not stored, less what is beyond knowing.
    pub fn missing(&self, mark: &Mark) -> Missing {
        let mut missing = Missing::default();
        let mut devices: Vec<_> = mark.acknowledged.iter().collect();
        devices.sort_unstable_by_key(|(device, _)| **device);
        let nothing = Record::default();
        for (device, acknowledged) in devices {
            let record = self.devices.get(device).unwrap_or(&nothing);
            for (first, last) in record.missing_of(acknowledged) {
                missing.events += last - first + 1;
                if missing.runs.len() < Missing::RUNS {
                    missing.runs.push((*device, first, last));
                }
            }
        }
        missing
    }

    /// The figures so far; `judgement` is the last that an [`Audit`] came to.
    pub fn figures(&self, judgement: Option<&Judgement>) -> TallyFigures {
        TallyFigures {
            sent: self.sent,
            copies: self.copies,
            acknowledged: self.acknowledged,
            stored: self.stored,
            unconfirmed: self.unconfirmed,
            lost: judgement.map_or(0, |judgement| judgement.lost.events),
            judged: judgement.map_or(0, |judgement| judgement.judged),
            duplicated: 0,
            foreign: self.foreign,
            unknowable: self.unknowable(),
            order: None,
        }
    }
}

impl Mark {
    /// How many events it covers.
    pub const fn events(&self) -> u64 {
        self.events
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn key(device: u32, sequence: u64) -> EventKey {
        EventKey { device: DeviceIndex(device), sequence }
    }

    #[test]
    fn the_worked_example_of_the_module() {
        let mut ledger = Ledger::default();
        for sequence in 0..10 {
            ledger.sent(key(7, sequence));
        }
        for sequence in 0..5 {
            ledger.acknowledged(key(7, sequence));
        }
        let mark = ledger.mark();
        for sequence in [0, 1, 3, 4] {
            ledger.stored(key(7, sequence));
        }
        assert_eq!(ledger.missing(&mark), Missing { events: 1, runs: vec![(DeviceIndex(7), 2, 2)] });
        let figures = ledger.figures(None);
        assert_eq!((figures.sent, figures.acknowledged, figures.stored), (10, 5, 4));
    }

    #[test]
    fn an_event_that_was_never_sent_is_foreign_and_a_repeat_counts_once() {
        let mut ledger = Ledger::default();
        ledger.sent(key(1, 0));
        ledger.stored(key(1, 0));
        ledger.stored(key(1, 0));
        ledger.stored(key(1, 1));
        ledger.stored(key(2, 0));
        let figures = ledger.figures(None);
        assert_eq!((figures.stored, figures.foreign), (1, 2));
    }

    #[test]
    fn a_given_up_event_is_unconfirmed_until_it_turns_up() {
        let mut ledger = Ledger::default();
        ledger.sent(key(1, 0));
        ledger.given_up(key(1, 0));
        assert_eq!(ledger.figures(None).unconfirmed, 1);
        ledger.stored(key(1, 0));
        assert_eq!(ledger.figures(None).unconfirmed, 0);
    }

    proptest! {
        #[test]
        fn it_agrees_with_plain_sets_of_pairs(
            steps in prop::collection::vec((0_u8..5, 0_u32..3, 0_u64..30), 0..300), mark_after in 0_usize..300,
        ) {
            let mut ledger = Ledger::default();
            let (mut sent, mut acknowledged, mut given_up) = (HashSet::new(), HashSet::new(), HashSet::new());
            let mut stored = HashSet::new();
            let mut foreign = 0;
            let mut marked = (Mark::default(), HashSet::new());
            for (at, (what, device, sequence)) in steps.into_iter().enumerate() {
                let key = key(device, sequence);
                match what {
                    0 | 1 => { ledger.sent(key); sent.insert(key); }
                    2 => { ledger.acknowledged(key); acknowledged.insert(key); }
                    3 => { ledger.given_up(key); given_up.insert(key); }
                    _ => {
                        ledger.stored(key);
                        if sent.contains(&key) { stored.insert(key); } else { foreign += 1; }
                    }
                }
                if at == mark_after {
                    marked = (ledger.mark(), acknowledged.clone());
                }
            }
            let figures = ledger.figures(None);
            prop_assert_eq!(figures.sent, sent.len() as u64);
            prop_assert_eq!(figures.acknowledged, acknowledged.len() as u64);
            prop_assert_eq!(figures.stored, stored.len() as u64);
            prop_assert_eq!(figures.unconfirmed, given_up.difference(&stored).count() as u64);
            prop_assert_eq!(figures.foreign, foreign);
            prop_assert_eq!(marked.0.events(), marked.1.len() as u64);
            let missing = ledger.missing(&marked.0);
            let listed: HashSet<EventKey> = missing.runs.iter()
                .flat_map(|(device, first, last)| (*first..=*last).map(|n| EventKey { device: *device, sequence: n }))
                .collect();
            prop_assert_eq!(missing.events, listed.len() as u64);
            prop_assert_eq!(listed, marked.1.difference(&stored).copied().collect::<HashSet<_>>());
        }
    }
}
