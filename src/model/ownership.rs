//! Who holds a partition: which instance of the processor, whether it still does, and how often that changed lately.

use std::collections::VecDeque;
use std::time::Duration;

use super::observation::Hold;
use super::units::Time;

/// The instances that held one partition.
///
/// A partition that is let go (an instance that ends in good order empties its ownership) and taken again by the same
/// instance has not changed hands; one that another takes has, whether or not it was let go in between.
#[derive(Debug, Clone, Default)]
pub struct Ownership {
    owner: Option<String>,
    /// The last that there was, kept while there is none.
    before: Option<String>,
    hold: Option<Hold>,
    changes: VecDeque<Time>,
}

/// The instance that a partition is written down for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder<'a> {
    /// What the instance calls itself.
    pub owner: &'a str,
    /// Whether it still holds the partition.
    pub holding: Holding,
}

/// Whether an owner still holds its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// It does.
    Holds,
    /// It did not renew what it has to renew: another instance may take the partition, and none did yet.
    Expired {
        /// How long ago it last did, where that can be seen.
        silent_for: Option<Duration>,
    },
    /// Nothing shows whether it does.
    Unknown,
}

impl Ownership {
    /// An ownership that was not renewed for so long has expired by the defaults of every SDK: JS, Go and Rust wait a
    /// minute, .NET (and with it the Functions extension) two, Python six intervals of 30 s. A shorter span would call
    /// some of them dead that are well.
    pub const EXPIRY: Duration = Duration::from_secs(180);

    /// Changes are counted over so long.
    pub const LATELY: Duration = Duration::from_secs(300);

    /// Changes kept, at most.
    const MOST_CHANGES: usize = 64;

    /// Takes the owner as a look found it.
    pub(super) fn apply_owner(&mut self, at: Time, owner: Option<&str>) {
        if let Some(owner) = owner
            && self.before.as_deref() != Some(owner)
        {
            if self.before.is_some() {
                if self.changes.len() == Self::MOST_CHANGES {
                    self.changes.pop_front();
                }
                self.changes.push_back(at);
            }
            self.before = Some(owner.to_owned());
        }
        if self.owner.as_deref() != owner {
            self.owner = owner.map(str::to_owned);
        }
    }

    /// Takes what shows that the owner still holds the partition.
    pub(super) fn apply_hold(&mut self, hold: Option<Hold>) {
        self.hold = hold;
    }

    /// The instance that the partition is written down for; `None` if there is none, or it can't be seen.
    pub fn holder(&self, now: Time) -> Option<Holder<'_>> {
        let owner = self.owner.as_deref()?;
        let holding = match self.hold {
            None => Holding::Unknown,
            Some(Hold::Lease { stands: true }) => Holding::Holds,
            Some(Hold::Lease { stands: false }) => Holding::Expired { silent_for: None },
            Some(Hold::Renewed(at)) => match now.since(at) {
                silent if silent > Self::EXPIRY => Holding::Expired { silent_for: Some(silent) },
                _ => Holding::Holds,
            },
        };
        Some(Holder { owner, holding })
    }

    /// When the partition last changed hands, as far as was seen.
    pub fn changed_at(&self) -> Option<Time> {
        self.changes.back().copied()
    }

    /// How often it changed hands within [`Self::LATELY`].
    pub fn changes_lately(&self, now: Time) -> usize {
        self.changes.iter().filter(|at| **at <= now && now.since(**at) <= Self::LATELY).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(s: i64) -> Time {
        Time::from_millis(s * 1_000)
    }

    #[test]
    fn a_partition_changes_hands_when_another_takes_it() {
        let mut ownership = Ownership::default();
        let looks =
            [(0, Some("a")), (1, Some("a")), (2, None), (3, Some("a")), (4, Some("b")), (5, None), (6, Some("a"))];
        for (at, owner) in looks {
            ownership.apply_owner(seconds(at), owner);
        }
        assert_eq!(ownership.changed_at(), Some(seconds(6)));
        assert_eq!(ownership.changes_lately(seconds(6)), 2, "from a to b, and from b to a");
        assert_eq!(ownership.changes_lately(seconds(305)), 1, "the change at 4 s is longer ago than five minutes");
        assert_eq!(ownership.changes_lately(seconds(400)), 0);
    }

    #[test]
    fn whether_an_owner_still_holds_its_partition() {
        let (dead, alive) = (Holding::Expired { silent_for: Some(Duration::from_secs(181)) }, Holding::Holds);
        let table = [
            ("renewed within three minutes", Some(Hold::Renewed(seconds(20))), alive),
            ("not renewed for longer", Some(Hold::Renewed(seconds(19))), dead),
            ("renewed after now, by another clock", Some(Hold::Renewed(seconds(201))), alive),
            ("leased", Some(Hold::Lease { stands: true }), alive),
            ("its lease ended", Some(Hold::Lease { stands: false }), Holding::Expired { silent_for: None }),
            ("nothing shows it", None, Holding::Unknown),
        ];
        for (case, hold, holding) in table {
            let mut ownership = Ownership::default();
            ownership.apply_hold(hold);
            assert_eq!(ownership.holder(seconds(200)), None, "{case}: nobody is written down");
            ownership.apply_owner(seconds(0), Some("host"));
            assert_eq!(ownership.holder(seconds(200)), Some(Holder { owner: "host", holding }), "{case}");
        }
    }

    #[test]
    fn an_instance_that_fights_for_a_partition_costs_no_memory() {
        let mut ownership = Ownership::default();
        for second in 0..10_000 {
            ownership.apply_owner(seconds(second), Some(if second % 2 == 0 { "a" } else { "b" }));
        }
        assert_eq!(ownership.changes_lately(seconds(10_000)), Ownership::MOST_CHANGES);
    }
}
