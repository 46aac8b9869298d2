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
    Hub, IngestCapacity, Latencies, LoadFigures, OrderFigures, ProbeFigures, ProcessorFigures, Provisioned, Station,
    StationState, Stored, TallyFigures, Target,
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

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredLine {
    items: u64,
    charge: f64,
    /// Microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resolution: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latency: HistogramText,
}

impl StoredLine {
    pub(super) fn of(stored: &Stored) -> Self {
        Self {
            items: stored.items,
            charge: finite(stored.charge.0),
            resolution: stored.resolution.map(micros),
            latency: histogram_text(&stored.latency),
        }
    }

    pub(super) fn read(self, latencies: LatenciesAre) -> Option<Stored> {
        let latency = histogram(self.latency.as_deref(), latencies)?;
        let resolution = self.resolution.map(Duration::from_micros);
        Some(Stored { items: self.items, latency, resolution, charge: RequestUnits(self.charge) })
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
            behind: micros(figures.behind),
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
    #[serde(default, skip_serializing_if = "is_zero")]
    unknowable: u64,
    /// Both or none: recordings from before it was watched have neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    out_of_order: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order_undecided: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl TallyLine {
    pub(super) fn of(figures: &TallyFigures) -> Self {
        let TallyFigures {
            sent,
            copies,
            acknowledged,
            stored,
            unconfirmed,
            lost,
            judged,
            duplicated,
            foreign,
            unknowable,
            order,
        } = *figures;
        Self {
            sent,
            copies,
            acknowledged,
            stored,
            unconfirmed,
            lost,
            judged,
            duplicated,
            foreign,
            unknowable,
            out_of_order: order.map(|order| order.late),
            order_undecided: order.map(|order| order.undecided),
        }
    }

    pub(super) fn read(self) -> TallyFigures {
        let Self {
            sent, copies, acknowledged, stored, unconfirmed, lost, judged, duplicated, foreign, unknowable, ..
        } = self;
        let order =
            self.out_of_order.zip(self.order_undecided).map(|(late, undecided)| OrderFigures { late, undecided });
        TallyFigures {
            sent,
            copies,
            acknowledged,
            stored,
            unconfirmed,
            lost,
            judged,
            duplicated,
            foreign,
            unknowable,
            order,
        }
    }
}

/// What the ingest log says of itself.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct HubLine {
    partitions: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failovers: Option<u64>,
}

impl HubLine {
    pub(super) fn of(hub: &Hub) -> Self {
        Self { partitions: hub.partitions, created: hub.created_at.map(Time::as_micros), failovers: hub.failovers }
    }

    pub(super) fn read(&self) -> Hub {
        Hub { partitions: self.partitions, created_at: self.created.map(Time::from_micros), failovers: self.failovers }
    }
}

/// What the ingest log takes in at most. A kind that a newer version writes is none to this one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct IngestCapacityLine {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    throughput_units: Option<u32>,
}

impl IngestCapacityLine {
    pub(super) fn of(capacity: IngestCapacity) -> Self {
        let IngestCapacity::ThroughputUnits(units) = capacity;
        Self { throughput_units: Some(units) }
    }

    pub(super) fn read(&self) -> Option<IngestCapacity> {
        self.throughput_units.map(IngestCapacity::ThroughputUnits)
    }
}

/// What the store may spend: a bare number, as it always was, where it is provisioned by hand.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum ProvisionedLine {
    Manual(f64),
    Autoscale { autoscale: f64 },
    Unknown { unknown: String },
}

impl ProvisionedLine {
    pub(super) fn of(provisioned: &Provisioned) -> Self {
        match provisioned {
            Provisioned::Manual(units) => Self::Manual(finite(units.0)),
            Provisioned::Autoscale { most } => Self::Autoscale { autoscale: finite(most.0) },
            Provisioned::Unknown { reason } => Self::Unknown { unknown: reason.clone() },
        }
    }

    pub(super) fn read(self) -> Provisioned {
        match self {
            Self::Manual(units) => Provisioned::Manual(RequestUnits(units)),
            Self::Autoscale { autoscale } => Provisioned::Autoscale { most: RequestUnits(autoscale) },
            Self::Unknown { unknown } => Provisioned::Unknown { reason: unknown },
        }
    }
}

/// What a probe's looks cost.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ProbeLine {
    station: StationName,
    /// Microseconds.
    round: u64,
    calls: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    calls_limit: Option<f64>,
    charge: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    charge_limit: Option<f64>,
    throttled: u64,
}

impl ProbeLine {
    pub(super) fn of(figures: &ProbeFigures) -> Self {
        Self {
            station: StationName::of(figures.station),
            round: micros(figures.round),
            calls: figures.calls,
            calls_limit: figures.calls_limit.map(finite),
            charge: finite(figures.charge.0),
            charge_limit: figures.charge_limit.map(|limit| finite(limit.0)),
            throttled: figures.throttled,
        }
    }

    pub(super) fn read(self) -> ProbeFigures {
        ProbeFigures {
            station: self.station.read(),
            round: Duration::from_micros(self.round),
            calls: self.calls,
            calls_limit: self.calls_limit,
            charge: RequestUnits(self.charge),
            charge_limit: self.charge_limit.map(RequestUnits),
            throttled: self.throttled,
        }
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

impl StationName {
    fn of(station: Station) -> Self {
        match station {
            Station::Load => Self::Load,
            Station::Ingest => Self::Ingest,
            Station::Processor => Self::Processor,
            Station::Checkpoints => Self::Checkpoints,
            Station::Store => Self::Store,
        }
    }

    fn read(&self) -> Station {
        match self {
            Self::Load => Station::Load,
            Self::Ingest => Station::Ingest,
            Self::Processor => Station::Processor,
            Self::Checkpoints => Station::Checkpoints,
            Self::Store => Station::Store,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StateName {
    Connected,
    Retrying,
    Stopped,
    Unwatched,
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
        let name = StationName::of(station);
        let (state, reason, next_attempt) = match state {
            StationState::Connected => (StateName::Connected, None, None),
            StationState::Stopped => (StateName::Stopped, None, None),
            StationState::Unwatched => (StateName::Unwatched, None, None),
            StationState::Retrying { reason, next_attempt } => {
                (StateName::Retrying, Some(reason.clone()), Some(next_attempt.as_micros()))
            }
        };
        Self { name, state, reason, next_attempt }
    }

    pub(super) fn read(self) -> Option<(Station, StationState)> {
        let station = self.name.read();
        let state = match self.state {
            StateName::Connected => StationState::Connected,
            StateName::Stopped => StationState::Stopped,
            StateName::Unwatched => StationState::Unwatched,
            StateName::Retrying => StationState::Retrying {
                reason: self.reason.unwrap_or_default(),
                next_attempt: Time::from_micros(self.next_attempt?),
            },
        };
        Some((station, state))
    }
}
