//! What may be spent on looking at the store, in two parts: one for the log sequence numbers, one for items.
//!
//! Writes a second come from the log sequence numbers, latencies from items. Items cost as much as there are, so they must
//! never spend what the numbers need: each has a part of its own. Half of what comes in goes to the numbers until they
//! have what a look at all ranges costs, the rest to items; what one of them has no room for, the other gets.
//!
//! Worked example, 4 RU/s (1 % of the fewest that can be provisioned) and two ranges whose pages cost 1 RU, and 0.1 RU for
//! each item: at one look a second the numbers have 2 RU and the items 2 RU, so each range is asked in each look, for ten
//! items. With ten ranges two of them are asked a second, in turn, for ten items each: a round of five seconds.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::model::units::{RequestUnits, Time};

/// Items asked for in one page, at most.
const MOST_ITEMS: u32 = 1_000;

/// No answer of the service costs less.
const LEAST: f64 = 1.0;

/// An item's price before one was seen: what a read of 1 KB by its key costs
/// (<https://learn.microsoft.com/azure/cosmos-db/request-units>). In a page it is a fraction of that.
const FIRST_GUESS: f64 = 1.0;

/// A round longer than this is told as this long.
const LONGEST_ROUND: f64 = 3_600.0;

/// Request units to spend, and what was learned of prices.
#[derive(Debug, Clone)]
pub(super) struct Purse {
    per_second: f64,
    /// For the log sequence numbers, and for items. Below zero is overdrawn: a price is known only afterwards.
    numbers: f64,
    items: f64,
    ranges: usize,
    filled: Option<Time>,
    /// What a page costs that holds nothing, and each item in one beside that.
    page_price: f64,
    item_price: Option<f64>,
}

impl Purse {
    /// A full one of so much a second.
    pub(super) fn new(per_second: RequestUnits) -> Self {
        let mut purse = Self {
            per_second: per_second.0.max(0.0),
            numbers: 0.0,
            items: 0.0,
            ranges: 1,
            filled: None,
            page_price: LEAST,
            item_price: None,
        };
        (purse.numbers, purse.items) = (purse.most_for_numbers(), purse.most_for_items());
        purse
    }

    /// How much a second may be spent.
    pub(super) fn per_second(&self) -> RequestUnits {
        RequestUnits(self.per_second)
    }

    /// Allows another amount from now on. What is left or overdrawn stays, up to a second of it.
    pub(super) fn set_per_second(&mut self, per_second: RequestUnits) {
        self.per_second = per_second.0.max(0.0);
        self.numbers = self.numbers.min(self.most_for_numbers());
        self.items = self.items.min(self.most_for_items());
    }

    /// What the numbers may have saved up: a page of each range, but half a second's budget at most, and one page at least.
    fn most_for_numbers(&self) -> f64 {
        (self.ranges as f64 * self.page_price).min(self.per_second / 2.0).max(self.page_price)
    }

    /// What items may have saved up: the rest of a second's budget.
    fn most_for_items(&self) -> f64 {
        (self.per_second - self.most_for_numbers()).max(self.per_second / 2.0)
    }

    /// Takes in what the time since the last call brought, for a store with so many ranges.
    pub(super) fn fill(&mut self, now: Time, ranges: usize) {
        self.ranges = ranges.max(1);
        let Some(filled) = self.filled.replace(now) else {
            self.numbers = self.most_for_numbers();
            self.items = self.items.min(self.most_for_items());
            return;
        };
        let passed = now.since(filled);
        let income = self.per_second * passed.as_secs_f64();
        let room = |most: f64, has: f64| (most - has).max(0.0);
        let numbers = (income / 2.0).min(room(self.most_for_numbers(), self.numbers));
        let items = (income - numbers).min(room(self.most_for_items(), self.items));
        self.numbers += numbers;
        self.items += items;
        self.numbers += (income - numbers - items).min(room(self.most_for_numbers(), self.numbers));
    }

    /// How many ranges may be asked for their numbers now.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and as many as ranges")]
    pub(super) fn looks(&self) -> usize {
        // What is short of a page by less than this is a matter of rounding.
        (self.numbers / self.page_price + 1e-9).max(0.0) as usize
    }

    /// What is there for items.
    pub(super) fn for_items(&self) -> f64 {
        self.items.max(0.0)
    }

    /// How many items so many request units buy; `None` for none. One that is dearer than all that may be saved up is
    /// bought once that is saved up, and paid off.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and cut to a page")]
    pub(super) fn items_for(&self, units: f64) -> Option<NonZeroU32> {
        let most = self.most_for_items();
        let saved_up = most > 0.0 && self.items >= most - 1e-9;
        let bought = (units / self.item_price.unwrap_or(FIRST_GUESS) + 1e-9).clamp(0.0, f64::from(MOST_ITEMS)) as u32;
        NonZeroU32::new(bought.max(u32::from(saved_up)))
    }

    /// The same for a page beside the one that the log sequence number came with: items pay all of it. `None` where more
    /// would go into the page than into items.
    pub(super) fn items_of_another_page(&self, units: f64) -> Option<NonZeroU32> {
        let rest = units - self.page_price;
        (rest >= self.page_price).then(|| self.items_for(rest)).flatten()
    }

    /// Pays for the page that a range's log sequence number came with.
    pub(super) fn pay_look(&mut self, charge: RequestUnits, items: usize) {
        let page = charge.0.min(if items == 0 { f64::INFINITY } else { self.page_price });
        self.numbers -= page;
        self.items -= charge.0 - page;
        self.learn(charge, items);
    }

    /// Pays for any other page.
    pub(super) fn pay_page(&mut self, charge: RequestUnits, items: usize) {
        self.items -= charge.0;
        self.learn(charge, items);
    }

    /// Pays for a call that is neither.
    pub(super) fn pay(&mut self, charge: f64) {
        self.items -= charge;
    }

    /// Prices follow what was charged: up at once, down slowly, since items are not all of a size.
    fn learn(&mut self, charge: RequestUnits, items: usize) {
        if charge.0 <= 0.0 {
            return;
        }
        if items == 0 {
            self.page_price = charge.0.max(LEAST);
            return;
        }
        let each = ((charge.0 - self.page_price) / items as f64).max(1e-6);
        self.item_price = Some(self.item_price.map_or(each, |before| each.max((3.0 * before + each) / 4.0)));
    }

    /// How long it takes until each range was asked once, where that is a matter of the budget.
    pub(super) fn round(&self) -> Duration {
        let a_second = (self.per_second / 2.0).max(f64::MIN_POSITIVE);
        Duration::from_secs_f64((self.ranges as f64 * self.page_price / a_second).min(LONGEST_ROUND))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Time {
        Time::from_millis(millis)
    }

    fn items(purse: &Purse, units: f64) -> u32 {
        purse.items_for(units).map_or(0, NonZeroU32::get)
    }

    /// The worked example of the module.
    #[test]
    fn numbers_and_items_share() {
        for (ranges, each_look, round) in [(2, 2, 1), (10, 2, 5), (1, 1, 1)] {
            let mut purse = Purse::new(RequestUnits(4.0));
            purse.item_price = Some(0.1);
            for second in 1..60 {
                purse.fill(at(second * 1_000), ranges);
                assert_eq!(purse.looks(), each_look);
                let share = purse.for_items() / each_look as f64;
                for _ in 0..each_look {
                    let items = items(&purse, share);
                    assert!(items >= 10, "{items} with {ranges} ranges");
                    purse.pay_look(RequestUnits(1.0 + 0.1 * f64::from(items)), items as usize);
                }
            }
            assert!(purse.round() <= Duration::from_secs(round));
        }
    }

    #[test]
    fn what_items_overdraw_is_not_the_numbers_loss() {
        let mut purse = Purse::new(RequestUnits(4.0));
        purse.fill(at(0), 2);
        purse.pay_look(RequestUnits(101.0), 1);
        for second in 1..20 {
            purse.fill(at(second * 1_000), 2);
            assert_eq!((purse.looks(), purse.items_for(purse.for_items())), (2, None));
            (0..2).for_each(|_| purse.pay_look(RequestUnits(1.0), 0));
        }
        purse.fill(at(70_000), 2);
        assert_eq!(items(&purse, 1.0), 1, "one at a time, when it is saved up");
    }

    #[test]
    fn what_nobody_spends_is_kept_for_a_second() {
        let mut purse = Purse::new(RequestUnits(100.0));
        purse.fill(at(0), 2);
        purse.fill(at(60_000), 2);
        assert!((purse.numbers + purse.items - 100.0).abs() < 1e-9, "{purse:?}");
        purse.set_per_second(RequestUnits(4.0));
        purse.fill(at(60_000), 2);
        assert!((purse.numbers + purse.items - 4.0).abs() < 1e-9, "{purse:?}");
    }

    #[test]
    fn an_idle_feed_leaves_its_part_to_the_numbers() {
        let mut purse = Purse::new(RequestUnits(4.0));
        let mut looks = 0;
        for quarter in 0..40 {
            purse.fill(at(quarter * 250), 2);
            let may = purse.looks().min(2);
            (0..may).for_each(|_| purse.pay_look(RequestUnits(1.0), 0));
            looks += may;
        }
        assert!((38..=44).contains(&looks), "{looks} in ten seconds");
    }

    #[test]
    fn prices_rise_at_once_and_fall_slowly() {
        let mut purse = Purse::new(RequestUnits(1_000.0));
        assert_eq!(items(&purse, 100.0), 100, "a first guess");
        purse.pay_look(RequestUnits(11.0), 100);
        assert_eq!(items(&purse, 100.0), 1_000);
        purse.pay_look(RequestUnits(101.0), 10);
        assert_eq!(items(&purse, 100.0), 10);
        purse.pay_look(RequestUnits(11.0), 100);
        assert_eq!(items(&purse, 100.0), 13);
    }

    #[test]
    fn without_a_budget_nothing_is_bought() {
        let mut purse = Purse::new(RequestUnits(-1.0));
        purse.fill(at(0), 2);
        purse.pay_look(RequestUnits(1.0), 0);
        purse.fill(at(60_000), 2);
        assert_eq!((purse.looks(), purse.items_for(purse.for_items())), (0, None));
        assert_eq!(purse.round(), Duration::from_secs(3_600));
    }
}
