//! Listing the blobs of a container: by prefix, folded at a delimiter, in pages.
//!
//! ```text
//! blobs      ns/hub/g/checkpoint/0   ns/hub/g/checkpoint/1   ns/hub/g/ownership/0   readme
//! prefix     ns/hub/g/      delimiter /
//! entries    BlobPrefix ns/hub/g/checkpoint/     BlobPrefix ns/hub/g/ownership/
//! ```
//!
//! A page's `NextMarker` stands for the first entry of the next page. Blobs that come or go between two pages show or
//! not, as their names lie behind the marker or before it; no other blob is lost or comes twice.
//!
//! Source: <https://learn.microsoft.com/rest/api/storageservices/list-blobs>.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::StatusCode;

use super::reply::{Answer, Problem};
use super::request::Asked;
use super::store::{Blob, Store};
use super::xml::Xml;
use crate::local::http;

/// The most entries that one page has.
const LARGEST_PAGE: usize = 5000;

/// Something in a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry<'a, T> {
    Blob(&'a str, &'a T),
    /// All blobs whose names begin so.
    Prefix(&'a str),
}

impl<T> Entry<'_, T> {
    fn name(&self) -> &str {
        match self {
            Self::Blob(name, _) | Self::Prefix(name) => name,
        }
    }
}

/// A page, and the name with which the next one begins.
struct Page<'a, T> {
    entries: Vec<Entry<'a, T>>,
    next: Option<String>,
}

fn page<'a, T>(blobs: &'a BTreeMap<String, T>, prefix: &str, delimiter: &str, from: &str, most: usize) -> Page<'a, T> {
    let mut entries: Vec<Entry<'a, T>> = Vec::new();
    let mut begin = Bound::Included(from.max(prefix).to_owned());
    loop {
        let found = blobs.range::<str, _>((begin.as_ref().map(String::as_str), Bound::Unbounded)).next();
        let Some((name, blob)) = found.filter(|(name, _)| name.starts_with(prefix)) else {
            return Page { entries, next: None };
        };
        let folded = (!delimiter.is_empty()).then(|| name[prefix.len()..].find(delimiter)).flatten();
        let entry = match folded {
            Some(at) => Entry::Prefix(&name[..prefix.len() + at + delimiter.len()]),
            None => Entry::Blob(name, blob),
        };
        if entries.len() == most {
            return Page { entries, next: Some(entry.name().to_owned()) };
        }
        begin = match entry {
            Entry::Blob(name, _) => Bound::Excluded(name.to_owned()),
            // Past everything that begins so, without looking at it.
            Entry::Prefix(name) => match after_all_that_begin_with(name) {
                Some(after) => Bound::Included(after),
                None => return Page { entries: with(entries, entry), next: None },
            },
        };
        entries.push(entry);
    }
}

fn with<T>(mut entries: Vec<T>, entry: T) -> Vec<T> {
    entries.push(entry);
    entries
}

/// The lowest name above all that begin with this one: the last character that can grow by one does so, and what is
/// behind it falls away. `a/` gives `a0`.
fn after_all_that_begin_with(name: &str) -> Option<String> {
    let mut characters: Vec<char> = name.chars().collect();
    while let Some(last) = characters.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

pub(super) fn list(
    store: &Store,
    asked: &Asked,
    endpoint: &str,
    container: &str,
    now: SystemTime,
) -> Result<Answer, Problem> {
    let prefix = asked.query("prefix").unwrap_or_default();
    let delimiter = asked.query("delimiter").unwrap_or_default();
    let marker = asked.query("marker").unwrap_or_default();
    let from = URL_SAFE_NO_PAD.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let from = from.ok_or(Problem::InvalidQueryParameterValue)?;
    let most = match asked.query("maxresults").map(str::parse) {
        None => LARGEST_PAGE,
        Some(Ok(0)) => return Err(Problem::OutOfRangeQueryParameterValue),
        Some(Ok(most)) => LARGEST_PAGE.min(most),
        Some(Err(_)) => return Err(Problem::InvalidQueryParameterValue),
    };
    let include_metadata = asked.query("include").is_some_and(|kinds| kinds.split(',').any(|kind| kind == "metadata"));

    let state = store.lock();
    let page = page(&state.container(container)?.blobs, prefix, delimiter, &from, most);
    let mut xml = Xml::new();
    xml.open("EnumerationResults", &[("ServiceEndpoint", endpoint), ("ContainerName", container)]);
    for (element, value) in [("Prefix", prefix), ("Marker", marker), ("Delimiter", delimiter)] {
        if !value.is_empty() {
            xml.text(element, value);
        }
    }
    xml.text("MaxResults", &most.to_string()).open("Blobs", &[]);
    for entry in &page.entries {
        match entry {
            Entry::Prefix(name) => xml.open("BlobPrefix", &[]).name(name).close("BlobPrefix"),
            Entry::Blob(name, blob) => describe(&mut xml, name, blob, include_metadata, now),
        };
    }
    xml.close("Blobs").text("NextMarker", &page.next.map_or(String::new(), |name| URL_SAFE_NO_PAD.encode(name)));
    xml.close("EnumerationResults");
    Ok(Answer::xml(StatusCode::OK, xml))
}

fn describe<'x>(xml: &'x mut Xml, name: &str, blob: &Blob, include_metadata: bool, now: SystemTime) -> &'x mut Xml {
    let lease = blob.lease.state(now);
    xml.open("Blob", &[]).name(name).open("Properties", &[]);
    xml.text("Creation-Time", &http::date(blob.created)).text("Last-Modified", &http::date(blob.modified));
    xml.text("Etag", &blob.etag.to_string()).text("Content-Length", &blob.content.len().to_string());
    for (element, header) in [
        ("Content-Type", "content-type"),
        ("Content-Encoding", "content-encoding"),
        ("Content-Language", "content-language"),
        ("Content-MD5", "content-md5"),
        ("Cache-Control", "cache-control"),
        ("Content-Disposition", "content-disposition"),
    ] {
        if let Some(value) = blob.headers.get(header) {
            xml.text(element, value);
        }
    }
    xml.text("BlobType", "BlockBlob").text("AccessTier", "Hot").text("AccessTierInferred", "true");
    xml.text("LeaseStatus", lease.status()).text("LeaseState", lease.name());
    if let Some(duration) = lease.duration() {
        xml.text("LeaseDuration", duration);
    }
    xml.text("ServerEncrypted", "true").close("Properties");
    if include_metadata {
        xml.open("Metadata", &[]);
        for (name, value) in &blob.metadata {
            xml.text(name, value);
        }
        xml.close("Metadata");
    }
    xml.close("Blob")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn names(list: &[&str]) -> BTreeMap<String, u8> {
        list.iter().map(|name| ((*name).to_owned(), 0)).collect()
    }

    fn all_pages(blobs: &BTreeMap<String, u8>, prefix: &str, delimiter: &str, most: usize) -> Vec<String> {
        let mut found = Vec::new();
        let mut from = String::new();
        loop {
            let page = page(blobs, prefix, delimiter, &from, most);
            assert!(page.entries.len() <= most);
            found.extend(page.entries.iter().map(|entry| entry.name().to_owned()));
            match page.next {
                Some(next) => from = next,
                None => return found,
            }
        }
    }

    #[test]
    fn folders_are_folded_at_the_delimiter() {
        let blobs = names(&["ns/h/checkpoint/0", "ns/h/checkpoint/1", "ns/h/ownership/0", "readme", "ns/h"]);
        assert_eq!(all_pages(&blobs, "ns/h/", "/", 1), ["ns/h/checkpoint/", "ns/h/ownership/"]);
        assert_eq!(all_pages(&blobs, "", "/", 10), ["ns/", "readme"]);
        assert_eq!(all_pages(&blobs, "ns/h/c", "", 10), ["ns/h/checkpoint/0", "ns/h/checkpoint/1"]);
        assert_eq!(all_pages(&blobs, "x", "", 10), [""; 0]);
    }

    #[test]
    fn the_name_above_a_prefix() {
        assert_eq!(after_all_that_begin_with("a/").as_deref(), Some("a0"));
        assert_eq!(after_all_that_begin_with("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(after_all_that_begin_with("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(after_all_that_begin_with("\u{10FFFF}"), None);
    }

    proptest! {
        /// Pages of any size add up to the same list, which is what folding every name by itself gives.
        #[test]
        fn pages_add_up(
            list in proptest::collection::btree_set("[a/b]{1,5}", 0..30),
            prefix in "[a/b]{0,2}",
            delimiter in "/?",
            most in 1_usize..7,
        ) {
            let blobs: BTreeMap<String, u8> = list.iter().map(|name| (name.clone(), 0)).collect();
            let fold = |name: &String| match name[prefix.len()..].find(&delimiter).filter(|_| !delimiter.is_empty()) {
                Some(at) => name[..=prefix.len() + at].to_owned(),
                None => name.clone(),
            };
            let expected: BTreeSet<String> = list.iter().filter(|name| name.starts_with(&prefix)).map(fold).collect();
            prop_assert_eq!(all_pages(&blobs, &prefix, &delimiter, most), Vec::from_iter(expected));
        }
    }
}
