//! The order in which a store took our own events.
//!
//! **What counts.** An event is *late*, out of order, if it was stored for the first time after an event of the same
//! device with a higher sequence number was. Each event counts once; writing it again, as a copy or after a restart,
//! neither makes it late nor another one.
//!
//! **Who promises it.** Event Hubs keeps an order within a partition, and nowhere else. All of a device's events go into
//! one partition ([`crate::load::lane`]), a batch at a time; so a processor that works through its partitions in order
//! stores every device in order. In Cosmos DB a device is one logical partition and lies within one physical partition,
//! whose log sequence numbers are the order of its writes: the order of its change feed. A container with another
//! partition key than the device has no such order, and none is told of it.
//!
//! **What the feed hides.** It shows the last write of each item, at that write's number; the number of a write that was
//! written over is left out: a *hole*. Worked example, one device, all since the feed was last read to its end:
//!
//! | number | 1 | 2 | 3 | 4 | | shown afterwards | told |
//! |---|---|---|---|---|---|---|---|
//! | written | `e1` | `e3` | `e2` | | | `e1 e3 e2` | `e2` is late: no hole, each was written once |
//! | written | `e1` | `e2` | `e3` | `e2` | | `e1 _ e3 e2` | `e2` or `e3` was in the hole: perhaps `e2` is late |
//! | written | `e3` | `e1` | `e2` | `e3` | | `_ e1 e2 e3` | one of them was in the hole: perhaps `e1` and `e2` are late |
//!
//! So an event is called late only if nothing else can be. Three things make that certain:
//!
//! 1. A page that ends where its physical partition ended showed every event that was written by then. What turns up for
//!    the first time after it was written after it, and is late if a later event of its device was shown by then.
//! 2. What stands before the first hole since then was written there for the first time.
//! 3. A hole hides the first write of one event. Of so many events that only a hole could excuse, at most as many are
//!    excused as there are holes.
//!
//! What else a hole leaves open is counted as undecided, as the most that may be late besides: each hole could hide the
//! later event that makes all those behind it late, of one device. In ordinary operation a device has one event between
//! two looks, and nothing is undecided.
//!
//! Each write of an item must have its own number. Where two items share one, as those of a transactional batch do, a
//! write that was written over may leave no hole: from then on all between two ends of the feed is undecided.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::EventKey;
use crate::model::observation::OrderFigures;
use crate::model::units::{DeviceIndex, Lsn};

/// The order of one physical partition, by its change feed.
///
/// ```
/// use streamgauge::model::ledger::{EventKey, StoreOrder};
/// use streamgauge::model::observation::OrderFigures;
/// use streamgauge::model::units::{DeviceIndex, Lsn};
///
/// let key = |sequence| EventKey { device: DeviceIndex(7), sequence };
/// let mut order = StoreOrder::default();
/// for (lsn, sequence) in [(1, 1), (2, 3), (3, 2)] {
///     order.item(Some(Lsn(lsn)));
///     order.first_seen(key(sequence));
/// }
/// order.whole(Lsn(3));
/// assert_eq!(order.figures(), OrderFigures { late: 1, undecided: 0 });
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreOrder {
    /// Up to which number the feed was read.
    read: Lsn,
    /// Of each device the highest sequence number that was stored before anything that is still to be seen for the
    /// first time.
    settled: HashMap<DeviceIndex, u64>,
    /// What came after the first hole since the feed was read to its end.
    doubt: Doubt,
    /// What was told up to there.
    told: OrderFigures,
    /// Two items had one number: holes can't be counted.
    shared: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Doubt {
    holes: u64,
    /// Events that only a hole excuses: a later one of their device was shown before them.
    accused: u64,
    devices: HashMap<DeviceIndex, InDoubt>,
}

/// A device's events behind a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct InDoubt {
    highest: u64,
    /// How many came in order before the highest.
    before: u64,
}

impl StoreOrder {
    /// The feed shows an item, ours or not, at this number; `None` where it does not say.
    pub fn item(&mut self, lsn: Option<Lsn>) {
        match lsn {
            Some(Lsn(lsn)) if lsn > self.read.0 => {
                self.doubt.holes = self.doubt.holes.saturating_add(lsn - self.read.0 - 1);
                self.read = Lsn(lsn);
            }
            Some(_) | None => self.shared = true,
        }
        if self.shared {
            self.doubt.holes = u64::MAX;
        }
    }

    /// That item is an event of ours, shown for the first time.
    pub fn first_seen(&mut self, key: EventKey) {
        if self.settled.get(&key.device).is_some_and(|settled| *settled > key.sequence) {
            self.told.late += 1;
        } else if self.doubt.holes == 0 {
            self.settled.insert(key.device, key.sequence);
        } else {
            match self.doubt.devices.entry(key.device) {
                Entry::Vacant(entry) => {
                    entry.insert(InDoubt { highest: key.sequence, before: 0 });
                }
                Entry::Occupied(entry) if entry.get().highest > key.sequence => self.doubt.accused += 1,
                Entry::Occupied(mut entry) => {
                    let seen = entry.get_mut();
                    *seen = InDoubt { highest: key.sequence, before: seen.before + 1 };
                }
            }
        }
    }

    /// That item is an event of ours of which nothing was to be known any more: it is not judged, but others are by it.
    pub fn seen_at_last(&mut self, key: EventKey) {
        let highest = |known: &mut u64| *known = key.sequence.max(*known);
        if self.doubt.holes == 0 {
            highest(self.settled.entry(key.device).or_default());
        } else {
            let seen = self.doubt.devices.entry(key.device).or_insert(InDoubt { highest: key.sequence, before: 0 });
            highest(&mut seen.highest);
        }
    }

    /// The feed was read to where the physical partition ended at that moment.
    pub fn whole(&mut self, end: Lsn) {
        // A replica that is behind does not know the end.
        if end >= self.read {
            self.go_on_after(end);
        }
    }

    /// The feed is read on from here: what lies before it and was not shown is not looked at.
    pub fn go_on_after(&mut self, place: Lsn) {
        self.told = self.with(&self.doubt, 0);
        for (device, seen) in std::mem::take(&mut self.doubt).devices {
            let settled = self.settled.entry(device).or_default();
            *settled = seen.highest.max(*settled);
        }
        self.read = place;
    }

    /// The store began anew: what was told stays, and nothing of what it held counts any more.
    pub fn begin_again(&mut self) {
        *self = Self { told: self.figures(), shared: self.shared, ..Self::default() };
    }

    /// A part of this physical partition that became one of its own: it goes on where this one was, with nothing told.
    #[must_use]
    pub fn successor(&self) -> Self {
        let mut next = Self { told: OrderFigures::default(), ..self.clone() };
        next.doubt.accused = 0;
        next.doubt.devices.values_mut().for_each(|seen| seen.before = 0);
        next
    }

    /// What is certain so far, and what may be.
    pub fn figures(&self) -> OrderFigures {
        // While the end is not reached, the highest of each device may not be the last one.
        self.with(&self.doubt, 1)
    }

    /// What is told with what is in doubt; `more` events of each device beside those before its highest.
    fn with(&self, Doubt { holes, accused, devices }: &Doubt, more: u64) -> OrderFigures {
        let mut hidden: Vec<u64> =
            devices.values().map(|seen| seen.before + more).filter(|before| *before > 0).collect();
        hidden.sort_unstable_by(|a, b| b.cmp(a));
        let most = usize::try_from(*holes).unwrap_or(usize::MAX);
        OrderFigures {
            late: self.told.late + accused.saturating_sub(*holes),
            undecided: self.told.undecided + accused.min(holes) + hidden.into_iter().take(most).sum::<u64>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use proptest::prelude::*;

    use super::*;

    fn key(device: u32, sequence: u64) -> EventKey {
        EventKey { device: DeviceIndex(device), sequence }
    }

    /// What one look shows: a number and a sequence number each, all of one device, and the number where it ended.
    fn look(order: &mut StoreOrder, shown: &[(u64, u64)], end: u64) -> (u64, u64) {
        for (lsn, sequence) in shown {
            order.item(Some(Lsn(*lsn)));
            order.first_seen(key(7, *sequence));
        }
        order.whole(Lsn(end));
        let OrderFigures { late, undecided } = order.figures();
        (late, undecided)
    }

    #[test]
    fn the_worked_example_of_the_module() {
        let table = [
            ("in order", [(1, 1), (2, 2), (3, 3)], (0, 0)),
            ("one is late", [(1, 1), (2, 3), (3, 2)], (1, 0)),
            ("it was written over, or not", [(1, 1), (3, 3), (4, 2)], (0, 1)),
            ("the later one may have been there first", [(2, 1), (3, 2), (4, 3)], (0, 2)),
        ];
        for (case, shown, expected) in table {
            assert_eq!(look(&mut StoreOrder::default(), &shown, 4), expected, "{case}");
        }
    }

    #[test]
    fn what_turns_up_after_the_end_was_read_is_late_whatever_holes_there_are() {
        let mut order = StoreOrder::default();
        assert_eq!(look(&mut order, &[(1, 5)], 1), (0, 0));
        assert_eq!(look(&mut order, &[(4, 3), (9, 4), (10, 6)], 10), (2, 0));
    }

    #[test]
    fn a_copy_right_behind_its_event_leaves_nothing_open() {
        // Devices 0 to 9 in turn; the copy of 3 is written right behind it.
        let mut order = StoreOrder::default();
        for (lsn, device) in [(1, 0), (2, 1), (3, 2), (5, 3), (6, 4), (7, 5)] {
            order.item(Some(Lsn(lsn)));
            order.first_seen(key(device, 8));
        }
        order.whole(Lsn(7));
        assert_eq!(order.figures(), OrderFigures::default());
    }

    #[test]
    fn where_two_items_share_a_number_only_an_end_makes_certain() {
        let mut order = StoreOrder::default();
        assert_eq!(look(&mut order, &[(1, 1), (1, 3), (2, 2)], 2), (0, 1));
        assert_eq!(look(&mut order, &[(3, 5), (4, 4)], 4), (0, 2), "no hole is no proof any more");
        assert_eq!(look(&mut order, &[(5, 0)], 5), (1, 2));
    }

    #[test]
    fn a_successor_tells_only_its_own() {
        let mut parent = StoreOrder::default();
        assert_eq!(look(&mut parent, &[(1, 1), (2, 3), (3, 2)], 3), (1, 0));
        let mut child = parent.successor();
        assert_eq!(child.figures(), OrderFigures::default());
        assert_eq!(look(&mut child, &[(9, 0), (10, 4)], 10), (1, 0), "what its parent showed counts");
    }

    /// A store in miniature, with a feed of the last write of each item.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        /// An event is written, for the first time or again.
        Write(u32, u64),
        /// A page of so many items at most is read.
        Read(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0_u32..2, 0_u64..12).prop_map(|(device, sequence)| Step::Write(device, sequence)),
            1 => (1_usize..8).prop_map(Step::Read),
        ]
    }

    proptest! {
        #[test]
        fn the_truth_lies_between_what_is_certain_and_what_may_be(steps in prop::collection::vec(step(), 0..120)) {
            let mut feed: BTreeMap<u64, EventKey> = BTreeMap::new();
            let (mut first, mut seen) = (Vec::new(), HashSet::new());
            let (mut last, mut read) = (0, 0);
            let mut order = StoreOrder::default();
            for step in steps.into_iter().chain([Step::Read(usize::MAX)]) {
                match step {
                    Step::Write(device, sequence) => {
                        let key = key(device, sequence);
                        last += 1;
                        feed.retain(|_, written| *written != key);
                        feed.insert(last, key);
                        if !first.contains(&key) {
                            first.push(key);
                        }
                    }
                    Step::Read(most) => {
                        let page: Vec<_> = feed.range(read + 1..).take(most).map(|(lsn, key)| (*lsn, *key)).collect();
                        for (lsn, key) in &page {
                            order.item(Some(Lsn(*lsn)));
                            if seen.insert(*key) {
                                order.first_seen(*key);
                            }
                        }
                        read = page.last().map_or(last, |(lsn, _)| *lsn);
                        if read == last {
                            order.whole(Lsn(last));
                        }
                    }
                }
                let late = |key: &&EventKey| {
                    let before = first.iter().take_while(|other| other != key);
                    before.into_iter().any(|other| other.device == key.device && other.sequence > key.sequence)
                };
                let truth = first.iter().filter(|key| seen.contains(key)).filter(late).count() as u64;
                let OrderFigures { late, undecided } = order.figures();
                prop_assert!(late <= truth && truth <= late + undecided, "{late} <= {truth} <= {late} + {undecided}");
            }
        }

        #[test]
        fn where_nothing_is_written_twice_nothing_is_undecided(
            events in Just((0_u64..30).collect::<Vec<_>>()).prop_shuffle(), pages in prop::collection::vec(1_usize..9, 30),
        ) {
            let (mut order, mut rest) = (StoreOrder::default(), &events[..]);
            let mut lsn = 0;
            for most in pages {
                let (page, others) = rest.split_at(most.min(rest.len()));
                for sequence in page {
                    lsn += 1;
                    order.item(Some(Lsn(lsn)));
                    order.first_seen(key(0, *sequence));
                }
                rest = others;
            }
            let late = events.iter().enumerate().filter(|(at, e)| events[..*at].iter().any(|other| other > *e)).count();
            prop_assert_eq!(order.figures(), OrderFigures { late: late as u64, undecided: 0 });
        }
    }
}
