//! Items by id: create, upsert, replace, read, delete.
//!
//! Source: <https://learn.microsoft.com/rest/api/cosmos-db/documents>.

use std::time::SystemTime;

use hyper::StatusCode;

use super::account::Container;
use super::document::{SentItem, SystemProperties};
use super::epk::EffectivePartitionKey;
use super::partition::{Item, Lsn, Partition, State};
use super::reply::Answer;
use super::request::Asked;
use super::units::RequestUnits;

/// The longest item that the service takes.
pub(super) const LONGEST_ITEM: usize = 2 * 1024 * 1024;

/// What kind of write it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write<'a> {
    /// 409 if the item is there.
    Create,
    /// Over the item, or new.
    Upsert,
    /// 404 if the item with this id is not there.
    Replace(&'a str),
}

pub(super) fn write(asked: &Asked, container: &Container, kind: Write<'_>, now: SystemTime) -> Answer {
    if asked.body().len() > LONGEST_ITEM {
        return too_large();
    }
    let item = match SentItem::parse(asked.body(), &container.key_path) {
        Ok(item) => item,
        Err(problem) => return Answer::bad_request(&problem.to_string()),
    };
    let key = EffectivePartitionKey::of(&item.key);
    match asked.partition_key() {
        Err(problem) => return Answer::bad_request(&problem.to_string()),
        Ok(Some(named)) if named != key => {
            let path = &container.key_path;
            let message = format!("The partition key in the item at {path} is not the one in the header.");
            return Answer::bad_request(&message).substatus(1001);
        }
        Ok(_) => {}
    }
    if let Write::Replace(id) = kind
        && id != item.id
    {
        return Answer::bad_request(&format!("The item's id {:?} is not the one in the path, {id:?}.", item.id));
    }
    let Some(partition) = container.partition_of(key) else { return no_partition() };
    let mut state = partition.lock();
    state.items.expire(now);
    let standing =
        state.items.get(key, &item.id).map(|(lsn, old)| (partition.etag(lsn, old), old.number, old.id.clone()));
    match (kind, &standing) {
        (Write::Create, Some(_)) => {
            let message = format!("There is an item with id {:?} and this partition key already.", item.id);
            return Answer::error(StatusCode::CONFLICT, "Conflict", &message)
                .charge(RequestUnits::ONE)
                .served_by(&partition, state.items.last());
        }
        (Write::Replace(_), None) => return missing(&item.id, &partition, &state),
        _ => {}
    }
    if let (Some(named), Some((etag, ..))) = (asked.if_match(), &standing)
        && !etag.is_named_by(named)
    {
        return changed(&partition, &state);
    }
    let sent = asked.body().len();
    let charge = if standing.is_some() { RequestUnits::replace(sent) } else { RequestUnits::insert(sent) };
    if let Err(wait) = state.budget.try_spend(charge, container.partition_budget(), now) {
        return Answer::too_many_requests(wait).served_by(&partition, state.items.last());
    }

    let status = if standing.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let (number, id) = match standing {
        Some((_, number, id)) => (number, id),
        None => (container.new_item_number(), item.id.as_str().into()),
    };
    let written = state.items.write_time(now);
    let lsn = state.items.next();
    let etag = super::document::Etag::of(partition.id, lsn.0, written.0);
    let rid = container.item_rid(number);
    let system =
        SystemProperties { rid: rid.as_str(), container_link: &container.link, etag: &etag, seconds: written.0 };
    let body = item.stored(&system);
    let expires = container.time_to_live.expiry(written, item.ttl);
    state.items.put(Item { key, id, body: body.clone(), sent, number, written, expires });
    drop(state);
    let answer = Answer::raw(status, body).charge(charge).etag(etag.as_str()).item_lsn(lsn).served_by(&partition, lsn);
    if asked.wants_no_body() { answer.without_body() } else { answer }
}

pub(super) fn read(asked: &Asked, container: &Container, id: &str, now: SystemTime) -> Answer {
    with_item(asked, container, id, now, |state, partition, lsn, item| {
        let charge = RequestUnits::read(item.sent);
        if let Err(wait) = state.budget.try_spend(charge, container.partition_budget(), now) {
            return Answer::too_many_requests(wait).served_by(partition, state.items.last());
        }
        let etag = partition.etag(lsn, &item);
        let unchanged = asked.if_none_match().is_some_and(|named| etag.is_named_by(named));
        let answer =
            if unchanged { Answer::empty(StatusCode::NOT_MODIFIED) } else { Answer::raw(StatusCode::OK, item.body) };
        answer.charge(charge).etag(etag.as_str()).item_lsn(lsn).served_by(partition, state.items.last())
    })
}

pub(super) fn delete(asked: &Asked, container: &Container, id: &str, now: SystemTime) -> Answer {
    with_item(asked, container, id, now, |state, partition, lsn, item| {
        if let Some(named) = asked.if_match()
            && !partition.etag(lsn, &item).is_named_by(named)
        {
            return changed(partition, state);
        }
        let charge = RequestUnits::insert(item.sent);
        if let Err(wait) = state.budget.try_spend(charge, container.partition_budget(), now) {
            return Answer::too_many_requests(wait).served_by(partition, state.items.last());
        }
        state.items.remove(item.key, id);
        Answer::empty(StatusCode::NO_CONTENT).charge(charge).served_by(partition, state.items.last())
    })
}

/// Finds the item that the path and the partition key header name.
fn with_item(
    asked: &Asked,
    container: &Container,
    id: &str,
    now: SystemTime,
    then: impl FnOnce(&mut State, &Partition, Lsn, Item) -> Answer,
) -> Answer {
    let key = match asked.partition_key() {
        Ok(Some(key)) => key,
        Ok(None) => {
            return Answer::bad_request(
                "An item is read and deleted with its partition key: send x-ms-documentdb-partitionkey.",
            );
        }
        Err(problem) => return Answer::bad_request(&problem.to_string()),
    };
    let Some(partition) = container.partition_of(key) else { return no_partition() };
    let mut state = partition.lock();
    state.items.expire(now);
    match state.items.get(key, id).map(|(lsn, item)| (lsn, item.clone())) {
        Some((lsn, item)) => then(&mut state, &partition, lsn, item),
        None => missing(id, &partition, &state),
    }
}

fn missing(id: &str, partition: &Partition, state: &State) -> Answer {
    Answer::not_found(&format!("There is no item with id {id:?} and this partition key."))
        .served_by(partition, state.items.last())
}

fn changed(partition: &Partition, state: &State) -> Answer {
    let message = "The item has another _etag than If-Match names: read it again and write over what you read.";
    Answer::error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", message)
        .charge(RequestUnits::ONE)
        .served_by(partition, state.items.last())
}

/// 413, as the service answers an item of more than 2 MB.
pub(super) fn too_large() -> Answer {
    let message = "The item is larger than 2 MB: store it in parts, or elsewhere with a reference here.";
    Answer::error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)
}

fn no_partition() -> Answer {
    Answer::range_gone("No partition key range holds this key.")
}
