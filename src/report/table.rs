//! A report for people: the document as sections of sentences and tables, before it is known whether they become text or
//! Markdown.

use std::time::Duration;

use super::document::{Document, LagPart, MinuteRate, Moment, Peak, SearchPart};
use super::search::SEARCH;
use super::verdict::Outcome;
use crate::figures::{clock, compact, count, lag_span, percent, span};
use crate::span::write_span;

/// A part of a report.
#[derive(Debug, Clone, Default)]
pub(super) struct Section {
    pub(super) title: String,
    pub(super) sentences: Vec<String>,
    pub(super) table: Option<Table>,
}

/// A table. The first column holds words, the others figures, except for `words`.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub(super) head: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
    /// From this column on there are words again.
    pub(super) words: usize,
}

/// Partitions that are listed; of more, the worst.
const LISTED: usize = 16;

fn second(moment: &Moment) -> String {
    let shown = clock(Duration::from_secs_f64(moment.second.clamp(0.0, 1e12)));
    shown.strip_prefix("00:").map_or(shown.clone(), str::to_owned)
}

fn seconds(value: f64) -> Duration {
    Duration::from_secs_f64(value.clamp(0.0, 1e12))
}

fn rate(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{}/s", compact(value)))
}

fn minute(minute: Option<&MinuteRate>) -> String {
    minute.map_or_else(|| "-".into(), |minute| format!("{} at {}", rate(Some(minute.rate)), second(&minute.from)))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of events")]
fn events(peak: &Peak) -> String {
    format!("{} at {}", count(peak.value as u64), second(&peak.when))
}

fn oldest(peak: &Peak) -> String {
    format!("{} at {}", lag_span(seconds(peak.value)), second(&peak.when))
}

fn or_dash<T>(value: Option<T>, text: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "-".into(), text)
}

/// `ok 120 s, behind 25 s`, the longest first.
fn times(seconds: &std::collections::BTreeMap<String, u64>) -> String {
    let mut times: Vec<(&String, &u64)> = seconds.iter().collect();
    times.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let each: Vec<String> = times.iter().map(|(word, seconds)| format!("{word} {} s", count(**seconds))).collect();
    each.join(", ")
}

/// The sections of a report.
pub(super) fn sections(document: &Document) -> Vec<Section> {
    let mut sections = vec![session(document)];
    sections.extend(document.search.as_ref().map(search));
    sections.extend([verdict(document), stages(document), latencies(document)]);
    sections.extend(lag(&document.lag));
    sections.extend(tally(document));
    sections.extend(capacity(document));
    sections.extend(faults(document));
    sections.extend(marks(document));
    sections
}

fn session(document: &Document) -> Section {
    let session = &document.session;
    let length = Duration::from_secs_f64(session.end.second.clamp(0.0, 1e12));
    let mut sentences = vec![format!(
        "{}: {}, from {} on, {} observations",
        session.source,
        clock(length),
        session.begin.at,
        count(session.observations)
    )];
    if !session.scenario.title.is_empty() {
        sentences.insert(0, session.scenario.title.clone());
    }
    sentences.extend(session.incomplete.clone());
    if session.skipped > 0 {
        sentences.push(format!("{} facts are of a kind that this program does not know", count(session.skipped)));
    }
    Section { title: "Session".into(), sentences, table: None }
}

fn search(search: &SearchPart) -> Section {
    let tries = match search.tries {
        1 => "1 rate tried to the end".to_owned(),
        tries => format!("{} rates tried to the end", count(u64::from(tries))),
    };
    let rows = search.tried.iter().map(|tried| {
        let outcome = match tried.kept_up {
            Some(true) => "kept up",
            Some(false) => "fell behind",
            None => "can't tell",
        };
        vec![rate(Some(tried.rate)), outcome.to_owned(), or_dash(tried.reason.clone(), |reason| reason)]
    });
    let head = vec!["rate", "outcome", "why"];
    let table = (!search.tried.is_empty()).then(|| Table { head, rows: rows.collect(), words: 1 });
    Section { title: "Search".into(), sentences: vec![search.sentence.clone(), tries], table }
}

fn verdict(document: &Document) -> Section {
    let verdict = &document.verdict;
    let word = match verdict.outcome {
        Outcome::Pass => "PASS",
        Outcome::CantTell => "CAN'T TELL",
        Outcome::Fail => "FAIL",
    };
    let rows = verdict.rules.iter().map(|rule| {
        vec![
            rule.rule.clone(),
            rule.limit.clone(),
            rule.outcome.word().to_owned(),
            or_dash(rule.when.as_ref(), |when| format!("at {}", second(when))),
            rule.figure.clone(),
        ]
    });
    let mut sentences = Vec::new();
    if !verdict.asked {
        sentences.push("The default rules; --rule and --rules give others.".into());
        let untold = verdict.rules.iter().filter(|rule| rule.outcome == Outcome::CantTell).count();
        if untold > 0 && verdict.outcome == Outcome::Pass {
            let all = verdict.rules.len();
            sentences
                .push(format!("{untold} of the {all} can't be told; where a rule is asked for, that is no success."));
        }
    }
    if document.session.warm_up > 0.0 && verdict.rules.iter().any(|rule| rule.rule != SEARCH) {
        sentences.push(format!(
            "Throughput, latency and lag are judged after the first {}.",
            write_span(seconds(document.session.warm_up))
        ));
    }
    let head = vec!["rule", "limit", "outcome", "when", "figure"];
    let table = (!verdict.rules.is_empty()).then(|| Table { head, rows: rows.collect(), words: 1 });
    Section { title: format!("Verdict: {word}"), sentences, table }
}

fn stages(document: &Document) -> Section {
    let rows = document.stages.iter().map(|stage| {
        vec![
            stage.stage.word().to_owned(),
            count(stage.events),
            rate(stage.mean),
            minute(stage.best_minute.as_ref()),
            minute(stage.worst_minute.as_ref()),
        ]
    });
    let head = vec!["stage", "events", "mean", "best minute", "worst minute"];
    let mut sentences = Vec::new();
    if document.stages.is_empty() {
        sentences.push("Nothing was counted.".into());
    } else if document.tally.is_some() {
        sentences.push(
            "From the first look at each to the last; the tally below has what came before the first, too.".into(),
        );
    }
    let table = (!document.stages.is_empty()).then(|| Table { head, rows: rows.collect(), words: usize::MAX });
    Section { title: "Rates".into(), sentences, table }
}

fn latencies(document: &Document) -> Section {
    let rows = document.latencies.iter().map(|latency| {
        let mut row = vec![latency.latency.word().to_owned(), count(latency.count)];
        let figures = [latency.p50, latency.p90, latency.p99, latency.p999, latency.max];
        row.extend(figures.map(|value| span(seconds(value))));
        row
    });
    let head = vec!["latency", "events", "p50", "p90", "p99", "p99.9", "max"];
    let sentences = if document.latencies.is_empty() { vec!["None was measured.".into()] } else { Vec::new() };
    let table = (!document.latencies.is_empty()).then(|| Table { head, rows: rows.collect(), words: usize::MAX });
    Section { title: "Latencies".into(), sentences, table }
}

fn lag(lag: &LagPart) -> Vec<Section> {
    let mut sentences = Vec::new();
    match &lag.most_events {
        Some(most) => sentences.push(format!(
            "most {}, oldest {}, {} at the end",
            events(most),
            or_dash(lag.longest.as_ref(), oldest),
            or_dash(lag.at_end, count)
        )),
        None => sentences.push("There was no moment at which every partition's lag could be told.".into()),
    }
    if !lag.words.is_empty() {
        sentences.push(format!("the pipeline: {}", times(&lag.words)));
    }
    let mut worst: Vec<_> = lag.partitions.iter().collect();
    if worst.len() > LISTED {
        worst.sort_by(|a, b| {
            let most =
                |part: &super::document::PartitionPart| part.most_events.as_ref().map_or(-1.0, |peak| peak.value);
            most(b).total_cmp(&most(a)).then(a.partition.cmp(&b.partition))
        });
        worst.truncate(LISTED);
        sentences.push(format!("the worst {LISTED} of {} partitions:", lag.partitions.len()));
    }
    let rows = worst.into_iter().map(|part| {
        vec![
            part.partition.to_string(),
            count(part.enqueued),
            count(part.processed),
            or_dash(part.most_events.as_ref(), events),
            or_dash(part.longest.as_ref(), oldest),
            or_dash(part.at_end, count),
            times(&part.statuses),
        ]
    });
    let head = vec!["partition", "enqueued", "processed", "most", "oldest", "at end", "statuses"];
    let table = (!lag.partitions.is_empty()).then(|| Table { head, rows: rows.collect(), words: 6 });
    vec![Section { title: "Lag".into(), sentences, table }]
}

fn tally(document: &Document) -> Option<Section> {
    let tally = document.tally.as_ref()?;
    let mut sentences = vec![
        format!(
            "sent {}, acknowledged {}, stored {}, in flight {}",
            count(tally.sent),
            count(tally.acknowledged),
            count(tally.stored),
            count(tally.in_flight)
        ),
        format!(
            "lost {}, duplicated {} (copies sent on purpose: {}), out of order {}",
            count(tally.lost),
            count(tally.duplicated),
            count(tally.copies),
            or_dash(tally.out_of_order, count),
        ),
    ];
    if let Some(undecided) = tally.order_undecided.filter(|undecided| *undecided > 0) {
        sentences.push(format!("of up to {} more it can't be told whether they came out of order", count(undecided)));
    }
    if tally.unconfirmed > 0 || tally.foreign > 0 {
        sentences.push(format!("given up {}, of others {}", count(tally.unconfirmed), count(tally.foreign)));
    }
    if tally.judged < tally.acknowledged {
        sentences.push(format!(
            "{} of {} acknowledged events were followed to the end",
            count(tally.judged),
            count(tally.acknowledged)
        ));
    }
    Some(Section { title: "Tally".into(), sentences, table: None })
}

fn capacity(document: &Document) -> Option<Section> {
    let capacity = &document.capacity;
    let mut sentences = Vec::new();
    if let (Some(mean), Some(provisioned)) = (capacity.mean, capacity.provisioned_mean) {
        let share = percent(capacity.mean_share.unwrap_or_default());
        let provisioned = compact(provisioned);
        let last = capacity.provisioned.map(compact).filter(|last| *last != provisioned);
        let last = last.map_or_else(String::new, |last| format!(", {last} RU/s provisioned at the end"));
        sentences.push(format!("{} of {provisioned} RU/s on average ({share}){last}", compact(mean)));
    }
    let share = |peak: &Peak| format!("{} at {}", percent(peak.value), second(&peak.when));
    if let Some(highest) = &capacity.highest_share {
        let hottest = or_dash(capacity.hottest_share.as_ref(), share);
        sentences.push(format!("highest {}, hottest physical partition {hottest}", share(highest)));
    }
    if let Some(throttled) = capacity.throttled {
        sentences.push(format!("{} writes throttled (429)", count(throttled)));
    }
    if let Some(bytes) = capacity.ingest_bytes {
        sentences.push(format!("{} MB/s into the log", compact(bytes / 1e6)));
    }
    if let Some(limit) = &capacity.ingest_limit {
        let mean = or_dash(capacity.ingest_mean_share, percent);
        let of = capacity.ingest_highest_of.map_or_else(String::new, |of| format!(", by {}", of.word()));
        let highest = or_dash(capacity.ingest_highest_share.as_ref(), share);
        sentences.push(format!("ingest: {mean} of {} on average, highest {highest}{of}", limit.text));
    }
    (!sentences.is_empty()).then(|| Section { title: "Capacity".into(), sentences, table: None })
}

fn faults(document: &Document) -> Option<Section> {
    let rows: Vec<Vec<String>> = document
        .faults
        .iter()
        .map(|fault| {
            let lasted = fault.lasted.map_or_else(|| "to the end".into(), |lasted| lag_span(seconds(lasted)));
            vec![fault.station.clone(), second(&fault.from), lasted, fault.reason.clone()]
        })
        .collect();
    let head = vec!["station", "from", "lasted", "reason"];
    let table = (!rows.is_empty()).then_some(Table { head, rows, words: 3 })?;
    Some(Section { title: "Faults".into(), sentences: Vec::new(), table: Some(table) })
}

fn marks(document: &Document) -> Option<Section> {
    let sentences: Vec<String> =
        document.marks.iter().map(|mark| format!("{} {}", second(&mark.when), mark.text)).collect();
    (!sentences.is_empty()).then(|| Section { title: "Marks".into(), sentences, table: None })
}
