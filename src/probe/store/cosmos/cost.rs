//! What the looks cost so far, and how long it takes to look at all ranges.

use std::time::Duration;

use super::{CosmosProbe, TELL_EVERY};
use crate::model::observation::{Fact, ProbeFigures, Station};
use crate::model::units::{RequestUnits, Time};
use crate::probe::Outlet;

/// What took so much longer than the budget makes of it was an outage, and no round.
const LONGEST_ROUND: Duration = Duration::from_secs(60);

/// What the looks cost so far, and how long it takes to look at all ranges.
#[derive(Debug, Default)]
pub(super) struct Cost {
    pub(super) calls: u64,
    pub(super) charge: f64,
    pub(super) throttled: u64,
    pub(super) round_began: Option<Time>,
    pub(super) round: Duration,
    told: Option<Time>,
}

impl CosmosProbe {
    /// Tells the cost, if it is time.
    pub(super) async fn tell_cost(&mut self, outlet: &Outlet) {
        let now = outlet.now();
        if self.cost.told.is_some_and(|told| now.since(told) < TELL_EVERY) {
            return;
        }
        self.cost.told = Some(now);
        let figures = ProbeFigures {
            station: Station::Store,
            // To the tenth of a second, as the other probe's.
            round: Duration::from_millis(u64::try_from(self.round().as_millis()).unwrap_or(0).div_ceil(100) * 100),
            calls: self.cost.calls,
            calls_limit: None,
            charge: RequestUnits(self.cost.charge),
            charge_limit: Some(self.purse.per_second()),
            throttled: self.cost.throttled,
        };
        outlet.see(Fact::Probe(figures)).await;
    }

    /// How long a round takes: what the budget makes of it, or what the last one took.
    fn round(&self) -> Duration {
        let budgeted = self.purse.round();
        if self.cost.round <= budgeted * 3 + LONGEST_ROUND { budgeted.max(self.cost.round) } else { budgeted }
    }
}
