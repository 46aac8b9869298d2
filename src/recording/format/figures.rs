//! Facts that stand alone on a line: figures of the load, the processor, the store and the tally, and stations.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer as HistogramReader, Serializer as _, V2Serializer};
use serde::{Deserialize, Serialize};

use super::line::LatenciesAre;
use crate::model::observation::{
    Latencies, LoadFigures, ProcessorFigures, Station, StationState, Stored, TallyFigures, Target,
};
use crate::model::units::{EventRate, RequestUnits, Time};

/// A histogram as text: base64 of its V2 encoding, or nothing where it is empty.
type HistogramText = Option<String>;

/// Histograms of wider bounds are refused: our own have one hour and two digits, and a few crafted bytes could ask for
/// megabytes of counters.
const HIGHEST_BOUND: u64 = 86_400_000_000;
const MOST_DIGITS: u32 = 2;

fn histogram_text(latencies: &Latencies) -> HistogramText {
    if latencies.0.is_empty() {
        return None;
    }
    let mut bytes = Vec::new();
    // Writing to memory can't fail; a histogram without its text is an interval without a figure.
    V2Serializer::new().serialize(&latencies.0, &mut bytes).ok()?;
    Some(BASE64.encode(bytes))
}

fn histogram(text: Option<&str>, latencies: LatenciesAre) -> Option<Latencies> {
    // One for all: an empty histogram has all its counters, too, and a quiet session has many.
    static EMPTY: LazyLock<Arc<Histogram<u64>>> = LazyLock::new(|| Arc::new(Latencies::histogram()));
    let Some(text) = text.filter(|_| latencies == LatenciesAre::Read) else {
        return Some(Latencies(Arc::clone(&EMPTY)));
    };
    let bytes = BASE64.decode(text).ok()?;
    // The header of V2: cookie, length, offset and digits of four bytes each, then the bounds of eight bytes each.
    let digits = u32::from_be_bytes(*bytes.get(12..)?.first_chunk()?);
    let highest = u64::from_be_bytes(*bytes.get(24..)?.first_chunk()?);
    if digits > MOST_DIGITS || highest > HIGHEST_BOUND {
        return None;
    }
    HistogramReader::new().deserialize(&mut bytes.as_slice()).ok().map(|read| Latencies(Arc::new(read)))
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredLine {
    items: u64,
    charge: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latency: HistogramText,
}

impl StoredLine {
    pub(super) fn of(stored: &Stored) -> Self {
        Self { items: stored.items, charge: finite(stored.charge.0), latency: histogram_text(&stored.latency) }
    }

    pub(super) fn read(self, latencies: LatenciesAre) -> Option<Stored> {
        let latency = histogram(self.latency.as_deref(), latencies)?;
        Some(Stored { items: self.items, latency, charge: RequestUnits(self.charge) })
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ProcessorLine {
    received: u64,
    written: u64,
    throttled: u64,
    failed: u64,
    charge: f64,
    checkpoints: u64,
    rejected: u64,
}

impl ProcessorLine {
    pub(super) fn of(figures: &ProcessorFigures) -> Self {
        let ProcessorFigures { received, written, throttled, failed, charge, checkpoints, rejected } = *figures;
        Self { received, written, throttled, failed, charge: finite(charge.0), checkpoints, rejected }
    }

    pub(super) fn read(self) -> ProcessorFigures {
        let Self { received, written, throttled, failed, charge, checkpoints, rejected } = self;
        ProcessorFigures { received, written, throttled, failed, charge: RequestUnits(charge), checkpoints, rejected }
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TargetLine {
    Paused,
    Rate(f64),
    Unlimited,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LoadLine {
    target: TargetLine,
    due: u64,
    sent: u64,
    acknowledged: u64,
    failed: u64,
    acknowledged_bytes: u64,
    /// Microseconds.
    behind: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from_due: HistogramText,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from_send: HistogramText,
}

impl LoadLine {
    pub(super) fn of(figures: &LoadFigures) -> Self {
        Self {
            target: match figures.target {
                Target::Paused => TargetLine::Paused,
                Target::Rate(rate) => TargetLine::Rate(rate.per_second()),
                Target::Unlimited => TargetLine::Unlimited,
            },
            due: figures.due,
            sent: figures.sent,
            acknowledged: figures.acknowledged,
            failed: figures.failed,
            acknowledged_bytes: figures.acknowledged_bytes,
            behind: u64::try_from(figures.behind.as_micros()).unwrap_or(u64::MAX),
            from_due: histogram_text(&figures.from_due),
            from_send: histogram_text(&figures.from_send),
        }
    }

    pub(super) fn read(self, latencies: LatenciesAre) -> Option<LoadFigures> {
        Some(LoadFigures {
            target: match self.target {
                TargetLine::Paused => Target::Paused,
                TargetLine::Rate(rate) => Target::Rate(EventRate::new(rate)),
                TargetLine::Unlimited => Target::Unlimited,
            },
            due: self.due,
            sent: self.sent,
            acknowledged: self.acknowledged,
            failed: self.failed,
            acknowledged_bytes: self.acknowledged_bytes,
            behind: Duration::from_micros(self.behind),
            from_due: histogram(self.from_due.as_deref(), latencies)?,
            from_send: histogram(self.from_send.as_deref(), latencies)?,
        })
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TallyLine {
    sent: u64,
    copies: u64,
    acknowledged: u64,
    stored: u64,
    unconfirmed: u64,
    lost: u64,
    judged: u64,
    duplicated: u64,
    foreign: u64,
}

impl TallyLine {
    pub(super) fn of(figures: &TallyFigures) -> Self {
        let TallyFigures { sent, copies, acknowledged, stored, unconfirmed, lost, judged, duplicated, foreign } =
            *figures;
        Self { sent, copies, acknowledged, stored, unconfirmed, lost, judged, duplicated, foreign }
    }

    pub(super) fn read(self) -> TallyFigures {
        let Self { sent, copies, acknowledged, stored, unconfirmed, lost, judged, duplicated, foreign } = self;
        TallyFigures { sent, copies, acknowledged, stored, unconfirmed, lost, judged, duplicated, foreign }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StationName {
    Load,
    Ingest,
    Processor,
    Checkpoints,
    Store,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StateName {
    Connected,
    Retrying,
    Stopped,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StationLine {
    name: StationName,
    state: StateName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_attempt: Option<i64>,
}

impl StationLine {
    pub(super) fn of(station: Station, state: &StationState) -> Self {
        let name = match station {
            Station::Load => StationName::Load,
            Station::Ingest => StationName::Ingest,
            Station::Processor => StationName::Processor,
            Station::Checkpoints => StationName::Checkpoints,
            Station::Store => StationName::Store,
        };
        let (state, reason, next_attempt) = match state {
            StationState::Connected => (StateName::Connected, None, None),
            StationState::Stopped => (StateName::Stopped, None, None),
            StationState::Retrying { reason, next_attempt } => {
                (StateName::Retrying, Some(reason.clone()), Some(next_attempt.as_micros()))
            }
        };
        Self { name, state, reason, next_attempt }
    }

    pub(super) fn read(self) -> Option<(Station, StationState)> {
        let station = match self.name {
            StationName::Load => Station::Load,
            StationName::Ingest => Station::Ingest,
            StationName::Processor => Station::Processor,
            StationName::Checkpoints => Station::Checkpoints,
            StationName::Store => Station::Store,
        };
        let state = match self.state {
            StateName::Connected => StationState::Connected,
            StateName::Stopped => StationState::Stopped,
            StateName::Retrying => StationState::Retrying {
                reason: self.reason.unwrap_or_default(),
                next_attempt: Time::from_micros(self.next_attempt?),
            },
        };
        Some((station, state))
    }
}
