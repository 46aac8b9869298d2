//! What Cosmos DB stored: the log sequence number of each physical partition (its writes, for one RU a look), and the
//! change feed (which events, and how long they took), within a budget of request units.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use azure_data_cosmos::clients::ContainerClient;
use azure_data_cosmos::feed::{ContinuationToken, FeedRange};
use azure_data_cosmos::options::{ChangeFeedOptions, ChangeFeedStartFrom, MaxItemCountHint};
use azure_data_cosmos::FeedScope;
use futures::StreamExt;
use hdrhistogram::Histogram;
use serde::Deserialize;

use super::budget::Budget;
use crate::azure::CosmosAddress;
use crate::azure::cosmos::{container, place};
use crate::azure::error::{AzureError, Service, cause};
use crate::load::payload;
use crate::model::ledger::{EventKey, Ledger};
use crate::model::observation::{Fact, Latencies, Station, StoreRange, Stored, TallyFigures};
use crate::model::units::{Lsn, RangeId, RequestUnits, Time};
use crate::probe::{Outlet, Probe};

/// Items asked for in one page.
const PAGE: u32 = 1_000;

/// Reads log sequence numbers and the change feed of one container.
pub struct CosmosProbe {
    address: CosmosAddress,
    budget: Budget,
    provisioned: Option<RequestUnits>,
    ledger: Arc<Mutex<Ledger>>,
    client: Option<ContainerClient>,
    ranges: Vec<Range>,
}

/// One physical partition and how far its change feed was read.
struct Range {
    id: RangeId,
    feed: FeedRange,
    token: Option<ContinuationToken>,
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
}

/// One page of the change feed.
struct Page {
    items: Vec<Item>,
    lsn: Option<Lsn>,
    charge: RequestUnits,
    range: Option<String>,
    token: ContinuationToken,
}

impl CosmosProbe {
    /// A probe of one container: it may spend so many RU/s on the change feed. `provisioned` is told on, where known.
    pub fn new(
        address: CosmosAddress,
        budget: RequestUnits,
        provisioned: Option<RequestUnits>,
        ledger: Arc<Mutex<Ledger>>,
    ) -> Self {
        Self { address, budget: Budget::new(budget), provisioned, ledger, client: None, ranges: Vec::new() }
    }

    fn refused(&self, call: &'static str) -> impl Fn(azure_data_cosmos::Error) -> AzureError + use<> {
        let address = place(&self.address);
        move |error| AzureError::Refused {
            service: Service::CosmosDb,
            address: address.clone(),
            call,
            reason: cause(error),
        }
    }

    async fn connect(&mut self) -> Result<ContainerClient, AzureError> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let client = container(&self.address).await?;
        let feeds = client.read_feed_ranges(None).await.map_err(self.refused("the list of feed ranges"))?;
        // A range that is known keeps its place in the feed: after an outage the probe goes on where it was.
        let mut known = std::mem::take(&mut self.ranges);
        for (number, feed) in feeds.into_iter().enumerate() {
            let range = match known.iter().position(|range| range.feed == feed) {
                Some(place) => known.swap_remove(place),
                None => Range { id: RangeId(number.to_string()), feed, token: None, first: None, read: Lsn(0) },
            };
            self.ranges.push(range);
        }
        self.client = Some(client.clone());
        Ok(client)
    }
}

/// Reads one page: on from the token, or from now if there is none yet.
async fn page(
    client: &ContainerClient,
    range: &Range,
    fail: &impl Fn(azure_data_cosmos::Error) -> AzureError,
) -> Result<Page, AzureError> {
    let most = NonZeroU32::new(PAGE).unwrap_or(NonZeroU32::MIN);
    let mut options = ChangeFeedOptions::default().with_max_item_count(MaxItemCountHint::Limit(most));
    if let Some(token) = &range.token {
        options = options.with_continuation_token(token.clone());
    }
    let scope = FeedScope::range(range.feed.clone());
    let mut pages =
        client.query_change_feed::<Item>(scope, ChangeFeedStartFrom::Now, Some(options)).await.map_err(fail)?;
    let Some(read) = pages.next().await else {
        return Ok(Page {
            items: Vec::new(),
            lsn: None,
            charge: RequestUnits(0.0),
            range: None,
            token: pages.to_continuation_token().map_err(fail)?,
        });
    };
    let read = read.map_err(fail)?;
    let headers = read.headers();
    let lsn = headers.lsn().map(Lsn);
    let charge = RequestUnits(headers.request_charge().map_or(0.0, |charge| charge.value()));
    let range = headers.partition_key_range_id().map(ToString::to_string);
    let token = pages.to_continuation_token().map_err(fail)?;
    let items = read.into_items().into_iter().filter_map(|item| item.into_current()).collect();
    Ok(Page { items, lsn, charge, range, token })
}
