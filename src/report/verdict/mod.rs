//! The verdict: each rule passes, fails, or can't be told, with its figure and the moment at which it failed.
//!
//! A rule that can't be told is neither: a monitor that saw nothing must not say that all was well.

mod rules;

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

pub use rules::{Most, Rule, RuleTable, Rules};

use self::rules::trimmed;
use super::account::{Account, LatencyMeter, begin_of_minute};
use super::document::Moment;
use crate::figures::{compact, count, span};
use crate::model::units::Time;

/// What became of a rule, or of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was kept.
    Pass,
    /// It can't be told.
    CantTell,
    /// It was broken.
    Fail,
}

impl Outcome {
    /// As in a table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::CantTell => "can't tell",
            Self::Fail => "FAIL",
        }
    }
}

/// What became of one rule.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Judgement {
    /// The rule's name.
    pub rule: String,
    /// Its limit, in words.
    pub limit: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The figure that it was judged by, in words, or why it can't be told.
    pub figure: String,
    /// When it was first broken, where that has a moment.
    pub when: Option<Moment>,
}

/// Whether a session kept the rules.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Verdict {
    /// Fail if a rule failed; else can't tell if a rule that was asked for can't be told; else pass.
    pub outcome: Outcome,
    /// Whether the rules were asked for. Of the default ones, those that can't be told don't count.
    pub asked: bool,
    /// Each rule.
    pub rules: Vec<Judgement>,
}

/// A figure, what it means for the rule, and when the rule was broken.
struct Found {
    outcome: Outcome,
    figure: String,
    at: Option<Time>,
}

impl Found {
    fn pass(figure: impl Into<String>) -> Self {
        Self { outcome: Outcome::Pass, figure: figure.into(), at: None }
    }

    fn fail(figure: impl Into<String>, at: Option<Time>) -> Self {
        Self { outcome: Outcome::Fail, figure: figure.into(), at }
    }

    fn untold(why: impl Into<String>) -> Self {
        Self { outcome: Outcome::CantTell, figure: why.into(), at: None }
    }
}

impl Verdict {
    /// Judges an account.
    pub fn of(account: &Account, rules: &Rules) -> Self {
        let judged: Vec<Judgement> = rules
            .rules
            .iter()
            .map(|rule| {
                let found = judge(account, rules, *rule);
                Judgement {
                    rule: rule.name().into(),
                    limit: rule.limit(),
                    outcome: found.outcome,
                    figure: found.figure,
                    when: found.at.map(|at| Moment::of(account.begin(), at)),
                }
            })
            .collect();
        let worst = judged.iter().map(|judgement| judgement.outcome).max().unwrap_or(Outcome::Pass);
        let outcome = match worst {
            Outcome::CantTell if !rules.asked && judged.iter().any(|rule| rule.outcome == Outcome::Pass) => {
                Outcome::Pass
            }
            worst => worst,
        };
        Self { outcome, asked: rules.asked, rules: judged }
    }
}

fn judge(account: &Account, rules: &Rules, rule: Rule) -> Found {
    match rule {
        Rule::Throughput(least) => throughput(account, rules, least),
        Rule::P99Stored(most) => p99(account, &account.latencies.stored, most),
        Rule::P99Due(most) => p99(account, &account.latencies.from_due, most),
        Rule::P99Send(most) => p99(account, &account.latencies.from_send, most),
        Rule::Lag(most) => lag(account, most),
        Rule::LagBack(within) => lag_back(account, within),
        Rule::Lost(most) => lost(account, most),
        Rule::Duplicates(most) => duplicates(account, most),
        Rule::OutOfOrder(most) => out_of_order(account, most),
        Rule::UpstreamThroughput(least) => upstream_throughput(account, rules, least),
        Rule::UpstreamLatency(most) => upstream_latency(account, most),
    }
}

/// Whether a minute lies after the warm-up.
const fn is_judged(number: i64) -> bool {
    number >= 0
}

/// `in the worst of 5 minutes`
fn among(which: &str, minutes: usize) -> String {
    if minutes == 1 {
        "in the only minute".into()
    } else {
        format!("in the {which} of {} minutes", count(minutes as u64))
    }
}

/// What one minute stored, and what it should have.
struct MinuteShare {
    number: i64,
    /// Stored: at least, as well as can be said, at most.
    least: f64,
    counted: f64,
    most: f64,
    target: f64,
}

/// The minutes that are judged. What the store took is known twice: distinct events, by the change feed, which may be
/// read late; and writes, in which repeats count. The first is at least, the second at most what was stored.
fn minutes(account: &Account, rules: &Rules) -> Result<Vec<MinuteShare>, &'static str> {
    let stages = &account.stages;
    let by_feed = account.session.tally.is_some_and(|tally| tally.sent > 0) && stages.stored.is_seen();
    if !by_feed && !stages.writes.is_seen() {
        return Err("nobody watched the store");
    }
    if rules.target.is_none() && !stages.due.is_seen() {
        return Err("there is no target: the load is not ours; give --target");
    }
    if rules.target.is_none() && account.unlimited {
        return Err("the load had no schedule; give --target");
    }
    let whole = if by_feed {
        stages.stored.whole_minutes().collect::<Vec<_>>()
    } else {
        stages.writes.whole_minutes().collect()
    };
    let minutes = whole.into_iter().filter(|(number, _)| is_judged(*number)).filter_map(|(number, minute)| {
        let target = match rules.target {
            Some(target) => target.per_second() * 60.0,
            None => stages.due.whole_minute(number)?.counted(),
        };
        let most = match stages.writes.whole_minute(number) {
            Some(writes) if by_feed => writes.at_most().max(minute.at_most()),
            _ => minute.at_most(),
        };
        Some(MinuteShare { number, least: minute.at_least(), counted: minute.counted(), most, target })
    });
    let minutes: Vec<MinuteShare> = minutes.collect();
    if minutes.is_empty() { Err("no whole minute after the warm-up was watched") } else { Ok(minutes) }
}

/// `834/s of 1,000/s (83.4 %)`
fn of_target(stored: f64, target: f64) -> String {
    let share = if target > 0.0 {
        format!(" ({} %)", trimmed((stored / target * 1_000.0).round() / 10.0))
    } else {
        String::new()
    };
    format!("{}/s of {}/s{share}", compact(stored / 60.0), compact(target / 60.0))
}

/// A hundredth of an event: counts that were spread over minutes add up that exactly.
const ROUNDING: f64 = 0.01;

fn throughput(account: &Account, rules: &Rules, least: f64) -> Found {
    let minutes = match minutes(account, rules) {
        Ok(minutes) => minutes,
        Err(why) => return Found::untold(why),
    };
    let share =
        |minute: &&MinuteShare| if minute.target > 0.0 { minute.counted / minute.target } else { f64::INFINITY };
    let asked = |minute: &MinuteShare| minute.target * least - ROUNDING;
    let begin = |number| begin_of_minute(account.origin(), number);
    let failed: Vec<&MinuteShare> = minutes.iter().filter(|minute| minute.most < asked(minute)).collect();
    let worst = |of: &[&MinuteShare]| {
        of.iter().copied().min_by(|a, b| share(a).total_cmp(&share(b))).map(|m| of_target(m.counted, m.target))
    };
    if let Some(first) = failed.first() {
        let figure = format!(
            "{} {}; {} below",
            worst(&failed).unwrap_or_default(),
            among("worst", minutes.len()),
            count(failed.len() as u64),
        );
        return Found::fail(figure, Some(begin(first.number)));
    }
    let unsure: Vec<&MinuteShare> = minutes.iter().filter(|minute| minute.least < asked(minute)).collect();
    if !unsure.is_empty() {
        let figure = worst(&unsure).unwrap_or_default();
        return Found::untold(format!(
            "about {figure} in the worst minute, but it was not watched closely enough, or repeats count"
        ));
    }
    let all: Vec<&MinuteShare> = minutes.iter().collect();
    Found::pass(format!("{} {}", worst(&all).unwrap_or_default(), among("worst", minutes.len())))
}

fn upstream_throughput(account: &Account, rules: &Rules, least: f64) -> Found {
    let minutes = match minutes(account, rules) {
        Ok(minutes) => minutes,
        Err(why) => return Found::untold(why),
    };
    let best = minutes.iter().max_by(|a, b| a.counted.total_cmp(&b.counted));
    // Held against the highest target of any minute: upstream has one for all of them.
    let target = minutes.iter().map(|minute| minute.target).fold(0.0, f64::max);
    let Some(best) = best else { return Found::untold("no whole minute") };
    let figure = format!("{} {}", of_target(best.counted, target), among("best", minutes.len()));
    if best.counted >= target * least - ROUNDING { Found::pass(figure) } else { Found::fail(figure, None) }
}

fn p99(account: &Account, meter: &LatencyMeter, most: Duration) -> Found {
    let judged: Vec<_> = meter.minutes().filter(|(number, _)| is_judged(*number)).collect();
    let Some((_, worst)) = judged.iter().max_by_key(|(_, minute)| minute.p99) else {
        return Found::untold("no latency was measured after the warm-up");
    };
    let figure = format!("p99 {} {}", span(worst.p99), among("worst", judged.len()));
    match judged.iter().find(|(_, minute)| minute.p99 > most) {
        Some((number, _)) => Found::fail(figure, Some(begin_of_minute(account.origin(), *number))),
        None => Found::pass(figure),
    }
}

fn upstream_latency(account: &Account, most: Duration) -> Found {
    let lowest = account.latencies.stored.minutes().map(|(_, minute)| minute.mean).min();
    let Some(lowest) = lowest else { return Found::untold("no latency was measured") };
    let figure = format!("mean {} in the lowest minute", span(lowest));
    if lowest <= most { Found::pass(figure) } else { Found::fail(figure, None) }
}

/// `, and for 12 s the lag could not be seen`
fn darkness(account: &Account) -> Option<String> {
    (account.lag.untold > 0).then(|| {
        format!("for {} s of {} it could not be seen", account.lag.untold, account.lag.untold + account.lag.told)
    })
}

fn lag(account: &Account, most: u64) -> Found {
    let peaks = &account.lag.events_after_warm_up;
    let Some((_, highest)) = peaks.highest() else {
        return Found::untold("the lag was not seen after the warm-up");
    };
    let figure = format!("{} events at most", count(highest));
    if let Some((at, _)) = peaks.first_above(most) {
        return Found::fail(figure, Some(at));
    }
    match darkness(account) {
        Some(darkness) => Found::untold(format!("{figure}, but {darkness}")),
        None => Found::pass(figure),
    }
}

fn lag_back(account: &Account, within: Duration) -> Found {
    let lag = &account.lag;
    if lag.told == 0 {
        return Found::untold("the lag was not seen after the warm-up");
    }
    if let Some(first) = lag.behind().find(|stretch| stretch.seen > within) {
        let longest = lag.behind().map(|stretch| stretch.seen).max().unwrap_or_default();
        let figure = format!("behind for {} at a stretch", span(longest));
        return Found::fail(figure, Some(first.from.after(within)));
    }
    if let Some(unsure) = lag.behind().find(|stretch| stretch.possible > within || !stretch.over) {
        let why = if unsure.over { "may have been behind" } else { "was still behind at the end, so far" };
        return Found::untold(format!("{why} for {}", span(unsure.possible)));
    }
    // Nothing was seen for so long that a stretch within it may have been too long.
    if let Some(darkness) = darkness(account).filter(|_| Duration::from_secs(lag.untold) > within) {
        return Found::untold(darkness);
    }
    match lag.behind().map(|stretch| stretch.possible).max() {
        Some(longest) if !longest.is_zero() => Found::pass(format!("behind for {} at most", span(longest))),
        _ => Found::pass("never behind"),
    }
}

fn lost(account: &Account, most: u64) -> Found {
    let Some(tally) = account.session.tally.filter(|tally| tally.sent > 0) else {
        return Found::untold("nobody counted what became of the events");
    };
    let figure = format!("{} lost", count(tally.lost));
    if tally.lost > most {
        return Found::fail(figure, None);
    }
    // What is neither stored nor lost may still be either.
    let open = tally.acknowledged.saturating_sub(tally.stored + tally.lost);
    if tally.lost + open > most {
        return Found::untold(format!(
            "{figure} for certain, but {} of {} were on their way at the end",
            count(open),
            count(tally.acknowledged)
        ));
    }
    if tally.unconfirmed > 0 {
        return Found::untold(format!("{figure}, but {} events were given up by the load", count(tally.unconfirmed)));
    }
    Found::pass(format!("{figure} of {}", count(tally.acknowledged)))
}

/// Whether so many of so many stored events are more than the most that may be.
fn exceeds(events: u64, stored: u64, most: Most) -> bool {
    match most {
        Most::Events(most) => events > most,
        Most::Share(share) => events as f64 > share * stored as f64 + 1e-9,
    }
}

/// `20 of 12,000 (0.1667 %)`
fn of_stored(events: u64, stored: u64) -> String {
    format!("{} of {} ({} %)", count(events), count(stored), trimmed(events as f64 / stored.max(1) as f64 * 100.0))
}

fn duplicates(account: &Account, most: Most) -> Found {
    let Some(tally) = account.session.tally.filter(|tally| tally.sent > 0) else {
        return Found::untold("nobody counted what became of the events");
    };
    if tally.stored == 0 {
        return Found::untold("nothing was seen in the store");
    }
    let figure = of_stored(tally.duplicated, tally.stored);
    if exceeds(tally.duplicated, tally.stored, most) { Found::fail(figure, None) } else { Found::pass(figure) }
}

fn out_of_order(account: &Account, most: Most) -> Found {
    let Some(tally) = account.session.tally.filter(|tally| tally.sent > 0) else {
        return Found::untold("nobody counted what became of the events");
    };
    let Some(order) = tally.order else { return Found::untold("the order in the store was not watched") };
    if tally.stored == 0 {
        return Found::untold("nothing was seen in the store");
    }
    let figure = of_stored(order.late, tally.stored);
    if exceeds(order.late, tally.stored, most) {
        return Found::fail(figure, None);
    }
    let open = tally.acknowledged.saturating_sub(tally.stored + tally.lost + tally.unknowable);
    if exceeds(order.late + order.undecided + open, tally.stored, most) {
        let undecided = (order.undecided > 0).then(|| format!("of {} it can't be told", count(order.undecided)));
        let open = (open > 0).then(|| format!("{} were on their way at the end", count(open)));
        let why: Vec<String> = undecided.into_iter().chain(open).collect();
        return Found::untold(format!("{figure} for certain, but {}", why.join(", and ")));
    }
    Found::pass(figure)
}
