//! One physical partition of the store, and how far its change feed was read.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use azure_data_cosmos::clients::ContainerClient;
use azure_data_cosmos::feed::{ContinuationToken, FeedRange};
use azure_data_cosmos::models::ChangeFeedItem;
use hdrhistogram::Histogram;

use super::From;
use super::page::{Ask, Item, Page, Refusal, Reply, lsn, page};
use crate::model::ledger::{Ledger, Sighting, StoreOrder};
use crate::model::observation::{Latencies, OrderFigures};
use crate::model::units::{Lsn, RangeId, RequestUnits, Time};
use crate::probe::Outlet;
use crate::probe::budget::Budget;

/// `_ts` has whole seconds.
const SECOND: Duration = Duration::from_secs(1);

/// A feed that the budget did not let read to its end for so long is left behind, and read on from where it ends: what is
/// shown is a sample of now, not all of a while ago. Not so where every event is to be followed ([`From::Beginning`]).
const LEAVE_BEHIND_AFTER: Duration = Duration::from_secs(2);

/// One physical partition and how far its change feed was read.
pub(super) struct Range {
    /// Its id, once it answered.
    pub(super) id: Option<RangeId>,
    pub(super) feed: FeedRange,
    token: Option<ContinuationToken>,
    /// The log sequence number at the last look.
    pub(super) lsn: Lsn,
    /// The log sequence number up to which the feed was read.
    read: Lsn,
    /// The log sequence number from which writes are counted by it; `None` while they are counted one by one, because
    /// not all of them are this range's own, or not all can be seen.
    counted_from: Option<Lsn>,
    /// When the feed was last read to its end, and since when looks have not got there.
    whole_at: Time,
    unfinished_since: Option<Time>,
    order: StoreOrder,
}

/// What one look saw, over all ranges.
pub(super) struct Seen {
    pub(super) items: u64,
    /// Events of ours among them that were not seen before.
    pub(super) first: u64,
    pub(super) latency: Histogram<u64>,
    /// How much too long the latencies may be.
    pub(super) resolution: Option<Duration>,
    pub(super) charge: RequestUnits,
    pub(super) calls: u64,
    pub(super) throttled: u64,
    /// Writes that were counted one by one.
    pub(super) writes: u64,
}

/// How far a look got with one range.
pub(super) enum Got {
    /// To where the feed ended when the look began.
    Whole,
    /// Not so far: the budget is used up, or there was too much.
    Part,
    /// Items were passed over, for good.
    LeftBehind,
    /// Nothing was read: another physical partition answers in its place.
    Moved,
    /// Nothing was read: the store asks for so much patience.
    Throttled(Duration),
}

impl Range {
    /// A range that was never read: from its first write on, or from the next.
    pub(super) fn new(feed: FeedRange, from: From, now: Time) -> Self {
        let counted_from = (from == From::Beginning).then_some(Lsn(0));
        Self {
            id: None,
            feed,
            token: None,
            lsn: Lsn(0),
            read: Lsn(0),
            counted_from,
            whole_at: now,
            unfinished_since: None,
            order: StoreOrder::default(),
        }
    }

    /// A part of this range that became one of its own: it goes on where this one was. Log sequence numbers go on, too,
    /// but what lies between that and its first look is in part its sibling's: those writes are counted one by one.
    pub(super) fn successor(&self, feed: FeedRange) -> Self {
        let Self { token, lsn, read, whole_at, unfinished_since, .. } = self;
        let (token, lsn, read, whole_at) = (token.clone(), *lsn, *read, *whole_at);
        let (unfinished_since, order) = (*unfinished_since, self.order.successor());
        Self { id: None, feed, token, lsn, read, counted_from: None, whole_at, unfinished_since, order }
    }

    /// Whether its place in the feed is known. From [`From::Now`] on, what was written before that is not shown.
    pub(super) fn has_place(&self) -> bool {
        self.token.is_some()
    }

    /// Writes so far, as far as they are counted by the log sequence number.
    pub(super) fn writes(&self) -> u64 {
        self.counted_from.map_or(0, |from| self.read.0.saturating_sub(from.0))
    }

    /// In which order our events were written.
    pub(super) fn order(&self) -> OrderFigures {
        self.order.figures()
    }

    /// From here on until the feed's end writes are counted one by one. Gives those so far.
    pub(super) fn count_anew(&mut self) -> u64 {
        let writes = self.writes();
        self.counted_from = None;
        writes
    }

    /// The store does not know the place in the feed any more: begin again. Gives the writes so far.
    pub(super) fn begin_again(&mut self) -> u64 {
        let writes = self.count_anew();
        (self.token, self.lsn, self.read) = (None, Lsn(0), Lsn(0));
        self.order.begin_again();
        writes
    }

    /// Asks for one page and enters what it cost.
    async fn ask(&self, container: &ContainerClient, ask: Ask<'_>, budget: &mut Budget, seen: &mut Seen) -> Reply {
        let reply = page(container, &self.feed, ask).await;
        budget.spend(reply.charge.0);
        seen.charge.0 += reply.charge.0;
        seen.calls += 1;
        seen.throttled += reply.throttled;
        reply
    }

    /// Reads the feed up to where it ended when the look began, as far as the budget allows. `reserve` is kept for the
    /// log sequence numbers of the other ranges, which come before items.
    #[expect(clippy::too_many_arguments, reason = "parts of the probe that are borrowed apart")]
    pub(super) async fn follow(
        &mut self,
        container: &ContainerClient,
        from: From,
        budget: &mut Budget,
        reserve: f64,
        ledger: &Mutex<Ledger>,
        seen: &mut Seen,
        outlet: &Outlet,
    ) -> Result<Got, Refusal> {
        let mut end = None;
        loop {
            let began = outlet.now();
            let late = began.since(self.whole_at);
            // Without a budget for items, one RU still buys the log sequence number.
            let allowed = budget.left(began) > reserve;
            if !allowed && end.is_some() {
                self.unfinished_since.get_or_insert(began);
                return Ok(Got::Part);
            }
            let unfinished = self.unfinished_since.map_or(Duration::ZERO, |since| began.since(since));
            let leave_behind = from == From::Now && unfinished > LEAVE_BEHIND_AFTER;
            let ask = match &self.token {
                _ if !allowed || leave_behind => Ask::WhereItEnds,
                Some(token) => Ask::After(token),
                None if from == From::Beginning => Ask::FromTheBeginning,
                None => Ask::WhereItEnds,
            };
            let only_the_end = matches!(ask, Ask::WhereItEnds);
            let page = match self.ask(container, ask, budget, seen).await.page {
                Ok(page) => page,
                Err(Refusal::Throttled(wait)) => return Ok(Got::Throttled(wait)),
                Err(refusal) => return Err(refusal),
            };
            if let (Some(known), Some(answers)) = (&self.id, &page.range)
                && known != answers
            {
                return Ok(Got::Moved);
            }
            self.id = page.range.clone().or_else(|| self.id.take());
            self.lsn = page.lsn.unwrap_or(self.lsn).max(self.lsn);
            let end = *end.get_or_insert(self.lsn);
            // Where a watch begins with the next write, the one RU for the number buys its first place as well.
            let begins = from == From::Now && self.token.is_none();
            if only_the_end && !allowed && !begins {
                self.unfinished_since.get_or_insert(began);
                return Ok(Got::Part);
            }
            if only_the_end {
                // The watch begins here, or goes on here: what lies before is passed over.
                self.token = Some(page.token);
                let first = self.read == Lsn(0);
                seen.writes += self.count_anew();
                (self.read, self.counted_from, self.whole_at) = (self.lsn, Some(self.lsn), outlet.now());
                self.unfinished_since = None;
                self.order.go_on_after(self.lsn);
                return Ok(if first { Got::Whole } else { Got::LeftBehind });
            }
            let at_the_end = self.take_in(page, late, ledger, seen, outlet.now()) >= end;
            if at_the_end {
                (self.whole_at, self.unfinished_since) = (began, None);
                self.counted_from.get_or_insert(self.read);
                return Ok(Got::Whole);
            }
        }
    }

    /// Enters a page, and gives how far the feed is read with it. A page of items that don't say how far they are is not
    /// taken for the last one.
    fn take_in(&mut self, page: Page, late: Duration, ledger: &Mutex<Ledger>, seen: &mut Seen, now: Time) -> Lsn {
        let end = page.end();
        self.read = match (page.last_lsn(), page.items.is_empty()) {
            (Some(last), _) => last,
            (None, true) => self.lsn,
            (None, false) => self.read,
        };
        self.token = Some(page.token);
        if self.counted_from.is_none() {
            seen.writes += page.items.len() as u64;
        }
        seen.take_in(&page.items, late, ledger, &mut self.order, now);
        if let Some(end) = end {
            self.order.whole(end);
        }
        self.read
    }
}

impl Seen {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self {
            items: 0,
            first: 0,
            latency: Latencies::histogram(),
            resolution: None,
            charge: RequestUnits(0.0),
            calls: 0,
            throttled: 0,
            writes: 0,
        }
    }

    fn take_in(
        &mut self,
        items: &[ChangeFeedItem<Item>],
        late: Duration,
        ledger: &Mutex<Ledger>,
        order: &mut StoreOrder,
        now: Time,
    ) {
        let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
        for item in items {
            order.item(lsn(item));
            let Some(item) = item.current() else { continue };
            match item.key().map(|key| (key, ledger.stored(key))) {
                Some((key, Sighting::First)) => {
                    self.first += 1;
                    order.first_seen(key);
                }
                Some((key, Sighting::AtLast)) => order.seen_at_last(key),
                Some((_, Sighting::Repeat | Sighting::Foreign)) => {}
                None => ledger.foreign(),
            }
            if let Some(enqueued) = item.enqueued() {
                let (stored, resolution) = stored_by(item.stored(), late, now);
                let micros = u64::try_from(stored.since(enqueued).as_micros()).unwrap_or(u64::MAX);
                self.latency.saturating_record(micros.max(1));
                self.resolution = Some(self.resolution.map_or(resolution, |so_far| so_far.max(resolution)));
            }
        }
        self.items += items.len() as u64;
    }
}

/// By when an item was stored, and how much too late that may be.
///
/// The moment at which it was seen is at most as late as the feed was read before, `late`. Where that is a second or more, or
/// the two clocks contradict each other, the end of the second that the store itself gives is better.
///
/// Worked example, looks a quarter of a second apart: an item with `_ts` 10 that is seen at 10.4 s was stored by 10.4 s, up
/// to a quarter of a second before. Had the feed not been read for a minute, it would be stored by 11 s, up to a second
/// before.
fn stored_by(second: Option<Time>, late: Duration, now: Time) -> (Time, Duration) {
    let Some(begin) = second else { return (now, late) };
    let end = begin.after(SECOND);
    let agrees = begin <= now && now <= end.after(SECOND);
    if late < SECOND && agrees { (now, late) } else { (end, SECOND) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_of_two_clocks() {
        let at = Time::from_millis;
        let millis = Duration::from_millis;
        let table = [
            ("seen at once", Some(at(10_000)), 250, 10_400, (10_400, 250)),
            ("seen late: the second that the store gives", Some(at(10_000)), 60_000, 70_000, (11_000, 1_000)),
            ("our clock is behind the store's", Some(at(10_000)), 250, 7_000, (11_000, 1_000)),
            ("our clock is before the store's", Some(at(10_000)), 250, 19_000, (11_000, 1_000)),
            ("the item does not say", None, 250, 10_400, (10_400, 250)),
        ];
        for (case, second, late, now, (stored, resolution)) in table {
            let seen = stored_by(second, millis(late), at(now));
            assert_eq!(seen, (at(stored), millis(resolution)), "{case}");
        }
    }
}
