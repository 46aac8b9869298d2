//! What an SDK's error is about, where a person can help it: the credential, the certificate, a name. The SDKs of the three
//! services wrap one another's errors, each in its own way: the first in the chain that says something counts.

use std::error::Error;

use azure_core::error::ErrorKind;
use azure_core_amqp::AmqpError;
use azure_core_amqp::error::{AmqpErrorCondition, AmqpErrorKind};
use azure_data_cosmos::CosmosError;

use super::{AzureError, Purpose, Service, cause, root_cause};
use crate::azure::certificate::CertificateTrouble;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No token could be had.
    NoToken,
    /// The credential is not known, or has no right.
    NotLetIn,
    /// What is named is not there.
    NotThere,
    Certificate(CertificateTrouble),
}

impl Trouble {
    /// The credential goes first: where no token could be had, a certificate in the error is that of Entra ID, and not
    /// of the service.
    pub(super) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = Self::said_by(error) {
                return Some(found);
            }
            next = error.source();
        }
        CertificateTrouble::of(error).map(Self::Certificate)
    }

    /// What one error of the chain says.
    fn said_by(error: &(dyn Error + 'static)) -> Option<Self> {
        if let Some(error) = error.downcast_ref::<azure_core::Error>() {
            match error.kind() {
                ErrorKind::Credential => Some(Self::NoToken),
                _ => error.http_status().and_then(|status| Self::of_status(status.into())),
            }
        } else if let Some(error) = error.downcast_ref::<CosmosError>() {
            Self::of_cosmos(error)
        } else if let Some(error) = error.downcast_ref::<AmqpError>() {
            Self::of_amqp(error)
        } else {
            None
        }
    }

    const fn of_status(status: u16) -> Option<Self> {
        match status {
            401 | 403 => Some(Self::NotLetIn),
            404 => Some(Self::NotThere),
            _ => None,
        }
    }

    fn of_cosmos(error: &CosmosError) -> Option<Self> {
        /// The SDK makes a 401 of its own where it could get no token: nobody was asked.
        const NO_TOKEN: u16 = 20_402;
        /// The container, or the database that it is in.
        const OWNER_NOT_FOUND: u16 = 1_003;
        let code = error.status().sub_status().map(|code| code.value());
        if code == Some(NO_TOKEN) && !error.is_from_wire() {
            return Some(Self::NoToken);
        }
        // Other 404s are not about names, such as that of a session that a replica has not caught up with.
        let is_about_a_name = matches!(code, None | Some(0 | OWNER_NOT_FOUND));
        Self::of_status(error.status().status_code().into()).filter(|found| *found != Self::NotThere || is_about_a_name)
    }

    fn of_amqp(error: &AmqpError) -> Option<Self> {
        match error.kind() {
            AmqpErrorKind::ManagementStatusCode(status, _) => Self::of_status((*status).into()),
            AmqpErrorKind::AmqpDescribedError(described) => match described.condition {
                AmqpErrorCondition::UnauthorizedAccess => Some(Self::NotLetIn),
                AmqpErrorCondition::NotFound => Some(Self::NotThere),
                _ => None,
            },
            AmqpErrorKind::AzureCore(error) => matches!(error.kind(), ErrorKind::Credential).then_some(Self::NoToken),
            _ => None,
        }
    }

    /// In a sentence.
    pub(super) fn told(self, service: Service, address: String, error: &(dyn Error + 'static)) -> AzureError {
        let reason = http_trouble(error).unwrap_or_else(|| root_cause(error));
        match self {
            // What the SDKs wrap around it says that there is no token, as the sentence does.
            Self::NoToken => AzureError::NoToken { service, address, reason: innermost(error) },
            Self::NotLetIn => AzureError::Forbidden { service, address, purpose: Purpose::Read, reason },
            Self::NotThere => AzureError::NotFound { service, address, reason },
            Self::Certificate(trouble) => AzureError::Certificate { service, address, trouble },
        }
    }
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    cause(innermost)
}

/// What an answer over HTTP says in two words, such as `403 AuthenticationFailed`. The whole of it is a page of XML.
fn http_trouble(error: &(dyn Error + 'static)) -> Option<String> {
    let error = error.downcast_ref::<azure_core::Error>()?;
    let ErrorKind::HttpResponse { status, error_code, .. } = error.kind() else { return None };
    let status = u16::from(*status);
    Some(error_code.as_ref().map_or_else(|| status.to_string(), |code| format!("{status} {code}")))
}
