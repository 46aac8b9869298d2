//! Shared access signatures: the tokens that the key of a connection string signs.
//!
//! ```text
//! SharedAccessSignature sr=sb%3A%2F%2Fns%2Fhub&sig=..&se=1795348800&skn=Listen
//! ```
//!
//! `sr` is the resource, percent-encoded; `se` the second (Unix) in which the token ends; `skn` the key's name; `sig` the
//! HMAC-SHA256 of `sr`, a line feed and `se`, under the text of the key, in base64 and percent-encoded.
//! Source: learn.microsoft.com/azure/event-hubs/authenticate-shared-access-signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::Sha256;

use crate::azure::address::Secret;

/// What stays as it is in a URL's query (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The kind of such a token, as `$cbs` wants to hear it.
pub(super) const TOKEN_TYPE: &str = "servicebus.windows.net:sastoken";

/// A token for a resource, such as `sb://ns/hub`, that ends in a second of Unix time.
pub(super) fn token(resource: &str, key_name: &str, key: &Secret, ends: i64) -> Secret {
    let encoded = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
    let resource = encoded(resource);
    // A key of any length makes a signer.
    let signature = Hmac::<Sha256>::new_from_slice(key.reveal().as_bytes()).map_or_else(
        |_| String::new(),
        |mut signer| {
            signer.update(format!("{resource}\n{ends}").as_bytes());
            STANDARD.encode(signer.finalize().into_bytes())
        },
    );
    Secret::new(format!(
        "SharedAccessSignature sr={resource}&sig={}&se={ends}&skn={}",
        encoded(&signature),
        encoded(key_name)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected signature was made with Python's `hmac` and `urllib.parse.quote_plus`.
    #[test]
    fn a_token_is_what_others_make() {
        let token =
            token("sb://contoso.servicebus.windows.net/in-2", "Listen", &Secret::new("c2VjcmV0"), 1_795_348_800);
        assert_eq!(token.reveal(), EXPECTED);
    }

    const EXPECTED: &str = "SharedAccessSignature sr=sb%3A%2F%2Fcontoso.servicebus.windows.net%2Fin-2&sig=J%2FhYozuAengL%2B0VAHbQEqvbVMwAg%2B20SJsthNDg1Bk0%3D&se=1795348800&skn=Listen";
}
