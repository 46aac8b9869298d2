//! One line: a fact, or a run of facts of one kind; there and back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::columns::{Checkpoints, LogEnds, Positions, StoreRanges};
use super::figures::{
    HubLine, IngestCapacityLine, LoadLine, ProbeLine, ProcessorLine, ProvisionedLine, StationLine, StoredLine,
    TallyLine,
};
use super::groups::GroupsLine;
use super::offset;
use super::plausible::is_plausible;
use crate::model::observation::{Fact, Observation};
use crate::model::units::{RangeId, Time};

/// A line: when, and one of the facts.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Line {
    at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hub: Option<HubLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ingest_capacity: Option<IngestCapacityLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    log_end: Option<LogEnds>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    position: Option<Positions>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    groups: Option<GroupsLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checkpoint: Option<Checkpoints>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    store_range: Option<StoreRanges>,
    /// All physical partitions that there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    store_ranges: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provisioned: Option<ProvisionedLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probe: Option<ProbeLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stored: Option<StoredLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    processor: Option<ProcessorLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    load: Option<LoadLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tally: Option<TallyLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    station: Option<StationLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mark: Option<String>,
}

/// Makes lines of observations. Facts of one kind that follow one another gather in a line, until another kind comes.
#[derive(Debug, Default)]
pub struct LineWriter {
    /// The open line, how many facts it has, and when the last of them was seen.
    open: Option<(Line, usize, Time)>,
}

/// Facts in a line, at most: a line stays readable, and memory bounded.
const LONGEST_RUN: usize = 4_096;

/// Microseconds that a line may span.
const LONGEST_SPAN: i64 = 1_000_000;

impl LineWriter {
    /// Takes an observation, and writes the line before it to `text` if that one is complete.
    pub fn push(&mut self, observation: &Observation, text: &mut Vec<u8>) {
        if !self.joins(observation) {
            self.finish(text);
        }
        let at = observation.at;
        let (line, rows, last) = self.open.get_or_insert_with(|| {
            // Columns count from a whole millisecond: services date in milliseconds, and so keep their round figures.
            let gathers = matches!(
                observation.fact,
                Fact::LogEnd(_) | Fact::Position(_) | Fact::Checkpoint(_) | Fact::StoreRange(_)
            );
            let base =
                if gathers { at.as_micros().wrapping_sub(at.as_micros().rem_euclid(1_000)) } else { at.as_micros() };
            (Line { at: base, ..Line::default() }, 0, Time::from_micros(base))
        });
        *rows += 1;
        let base = Time::from_micros(line.at);
        let since = std::mem::replace(last, at);
        match &observation.fact {
            Fact::LogEnd(fact) => line.log_end.get_or_insert_default().push(base, since, at, fact),
            Fact::Position(fact) => line.position.get_or_insert_default().push(since, at, fact),
            Fact::Group(group) => line.group = Some(group.clone()),
            Fact::Groups(groups) => line.groups = Some(GroupsLine::of(groups)),
            Fact::Checkpoint(fact) => line.checkpoint.get_or_insert_default().push(since, at, fact),
            Fact::StoreRange(fact) => line.store_range.get_or_insert_default().push(since, at, fact),
            Fact::Hub(hub) => line.hub = Some(HubLine::of(hub)),
            Fact::IngestCapacity(capacity) => line.ingest_capacity = Some(IngestCapacityLine::of(*capacity)),
            Fact::StoreRanges(ranges) => {
                line.store_ranges = Some(ranges.iter().map(|range| range.0.clone()).collect());
            }
            Fact::Provisioned(provisioned) => line.provisioned = Some(ProvisionedLine::of(provisioned)),
            Fact::Probe(figures) => line.probe = Some(ProbeLine::of(figures)),
            Fact::Stored(stored) => line.stored = Some(StoredLine::of(stored)),
            Fact::Processor(figures) => line.processor = Some(ProcessorLine::of(figures)),
            Fact::Load(figures) => line.load = Some(LoadLine::of(figures)),
            Fact::Tally(figures) => line.tally = Some(TallyLine::of(figures)),
            Fact::Station(station, state) => line.station = Some(StationLine::of(*station, state)),
            Fact::Mark(mark) => line.mark = Some(mark.clone()),
        }
    }

    /// Writes the line that is still open, if there is one.
    pub fn finish(&mut self, text: &mut Vec<u8>) {
        if let Some((line, ..)) = self.open.take() {
            let begin = text.len();
            // Writing to memory can't fail for such a line; if it did, half of it must not stay.
            match serde_json::to_writer(&mut *text, &line) {
                Ok(()) => text.push(b'\n'),
                Err(_) => text.truncate(begin),
            }
        }
    }

    fn joins(&self, observation: &Observation) -> bool {
        let Some((line, rows, _)) = &self.open else { return true };
        let span = offset(Time::from_micros(line.at), observation.at);
        let same = match observation.fact {
            Fact::LogEnd(_) => line.log_end.is_some(),
            Fact::Position(_) => line.position.is_some(),
            Fact::Checkpoint(_) => line.checkpoint.is_some(),
            Fact::StoreRange(_) => line.store_range.is_some(),
            _ => false,
        };
        same && *rows < LONGEST_RUN && (-LONGEST_SPAN..=LONGEST_SPAN).contains(&span)
    }
}

/// What was left out while reading: facts and fields of a newer minor version, lines that make no sense. By name, with
/// how often each came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Skipped {
    counts: BTreeMap<String, u64>,
}

impl Skipped {
    /// So many names are told apart; the rest counts as "others".
    const NAMES: usize = 32;

    /// Adds one.
    pub fn count(&mut self, name: &str) {
        let name = if self.counts.contains_key(name) || self.counts.len() < Self::NAMES { name } else { "others" };
        *self.counts.entry(name.chars().take(64).collect()).or_default() += 1;
    }

    /// Whether nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// How much was left out, over all names.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Name and count, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts.iter().map(|(name, count)| (name.as_str(), *count))
    }
}

/// Whether latencies are read or passed over. Their histograms are most of the work of reading, and only those of the
/// last seconds before a moment matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatenciesAre {
    /// They are read.
    Read,
    /// Each is taken for empty.
    PassedOver,
}

/// Reads a line again that was read before: what can't be understood was counted then.
pub fn read_line_again(text: &[u8], latencies: LatenciesAre, to: &mut Vec<Observation>) {
    if let Ok(line) = serde_json::from_slice::<Line>(text) {
        line.read(latencies, to);
    }
}

/// Reads a line and adds what it holds to `to`. What can't be understood is counted in `skipped`.
pub fn read_line(text: &[u8], latencies: LatenciesAre, to: &mut Vec<Observation>, skipped: &mut Skipped) {
    if text.iter().all(u8::is_ascii_whitespace) {
        return;
    }
    let mut json = serde_json::Deserializer::from_slice(text);
    let mut unknown = false;
    let line: Result<Line, _> = serde_ignored::deserialize(&mut json, |path| {
        unknown = true;
        skipped.count(&path.to_string());
    });
    let known = line.ok().filter(|_| json.end().is_ok()).and_then(|line| line.read(latencies, to));
    match known {
        None => skipped.count("lines that can't be read"),
        Some(0) if !unknown => skipped.count("lines without a fact"),
        Some(_) => {}
    }
}

impl Line {
    /// The facts of the line, and how many kinds it holds; `None`, and nothing added, if a fact makes no sense.
    fn read(self, latencies: LatenciesAre, to: &mut Vec<Observation>) -> Option<usize> {
        let begin = to.len();
        let read = self.read_all(latencies, to).filter(|_| to[begin..].iter().all(is_plausible));
        if read.is_none() {
            to.truncate(begin);
        }
        read
    }

    fn read_all(self, latencies: LatenciesAre, to: &mut Vec<Observation>) -> Option<usize> {
        let at = Time::from_micros(self.at);
        let mut kinds = 0;
        if let Some(columns) = self.log_end {
            columns.rows(at, to)?;
            kinds += 1;
        }
        if let Some(columns) = self.position {
            columns.rows(at, to)?;
            kinds += 1;
        }
        if let Some(columns) = self.checkpoint {
            columns.rows(at, to)?;
            kinds += 1;
        }
        if let Some(columns) = self.store_range {
            columns.rows(at, to)?;
            kinds += 1;
        }
        let mut add = |fact| {
            to.push(Observation { at, fact });
            kinds += 1;
        };
        if let Some(hub) = self.hub {
            add(Fact::Hub(hub.read()));
        }
        if let Some(capacity) = self.ingest_capacity {
            add(Fact::IngestCapacity(capacity.read()?));
        }
        if let Some(ranges) = self.store_ranges {
            add(Fact::StoreRanges(ranges.into_iter().map(RangeId).collect()));
        }
        if let Some(provisioned) = self.provisioned {
            add(Fact::Provisioned(provisioned.read()));
        }
        if let Some(probe) = self.probe {
            add(Fact::Probe(probe.read()));
        }
        if let Some(line) = self.stored {
            add(Fact::Stored(line.read(latencies)?));
        }
        if let Some(line) = self.processor {
            add(Fact::Processor(line.read()));
        }
        if let Some(line) = self.load {
            add(Fact::Load(line.read(latencies)?));
        }
        if let Some(line) = self.tally {
            add(Fact::Tally(line.read()));
        }
        if let Some(line) = self.station {
            let (station, state) = line.read()?;
            add(Fact::Station(station, state));
        }
        if let Some(group) = self.group {
            add(Fact::Group(group));
        }
        if let Some(groups) = self.groups {
            add(Fact::Groups(groups.read()));
        }
        if let Some(mark) = self.mark {
            add(Fact::Mark(mark));
        }
        Some(kinds)
    }
}
