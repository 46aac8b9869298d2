//! Rules that hold in every minute after the warm-up, throughput and latency; and upstream's own, which ask for one.
//! Throughput is judged in whole minutes, as a part of one says little of a rate; a latency counts wherever it was measured,
//! also in the rest at the end.
//!
//! A minute that nobody watched is no success: where none fails, one that can't be told makes the rule one that can't be
//! told.

use std::collections::BTreeMap;
use std::time::Duration;

use super::figure::{share_beside, span_beside};
use super::{Found, Outcome, Rules};
use crate::figures::{compact, count};
use crate::model::lag::TimeLag;
use crate::model::partition::Partition;
use crate::model::units::EventRate;
use crate::report::account::{Account, LatencyMeter, Meter, MinuteLatency, MinuteRate, begin_of_minute, minutes_of};

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

/// `in the worst of 5 minutes and the rest`
fn among_all(account: &Account, judged: &BTreeMap<i64, MinuteLatency>) -> String {
    let all = minutes_of(account.origin(), account.session.latest().unwrap_or_default());
    let whole = judged.range(..all).count();
    match (whole, judged.len() > whole) {
        (whole, false) => among("worst", whole),
        (0, true) => "in less than a minute".into(),
        (1, true) => "in the worst of a minute and the rest".into(),
        (whole, true) => format!("{} and the rest", among("worst", whole)),
    }
}

/// `, but 2 minutes of 5 were not watched`, if some of those from the warm-up to the end are not among the known ones.
fn unwatched(account: &Account, known: impl Iterator<Item = i64>) -> Option<String> {
    let all = minutes_of(account.origin(), account.session.latest().unwrap_or_default());
    // One that the session ended in may be known as well, and makes up for no other.
    let known = i64::try_from(known.filter(|number| (0..all).contains(number)).count()).unwrap_or(i64::MAX);
    match all - known {
        ..=0 => None,
        1 if all == 1 => Some(", but the only minute was not watched".into()),
        1 => Some(format!(", but a minute of {} was not watched", count(all.unsigned_abs()))),
        dark => {
            let (dark, all) = (count(dark.unsigned_abs()), count(all.unsigned_abs()));
            Some(format!(", but {dark} minutes of {all} were not watched"))
        }
    }
}

/// What one minute stored, and what it should have, in events a second.
struct MinuteShare {
    number: i64,
    stored: MinuteRate,
    target: f64,
}

impl MinuteShare {
    /// What was stored of what was asked for, as well as can be said; infinite where nothing was.
    fn share(&self) -> f64 {
        if self.target > 0.0 { self.stored.likely / self.target } else { f64::INFINITY }
    }
}

/// What the store took, and what was asked, minute by minute.
struct Shares<'a> {
    account: &'a Account,
    target: Option<f64>,
    by_feed: bool,
}

impl<'a> Shares<'a> {
    fn of(account: &'a Account, rules: &Rules) -> Result<Self, &'static str> {
        let stages = &account.stages;
        let by_feed = account.is_tallied() && stages.stored.is_seen();
        if !by_feed && !stages.writes.is_seen() {
            return Err("nobody watched the store");
        }
        if rules.target.is_none() && !stages.due.is_seen() {
            return Err("there is no target: the load is not ours; give --target");
        }
        if rules.target.is_none() && account.unlimited {
            return Err("the load had no schedule; give --target");
        }
        Ok(Self { account, target: rules.target.map(EventRate::per_second), by_feed })
    }

    /// The minutes of which both are known. What the store took is known twice: distinct events, by the change feed,
    /// which may be read late; and writes, in which repeats count. The first is at least, the second at most what was
    /// stored.
    fn minutes(&self) -> Vec<MinuteShare> {
        let stages = &self.account.stages;
        let (writes, due) = (rates(&stages.writes), rates(&stages.due));
        let counted = if self.by_feed { rates(&stages.stored) } else { writes.clone() };
        let share = |(number, mut stored): (i64, MinuteRate)| {
            let target = self.target.or_else(|| due.get(&number).map(|due| due.likely))?;
            if let Some(writes) = writes.get(&number) {
                stored.at_most = stored.at_most.max(writes.at_most);
            }
            Some(MinuteShare { number, stored, target })
        };
        counted.into_iter().filter_map(share).collect()
    }
}

fn rates<K: Ord>(meter: &Meter<K>) -> BTreeMap<i64, MinuteRate> {
    meter.whole_minutes().collect()
}

const NO_MINUTE: &str = "no whole minute after the warm-up was watched";

/// `834/s of 1,000/s (83.4 %)`
fn of_target(stored: f64, target: f64, least: f64) -> String {
    let share =
        if target > 0.0 { format!(" ({})", share_beside(stored / target, Some(least), 1)) } else { String::new() };
    format!("{}/s of {}/s{share}", compact(stored), compact(target))
}

/// A hundredth of an event in a minute: counts that were spread over minutes add up that exactly.
const ROUNDING: f64 = 0.01 / 60.0;

pub(super) fn throughput(account: &Account, rules: &Rules, least: f64) -> Found {
    let shares = match Shares::of(account, rules) {
        Ok(shares) => shares,
        Err(why) => return Found::untold(why),
    };
    let minutes: Vec<MinuteShare> = shares.minutes().into_iter().filter(|minute| is_judged(minute.number)).collect();
    if minutes.is_empty() {
        return Found::untold(NO_MINUTE);
    }
    let asked = |minute: &MinuteShare| minute.target * least - ROUNDING;
    let begin = |number| begin_of_minute(account.origin(), number);
    let failed: Vec<&MinuteShare> = minutes.iter().filter(|minute| minute.stored.at_most < asked(minute)).collect();
    let worst = |of: &[&MinuteShare]| of.iter().map(|minute| minute.share()).min_by(f64::total_cmp);
    let told = |of: &[&MinuteShare]| {
        let worst = of.iter().min_by(|a, b| a.share().total_cmp(&b.share()));
        worst.map(|minute| of_target(minute.stored.likely, minute.target, least)).unwrap_or_default()
    };
    if let Some(first) = failed.first() {
        let figure =
            format!("{} {}; {} below", told(&failed), among("worst", minutes.len()), count(failed.len() as u64));
        return Found::fail(figure, Some(begin(first.number))).with(worst(&failed));
    }
    let unsure: Vec<&MinuteShare> = minutes.iter().filter(|minute| minute.stored.at_least < asked(minute)).collect();
    if !unsure.is_empty() {
        let figure = told(&unsure);
        return Found::untold(format!(
            "about {figure} in the worst minute, but it was not watched closely enough, or repeats count"
        ))
        .with(worst(&unsure));
    }
    let all: Vec<&MinuteShare> = minutes.iter().collect();
    let figure = format!("{} {}", told(&all), among("worst", minutes.len()));
    let found = match unwatched(account, minutes.iter().map(|minute| minute.number)) {
        Some(unwatched) => Found::untold(figure + &unwatched),
        None => Found::pass(figure),
    };
    found.with(worst(&all))
}

/// Upstream counts all rows, with no warm-up, and holds the best minute against one target.
pub(super) fn upstream_throughput(account: &Account, rules: &Rules, least: f64) -> Found {
    let shares = match Shares::of(account, rules) {
        Ok(shares) => shares,
        Err(why) => return Found::untold(why),
    };
    let minutes = shares.minutes();
    let Some(best) = minutes.iter().max_by(|a, b| a.stored.likely.total_cmp(&b.stored.likely)) else {
        return Found::untold(NO_MINUTE);
    };
    let target = minutes.iter().map(|minute| minute.target).fold(0.0, f64::max);
    let asked = target * least - ROUNDING;
    let figure = format!("{} {}", of_target(best.stored.likely, target, least), among("best", minutes.len()));
    let found = if minutes.iter().any(|minute| minute.stored.at_least >= asked) {
        Found::pass(figure)
    } else if minutes.iter().any(|minute| minute.stored.at_most >= asked) {
        Found::untold(format!("about {figure}, but it was not watched closely enough, or repeats count"))
    } else if let Some(unwatched) = unwatched(account, minutes.iter().map(|minute| minute.number)) {
        Found::untold(figure + &unwatched)
    } else {
        Found::fail(figure, Some(begin_of_minute(account.origin(), best.number)))
    };
    found.with(best.stored.likely / target)
}

/// A latency by the minute, and the events that it speaks of.
pub(super) struct Measured<'a> {
    pub(super) meter: &'a LatencyMeter,
    pub(super) events: &'a Meter<()>,
}

pub(super) fn p99(account: &Account, Measured { meter, events }: &Measured, most: Duration) -> Found {
    let judged: BTreeMap<i64, MinuteLatency> = meter.minutes().filter(|(number, _)| is_judged(*number)).collect();
    let Some(worst) = judged.values().max_by_key(|minute| minute.p99) else {
        return Found::untold("no latency was measured after the warm-up");
    };
    let figure = format!("p99 {} {}", span_beside(worst.p99, most), among_all(account, &judged));
    let value = worst.p99.as_secs_f64();
    if let Some((number, _)) = judged.iter().find(|(_, minute)| minute.p99 > most) {
        return Found::fail(figure, Some(begin_of_minute(account.origin(), *number))).with(value);
    }
    let watched: Vec<(i64, MinuteRate)> = events.whole_minutes().filter(|(number, _)| is_judged(*number)).collect();
    if let Some(unwatched) = unwatched(account, watched.iter().map(|(number, _)| *number)) {
        return Found::untold(figure + &unwatched).with(value);
    }
    // Events and their latencies come together: a minute has both or nothing happened in it.
    let unmeasured = |(number, rate): &(i64, MinuteRate)| rate.at_least > 0.0 && !judged.contains_key(number);
    let found = match watched.iter().filter(|minute| unmeasured(minute)).count() {
        0 => Found::pass(figure),
        without => {
            Found::untold(format!("{figure}, but of {} minutes with events none was measured", count(without as u64)))
        }
    };
    found.with(value)
}

/// So many of the events, and the p99 says nothing of them.
const BEYOND_P99: f64 = 0.01;

/// As [`p99`], of what is stored: an event that waits for long and is not stored yet is in no histogram.
pub(super) fn p99_stored(account: &Account, most: Duration) -> Found {
    let measured = Measured { meter: &account.latencies.stored, events: &account.stages.items };
    let found = p99(account, &measured, most);
    let session = &account.session;
    let oldest = session.partitions.values().filter_map(Partition::time_lag).map(TimeLag::at_least).max();
    let (waiting, all) = (session.in_flight(), measured.meter.all().len());
    match oldest.filter(|oldest| *oldest > most && waiting as f64 > all as f64 * BEYOND_P99) {
        Some(oldest) if found.outcome == Outcome::Pass => Found::untold(format!(
            "{}, but {} events were on their way at the end, the oldest for {}",
            found.figure,
            count(waiting),
            span_beside(oldest, most)
        ))
        .with(found.value),
        _ => found,
    }
}

pub(super) fn upstream_latency(account: &Account, most: Duration) -> Found {
    let lowest = account.latencies.stored.minutes().min_by_key(|(_, minute)| minute.mean);
    let Some((number, lowest)) = lowest else { return Found::untold("no latency was measured") };
    let figure = format!("mean {} in the lowest minute", span_beside(lowest.mean, most));
    let unwatched = || unwatched(account, account.stages.items.whole_minutes().map(|(number, _)| number));
    let found = if lowest.mean <= most {
        Found::pass(figure)
    } else if let Some(unwatched) = unwatched() {
        Found::untold(figure + &unwatched)
    } else {
        Found::fail(figure, Some(begin_of_minute(account.origin(), number)))
    };
    found.with(lowest.mean.as_secs_f64())
}
