//! What stands in a scenario file: names, addresses, spans. Each is checked where it stands, so that a mistake is told with
//! its line.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Deserialize;

use crate::model::observation::Target;
use crate::model::units::{EventRate, RequestUnits};
use crate::recording::jump::read_span;

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
            Err(format!("{text:?} is no name: give 1 to 255 characters without / \\ ? #"))
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
        Err(format!("{text:?} is no host of a namespace: give its full name, such as contoso.servicebus.windows.net"))
    }
}

/// The URL of an account, `https` or, on this machine alone, `http`. There is no place in it for a query, where signatures
/// stand.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("pattern" = "^https?://[^?@]+$")))]
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
        let shown = text.split('?').next().unwrap_or_default().to_owned();
        let url = azure_core::http::Url::parse(&text);
        match url {
            Ok(url) if url.query().is_some() || !url.username().is_empty() || url.password().is_some() => {
                Err(format!("{shown:?} has more than an address in it; a secret belongs in the environment"))
            }
            Ok(url) if url.scheme() == "https" && url.has_host() => Ok(Self(text)),
            Ok(url) if url.scheme() == "http" && is_this_machine(url.host_str().unwrap_or_default()) => Ok(Self(text)),
            Ok(url) if url.scheme() == "http" => {
                Err(format!("{shown:?} is not encrypted, which is allowed to this machine alone; write https://"))
            }
            _ => Err(format!("{shown:?} is no address: give a URL, such as https://contoso.blob.core.windows.net")),
        }
    }
}

/// Whether a host is this machine.
pub(crate) fn is_this_machine(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]" | "::1")
}

/// Connect to this instead of the namespace, such as `amqp://127.0.0.1:5672`: an emulator, or a private endpoint
/// (`amqps`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("pattern" = "^amqps?://")))]
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
        match azure_core::http::Url::parse(&text) {
            Ok(url) if url.scheme() == "amqps" && url.has_host() => Ok(Self(text)),
            Ok(url) if url.scheme() == "amqp" && is_this_machine(url.host_str().unwrap_or_default()) => Ok(Self(text)),
            Ok(url) if url.scheme() == "amqp" && url.has_host() => {
                Err(format!("{text:?} is not encrypted, which is allowed to this machine alone; write amqps://"))
            }
            _ => Err(format!("{text:?} is no endpoint: give amqp://127.0.0.1:5672 for an emulator, or amqps://HOST")),
        }
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

    /// As what a load is asked for.
    pub fn target(self) -> Target {
        Target::Rate(self.rate())
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

/// Throughput units of an Event Hubs namespace of the tier Basic or Standard, shared by its hubs. Each takes 1 MB/s or
/// 1,000 events/s in, whichever comes first; beyond that the namespace throttles. (Microsoft Learn, "Scaling with Event
/// Hubs".)
///
/// ```
/// use streamgauge::scenario::value::ThroughputUnits;
///
/// let units = ThroughputUnits::try_from(6).unwrap();
/// assert_eq!((units.events_per_second(), units.bytes_per_second()), (6_000.0, 6_000_000.0));
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

    /// What they take in, in events a second.
    pub fn events_per_second(self) -> f64 {
        f64::from(self.0) * 1_000.0
    }

    /// What they take in, in bytes a second.
    pub fn bytes_per_second(self) -> f64 {
        f64::from(self.0) * 1_000_000.0
    }
}

impl TryFrom<u32> for ThroughputUnits {
    type Error = String;

    fn try_from(units: u32) -> Result<Self, String> {
        let valid = (1..=100).contains(&units);
        valid.then_some(Self(units)).ok_or_else(|| format!("{units} throughput units can't be: give 1 to 100"))
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
