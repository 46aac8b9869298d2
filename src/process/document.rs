//! From an event to the document that the store keeps. Pure.
//!
//! As upstream does it: the event as it came, with `id` = its `eventId` (so that a repeat overwrites itself),
//! `enqueuedAt` = when the log took it, and `processedAt` = when the processor had it. The event's own text is passed on
//! untouched behind the new fields, unless it has one of them already.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::load::payload::Stamp;
use crate::model::units::Time;

/// The longest id that Cosmos DB takes, in bytes. Source: learn.microsoft.com/azure/cosmos-db/concepts-limits.
const LONGEST_ID: usize = 1_023;
/// The longest partition key, in bytes.
const LONGEST_KEY: usize = 2_048;

/// What the store keeps of an event.
#[derive(Debug)]
pub struct Document {
    /// Its id: the event's `eventId`.
    pub id: String,
    /// Its partition key: the event's `deviceId`.
    pub device: String,
    /// The whole document.
    pub json: Box<RawValue>,
}

/// Why an event can't become a document, however often it is tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The event is not a JSON object with the two fields that are needed, each a string.
    #[error("the event is not a JSON object with the texts eventId and deviceId ({0}); look at what sends it")]
    NotAnEvent(String),
    /// Cosmos DB does not take such an id or key.
    #[error("Cosmos DB takes no {field} like this one: it is empty, too long, or has one of / \\ ? # in it")]
    Unstorable {
        /// Which of the two fields.
        field: &'static str,
    },
}

/// The fields that are needed, and those that would be there twice.
#[derive(Deserialize)]
struct Needed<'a> {
    #[serde(borrow, rename = "eventId")]
    event_id: Cow<'a, str>,
    #[serde(borrow, rename = "deviceId")]
    device_id: Cow<'a, str>,
    id: Option<IgnoredAny>,
    #[serde(rename = "enqueuedAt")]
    enqueued_at: Option<IgnoredAny>,
    #[serde(rename = "processedAt")]
    processed_at: Option<IgnoredAny>,
}

impl Document {
    /// Makes a document of an event's body.
    ///
    /// ```
    /// use streamgauge::model::units::Time;
    /// use streamgauge::process::document::Document;
    ///
    /// let body = br#"{ "eventId": "e-1", "value": 0.5, "deviceId": "d-7" }"#;
    /// let document = Document::new(body, Time::from_millis(0), Time::from_millis(1_500)).unwrap();
    /// assert_eq!(
    ///     document.json.get(),
    ///     r#"{"id":"e-1","enqueuedAt":"1970-01-01T00:00:00.0000000Z","#.to_owned()
    ///         + r#""processedAt":"1970-01-01T00:00:01.5000000Z", "eventId": "e-1", "value": 0.5, "deviceId": "d-7" }"#
    /// );
    /// ```
    ///
    /// # Errors
    /// [`Rejection`] if it never can be one.
    pub fn new(body: &[u8], enqueued_at: Time, processed_at: Time) -> Result<Self, Rejection> {
        let not_an_event = |reason: String| Rejection::NotAnEvent(reason);
        let text = std::str::from_utf8(body).map_err(|error| not_an_event(error.to_string()))?;
        let needed: Needed<'_> = serde_json::from_str(text).map_err(|error| not_an_event(error.to_string()))?;
        storable("eventId", &needed.event_id, LONGEST_ID)?;
        storable("deviceId", &needed.device_id, LONGEST_KEY)?;
        let (enqueued, processed) = (Stamp::new(enqueued_at), Stamp::new(processed_at));
        let has_new_field = needed.id.is_some() || needed.enqueued_at.is_some() || needed.processed_at.is_some();
        let whole = if has_new_field {
            let mut fields: Map<String, Value> =
                serde_json::from_str(text).map_err(|error| not_an_event(error.to_string()))?;
            fields.insert("id".into(), needed.event_id.as_ref().into());
            fields.insert("enqueuedAt".into(), enqueued.as_str().into());
            fields.insert("processedAt".into(), processed.as_str().into());
            Value::Object(fields).to_string()
        } else {
            // A JSON object with two fields at least: what follows the brace is the first of them.
            let rest = text.trim_start().strip_prefix('{').unwrap_or_default();
            let mut whole = String::with_capacity(text.len() + 160);
            whole.push_str("{\"id\":");
            whole.push_str(&Value::from(needed.event_id.as_ref()).to_string());
            whole.push_str(",\"enqueuedAt\":\"");
            whole.push_str(enqueued.as_str());
            whole.push_str("\",\"processedAt\":\"");
            whole.push_str(processed.as_str());
            whole.push_str("\",");
            whole.push_str(rest);
            whole
        };
        let json = RawValue::from_string(whole).map_err(|error| not_an_event(error.to_string()))?;
        Ok(Self { id: needed.event_id.into_owned(), device: needed.device_id.into_owned(), json })
    }
}

fn storable(field: &'static str, value: &str, longest: usize) -> Result<(), Rejection> {
    // The four characters are forbidden in ids only, but a device's name with one of them is no less a mistake.
    let fits = !value.is_empty() && value.len() <= longest && !value.contains(['/', '\\', '?', '#']);
    if fits { Ok(()) } else { Err(Rejection::Unstorable { field }) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::load::payload::Payloads;
    use crate::model::ledger::EventKey;
    use crate::model::units::DeviceIndex;

    fn document(body: &str) -> Result<Value, Rejection> {
        let made = Document::new(body.as_bytes(), Time::from_millis(0), Time::from_millis(1))?;
        Ok(serde_json::from_str(made.json.get()).unwrap())
    }

    #[test]
    fn our_own_events_become_documents() {
        let key = EventKey { device: DeviceIndex(7), sequence: 41 };
        let mut body = Vec::new();
        Payloads::new(1).write(key, &Stamp::new(Time::from_millis(0)), &mut body);
        let made = Document::new(&body, Time::from_millis(0), Time::from_millis(0)).unwrap();
        assert_eq!(made.id, Payloads::new(1).event_id(key));
        assert_eq!(made.device, "contoso-device-id-000007");
    }

    #[test]
    fn a_field_that_is_there_already_is_replaced_not_doubled() {
        let made = document(r#"{"eventId":"a","deviceId":"b","id":5,"enqueuedAt":null}"#).unwrap();
        assert_eq!(made["id"], "a");
        assert_eq!(made["enqueuedAt"], "1970-01-01T00:00:00.0000000Z");
    }

    #[test]
    fn what_can_never_be_stored_is_rejected() {
        for body in ["", "null", "[]", "{", r#"{"eventId":"a"}"#, r#"{"eventId":1,"deviceId":"b"}"#, "\u{1F600}"] {
            assert!(matches!(document(body), Err(Rejection::NotAnEvent(_))), "{body}");
        }
        for id in ["", "a/b", "a#b"] {
            let body = json!({ "eventId": id, "deviceId": "b" }).to_string();
            assert_eq!(document(&body).unwrap_err(), Rejection::Unstorable { field: "eventId" });
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_and_any_event_keeps_its_fields(bytes: Vec<u8>, id in "[^/\\\\?#]{1,40}", extra: String) {
            // The outcome for arbitrary bytes does not matter, only that there is one.
            drop(Document::new(&bytes, Time::from_millis(0), Time::from_millis(0)));
            let event = json!({ "eventId": id, "deviceId": "d", "extra": extra });
            let made = document(&event.to_string()).unwrap();
            prop_assert_eq!(&made["id"], &event["eventId"]);
            prop_assert_eq!(&made["extra"], &event["extra"]);
        }
    }
}
