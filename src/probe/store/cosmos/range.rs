//! One physical partition of the store, and how far its change feed was read.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use azure_data_cosmos::clients::ContainerClient;
use azure_data_cosmos::feed::{ContinuationToken, FeedRange};
use azure_data_cosmos::models::ChangeFeedItem;
use hdrhistogram::Histogram;

use super::FeedStart;
use super::page::{Ask, Item, Page, Refusal, Reply, lsn, page};
use super::purse::Purse;
use crate::model::ledger::{Ledger, Sighting, StoreOrder};
use crate::model::observation::{Latencies, OrderFigures};
use crate::model::units::{Lsn, RangeId, RequestUnits, Time};
use crate::probe::Outlet;

/// `_ts` has whole seconds.
const SECOND: Duration = Duration::from_secs(1);

/// A feed that was not read to its end, and whose place is older than this, is left behind and read on from where it ends:
/// what is shown is a sample of now, not all of a while ago. Not so where every event is to be followed
/// ([`FeedStart::Beginning`]).
const LEAVE_BEHIND_AFTER: Duration = Duration::from_secs(2);

/// Log sequence numbers that are kept to tell the age of the place in the feed.
const MOST_ENDS: usize = 64;

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
    /// All that was stored before this moment was seen; `None` once a part of the feed was missed.
    pub(super) whole_at: Option<Time>,
    /// When the place in the feed was its end: what follows was stored after that.
    place_at: Time,
    /// When the range was asked and how far it was, behind that place: they tell its age when it moves on.
    ends: VecDeque<(Time, Lsn)>,
    /// When this look began, and where the feed ended then.
    goal: (Time, Lsn),
    /// The last look did not get there.
    unfinished: bool,
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
    pub(super) fn new(feed: FeedRange, from: FeedStart, now: Time) -> Self {
        let counted_from = (from == FeedStart::Beginning).then_some(Lsn(0));
        Self {
            id: None,
            feed,
            token: None,
            lsn: Lsn(0),
            read: Lsn(0),
            counted_from,
            whole_at: None,
            place_at: now,
            ends: VecDeque::new(),
            goal: (now, Lsn(0)),
            unfinished: false,
            order: StoreOrder::default(),
        }
    }

    /// A part of this range that became one of its own: it goes on where this one was. Log sequence numbers go on, too,
    /// but what lies between that and its first look is in part its sibling's: those writes are counted one by one.
    pub(super) fn successor(&self, feed: FeedRange) -> Self {
        Self {
            id: None,
            feed,
            token: self.token.clone(),
            counted_from: None,
            ends: self.ends.clone(),
            order: self.order.successor(),
            ..*self
        }
    }

    /// Whether its place in the feed is known. From [`FeedStart::Now`] on, what was written before that is not shown.
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

    /// From here on until the feed's end writes are counted one by one: something was missed. Gives those so far.
    pub(super) fn count_anew(&mut self) -> u64 {
        let writes = self.writes();
        (self.counted_from, self.whole_at) = (None, None);
        writes
    }

    /// The store does not know the place in the feed any more: begin again. Gives the writes so far.
    pub(super) fn begin_again(&mut self) -> u64 {
        let writes = self.count_anew();
        (self.token, self.lsn, self.read) = (None, Lsn(0), Lsn(0));
        self.ends.clear();
        self.order.begin_again();
        writes
    }

    /// Asks for one page and enters what it cost.
    async fn ask(&self, container: &ContainerClient, ask: Ask<'_>, seen: &mut Seen) -> Reply {
        let reply = page(container, &self.feed, ask).await;
        seen.charge.0 += reply.charge.0;
        seen.calls += 1;
        seen.throttled += reply.throttled;
        reply
    }

    /// Asks for the log sequence number, and with it for as many items as `units` buy. Where they buy none, the place in
    /// the feed stays as it is.
    pub(super) async fn look(
        &mut self,
        container: &ContainerClient,
        from: FeedStart,
        (purse, units): (&mut Purse, f64),
        ledger: &Mutex<Ledger>,
        seen: &mut Seen,
        outlet: &Outlet,
    ) -> Result<Got, Refusal> {
        let began = outlet.now();
        let is_old = self.unfinished && began.since(self.place_at) > LEAVE_BEHIND_AFTER;
        // Where a watch begins with the next write, its first place comes with the number.
        let moves = from == FeedStart::Now && (is_old || self.token.is_none());
        let ask = match (&self.token, purse.items_for(units)) {
            _ if moves => Ask::WhereItEnds,
            (_, None) => Ask::WhereItEnds,
            (Some(token), Some(most)) => Ask::After(token, most),
            (None, Some(most)) => Ask::FromTheBeginning(most),
        };
        let only_the_end = matches!(ask, Ask::WhereItEnds);
        let reply = self.ask(container, ask, seen).await;
        purse.pay_look(reply.charge, reply.items());
        let page = match reply.page {
            Ok(page) => page,
            Err(Refusal::Throttled(wait)) => return Ok(Got::Throttled(wait)),
            Err(refusal) => return Err(refusal),
        };
        if !self.answered(&page, began) {
            return Ok(Got::Moved);
        }
        self.goal = (began, self.lsn);
        if !only_the_end {
            return Ok(self.take_in(page, ledger, seen, outlet.now()));
        }
        if moves {
            return Ok(self.go_on_from(page.token, seen));
        }
        Ok(self.got(self.token.is_some() && self.read >= self.lsn))
    }

    /// Reads on to where the feed ended when the look began, as far as `units` go.
    pub(super) async fn read_on(
        &mut self,
        container: &ContainerClient,
        (purse, mut units): (&mut Purse, f64),
        ledger: &Mutex<Ledger>,
        seen: &mut Seen,
        outlet: &Outlet,
    ) -> Result<Got, Refusal> {
        while let (Some(token), Some(most)) = (&self.token, purse.items_of_another_page(units)) {
            let began = outlet.now();
            let reply = self.ask(container, Ask::After(token, most), seen).await;
            purse.pay_page(reply.charge, reply.items());
            // A page that does not say what it cost must not be asked for without end.
            units -= reply.charge.0.max(1.0);
            let page = match reply.page {
                Ok(page) => page,
                Err(Refusal::Throttled(wait)) => return Ok(Got::Throttled(wait)),
                Err(refusal) => return Err(refusal),
            };
            if !self.answered(&page, began) {
                return Ok(Got::Moved);
            }
            if matches!(self.take_in(page, ledger, seen, outlet.now()), Got::Whole) {
                return Ok(Got::Whole);
            }
        }
        Ok(Got::Part)
    }

    /// Enters who answered and how far the range was; says whether it is still this one.
    fn answered(&mut self, page: &Page, asked: Time) -> bool {
        if let (Some(known), Some(answers)) = (&self.id, &page.range)
            && known != answers
        {
            return false;
        }
        self.id = page.range.clone().or_else(|| self.id.take());
        self.lsn = page.lsn.unwrap_or(self.lsn).max(self.lsn);
        if self.ends.len() < MOST_ENDS {
            self.ends.push_back((asked, self.lsn));
        }
        true
    }

    /// The watch begins where the feed ends, or goes on there: what lies before is passed over.
    fn go_on_from(&mut self, token: ContinuationToken, seen: &mut Seen) -> Got {
        let passed_over = self.read != Lsn(0) && self.read < self.lsn;
        seen.writes += self.count_anew();
        (self.token, self.read, self.counted_from) = (Some(token), self.lsn, Some(self.lsn));
        self.order.go_on_after(self.lsn);
        let got = self.got(true);
        if passed_over {
            self.whole_at = None;
            return Got::LeftBehind;
        }
        got
    }

    /// What this look got, if the feed is read to where it ended when it began, or not.
    fn got(&mut self, at_the_end: bool) -> Got {
        // The place was the end of the feed when the range was not further than this.
        while let Some((asked, _)) = self.ends.front().copied().filter(|(_, end)| *end <= self.read) {
            self.place_at = asked;
            self.ends.pop_front();
        }
        self.unfinished = !at_the_end;
        if at_the_end {
            self.whole_at = Some(self.goal.0);
            self.place_at = self.place_at.max(self.goal.0);
            self.counted_from.get_or_insert(self.read);
            return Got::Whole;
        }
        Got::Part
    }

    /// Enters a page. A page of items that don't say how far they are is not taken for the last one.
    fn take_in(&mut self, page: Page, ledger: &Mutex<Ledger>, seen: &mut Seen, now: Time) -> Got {
        let end = page.end();
        let late = now.since(self.place_at);
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
        self.got(self.read >= self.goal.1)
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
