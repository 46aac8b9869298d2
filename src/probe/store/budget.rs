//! A budget of request units: the monitor must not eat what it measures.

use std::time::Duration;

use crate::model::units::{RequestUnits, Time};

/// So many RU a second may be spent, and what is unspent is kept for one second at most.
#[derive(Debug, Clone)]
pub struct Budget {
    per_second: RequestUnits,
    left: f64,
    filled: Option<Time>,
}

impl Budget {
    /// A full budget.
    pub fn new(per_second: RequestUnits) -> Self {
        Self { per_second, left: per_second.0, filled: None }
    }

    /// Whether there is something left to spend now.
    pub fn allows(&mut self, now: Time) -> bool {
        let passed = self.filled.replace(now).map_or(Duration::ZERO, |filled| now.since(filled));
        self.left = (self.left + self.per_second.0 * passed.as_secs_f64()).min(self.per_second.0);
        self.left > 0.0
    }

    /// Spends what a reply said it cost: known only afterwards, so a budget may be overdrawn by one reply, and then
    /// waits until that is made good.
    pub fn spend(&mut self, charge: RequestUnits) {
        self.left -= charge.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_overdrawn_is_made_good_first() {
        let mut budget = Budget::new(RequestUnits(100.0));
        assert!(budget.allows(Time::from_millis(0)));
        budget.spend(RequestUnits(250.0));
        assert!(!budget.allows(Time::from_millis(1_000)), "150 overdrawn, 100 made good");
        assert!(budget.allows(Time::from_millis(2_000)));
    }

    #[test]
    fn unspent_units_are_not_saved_up() {
        let mut budget = Budget::new(RequestUnits(100.0));
        assert!(budget.allows(Time::from_millis(60_000)));
        budget.spend(RequestUnits(100.0));
        assert!(!budget.allows(Time::from_millis(60_000)));
    }
}
