//! What stands in a scenario file: names, addresses, spans. Each is checked where it stands, so that a mistake is told with
//! its line.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Deserialize;

use crate::model::observation::Target;
use crate::model::units::{EventRate, RequestUnits};
use crate::span::read_span;
use crate::typed::quoted;

/// The name of a hub, a container, a database: printable, on one line, of 1 to 255 characters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("minLength" = 1, "maxLength" = 255, "pattern" = "^[^/\\\\?#]*$")))]
#[serde(try_from = "String")]
pub struct Name(String);

impl Name {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let whole = (1..=255).contains(&text.chars().count())
            && text.trim() == text
            && !text.contains(|c: char| c.is_control() || matches!(c, '/' | '\\' | '?' | '#'));
        if whole {
            Ok(Self(text))
        } else {
            Err(format!("{} is no name: give 1 to 255 characters without / \\ ? #", quoted(&text)))
        }
    }
}

/// The host of a namespace, such as `contosoeventhubs.servicebus.windows.net`; for an emulator also with a port.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("pattern" = "^[A-Za-z0-9.-]+(:[0-9]+)?$")))]
#[serde(try_from = "String")]
pub struct Host(String);

impl Host {
    /// The host.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Host {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (host, port) = text.split_once(':').unwrap_or((&text, "1"));
        let is_host = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
        if is_host && port.parse::<u16>().is_ok_and(|port| port > 0) && (host.contains('.') || host == "localhost") {
            return Ok(Self(text));
        }
        let shown = quoted(&text);
        Err(format!("{shown} is no host of a namespace: give its full name, such as contoso.servicebus.windows.net"))
    }
}

/// The URL of an account, `https` or, on this machine alone, `http`. Nothing but an address: there is no place in it for a
/// name and password, or for a query, where signatures stand. A path is the account's name, as emulators want it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("pattern" = "^https?://[^/?#@]+(/[^/?#@]*/?)?$")))]
#[serde(try_from = "String")]
pub struct Endpoint(String);

impl Endpoint {
    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Endpoint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        const EXAMPLE: &str = "https://contoso.blob.core.windows.net";
        let url = checked(&text, ["https", "http"], &format!("is no address: give a URL, such as {EXAMPLE}"))?;
        if url.path().trim_matches('/').contains('/') {
            return Err(format!(
                "{} has a path in it: give the account's address alone, such as {EXAMPLE}",
                quoted(&text)
            ));
        }
        Ok(Self(text))
    }
}

/// The URL of an account that has no path: that of Cosmos DB, also of its emulator.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("pattern" = "^https?://[^/?#@]+/?$")))]
#[serde(try_from = "String")]
pub struct RootEndpoint(String);

impl RootEndpoint {
    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RootEndpoint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        const EXAMPLE: &str = "https://contoso.documents.azure.com/";
        let url = checked(&text, ["https", "http"], &format!("is no address: give a URL, such as {EXAMPLE}"))?;
        if url.path() != "/" {
            return Err(format!(
                "{} has a path in it: give the account's address alone, such as {EXAMPLE}",
                quoted(&text)
            ));
        }
        Ok(Self(text))
    }
}

/// A URL with nothing in it but an address, of a scheme that is encrypted; of the other, to this machine alone.
fn checked(text: &str, [encrypted, plain]: [&str; 2], no_address: &str) -> Result<azure_core::http::Url, String> {
    let shown = quoted(text);
    let url = azure_core::http::Url::parse(text).map_err(|_| format!("{shown} {no_address}"))?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{shown} has more than an address in it; a secret belongs in the environment"));
    }
    let host = url.host_str().unwrap_or_default();
    match url.scheme() {
        scheme if scheme == encrypted && !host.is_empty() => Ok(url),
        scheme if scheme == plain && is_this_machine(host) => Ok(url),
        scheme if scheme == plain && !host.is_empty() => {
            Err(format!("{shown} is not encrypted, which is allowed to this machine alone; write {encrypted}://"))
        }
        _ => Err(format!("{shown} {no_address}")),
    }
}

/// Whether a host is this machine.
pub(crate) fn is_this_machine(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]" | "::1")
}

/// Connect to this instead of the namespace, such as `amqp://127.0.0.1:5672`: an emulator, or a private endpoint
/// (`amqps`). A host and a port, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("pattern" = "^amqps?://[^/?#@]+/?$")))]
#[serde(try_from = "String")]
pub struct AmqpEndpoint(String);

impl AmqpEndpoint {
    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether what goes there is not encrypted.
    pub fn is_plaintext(&self) -> bool {
        self.0.starts_with("amqp://")
    }
}

impl TryFrom<String> for AmqpEndpoint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        const NONE: &str = "is no endpoint: give amqp://127.0.0.1:5672 for an emulator, or amqps://HOST";
        let url = checked(&text, ["amqps", "amqp"], NONE)?;
        if !matches!(url.path(), "" | "/") {
            return Err(format!("{} has a path in it: give host and port alone, such as amqps://HOST", quoted(&text)));
        }
        Ok(Self(text))
    }
}

/// How often a service is looked at: `250ms` to `2s`. Slower, and what is on screen would be stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("pattern" = "^([0-9]+(ms|s))+$", "default" = "1s")))]
#[serde(try_from = "String")]
pub struct Every(Duration);

impl Every {
    /// The quickest and the slowest.
    pub const RANGE: RangeInclusive<Duration> = Duration::from_millis(250)..=Duration::from_secs(2);

    /// How long from one look to the next.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl Default for Every {
    /// Once a second: a deployed service is asked, and billed, by somebody.
    fn default() -> Self {
        Self(Duration::from_secs(1))
    }
}

impl TryFrom<String> for Every {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let read = read_span(text.trim()).filter(|span| Self::RANGE.contains(span));
        read.map(Self).ok_or_else(|| format!("{text:?} is not how often to look: give 250ms to 2s"))
    }
}

/// A span, such as `10m` or `1h30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("pattern" = "^([0-9]+(d|h|ms|m|s))+$")))]
#[serde(try_from = "String")]
pub struct Span(pub Duration);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let read = read_span(text.trim()).filter(|span| !span.is_zero());
        read.map(Self).ok_or_else(|| format!("{text:?} is no span: give 30s, 10m or 1h30m"))
    }
}

/// Events a second, above zero.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("minimum" = 0.001, "maximum" = 10_000_000)))]
#[serde(try_from = "f64")]
pub struct Rate(f64);

impl Rate {
    /// The rate.
    pub fn rate(self) -> EventRate {
        EventRate::new(self.0)
    }

    /// In events a second.
    pub const fn per_second(self) -> f64 {
        self.0
    }

    /// As what a load is asked for.
    pub fn target(self) -> Target {
        Target::Rate(self.rate())
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<f64> for Rate {
    type Error = String;

    fn try_from(rate: f64) -> Result<Self, String> {
        if (0.001..=10_000_000.0).contains(&rate) {
            return Ok(Self(rate));
        }
        Err(format!("{rate} is not a rate: give events a second from 0.001 to 10000000"))
    }
}

/// Request units a second that a store is provisioned with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("minimum" = 400, "maximum" = 100_000_000)))]
#[serde(try_from = "u32")]
pub struct Provisioned(u32);

impl Provisioned {
    /// In RU/s.
    pub fn units(self) -> RequestUnits {
        RequestUnits(f64::from(self.0))
    }
}

impl TryFrom<u32> for Provisioned {
    type Error = String;

    fn try_from(units: u32) -> Result<Self, String> {
        let valid = (400..=100_000_000).contains(&units);
        valid.then_some(Self(units)).ok_or_else(|| format!("{units} RU/s can't be: give 400 to 100000000"))
    }
}

/// Throughput units of an Event Hubs namespace of the tier Basic or Standard, shared by its hubs. What they take in is
/// [`IngestCapacity`](crate::model::observation::IngestCapacity)'s to say.
///
/// ```
/// use streamgauge::scenario::value::ThroughputUnits;
///
/// let units = ThroughputUnits::try_from(6).unwrap();
/// assert_eq!(units.count(), 6);
/// assert!(ThroughputUnits::try_from(0).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("minimum" = 1, "maximum" = 100)))]
#[serde(try_from = "u32")]
pub struct ThroughputUnits(u32);

impl ThroughputUnits {
    /// How many.
    pub const fn count(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for ThroughputUnits {
    type Error = String;

    fn try_from(units: u32) -> Result<Self, String> {
        let valid = (1..=100).contains(&units);
        valid.then_some(Self(units)).ok_or_else(|| format!("{units} throughput units can't be: give 1 to 100"))
    }
}

/// Management calls a second to a hub, 1 to 50: Event Hubs answers 50 a second and hub, whoever asks. What scales a
/// processor asks as well, such as the scale controller of Azure Functions, and so does every other monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("minimum" = 1, "maximum" = 50, "default" = 40)))]
#[serde(try_from = "u32")]
pub struct CallsPerSecond(u32);

impl CallsPerSecond {
    /// How many.
    pub fn rate(self) -> f64 {
        f64::from(self.0)
    }
}

impl Default for CallsPerSecond {
    /// Four fifths of what the service answers.
    fn default() -> Self {
        Self(40)
    }
}

impl TryFrom<u32> for CallsPerSecond {
    type Error = String;

    fn try_from(calls: u32) -> Result<Self, String> {
        let valid = (1..=50).contains(&calls);
        let sentence = || format!("{calls} calls a second can't be: give 1 to 50, which is what Event Hubs answers");
        valid.then_some(Self(calls)).ok_or_else(sentence)
    }
}

/// A share in percent, above 0 and at most 100.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("minimum" = 0.01, "maximum" = 100, "default" = 1)))]
#[serde(try_from = "f64")]
pub struct Percent(f64);

impl Percent {
    /// One percent.
    pub const ONE: Self = Self(1.0);

    /// As a share of one.
    pub fn share(self) -> f64 {
        self.0 / 100.0
    }
}

impl TryFrom<f64> for Percent {
    type Error = String;

    fn try_from(percent: f64) -> Result<Self, String> {
        let valid = (0.01..=100.0).contains(&percent);
        valid.then_some(Self(percent)).ok_or_else(|| format!("{percent} is not a share: give 0.01 to 100 percent"))
    }
}
