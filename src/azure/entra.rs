//! Entra ID: which credential this machine has.
//!
//! | what is there | credential |
//! |---|---|
//! | `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET` | a service principal |
//! | `AZURE_FEDERATED_TOKEN_FILE`, `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` | a workload identity (AKS) |
//! | else | who is logged in with the Azure CLI or Developer CLI, else the machine's managed identity |

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, Secret as SdkSecret, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::http::Url;
use azure_core::time::OffsetDateTime;
use azure_identity::{
    ClientSecretCredential, DeveloperToolsCredential, ManagedIdentityCredential, WorkloadIdentityCredential,
};
use tokio::sync::watch;
use tokio::time::Instant;

use super::credentials::{CredentialError, Entra};
use super::error::{cause, root_cause};

/// A source may take so long: the Azure CLI starts an interpreter, and where there is no managed identity nobody answers.
const LIMIT: Duration = Duration::from_secs(8);
/// A look waits so long for a token, and then says that there is none yet: less than it may take itself, so that "no
/// answer" is never said of a service that was not asked.
const PATIENCE: Duration = Duration::from_secs(3);
/// The same, where the question before failed: what it failed with is told meanwhile.
const PATIENCE_AFTER_FAILURE: Duration = Duration::from_millis(500);
/// For so long a failure is the answer to whoever asks next: an SDK tries several times within one call, and each would
/// start the Azure CLI.
const FAILED_FOR: Duration = Duration::from_secs(1);
/// A token that is good for no longer than this is asked for anew.
const BEFORE_THE_END: Duration = Duration::from_secs(5 * 60);
/// Until the new one is there, the old one serves, if it is good for as long as this.
const STILL_GOOD: Duration = Duration::from_secs(60);

/// Where Entra ID is, in another cloud.
const AUTHORITY: &str = "AZURE_AUTHORITY_HOST";

/// The credential for what is looked at again and again, the same for all services, so that each token is asked for once.
///
/// # Errors
/// [`CredentialError`] if the variables are there and make no credential. Whether they are right shows with the first
/// token.
pub(super) fn credential() -> Result<Entra, CredentialError> {
    Ok(Arc::new(Asker { sources: sources()?, patience: Some(PATIENCE) }))
}

/// The same for what is asked once, and waited for as long as the sources take.
///
/// # Errors
/// As [`credential`].
pub(super) fn patient_credential() -> Result<Entra, CredentialError> {
    Ok(Arc::new(Asker { sources: sources()?, patience: None }))
}

fn sources() -> Result<Arc<Sources>, CredentialError> {
    static FOUND: OnceLock<Result<Arc<Sources>, CredentialError>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let sources = find(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))?;
        Ok(Arc::new(Sources::new(sources)))
    });
    found.clone()
}

fn find(variable: impl Fn(&str) -> Option<String>) -> Result<Vec<Entra>, CredentialError> {
    let (tenant, client) = (variable("AZURE_TENANT_ID"), variable("AZURE_CLIENT_ID"));
    let secret = variable("AZURE_CLIENT_SECRET");
    let federated = variable("AZURE_FEDERATED_TOKEN_FILE").is_some();
    if let Some(authority) = variable(AUTHORITY).filter(|_| secret.is_some() || federated) {
        // The SDK would put it into its errors, whatever is in it.
        check_authority(&authority)?;
    }
    let made = || -> azure_core::Result<Vec<Entra>> {
        Ok(if let (Some(tenant), Some(client), Some(secret)) = (tenant, client, secret) {
            vec![ClientSecretCredential::new(&tenant, client, SdkSecret::new(secret), None)?]
        } else if federated {
            vec![WorkloadIdentityCredential::new(None)?]
        } else {
            vec![DeveloperToolsCredential::new(None)?, ManagedIdentityCredential::new(None)?]
        })
    };
    made().map_err(|error| CredentialError::Entra(root_cause(&error)))
}

fn check_authority(text: &str) -> Result<(), CredentialError> {
    let url = Url::parse(text.trim()).map_err(|_| CredentialError::Authority)?;
    let is_bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    let is_address = url.scheme() == "https" && url.has_host() && url.fragment().is_none();
    if is_bare && is_address { Ok(()) } else { Err(CredentialError::Authority) }
}

/// What has tokens, asked one after the other. The SDK has a chain for developer tools alone.
struct Sources {
    in_turn: Vec<Entra>,
    /// Questions wait for one another, so that nobody starts the Azure CLI twice.
    asking: tokio::sync::Mutex<()>,
    /// The last question for each scope.
    questions: Mutex<HashMap<String, Question>>,
    /// What the last question of all failed with, if it did: it is told of those that still wait for their turn.
    last_failure: Mutex<Option<String>>,
}

/// A question for a token, answered or not yet.
#[derive(Clone)]
struct Question {
    asked: Instant,
    answer: watch::Receiver<Option<Answer>>,
    /// What the question before failed with.
    failed: Option<String>,
    /// The last token that was had.
    kept: Option<AccessToken>,
}

#[derive(Clone)]
enum Answer {
    Token(AccessToken),
    Failed { said: String, at: Instant },
}

impl Question {
    /// Whether its answer is also that of whoever asks now.
    fn stands(&self) -> bool {
        match &*self.answer.borrow() {
            Some(Answer::Token(token)) => is_good_for(token, BEFORE_THE_END),
            Some(Answer::Failed { at, .. }) => at.elapsed() < FAILED_FOR,
            // Not yet, or never any more: the runtime that it ran on has ended.
            None => self.answer.has_changed().is_ok(),
        }
    }

    /// What it failed with, or else the one before it.
    fn failure(&self) -> Option<String> {
        match &*self.answer.borrow() {
            Some(Answer::Token(_)) => None,
            Some(Answer::Failed { said, .. }) => Some(said.clone()),
            None => self.failed.clone(),
        }
    }

    /// The token that was had, or else the one before it.
    fn token(&self) -> Option<AccessToken> {
        match &*self.answer.borrow() {
            Some(Answer::Token(token)) => Some(token.clone()),
            _ => self.kept.clone(),
        }
    }
}

fn is_good_for(token: &AccessToken, span: Duration) -> bool {
    token.expires_on - OffsetDateTime::now_utc() > span
}

impl Sources {
    fn new(in_turn: Vec<Entra>) -> Self {
        Self {
            in_turn,
            asking: tokio::sync::Mutex::default(),
            questions: Mutex::default(),
            last_failure: Mutex::default(),
        }
    }

    /// The question for a scope that is under way or stands, else a new one.
    fn question(self: &Arc<Self>, scope: &str) -> Question {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        let before = questions.get(scope);
        if let Some(standing) = before.filter(|question| question.stands()) {
            return standing.clone();
        }
        let (failed, kept) = (before.and_then(Question::failure), before.and_then(Question::token));
        let (tell, answer) = watch::channel(None);
        let (sources, wanted) = (Arc::clone(self), scope.to_owned());
        tokio::spawn(async move {
            let answer = sources.ask(&wanted).await;
            *sources.last_failure() = match &answer {
                Answer::Token(_) => None,
                Answer::Failed { said, .. } => Some(said.clone()),
            };
            tell.send_replace(Some(answer));
        });
        let question = Question { asked: Instant::now(), answer, failed, kept };
        questions.insert(scope.to_owned(), question.clone());
        question
    }

    fn last_failure(&self) -> MutexGuard<'_, Option<String>> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self, scope: &str) -> Answer {
        let _alone = self.asking.lock().await;
        let mut said = Vec::new();
        for source in &self.in_turn {
            match tokio::time::timeout(LIMIT, source.get_token(&[scope], None)).await {
                Ok(Ok(token)) => return Answer::Token(token),
                Ok(Err(error)) => said.push(in_words(&error)),
                Err(_) => said.push(format!("no answer within {} s", LIMIT.as_secs())),
            }
        }
        Answer::Failed { said: said.join("; "), at: Instant::now() }
    }
}

/// Asks for tokens, with more or less patience. A look at a service that is given up does not end the question: the Azure
/// CLI may take longer than a look may, and the next look finds its answer.
struct Asker {
    sources: Arc<Sources>,
    patience: Option<Duration>,
}

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asker(..)")
    }
}

#[async_trait]
impl TokenCredential for Asker {
    async fn get_token(
        &self,
        scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let Question { asked, mut answer, failed, kept } = self.sources.question(&scopes.join(" "));
        let failed = failed.or_else(|| self.sources.last_failure().clone());
        let answered = async { answer.wait_for(Option::is_some).await.ok().and_then(|answer| answer.clone()) };
        let answered = if let Some(patience) = self.patience {
            let patience = if failed.is_some() { PATIENCE_AFTER_FAILURE.min(patience) } else { patience };
            let said = failed.unwrap_or_else(|| STILL_WAITING.to_owned());
            let late = |_| Some(Answer::Failed { said, at: Instant::now() });
            tokio::time::timeout_at(asked + patience, answered).await.unwrap_or_else(late)
        } else {
            answered.await
        };
        let said = match answered {
            Some(Answer::Token(token)) => return Ok(token),
            Some(Answer::Failed { said, .. }) => said,
            None => "it was given up".to_owned(),
        };
        kept.filter(|token| is_good_for(token, STILL_GOOD)).ok_or_else(|| failure(said))
    }
}

/// The Azure CLI is the one that takes so long.
const STILL_WAITING: &str = "the Azure CLI, or what else has one, does not answer yet; it is waited for";

/// What a source says. The developer tools have a heading, a line for each of them, and a link; what is left is such as
/// `AzureCli: ERROR: Please run 'az login'; AzureDeveloperCli: azd not found on PATH`.
fn in_words(error: &azure_core::Error) -> String {
    let text = error.to_string();
    let is_news =
        |line: &&str| !line.is_empty() && !line.starts_with("Multiple errors") && !line.starts_with("To troubleshoot");
    let said = text.lines().map(str::trim).filter(is_news).collect::<Vec<_>>().join("; ");
    cause(said.replace("Credential authentication failed.", ":"))
}

fn failure(said: String) -> azure_core::Error {
    azure_core::Error::with_message(ErrorKind::Credential, said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::sync::Semaphore;

    /// Answers once for each permit: first with a failure, then with tokens.
    #[derive(Default)]
    struct Slow {
        asked: AtomicU32,
        answers: Option<Semaphore>,
    }

    impl fmt::Debug for Slow {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Slow")
        }
    }

    #[async_trait]
    impl TokenCredential for Slow {
        async fn get_token(
            &self,
            _scopes: &[&str],
            _options: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            let turn = self.asked.fetch_add(1, Ordering::SeqCst);
            self.answers.as_ref().unwrap().acquire().await.unwrap().forget();
            if turn == 0 {
                return Err(failure("Please run 'az login'".to_owned()));
            }
            Ok(AccessToken::new("token", OffsetDateTime::now_utc() + Duration::from_secs(3_600)))
        }
    }

    #[tokio::test]
    async fn a_slow_source_is_waited_for_and_what_it_said_is_told_meanwhile() {
        let slow = Arc::new(Slow { answers: Some(Semaphore::new(0)), ..Slow::default() });
        let sources = Arc::new(Sources::new(vec![Arc::clone(&slow) as Entra]));
        let hasty = Asker { sources: Arc::clone(&sources), patience: Some(Duration::from_millis(1)) };
        let patient = Asker { sources, patience: None };
        let ask = async |asker: &Asker| asker.get_token(&["scope"], None).await.map_err(|error| error.to_string());

        // However often it is asked: one question.
        for _ in 0..3 {
            assert_eq!(ask(&hasty).await.unwrap_err(), STILL_WAITING);
        }
        let release = async || slow.answers.as_ref().unwrap().add_permits(1);
        let (first, ()) = tokio::join!(ask(&patient), release());
        assert_eq!(first.unwrap_err(), "Please run 'az login'");
        assert_eq!(slow.asked.load(Ordering::SeqCst), 1);

        // It is told of what was not asked for before, too; and for a while it is the answer.
        let other = hasty.get_token(&["other"], None).await;
        assert_eq!(other.unwrap_err().to_string(), "Please run 'az login'");
        assert_eq!(ask(&hasty).await.unwrap_err(), "Please run 'az login'");

        slow.answers.as_ref().unwrap().add_permits(2);
        let again = async { while ask(&patient).await.is_err() {} };
        tokio::time::timeout(Duration::from_secs(30), again).await.unwrap();
        assert!(ask(&hasty).await.is_ok(), "the token is kept");
        assert_eq!(slow.asked.load(Ordering::SeqCst), 3);
    }

    /// Gives a token of three minutes, and then fails.
    #[derive(Debug, Default)]
    struct Ending(AtomicU32);

    #[async_trait]
    impl TokenCredential for Ending {
        async fn get_token(
            &self,
            _scopes: &[&str],
            _options: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            if self.0.fetch_add(1, Ordering::SeqCst) > 0 {
                return Err(failure("gone".to_owned()));
            }
            Ok(AccessToken::new("token", OffsetDateTime::now_utc() + Duration::from_secs(180)))
        }
    }

    #[tokio::test]
    async fn a_token_serves_to_its_end_while_no_new_one_is_to_be_had() {
        let ending = Arc::new(Ending::default());
        let sources = Arc::new(Sources::new(vec![Arc::clone(&ending) as Entra]));
        let asker = Asker { sources, patience: None };
        for _ in 0..3 {
            assert_eq!(asker.get_token(&["scope"], None).await.unwrap().token.secret(), "token");
        }
        assert_eq!(ending.0.load(Ordering::SeqCst), 2, "it was asked for anew, and the failure stands for a while");
        assert_eq!(asker.get_token(&["other"], None).await.unwrap_err().to_string(), "gone");
    }

    #[test]
    fn an_authority_that_holds_a_secret_is_refused_and_not_repeated() {
        for authority in
            ["https://a:hush@login.example", "https://login.example?sig=hush", "http://login.example", "hush"]
        {
            let variable = |name: &str| match name {
                AUTHORITY => Some(authority.to_owned()),
                "AZURE_TENANT_ID" | "AZURE_CLIENT_ID" | "AZURE_CLIENT_SECRET" => Some("x".to_owned()),
                _ => None,
            };
            let sentence = find(variable).unwrap_err().to_string();
            assert!(sentence.starts_with(AUTHORITY) && !sentence.contains("hush"), "{sentence}");
        }
    }
}
