//! What is wrong with the certificate that a service shows, found in what the clients say of it.
//!
//! Two libraries look at certificates here, and which file they go by is the same for both:
//!
//! | client | library | on Linux trusts | on macOS and Windows |
//! |---|---|---|---|
//! | Event Hubs (AMQP) | native-tls: OpenSSL, Secure Transport, `SChannel` | `SSL_CERT_FILE` (else the system's file), and the system's folder | the system's |
//! | Blob storage, Cosmos DB, Entra ID (HTTP) | rustls with the platform's verifier | `SSL_CERT_FILE`, else the system's | the system's |
//!
//! The clients wrap those libraries' errors, some of them as text, so that text is what is looked for.

use std::error::Error;
use std::fmt;

/// What is wrong with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateTrouble {
    /// Nobody who is trusted here vouches for it.
    Untrusted,
    /// It is somebody else's.
    OtherName,
    /// It has expired, or is not yet good.
    Dates,
}

/// What each library says, in lower case: rustls; OpenSSL with the number of its verdict (`X509_V_ERR_..`), as the AMQP
/// client passes the error on in its debug form alone; then Secure Transport and `SChannel`. The first that is found counts.
const SAID: [(&str, CertificateTrouble); 17] = [
    ("invalid peer certificate: unknownissuer", CertificateTrouble::Untrusted),
    // An authority of the same name, and another key: that of an earlier start.
    ("invalid peer certificate: badsignature", CertificateTrouble::Untrusted),
    ("invalid peer certificate: causedasendentity", CertificateTrouble::Untrusted),
    ("invalid peer certificate: certificate not valid for name", CertificateTrouble::OtherName),
    ("invalid peer certificate: certificate expired", CertificateTrouble::Dates),
    ("invalid peer certificate: certificate not valid yet", CertificateTrouble::Dates),
    ("certificate has expired", CertificateTrouble::Dates),
    ("certificate is not yet valid", CertificateTrouble::Dates),
    ("hostname mismatch", CertificateTrouble::OtherName),
    ("ip address mismatch", CertificateTrouble::OtherName),
    ("certificate verify failed", CertificateTrouble::Untrusted),
    ("the certificate was not trusted", CertificateTrouble::Untrusted),
    ("the certificate chain was issued by an authority that is not trusted", CertificateTrouble::Untrusted),
    ("a root certificate which is not trusted", CertificateTrouble::Untrusted),
    ("host name did match any of the certificate", CertificateTrouble::OtherName),
    ("cn name does not match", CertificateTrouble::OtherName),
    ("no ca certificates were loaded from the system", CertificateTrouble::Untrusted),
];

impl CertificateTrouble {
    /// What an error is about, if it is about a certificate.
    pub(super) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = Self::in_text(&error.to_string()) {
                return Some(found);
            }
            next = error.source();
        }
        None
    }

    fn in_text(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        SAID.iter().find(|(said, _)| text.contains(said)).map(|(_, trouble)| *trouble)
    }
}

/// What is wrong, and what to try: the rest of a sentence that begins with the service and its place.
impl fmt::Display for CertificateTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Untrusted if cfg!(any(windows, target_vendor = "apple")) => {
                "shows a certificate that this machine doesn't trust; add its authority's certificate to those that the \
                 system trusts"
            }
            Self::Untrusted => {
                "shows a certificate that this machine doesn't trust; have SSL_CERT_FILE name a file that holds its \
                 authority's certificate (PEM)"
            }
            Self::OtherName => {
                "shows a certificate for another name; name the host as the certificate does, or see who answers there"
            }
            Self::Dates => {
                "shows a certificate that has expired or isn't good yet; check this machine's clock, or have it renewed"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_librarys_words_are_understood() {
        use CertificateTrouble::{Dates, OtherName, Untrusted};
        let openssl = |verdict: &str| {
            format!(
                "Io(Custom {{ kind: Other, error: \"Failure(Ssl(Error {{ code: ErrorCode(1), cause: Some(Ssl(ErrorStack([\
                 Error {{ code: 167772294, library: \\\"SSL routines\\\", reason: \\\"certificate verify failed\\\" }}]))) \
                 }}, X509VerifyResult {{ code: 20, error: \\\"{verdict}\\\" }}))\" }})"
            )
        };
        for (said, expected) in [
            ("invalid peer certificate: UnknownIssuer".to_owned(), Some(Untrusted)),
            ("invalid peer certificate: BadSignature".to_owned(), Some(Untrusted)),
            (
                "invalid peer certificate: certificate not valid for name \"localhost\"; certificate is only valid for \
                 DnsName(\"contoso.com\")"
                    .to_owned(),
                Some(OtherName),
            ),
            ("invalid peer certificate: certificate expired: verification time 3".to_owned(), Some(Dates)),
            (openssl("unable to get local issuer certificate"), Some(Untrusted)),
            (openssl("self-signed certificate in certificate chain"), Some(Untrusted)),
            (openssl("IP address mismatch"), Some(OtherName)),
            (openssl("hostname mismatch"), Some(OtherName)),
            (openssl("certificate has expired"), Some(Dates)),
            ("The certificate was not trusted.".to_owned(), Some(Untrusted)),
            ("connection refused".to_owned(), None),
        ] {
            assert_eq!(CertificateTrouble::in_text(&said), expected, "{said}");
            // However deep it lies.
            let wrapped = std::io::Error::other(std::io::Error::other(said.clone()));
            assert_eq!(CertificateTrouble::of(&wrapped), expected, "{said}");
        }
    }
}
