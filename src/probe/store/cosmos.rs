//! What Cosmos DB stored: the log sequence number of each physical partition (its writes, for one RU a look), and the
//! change feed (which events, and how long they took), within a budget of request units.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azure_data_cosmos::clients::ContainerClient;
use azure_data_cosmos::feed::{ContinuationToken, FeedRange};
use azure_data_cosmos::models::ChangeFeedItem;
use azure_data_cosmos::options::{ChangeFeedOptions, ChangeFeedStartFrom, MaxItemCountHint};
use azure_data_cosmos::{CosmosError, FeedScope};
use futures::StreamExt;
use hdrhistogram::Histogram;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;

use super::budget::Budget;
use crate::azure::CosmosAddress;
use crate::azure::cosmos::{self, place};
use crate::azure::error::{AzureError, Service};
use crate::load::payload::device_index;
use crate::model::ledger::{EventKey, Ledger};
use crate::model::observation::{Fact, Latencies, Station, StoreRange, Stored, TallyFigures};
use crate::model::units::{Lsn, PartitionId, RangeId, RequestUnits, Time};
use crate::probe::{Outlet, Probe};

/// Items asked for in one page.
const PAGE: u32 = 1_000;

/// Of a store whose RU/s nobody knows, the fewest that there can be are taken for them.
const FEWEST: RequestUnits = RequestUnits(400.0);

/// Where in the store's life the watch begins, and what it does when its budget does not reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// With its first write: the store is as new as the session. Every item is read, late if need be.
    Beginning,
    /// With the next write: what is there already is none of ours. What the budget does not reach is passed over, so
    /// that what is read is new: a sample.
    Now,
}

/// How a change feed is followed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Feed {
    /// From where on.
    pub from: From,
    /// RU/s that are provisioned; `None` to ask the service.
    pub provisioned: Option<RequestUnits>,
    /// The share of them that may be spent on reading it.
    pub share: f64,
}

/// Reads log sequence numbers and the change feed of one container.
pub struct CosmosProbe {
    address: CosmosAddress,
    feed: Feed,
    budget: Budget,
    /// What is provisioned, once it is known.
    provisioned: Option<RequestUnits>,
    /// Whether something of the feed was passed over: nothing can be said of every event any more.
    is_sampled: bool,
    ledger: Arc<Mutex<Ledger>>,
    /// The partitions of the log: an audit needs the log end and the position of each.
    partitions: watch::Receiver<Vec<PartitionId>>,
    client: Option<ContainerClient>,
    ranges: Vec<Range>,
    /// What was seen of latencies and not told yet, and when they were told last.
    latency: Histogram<u64>,
    told: Option<Time>,
    /// Whether what is provisioned was told since the last connection.
    told_provisioned: bool,
}

/// One physical partition and how far its change feed was read.
struct Range {
    id: RangeId,
    feed: FeedRange,
    token: Option<ContinuationToken>,
    /// The log sequence number at the last look.
    lsn: Lsn,
    /// The log sequence number at the first look: writes are counted from here.
    first: Option<Lsn>,
    /// The log sequence number up to which the feed was read.
    read: Lsn,
}

/// The part of an item that matters here; the rest of it is passed over.
#[derive(Debug, Deserialize)]
struct Item {
    #[serde(rename = "deviceId")]
    device: Option<String>,
    #[serde(rename = "deviceSequenceNumber")]
    sequence: Option<u64>,
    #[serde(rename = "enqueuedAt")]
    enqueued_at: Option<String>,
    #[serde(rename = "_lsn")]
    lsn: Option<u64>,
    /// The second in which it was stored, by the store's clock.
    #[serde(rename = "_ts")]
    stored: Option<i64>,
}

impl Item {
    /// Which of our events it is, if it is one.
    fn key(&self) -> Option<EventKey> {
        Some(EventKey { device: device_index(self.device.as_deref()?)?, sequence: self.sequence? })
    }

    /// When it was enqueued in the log.
    fn enqueued(&self) -> Option<Time> {
        OffsetDateTime::parse(self.enqueued_at.as_deref()?, &Rfc3339).ok().map(Time::from)
    }

    /// When it was stored at the latest. The store says in which second, so it was before the next one began; and it was
    /// before it was seen. Both bound the time from above, and where the feed is read seldom the former is nearer.
    fn stored_by(&self, seen: Time) -> Time {
        let next_second = self.stored.map(|second| Time::from_millis(second.saturating_add(1).saturating_mul(1_000)));
        next_second.map_or(seen, |next| next.min(seen))
    }
}

/// One page of the change feed.
struct Page {
    items: Vec<ChangeFeedItem<Item>>,
    lsn: Option<Lsn>,
    charge: RequestUnits,
    range: Option<String>,
    token: ContinuationToken,
}

impl CosmosProbe {
    /// A probe of one container.
    pub fn new(
        address: CosmosAddress,
        feed: Feed,
        ledger: Arc<Mutex<Ledger>>,
        partitions: watch::Receiver<Vec<PartitionId>>,
    ) -> Self {
        let known = feed.provisioned.unwrap_or(FEWEST);
        Self {
            address,
            feed,
            budget: Budget::new(RequestUnits(known.0 * feed.share)),
            provisioned: feed.provisioned,
            is_sampled: false,
            ledger,
            partitions,
            client: None,
            ranges: Vec::new(),
            latency: Latencies::histogram(),
            told: None,
            told_provisioned: false,
        }
    }

    fn refused(&self, call: &'static str) -> impl Fn(CosmosError) -> AzureError + use<> {
        let address = place(&self.address);
        move |error| AzureError::refusing(Service::CosmosDb, address.clone(), call, &error)
    }

    async fn connect(&mut self) -> Result<ContainerClient, AzureError> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let account = cosmos::connect(&self.address).await?;
        if self.feed.provisioned.is_none()
            && let Some(provisioned) = account.provisioned().await
        {
            self.provisioned = Some(provisioned);
            self.budget = Budget::new(RequestUnits(provisioned.0 * self.feed.share));
        }
        let client = account.container;
        let feeds = client.read_feed_ranges(None).await.map_err(self.refused("the list of feed ranges"))?;
        // A range that is known keeps its place in the feed: after an outage the probe goes on where it was.
        let mut known = std::mem::take(&mut self.ranges);
        for (number, feed) in feeds.into_iter().enumerate() {
            let range = match known.iter().position(|range| range.feed == feed) {
                Some(place) => known.swap_remove(place),
                None => {
                    Range { id: RangeId(number.to_string()), feed, token: None, lsn: Lsn(0), first: None, read: Lsn(0) }
                }
            };
            self.ranges.push(range);
        }
        self.client = Some(client.clone());
        Ok(client)
    }
}

impl Probe for CosmosProbe {
    const STATION: Station = Station::Store;

    async fn look(&mut self, outlet: &Outlet) -> Result<(), AzureError> {
        let client = self.connect().await?;
        let fail = self.refused("the change feed");
        if let Some(provisioned) = self.provisioned.filter(|_| !self.told_provisioned) {
            outlet.see(Fact::Provisioned(provisioned)).await;
            self.told_provisioned = true;
        }
        let began = outlet.now();
        let mut seen = Seen { items: 0, latency: Latencies::histogram(), charge: RequestUnits(0.0) };
        let mut read_to_the_end = true;
        for range in &mut self.ranges {
            read_to_the_end &=
                range.follow(&client, self.feed.from, &mut self.budget, &self.ledger, &mut seen, outlet, &fail).await?;
            outlet.see(Fact::StoreRange(StoreRange { range: range.id.clone(), lsn: range.lsn })).await;
        }
        self.is_sampled |= !read_to_the_end && self.feed.from == From::Now;
        let figures = self.tally(outlet, began, read_to_the_end);
        let latency = Latencies(Arc::new(self.latencies_due(&seen.latency, began)));
        outlet.see(Fact::Stored(Stored { items: seen.items, latency, charge: seen.charge })).await;
        if !self.is_sampled {
            outlet.see(Fact::Tally(figures)).await;
        }
        Ok(())
    }

    fn disconnect(&mut self) {
        self.told_provisioned = false;
        self.client = None;
    }

    fn place(&self) -> String {
        place(&self.address)
    }
}

impl CosmosProbe {
    /// The latencies to be told with this look: all since they were told last, once a second. They are what a recording
    /// is made of for the most part.
    fn latencies_due(&mut self, seen: &Histogram<u64>, now: Time) -> Histogram<u64> {
        const EVERY: Duration = Duration::from_secs(1);
        // Both are of the one shape that all latencies share, so adding can't fail; if it did, the newest would do.
        if self.latency.add(seen).is_err() {
            self.latency = seen.clone();
        }
        if self.told.is_some_and(|told| now.since(told) < EVERY) {
            return Latencies::histogram();
        }
        self.told = Some(now);
        std::mem::replace(&mut self.latency, Latencies::histogram())
    }

    /// The ledger's figures, with the audit's judgement if the feed was read to its end. One audit follows the other.
    fn tally(&self, outlet: &Outlet, began: Time, read_to_the_end: bool) -> TallyFigures {
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let mut audit = outlet.audit().lock().unwrap_or_else(PoisonError::into_inner);
        if read_to_the_end {
            audit.feed_read(began, &ledger);
        }
        let partitions = u32::try_from(self.partitions.borrow().len()).unwrap_or(u32::MAX);
        if audit.is_idle() && partitions > 0 {
            audit.begin(ledger.mark(), partitions, outlet.now());
        }
        let mut figures = ledger.figures(audit.judgement());
        // Each write moves a log sequence number by one; those that no distinct event accounts for wrote one again.
        // Counted up to where the feed was read: what lies beyond it is not known to be either.
        let writes: u64 = self.ranges.iter().map(|range| range.read.0 - range.first.unwrap_or(range.read).0).sum();
        figures.duplicated = writes.saturating_sub(figures.stored + figures.foreign);
        figures
    }
}

/// What one look saw, over all ranges.
struct Seen {
    items: u64,
    latency: Histogram<u64>,
    charge: RequestUnits,
}

impl Range {
    /// Reads the feed up to where it ended when the look began, as far as the budget allows; says whether it got there.
    #[expect(clippy::too_many_arguments, reason = "parts of the probe that are borrowed apart")]
    async fn follow(
        &mut self,
        client: &ContainerClient,
        from: From,
        budget: &mut Budget,
        ledger: &Mutex<Ledger>,
        seen: &mut Seen,
        outlet: &Outlet,
        fail: &impl Fn(CosmosError) -> AzureError,
    ) -> Result<bool, AzureError> {
        let mut end = None;
        loop {
            // Without a budget for items, one RU still buys the log sequence number.
            let allowed = budget.allows(outlet.now());
            let page = match page(client, self, from, allowed).await {
                Ok(page) => page,
                Err(error) => {
                    // A place in the feed that the store does not know any more (it was made anew): begin again.
                    if u16::from(error.status().status_code()) == 400 {
                        self.token = None;
                    }
                    return Err(fail(error));
                }
            };
            seen.charge.0 += page.charge.0;
            budget.spend(page.charge);
            if let Some(id) = page.range {
                self.id = RangeId(id);
            }
            self.lsn = page.lsn.unwrap_or(self.lsn).max(self.lsn);
            let end = *end.get_or_insert(self.lsn);
            let first = if from == From::Beginning { Lsn(0) } else { self.lsn };
            self.first.get_or_insert(first);
            if !allowed {
                if from == From::Now {
                    self.token = None;
                }
                return Ok(false);
            }
            self.read = match page.items.last().and_then(ChangeFeedItem::current) {
                Some(last) => last.lsn.map_or(self.lsn, Lsn),
                None => self.lsn,
            };
            self.token = Some(page.token);
            take_in(&page.items, ledger, seen, outlet.now());
            if self.read >= end {
                return Ok(true);
            }
        }
    }
}

/// Enters a page's items in the ledger and their latencies in the histogram.
fn take_in(items: &[ChangeFeedItem<Item>], ledger: &Mutex<Ledger>, seen: &mut Seen, now: Time) {
    let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
    for item in items.iter().filter_map(ChangeFeedItem::current) {
        match item.key() {
            Some(key) => ledger.stored(key),
            None => ledger.foreign(),
        }
        if let Some(enqueued) = item.enqueued() {
            let micros = u64::try_from(item.stored_by(now).since(enqueued).as_micros()).unwrap_or(u64::MAX);
            seen.latency.saturating_record(micros.max(1));
        }
    }
    seen.items += items.len() as u64;
}

/// Reads one page: on from the token if there is one and items are wanted; from now for the log sequence number alone.
async fn page(client: &ContainerClient, range: &Range, from: From, items_wanted: bool) -> Result<Page, CosmosError> {
    let most = NonZeroU32::new(if items_wanted { PAGE } else { 1 }).unwrap_or(NonZeroU32::MIN);
    let mut options = ChangeFeedOptions::default().with_max_item_count(MaxItemCountHint::Limit(most));
    if let Some(token) = range.token.as_ref().filter(|_| items_wanted) {
        options = options.with_continuation_token(token.clone());
    }
    let start = match from {
        From::Beginning if items_wanted => ChangeFeedStartFrom::Beginning,
        _ => ChangeFeedStartFrom::Now,
    };
    let scope = FeedScope::range(range.feed.clone());
    let mut pages = client.query_change_feed::<Item>(scope, start, Some(options)).await?;
    let Some(read) = pages.next().await else {
        let token = pages.to_continuation_token()?;
        return Ok(Page { items: Vec::new(), lsn: None, charge: RequestUnits(0.0), range: None, token });
    };
    let read = read?;
    let headers = read.headers();
    let lsn = headers.lsn().map(Lsn);
    let charge = RequestUnits(headers.request_charge().map_or(0.0, |charge| charge.value()));
    let range = headers.partition_key_range_id().map(ToString::to_string);
    let token = pages.to_continuation_token()?;
    Ok(Page { items: read.into_items(), lsn, charge, range, token })
}
