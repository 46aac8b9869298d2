//! Rules that hold in every minute after the warm-up, throughput and latency; and upstream's own, which ask for one.

use std::time::Duration;

use super::rules::trimmed;
use super::{Found, Rules};
use crate::figures::{compact, count, span};
use crate::report::account::{Account, LatencyMeter, begin_of_minute};

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

pub(super) fn throughput(account: &Account, rules: &Rules, least: f64) -> Found {
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

pub(super) fn upstream_throughput(account: &Account, rules: &Rules, least: f64) -> Found {
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

pub(super) fn p99(account: &Account, meter: &LatencyMeter, most: Duration) -> Found {
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

pub(super) fn upstream_latency(account: &Account, most: Duration) -> Found {
    let lowest = account.latencies.stored.minutes().map(|(_, minute)| minute.mean).min();
    let Some(lowest) = lowest else { return Found::untold("no latency was measured") };
    let figure = format!("mean {} in the lowest minute", span(lowest));
    if lowest <= most { Found::pass(figure) } else { Found::fail(figure, None) }
}
