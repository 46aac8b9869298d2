//! The node `$management`, which tells the properties of the hub and of its partitions.

use super::codec::condition;
use super::codec::message::Request;
use super::codec::types::{Array, Value};
use super::hub::Hub;
use super::link::request::Answer;

/// Answers a request: `READ`, and the type and name of what is to be read.
pub(crate) fn answer(request: &Request, hub: &Hub, throttled: bool) -> Answer {
    if throttled {
        return Answer::failure(
            503,
            condition::SERVER_BUSY,
            "the request was terminated because the namespace is being throttled: wait 4 seconds and try again",
        );
    }
    match request.text("operation") {
        Some("READ") => {}
        other => {
            return Answer::failure(
                400,
                condition::NOT_IMPLEMENTED,
                format!("operation '{}' is not known: $management takes 'READ'", other.unwrap_or("")),
            );
        }
    }
    let name = request.text("name").unwrap_or("");
    if !hub.is_called(name) {
        return Answer::failure(
            404,
            condition::NOT_FOUND,
            format!("the messaging entity '{name}' could not be found: the hub is '{}'", hub.name),
        );
    }
    match request.text("type") {
        Some("com.microsoft:eventhub") => found(hub_properties(hub)),
        Some("com.microsoft:partition") => {
            let id = request.text("partition").unwrap_or("");
            match partition_properties(id, hub) {
                Some(properties) => found(properties),
                None => Answer::failure(
                    404,
                    condition::NOT_FOUND,
                    format!(
                        "partition '{id}' of event hub '{}' could not be found: its partitions are 0 to {}",
                        hub.name,
                        hub.log.partition_count().saturating_sub(1)
                    ),
                ),
            }
        }
        other => Answer::failure(
            400,
            condition::INVALID_FIELD,
            format!(
                "type '{}' is not known: use 'com.microsoft:eventhub' or 'com.microsoft:partition'",
                other.unwrap_or("")
            ),
        ),
    }
}

fn found(body: Value) -> Answer {
    Answer { status: 200, description: "OK".to_owned(), error_condition: None, body }
}

fn map(pairs: Vec<(&str, Value)>) -> Value {
    Value::Map(pairs.into_iter().map(|(name, value)| (Value::string(name), value)).collect())
}

/// The types matter: a client that finds another one panics or misreads.
fn hub_properties(hub: &Hub) -> Value {
    let partitions = hub.log.partition_count();
    map(vec![
        ("name", Value::string(&hub.name)),
        ("type", Value::string("com.microsoft:eventhub")),
        ("created_at", Value::Timestamp(hub.created_at.0)),
        ("partition_count", Value::Int(i32::try_from(partitions).unwrap_or(i32::MAX))),
        ("partition_ids", Value::Array(Array::strings((0..partitions).map(|index| index.to_string())))),
    ])
}

fn partition_properties(id: &str, hub: &Hub) -> Option<Value> {
    let index = hub.log.partition_index(id)?;
    let status = hub.log.status(index)?;
    if hub.is_spoilt(index) {
        return Some(map(vec![("name", Value::string(&hub.name)), ("partition", Value::string(id))]));
    }
    Some(map(vec![
        ("name", Value::string(&hub.name)),
        ("type", Value::string("com.microsoft:partition")),
        ("partition", Value::string(id)),
        ("begin_sequence_number", Value::Long(status.earliest.0)),
        ("last_enqueued_sequence_number", Value::Long(status.last.0)),
        ("last_enqueued_sequence_number_epoch", Value::Long(hub.failovers())),
        ("last_enqueued_offset", Value::String(status.last_offset.to_string())),
        ("last_enqueued_time_utc", Value::Timestamp(status.last_enqueued_time)),
        ("is_partition_empty", Value::Boolean(status.is_empty())),
    ]))
}
