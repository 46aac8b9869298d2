//! Feeds: the change feed of a range, all items, and the two queries that are served.
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
//! A page's `ETag` is the next `If-None-Match`. Nothing new is 304, with an `ETag` too. Items come in their latest version,
//! so two writes between two reads show as one item; deletions do not show.
//!
//! Source: <https://learn.microsoft.com/rest/api/cosmos-db/list-documents>, "incremental feed".

use std::fmt;
use std::time::SystemTime;

use hyper::StatusCode;
use serde::Deserialize;

use super::account::Container;
use super::document::with_number;
use super::epk::{EffectivePartitionKey, KeyRange};
use super::partition::{Lsn, Page, PageLimit, Partition, Seconds, State};
use super::reply::Answer;
use super::request::Asked;
use super::units::RequestUnits;

/// A page holds no more than this, whatever the client asks for: the service keeps pages below 4 MB.
const LARGEST_PAGE: PageLimit = PageLimit { items: 1000, bytes: 3 * 1024 * 1024 };

/// Which part of the container a feed reads.
struct Scope<'a> {
    partition: &'a Partition,
    keys: KeyRange,
    one_key: Option<EffectivePartitionKey>,
}

pub(super) fn changes(asked: &Asked, container: &Container, now: SystemTime) -> Answer {
    if !asked.change_feed().is_some_and(|mode| mode.eq_ignore_ascii_case("incremental feed")) {
        return Answer::bad_request(
            "Only the latest-version change feed (A-IM: Incremental feed) is served here: deletes and old versions are not kept.",
        );
    }
    let scope = match scope(asked, container) {
        Ok(scope) => scope,
        Err(answer) => return answer,
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
                return Answer::bad_request(&message).served_by(scope.partition, last);
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
    let page = scope.page(&state, position, limit(asked));
    let envelope = asked.wants_envelopes();
    let items = page.items.iter().map(|(lsn, item)| {
        if envelope {
            [
                br#"{"current":"#.as_slice(),
                &item.body,
                format!(r#","metadata":{{"lsn":{},"crts":{}}}}}"#, lsn.0, item.written.0).as_bytes(),
            ]
            .concat()
        } else {
            with_number(&item.body, "_lsn", lsn.0)
        }
    });
    let body = documents(container, items);
    let status = if page.items.is_empty() { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let etag = format!("\"{}\"", page.position.0);
    answered(&scope, &mut state, container, &page, Answer::raw(status, body), now, |answer| answer.etag(&etag))
}

/// All items, in the order of their last write: of the range or the key that the request names, or of one range after the
/// other. An item that is written meanwhile may come twice.
pub(super) fn all(asked: &Asked, container: &Container, now: SystemTime) -> Answer {
    let whole = asked.range_id().is_none() && asked.key_range().is_none() && matches!(asked.partition_key(), Ok(None));
    let scope = match (whole, asked.continuation().map(Continuation::parse)) {
        (false, _) => scope(asked, container),
        (true, None) => scope_of(container, 0),
        (true, Some(continuation)) => scope_of(container, continuation.map_or(0, |continuation| continuation.range)),
    };
    match scope {
        Ok(scope) => items_page(asked, container, &scope, whole, now),
        Err(answer) => answer,
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

/// What a query may say here, after spaces and cases are made even.
#[derive(Debug, PartialEq, Eq)]
enum Query {
    Count,
    All,
}

#[derive(Deserialize)]
struct QueryBody {
    query: String,
}

pub(super) fn query(asked: &Asked, container: &Container, now: SystemTime) -> Answer {
    let Ok(body) = serde_json::from_slice::<QueryBody>(asked.body()) else {
        return Answer::bad_request("The query's body is not JSON with a \"query\".");
    };
    let Some(query) = Query::parse(&body.query) else { return not_served(&body.query) };
    if asked.is_query_plan() {
        return not_served(&body.query);
    }
    let scope = match scope(asked, container) {
        Ok(scope) => scope,
        Err(answer) => return answer,
    };
    match (query, scope.one_key) {
        (Query::All, _) => items_page(asked, container, &scope, false, now),
        (Query::Count, Some(key)) => {
            let mut state = scope.partition.lock();
            state.items.expire(now);
            let count = state.items.count(key);
            let charge = RequestUnits::count();
            if let Err(wait) = state.budget.try_spend(charge, container.partition_budget(), now) {
                return Answer::too_many_requests(wait).served_by(scope.partition, state.items.last());
            }
            Answer::raw(StatusCode::OK, documents(container, [count.to_string()].into_iter()))
                .charge(charge)
                .item_count(1)
                .served_by(scope.partition, state.items.last())
        }
        (Query::Count, None) => not_served(&body.query),
    }
}

fn items_page(asked: &Asked, container: &Container, scope: &Scope<'_>, go_on: bool, now: SystemTime) -> Answer {
    let range = scope.partition.id;
    let position = match asked.continuation().map(Continuation::parse) {
        None => Lsn(0),
        Some(Some(continuation)) if continuation.range == range => continuation.position,
        Some(_) => return Answer::bad_request("x-ms-continuation is not one that was given for this feed."),
    };
    let mut state = scope.partition.lock();
    state.items.expire(now);
    let page = scope.page(&state, position, limit(asked));
    let body = documents(container, page.items.iter().map(|(_, item)| &item.body));
    let next_range = range + 1;
    let next = if page.more {
        Some(Continuation { range, position: page.position })
    } else if go_on && container.partitions.iter().any(|partition| partition.id == next_range) {
        Some(Continuation { range: next_range, position: Lsn(0) })
    } else {
        None
    };
    let next = next.map(|next| next.to_string());
    answered(scope, &mut state, container, &page, Answer::raw(StatusCode::OK, body), now, |answer| {
        answer.continuation(next)
    })
}

fn answered(
    scope: &Scope<'_>,
    state: &mut State,
    container: &Container,
    page: &Page,
    answer: Answer,
    now: SystemTime,
    finish: impl FnOnce(Answer) -> Answer,
) -> Answer {
    let charge = RequestUnits::page(page.items.iter().map(|(_, item)| item.sent).sum());
    let last = state.items.last();
    if let Err(wait) = state.budget.try_spend(charge, container.partition_budget(), now) {
        return Answer::too_many_requests(wait).served_by(scope.partition, last);
    }
    let answer =
        if page.items.is_empty() && page.position >= last { answer } else { answer.item_count(page.items.len()) };
    finish(answer.charge(charge).served_by(scope.partition, last))
}

impl Scope<'_> {
    fn page(&self, state: &State, position: Lsn, limit: PageLimit) -> Page {
        match self.one_key {
            Some(key) => state.items.of_key(key, position, limit),
            None => state.items.after(position, self.keys, limit),
        }
    }
}

fn scope_of(container: &Container, range: u32) -> Result<Scope<'_>, Answer> {
    let partition = container.partitions.iter().find(|partition| partition.id == range);
    let partition =
        partition.ok_or_else(|| Answer::range_gone(&format!("There is no partition key range {range}.")))?;
    Ok(Scope { partition, keys: KeyRange::ALL, one_key: None })
}

/// Finds the one partition that a feed reads from.
fn scope<'a>(asked: &Asked, container: &'a Container) -> Result<Scope<'a>, Answer> {
    let key = asked.partition_key().map_err(|problem| Answer::bad_request(&problem.to_string()))?;
    if let Some(key) = key {
        let partition = container.partition_of(key).ok_or_else(|| Answer::range_gone("No range holds this key."))?;
        return Ok(Scope { partition, keys: partition.range, one_key: Some(key) });
    }
    let keys = asked.key_range().unwrap_or(KeyRange::ALL);
    if let Some(id) = asked.range_id() {
        let partition = container.partitions.iter().find(|partition| partition.id.to_string() == id);
        let partition =
            partition.ok_or_else(|| Answer::range_gone(&format!("There is no partition key range {id:?}.")))?;
        return Ok(Scope { partition, keys, one_key: None });
    }
    let mut touched = container.partitions.iter().filter(|partition| partition.range.overlaps(keys));
    match (touched.next(), touched.next()) {
        (Some(partition), None) => Ok(Scope { partition, keys, one_key: None }),
        _ if asked.key_range().is_some() => {
            Err(Answer::range_gone("The keys lie in more than one partition key range."))
        }
        _ => Err(Answer::bad_request(
            "A feed is read from one range at a time: send x-ms-documentdb-partitionkeyrangeid or a partition key.",
        )),
    }
}

fn limit(asked: &Asked) -> PageLimit {
    let items = asked.max_item_count().unwrap_or(LARGEST_PAGE.items).min(LARGEST_PAGE.items);
    PageLimit { items, ..LARGEST_PAGE }
}

fn documents<T: AsRef<[u8]>>(container: &Container, items: impl Iterator<Item = T>) -> Vec<u8> {
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

fn not_served(query: &str) -> Answer {
    let query: String = query.chars().take(200).collect();
    Answer::bad_request(&format!(
        "The query {query:?} is not served here: ask for SELECT * FROM c or SELECT VALUE COUNT(1) FROM c within one partition key."
    ))
}

impl Query {
    /// ```text
    /// "select  VALUE count( 1 )\n from  root r"  ->  Count
    /// ```
    fn parse(query: &str) -> Option<Self> {
        let spaced = query.to_ascii_lowercase().replace('(', " ( ").replace(')', " ) ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        match words.as_slice() {
            ["select", "*", "from", _] | ["select", "*", "from", _, _] => Some(Self::All),
            ["select", "value", "count", "(", "1", ")", "from", _]
            | ["select", "value", "count", "(", "1", ")", "from", _, _] => Some(Self::Count),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queries_that_are_served() {
        for (query, expected) in [
            ("SELECT * FROM c", Some(Query::All)),
            ("select  VALUE count( 1 )\n from  root r", Some(Query::Count)),
            ("SELECT VALUE COUNT(1) FROM c", Some(Query::Count)),
            ("SELECT * FROM c WHERE c.a = 1", None),
            ("SELECT c.id FROM c", None),
            ("", None),
        ] {
            assert_eq!(Query::parse(query), expected, "{query}");
        }
    }
}
