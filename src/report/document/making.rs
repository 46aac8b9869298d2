//! How the document of a report is made of an account.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::{
    CapacityPart, Document, FORMAT, FaultPart, IngestLimit, LagPart, Latency, LatencyName, LimitOf, MarkPart,
    MinuteRate, Moment, Origin, PartitionPart, Peak, ScenarioPart, SessionPart, Stage, StageName, Tally, rounded,
    seconds,
};
use crate::model::capacity::Of;
use crate::model::observation::Station;
use crate::model::units::{PartitionId, Time};
use crate::report::account::{Account, Fault, LatencyMeter, Meter, PartitionLag, Peaks, begin_of_minute};
use crate::report::verdict::Verdict;

impl Document {
    /// The report of an account.
    pub fn of(account: &Account, origin: &Origin, verdict: Verdict) -> Self {
        let begin = account.begin();
        let stages = &account.stages;
        let latencies = &account.latencies;
        Self {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").into(),
            session: SessionPart {
                source: origin.source.clone(),
                scenario: ScenarioPart::from(&origin.scenario),
                begin: Moment::of(begin, begin),
                end: Moment::of(begin, account.session.latest().unwrap_or(begin)),
                observations: account.observations,
                incomplete: origin.incomplete.clone(),
                skipped: origin.skipped,
                warm_up: seconds(account.warm_up()),
            },
            search: None,
            stages: [
                stage(StageName::Due, account, &stages.due),
                stage(StageName::Sent, account, &stages.sent),
                stage(StageName::Acknowledged, account, &stages.acknowledged),
                stage(StageName::Enqueued, account, &stages.enqueued),
                stage(StageName::Processed, account, &stages.processed),
                stage(StageName::Writes, account, &stages.writes),
                // A tally of nothing is there without a load of ours, too.
                stage(StageName::Stored, account, &stages.stored).filter(|_| account.is_tallied()),
                stage(StageName::Throttled, account, &stages.throttled),
            ]
            .into_iter()
            .flatten()
            .collect(),
            lag: lag(account),
            latencies: [
                latency(LatencyName::FromDue, &latencies.from_due),
                latency(LatencyName::FromSend, &latencies.from_send),
                latency(LatencyName::Stored, &latencies.stored),
            ]
            .into_iter()
            .flatten()
            .collect(),
            tally: tally(account),
            capacity: capacity(account),
            faults: faults(account),
            marks: account
                .session
                .marks
                .iter()
                .map(|(at, text)| MarkPart { when: Moment::of(begin, *at), text: text.clone() })
                .collect(),
            verdict,
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are whole and never negative")]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

fn stage<K: Ord>(stage: StageName, account: &Account, meter: &Meter<K>) -> Option<Stage> {
    if !meter.is_seen() {
        return None;
    }
    let minutes = || meter.whole_minutes().map(|(number, minute)| (number, minute.likely));
    let rate = |(number, rate): (i64, f64)| MinuteRate {
        from: Moment::of(account.begin(), begin_of_minute(account.origin(), number)),
        rate: rounded(rate),
    };
    Some(Stage {
        stage,
        events: whole(meter.total()),
        mean: meter.mean().map(rounded),
        // Of equal ones the first.
        best_minute: minutes().reduce(|best, minute| if minute.1 > best.1 { minute } else { best }).map(rate),
        worst_minute: minutes().reduce(|worst, minute| if minute.1 < worst.1 { minute } else { worst }).map(rate),
    })
}

fn peak<T: Copy + PartialOrd>(begin: Time, peaks: &Peaks<T>, value: impl Fn(T) -> f64) -> Option<Peak> {
    peaks.highest().map(|(at, highest)| Peak { value: rounded(value(highest)), when: Moment::of(begin, at) })
}

fn latency(latency: LatencyName, meter: &LatencyMeter) -> Option<Latency> {
    let all: &Histogram<u64> = meter.all();
    let at = |quantile| all.value_at_quantile(quantile) as f64 / 1e6;
    (!all.is_empty()).then(|| Latency {
        latency,
        count: all.len(),
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p999: at(0.999),
        max: all.max() as f64 / 1e6,
    })
}

fn lag(account: &Account) -> LagPart {
    let (begin, end) = (account.begin(), account.session.latest().unwrap_or_default());
    let lag = &account.lag;
    let mut statuses = BTreeMap::new();
    for (status, seconds) in lag.partitions.values().flat_map(|partition| &partition.statuses) {
        *statuses.entry(status.word().to_owned()).or_default() += seconds;
    }
    let part = |(id, seen): (&PartitionId, &PartitionLag)| PartitionPart {
        partition: id.0,
        enqueued: whole(account.stages.enqueued.total_of(id)),
        processed: whole(account.stages.processed.total_of(id)),
        most_events: peak(begin, &seen.events, |events| events as f64),
        longest: peak(begin, &seen.oldest, seconds),
        at_end: account.session.partitions.get(id).and_then(|partition| partition.lag_now(end)?.events()),
        missed: seen.missed,
        statuses: seen.statuses.iter().map(|(status, seconds)| (status.word().to_owned(), *seconds)).collect(),
    };
    LagPart {
        most_events: peak(begin, &lag.events, |events| events as f64),
        longest: peak(begin, &lag.oldest, seconds),
        at_end: account.session.lag_events_now(end),
        words: lag.words.iter().map(|(word, seconds)| (word.text().to_lowercase(), *seconds)).collect(),
        statuses,
        partitions: lag.partitions.iter().map(part).collect(),
    }
}

fn tally(account: &Account) -> Option<Tally> {
    let figures = account.session.tally.filter(|_| account.is_tallied())?;
    Some(Tally {
        sent: account.session.sent(),
        copies: figures.copies,
        acknowledged: account.session.acknowledged(),
        stored: figures.stored,
        in_flight: account.session.in_flight(),
        unconfirmed: figures.unconfirmed,
        duplicated: figures.duplicated,
        lost: figures.lost,
        judged: figures.judged,
        foreign: figures.foreign,
        out_of_order: figures.order.map(|order| order.late),
        order_undecided: figures.order.map(|order| order.undecided),
    })
}

fn capacity(account: &Account) -> CapacityPart {
    let begin = account.begin();
    let (stages, seen) = (&account.stages, account.capacity);
    let provisioned = seen.provisioned.map(|units| units.0).filter(|units| *units > 0.0);
    let mean = stages.charge.mean();
    // Where nobody looked twice since it is known, what is known last is all there is.
    let provisioned_mean = stages.provisioned.mean().filter(|units| *units > 0.0).or(provisioned);
    let share =
        |peak: Option<(f64, Time)>| peak.map(|(share, at)| Peak { value: rounded(share), when: Moment::of(begin, at) });
    CapacityPart {
        provisioned,
        provisioned_mean: provisioned_mean.map(rounded),
        charge: stages.charge.is_seen().then(|| rounded(stages.charge.total())),
        mean: mean.map(rounded),
        mean_share: mean.zip(provisioned_mean).map(|(mean, provisioned)| rounded(mean / provisioned)),
        highest_share: share(seen.highest),
        hottest_share: share(seen.hottest),
        throttled: stages.throttled.is_seen().then(|| whole(stages.throttled.total())),
        ingest_bytes: stages.bytes.mean().map(f64::round),
        ingest_limit: seen.ingest.map(|capacity| IngestLimit {
            text: capacity.text(),
            events: capacity.events().per_second(),
            bytes: capacity.bytes_per_second(),
        }),
        ingest_mean_share: seen.ingest_mean().map(rounded),
        ingest_highest_share: share(seen.ingest_highest.map(|(share, _, at)| (share, at))),
        ingest_highest_of: seen.ingest_highest.map(|(_, of, _)| match of {
            Of::Events => LimitOf::Events,
            Of::Bytes => LimitOf::Bytes,
        }),
    }
}

fn faults(account: &Account) -> Vec<FaultPart> {
    let begin = account.begin();
    let name = |station: Station| station.name().trim_start_matches("the ").to_owned();
    let part = |fault: &Fault| FaultPart {
        station: name(fault.station),
        from: Moment::of(begin, fault.from),
        lasted: fault.to.map(|to| rounded(seconds(to.since(fault.from)))),
        reason: fault.reason.clone(),
    };
    account.faults.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::observation::{
        Fact, IngestCapacity, LogEnd, Observation, ProcessorFigures, Provisioned, TallyFigures,
    };
    use crate::model::units::{RequestUnits, SequenceNumber};
    use crate::recording::format::ScenarioDescription;
    use crate::report::verdict::Rules;

    fn document(account: &Account) -> Document {
        let origin =
            Origin { source: "x".into(), scenario: ScenarioDescription::default(), incomplete: None, skipped: 0 };
        Document::of(account, &origin, Verdict::of(account, &Rules::default()))
    }

    /// 2,000 RU/s of 20,000 for 30 s, then 200 of 400 for 10 s: 1,550 of 15,100 on average, and never more than there was.
    #[test]
    fn request_units_are_held_against_what_was_provisioned_then() {
        let mut account = Account::new(Duration::ZERO);
        let mut tell = |second: i64, fact| {
            account.apply(&Observation { at: Time::from_millis(second * 1_000), fact }, &mut |_, _| {});
        };
        for second in 0..=40 {
            if let 0 | 30 = second {
                let units = if second == 0 { 20_000.0 } else { 400.0 };
                tell(second, Fact::Provisioned(Provisioned::Manual(RequestUnits(units))));
            }
            let charge = RequestUnits(2_000.0 * second.min(30) as f64 + 200.0 * (second - 30).max(0) as f64);
            tell(second, Fact::Processor(ProcessorFigures { charge, ..ProcessorFigures::default() }));
        }
        let document = document(&account);
        let capacity = &document.capacity;
        assert_eq!((capacity.provisioned, capacity.provisioned_mean), (Some(400.0), Some(15_100.0)));
        assert_eq!((capacity.mean, capacity.mean_share), (Some(1_550.0), Some(0.103)));
        let text = crate::report::text::text(&document);
        assert!(text.contains("1,550 of 15.1k RU/s on average (10 %), 400 RU/s provisioned at the end"), "{text}");
    }

    /// A store that is watched without a load of ours has a tally of nothing: that nothing was stored is not known by it.
    #[test]
    fn what_nobody_counted_is_left_out() {
        let stages = |sent| {
            let mut account = Account::new(Duration::ZERO);
            for second in 0..3 {
                let fact = Fact::Tally(TallyFigures { sent, ..TallyFigures::default() });
                account.apply(&Observation { at: Time::from_millis(second * 1_000), fact }, &mut |_, _| {});
            }
            document(&account).stages.iter().map(|stage| stage.stage).collect::<Vec<_>>()
        };
        assert_eq!(stages(0), []);
        assert_eq!(stages(1), [StageName::Stored], "none of it was stored");
    }

    /// One throughput unit takes in 1,000 events a second: 500/s for ten seconds, then 900/s, are a half and nine tenths.
    #[test]
    fn the_use_of_the_ingest_log_has_a_mean_and_a_peak() {
        let mut account = Account::new(Duration::ZERO);
        let mut tell = |second: i64, fact| {
            account.apply(&Observation { at: Time::from_millis(second * 1_000), fact }, &mut |_, _| {});
        };
        tell(0, Fact::IngestCapacity(IngestCapacity::ThroughputUnits(1)));
        for second in 0..=20 {
            let last = SequenceNumber(500 * second + 400 * (second - 10).max(0));
            let end = LogEnd { partition: PartitionId(0), earliest: SequenceNumber(0), last, last_enqueued_at: None };
            tell(second, Fact::LogEnd(end));
        }
        let document = document(&account);
        let capacity = &document.capacity;
        assert_eq!(capacity.ingest_limit.as_ref().map(|limit| limit.events), Some(1_000.0));
        let highest = capacity.ingest_highest_share.as_ref().map(|peak| peak.value);
        assert_eq!((highest, capacity.ingest_highest_of), (Some(0.9), Some(LimitOf::Events)));
        assert!(capacity.ingest_mean_share.is_some_and(|mean| (0.6..0.75).contains(&mean)), "{capacity:?}");
        let text = crate::report::text::text(&document);
        let sentence = "of 1 throughput unit on average, highest 90 % at 00:1";
        assert!(text.contains(sentence), "{text}");
        assert!(crate::report::markdown::markdown(&document).contains(sentence));
    }
}
