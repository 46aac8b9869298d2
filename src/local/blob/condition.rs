//! Conditional requests: `If-Match` and its like.
//!
//! Source:
//! <https://learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations>.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::reply::Problem;
use super::request::Asked;
use super::store::Blob;

/// What a request demands of the blob as it stands.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Conditions<'a> {
    /// `If-Match`
    pub(super) matching: Option<&'a str>,
    /// `If-None-Match`
    pub(super) none_match: Option<&'a str>,
    /// `If-Modified-Since`
    pub(super) modified_since: Option<SystemTime>,
    /// `If-Unmodified-Since`
    pub(super) unmodified_since: Option<SystemTime>,
}

impl<'a> Conditions<'a> {
    pub(super) fn of(asked: &'a Asked) -> Self {
        Self {
            matching: asked.header("if-match"),
            none_match: asked.header("if-none-match"),
            modified_since: asked.time("if-modified-since"),
            unmodified_since: asked.time("if-unmodified-since"),
        }
    }

    /// For reads: a blob that has not changed is 304, not an error.
    pub(super) fn check_read(&self, blob: &Blob) -> Result<(), Problem> {
        self.check_kept(blob)?;
        if self.is_unwanted(blob) { Err(Problem::NotModified) } else { Ok(()) }
    }

    /// For changes to a blob that is there.
    pub(super) fn check_change(&self, blob: &Blob) -> Result<(), Problem> {
        self.check_kept(blob)?;
        if self.is_unwanted(blob) { Err(Problem::ConditionNotMet) } else { Ok(()) }
    }

    /// For writing a whole blob, which may be new.
    pub(super) fn check_put(&self, blob: Option<&Blob>) -> Result<(), Problem> {
        match blob {
            None if self.matching.is_some() => Err(Problem::ConditionNotMet),
            None => Ok(()),
            Some(_) if self.none_match == Some("*") => Err(Problem::BlobAlreadyExists),
            Some(blob) => self.check_change(blob),
        }
    }

    fn check_kept(&self, blob: &Blob) -> Result<(), Problem> {
        let other = self.matching.is_some_and(|named| named != "*" && !blob.etag.is_named_by(named));
        let later = self.unmodified_since.is_some_and(|since| seconds(blob.modified) > since);
        if other || later { Err(Problem::ConditionNotMet) } else { Ok(()) }
    }

    fn is_unwanted(&self, blob: &Blob) -> bool {
        self.none_match.is_some_and(|named| named == "*" || blob.etag.is_named_by(named))
            || self.modified_since.is_some_and(|since| seconds(blob.modified) <= since)
    }
}

/// Headers have whole seconds: a blob of 12:00:00.7 was not modified after 12:00:00.
fn seconds(time: SystemTime) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::blob::lease::Lease;
    use crate::local::blob::store::State;

    fn blob() -> Blob {
        let now = UNIX_EPOCH + Duration::from_millis(1_000_700);
        Blob {
            content: bytes::Bytes::new(),
            headers: std::collections::BTreeMap::new(),
            metadata: std::collections::BTreeMap::new(),
            etag: State::default().new_etag(now),
            created: now,
            modified: now,
            lease: Lease::default(),
        }
    }

    #[test]
    fn each_header_by_itself() {
        let blob = blob();
        let tag = blob.etag.quoted();
        let at = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
        let none = Conditions::default();
        for (conditions, read, change, put) in [
            (Conditions::default(), None, None, None),
            (Conditions { matching: Some(&tag), ..Conditions::default() }, None, None, None),
            (Conditions { matching: Some("*"), ..Conditions::default() }, None, None, None),
            (
                Conditions { matching: Some("\"other\""), ..Conditions::default() },
                Some(Problem::ConditionNotMet),
                Some(Problem::ConditionNotMet),
                Some(Problem::ConditionNotMet),
            ),
            (
                Conditions { none_match: Some(&tag), ..Conditions::default() },
                Some(Problem::NotModified),
                Some(Problem::ConditionNotMet),
                Some(Problem::ConditionNotMet),
            ),
            (
                Conditions { none_match: Some("*"), ..Conditions::default() },
                Some(Problem::NotModified),
                Some(Problem::ConditionNotMet),
                Some(Problem::BlobAlreadyExists),
            ),
            (
                Conditions { modified_since: at(1000), ..Conditions::default() },
                Some(Problem::NotModified),
                Some(Problem::ConditionNotMet),
                Some(Problem::ConditionNotMet),
            ),
            (Conditions { modified_since: at(999), ..Conditions::default() }, None, None, None),
            (Conditions { unmodified_since: at(1000), ..Conditions::default() }, None, None, None),
            (
                Conditions { unmodified_since: at(999), ..Conditions::default() },
                Some(Problem::ConditionNotMet),
                Some(Problem::ConditionNotMet),
                Some(Problem::ConditionNotMet),
            ),
        ] {
            assert_eq!(conditions.check_read(&blob).err(), read, "{conditions:?}");
            assert_eq!(conditions.check_change(&blob).err(), change, "{conditions:?}");
            assert_eq!(conditions.check_put(Some(&blob)).err(), put, "{conditions:?}");
        }
        assert_eq!(none.check_put(None), Ok(()));
        let only_over = Conditions { matching: Some("*"), ..Conditions::default() };
        assert_eq!(only_over.check_put(None), Err(Problem::ConditionNotMet));
    }
}
