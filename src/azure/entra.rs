//! Entra ID: which credential this machine has.
//!
//! | what is there | credential |
//! |---|---|
//! | `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET` | a service principal |
//! | `AZURE_FEDERATED_TOKEN_FILE`, `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` | a workload identity (AKS) |
//! | else | who is logged in with the Azure CLI or Developer CLI, else the machine's managed identity |

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, Secret as SdkSecret, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_identity::{
    ClientSecretCredential, DeveloperToolsCredential, ManagedIdentityCredential, WorkloadIdentityCredential,
};
use tokio::sync::Mutex;

use super::credentials::{CredentialError, Entra};
use super::error::root_cause;

/// A source may take so long: the Azure CLI starts an interpreter, and where there is no managed identity nobody answers.
const LIMIT: Duration = Duration::from_secs(8);

/// The credential, the same for all services, so that each token is asked for once.
///
/// # Errors
/// [`CredentialError::Entra`] if the variables are there and make no credential. Whether they are right shows with the
/// first token.
pub(super) fn credential() -> Result<Entra, CredentialError> {
    static FOUND: OnceLock<Result<Entra, CredentialError>> = OnceLock::new();
    FOUND.get_or_init(|| find().map_err(|error| CredentialError::Entra(root_cause(&error)))).clone()
}

fn find() -> azure_core::Result<Entra> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (tenant, client) = (variable("AZURE_TENANT_ID"), variable("AZURE_CLIENT_ID"));
    let sources: Vec<Entra> =
        if let (Some(tenant), Some(client), Some(secret)) = (tenant, client, variable("AZURE_CLIENT_SECRET")) {
            vec![ClientSecretCredential::new(&tenant, client, SdkSecret::new(secret), None)?]
        } else if variable("AZURE_FEDERATED_TOKEN_FILE").is_some() {
            vec![WorkloadIdentityCredential::new(None)?]
        } else {
            vec![DeveloperToolsCredential::new(None)?, ManagedIdentityCredential::new(None)?]
        };
    Ok(Arc::new(Sources { sources, asking: Arc::default() }))
}

/// Asks one source after the other. The SDK has a chain for developer tools alone.
///
/// A look at a service that is given up does not end the question: the Azure CLI may take longer than a look may, and a
/// credential keeps the token that it got. Questions wait for one another, so that nobody starts the CLI twice.
struct Sources {
    sources: Vec<Entra>,
    asking: Arc<Mutex<()>>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources(..)")
    }
}

#[async_trait]
impl TokenCredential for Sources {
    async fn get_token(
        &self,
        scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let scopes: Vec<String> = scopes.iter().map(ToString::to_string).collect();
        let (sources, asking) = (self.sources.clone(), Arc::clone(&self.asking));
        let question = tokio::spawn(async move {
            let _alone = asking.lock().await;
            let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
            let mut said = Vec::new();
            for source in &sources {
                match tokio::time::timeout(LIMIT, source.get_token(&scopes, None)).await {
                    Ok(Ok(token)) => return Ok(token),
                    Ok(Err(error)) => said.push(root_cause(&error)),
                    Err(_) => said.push(format!("no answer within {} s", LIMIT.as_secs())),
                }
            }
            Err(failure(said.join("; ")))
        });
        question.await.unwrap_or_else(|_| Err(failure("it was given up".into())))
    }
}

fn failure(said: String) -> azure_core::Error {
    azure_core::Error::with_message(ErrorKind::Credential, said)
}
