//! Who the embedded endpoints are to a client: a certificate for this machine's own names, and its key.
//!
//! Made anew at each start. Two certificates, as a public service has them: that of an authority, which is what a client
//! is told to trust, and the one that the authority signs, which is what the endpoints show. (One that signs itself would
//! do for OpenSSL, but not for rustls, which takes no certificate of a server for an authority's.) The authority's key is
//! forgotten as soon as it has signed, so nothing else can ever be signed by what a client trusts; the other key stays in
//! memory.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// The names that the certificate is good for.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Clocks may differ by so much.
const BEFORE: Duration = Duration::from_secs(24 * 3_600);

/// How long it is good: longer than any session, shorter than the 825 days past which some systems trust no certificate.
const LASTS: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Why no certificate could be made.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A key or a signature.
    #[error("no certificate could be made for TLS ({0}); please report this")]
    Certificate(#[from] rcgen::Error),
    /// What was made does not fit together.
    #[error("no certificate could be made for TLS ({0}); please report this")]
    Tls(#[from] rustls::Error),
}

/// A certificate and its key. Clones share them.
#[derive(Clone)]
pub struct Identity {
    authority: Arc<str>,
    shown: CertificateDer<'static>,
    key: Arc<PrivateKeyDer<'static>>,
}

/// The key is a secret.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl Identity {
    /// Makes one that is good from now on, for a year.
    ///
    /// # Errors
    /// If the system has no randomness for keys.
    pub fn new(now: SystemTime) -> Result<Self, IdentityError> {
        let authority_key = KeyPair::generate()?;
        let mut authority = params("streamgauge, made at start", now);
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let trusted = authority.self_signed(&authority_key)?;
        let authority = Issuer::new(authority, authority_key);

        let key = KeyPair::generate()?;
        let mut shown = params("localhost", now);
        shown.subject_alt_names = CertificateParams::new(NAMES.map(String::from))?.subject_alt_names;
        shown.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        shown.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        shown.use_authority_key_identifier_extension = true;
        let shown = shown.signed_by(&key, &authority)?;
        Ok(Self {
            authority: trusted.pem().into(),
            shown: shown.der().clone(),
            key: Arc::new(PrivateKeyDer::Pkcs8(key.serialize_der().into())),
        })
    }

    /// The authority's certificate as PEM: what a client has to trust. Public.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// How a server with this identity speaks TLS (1.2 and 1.3), and which protocols inside it, the preferred one first.
    pub(in crate::local) fn server(&self, protocols: &[&[u8]]) -> Result<Arc<ServerConfig>, IdentityError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![self.shown.clone()], self.key.clone_key())?;
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(Arc::new(config))
    }
}

/// What both certificates have.
fn params(name: &str, now: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = (now - BEFORE).into();
    params.not_after = (now + LASTS).into();
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_or_printed_is_public() {
        let identity = Identity::new(SystemTime::now()).unwrap();
        let pem = identity.authority();
        assert!(pem.starts_with("-----BEGIN CERTIFICATE-----") && pem.matches("-----BEGIN ").count() == 1, "{pem}");
        assert_eq!(format!("{identity:?}"), "Identity { .. }");
    }

    #[test]
    fn each_start_makes_its_own() {
        let (one, other) = (Identity::new(SystemTime::now()).unwrap(), Identity::new(SystemTime::now()).unwrap());
        assert_ne!(one.authority(), other.authority());
        assert_ne!(one.key.secret_der(), other.key.secret_der());
    }
}
