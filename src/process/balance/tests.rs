//! Instances that come, go, die and look at the wrong moment: in the end each partition has one of them, evenly, and stays
//! there.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn owners(held: &[(&str, u32)], free: u32) -> Owners {
    let held = held.iter().flat_map(|(owner, count)| (0..*count).map(|_| Some((*owner).to_owned())));
    (0..).map(PartitionId).zip(held.chain((0..free).map(|_| None))).collect()
}

/// So many claimed from each owner; "" is nobody.
fn claimed(me: &str, owners: &Owners) -> BTreeMap<String, usize> {
    let mut from = BTreeMap::new();
    for partition in claims(me, owners) {
        *from.entry(owners[&partition].clone().unwrap_or_default()).or_default() += 1;
    }
    from
}

#[test]
fn what_is_claimed_and_from_whom() {
    type Case<'a> = (&'a str, &'a [(&'a str, u32)], u32, &'a [(&'a str, usize)]);
    let table: [Case<'_>; 16] = [
        ("a hub without partitions", &[], 0, &[]),
        ("alone, it claims all", &[], 4, &[("", 4)]),
        ("alone, it claims what it lacks", &[("me", 3)], 1, &[("", 1)]),
        ("alone with all, it rests", &[("me", 4)], 0, &[]),
        ("newly come, it takes its half", &[("a", 4)], 0, &[("a", 2)]),
        ("newly come to an odd number, it takes the smaller half", &[("a", 5)], 0, &[("a", 2)]),
        (
            "newly come, it takes from those who have the most",
            &[("a", 4), ("b", 4), ("c", 1)],
            0,
            &[("a", 1), ("b", 1)],
        ),
        ("a difference of one is even", &[("me", 2), ("a", 3)], 0, &[]),
        ("a difference of one is even, also for who has none", &[("a", 1), ("b", 1)], 0, &[]),
        ("a difference of two is not", &[("me", 2), ("a", 4), ("b", 2)], 0, &[("a", 1)]),
        ("who has more gives nothing up by itself", &[("me", 4), ("a", 2), ("b", 2)], 0, &[]),
        ("free ones go first", &[("me", 1), ("a", 3)], 2, &[("", 2)]),
        ("free ones first, then the rest of the share", &[("a", 6)], 2, &[("", 2), ("a", 2)]),
        ("no more than its share of the free ones", &[("me", 2), ("a", 0), ("b", 2)], 4, &[("", 2)]),
        ("the share is rounded up for free ones", &[("me", 2), ("b", 2)], 1, &[("", 1)]),
        ("who has its share leaves free ones to the others", &[("me", 3), ("a", 1)], 1, &[]),
    ];
    for (case, held, free, expected) in table {
        let expected: BTreeMap<String, usize> = expected.iter().map(|(from, n)| ((*from).to_owned(), *n)).collect();
        assert_eq!(claimed("me", &owners(held, free)), expected, "{case}");
    }
}

/// One partition at a time, free ones first, from whoever has the most only below the share rounded down: what Python's
/// `OwnershipManager` does in its balanced strategy.
fn claims_as_python_does(me: &str, owners: &Owners) -> Vec<PartitionId> {
    let mut held: BTreeMap<&str, Vec<PartitionId>> = BTreeMap::from([(me, Vec::new())]);
    for (partition, owner) in owners {
        if let Some(owner) = owner {
            held.entry(owner).or_default().push(*partition);
        }
    }
    let (count, mine) = (held.len(), held[me].len());
    let free = owners.iter().find(|(_, owner)| owner.is_none()).map(|(partition, _)| *partition);
    match free {
        Some(free) if mine < owners.len().div_ceil(count) => vec![free],
        None if mine < owners.len() / count => {
            held.values().max_by_key(|held| held.len()).and_then(|held| held.first().copied()).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Ours,
    Python,
}

/// The blobs of a group, and who lives.
struct Group {
    /// The owner and the version of each partition's blob.
    blobs: BTreeMap<PartitionId, (Option<String>, u64)>,
    alive: BTreeMap<String, Kind>,
    /// Owners who died, until their ownership expires.
    dead: BTreeSet<String>,
    changes: usize,
}

impl Group {
    fn new(partitions: u32) -> Self {
        let blobs = (0..partitions).map(|partition| (PartitionId(partition), (None, 0))).collect();
        Self { blobs, alive: BTreeMap::new(), dead: BTreeSet::new(), changes: 0 }
    }

    fn look(&self) -> (Owners, BTreeMap<PartitionId, u64>) {
        let owners = self.blobs.iter().map(|(partition, (owner, _))| (*partition, owner.clone())).collect();
        (owners, self.blobs.iter().map(|(partition, (_, version))| (*partition, *version)).collect())
    }

    /// Claims what a look made it want; a blob that changed since then stays as it is.
    fn act(&mut self, me: &str, (owners, versions): &(Owners, BTreeMap<PartitionId, u64>)) {
        let Some(kind) = self.alive.get(me) else { return };
        let wanted = match kind {
            Kind::Ours => claims(me, owners),
            Kind::Python => claims_as_python_does(me, owners),
        };
        for partition in wanted {
            let (owner, version) = self.blobs.get_mut(&partition).unwrap();
            if versions[&partition] == *version {
                self.changes += 1;
                *owner = Some(me.to_owned());
                *version += 1;
            }
        }
    }

    /// All look; those in `late` act on that look after everybody else has acted, the others look again right before.
    fn round(&mut self, late: &BTreeSet<usize>) {
        let names: Vec<String> = self.alive.keys().cloned().collect();
        let first = self.look();
        for (index, name) in names.iter().enumerate() {
            if !late.contains(&index) {
                let look = self.look();
                self.act(name, &look);
            }
        }
        for (index, name) in names.iter().enumerate() {
            if late.contains(&index) {
                self.act(name, &first);
            }
        }
    }

    fn expire(&mut self) {
        for (owner, version) in self.blobs.values_mut() {
            if owner.as_ref().is_some_and(|owner| self.dead.contains(owner)) {
                *owner = None;
                *version += 1;
            }
        }
        self.dead.clear();
    }

    fn held(&self) -> BTreeMap<&str, usize> {
        let mut held: BTreeMap<&str, usize> = self.alive.keys().map(|name| (name.as_str(), 0)).collect();
        for (owner, _) in self.blobs.values() {
            *held.get_mut(owner.as_deref().expect("an owner")).expect("a living owner") += 1;
        }
        held
    }
}

#[derive(Debug, Clone)]
enum Event {
    Join(Kind),
    /// Dies without a goodbye; after some rounds its ownership has expired.
    Die(prop::sample::Index, usize),
    /// Lets go of all it has.
    Leave(prop::sample::Index),
    Round(BTreeSet<usize>),
}

fn events(kind: impl Strategy<Value = Kind> + Clone + 'static) -> impl Strategy<Value = Vec<Event>> {
    let late = || prop::collection::btree_set(0_usize..8, 0..8);
    let event = prop_oneof![
        3 => kind.prop_map(Event::Join),
        1 => (any::<prop::sample::Index>(), 0_usize..3).prop_map(|(who, rounds)| Event::Die(who, rounds)),
        1 => any::<prop::sample::Index>().prop_map(Event::Leave),
        4 => late().prop_map(Event::Round),
    ];
    prop::collection::vec(event, 1..24)
}

/// Everything happens; then nothing does any more but rounds, some with stale looks.
fn settle(partitions: u32, events: Vec<Event>, late: &[BTreeSet<usize>]) -> Group {
    let mut group = Group::new(partitions);
    let mut joined = 0;
    for event in events {
        let pick = |group: &Group, who: prop::sample::Index| {
            let names: Vec<&String> = group.alive.keys().collect();
            (!names.is_empty()).then(|| (*who.get(&names)).clone())
        };
        match event {
            Event::Join(kind) => {
                joined += 1;
                group.alive.insert(format!("instance-{joined}"), kind);
            }
            Event::Die(who, rounds) => {
                let Some(name) = pick(&group, who) else { continue };
                group.alive.remove(&name);
                group.dead.insert(name);
                (0..rounds).for_each(|_| group.round(&BTreeSet::new()));
                group.expire();
            }
            Event::Leave(who) => {
                let Some(name) = pick(&group, who) else { continue };
                group.alive.remove(&name);
                group.dead.insert(name);
                group.expire();
            }
            Event::Round(late) => group.round(&late),
        }
    }
    if group.alive.is_empty() {
        group.alive.insert("the last".into(), Kind::Ours);
    }
    late.iter().for_each(|late| group.round(late));
    group
}

proptest! {
    #[test]
    fn ours_come_to_an_even_rest_whatever_happened_before(
        partitions in 1_u32..40, events in events(Just(Kind::Ours)), late in prop::collection::btree_set(0_usize..8, 0..8),
    ) {
        // One round with stale looks, and few enough after it: at 10 s each this is a minute.
        let mut group = settle(partitions, events, &[late, BTreeSet::new(), BTreeSet::new(), BTreeSet::new()]);
        let held = group.held();
        let (least, most) = (held.values().min().unwrap(), held.values().max().unwrap());
        prop_assert!(most - least <= 1, "{held:?}");

        let before = group.changes;
        (0..8).for_each(|_| group.round(&(0..8).collect()));
        prop_assert_eq!(group.changes, before, "at rest, nothing changes hands, however stale the looks");
    }

    #[test]
    fn a_partition_that_was_let_go_has_an_owner_two_rounds_later(
        partitions in 1_u32..40, events in events(Just(Kind::Ours)), late in prop::collection::btree_set(0_usize..8, 0..8),
    ) {
        // The first finds some of them looking at the wrong moment.
        let group = settle(partitions, events, &[late, BTreeSet::new()]);
        prop_assert!(group.blobs.values().all(|(owner, _)| owner.is_some()));
    }

    #[test]
    fn a_group_mixed_with_python_comes_to_rest_with_everybody_at_work(
        partitions in 1_u32..24,
        events in events(prop_oneof![Just(Kind::Ours), Just(Kind::Python)]),
    ) {
        let rounds = vec![BTreeSet::new(); 2 * partitions as usize + 2];
        let mut group = settle(partitions, events, &rounds);
        let held = group.held();
        let share = partitions as usize / held.len();
        prop_assert!(held.values().all(|count| *count >= share), "{held:?}");

        let before = group.changes;
        (0..8).for_each(|_| group.round(&BTreeSet::new()));
        prop_assert_eq!(group.changes, before, "at rest, nothing changes hands");
    }
}
