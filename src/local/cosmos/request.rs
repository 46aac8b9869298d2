//! What a request asks for: its path taken apart, and the headers that change its meaning.

use std::time::SystemTime;

use bytes::Bytes;
use hyper::Request;
use hyper::header::{CONTENT_TYPE, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::epk::{EffectivePartitionKey, KeyRange, NotAKey, PartitionKeyValue};
use crate::local::http;

/// A request with its path taken apart.
#[derive(Debug)]
pub(super) struct Asked {
    request: Request<Bytes>,
    path: Vec<String>,
}

/// A partition key header that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadKeyHeader {
    #[error("x-ms-documentdb-partitionkey is not a JSON array with one value, such as [\"device-7\"]")]
    NotOneValue,
    #[error(transparent)]
    NotAKey(#[from] NotAKey),
}

impl Asked {
    pub(super) fn new(request: Request<Bytes>) -> Self {
        let segments = request.uri().path().split('/').filter(|segment| !segment.is_empty());
        let path = segments.map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned()).collect();
        Self { request, path }
    }

    pub(super) fn request(&self) -> &Request<Bytes> {
        &self.request
    }

    pub(super) fn body(&self) -> &Bytes {
        self.request.body()
    }

    /// The path's parts, decoded: `["dbs", "d", "colls", "c", "docs"]`.
    pub(super) fn path(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.request.headers().get(name)?.to_str().ok()
    }

    fn says(&self, name: &str) -> bool {
        self.header(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub(super) fn if_match(&self) -> Option<&str> {
        self.request.headers().get(IF_MATCH)?.to_str().ok()
    }

    pub(super) fn if_none_match(&self) -> Option<&str> {
        self.request.headers().get(IF_NONE_MATCH)?.to_str().ok()
    }

    /// The time of `If-Modified-Since`, such as `Sun, 22 Nov 2026 13:00:00 GMT`.
    pub(super) fn if_modified_since(&self) -> Option<SystemTime> {
        http::parse_date(self.request.headers().get(IF_MODIFIED_SINCE)?.to_str().ok()?)
    }

    pub(super) fn is_upsert(&self) -> bool {
        self.says("x-ms-documentdb-is-upsert")
    }

    pub(super) fn is_query(&self) -> bool {
        let content_type = self.request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        self.says("x-ms-documentdb-isquery") || content_type.is_some_and(|value| value.starts_with("application/query"))
    }

    pub(super) fn is_query_plan(&self) -> bool {
        self.says("x-ms-cosmos-is-query-plan-request")
    }

    pub(super) fn is_batch(&self) -> bool {
        self.says("x-ms-cosmos-is-batch-request")
    }

    /// `Prefer: return=minimal`: the client does not want its own item back.
    pub(super) fn wants_no_body(&self) -> bool {
        self.header("prefer").is_some_and(|value| value.contains("return=minimal"))
            || self
                .header("x-ms-cosmos-populate-content-response-on-write")
                .is_some_and(|value| value.eq_ignore_ascii_case("false"))
    }

    /// The change feed's name for itself, `Incremental feed`, in any case.
    pub(super) fn change_feed(&self) -> Option<&str> {
        self.header("a-im")
    }

    /// Newer clients ask for each item in an envelope, with its metadata beside it.
    pub(super) fn wants_envelopes(&self) -> bool {
        self.header("x-ms-cosmos-changefeed-wire-format-version").is_some()
    }

    pub(super) fn range_id(&self) -> Option<&str> {
        self.header("x-ms-documentdb-partitionkeyrangeid")
    }

    pub(super) fn continuation(&self) -> Option<&str> {
        self.header("x-ms-continuation")
    }

    pub(super) fn throughput(&self) -> Option<u32> {
        self.header("x-ms-offer-throughput")?.parse().ok()
    }

    /// The page size that the client wants; -1 and nonsense leave it to us.
    pub(super) fn max_item_count(&self) -> Option<usize> {
        self.header("x-ms-max-item-count")?.parse().ok().filter(|count| *count > 0)
    }

    /// The part of the key space that the client narrows the request to.
    pub(super) fn key_range(&self) -> Option<KeyRange> {
        let (min, max) = (self.header("x-ms-start-epk"), self.header("x-ms-end-epk"));
        if min.is_none() && max.is_none() {
            return None;
        }
        Some(KeyRange {
            min: EffectivePartitionKey::from_hex(min.unwrap_or_default())?,
            max: EffectivePartitionKey::from_hex(max.unwrap_or("FF"))?,
        })
    }

    /// The partition key that the header names, if it names one.
    pub(super) fn partition_key(&self) -> Result<Option<EffectivePartitionKey>, BadKeyHeader> {
        let Some(header) = self.header("x-ms-documentdb-partitionkey") else { return Ok(None) };
        match serde_json::from_str::<Vec<Value>>(header).as_deref() {
            Ok([]) => Ok(None),
            Ok([value]) => Ok(Some(EffectivePartitionKey::of(&PartitionKeyValue::of(value)?))),
            _ => Err(BadKeyHeader::NotOneValue),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn asked(headers: &[(&str, &str)]) -> Asked {
        let mut request = Request::builder().uri("/dbs/my%20db/colls/c%2Fd/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Asked::new(request.body(Bytes::new()).unwrap())
    }

    #[test]
    fn paths_are_decoded_after_they_are_cut() {
        assert_eq!(asked(&[]).path(), ["dbs", "my db", "colls", "c/d"]);
    }

    #[test]
    fn the_key_header_is_a_json_array() {
        let key = |text: &str| asked(&[("x-ms-documentdb-partitionkey", text)]).partition_key();
        let expected = EffectivePartitionKey::of(&PartitionKeyValue::Text("é".into()));
        assert_eq!(key("[\"\\u00e9\"]"), Ok(Some(expected)));
        assert_eq!(key("[]"), Ok(None));
        assert_eq!(key("[{}]"), Ok(Some(EffectivePartitionKey::of(&PartitionKeyValue::Undefined))));
        assert_eq!(key("[1,2]"), Err(BadKeyHeader::NotOneValue));
        assert_eq!(key("d"), Err(BadKeyHeader::NotOneValue));
        assert_eq!(key("[[1]]"), Err(BadKeyHeader::NotAKey(NotAKey)));
    }

    #[test]
    fn times_are_http_dates() {
        let since = asked(&[("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT")]).if_modified_since();
        assert_eq!(since, Some(UNIX_EPOCH + Duration::from_secs(784_111_777)));
        assert_eq!(asked(&[("if-modified-since", "yesterday")]).if_modified_since(), None);
    }

    #[test]
    fn page_sizes() {
        for (text, expected) in [("10", Some(10)), ("-1", None), ("0", None), ("many", None)] {
            assert_eq!(asked(&[("x-ms-max-item-count", text)]).max_item_count(), expected);
        }
    }
}
