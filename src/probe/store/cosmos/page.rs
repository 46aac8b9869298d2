//! One page of a change feed: asked for once, without the client's own waiting on 429.

use std::num::NonZeroU32;
use std::time::Duration;

use azure_core::http::StatusCode;
use azure_data_cosmos::clients::ContainerClient;
use azure_data_cosmos::feed::{ContinuationToken, FeedRange};
use azure_data_cosmos::models::{ChangeFeedItem, ChangeFeedMetadata};
use azure_data_cosmos::options::{
    ChangeFeedOptions, ChangeFeedStartFrom, MaxItemCountHint, OperationOptions, ThrottlingRetryOptions,
};
use azure_data_cosmos::{CosmosError, FeedScope};
use futures::StreamExt;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::load::payload::device_index;
use crate::model::ledger::EventKey;
use crate::model::units::{Lsn, RangeId, RequestUnits, Time};

/// The part of an item that matters here; the rest of it is passed over.
#[derive(Debug, Deserialize)]
pub(super) struct Item {
    #[serde(rename = "deviceId")]
    device: Option<String>,
    #[serde(rename = "deviceSequenceNumber")]
    sequence: Option<u64>,
    #[serde(rename = "enqueuedAt")]
    enqueued_at: Option<String>,
    #[serde(rename = "_ts")]
    stored_at: Option<i64>,
    #[serde(rename = "_lsn")]
    lsn: Option<u64>,
}

impl Item {
    /// Which of our events it is, if it is one.
    pub(super) fn key(&self) -> Option<EventKey> {
        Some(EventKey { device: device_index(self.device.as_deref()?)?, sequence: self.sequence? })
    }

    /// When it was enqueued in the log.
    pub(super) fn enqueued(&self) -> Option<Time> {
        OffsetDateTime::parse(self.enqueued_at.as_deref()?, &Rfc3339).ok().map(Time::from)
    }

    /// The second in which it was stored, by the store's clock: its begin.
    pub(super) fn stored(&self) -> Option<Time> {
        self.stored_at.map(|seconds| Time::from_millis(seconds.saturating_mul(1_000)))
    }
}

/// What a page is to hold.
#[derive(Debug)]
pub(super) enum Ask<'a> {
    /// So many items after a place in the feed.
    After(&'a ContinuationToken, NonZeroU32),
    /// So many items from the first one on.
    FromTheBeginning(NonZeroU32),
    /// None: where the feed ends now, and how far the range is. The cheapest question there is.
    WhereItEnds,
}

/// One page.
pub(super) struct Page {
    pub(super) items: Vec<ChangeFeedItem<Item>>,
    /// How far the range was.
    pub(super) lsn: Option<Lsn>,
    /// Which physical partition answered.
    pub(super) range: Option<RangeId>,
    /// Where the next page begins.
    pub(super) token: ContinuationToken,
}

impl Page {
    /// The log sequence number of the last item; `None` where there is no item, or it does not say.
    pub(super) fn last_lsn(&self) -> Option<Lsn> {
        lsn(self.items.last()?)
    }

    /// How far the range was, if the page holds all that there was.
    pub(super) fn end(&self) -> Option<Lsn> {
        self.lsn.filter(|lsn| self.items.is_empty() || self.last_lsn() >= Some(*lsn))
    }
}

/// The log sequence number of an item's last write; `None` where it does not say.
pub(super) fn lsn(item: &ChangeFeedItem<Item>) -> Option<Lsn> {
    let told = item.metadata().and_then(ChangeFeedMetadata::lsn).and_then(|lsn| u64::try_from(lsn.value()).ok());
    told.or_else(|| item.current()?.lsn).map(Lsn)
}

/// What came of asking for a page, and what it cost.
pub(super) struct Reply {
    pub(super) page: Result<Page, Refusal>,
    pub(super) charge: RequestUnits,
    /// How many of the requests behind it were answered with 429.
    pub(super) throttled: u64,
}

impl Reply {
    /// How many items came with it.
    pub(super) fn items(&self) -> usize {
        self.page.as_ref().map_or(0, |page| page.items.len())
    }
}

/// Why there is no page.
pub(super) enum Refusal {
    /// 429: to be asked again after so long.
    Throttled(Duration),
    /// The place in the feed is not known there: the container was made anew.
    UnknownPlace(CosmosError),
    /// Anything else.
    Failed(CosmosError),
}

/// Asks for one page of a range.
pub(super) async fn page(container: &ContainerClient, range: &FeedRange, ask: Ask<'_>) -> Reply {
    let mut charge = RequestUnits(0.0);
    let mut throttled = 0;
    let page = match read(container, range, ask, &mut charge, &mut throttled).await {
        Ok(page) => Ok(page),
        Err(error) if error.status().is_throttled() => {
            throttled = throttled.max(1);
            let asked = error.response().and_then(|response| response.headers().retry_after_ms).unwrap_or(0);
            Err(Refusal::Throttled(Duration::from_millis(asked)))
        }
        Err(error) if error.status().is_bad_request() => Err(Refusal::UnknownPlace(error)),
        Err(error) => Err(Refusal::Failed(error)),
    };
    Reply { page, charge, throttled }
}

async fn read(
    container: &ContainerClient,
    range: &FeedRange,
    ask: Ask<'_>,
    charge: &mut RequestUnits,
    throttled: &mut u64,
) -> Result<Page, CosmosError> {
    let most = match ask {
        Ask::WhereItEnds => NonZeroU32::MIN,
        Ask::After(_, most) | Ask::FromTheBeginning(most) => most,
    };
    let mut options = ChangeFeedOptions::default()
        .with_max_item_count(MaxItemCountHint::Limit(most))
        .with_operation_options(no_waiting());
    if let Ask::After(token, _) = ask {
        options = options.with_continuation_token(token.clone());
    }
    let start = match ask {
        Ask::FromTheBeginning(_) => ChangeFeedStartFrom::Beginning,
        Ask::After(..) | Ask::WhereItEnds => ChangeFeedStartFrom::Now,
    };
    let mut pages = container.query_change_feed::<Item>(FeedScope::range(range.clone()), start, Some(options)).await?;
    let Some(read) = pages.next().await else {
        let token = pages.to_continuation_token()?;
        return Ok(Page { items: Vec::new(), lsn: None, range: None, token });
    };
    let read = read?;
    let headers = read.headers();
    let lsn = headers.lsn().map(Lsn);
    charge.0 += headers.request_charge().map_or(0.0, |charge| charge.value());
    let range = headers.partition_key_range_id().map(|id| RangeId(id.to_string()));
    *throttled += read
        .diagnostics()
        .requests()
        .iter()
        .filter(|request| request.status().status_code() == StatusCode::TooManyRequests)
        .count() as u64;
    let token = pages.to_continuation_token()?;
    Ok(Page { items: read.into_items(), lsn, range, token })
}

/// The client's own waiting on 429 is off: it hides them, and a look must not wait for half a minute.
pub(super) fn no_waiting() -> OperationOptions {
    let mut throttling = ThrottlingRetryOptions::default();
    throttling.max_retry_count = Some(0);
    let mut options = OperationOptions::default();
    options.throttling_retry_options = Some(throttling);
    options
}
