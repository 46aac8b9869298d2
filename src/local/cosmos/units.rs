//! Request units: what an operation costs, and the budget that a physical partition has each second.
//!
//! The charges are assumptions that fit what was measured for documents of 1 KB under the default indexing policy:
//! about 8.5 RU for an insert and 11.4 RU for a replacement; a point read of 1 KB is 1 RU by definition
//! (<https://learn.microsoft.com/azure/cosmos-db/request-units>). They grow in proportion to the size, and nothing
//! costs less than at 1 KB. The change feed's charge is not published: 1 RU for a page and 0.1 RU for each KB on it.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Request units, in hundredths, as replies show them. Whole numbers add up without drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct RequestUnits(u64);

impl RequestUnits {
    /// What a lookup costs that finds nothing or changes nothing.
    pub(super) const ONE: Self = Self::hundredths(100);

    pub(super) const fn hundredths(hundredths: u64) -> Self {
        Self(hundredths)
    }

    /// The insert of a new item, by the bytes that the client sent.
    pub(super) fn insert(bytes: usize) -> Self {
        Self::per_kilobyte(850, bytes)
    }

    /// A write over an item that stands.
    pub(super) fn replace(bytes: usize) -> Self {
        Self::per_kilobyte(1140, bytes)
    }

    /// A read by id and partition key.
    pub(super) fn read(bytes: usize) -> Self {
        Self::per_kilobyte(100, bytes)
    }

    /// A page of the change feed, or of any other feed.
    pub(super) fn page(bytes: usize) -> Self {
        Self(100 + (bytes as u64 * 10).div_ceil(1024))
    }

    /// A count that the index answers.
    pub(super) const fn count() -> Self {
        Self(280)
    }

    fn per_kilobyte(hundredths: u64, bytes: usize) -> Self {
        Self((bytes.max(1024) as u64 * hundredths).div_ceil(1024))
    }
}

impl fmt::Display for RequestUnits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// How long to wait before a request can be afforded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RetryAfter(pub(super) Duration);

/// What one physical partition may spend, made anew at each full second.
///
/// A second's admitted charges never add up to more than the budget, with one exception: an item that costs more than a
/// whole second's budget would never get in. It is admitted when nothing is spent, and the seconds after it pay the
/// rest.
///
/// Worked example with 20 RU a second: 8.5 and 8.5 are admitted, a third 8.5 would make 25.5 and waits for the next
/// second.
#[derive(Debug, Default)]
pub(super) struct Budget {
    second: u64,
    spent: u64,
}

impl Budget {
    /// Spends, or says how long to wait.
    pub(super) fn try_spend(
        &mut self,
        charge: RequestUnits,
        per_second: RequestUnits,
        now: SystemTime,
    ) -> Result<(), RetryAfter> {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        // A clock that was set back must not hand out a second twice.
        if let Some(passed) = since.as_secs().checked_sub(self.second).filter(|passed| *passed > 0) {
            self.spent = self.spent.saturating_sub(per_second.0.saturating_mul(passed));
            self.second = since.as_secs();
        }
        if self.spent == 0 || self.spent.saturating_add(charge.0) <= per_second.0 {
            self.spent = self.spent.saturating_add(charge.0);
            return Ok(());
        }
        // After n seconds the spent part is smaller by n budgets: enough to fit the charge, or gone.
        let too_much = self.spent.min((self.spent + charge.0).saturating_sub(per_second.0));
        let seconds = if per_second.0 == 0 { 1 } else { too_much.div_ceil(per_second.0).max(1) };
        let at = Duration::from_secs(self.second.saturating_add(seconds));
        Err(RetryAfter(at.saturating_sub(since).max(Duration::from_millis(1))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(milliseconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(1_000_000_000 + milliseconds)
    }

    #[test]
    fn charges_for_a_kilobyte() {
        assert_eq!(RequestUnits::insert(1024).to_string(), "8.50");
        assert_eq!(RequestUnits::insert(10).to_string(), "8.50");
        assert_eq!(RequestUnits::insert(2048).to_string(), "17.00");
        assert_eq!(RequestUnits::replace(1024).to_string(), "11.40");
        assert_eq!(RequestUnits::read(1024).to_string(), "1.00");
        assert_eq!(RequestUnits::page(10 * 1024).to_string(), "2.00");
        assert_eq!(RequestUnits::page(0).to_string(), "1.00");
    }

    #[test]
    fn a_second_is_spent_and_the_next_is_fresh() {
        let mut budget = Budget::default();
        let (charge, per_second) = (RequestUnits::hundredths(850), RequestUnits::hundredths(2000));
        assert_eq!(budget.try_spend(charge, per_second, at(100)), Ok(()));
        assert_eq!(budget.try_spend(charge, per_second, at(200)), Ok(()));
        assert_eq!(budget.try_spend(charge, per_second, at(300)), Err(RetryAfter(Duration::from_millis(700))));
        assert_eq!(budget.try_spend(charge, per_second, at(1000)), Ok(()));
    }

    #[test]
    fn an_item_dearer_than_a_second_gets_in_alone_and_is_paid_off() {
        let mut budget = Budget::default();
        let (charge, per_second) = (RequestUnits::hundredths(2500), RequestUnits::hundredths(1000));
        assert_eq!(budget.try_spend(charge, per_second, at(0)), Ok(()));
        let small = RequestUnits::ONE;
        assert_eq!(budget.try_spend(small, per_second, at(1500)), Err(RetryAfter(Duration::from_millis(500))));
        assert_eq!(budget.try_spend(small, per_second, at(2000)), Ok(()));
    }

    #[test]
    fn a_clock_set_back_gives_nothing_twice() {
        let mut budget = Budget::default();
        let all = RequestUnits::hundredths(1000);
        assert_eq!(budget.try_spend(all, all, at(5000)), Ok(()));
        assert!(budget.try_spend(all, all, at(2000)).is_err());
    }

    proptest! {
        /// Over any run of whole seconds no more is admitted than their budgets and one over-sized item.
        #[test]
        fn never_more_than_the_budget(
            requests in proptest::collection::vec((0_u64..400, 1_u64..3000), 1..200),
            per_second in 1000_u64..5000,
        ) {
            let mut budget = Budget::default();
            let (mut time, mut admitted) = (0, 0);
            for (pause, charge) in requests {
                time += pause;
                let charge = RequestUnits::hundredths(charge);
                if budget.try_spend(charge, RequestUnits::hundredths(per_second), at(time)).is_ok() {
                    admitted += charge.0;
                }
                let seconds = time / 1000 + 1;
                let over_sized = 3000_u64.saturating_sub(per_second);
                prop_assert!(admitted <= seconds * per_second + over_sized);
            }
        }

        /// Who waits as long as was said gets in.
        #[test]
        fn retry_after_is_enough(first in 1_u64..10_000, second in 1_u64..10_000, per_second in 1_u64..3000, start in 0_u64..999) {
            let mut budget = Budget::default();
            let per_second = RequestUnits::hundredths(per_second);
            prop_assert_eq!(budget.try_spend(RequestUnits::hundredths(first), per_second, at(start)), Ok(()));
            let charge = RequestUnits::hundredths(second);
            if let Err(RetryAfter(wait)) = budget.try_spend(charge, per_second, at(start)) {
                prop_assert_eq!(budget.try_spend(charge, per_second, at(start) + wait), Ok(()));
            }
        }
    }
}
