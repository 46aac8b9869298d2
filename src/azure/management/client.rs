//! Calls of the management API: each with a timeout, all with a bound; lists page by page; throttling is waited for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use azure_core::http::headers::{ACCEPT, AUTHORIZATION, Headers, RETRY_AFTER, USER_AGENT};
use azure_core::http::{AsyncRawResponse, HttpClient, Method, Request, Url, new_http_client};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::backoff::Backoff;
use super::super::credentials::{CredentialError, Entra};
use super::super::entra;
use super::super::error::{cause, root_cause};
use super::address::ManagementAddress;
use super::error::ManagementError;

/// How long and how much is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// One call.
    pub call: Duration,
    /// All calls for one question, with their waits.
    pub whole: Duration,
    /// The longest wait that a throttling service may ask for.
    pub wait: Duration,
    /// Pages of one list. A page has up to 1,000 entries, by service.
    pub pages: usize,
    /// Bytes of one page.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(20),
            whole: Duration::from_secs(120),
            wait: Duration::from_secs(30),
            pages: 100,
            bytes: 16 * 1024 * 1024,
        }
    }
}

/// A service that fails or throttles is asked so often.
const ATTEMPTS: usize = 3;
/// Lists of the same kind that are read at a time: far below what a subscription may read, 25 a second.
const AT_A_TIME: usize = 4;

/// A client of the management API.
#[derive(Clone)]
pub struct Management {
    address: ManagementAddress,
    credential: Option<Entra>,
    http: Arc<dyn HttpClient>,
    limits: Limits,
}

impl fmt::Debug for Management {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Management")
            .field("address", &self.address)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Management {
    /// A client with the credential that this machine has. Who listens without encryption on this machine is a stand-in,
    /// and gets none.
    ///
    /// # Errors
    /// [`CredentialError::Entra`] if the variables of the environment make no credential.
    pub fn connect(address: ManagementAddress) -> Result<Self, CredentialError> {
        let credential = if address.is_plaintext() { None } else { Some(entra::patient_credential()?) };
        Ok(Self::with(address, credential, Limits::default()))
    }

    /// A client with a credential and bounds of its own.
    pub fn with(address: ManagementAddress, credential: Option<Entra>, limits: Limits) -> Self {
        Self { address, credential, http: new_http_client(None), limits }
    }

    /// Where it asks.
    pub fn address(&self) -> &ManagementAddress {
        &self.address
    }

    /// Reads a list to its end.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        what: &str,
        segments: &[&str],
        api_version: &str,
    ) -> Result<Vec<T>, ManagementError> {
        let mut next = Some(self.address.url(segments, api_version));
        let mut found = Vec::new();
        for _ in 0..self.limits.pages {
            let Some(url) = next else { return Ok(found) };
            let page: Page<T> = match self.get(what, url).await {
                // A subscription that has never had such a thing does not know its kind.
                Err(ManagementError::Refused { said, .. }) if said.contains("MissingSubscriptionRegistration") => {
                    return Ok(found);
                }
                page => page?,
            };
            found.extend(page.value);
            let link = page.next_link.filter(|link| !link.is_empty());
            next = link.map(|link| self.address.next_page(&link)).transpose().map_err(|link| {
                ManagementError::Elsewhere { endpoint: self.address.shown(), what: what.to_owned(), link: cause(link) }
            })?;
        }
        if next.is_none() {
            return Ok(found);
        }
        Err(ManagementError::Endless {
            endpoint: self.address.shown(),
            what: what.to_owned(),
            pages: self.limits.pages,
        })
    }

    /// Reads one thing.
    pub(super) async fn one<T: DeserializeOwned>(
        &self,
        what: &str,
        segments: &[&str],
        api_version: &str,
    ) -> Result<T, ManagementError> {
        self.get(what, self.address.url(segments, api_version)).await
    }

    /// Holds all calls of a question to their bound.
    ///
    /// # Errors
    /// Those of the question, or [`ManagementError::Timeout`].
    pub async fn bounded<T>(
        &self,
        what: &str,
        question: impl Future<Output = Result<T, ManagementError>>,
    ) -> Result<T, ManagementError> {
        let limit = self.limits.whole;
        tokio::time::timeout(limit, question).await.unwrap_or_else(|_| Err(self.timeout(what, limit)))
    }

    async fn get<T: DeserializeOwned>(&self, what: &str, url: Url) -> Result<T, ManagementError> {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(5));
        let mut attempts = 0;
        loop {
            let answer = self.call(what, &url).await?;
            attempts += 1;
            let wait = match answer.status {
                200 => return self.understand(what, &answer.body),
                429 => {
                    let wait = answer.retry_after.unwrap_or_else(|| backoff.next_wait());
                    if wait > self.limits.wait || attempts >= ATTEMPTS {
                        return Err(ManagementError::Throttled { what: what.to_owned(), wait });
                    }
                    wait
                }
                500..=599 if attempts < ATTEMPTS => {
                    answer.retry_after.unwrap_or_else(|| backoff.next_wait()).min(self.limits.wait)
                }
                _ => return Err(self.refusal(what, &answer)),
            };
            tokio::time::sleep(wait).await;
        }
    }

    async fn call(&self, what: &str, url: &Url) -> Result<Answer, ManagementError> {
        let mut request = Request::new(url.clone(), Method::Get);
        request.insert_header(ACCEPT, "application/json");
        request.insert_header(USER_AGENT, concat!("streamgauge/", env!("CARGO_PKG_VERSION")));
        if let Some(credential) = &self.credential {
            let token = credential.get_token(&[&self.address.scope()], None).await.map_err(|error| {
                ManagementError::NoToken { endpoint: self.address.shown(), reason: root_cause(&error) }
            })?;
            request.insert_header(AUTHORIZATION, format!("Bearer {}", token.token.secret()));
        }
        let limit = self.limits.call;
        let answer = async {
            let response = self.http.execute_request(&request).await.map_err(|error| ManagementError::Connect {
                endpoint: self.address.shown(),
                reason: root_cause(&error),
            })?;
            self.whole(what, response).await
        };
        tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| Err(self.timeout(what, limit)))
    }

    /// The whole of an answer, as long as it is none of the sort that never ends.
    async fn whole(&self, what: &str, response: AsyncRawResponse) -> Result<Answer, ManagementError> {
        let (status, headers, mut stream) = response.deconstruct();
        let mut body = Vec::new();
        while let Some(part) = stream.next().await {
            let part = part.map_err(|error| self.nonsense(what, root_cause(&error)))?;
            if body.len() + part.len() > self.limits.bytes {
                return Err(self.nonsense(what, format!("it is longer than {} bytes", self.limits.bytes)));
            }
            body.extend_from_slice(&part);
        }
        Ok(Answer { status: status.into(), retry_after: retry_after(&headers), body })
    }

    fn understand<T: DeserializeOwned>(&self, what: &str, body: &[u8]) -> Result<T, ManagementError> {
        serde_json::from_slice(body).map_err(|error| self.nonsense(what, cause(error)))
    }

    fn refusal(&self, what: &str, answer: &Answer) -> ManagementError {
        let (endpoint, what) = (self.address.shown(), what.to_owned());
        let said = answer.said();
        match answer.status {
            401 => ManagementError::Unauthenticated { endpoint, what, said },
            403 => ManagementError::Forbidden { what, said },
            404 => ManagementError::NotFound { what, said },
            // A success without a list, or a way to elsewhere: a proxy's page.
            ..=399 => self.nonsense(&what, said),
            _ => ManagementError::Refused { endpoint, what, said },
        }
    }

    fn timeout(&self, what: &str, limit: Duration) -> ManagementError {
        ManagementError::Timeout { endpoint: self.address.shown(), what: what.to_owned(), limit }
    }

    fn nonsense(&self, what: &str, reason: String) -> ManagementError {
        ManagementError::Nonsense { endpoint: self.address.shown(), what: what.to_owned(), reason }
    }
}

/// Asks something of each of several things, some at a time; the answers come in their order.
pub(crate) async fn of_each<T, U, F>(
    things: impl IntoIterator<Item = T>,
    ask: impl FnMut(T) -> F,
) -> Result<Vec<U>, ManagementError>
where
    F: Future<Output = Result<U, ManagementError>>,
{
    stream::iter(things).map(ask).buffered(AT_A_TIME).try_collect().await
}

/// A page of a list.
#[derive(Deserialize)]
struct Page<T> {
    value: Vec<T>,
    #[serde(rename = "nextLink")]
    next_link: Option<String>,
}

struct Answer {
    status: u16,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl Answer {
    /// In two words, such as `403 AuthorizationFailed`: the message itself is a paragraph.
    fn said(&self) -> String {
        #[derive(Deserialize)]
        struct Body {
            error: Error,
        }
        #[derive(Deserialize)]
        struct Error {
            code: String,
        }
        match serde_json::from_slice::<Body>(&self.body) {
            Ok(body) => cause(format!("{} {}", self.status, body.error.code)),
            Err(_) => self.status.to_string(),
        }
    }
}

/// How long a service asks to wait, in whole seconds; the other form, a date, is not used by Azure Resource Manager.
fn retry_after(headers: &Headers) -> Option<Duration> {
    headers.get_optional_str(&RETRY_AFTER)?.trim().parse().ok().map(Duration::from_secs)
}
