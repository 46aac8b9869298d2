//! The node `$cbs`, where a client leaves a token for each entity it wants to use.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use percent_encoding::percent_decode_str;
use sha2::Sha256;

use super::codec::condition;
use super::codec::message::Request;
use super::codec::types::Value;
use super::hub::Hub;
use super::link::request::Answer;
use crate::azure::Secret;
use crate::azure::eventhubs::Claim;

/// A key of a shared access policy.
#[derive(Debug, Clone)]
pub struct SharedKey {
    /// The policy's name.
    pub name: String,
    /// The key.
    pub key: Secret,
    /// What it allows.
    pub claims: Vec<Claim>,
}

/// Takes any token, unless the hub has a key: whoever reaches the loopback address may use the endpoint.
pub(crate) fn answer(request: &Request, hub: &Hub, forbidden: bool) -> Answer {
    match request.text("operation") {
        Some("put-token") => {}
        other => {
            return Answer::failure(
                400,
                condition::NOT_IMPLEMENTED,
                format!("operation '{}' is not known: $cbs takes 'put-token'", other.unwrap_or("")),
            );
        }
    }
    let signed = hub.key.as_ref().is_none_or(|key| {
        request.text("type") == Some("servicebus.windows.net:sastoken")
            && request.text.as_ref().is_some_and(|token| key.signed(token, &hub.name, SystemTime::now()))
    });
    if forbidden || !signed {
        return refusal();
    }
    // Clients compare with 202 exactly, as the service answers.
    Answer { status: 202, description: "Accepted".to_owned(), error_condition: None, body: Value::Null }
}

/// The answer to a credential that has no right to what it is for.
pub(crate) fn refusal() -> Answer {
    Answer::failure(401, condition::UNAUTHORIZED_ACCESS, "InvalidSignature: The token has an invalid signature.")
}

impl SharedKey {
    /// Whether this key signed a token for the hub that still holds. What is signed stands at the token's making, in
    /// [`crate::azure::eventhubs`].
    fn signed(&self, token: &str, hub: &str, now: SystemTime) -> bool {
        let Some(fields) = token.strip_prefix("SharedAccessSignature ") else { return false };
        let field =
            |name: &str| fields.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
        let raw = |name| field(name).map(|(_, value)| value).unwrap_or_default();
        let decoded = |name| percent_decode_str(raw(name)).decode_utf8_lossy().into_owned();
        let holds = raw("se")
            .parse::<u64>()
            .is_ok_and(|ends| now.duration_since(UNIX_EPOCH).is_ok_and(|now| ends > now.as_secs()));
        let path = decoded("sr").split_once("://").map(|(_, rest)| rest.to_owned()).unwrap_or_default();
        let is_ours = path.split('/').nth(1).is_none_or(|entity| entity.is_empty() || entity.eq_ignore_ascii_case(hub));
        let Ok(mut signer) = Hmac::<Sha256>::new_from_slice(self.key.reveal().as_bytes()) else { return false };
        signer.update(format!("{}\n{}", raw("sr"), raw("se")).as_bytes());
        let signature = STANDARD.decode(decoded("sig")).unwrap_or_default();
        holds && is_ours && decoded("skn") == self.name && signer.verify_slice(&signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Made with Python's `hmac` and `urllib.parse.quote_plus`.
    const TOKEN: &str = "SharedAccessSignature sr=sb%3A%2F%2Fcontoso.servicebus.windows.net%2Fin-2&sig=J%2FhYozuAengL%2B0VAHbQEqvbVMwAg%2B20SJsthNDg1Bk0%3D&se=1795348800&skn=Listen";

    #[test]
    fn a_token_holds_for_its_hub_its_time_and_its_key() {
        let key = |name: &str, key: &str| SharedKey { name: name.into(), key: Secret::new(key), claims: Vec::new() };
        let before = UNIX_EPOCH + Duration::from_secs(1_795_348_799);
        let after = UNIX_EPOCH + Duration::from_secs(1_795_348_800);
        let listen = key("Listen", "c2VjcmV0");
        assert!(listen.signed(TOKEN, "in-2", before));
        assert!(!listen.signed(TOKEN, "in-2", after), "it has ended");
        assert!(!listen.signed(TOKEN, "in-4", before), "it is for another hub");
        assert!(!listen.signed(&TOKEN.replace("1795348800", "1995348800"), "in-2", before), "it was changed");
        assert!(!key("Send", "c2VjcmV0").signed(TOKEN, "in-2", before), "the policy is another");
        assert!(!key("Listen", "b3RoZXI=").signed(TOKEN, "in-2", before), "the key is another");
        assert!(!listen.signed("none", "in-2", before));
    }
}
