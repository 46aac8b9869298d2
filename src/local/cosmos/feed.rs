//! Feeds: the change feed of a range, and all items.
//!
//! The change feed, as its readers see it:
//!
//! | header of the request | reads |
//! |---|---|
//! | `A-IM: Incremental feed` alone | from the beginning |
//! | with `If-None-Match: *` | from now |
//! | with `If-None-Match: "42"` | what was written after LSN 42 |
//! | with `If-Modified-Since: …` | what was written at that second or later |
//!
//! A page's `ETag` is the next `If-None-Match`. Nothing new is 304, with an `ETag` too. Items come in their latest
//! version, so two writes between two reads show as one item; deletions do not show.
//!
//! Source: <https://learn.microsoft.com/rest/api/cosmos-db/list-documents>, "incremental feed".

use std::fmt;
use std::time::SystemTime;

use hyper::StatusCode;

use super::account::Container;
use super::document::with_number;
use super::partition::{Lsn, Page, PageLimit, Seconds, State};
use super::reply::Answer;
use super::request::Asked;
use super::scope::Scope;
use super::units::{RequestUnits, RetryAfter};

/// A page holds no more than this, whatever the client asks for: the service keeps pages below 4 MB.
const LARGEST_PAGE: PageLimit = PageLimit { items: 1000, bytes: 3 * 1024 * 1024 };

pub(super) fn changes(asked: &Asked, container: &Container, now: SystemTime) -> Answer {
    if !asked.change_feed().is_some_and(|mode| mode.eq_ignore_ascii_case("incremental feed")) {
        return Answer::bad_request(
            "Only the latest-version change feed (A-IM: Incremental feed) is served here: deletes and old versions are not kept.",
        );
    }
    let scope = match Scope::of(asked, container) {
        Ok(scope) => scope,
        Err(problem) => return problem.answer(),
    };
    let mut state = scope.partition.lock();
    state.items.expire(now);
    let last = state.items.last();
    let mut position = match asked.if_none_match() {
        None => Lsn(0),
        Some("*") => last,
        Some(etag) => match etag.trim_matches('"').parse().map(Lsn) {
            Ok(position) if position <= last => position,
            Ok(Lsn(position)) => {
                let message = format!(
                    "The continuation stands at LSN {position}, but this range is at {}: the endpoint was started anew; read from the beginning.",
                    last.0
                );
                return Answer::bad_request(&message).served_by(&scope.partition, last);
            }
            Err(_) => {
                return Answer::bad_request(&format!(
                    "If-None-Match is {etag:?}: send * or the ETag of the last page."
                ));
            }
        },
    };
    if let Some(since) = asked.if_modified_since() {
        // Clients go on sending the start time beside the continuation: the later of the two holds.
        position = position.max(state.items.position_at(Seconds::of(since)));
    }
    let page = scope.changes(&state, position, limit(asked));
    let paid = pay(&mut state, container, &page, now);
    drop(state);
    let answer = match paid {
        Err(wait) => Answer::too_many_requests(wait),
        Ok(charge) if page.items.is_empty() => Answer::empty(StatusCode::NOT_MODIFIED).charge(charge),
        Ok(charge) => Answer::raw(StatusCode::OK, changed_documents(asked, container, &page)).charge(charge),
    };
    let etag = format!("\"{}\"", page.position.0);
    answer.etag(&etag).item_count(page.items.len()).served_by(&scope.partition, last)
}

/// The changes as the client wants them: in envelopes, `{"current":{…},"metadata":{"lsn":42,"crts":1790000000}}`, or as
/// older clients know them, each item with its `_lsn`.
fn changed_documents(asked: &Asked, container: &Container, page: &Page) -> Vec<u8> {
    let envelope = asked.wants_envelopes();
    let changes = page.items.iter().map(|(lsn, item)| {
        if !envelope {
            return with_number(&item.body, "_lsn", lsn.0);
        }
        let metadata = format!(r#","metadata":{{"lsn":{},"crts":{}}}}}"#, lsn.0, item.written.0);
        [br#"{"current":"#, &item.body[..], metadata.as_bytes()].concat()
    });
    documents(container, changes)
}

/// All items, in the order of their last write: of the range or the key that the request names, or of one range after
/// the other. An item that is written meanwhile may come twice.
pub(super) fn all(asked: &Asked, container: &Container, now: SystemTime) -> Answer {
    let whole = asked.range_id().is_none() && asked.key_range().is_none() && matches!(asked.partition_key(), Ok(None));
    let scope = match (whole, asked.continuation().map(Continuation::parse)) {
        (false, _) => Scope::of(asked, container),
        (true, None) => Scope::of_range(container, 0),
        (true, Some(continuation)) => {
            Scope::of_range(container, continuation.map_or(0, |continuation| continuation.range))
        }
    };
    match scope {
        Ok(scope) => items_page(asked, container, &scope, whole, now),
        Err(problem) => problem.answer(),
    }
}

/// Where the next page of all items begins: `1:42` is after LSN 42 of range 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Continuation {
    range: u32,
    position: Lsn,
}

impl Continuation {
    fn parse(text: &str) -> Option<Self> {
        let (range, position) = text.split_once(':')?;
        Some(Self { range: range.parse().ok()?, position: Lsn(position.parse().ok()?) })
    }
}

impl fmt::Display for Continuation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.range, self.position.0)
    }
}

/// A page of what a scope holds; `go_on` says whether the next range follows.
pub(super) fn items_page(asked: &Asked, container: &Container, scope: &Scope, go_on: bool, now: SystemTime) -> Answer {
    let range = scope.partition.id;
    let position = match asked.continuation().map(Continuation::parse) {
        None => Lsn(0),
        Some(Some(continuation)) if continuation.range == range => continuation.position,
        Some(_) => return Answer::bad_request("x-ms-continuation is not one that was given for this feed."),
    };
    let mut state = scope.partition.lock();
    state.items.expire(now);
    let page = scope.items(&state, position, limit(asked));
    let last = state.items.last();
    let paid = pay(&mut state, container, &page, now);
    drop(state);
    let charge = match paid {
        Ok(charge) => charge,
        Err(wait) => return Answer::too_many_requests(wait).served_by(&scope.partition, last),
    };
    let next_range = range + 1;
    let next = if page.more {
        Some(Continuation { range, position: page.position })
    } else if go_on && container.partitions().iter().any(|partition| partition.id == next_range) {
        Some(Continuation { range: next_range, position: Lsn(0) })
    } else {
        None
    };
    Answer::raw(StatusCode::OK, documents(container, page.items.iter().map(|(_, item)| &item.body)))
        .continuation(next.map(|next| next.to_string()))
        .charge(charge)
        .item_count(page.items.len())
        .served_by(&scope.partition, last)
}

/// Pays for a page, before its body is put together outside the partition's lock.
fn pay(state: &mut State, container: &Container, page: &Page, now: SystemTime) -> Result<RequestUnits, RetryAfter> {
    let charge = RequestUnits::page(page.items.iter().map(|(_, item)| item.sent).sum());
    state.budget.try_spend(charge, container.partition_budget(), now).map(|()| charge)
}

fn limit(asked: &Asked) -> PageLimit {
    let items = asked.max_item_count().unwrap_or(LARGEST_PAGE.items).min(LARGEST_PAGE.items);
    PageLimit { items, ..LARGEST_PAGE }
}

/// Items as the body of a feed.
pub(super) fn documents<T: AsRef<[u8]>>(container: &Container, items: impl Iterator<Item = T>) -> Vec<u8> {
    let mut body = format!(r#"{{"_rid":"{}","Documents":["#, container.rid).into_bytes();
    let mut count = 0;
    for item in items {
        if count > 0 {
            body.push(b',');
        }
        body.extend_from_slice(item.as_ref());
        count += 1;
    }
    body.extend_from_slice(format!(r#"],"_count":{count}}}"#).as_bytes());
    body
}
