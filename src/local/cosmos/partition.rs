//! One physical partition: its items by id, by the order in which they were written, and by when they expire.
//!
//! The change feed is an index of the latest version of each item by LSN. A write gives the item the next LSN, so it
//! moves to the end; reading from a position costs as much as there is after it, however much is stored.
//!
//! ```text
//! put a   put b   put c        by LSN: 1 a   2 b   3 c
//! put a                        by LSN:       2 b   3 c   4 a      a reader at 3 sees only a
//! delete b                     by LSN:             3 c   4 a      the LSN is 5 now; deletes are not in the feed
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::document::Etag;
use super::epk::{EffectivePartitionKey, KeyRange};
use super::units::Budget;

/// A logical sequence number: the place of a write in the order of its range. The first write has 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Lsn(pub(super) u64);

/// Whole seconds since 1970, as `_ts` has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Seconds(pub(super) u64);

impl Seconds {
    pub(super) fn of(now: SystemTime) -> Self {
        Self(now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
    }
}

/// A range of the key space with what it stores and what it may spend.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) id: u32,
    /// Those that it was split from, the eldest first.
    pub(super) parents: Vec<u32>,
    pub(super) range: KeyRange,
    state: Mutex<State>,
}

/// What changes in a partition.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) items: Items,
    pub(super) budget: Budget,
}

impl Partition {
    pub(super) fn new(id: u32, range: KeyRange) -> Self {
        Self { id, parents: Vec::new(), range, state: Mutex::default() }
    }

    /// Two partitions in place of this one, each with a half of its keys and what is stored of them.
    pub(super) fn split(&self, ids: [u32; 2]) -> [Self; 2] {
        let state = self.lock();
        let parents = [&self.parents[..], &[self.id]].concat();
        let halves = self.range.halves();
        std::array::from_fn(|half| Self {
            id: ids[half],
            parents: parents.clone(),
            range: halves[half],
            state: Mutex::new(State { items: state.items.only(halves[half]), budget: Budget::default() }),
        })
    }

    /// The partition for one operation. A panic elsewhere does not make its items unreadable.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tag of the version of an item that was written as this LSN.
    pub(super) fn etag(&self, lsn: Lsn, item: &Item) -> Etag {
        Etag::of(self.id, lsn.0, item.written.0)
    }
}

/// An item as it is kept.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) key: EffectivePartitionKey,
    pub(super) id: Arc<str>,
    pub(super) body: Bytes,
    /// The bytes that the client sent: charges go by them.
    pub(super) sent: usize,
    /// The number in its `_rid`, which it keeps for life.
    pub(super) number: u64,
    pub(super) written: Seconds,
    pub(super) expires: Option<Seconds>,
}

/// How much of a feed one page may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageLimit {
    pub(super) items: usize,
    pub(super) bytes: usize,
}

/// A page of a feed.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) items: Vec<(Lsn, Item)>,
    /// Where the next page begins: after this.
    pub(super) position: Lsn,
    /// Whether anything was left for it when this page was read.
    pub(super) more: bool,
}

/// The items of a partition.
#[derive(Debug, Default)]
pub(super) struct Items {
    last: Lsn,
    latest_write: Seconds,
    by_lsn: BTreeMap<Lsn, Item>,
    by_key: HashMap<EffectivePartitionKey, HashMap<Arc<str>, Lsn>>,
    expiring: BTreeSet<(Seconds, Lsn)>,
}

impl Items {
    /// The items whose keys lie in a range, with the LSNs that they have; the next write follows the last of all.
    fn only(&self, keys: KeyRange) -> Self {
        let mut only = Self { last: self.last, latest_write: self.latest_write, ..Self::default() };
        for (lsn, item) in self.by_lsn.iter().filter(|(_, item)| keys.contains(item.key)) {
            only.by_key.entry(item.key).or_default().insert(item.id.clone(), *lsn);
            if let Some(at) = item.expires {
                only.expiring.insert((at, *lsn));
            }
            only.by_lsn.insert(*lsn, item.clone());
        }
        only
    }

    /// The LSN of the last write.
    pub(super) fn last(&self) -> Lsn {
        self.last
    }

    /// The time for a write: never before that of an earlier one, so that times grow with LSNs.
    pub(super) fn write_time(&self, now: SystemTime) -> Seconds {
        Seconds::of(now).max(self.latest_write)
    }

    /// The LSN that the next write will have.
    pub(super) fn next(&self) -> Lsn {
        Lsn(self.last.0 + 1)
    }

    /// Forgets what has expired. Each write adds one entry to the index of expiries at most, so this is paid for by
    /// writes.
    pub(super) fn expire(&mut self, now: SystemTime) {
        let now = Seconds::of(now);
        while let Some((at, lsn)) = self.expiring.first().copied().filter(|(at, _)| *at <= now) {
            self.expiring.remove(&(at, lsn));
            if let Some(item) = self.by_lsn.remove(&lsn) {
                self.forget_id(&item);
            }
        }
    }

    /// The latest version of an item.
    pub(super) fn get(&self, key: EffectivePartitionKey, id: &str) -> Option<(Lsn, &Item)> {
        let lsn = *self.by_key.get(&key)?.get(id)?;
        self.by_lsn.get(&lsn).map(|item| (lsn, item))
    }

    /// Writes an item over any with its key and id.
    pub(super) fn put(&mut self, item: Item) -> Lsn {
        self.last = self.next();
        self.latest_write = self.latest_write.max(item.written);
        let lsn = self.last;
        if let Some(old) = self.by_key.entry(item.key).or_default().insert(item.id.clone(), lsn) {
            self.unlink(old);
        }
        if let Some(at) = item.expires {
            self.expiring.insert((at, lsn));
        }
        self.by_lsn.insert(lsn, item);
        lsn
    }

    /// Deletes an item. The LSN moves on, because a deletion is a write.
    pub(super) fn remove(&mut self, key: EffectivePartitionKey, id: &str) -> Option<Lsn> {
        let lsn = *self.by_key.get(&key)?.get(id)?;
        let item = self.unlink(lsn)?;
        self.forget_id(&item);
        self.last = self.next();
        Some(self.last)
    }

    /// How many items have this partition key.
    pub(super) fn count(&self, key: EffectivePartitionKey) -> usize {
        self.by_key.get(&key).map_or(0, HashMap::len)
    }

    /// What was written after a position, in the order of writing, of the keys in a range.
    pub(super) fn after(&self, position: Lsn, keys: KeyRange, limit: PageLimit) -> Page {
        let found = self.by_lsn.range((Bound::Excluded(position), Bound::Unbounded));
        let found = found.map(|(lsn, item)| (*lsn, item)).filter(|(_, item)| keys.contains(item.key));
        // With nothing left the reader stands at the end, past deletions too.
        page(found, limit, self.last.max(position))
    }

    /// The items of one partition key after a position, in the order of writing.
    pub(super) fn of_key(&self, key: EffectivePartitionKey, position: Lsn, limit: PageLimit) -> Page {
        let mut lsns: Vec<Lsn> = self.by_key.get(&key).into_iter().flat_map(HashMap::values).copied().collect();
        lsns.retain(|lsn| *lsn > position);
        lsns.sort_unstable();
        page(lsns.into_iter().filter_map(|lsn| Some((lsn, self.by_lsn.get(&lsn)?))), limit, self.last.max(position))
    }

    /// The position before the first item that was written at this time or later. Times grow with LSNs, so a binary
    /// search over the LSNs finds it.
    pub(super) fn position_at(&self, time: Seconds) -> Lsn {
        let (mut low, mut high) = (0, self.last.0);
        while low < high {
            let middle = low + (high - low) / 2;
            let next = self.by_lsn.range((Bound::Excluded(Lsn(middle)), Bound::Unbounded)).next();
            match next {
                Some((lsn, item)) if item.written < time => low = lsn.0,
                _ => high = middle,
            }
        }
        Lsn(low)
    }

    fn unlink(&mut self, lsn: Lsn) -> Option<Item> {
        let item = self.by_lsn.remove(&lsn)?;
        if let Some(at) = item.expires {
            self.expiring.remove(&(at, lsn));
        }
        Some(item)
    }

    fn forget_id(&mut self, item: &Item) {
        if let Some(ids) = self.by_key.get_mut(&item.key) {
            ids.remove(&item.id);
            if ids.is_empty() {
                self.by_key.remove(&item.key);
            }
        }
    }
}

fn page<'a>(found: impl Iterator<Item = (Lsn, &'a Item)>, limit: PageLimit, end: Lsn) -> Page {
    let mut page = Page { position: end, ..Page::default() };
    let mut bytes = 0;
    for (lsn, item) in found {
        let full = page.items.len() >= limit.items || (bytes + item.body.len() > limit.bytes && !page.items.is_empty());
        if full {
            page.more = true;
            page.position = page.items.last().map_or(page.position, |(lsn, _)| *lsn);
            break;
        }
        bytes += item.body.len();
        page.items.push((lsn, item.clone()));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::cosmos::epk::PartitionKeyValue;
    use proptest::prelude::*;
    use std::time::Duration;

    const ALL: PageLimit = PageLimit { items: usize::MAX, bytes: usize::MAX };

    fn item(id: &str, body: &str, written: u64, lives: Option<u64>) -> Item {
        Item {
            key: EffectivePartitionKey::of(&PartitionKeyValue::Text(id.to_owned())),
            id: id.into(),
            body: Bytes::copy_from_slice(body.as_bytes()),
            sent: body.len(),
            number: 1,
            written: Seconds(written),
            expires: lives.map(|seconds| Seconds(written + seconds)),
        }
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn ids(page: &Page) -> Vec<&str> {
        page.items.iter().map(|(_, item)| &*item.id).collect()
    }

    #[test]
    fn a_write_moves_the_item_to_the_end() {
        let mut items = Items::default();
        for id in ["a", "b", "c"] {
            items.put(item(id, id, 0, None));
        }
        let seen = items.after(Lsn(0), KeyRange::ALL, ALL);
        assert_eq!((ids(&seen), seen.position), (vec!["a", "b", "c"], Lsn(3)));
        items.put(item("a", "a2", 0, None));
        let new = items.after(seen.position, KeyRange::ALL, ALL);
        assert_eq!((ids(&new), new.position), (vec!["a"], Lsn(4)));
        assert_eq!(items.remove(item("b", "", 0, None).key, "b"), Some(Lsn(5)));
        let after_delete = items.after(new.position, KeyRange::ALL, ALL);
        assert_eq!((ids(&after_delete), after_delete.position), (vec![], Lsn(5)));
        assert_eq!(ids(&items.after(Lsn(0), KeyRange::ALL, ALL)), ["c", "a"]);
    }

    #[test]
    fn pages_end_by_count_and_by_bytes() {
        let mut items = Items::default();
        for id in ["a", "b", "c"] {
            items.put(item(id, "1234", 0, None));
        }
        let by_count = items.after(Lsn(0), KeyRange::ALL, PageLimit { items: 2, ..ALL });
        assert_eq!((ids(&by_count), by_count.position, by_count.more), (vec!["a", "b"], Lsn(2), true));
        let by_bytes = items.after(Lsn(2), KeyRange::ALL, PageLimit { bytes: 1, ..ALL });
        assert_eq!((ids(&by_bytes), by_bytes.position, by_bytes.more), (vec!["c"], Lsn(3), false));
    }

    #[test]
    fn expired_items_leave_nothing_behind() {
        let mut items = Items::default();
        items.put(item("a", "", 100, Some(10)));
        items.put(item("b", "", 100, None));
        items.put(item("a", "again", 105, Some(10)));
        items.expire(at(110));
        assert!(items.get(item("a", "", 0, None).key, "a").is_some(), "the write began its life anew");
        items.expire(at(115));
        assert_eq!((items.by_lsn.len(), items.by_key.len(), items.expiring.len()), (1, 1, 0));
    }

    #[test]
    fn a_point_in_time_is_found_between_writes() {
        let mut items = Items::default();
        for (id, written) in [("a", 10), ("b", 10), ("c", 20), ("d", 30), ("b", 40)] {
            items.put(item(id, "", written, None));
        }
        for (time, expected) in [(0, "acdb"), (10, "acdb"), (11, "cdb"), (20, "cdb"), (30, "db"), (35, "b"), (50, "")] {
            let page = items.after(items.position_at(Seconds(time)), KeyRange::ALL, ALL);
            assert_eq!(ids(&page).concat(), expected, "from {time}");
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Put(u8),
        Delete(u8),
        Read(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0_u8..12).prop_map(Step::Put),
            1 => (0_u8..12).prop_map(Step::Delete),
            2 => (1_usize..5).prop_map(Step::Read),
        ]
    }

    proptest! {
        /// Whatever the interleaving, a reader that resumes from its positions ends up with the latest version of every
        /// item that stands, never sees an older version after a newer one, and its positions never go back.
        #[test]
        fn a_reader_sees_every_latest_version(steps in proptest::collection::vec(step(), 0..200)) {
            let mut items = Items::default();
            let mut stored: BTreeMap<String, u64> = BTreeMap::new();
            let mut read: BTreeMap<String, u64> = BTreeMap::new();
            let mut position = Lsn(0);
            let drain = Step::Read(usize::MAX);
            for (version, step) in steps.into_iter().chain([drain]).enumerate() {
                let version = version as u64;
                match step {
                    Step::Put(id) => {
                        items.put(item(&id.to_string(), &version.to_string(), version, None));
                        stored.insert(id.to_string(), version);
                    }
                    Step::Delete(id) => {
                        let id = id.to_string();
                        let before = items.last();
                        let gone = items.remove(item(&id, "", 0, None).key, &id);
                        prop_assert_eq!(gone.is_some(), stored.remove(&id).is_some());
                        prop_assert!(gone.is_none_or(|lsn| lsn > before));
                    }
                    Step::Read(count) => {
                        let page = items.after(position, KeyRange::ALL, PageLimit { items: count, ..ALL });
                        prop_assert!(page.position >= position);
                        position = page.position;
                        for (_, item) in page.items {
                            let version: u64 = std::str::from_utf8(&item.body).unwrap().parse().unwrap();
                            let before = read.insert(item.id.to_string(), version);
                            prop_assert!(before.is_none_or(|before| before < version));
                        }
                    }
                }
            }
            for (id, version) in stored {
                prop_assert_eq!(read.get(&id), Some(&version));
            }
        }
    }
}
