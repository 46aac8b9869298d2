//! The document of a report: all its figures as one value, which is printed as JSON, text or Markdown. The schema of the JSON
//! is made from these types and stands in `docs/report.schema.json`.
//!
//! Times are given twice: as a time of day in UTC (RFC 3339), and in seconds from the begin of the session. Spans are in
//! seconds, rates per second. A figure that could not be measured is `null`, never zero.

mod making;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::verdict::Verdict;
use crate::load::search::{Found, Tried, Try};
use crate::model::units::Time;
use crate::recording::format::ScenarioDescription;

/// The version of this document. A field that is added leaves it; a field that changes its meaning raises it.
pub const FORMAT: u32 = 1;

/// RFC 3339, to the millisecond.
const MOMENT: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// A time of day in UTC, as RFC 3339 says it.
pub fn time_of_day(at: Time) -> String {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.as_micros()) * 1_000);
    moment.ok().and_then(|moment| moment.format(MOMENT).ok()).unwrap_or_else(|| "beyond the calendar".into())
}

/// A figure with so many digits as it deserves: thousandths.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

fn seconds(span: Duration) -> f64 {
    span.as_micros() as f64 / 1e6
}

/// All that a report says.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Document {
    /// The version of this document: 1.
    pub format: u32,
    /// The version of the program that made it.
    pub program: String,
    /// What it speaks of.
    pub session: SessionPart,
    /// What a search for the highest rate found; left out where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchPart>,
    /// The stages of the pipeline, in the order of the flow; a stage that was not watched is left out.
    pub stages: Vec<Stage>,
    /// How far the processor was behind.
    pub lag: LagPart,
    /// How long events took; what was not measured is left out.
    pub latencies: Vec<Latency>,
    /// What became of the load's own events; `null` if nobody counted.
    pub tally: Option<Tally>,
    /// How the capacity of the store and of the ingest log was used.
    pub capacity: CapacityPart,
    /// When a station did not answer, or was stopped.
    pub faults: Vec<FaultPart>,
    /// Moments that somebody wanted remembered.
    pub marks: Vec<MarkPart>,
    /// Whether the session kept the rules.
    pub verdict: Verdict,
}

/// What a search for the highest rate that is kept up with found.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SearchPart {
    /// The highest rate that was kept up with, in events a second; `null` if none of those tried was.
    pub highest: Option<f64>,
    /// The lowest rate that was not, in events a second; `null` if there was none.
    pub next: Option<f64>,
    /// Why that rate was not kept up with.
    pub reason: Option<String>,
    /// How many rates were tried to the end.
    pub tries: u32,
    /// Each of them, in order.
    pub tried: Vec<TriedPart>,
    /// Why the search ended before it was finished, in a few words; `null` if it was finished.
    pub unfinished: Option<String>,
    /// All that as a sentence.
    pub sentence: String,
}

/// A rate that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TriedPart {
    /// In events a second.
    pub rate: f64,
    /// Whether it was kept up with; `null` if that can't be told.
    pub kept_up: Option<bool>,
    /// Why not, or why it can't be told; `null` if it was kept up with.
    pub reason: Option<String>,
}

impl From<&Tried> for TriedPart {
    fn from(Tried { rate, outcome }: &Tried) -> Self {
        let (kept_up, reason) = match outcome {
            Try::KeptUp => (Some(true), None),
            Try::FellBehind(reason) => (Some(false), Some(reason.clone())),
            Try::Unmeasured(reason) => (None, Some(reason.clone())),
        };
        Self { rate: *rate, kept_up, reason }
    }
}

impl From<&Found> for SearchPart {
    fn from(found: &Found) -> Self {
        let Found { highest, next, tried, unfinished } = found.clone();
        let (next, reason) = next.unzip();
        Self {
            highest,
            next,
            reason,
            tries: u32::try_from(tried.len()).unwrap_or(u32::MAX),
            tried: tried.iter().map(TriedPart::from).collect(),
            unfinished,
            sentence: found.to_string(),
        }
    }
}

/// A moment.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Moment {
    /// UTC, RFC 3339.
    pub at: String,
    /// Seconds from the begin of the session.
    pub second: f64,
}

impl Moment {
    /// A moment of a session that began at a time.
    pub fn of(begin: Time, at: Time) -> Self {
        Self { at: time_of_day(at), second: rounded(seconds(at.since(begin))) }
    }
}

/// What a report speaks of.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SessionPart {
    /// The recording, or `live`.
    pub source: String,
    /// What was watched.
    pub scenario: ScenarioPart,
    /// When the first observation was made.
    pub begin: Moment,
    /// When the last one was made.
    pub end: Moment,
    /// How many there are.
    pub observations: u64,
    /// `null` if all was read to the end; otherwise what is missing, in one sentence.
    pub incomplete: Option<String>,
    /// Facts of the recording that this program does not understand.
    pub skipped: u64,
    /// Rules judge what comes after so many seconds.
    pub warm_up: f64,
}

/// What was watched, in words.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ScenarioPart {
    /// As in the title line of the screen.
    pub title: String,
    /// What the ingest log is called.
    pub ingest: String,
    /// What the processor is called.
    pub processor: String,
    /// What the serving store is called.
    pub store: String,
}

impl From<&ScenarioDescription> for ScenarioPart {
    fn from(description: &ScenarioDescription) -> Self {
        let ScenarioDescription { title, ingest, processor, store } = description.clone();
        Self { title, ingest, processor, store }
    }
}

/// The names of the stages, in the order of the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StageName {
    /// Events whose time had come, by the load's plan.
    Due,
    /// Events handed to the client.
    Sent,
    /// Events that the log acknowledged.
    Acknowledged,
    /// Events enqueued, by the log ends of all partitions.
    Enqueued,
    /// Events processed, by the positions of all partitions.
    Processed,
    /// Writes that the store took, by its log sequence numbers: repeats count.
    Writes,
    /// Distinct events of the load that were seen in the store.
    Stored,
    /// Writes that the store answered with 429.
    Throttled,
}

impl StageName {
    /// As in a table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Sent => "sent",
            Self::Acknowledged => "acknowledged",
            Self::Enqueued => "enqueued",
            Self::Processed => "processed",
            Self::Writes => "writes",
            Self::Stored => "stored",
            Self::Throttled => "throttled",
        }
    }
}

/// What one stage did.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Stage {
    /// Which.
    pub stage: StageName,
    /// Counted from the first look at it to the last.
    pub events: u64,
    /// Per second over that time; `null` before a second look.
    pub mean: Option<f64>,
    /// The best whole minute. Minutes are counted from the end of the warm-up, forth and back.
    pub best_minute: Option<MinuteRate>,
    /// The worst whole minute.
    pub worst_minute: Option<MinuteRate>,
}

/// The rate of one minute.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct MinuteRate {
    /// When it began.
    pub from: Moment,
    /// Events a second in it.
    pub rate: f64,
}

/// How far the processor was behind, from a look each second.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LagPart {
    /// The most events that waited at once over all partitions.
    pub most_events: Option<Peak>,
    /// The longest that an event had waited, in seconds, on any partition.
    pub longest: Option<Peak>,
    /// Events that waited at the end, over all partitions; `null` if the lag of any could not be seen then.
    pub at_end: Option<u64>,
    /// Seconds under each word for the whole pipeline.
    pub words: BTreeMap<String, u64>,
    /// Seconds in each status, over all partitions.
    pub statuses: BTreeMap<String, u64>,
    /// Each partition.
    pub partitions: Vec<PartitionPart>,
}

/// The highest value, and when it was first reached.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Peak {
    /// The value.
    pub value: f64,
    /// When.
    pub when: Moment,
}

/// How far the processor was behind on one partition.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PartitionPart {
    /// Which.
    pub partition: u32,
    /// Events enqueued.
    pub enqueued: u64,
    /// Events processed.
    pub processed: u64,
    /// The most events that waited.
    pub most_events: Option<Peak>,
    /// The longest that an event had waited, in seconds.
    pub longest: Option<Peak>,
    /// Events that waited at the end; `null` if that could not be seen then.
    pub at_end: Option<u64>,
    /// Events that the log dropped before they were read.
    pub missed: u64,
    /// Seconds in each status.
    pub statuses: BTreeMap<String, u64>,
}

/// What a latency was measured from and to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LatencyName {
    /// From the moment an event was due to its acknowledgement by the log.
    FromDue,
    /// From the moment its batch was sent to its acknowledgement by the log.
    FromSend,
    /// From its enqueued time to the moment at which it was seen in the store.
    Stored,
}

impl LatencyName {
    /// As in a table.
    pub fn word(self) -> &'static str {
        match self {
            Self::FromDue => "due to acknowledged",
            Self::FromSend => "sent to acknowledged",
            Self::Stored => "enqueued to stored",
        }
    }
}

/// How long events took, over the whole session. Two significant digits.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Latency {
    /// From what to what.
    pub latency: LatencyName,
    /// Events that were measured.
    pub count: u64,
    /// Half of them took at most so many seconds.
    pub p50: f64,
    /// 90 of 100.
    pub p90: f64,
    /// 99 of 100.
    pub p99: f64,
    /// 999 of 1,000.
    #[serde(rename = "p99_9")]
    pub p999: f64,
    /// All of them.
    pub max: f64,
}

/// What became of the load's own events, from its first one on, as it was last counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tally {
    /// Distinct events handed to the client.
    pub sent: u64,
    /// Copies sent on purpose beside them.
    pub copies: u64,
    /// Distinct events that the log acknowledged.
    pub acknowledged: u64,
    /// Distinct events seen in the store.
    pub stored: u64,
    /// Acknowledged, and neither stored nor known to be lost.
    pub in_flight: u64,
    /// Given up by the load, and not seen in the store: perhaps never enqueued.
    pub unconfirmed: u64,
    /// Writes to the store beyond the first of each event.
    pub duplicated: u64,
    /// Acknowledged, passed by the processor, and certainly not in the store.
    pub lost: u64,
    /// Of the acknowledged events, how many the figure of the lost ones covers.
    pub judged: u64,
    /// Items in the store that are not of this load.
    pub foreign: u64,
    /// Events stored after a later one of the same device, for certain; `null` if it was not watched.
    pub out_of_order: Option<u64>,
    /// At most so many more may have been: repeats, or a part of the change feed that was missed, hide it.
    pub order_undecided: Option<u64>,
}

/// How the capacity of the store and of the ingest log was used.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CapacityPart {
    /// Provisioned request units a second, as they were last.
    pub provisioned: Option<f64>,
    /// The same over all the time of the charge: they may have been others before.
    pub provisioned_mean: Option<f64>,
    /// Request units that the processor's accepted writes cost, in all.
    pub charge: Option<f64>,
    /// The same a second, over all the time.
    pub mean: Option<f64>,
    /// The mean as a share of `provisioned_mean`: 1 is all of it.
    pub mean_share: Option<f64>,
    /// The highest share, of three seconds.
    pub highest_share: Option<Peak>,
    /// The highest share that one physical partition used of its own part, estimated from its share of the writes.
    pub hottest_share: Option<Peak>,
    /// Writes answered with 429, in all.
    pub throttled: Option<u64>,
    /// Bytes of event bodies that the log acknowledged, a second.
    pub ingest_bytes: Option<f64>,
    /// What the ingest log takes in at most; `null` where that is not known.
    pub ingest_limit: Option<IngestLimit>,
    /// The mean share of that limit that came in, of events or of bytes, whichever was nearer: 1 is all of it.
    pub ingest_mean_share: Option<f64>,
    /// The highest share, of three seconds.
    pub ingest_highest_share: Option<Peak>,
    /// Of which of the two limits the highest share is.
    pub ingest_highest_of: Option<LimitOf>,
}

/// What an ingest log takes in at most.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct IngestLimit {
    /// As in a sentence, such as `2 throughput units`.
    pub text: String,
    /// Events a second.
    pub events: f64,
    /// Bytes a second.
    pub bytes: f64,
}

/// Which of two limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitOf {
    /// That of events a second.
    Events,
    /// That of bytes a second.
    Bytes,
}

impl LimitOf {
    /// As in a sentence.
    pub fn word(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Bytes => "bytes",
        }
    }
}

/// A time in which a station did not answer, or was stopped.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FaultPart {
    /// Which station.
    pub station: String,
    /// When it began.
    pub from: Moment,
    /// How many seconds it lasted; `null` if it was not over at the end.
    pub lasted: Option<f64>,
    /// One sentence.
    pub reason: String,
}

/// A moment that somebody wanted remembered.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct MarkPart {
    /// When.
    pub when: Moment,
    /// What it was called.
    pub text: String,
}

/// Where an account comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// The recording, or `live`.
    pub source: String,
    /// What was watched.
    pub scenario: ScenarioDescription,
    /// What is missing, in one sentence; `None` if nothing is.
    pub incomplete: Option<String>,
    /// Facts that this program does not understand.
    pub skipped: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_search_found_is_figures_and_a_sentence() {
        let reason = "Cosmos DB throttles".to_owned();
        let tried = vec![
            Tried { rate: 594.0, outcome: Try::KeptUp },
            Tried { rate: 625.0, outcome: Try::FellBehind(reason.clone()) },
        ];
        let next = Some((625.0, reason));
        let found = SearchPart::from(&Found { highest: Some(594.0), next, tried, unfinished: None });
        assert_eq!((found.highest, found.next, found.tries), (Some(594.0), Some(625.0), 2));
        assert_eq!(found.reason.as_deref(), Some("Cosmos DB throttles"));
        assert_eq!(found.tried.iter().map(|tried| tried.kept_up).collect::<Vec<_>>(), [Some(true), Some(false)]);
        assert_eq!(found.sentence, "keeps up with 594/s; with 625/s it does not: Cosmos DB throttles");

        let found = Found { highest: Some(5_000.0), next: None, tried: Vec::new(), unfinished: None };
        let all = SearchPart::from(&found);
        assert_eq!((all.next, all.reason, all.unfinished), (None, None, None));
    }
}
