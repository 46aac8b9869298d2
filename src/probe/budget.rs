//! A budget of calls or of request units: the monitor must not eat what it measures.

use std::time::Duration;

use crate::model::units::Time;

/// So much a second may be spent, and what is unspent is kept for one second at most.
#[derive(Debug, Clone)]
pub struct Budget {
    per_second: f64,
    left: f64,
    filled: Option<Time>,
}

impl Budget {
    /// A full budget of so much a second. One below zero is one of nothing.
    pub fn new(per_second: f64) -> Self {
        let per_second = per_second.max(0.0);
        Self { per_second, left: per_second, filled: None }
    }

    /// How much a second may be spent.
    pub fn per_second(&self) -> f64 {
        self.per_second
    }

    /// Allows another amount from now on. What is left or overdrawn stays, up to a second of it.
    pub fn set_per_second(&mut self, per_second: f64) {
        self.per_second = per_second.max(0.0);
        self.left = self.left.min(self.per_second);
    }

    /// What is left to spend now; below zero is overdrawn.
    pub fn left(&mut self, now: Time) -> f64 {
        let passed = self.filled.replace(now).map_or(Duration::ZERO, |filled| now.since(filled));
        self.left = (self.left + self.per_second * passed.as_secs_f64()).min(self.per_second);
        self.left
    }

    /// Whether there is something left to spend now.
    pub fn allows(&mut self, now: Time) -> bool {
        self.left(now) > 0.0
    }

    /// Spends what a reply said it cost: known only afterwards, so a budget may be overdrawn by one reply, and then
    /// waits until that is made good.
    pub fn spend(&mut self, amount: f64) {
        self.left -= amount;
    }
}

/// As many whole calls as a budget holds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is not negative, and no budget is 2^53"
)]
pub(super) fn whole(left: f64) -> usize {
    left.max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_overdrawn_is_made_good_first() {
        let mut budget = Budget::new(100.0);
        assert!(budget.allows(Time::from_millis(0)));
        budget.spend(250.0);
        assert!(!budget.allows(Time::from_millis(1_000)), "150 overdrawn, 100 made good");
        assert!(budget.allows(Time::from_millis(2_000)));
    }

    #[test]
    fn unspent_units_are_not_saved_up() {
        let mut budget = Budget::new(100.0);
        assert!(budget.allows(Time::from_millis(60_000)));
        budget.spend(100.0);
        assert!(!budget.allows(Time::from_millis(60_000)));
    }

    #[test]
    fn a_smaller_budget_holds_at_once() {
        let mut budget = Budget::new(100.0);
        budget.set_per_second(4.0);
        assert!((budget.left(Time::from_millis(60_000)) - 4.0).abs() < f64::EPSILON);
    }
}
