//! Containers and blobs as they are kept.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::lease::Lease;
use super::reply::Problem;

/// Metadata by name. Names are kept in lower case, as HTTP/1.1 libraries give them.
pub(super) type Metadata = BTreeMap<String, String>;

/// The tag of one version, without quotation marks: `0x8DE2A1B2C3D4E5F`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Etag(u64);

impl Etag {
    /// Whether a header names this version: with or without quotation marks, because listings show tags without them.
    pub(super) fn is_named_by(self, header: &str) -> bool {
        header.split(',').any(|one| one.trim().trim_start_matches("W/").trim_matches('"') == self.to_string())
    }

    /// The number in it, which no other version has.
    pub(super) fn number(self) -> u64 {
        self.0
    }

    /// As headers have it.
    pub(super) fn quoted(self) -> String {
        format!("\"{self}\"")
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "0x{:X}", self.0)
    }
}

/// A blob.
#[derive(Debug, Clone)]
pub(super) struct Blob {
    pub(super) content: Bytes,
    /// `Content-Type` and its like, by header name.
    pub(super) headers: BTreeMap<&'static str, String>,
    pub(super) metadata: Metadata,
    pub(super) etag: Etag,
    pub(super) created: SystemTime,
    pub(super) modified: SystemTime,
    pub(super) lease: Lease,
}

/// A container.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) blobs: BTreeMap<String, Blob>,
    pub(super) metadata: Metadata,
    pub(super) etag: Etag,
    pub(super) modified: SystemTime,
}

/// What changes.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) containers: BTreeMap<String, Container>,
    last_etag: u64,
}

impl State {
    /// A tag that no version had before, not even in an earlier life of the endpoint: the time in units of 100 ns,
    /// counted on when that does not move.
    pub(super) fn new_etag(&mut self, now: SystemTime) -> Etag {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let ticks = u64::try_from(since.as_nanos() / 100).unwrap_or(u64::MAX / 2);
        self.last_etag = self.last_etag.saturating_add(1).max(ticks);
        Etag(self.last_etag)
    }

    pub(super) fn container(&self, name: &str) -> Result<&Container, Problem> {
        self.containers.get(name).ok_or(Problem::ContainerNotFound)
    }

    pub(super) fn container_mut(&mut self, name: &str) -> Result<&mut Container, Problem> {
        self.containers.get_mut(name).ok_or(Problem::ContainerNotFound)
    }

    pub(super) fn blob(&self, container: &str, name: &str) -> Result<&Blob, Problem> {
        self.container(container)?.blobs.get(name).ok_or(Problem::BlobNotFound)
    }

    pub(super) fn blob_mut(&mut self, container: &str, name: &str) -> Result<&mut Blob, Problem> {
        self.container_mut(container)?.blobs.get_mut(name).ok_or(Problem::BlobNotFound)
    }
}

/// Everything that the endpoint holds.
#[derive(Debug, Default)]
pub(super) struct Store(Mutex<State>);

impl Store {
    /// The store for one operation. A panic elsewhere does not make it unreadable.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn create_container(&self, name: &str, metadata: Metadata, now: SystemTime) -> Result<Etag, Problem> {
        if !may_name_a_container(name) {
            return Err(Problem::InvalidResourceName);
        }
        let mut state = self.lock();
        if state.containers.contains_key(name) {
            return Err(Problem::ContainerAlreadyExists);
        }
        let etag = state.new_etag(now);
        let container = Container { blobs: BTreeMap::new(), metadata, etag, modified: now };
        state.containers.insert(name.to_owned(), container);
        Ok(etag)
    }
}

/// 3 to 63 lower-case letters, digits and single hyphens inside, or one of the service's own such as `$logs`
/// (<https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata>).
fn may_name_a_container(name: &str) -> bool {
    let inner = name.strip_prefix('$').unwrap_or(name);
    (3..=63).contains(&name.len())
        && inner.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !inner.starts_with('-')
        && !inner.ends_with('-')
        && !inner.contains("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn container_names() {
        for good in ["azure-webjobs-eventhub", "abc", "$logs", "a1b"] {
            assert!(may_name_a_container(good), "{good}");
        }
        for bad in ["ab", "Abc", "a--b", "-abc", "abc-", "a.b", "a/b", "", &"a".repeat(64)] {
            assert!(!may_name_a_container(bad), "{bad}");
        }
    }

    #[test]
    fn tags_never_come_twice_even_when_the_clock_stands_still_or_goes_back() {
        let mut state = State::default();
        let first = state.new_etag(UNIX_EPOCH + std::time::Duration::from_secs(100));
        let second = state.new_etag(UNIX_EPOCH + std::time::Duration::from_secs(100));
        let third = state.new_etag(UNIX_EPOCH);
        assert!(first < second && second < third);
        assert!(first.is_named_by(&first.quoted()) && first.is_named_by(&first.to_string()));
        assert!(!first.is_named_by("*"));
    }
}
