//! The format of a recording: JSON lines, readable with `zstdcat FILE | jq`.
//!
//! The first line says what the file is:
//!
//! ```json
//! {"streamgauge":"1.0","program":"0.1.0","started":1795348800000000,"scenario":{"title":"local","ingest":"Event Hubs"}}
//! ```
//!
//! Each line after it holds one fact, or a run of facts of one kind as columns, in the order in which they were seen:
//!
//! ```json
//! {"at":1795348800250000,"log_end":{"partition":[0,1],"earliest":[0,0],"last":[99,101],"enqueued_ago":[3000,9000],"after":[112,51]}}
//! {"at":1795348800250871,"provisioned":20000.0}
//! {"at":1795348800250875,"provisioned":{"autoscale":20000.0}}
//! {"at":1795348800250880,"hub":{"partitions":2,"created":1795340000000000,"failovers":1}}
//! {"at":1795348800250890,"ingest_capacity":{"throughput_units":6}}
//! {"at":1795348800250900,"groups":{"found":[{"name":"cosmos","forms":["metadata"],"partitions":2}],"complete":true}}
//! {"at":1795348800251004,"mark":"twice the load"}
//! {"at":1795348800252000,"checkpoint":{"partition":[0,1],"form":["metadata",null],"note":[null,"why not"],"after":[7,2]}}
//! ```
//!
//! - Times are whole **microseconds since the Unix epoch, UTC**: exact, the same in any time zone, sorted as numbers, and
//!   what `make_timestamp(at)` in `DuckDB` and `to_datetime(at, unit="us")` in pandas take as they are.
//! - Values are absolute. Columns of one line have one length: `unnest` turns them into rows. `after` says how many
//!   microseconds after the one before it (the first: after `at`) each fact was seen, `enqueued_ago` how many before `at`
//!   the last event was enqueued, by the service's clock, `written` when a checkpoint was
//!   written, `renewed` when an owner last renewed its hold on a partition. A column that would hold nothing but `null` is left out.
//! - Histograms of latencies (microseconds) are in `HdrHistogram`'s V2 encoding, as base64; an empty one is left out. They keep
//!   their counts, and so every figure that is read off them.
//! - A number that is not finite is no measurement and is written as 0. A reader leaves out counts and times beyond 2^53.
//!
//! **Versions.** `1.0` is major and minor. A reader takes any minor version of its major: facts and fields that it does
//! not know are left out and counted, see [`Skipped`]. A newer major version is refused with a sentence.

mod columns;
mod figures;
mod groups;
mod line;
mod plausible;

use serde::{Deserialize, Serialize};

pub use line::{LatenciesAre, LineWriter, Skipped, read_line, read_line_again};

use crate::model::units::Time;

/// The version of the format, as the first line says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    /// Readers refuse a newer one.
    pub major: u32,
    /// Readers take a newer one and leave out what they don't know.
    pub minor: u32,
}

impl Version {
    /// The one that this program writes.
    pub const OURS: Self = Self { major: 1, minor: 0 };
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

impl TryFrom<String> for Version {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parsed = text.split_once('.').and_then(|(major, minor)| {
            Some(Self { major: major.parse().ok()?, minor: minor.split('.').next()?.parse().ok()? })
        });
        parsed.ok_or_else(|| format!("{text:?} is not a version"))
    }
}

/// The first line of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format.
    #[serde(rename = "streamgauge")]
    pub version: Version,
    /// The version of the program that wrote it.
    pub program: String,
    /// When the recording began.
    #[serde(with = "micros")]
    pub started: Time,
    /// What was watched.
    #[serde(default)]
    pub scenario: ScenarioDescription,
}

/// What was watched, in words. There is no place here for an address with a credential, so none can be recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ScenarioDescription {
    /// As in the title line of the screen.
    pub title: String,
    /// What the ingest log is called.
    pub ingest: String,
    /// What the processor is called.
    pub processor: String,
    /// What the serving store is called.
    pub store: String,
}

impl Header {
    /// The header of a recording that this program begins.
    pub fn new(started: Time, scenario: ScenarioDescription) -> Self {
        Self { version: Version::OURS, program: env!("CARGO_PKG_VERSION").into(), started, scenario }
    }

    /// The line, with its end.
    pub fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    /// Reads a first line; `None` if it is not one of a recording.
    pub fn from_line(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

/// A [`Time`] as whole microseconds.
mod micros {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::model::units::Time;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
    pub(super) fn serialize<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(time.as_micros())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        i64::deserialize(deserializer).map(Time::from_micros)
    }
}

/// A span of time as an offset that always comes back: absurd times wrap around, there and back.
fn offset(from: Time, to: Time) -> i64 {
    to.as_micros().wrapping_sub(from.as_micros())
}

/// The moment at an offset.
fn at_offset(from: Time, offset: i64) -> Time {
    Time::from_micros(from.as_micros().wrapping_add(offset))
}
