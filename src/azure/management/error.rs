//! What can go wrong with the management API: one sentence that says what, where, and what to try. Never a token.

use std::time::Duration;

/// An error of the management API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManagementError {
    /// No token could be had.
    #[error(
        "no token from Entra ID for Azure Resource Manager at {endpoint} ({reason}); try `az login`, or set \
         AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"
    )]
    NoToken {
        /// Where.
        endpoint: String,
        /// What the credential said.
        reason: String,
    },
    /// Nobody answers there.
    #[error(
        "can't reach Azure Resource Manager at {endpoint} ({reason}); check the network, and --management-endpoint \
         where it is not the public cloud"
    )]
    Connect {
        /// Where.
        endpoint: String,
        /// What the client said.
        reason: String,
    },
    /// No answer came in time.
    #[error(
        "Azure Resource Manager at {endpoint} did not tell {what} within {limit:?}; check the network and try again"
    )]
    Timeout {
        /// Where.
        endpoint: String,
        /// What was asked for.
        what: String,
        /// How long was waited.
        limit: Duration,
    },
    /// 401: the token is none of this cloud's, or too old.
    #[error(
        "Azure Resource Manager at {endpoint} does not know the credential ({said}): log in again, in the tenant of the \
         subscription; listing {what} takes the role Reader on the resource group"
    )]
    Unauthenticated {
        /// Where.
        endpoint: String,
        /// What was asked for.
        what: String,
        /// Status and code.
        said: String,
    },
    /// 403. Azure answers so, and not with 404, where it is not even known whether there is such a group.
    #[error(
        "Azure Resource Manager does not let this credential list {what} ({said}): it takes the role Reader on the \
         resource group; check the names too, for what is not there is refused as well"
    )]
    Forbidden {
        /// What was asked for.
        what: String,
        /// Status and code.
        said: String,
    },
    /// 404.
    #[error("Azure Resource Manager has no {what} ({said}); check its name and its subscription")]
    NotFound {
        /// What was asked for.
        what: String,
        /// Status and code.
        said: String,
    },
    /// 429 for longer than anybody waits.
    #[error(
        "Azure Resource Manager throttles this credential (429) and asks to wait {} s more for {what}; try again then",
        .wait.as_secs()
    )]
    Throttled {
        /// What was asked for.
        what: String,
        /// How long it asks to wait.
        wait: Duration,
    },
    /// Another error.
    #[error("Azure Resource Manager at {endpoint} does not tell {what} ({said}); try again in a minute")]
    Refused {
        /// Where.
        endpoint: String,
        /// What was asked for.
        what: String,
        /// Status and code.
        said: String,
    },
    /// An answer that is none.
    #[error(
        "what {endpoint} answers is no list of {what} ({reason}); check that Azure Resource Manager is there, and no \
         proxy between"
    )]
    Nonsense {
        /// Where.
        endpoint: String,
        /// What was asked for.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The next page of a list is elsewhere.
    #[error("{endpoint} says that {what} go on elsewhere ({link}), where no token of its goes; nothing was taken")]
    Elsewhere {
        /// Where.
        endpoint: String,
        /// What was asked for.
        what: String,
        /// The host of the link.
        link: String,
    },
    /// A list without an end.
    #[error("{endpoint} does not come to an end with {what}: {pages} pages so far; name what you want more exactly")]
    Endless {
        /// Where.
        endpoint: String,
        /// What was asked for.
        what: String,
        /// How many pages were read.
        pages: usize,
    },
}
