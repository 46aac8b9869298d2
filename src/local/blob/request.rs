//! What a request asks for: account, container and blob of its path, its query, its headers.

use std::collections::BTreeMap;
use std::time::SystemTime;

use bytes::Bytes;
use hyper::Request;
use percent_encoding::percent_decode_str;

use super::lease::LeaseId;
use super::reply::Problem;
use super::store::Metadata;
use crate::local::http;

/// A request taken apart.
#[derive(Debug)]
pub(super) struct Asked {
    request: Request<Bytes>,
    query: BTreeMap<String, String>,
}

/// What a path names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    Account,
    Container(String),
    Blob(String, String),
}

impl Target {
    /// Takes a path apart. The blob's name may hold slashes, bare or as `%2F`:
    ///
    /// ```text
    /// /devstoreaccount1/checkpoints/ns%2Fhub/$Default/checkpoint/0  ->  checkpoints, "ns/hub/$Default/checkpoint/0"
    /// ```
    pub(super) fn parse(path: &str, account: &str) -> Result<Self, Problem> {
        let decoded =
            |part: &str| percent_decode_str(part).decode_utf8().map(String::from).map_err(|_| Problem::InvalidUri);
        let mut parts = path.strip_prefix('/').unwrap_or(path).splitn(3, '/');
        if parts.next() != Some(account) {
            return Err(Problem::InvalidUri);
        }
        match (parts.next().unwrap_or_default(), parts.next().unwrap_or_default()) {
            ("", "") => Ok(Self::Account),
            ("", _) => Err(Problem::InvalidUri),
            (container, "") => decoded(container).map(Self::Container),
            (container, blob) => {
                let blob = decoded(blob)?;
                if blob.chars().count() > 1024 {
                    Err(Problem::InvalidUri)
                } else {
                    Ok(Self::Blob(decoded(container)?, blob))
                }
            }
        }
    }
}

impl Asked {
    pub(super) fn new(request: Request<Bytes>) -> Self {
        let pairs = request.uri().query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let query = pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                // In a query, and only there, a plus sign is a space.
                let value = value.replace('+', " ");
                (name.to_ascii_lowercase(), percent_decode_str(&value).decode_utf8_lossy().into_owned())
            })
            .collect();
        Self { request, query }
    }

    pub(super) fn request(&self) -> &Request<Bytes> {
        &self.request
    }

    pub(super) fn body(&self) -> &Bytes {
        self.request.body()
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// `comp`, which says what kind of operation it is.
    pub(super) fn component(&self) -> &str {
        self.query("comp").unwrap_or_default()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.request.headers().get(name)?.to_str().ok()
    }

    /// The time in a header, such as `Sun, 22 Nov 2026 13:00:00 GMT`.
    pub(super) fn time(&self, name: &str) -> Option<SystemTime> {
        http::parse_date(self.header(name)?)
    }

    /// The lease that the client says it has.
    pub(super) fn lease_id(&self) -> Result<Option<LeaseId>, Problem> {
        self.header("x-ms-lease-id").map(|text| LeaseId::parse(text).ok_or(Problem::InvalidHeaderValue)).transpose()
    }

    /// The metadata that the headers set. Names become element names in listings, so the service allows identifiers
    /// only; a value that is no text would come back changed.
    pub(super) fn metadata(&self) -> Result<Metadata, Problem> {
        let headers = self.request.headers().iter();
        let named = headers.filter_map(|(name, value)| Some((name.as_str().strip_prefix("x-ms-meta-")?, value)));
        named
            .map(|(name, value)| {
                let identifier = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                    && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
                match value.to_str() {
                    Ok(value) if identifier => Ok((name.to_owned(), value.to_owned())),
                    _ => Err(Problem::InvalidMetadata),
                }
            })
            .collect()
    }

    /// The part of a blob that is wanted, as first and last byte: `bytes=0-99`, or `bytes=100-` to the end.
    pub(super) fn range(&self) -> Result<Option<(usize, usize)>, Problem> {
        let Some(text) = self.header("x-ms-range").or_else(|| self.header("range")) else { return Ok(None) };
        let parsed = || {
            let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
            let last = if last.is_empty() { usize::MAX } else { last.parse().ok()? };
            Some((first.parse().ok()?, last))
        };
        parsed().filter(|(first, last)| first <= last).map(Some).ok_or(Problem::InvalidHeaderValue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &str) -> Result<Target, Problem> {
        Target::parse(path, "acc")
    }

    #[test]
    fn paths() {
        let blob = |name: &str| Ok(Target::Blob("c".into(), name.into()));
        assert_eq!(target("/acc"), Ok(Target::Account));
        assert_eq!(target("/acc/"), Ok(Target::Account));
        assert_eq!(target("/acc/c"), Ok(Target::Container("c".into())));
        assert_eq!(target("/acc/c/"), Ok(Target::Container("c".into())));
        assert_eq!(target("/acc/c/a/b"), blob("a/b"));
        assert_eq!(target("/acc/c/a%2Fb"), blob("a/b"));
        assert_eq!(target("/acc/c/%24Default/a%20b+c%25"), blob("$Default/a b+c%"));
        for bad in ["/", "/other/c", "/acc//b", "/acc/c/%FF", &format!("/acc/c/{}", "x".repeat(1025))] {
            assert_eq!(target(bad), Err(Problem::InvalidUri), "{bad}");
        }
    }

    fn asked(uri: &str, headers: &[(&str, &str)]) -> Asked {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Asked::new(request.body(Bytes::new()).unwrap())
    }

    #[test]
    fn queries_are_decoded() {
        let asked = asked("/acc/c?restype=container&COMP=list&prefix=a%2Fb%20c+d&sig=x%3D%3D&empty", &[]);
        assert_eq!((asked.component(), asked.query("prefix")), ("list", Some("a/b c d")));
        assert_eq!(asked.query("empty"), Some(""));
    }

    #[test]
    fn ranges() {
        let range = |text: &str| asked("/", &[("x-ms-range", text)]).range();
        assert_eq!(range("bytes=0-99"), Ok(Some((0, 99))));
        assert_eq!(range("bytes=100-"), Ok(Some((100, usize::MAX))));
        for bad in ["bytes=9-1", "0-9", "bytes=-5", "bytes=a-b"] {
            assert_eq!(range(bad), Err(Problem::InvalidHeaderValue), "{bad}");
        }
        assert_eq!(asked("/", &[]).range(), Ok(None));
    }

    #[test]
    fn metadata_comes_from_headers() {
        let metadata = |name, value| asked("/", &[(name, value), ("x-ms-meta-sequencenumber", "")]).metadata();
        let expected =
            [("offset", "12"), ("sequencenumber", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(metadata("x-ms-meta-Offset", "12"), Ok(Metadata::from(expected)));
        for (name, value) in
            [("x-ms-meta-", "x"), ("x-ms-meta-a-b", "x"), ("x-ms-meta-1a", "x"), ("x-ms-meta-a", "\u{e9}")]
        {
            assert_eq!(metadata(name, value), Err(Problem::InvalidMetadata), "{name}");
        }
    }
}
