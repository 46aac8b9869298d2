//! One look at all ranges: their log sequence numbers first, items as far as the budget goes.

use std::time::Duration;

use super::page::Refusal;
use super::range::{Got, Seen};
use super::{CosmosProbe, FeedStart, THROTTLED_FOR};
use crate::azure::cosmos::Store;
use crate::azure::error::{AzureError, Service};
use crate::model::observation::{Fact, StoreRange};
use crate::model::units::Time;
use crate::probe::{Outlet, Probe as _};

/// How a look goes on after a range.
enum Next {
    /// With the next one.
    Range,
    /// Not at all: the store asks for a pause.
    Nothing,
}

impl CosmosProbe {
    /// Asks each range for its log sequence number and for a share of the items that the budget buys, those first whose
    /// turn it is; then shares what is left among those that have more.
    pub(super) async fn read_feed(
        &mut self,
        store: &Store,
        began: Time,
        seen: &mut Seen,
        outlet: &Outlet,
    ) -> Result<(), AzureError> {
        self.purse.fill(outlet.now(), self.ranges.len());
        let mut answers = 0_usize;
        let mut unfinished = Vec::new();
        for asked in 0..self.ranges.len() {
            let looks = self.purse.looks();
            if looks == 0 {
                break;
            }
            let sharers = looks.min(self.ranges.len() - asked);
            let units = self.purse.for_items() / sharers as f64;
            let place = self.next;
            let Some(range) = self.ranges.get_mut(place) else { break };
            // The first place comes late where the budget is small, and load may have begun by then.
            self.missed |= self.from == FeedStart::Now && !range.has_place();
            let purse = (&mut self.purse, units);
            let got = range.look(&store.container, self.from, purse, &self.ledger, seen, outlet).await;
            let is_part = matches!(got, Ok(Got::Part));
            answers += usize::from(matches!(got, Ok(Got::Whole | Got::Part | Got::LeftBehind)));
            if matches!(self.enter(place, got, outlet).await?, Next::Nothing) {
                unfinished.clear();
                break;
            }
            unfinished.extend(is_part.then_some(place));
            self.turn(began);
        }
        for (before, place) in unfinished.iter().enumerate() {
            let units = self.purse.for_items() / (unfinished.len() - before) as f64;
            let Some(range) = self.ranges.get_mut(*place) else { break };
            let got = range.read_on(&store.container, (&mut self.purse, units), &self.ledger, seen, outlet).await;
            if matches!(self.enter(*place, got, outlet).await?, Next::Nothing) {
                break;
            }
        }
        self.outlast_throttling(answers, began)
    }

    /// Enters what came of asking a range.
    async fn enter(&mut self, place: usize, got: Result<Got, Refusal>, outlet: &Outlet) -> Result<Next, AzureError> {
        let fail = self.refused("the change feed");
        let Some(range) = self.ranges.get_mut(place) else { return Ok(Next::Range) };
        match got {
            Err(Refusal::UnknownPlace(error)) => {
                self.missed = true;
                self.writes += range.begin_again();
                return Err(fail(error));
            }
            Err(Refusal::Failed(error)) => {
                if error.status().is_gone() {
                    self.ranges_read = None;
                }
                return Err(fail(error));
            }
            Ok(Got::Throttled(wait)) | Err(Refusal::Throttled(wait)) => {
                self.asked_pause = Some(wait);
                return Ok(Next::Nothing);
            }
            // The next look reads the ranges, and this one's feed by its new ones.
            Ok(Got::Moved) => self.ranges_read = None,
            Ok(got @ (Got::Whole | Got::Part | Got::LeftBehind)) => {
                self.missed |= matches!(got, Got::LeftBehind);
                let told = range.id.clone().map(|range_id| StoreRange { range: range_id, lsn: range.lsn });
                if let Some(told) = told {
                    outlet.see(Fact::StoreRange(told)).await;
                }
            }
        }
        Ok(Next::Range)
    }

    /// With nothing but 429s for a while the store can't be seen.
    fn outlast_throttling(&mut self, answers: usize, began: Time) -> Result<(), AzureError> {
        if answers > 0 {
            self.throttled_since = None;
        } else if let Some(wait) = self.asked_pause {
            let since = *self.throttled_since.get_or_insert(began);
            if began.since(since) >= THROTTLED_FOR {
                self.keep_store = true;
                return Err(AzureError::Refused {
                    service: Service::CosmosDb,
                    address: self.place(),
                    call: "the change feed",
                    reason: format!("429: too many requests, it asks for a pause of {wait:?}"),
                });
            }
        }
        Ok(())
    }

    /// The next range's turn. A round ends with the last one.
    fn turn(&mut self, began: Time) {
        self.next += 1;
        if self.next >= self.ranges.len() {
            self.next = 0;
            self.cost.round = self.cost.round_began.replace(began).map_or(Duration::ZERO, |before| began.since(before));
        }
    }
}
