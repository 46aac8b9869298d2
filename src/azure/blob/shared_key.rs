//! Shared Key: signs each request to Blob storage with the account's key, as the SDK itself does not.
//!
//! Source: "Authorize with Shared Key", learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key.
//! What is signed, for the versions since 2015-02-21:
//!
//! ```text
//! PUT\n                                    the method
//! \n\n\n\n\n\n\n\n\n\n\n                   encoding, language, length, MD5, type, date, 4 conditions, range
//! x-ms-date:Sun, 22 Nov 2026 10:00:00 GMT\n
//! x-ms-version:2026-02-06\n                all x-ms- headers, lower case, sorted
//! /account/container/blob\ncomp:metadata   the path, then the query, sorted
//! ```

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Request};
use azure_core::time::{OffsetDateTime, to_rfc7231};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::azure::address::Secret;

/// The standard headers that are signed, in this order.
const SIGNED_HEADERS: [&str; 11] = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

/// Signs each attempt anew, since the signature covers the time.
pub(super) struct SharedKeyPolicy {
    account: String,
    signer: Hmac<Sha256>,
}

impl fmt::Debug for SharedKeyPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedKeyPolicy").field("account", &self.account).finish_non_exhaustive()
    }
}

impl SharedKeyPolicy {
    pub(super) fn new(account: &str, key: &Secret) -> Result<Self, String> {
        let key = STANDARD.decode(key.reveal().trim()).map_err(|_| "the account key is not base64".to_owned())?;
        let signer = Hmac::new_from_slice(&key).map_err(|_| "the account key is empty".to_owned())?;
        Ok(Self { account: account.to_owned(), signer })
    }

    fn sign(&self, request: &mut Request, now: OffsetDateTime) {
        request.insert_header("x-ms-date", to_rfc7231(&now));
        let text = string_to_sign(&self.account, request);
        let mut signer = self.signer.clone();
        signer.update(text.as_bytes());
        let signature = STANDARD.encode(signer.finalize().into_bytes());
        request.insert_header("authorization", format!("SharedKey {}:{signature}", self.account));
    }
}

fn string_to_sign(account: &str, request: &Request) -> String {
    let header = |name: &str| {
        request.headers().iter().find(|(given, _)| given.as_str() == name).map(|(_, value)| value.as_str())
    };
    let mut text = request.method().to_string();
    for name in SIGNED_HEADERS {
        // A length of zero is signed as an empty line.
        text.push('\n');
        text.push_str(header(name).filter(|value| name != "content-length" || *value != "0").unwrap_or_default());
    }
    let mut own: Vec<(&str, &str)> = request
        .headers()
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-ms-"))
        .map(|(name, value)| (name.as_str(), value.as_str().trim()))
        .collect();
    own.sort_unstable();
    for (name, value) in own {
        text.extend(["\n", name, ":", value]);
    }
    text.extend(["\n/", account, request.url().path()]);
    let mut query: Vec<(String, String)> =
        request.url().query_pairs().map(|(name, value)| (name.to_lowercase(), value.into_owned())).collect();
    query.sort_unstable();
    let mut previous = None;
    for (name, value) in &query {
        if previous == Some(name) {
            text.extend([",", value]);
        } else {
            text.extend(["\n", name, ":", value]);
        }
        previous = Some(name);
    }
    text
}

impl Policy for SharedKeyPolicy {
    // Spelled out: the trait is written with `async_trait`, and this is what it makes of an `async fn`.
    fn send<'own, 'context, 'request, 'next, 'all>(
        &'own self,
        context: &'context Context<'_>,
        request: &'request mut Request,
        next: &'next [Arc<dyn Policy>],
    ) -> Pin<Box<dyn Future<Output = PolicyResult> + Send + 'all>>
    where
        'own: 'all,
        'context: 'all,
        'request: 'all,
        'next: 'all,
        Self: 'all,
    {
        Box::pin(async move {
            self.sign(request, OffsetDateTime::now_utc());
            match next {
                [following, rest @ ..] => following.send(context, request, rest).await,
                [] => Err(azure_core::Error::with_message(azure_core::error::ErrorKind::Other, "no transport follows")),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use azure_core::http::{Method, Url};

    use super::*;

    #[test]
    fn the_signed_text_follows_the_documentation() {
        let url = Url::parse("https://x.blob.core.windows.net/c?restype=container&comp=list&include=metadata").unwrap();
        let mut request = Request::new(url, Method::Get);
        request.insert_header("x-ms-version", "2026-02-06");
        request.insert_header("x-ms-date", "Sun, 22 Nov 2026 10:00:00 GMT");
        request.insert_header("content-length", "0");
        assert_eq!(
            string_to_sign("x", &request),
            "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Sun, 22 Nov 2026 10:00:00 GMT\nx-ms-version:2026-02-06\n\
             /x/c\ncomp:list\ninclude:metadata\nrestype:container"
        );
    }

    #[test]
    fn a_bad_key_is_named_and_not_shown() {
        let error = SharedKeyPolicy::new("x", &Secret::new("!!")).unwrap_err();
        assert_eq!(error, "the account key is not base64");
    }
}
