//! Two reports side by side: the figures that both have, and what the second has more or less of.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::document::{Document, Latency, Peak, rounded};
use super::table::{Section, Table};
use crate::figures::{self, compact, count, span};

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Events, writes or times: a number.
    Count,
    /// Per second.
    Rate,
    /// Seconds.
    Seconds,
    /// A share: 1 is all.
    Share,
}

/// One figure of both.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Compared {
    /// What it is.
    pub figure: String,
    /// What it counts.
    pub unit: Unit,
    /// Of the first; `null` where it was not measured.
    pub a: Option<f64>,
    /// Of the second.
    pub b: Option<f64>,
    /// The second less the first.
    pub difference: Option<f64>,
    /// The difference as a share of the first; `null` where that is zero.
    pub change: Option<f64>,
}

/// Two reports side by side.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Comparison {
    /// The version of this document: 1.
    pub format: u32,
    /// The first recording.
    pub a: String,
    /// The second.
    pub b: String,
    /// `null` if the first was read to its end; otherwise what is missing, in one sentence.
    pub a_incomplete: Option<String>,
    /// The same of the second.
    pub b_incomplete: Option<String>,
    /// The figures.
    pub figures: Vec<Compared>,
}

/// The words and the statuses that at least one of two reports knows: a time that the other does not know is zero there.
struct Known {
    words: BTreeSet<String>,
    statuses: BTreeSet<String>,
}

impl Known {
    fn of(a: &Document, b: &Document) -> Self {
        let both = |times: fn(&Document) -> &BTreeMap<String, u64>| {
            times(a).keys().chain(times(b).keys()).cloned().collect::<BTreeSet<String>>()
        };
        Self { words: both(|document| &document.lag.words), statuses: both(|document| &document.lag.statuses) }
    }
}

/// The figures of a report that can be compared, each with its name.
fn figures(document: &Document, known: &Known) -> Vec<(String, Unit, Option<f64>)> {
    let mut figures = vec![("length".to_owned(), Unit::Seconds, Some(document.session.end.second))];
    let mut add = |name: String, unit, value: Option<f64>| figures.push((name, unit, value));
    let peak = |peak: &Option<Peak>| peak.as_ref().map(|peak| peak.value);
    for stage in &document.stages {
        let name = stage.stage.word();
        add(format!("{name}, events"), Unit::Count, Some(stage.events as f64));
        add(format!("{name}, mean"), Unit::Rate, stage.mean);
        for (which, minute) in [("best", &stage.best_minute), ("worst", &stage.worst_minute)] {
            add(format!("{name}, {which} minute"), Unit::Rate, minute.as_ref().map(|minute| minute.rate));
        }
    }
    for latency in &document.latencies {
        let name = latency.latency.word();
        let Latency { p50, p90, p99, p999, max, .. } = *latency;
        for (quantile, value) in [("p50", p50), ("p90", p90), ("p99", p99), ("p99.9", p999), ("max", max)] {
            add(format!("{name}, {quantile}"), Unit::Seconds, Some(value));
        }
    }
    let lag = &document.lag;
    add("lag, most".into(), Unit::Count, peak(&lag.most_events));
    add("lag, oldest".into(), Unit::Seconds, peak(&lag.longest));
    add("lag, at the end".into(), Unit::Count, lag.at_end.map(|events| events as f64));
    let words: u64 = lag.words.values().sum();
    let keeping_up = lag.words.get("keeping up").copied().unwrap_or(0);
    add("keeping up".into(), Unit::Share, (words > 0).then(|| keeping_up as f64 / words as f64));
    let times = [("pipeline", &known.words, &lag.words), ("partitions", &known.statuses, &lag.statuses)];
    for (of, names, seconds) in times {
        for name in names {
            let time = seconds.get(name).copied().unwrap_or(0) as f64;
            add(format!("{of}, {name}"), Unit::Seconds, (!seconds.is_empty()).then_some(time));
        }
    }
    if let Some(tally) = &document.tally {
        add("in flight".into(), Unit::Count, Some(tally.in_flight as f64));
        add("lost".into(), Unit::Count, Some(tally.lost as f64));
        add("duplicated".into(), Unit::Count, Some(tally.duplicated as f64));
        add("out of order".into(), Unit::Count, tally.out_of_order.map(|events| events as f64));
    }
    let capacity = &document.capacity;
    add("RU/s".into(), Unit::Rate, capacity.mean);
    add("RU share".into(), Unit::Share, capacity.mean_share);
    add("RU share, highest".into(), Unit::Share, peak(&capacity.highest_share));
    add("RU share, hottest".into(), Unit::Share, peak(&capacity.hottest_share));
    if capacity.ingest_limit.is_some() {
        add("ingest share".into(), Unit::Share, capacity.ingest_mean_share);
        add("ingest share, highest".into(), Unit::Share, peak(&capacity.ingest_highest_share));
    }
    add("faults".into(), Unit::Count, Some(document.faults.len() as f64));
    figures
}

impl Comparison {
    /// Compares two reports.
    pub fn of(a: &Document, b: &Document) -> Self {
        let known = Known::of(a, b);
        let (first, mut second) = (figures(a, &known), figures(b, &known));
        let mut compared = Vec::new();
        let mut add = |figure: String, unit: Unit, a: Option<f64>, b: Option<f64>| {
            let difference = a.zip(b).map(|(a, b)| rounded((b - a) * 1e3) / 1e3);
            let change = difference.zip(a.filter(|a| *a != 0.0)).map(|(more, a)| rounded(more / a));
            compared.push(Compared { figure, unit, a, b, difference, change });
        };
        for (figure, unit, value) in first {
            let place = second.iter().position(|(other, ..)| *other == figure);
            let other = place.and_then(|place| second.remove(place).2);
            add(figure, unit, value, other);
        }
        // What only the second has.
        second.into_iter().for_each(|(figure, unit, value)| add(figure, unit, None, value));
        Self {
            format: 1,
            a: a.session.source.clone(),
            b: b.session.source.clone(),
            a_incomplete: a.session.incomplete.clone(),
            b_incomplete: b.session.incomplete.clone(),
            figures: compared,
        }
    }

    /// As text.
    pub fn text(&self) -> String {
        let rows = self.figures.iter().map(|compared| {
            let unit = compared.unit;
            vec![
                compared.figure.clone(),
                value(compared.a, unit),
                value(compared.b, unit),
                signed(compared.difference, unit),
                compared.change.map_or_else(|| "-".into(), figures::change),
            ]
        });
        let head = vec!["figure", "A", "B", "difference", "change"];
        let mut sentences = vec![format!("A: {}", self.a), format!("B: {}", self.b)];
        for (letter, incomplete) in [("A", &self.a_incomplete), ("B", &self.b_incomplete)] {
            sentences.extend(incomplete.as_ref().map(|sentence| format!("{letter}: {sentence}")));
        }
        let table = Some(Table { head, rows: rows.collect(), words: usize::MAX });
        super::text::section(&Section { title: "Comparison".into(), sentences, table })
    }
}

fn value(value: Option<f64>, unit: Unit) -> String {
    let Some(value) = value else { return "-".into() };
    match unit {
        Unit::Count if value < 9_999.5 => whole(value),
        Unit::Count => compact(value),
        Unit::Rate => format!("{}/s", compact(value)),
        // Times in a status differ by seconds, of minutes as well.
        Unit::Seconds if value < 9_999.5 && (value >= 9.5 || value.fract() == 0.0) => format!("{} s", whole(value)),
        Unit::Seconds => span(std::time::Duration::from_secs_f64(value.clamp(0.0, 1e12))),
        Unit::Share => format!("{:.0} %", value * 100.0),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "never negative, and checked to be small")]
fn whole(value: f64) -> String {
    count(value.round() as u64)
}

fn signed(difference: Option<f64>, unit: Unit) -> String {
    let Some(difference) = difference else { return "-".into() };
    figures::signed(difference, |more| match unit {
        // A part of the share itself, not of the first one: that is the change.
        Unit::Share => format!("{:.0} points", more * 100.0),
        _ => value(Some(more), unit),
    })
}
