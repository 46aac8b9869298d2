//! Where Azure Resource Manager is: that of Azure's public cloud, of another cloud, or of a test.

use azure_core::http::Url;

use super::super::credentials::Environment;
use crate::typed::quoted;

/// The public cloud's.
pub const PUBLIC: &str = "https://management.azure.com";
/// The variable that names another cloud's, as in Azure Service Operator.
pub const ENDPOINT: &str = "AZURE_RESOURCE_MANAGER_ENDPOINT";
/// The variable that names what its tokens are for, where that is not the endpoint itself.
pub const AUDIENCE: &str = "AZURE_RESOURCE_MANAGER_AUDIENCE";

/// Every variable, and what it holds, for the manual.
pub const VARIABLES: [(&str, &str); 2] = [
    (ENDPOINT, "another cloud's Azure Resource Manager, such as https://management.usgovcloudapi.net"),
    (AUDIENCE, "what tokens for it are issued for, where that is not its own address"),
];

/// Where Azure Resource Manager is, and what tokens for it are issued for.
///
/// ```
/// use streamgauge::azure::management::ManagementAddress;
///
/// let public = ManagementAddress::parse("https://management.azure.com", None).unwrap();
/// assert_eq!(public.scope(), "https://management.azure.com/.default");
/// assert!(ManagementAddress::parse("http://management.azure.com", None).is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagementAddress {
    endpoint: Url,
    audience: String,
}

impl ManagementAddress {
    /// What was asked for, else what the environment says, else the public cloud's.
    ///
    /// # Errors
    /// As [`ManagementAddress::parse`].
    pub fn of(asked: Option<&str>, environment: &Environment<'_>) -> Result<Self, String> {
        let audience = environment.get(AUDIENCE);
        match (asked, environment.get(ENDPOINT)) {
            (Some(asked), _) => Self::parse(asked, audience),
            (None, Some(set)) => Self::parse(&set, audience).map_err(|sentence| format!("{ENDPOINT}: {sentence}")),
            (None, None) => Self::parse(PUBLIC, audience),
        }
    }

    /// An address: `https`, or on this machine alone `http`.
    ///
    /// # Errors
    /// A sentence on what is wrong with it. What may be a secret in it is not repeated.
    pub fn parse(text: &str, audience: Option<String>) -> Result<Self, String> {
        let shown = quoted(text);
        let no_address = || format!("{shown} is no address of Azure Resource Manager: give a URL, such as {PUBLIC}");
        let endpoint = Url::parse(text.trim()).map_err(|_| no_address())?;
        if !endpoint.username().is_empty() || endpoint.password().is_some() {
            return Err("the address of Azure Resource Manager has a name or password in it; give it without".into());
        }
        if endpoint.query().is_some() || endpoint.fragment().is_some() || !endpoint.has_host() {
            return Err(no_address());
        }
        match endpoint.scheme() {
            "https" => {}
            "http" if is_loopback(&endpoint) => {}
            "http" => {
                let sentence = "is not encrypted, which is allowed to this machine alone; write https://";
                return Err(format!("{shown} {sentence}"));
            }
            _ => return Err(no_address()),
        }
        let audience = audience.unwrap_or_else(|| endpoint.origin().ascii_serialization());
        Ok(Self { endpoint, audience })
    }

    /// What a token has to be asked for.
    pub fn scope(&self) -> String {
        format!("{}/.default", self.audience)
    }

    /// Whether what goes there is not encrypted.
    pub fn is_plaintext(&self) -> bool {
        self.endpoint.scheme() == "http"
    }

    /// For messages: without the slash at its end.
    pub fn shown(&self) -> String {
        self.endpoint.as_str().trim_end_matches('/').to_owned()
    }

    /// The URL of a resource. Each name is one segment of the path, whatever stands in it.
    pub(super) fn url(&self, segments: &[&str], api_version: &str) -> Url {
        let mut url = self.endpoint.clone();
        // Only a URL such as `mailto:` has no path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url.query_pairs_mut().append_pair("api-version", api_version);
        url
    }

    /// The URL of a next page, if it is at the same place: a token must not follow a link to anywhere else.
    pub(super) fn next_page(&self, link: &str) -> Result<Url, String> {
        let url = self.endpoint.join(link).map_err(|_| "at no address".to_owned())?;
        if url.origin() == self.endpoint.origin() {
            return Ok(url);
        }
        Err(url.host_str().unwrap_or("at no host").to_owned())
    }
}

fn is_loopback(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_can_not_be_used_is_told_and_never_with_a_secret() {
        let table = [
            ("management", "\"management\" is no address of Azure Resource Manager: give a URL, such as https://"),
            ("ftp://management.azure.com", "is no address of Azure Resource Manager"),
            ("http://management.azure.com", "is not encrypted, which is allowed to this machine alone; write https://"),
            ("https://a:hush@management.azure.com", "has a name or password in it"),
            ("https://management.azure.com?sig=hush", "\"https://management.azure.com?..\" is no address"),
            ("a:hush@management.azure.com", "a text with an @ (not repeated: a password may be in it) is no address"),
            ("https://a:hu/sh@management.azure.com", "is no address"),
        ];
        for (text, expected) in table {
            let sentence = ManagementAddress::parse(text, None).unwrap_err();
            assert!(sentence.contains(expected), "{text}: {sentence}");
            assert!(!sentence.contains("hush"), "{sentence}");
        }
    }

    #[test]
    fn a_name_stays_one_segment_and_a_link_stays_at_home() {
        let address = ManagementAddress::parse("https://management.azure.com/", None).unwrap();
        let url = address.url(&["subscriptions", "a/../b?c", "resourcegroups"], "2021-04-01");
        let expected =
            "https://management.azure.com/subscriptions/a%2F..%2Fb%3Fc/resourcegroups?api-version=2021-04-01";
        assert_eq!(url.as_str(), expected);
        assert!(address.next_page("https://management.azure.com:443/subscriptions?$skiptoken=1").is_ok());
        assert_eq!(address.next_page("https://evil.example/subscriptions"), Err("evil.example".into()));
        assert_eq!(address.next_page("http://management.azure.com/x"), Err("management.azure.com".into()));
    }

    #[test]
    fn what_was_asked_for_goes_before_the_environment() {
        let variable = |name: &str| match name {
            ENDPOINT => Some("https://management.usgovcloudapi.net".to_owned()),
            AUDIENCE => Some("https://management.core.usgovcloudapi.net".to_owned()),
            _ => None,
        };
        let environment = Environment::new(&variable);
        let address = ManagementAddress::of(None, &environment).unwrap();
        assert_eq!(address.shown(), "https://management.usgovcloudapi.net");
        assert_eq!(address.scope(), "https://management.core.usgovcloudapi.net/.default");
        let asked = ManagementAddress::of(Some("http://127.0.0.1:8080"), &environment).unwrap();
        assert_eq!((asked.shown().as_str(), asked.is_plaintext()), ("http://127.0.0.1:8080", true));
    }
}
