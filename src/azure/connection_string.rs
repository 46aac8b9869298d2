//! Connection strings: `Name=value;Name=value`, as the portal and the command line of Azure hand them out.

use super::address::Secret;

/// The parts of a connection string. Names in any case; a value may hold `=`, as keys do.
pub(super) struct ConnectionString<'a>(Vec<(&'a str, &'a str)>);

impl<'a> ConnectionString<'a> {
    /// Takes one apart; `None` if it is none.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let parts = text.trim().split(';').map(str::trim).filter(|part| !part.is_empty());
        let parts: Option<Vec<_>> = parts.map(|part| part.split_once('=')).collect();
        parts.filter(|parts| !parts.is_empty()).map(Self)
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.0.iter().find(|(given, _)| given.trim().eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    pub(super) fn secret(&self, name: &str) -> Option<Secret> {
        self.get(name).map(Secret::new)
    }

    pub(super) fn says(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

/// The host of a URL, in lower case, with its port where one is named: `sb://NS/` and `https://NS:443/x` become `ns` and
/// `ns:443`. A name and password before it are no part of it: it stands in messages.
pub(super) fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    // To the last @: a password that nobody encoded may hold anything.
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    rest.split(['/', '?']).next().unwrap_or_default().to_ascii_lowercase()
}
