//! What Cosmos DB stored: the log sequence number of each physical partition (its writes), and the change feed (which events,
//! and how long they took), within a budget of request units.
//!
//! **What it costs.** A look asks each physical partition for the items since the look before; where there are none that
//! is 1 RU, else what the store charges for a page. A page is asked for with as many items as the budget buys at the price
//! of those before. Up to half of the budget is kept for the log sequence numbers, which items can't spend: [`purse`]. Where
//! that does not suffice for all partitions in each look, they are asked in turn, and how long a round takes is told.
//! Besides: the ranges every [`RANGES_EVERY`], the offer every [`OFFER_EVERY`], the container with each new connection.
//! What was spent, and what may be, is told each second ([`Fact::Probe`]).
//!
//! In any span of time no more is spent than what the budget gives in it and a second's budget that was saved up. Only a
//! page that cost more than was thought, and the calls named last, can go beyond that; they are paid off before other items
//! are asked for.
//!
//! | provisioned | 1 % | physical partitions | at four looks a second |
//! |---|---|---|---|
//! | 20,000 RU/s | 200 RU/s | 2 | an idle container takes 8 RU/s; else all but that reads items |
//! | 400 RU/s | 4 RU/s | 2 | each is asked once a second with 10 items of 1 KB, twice a second while idle |
//! | not known: 400 RU/s | 4 RU/s | 20 | each is asked every 10 s, with 10 items of 1 KB |
//!
//! **A sample.** Where the budget does not suffice for the whole feed, a place in it that has become old is left behind for
//! where the feed ends, see [`range`]. Latencies are then those of a sample, and the audit says of no event that it is lost.
//!
//! **Splits.** A physical partition that was split answers by another id, or 410. Its ranges are then read anew: those
//! that are known keep their place in the feed, those that are new go on where the one was of whose keys they are.
//!
//! **What can't be known.** Items expire. Where the feed was not read whole for as long as the container keeps its items
//! (`defaultTtl`; single items with a `ttl` of their own are not looked for), what was sent and not seen by then is taken out
//! of the audit: [`Ledger::forget_unseen`]. The same where the container was made anew, or a part of the feed left behind.
//!
//! **Order.** Which events were stored after a later one of their device is told by [`StoreOrder`] of each physical
//! partition. What was sent and not seen when a part of the feed was missed is undecided, and so is what was seen since
//! the feed was last read whole: a later event may have been in that part. Of a container whose partition key is not the
//! device nothing is told.
//!
//! **429s** are counted and not waited for by the client library: the look ends, and the next one begins when the store
//! asked for it ([`Probe::asked_pause`]). Nothing else for [`THROTTLED_FOR`] is a failure.

mod cost;
mod feed;
mod page;
mod purse;
mod range;
mod throughput;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azure_data_cosmos::CosmosError;
use azure_data_cosmos::feed::FeedRange;
use azure_data_cosmos::models::TimeToLive;
use azure_data_cosmos::options::ReadFeedRangesOptions;
use hdrhistogram::Histogram;
use tokio::sync::watch;

use self::cost::Cost;
use self::purse::Purse;
use self::range::{Range, Seen};
use crate::azure::CosmosAddress;
use crate::azure::cosmos::{Store, place, store};
use crate::azure::error::{AzureError, Service};
use crate::model::ledger::Ledger;
#[cfg(doc)]
use crate::model::ledger::StoreOrder;
use crate::model::observation::{Fact, Latencies, OrderFigures, Provisioned, Station, Stored, TallyFigures};
use crate::model::units::{PartitionId, RangeId, RequestUnits, Time};
use crate::probe::{Outlet, Probe};

/// How often the ranges are read, beside when one of them says that it moved.
const RANGES_EVERY: Duration = Duration::from_secs(30);

/// How often the offer is read.
const OFFER_EVERY: Duration = Duration::from_secs(60);

/// How often what changes seldom is told again, so that a recording that begins later has it, too.
const TELL_AGAIN: Duration = Duration::from_secs(30);

/// How often costs and latencies are told. Latencies are what a recording is made of for the most part.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// With nothing but 429s for so long, the store can't be seen.
const THROTTLED_FOR: Duration = Duration::from_secs(2);

/// What a call is taken to cost that does not say so.
const UNSAID_CHARGE: f64 = 1.0;

/// Where an item says of which device it is.
const DEVICE_PATH: &str = "/deviceId";

/// Of a store whose RU/s nobody knows, the fewest that there can be are taken for them.
const FEWEST: RequestUnits = RequestUnits(400.0);

/// Where in the store's life the watch begins, and what it does when its budget does not reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedStart {
    /// With its first write: the store is as new as the session. Every item is read, late if need be.
    Beginning,
    /// With the next write: what is there already is none of ours. What the budget does not reach is left behind, so
    /// that what is read is new: a sample.
    Now,
}

/// How a change feed is followed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Feed {
    /// From where on.
    pub from: FeedStart,
    /// RU/s that are provisioned; `None` to ask the service.
    pub provisioned: Option<RequestUnits>,
    /// The share of them that may be spent (0.01 is 1 %).
    pub share: f64,
}

/// Reads log sequence numbers and the change feed of one container.
pub struct CosmosProbe {
    address: CosmosAddress,
    from: FeedStart,
    purse: Purse,
    /// The share of what is provisioned that the budget follows, if it does.
    share: Option<f64>,
    ledger: Arc<Mutex<Ledger>>,
    /// The partitions of the log: an audit needs the log end and the position of each.
    partitions: watch::Receiver<Vec<PartitionId>>,
    store: Option<Store>,
    /// The last failure was no reason to give the connection up.
    keep_store: bool,
    ranges: Vec<Range>,
    /// The range whose turn it is.
    next: usize,
    ranges_read: Option<Time>,
    ranges_told: Option<(Time, Vec<RangeId>)>,
    /// Tells whoever waits for it that every range has answered.
    is_read: Option<watch::Sender<bool>>,
    offer: Offer,
    /// How long the container keeps items, if not for ever.
    keeps_for: Option<Duration>,
    /// All that was stored before this moment was seen.
    whole_at: Option<Time>,
    /// Something was stored, or may have been, that will not be seen any more.
    missed: bool,
    /// Whether all of a device lies in one logical partition, and so has an order.
    by_device: bool,
    /// What was told by ranges that are no more, or follows from what was missed.
    order: OrderFigures,
    /// Events of ours that were seen first since the last look that read the whole feed.
    first_since_whole: u64,
    /// Writes that are not counted by a range's log sequence number.
    writes: u64,
    /// What was seen of latencies and not told yet.
    latency: Histogram<u64>,
    resolution: Option<Duration>,
    told: Option<Time>,
    cost: Cost,
    throttled_since: Option<Time>,
    asked_pause: Option<Duration>,
}

/// What is provisioned.
enum Offer {
    /// It is known, from elsewhere.
    Given { units: RequestUnits, told: Option<Time> },
    /// It is read, now and then.
    Read { at: Option<Time>, told: Option<(Time, Provisioned)> },
}

impl CosmosProbe {
    /// A probe of one container: it may spend so many RU/s. What is provisioned is read from the offer, unless it is
    /// given.
    pub fn new(
        address: CosmosAddress,
        from: FeedStart,
        budget: RequestUnits,
        provisioned: Option<RequestUnits>,
        ledger: Arc<Mutex<Ledger>>,
        partitions: watch::Receiver<Vec<PartitionId>>,
    ) -> Self {
        Self {
            address,
            from,
            purse: Purse::new(budget),
            share: None,
            ledger,
            partitions,
            store: None,
            keep_store: false,
            ranges: Vec::new(),
            next: 0,
            ranges_read: None,
            ranges_told: None,
            is_read: None,
            offer: match provisioned {
                Some(units) => Offer::Given { units, told: None },
                None => Offer::Read { at: None, told: None },
            },
            keeps_for: None,
            whole_at: None,
            missed: false,
            by_device: false,
            order: OrderFigures::default(),
            first_since_whole: 0,
            writes: 0,
            latency: Latencies::histogram(),
            resolution: None,
            told: None,
            cost: Cost::default(),
            throttled_since: None,
            asked_pause: None,
        }
    }

    /// A probe of one container that spends a share of what is provisioned; until that is known, of the fewest that
    /// there can be.
    pub fn following(
        address: CosmosAddress,
        feed: Feed,
        ledger: Arc<Mutex<Ledger>>,
        partitions: watch::Receiver<Vec<PartitionId>>,
    ) -> Self {
        let Feed { from, provisioned, share } = feed;
        let budget = RequestUnits(provisioned.unwrap_or(FEWEST).0 * share);
        Self::new(address, from, budget, provisioned, ledger, partitions).sharing(share)
    }

    /// The budget is this share of what is provisioned (0.01 is 1 %) wherever that is known, and follows it.
    #[must_use]
    pub fn sharing(mut self, share: f64) -> Self {
        self.share = Some(share);
        if let Offer::Given { units, .. } = &self.offer {
            self.purse.set_per_second(RequestUnits(units.0 * share));
        }
        self
    }

    /// Says when every range has answered: what is stored from then on is seen.
    #[must_use]
    pub fn saying_when_read(mut self, is_read: watch::Sender<bool>) -> Self {
        self.is_read = Some(is_read);
        self
    }

    fn refused(&self, call: &'static str) -> impl Fn(CosmosError) -> AzureError + use<> {
        let address = place(&self.address);
        move |error| AzureError::refusing(Service::CosmosDb, address.clone(), call, &error)
    }

    /// Calls that do not say what they cost.
    fn called(&mut self, calls: u64) {
        self.cost.calls += calls;
        let charge = calls as f64 * UNSAID_CHARGE;
        self.cost.charge += charge;
        self.purse.pay(charge);
    }

    async fn connect(&mut self, outlet: &Outlet) -> Result<Store, AzureError> {
        if let Some(store) = &self.store {
            return Ok(store.clone());
        }
        let store = store(&self.address).await?;
        let container =
            store.container.read(None).await.and_then(azure_data_cosmos::models::ResourceResponse::into_model);
        let container = container.map_err(self.refused("the container's properties"))?;
        self.keeps_for = match container.default_ttl {
            TimeToLive::Seconds(seconds) => Some(Duration::from_secs(seconds.into())),
            _ => None,
        };
        self.by_device = matches!(container.partition_key.paths(), [path] if path == DEVICE_PATH);
        // The account, the database's and the container's properties.
        self.called(3);
        let feeds = store.container.read_feed_ranges(None).await.map_err(self.refused("the list of feed ranges"))?;
        self.called(1);
        self.arrange(feeds, outlet.now());
        self.store = Some(store.clone());
        Ok(store)
    }

    /// Reads the ranges again, if it is time or one of them moved.
    async fn read_ranges(&mut self, store: &Store, outlet: &Outlet) -> Result<(), AzureError> {
        let now = outlet.now();
        if self.ranges_read.is_some_and(|read| now.since(read) < RANGES_EVERY) {
            return Ok(());
        }
        let options = ReadFeedRangesOptions::default().with_force_refresh(true);
        let feeds = store.container.read_feed_ranges(Some(options)).await;
        self.called(1);
        self.arrange(feeds.map_err(self.refused("the list of feed ranges"))?, now);
        Ok(())
    }

    /// A range that is known keeps its place in the feed: after an outage the probe goes on where it was. One that is
    /// a part of a known one goes on where that was.
    fn arrange(&mut self, feeds: Vec<FeedRange>, now: Time) {
        self.ranges_read = Some(now);
        let mut known = std::mem::take(&mut self.ranges);
        let mut new = Vec::new();
        for feed in feeds {
            match known.iter().position(|range| range.feed == feed) {
                Some(place) => self.ranges.push(known.swap_remove(place)),
                None => new.push(feed),
            }
        }
        let first = known.is_empty() && self.ranges.is_empty();
        for feed in new {
            let parent = known.iter().find(|range| feed.is_subset_of(&range.feed));
            let range = if let Some(parent) = parent {
                parent.successor(feed)
            } else {
                // Ranges that were merged, or of a container that was made anew.
                self.missed |= !first;
                Range::new(feed, self.from, now)
            };
            self.ranges.push(range);
        }
        self.writes += known.iter().map(Range::writes).sum::<u64>();
        known.iter().for_each(|range| self.order += range.order());
        self.next = 0;
        self.cost.round_began = None;
    }

    /// Tells what is provisioned, and reads it before if it is time.
    async fn read_offer(&mut self, store: &Store, outlet: &Outlet) {
        let now = outlet.now();
        let again = |told: Time| now.since(told) >= TELL_AGAIN;
        let tell = match &mut self.offer {
            Offer::Given { units, told } if told.is_none_or(again) => {
                *told = Some(now);
                Some(Provisioned::Manual(*units))
            }
            Offer::Given { .. } => None,
            Offer::Read { at, told } => {
                let mut calls = 0;
                let mut known = told.as_ref().map(|(_, provisioned)| provisioned.clone());
                if at.is_none_or(|at| now.since(at) >= OFFER_EVERY) {
                    *at = Some(now);
                    let read = throughput::read(store).await;
                    calls = read.1;
                    known = read.0.or(known);
                }
                let tell = known.filter(|known| told.as_ref().is_none_or(|(at, said)| said != known || again(*at)));
                if let Some(tell) = &tell {
                    *told = Some((now, tell.clone()));
                }
                self.called(calls);
                tell
            }
        };
        let Some(tell) = tell else { return };
        if let (Some(share), Some(units)) = (self.share, tell.most()) {
            self.purse.set_per_second(RequestUnits(units.0 * share));
        }
        outlet.see(Fact::Provisioned(tell)).await;
    }

    /// Whether the feed was not read whole for as long as items are kept: what was stored and has expired since is beyond
    /// knowing. A second less, because items expire by the whole seconds of `_ts`.
    fn may_have_missed(&self, now: Time) -> bool {
        match (self.keeps_for, self.whole_at) {
            (Some(keeps), Some(whole)) => now.since(whole) >= keeps.saturating_sub(Duration::from_secs(1)),
            _ => false,
        }
    }
}

impl Probe for CosmosProbe {
    const STATION: Station = Station::Store;

    async fn look(&mut self, outlet: &Outlet) -> Result<(), AzureError> {
        self.asked_pause = None;
        let store = self.connect(outlet).await?;
        self.read_offer(&store, outlet).await;
        self.read_ranges(&store, outlet).await?;
        let began = outlet.now();
        if self.may_have_missed(began) && !self.missed {
            self.missed = true;
            self.writes += self.ranges.iter_mut().map(Range::count_anew).sum::<u64>();
        }
        let mut seen = Seen::new();
        let read = self.read_feed(&store, began, &mut seen, outlet).await;
        self.cost.calls += seen.calls;
        self.cost.charge += seen.charge.0;
        self.cost.throttled += seen.throttled;
        self.writes += seen.writes;
        self.first_since_whole += seen.first;
        read?;
        self.tell_ranges(outlet).await;
        let figures = self.tally(outlet);
        outlet.see(Fact::Stored(self.stored(&seen, began))).await;
        outlet.see(Fact::Tally(figures)).await;
        self.tell_cost(outlet).await;
        Ok(())
    }

    fn disconnect(&mut self) {
        if !std::mem::take(&mut self.keep_store) {
            self.store = None;
        }
    }

    fn place(&self) -> String {
        place(&self.address)
    }

    fn asked_pause(&self) -> Option<Duration> {
        self.asked_pause
    }
}

impl CosmosProbe {
    /// Tells which ranges there are, once all have answered.
    async fn tell_ranges(&mut self, outlet: &Outlet) {
        let now = outlet.now();
        let ids: Option<Vec<RangeId>> = self.ranges.iter().map(|range| range.id.clone()).collect();
        let Some(ids) = ids else { return };
        if let Some(is_read) = self.is_read.take() {
            is_read.send_replace(true);
        }
        if self.ranges_told.as_ref().is_none_or(|(at, told)| *told != ids || now.since(*at) >= TELL_AGAIN) {
            self.ranges_told = Some((now, ids.clone()));
            outlet.see(Fact::StoreRanges(ids)).await;
        }
    }

    /// What arrived. Latencies are told once a second, all since they were told last.
    fn stored(&mut self, seen: &Seen, now: Time) -> Stored {
        // Both are of the one shape that all latencies share, so adding can't fail; if it did, the newest would do.
        if self.latency.add(&seen.latency).is_err() {
            self.latency = seen.latency.clone();
        }
        self.resolution = self.resolution.max(seen.resolution);
        let (items, charge) = (seen.items, seen.charge);
        if self.told.is_some_and(|told| now.since(told) < TELL_EVERY) {
            return Stored { items, latency: Latencies(Arc::new(Latencies::histogram())), resolution: None, charge };
        }
        self.told = Some(now);
        let latency = std::mem::replace(&mut self.latency, Latencies::histogram());
        // To the millisecond: nobody asks for more.
        let resolution =
            self.resolution.take().map(|span| Duration::from_millis(span.as_millis().try_into().unwrap_or(0)));
        Stored { items, latency: Latencies(Arc::new(latency)), resolution, charge }
    }

    /// Up to when all that was stored was seen, if that moved on. The ranges need not have been read in the same look.
    fn newly_whole(&self) -> Option<Time> {
        let each: Option<Vec<Time>> = self.ranges.iter().map(|range| range.whole_at).collect();
        each?.into_iter().min().filter(|whole| self.whole_at.is_none_or(|before| *whole > before))
    }

    /// The ledger's figures, with the audit's judgement if the feed was read to its end. One audit follows the other.
    fn tally(&mut self, outlet: &Outlet) -> TallyFigures {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let mut audit = outlet.audit().lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(whole) = self.newly_whole() {
            self.missed |= audit.take_log_began_anew();
            if std::mem::take(&mut self.missed) {
                self.order.undecided += ledger.forget_unseen() + self.first_since_whole;
            }
            self.first_since_whole = 0;
            audit.feed_read(whole, &ledger);
            self.whole_at = Some(whole);
        }
        let partitions = u32::try_from(self.partitions.borrow().len()).unwrap_or(u32::MAX);
        if audit.is_idle() && partitions > 0 {
            audit.begin(ledger.mark(), partitions, outlet.now());
        }
        let mut figures = ledger.figures(audit.judgement());
        // Each write moves a log sequence number by one; those that no distinct event accounts for wrote one again.
        // Counted up to where the feed was read: what lies beyond it is not known to be either.
        let writes = self.writes + self.ranges.iter().map(Range::writes).sum::<u64>();
        figures.duplicated = writes.saturating_sub(figures.stored + figures.foreign);
        let mut order = self.order;
        self.ranges.iter().for_each(|range| order += range.order());
        if self.missed {
            order.undecided += ledger.unseen() + self.first_since_whole;
        }
        figures.order = self.by_device.then_some(order);
        figures
    }
}
