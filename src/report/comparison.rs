//! Two reports side by side: the figures that both have, and what the second has more or less of.

use schemars::JsonSchema;
use serde::Serialize;

use super::document::{Document, rounded};
use super::table::{Section, Table};
use crate::figures::{self, compact, span};

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
    /// The figures.
    pub figures: Vec<Compared>,
}

/// The figures of a report that can be compared, each with its name.
fn figures(document: &Document) -> Vec<(String, Unit, Option<f64>)> {
    let mut figures = vec![("length".to_owned(), Unit::Seconds, Some(document.session.end.second))];
    let mut add = |name: String, unit, value: Option<f64>| figures.push((name, unit, value));
    for stage in &document.stages {
        let name = stage.stage.word();
        add(format!("{name}, events"), Unit::Count, Some(stage.events as f64));
        add(format!("{name}, mean"), Unit::Rate, stage.mean);
        add(format!("{name}, worst minute"), Unit::Rate, stage.worst_minute.as_ref().map(|minute| minute.rate));
    }
    for latency in &document.latencies {
        let name = latency.latency.word();
        for (quantile, value) in [("p50", latency.p50), ("p99", latency.p99), ("max", latency.max)] {
            add(format!("{name}, {quantile}"), Unit::Seconds, Some(value));
        }
    }
    let lag = &document.lag;
    add("lag, most".into(), Unit::Count, lag.most_events.as_ref().map(|peak| peak.value));
    add("lag, oldest".into(), Unit::Seconds, lag.longest.as_ref().map(|peak| peak.value));
    add("lag, at the end".into(), Unit::Count, lag.at_end.map(|events| events as f64));
    let words: u64 = lag.words.values().sum();
    let keeping_up = lag.words.get("keeping up").copied().unwrap_or(0);
    add("keeping up".into(), Unit::Share, (words > 0).then(|| keeping_up as f64 / words as f64));
    if let Some(tally) = &document.tally {
        add("lost".into(), Unit::Count, Some(tally.lost as f64));
        add("duplicated".into(), Unit::Count, Some(tally.duplicated as f64));
        add("out of order".into(), Unit::Count, tally.out_of_order.map(|events| events as f64));
    }
    let capacity = &document.capacity;
    add("RU/s".into(), Unit::Rate, capacity.mean);
    add("RU share".into(), Unit::Share, capacity.mean_share);
    add("faults".into(), Unit::Count, Some(document.faults.len() as f64));
    figures
}

impl Comparison {
    /// Compares two reports.
    pub fn of(a: &Document, b: &Document) -> Self {
        let (first, mut second) = (figures(a), figures(b));
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
        Self { format: 1, a: a.session.source.clone(), b: b.session.source.clone(), figures: compared }
    }

    /// As text.
    pub fn text(&self) -> String {
        let rows = self.figures.iter().map(|compared| {
            let unit = compared.unit;
            let change = compared.change.filter(|change| change.abs() < 10.0);
            vec![
                compared.figure.clone(),
                value(compared.a, unit),
                value(compared.b, unit),
                signed(compared.difference, unit),
                change.map_or_else(|| "-".into(), figures::change),
            ]
        });
        let head = vec!["figure", "A", "B", "difference", "change"];
        let sentences = vec![format!("A: {}", self.a), format!("B: {}", self.b)];
        let table = Some(Table { head, rows: rows.collect(), words: usize::MAX });
        super::text::section(&Section { title: "Comparison".into(), sentences, table })
    }
}

fn value(value: Option<f64>, unit: Unit) -> String {
    let Some(value) = value else { return "-".into() };
    match unit {
        Unit::Count => compact(value),
        Unit::Rate => format!("{}/s", compact(value)),
        Unit::Seconds => span(std::time::Duration::from_secs_f64(value.clamp(0.0, 1e12))),
        Unit::Share => format!("{:.0} %", value * 100.0),
    }
}

fn signed(difference: Option<f64>, unit: Unit) -> String {
    let Some(difference) = difference else { return "-".into() };
    figures::signed(difference, |more| value(Some(more), unit))
}
