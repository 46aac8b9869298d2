//! An item as the client sends it and as the container keeps it: bytes, never a tree.
//!
//! Only `id`, the partition key and `ttl` are read. The system properties are spliced in before the last brace:
//!
//! ```text
//! sent    {"id":"e1","deviceId":"d7","temperature":21.5}
//! stored  {"id":"e1","deviceId":"d7","temperature":21.5,"_rid":"AQAAAAEAAIABAAAAAAAAAA==","_self":"dbs/…",
//!          "_etag":"\"…\"","_ts":1790000000,"_attachments":"attachments/"}
//! ```
//!
//! Source of the properties: <https://learn.microsoft.com/rest/api/cosmos-db/documents>.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::epk::PartitionKeyValue;

/// The properties that the service writes; what a client sends of them is dropped.
const SYSTEM: [&str; 5] = ["_rid", "_self", "_etag", "_ts", "_attachments"];

/// Where an item keeps its partition key: `/deviceId`, or `/device/id` for a nested one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PartitionKeyPath(Vec<String>);

impl PartitionKeyPath {
    /// Reads a path as container properties write it.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let names: Vec<String> =
            path.strip_prefix('/')?.split('/').map(|name| name.trim_matches('"').to_owned()).collect();
        names.iter().all(|name| !name.is_empty()).then_some(Self(names))
    }
}

impl fmt::Display for PartitionKeyPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|name| write!(formatter, "/{name}"))
    }
}

/// Why a body is no item.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadItem {
    #[error("the body is not a JSON object: {0}; send one item as UTF-8 text (binary encoding is not served here)")]
    NotAnObject(String),
    #[error("the item has no string \"id\"; give it one that is unique within its partition key")]
    NoId,
    #[error("the id {0:?} is not allowed: it must have 1 to 1023 bytes and none of / \\ ? #")]
    BadId(String),
    #[error("the partition key at {0} is an array or an object; make it a string, a number, a boolean or null")]
    BadKey(PartitionKeyPath),
    #[error("\"ttl\" is {0}; make it a positive whole number of seconds, or -1 for never")]
    BadTtl(String),
}

/// How long an item says that it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemTtl {
    /// `"ttl": -1`
    Never,
    /// `"ttl": 60`
    Seconds(u64),
}

/// An item that came in.
#[derive(Debug)]
pub(super) struct SentItem {
    pub(super) id: String,
    pub(super) key: PartitionKeyValue,
    pub(super) ttl: Option<ItemTtl>,
    /// The members without the system properties and without the last brace.
    members: Bytes,
}

/// What the service writes into an item.
#[derive(Debug)]
pub(super) struct SystemProperties<'a> {
    pub(super) rid: &'a str,
    pub(super) container_link: &'a str,
    pub(super) etag: &'a Etag,
    pub(super) seconds: u64,
}

/// The tag of one version of an item, with its quotation marks: `"0000002a-0000-0001-0000-6ab1f0c00000"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Etag(String);

impl Etag {
    /// LSNs are unique within a range, so this is unique within a container; the time tells apart two lives of the
    /// endpoint.
    pub(super) fn of(range: u32, lsn: u64, seconds: u64) -> Self {
        Self(format!("\"{lsn:08x}-0000-{range:04x}-0000-{seconds:08x}0000\""))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an `If-Match` or `If-None-Match` header names this version. `*` names any.
    pub(super) fn is_named_by(&self, header: &str) -> bool {
        header == "*" || header.split(',').any(|one| one.trim().trim_matches('"') == self.0.trim_matches('"'))
    }
}

impl SentItem {
    /// Reads a body.
    pub(super) fn parse(body: &Bytes, path: &PartitionKeyPath) -> Result<Self, BadItem> {
        let not_an_object = |error: &dyn fmt::Display| BadItem::NotAnObject(error.to_string());
        let text = std::str::from_utf8(body).map_err(|error| not_an_object(&error))?.trim_ascii();
        let members: Members<'_> = serde_json::from_str(text).map_err(|error| not_an_object(&error))?;
        let id = id(&members)?;
        let key = key(&members, &path.0).ok_or_else(|| BadItem::BadKey(path.clone()))?;
        let ttl = members.find("ttl").map(ttl).transpose()?;
        let members = if members.0.iter().any(|(name, _)| SYSTEM.contains(&&*name.0)) {
            Bytes::from(members.without_system())
        } else {
            body.slice_ref(text.strip_suffix('}').unwrap_or(text).trim_ascii_end().as_bytes())
        };
        Ok(Self { id, key, ttl, members })
    }

    /// The item with its system properties, in a buffer of exactly its size: it may be kept for long.
    pub(super) fn stored(&self, system: &SystemProperties<'_>) -> Bytes {
        let tail = format!(
            r#","_rid":"{rid}","_self":"{link}docs/{rid}/","_etag":"\"{etag}\"","_ts":{ts},"_attachments":"attachments/"}}"#,
            rid = system.rid,
            link = system.container_link,
            etag = system.etag.as_str().trim_matches('"'),
            ts = system.seconds,
        );
        [&self.members, tail.as_bytes()].concat().into()
    }
}

/// A stored item with one more number before its last brace.
pub(super) fn with_number(item: &[u8], name: &str, number: u64) -> Vec<u8> {
    let open = item.strip_suffix(b"}").unwrap_or(item);
    [open, format!(r#","{name}":{number}}}"#).as_bytes()].concat()
}

fn id(members: &Members<'_>) -> Result<String, BadItem> {
    let id: String = members.find("id").and_then(|raw| serde_json::from_str(raw.get()).ok()).ok_or(BadItem::NoId)?;
    if id.is_empty() || id.len() > 1023 || id.contains(['/', '\\', '?', '#']) {
        return Err(BadItem::BadId(id.chars().take(40).collect()));
    }
    Ok(id)
}

fn key(members: &Members<'_>, path: &[String]) -> Option<PartitionKeyValue> {
    let (name, rest) = path.split_first()?;
    let Some(raw) = members.find(name) else { return Some(PartitionKeyValue::Undefined) };
    if rest.is_empty() {
        return PartitionKeyValue::of(&serde_json::from_str(raw.get()).ok()?).ok();
    }
    key(&serde_json::from_str(raw.get()).ok()?, rest)
}

fn ttl(raw: &RawValue) -> Result<ItemTtl, BadItem> {
    match raw.get().parse::<i64>() {
        Ok(-1) => Ok(ItemTtl::Never),
        Ok(seconds) if seconds > 0 => Ok(ItemTtl::Seconds(seconds.unsigned_abs())),
        _ => Err(BadItem::BadTtl(raw.get().chars().take(40).collect())),
    }
}

/// The members of an object, in order, with their values unread.
struct Members<'a>(Vec<(Name<'a>, &'a RawValue)>);

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl Members<'_> {
    fn find(&self, name: &str) -> Option<&RawValue> {
        // Of two members with one name the last counts, as in most JSON readers.
        self.0.iter().rev().find(|(found, _)| found.0 == name).map(|(_, value)| *value)
    }

    fn without_system(&self) -> Vec<u8> {
        let mut kept = vec![b'{'];
        for (name, value) in self.0.iter().filter(|(name, _)| !SYSTEM.contains(&&*name.0)) {
            if kept.len() > 1 {
                kept.push(b',');
            }
            kept.extend_from_slice(serde_json::Value::from(&*name.0).to_string().as_bytes());
            kept.push(b':');
            kept.extend_from_slice(value.get().as_bytes());
        }
        kept
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(16);
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn parsed(body: &str) -> Result<SentItem, BadItem> {
        let path = PartitionKeyPath::parse("/deviceId").unwrap();
        SentItem::parse(&Bytes::copy_from_slice(body.as_bytes()), &path)
    }

    fn stored(body: &str) -> String {
        let system =
            SystemProperties { rid: "R", container_link: "dbs/D/colls/C/", etag: &Etag::of(1, 42, 7), seconds: 7 };
        String::from_utf8(parsed(body).unwrap().stored(&system).to_vec()).unwrap()
    }

    #[test]
    fn system_properties_go_before_the_last_brace() {
        assert_eq!(
            stored(" {\"id\":\"a\", \"deviceId\":\"d\" } \n"),
            "{\"id\":\"a\", \"deviceId\":\"d\",\"_rid\":\"R\",\"_self\":\"dbs/D/colls/C/docs/R/\",\
             \"_etag\":\"\\\"0000002a-0000-0001-0000-000000070000\\\"\",\"_ts\":7,\"_attachments\":\"attachments/\"}"
        );
    }

    #[test]
    fn what_the_client_sends_of_them_is_dropped() {
        let twice = stored(&stored(r#"{"id":"a","deviceId":"d","x":{"_ts":1}}"#));
        let value: Value = serde_json::from_str(&twice).unwrap();
        assert_eq!(value["_ts"], 7);
        assert_eq!(value["x"], json!({"_ts": 1}), "only the top level has system properties");
        assert_eq!(twice.matches("_etag").count(), 1);
    }

    #[test]
    fn names_may_be_escaped() {
        let item = parsed(r#"{"\u0069d":"a\u0062","deviceId":"d\"7"}"#).unwrap();
        assert_eq!((item.id.as_str(), item.key), ("ab", PartitionKeyValue::Text("d\"7".into())));
    }

    #[test]
    fn the_key_may_be_nested_or_missing() {
        let path = PartitionKeyPath::parse("/device/id").unwrap();
        let of = |body: &'static str| SentItem::parse(&Bytes::from_static(body.as_bytes()), &path).map(|item| item.key);
        assert_eq!(of(r#"{"id":"a","device":{"id":7}}"#), Ok(PartitionKeyValue::Number(7.0)));
        assert_eq!(of(r#"{"id":"a"}"#), Ok(PartitionKeyValue::Undefined));
        assert_eq!(of(r#"{"id":"a","device":7}"#), Err(BadItem::BadKey(path.clone())));
        assert_eq!(PartitionKeyPath::parse("deviceId"), None);
        assert_eq!(PartitionKeyPath::parse("/"), None);
    }

    #[test]
    fn time_to_live_of_one_item() {
        assert_eq!(parsed(r#"{"id":"a","ttl":60}"#).unwrap().ttl, Some(ItemTtl::Seconds(60)));
        assert_eq!(parsed(r#"{"id":"a","ttl":-1}"#).unwrap().ttl, Some(ItemTtl::Never));
        assert!(matches!(parsed(r#"{"id":"a","ttl":0}"#), Err(BadItem::BadTtl(_))));
        assert!(matches!(parsed(r#"{"id":"a","ttl":"60"}"#), Err(BadItem::BadTtl(_))));
    }

    #[test]
    fn bad_bodies_are_named() {
        for body in ["", "[]", "7", "{", r#"{"id":"a"} x"#, "{\"id\":\"a\",}"] {
            assert!(matches!(parsed(body), Err(BadItem::NotAnObject(_))), "{body}");
        }
        assert!(SentItem::parse(&Bytes::from_static(b"\x80\x01"), &PartitionKeyPath(vec![])).is_err());
        assert!(matches!(parsed("{}"), Err(BadItem::NoId)));
        assert!(matches!(parsed(r#"{"id":7}"#), Err(BadItem::NoId)));
        assert!(matches!(parsed(r#"{"id":"a/b"}"#), Err(BadItem::BadId(_))));
        assert!(matches!(parsed(r#"{"id":"a","deviceId":[]}"#), Err(BadItem::BadKey(_))));
    }

    #[test]
    fn etags_are_compared_with_or_without_quotation_marks() {
        let etag = Etag::of(0, 1, 2);
        assert!(etag.is_named_by(etag.as_str()) && etag.is_named_by("*"));
        assert!(etag.is_named_by(etag.as_str().trim_matches('"')));
        assert!(!etag.is_named_by("\"other\""));
    }

    proptest! {
        /// Whatever an item holds comes back as it was, with the system properties beside it.
        #[test]
        fn splicing_changes_nothing_else(text in ".*", number in any::<f64>(), name in "[a-z\"\\\\é]{1,8}") {
            let mut sent = json!({"id": "a", "deviceId": "d", "text": text, "number": number});
            sent[&name] = json!([1, {"}": "{"}]);
            sent["id"] = json!("a");
            sent["deviceId"] = json!("d");
            if name == "ttl" { return Ok(()); }
            let stored: Value = serde_json::from_str(&stored(&sent.to_string())).unwrap();
            for (name, value) in sent.as_object().unwrap() {
                prop_assert_eq!(&stored[name], value);
            }
            prop_assert_eq!(&stored["_ts"], &json!(7));
        }
    }
}
