//! Which partitions an instance should claim, of those that a consumer group shares. Pure.
//!
//! Every instance decides for itself, from the same ownership blobs, and nobody is in charge. With `n` partitions and `k`
//! instances each should hold `n / k` of them, or one more where that does not come out even:
//!
//! 1. What nobody holds is claimed by whoever has less than `n / k`, rounded up.
//! 2. What somebody holds is taken from whoever has the most, as long as that is at least two more than one's own: a
//!    difference of one is as even as it gets, and taking that one would only swap the two.
//!
//! The processors of the other SDKs do the same with other words (Python's `OwnershipManager`, JavaScript's
//! `BalancedLoadBalancingStrategy`, .NET's and Rust's `LoadBalancer`), one partition at a time where this takes its whole
//! share at once. They never take from an instance with less than two more than their own, so a mixed group comes to rest,
//! too; Python's rest when everybody has `n / k` rounded down, whatever the others have above it.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::model::units::PartitionId;

/// The partitions of a hub, each with the instance that holds it. One that was let go, or whose owner did not renew it in
/// time, has none.
pub type Owners = BTreeMap<PartitionId, Option<String>>;

/// The partitions that the instance `me` should claim now, beside those that it holds.
///
/// ```
/// use streamgauge::model::units::PartitionId;
/// use streamgauge::process::balance::{Owners, claims};
///
/// let owners: Owners = [(0, Some("a")), (1, Some("a")), (2, Some("a")), (3, None)]
///     .into_iter()
///     .map(|(partition, owner)| (PartitionId(partition), owner.map(str::to_owned)))
///     .collect();
/// // Partition 3 is free, and then `a` still has two more than `b`.
/// assert_eq!(claims("b", &owners).len(), 2);
/// // While `b` has none, `a` does not know of it.
/// assert_eq!(claims("a", &owners), [PartitionId(3)]);
/// ```
pub fn claims(me: &str, owners: &Owners) -> Vec<PartitionId> {
    // Each instance has an order of its own, so that two of them seldom reach for the same partition.
    let mut in_order: Vec<PartitionId> = owners.keys().copied().collect();
    in_order.sort_by_cached_key(|partition| rank(me, *partition));

    let mut free = VecDeque::new();
    let mut others: BTreeMap<&str, VecDeque<PartitionId>> = BTreeMap::new();
    let mut mine = 0;
    for partition in in_order {
        match owners.get(&partition).and_then(Option::as_deref) {
            None => free.push_back(partition),
            Some(owner) if owner == me => mine += 1,
            Some(owner) => others.entry(owner).or_default().push_back(partition),
        }
    }

    let most = owners.len().div_ceil(others.len() + 1);
    let mut claims = Vec::new();
    while mine < most {
        let next = free.pop_front().or_else(|| {
            let richest = others.values_mut().max_by_key(|held| held.len())?;
            if richest.len() >= mine + 2 { richest.pop_front() } else { None }
        });
        let Some(partition) = next else { break };
        claims.push(partition);
        mine += 1;
    }
    claims
}

fn rank(me: &str, partition: PartitionId) -> u64 {
    let mut hasher = DefaultHasher::new();
    (me, partition).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
