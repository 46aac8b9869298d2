//! Rules about the lag: how much may wait, and for how long.

use std::time::Duration;

use super::Found;
use crate::figures::{count, span};
use crate::report::account::Account;

/// `, and for 12 s the lag could not be seen`
fn darkness(account: &Account) -> Option<String> {
    (account.lag.untold > 0).then(|| {
        format!("for {} s of {} it could not be seen", account.lag.untold, account.lag.untold + account.lag.told)
    })
}

pub(super) fn lag(account: &Account, most: u64) -> Found {
    let peaks = &account.lag.events_after_warm_up;
    let Some((_, highest)) = peaks.highest() else {
        return Found::untold("the lag was not seen after the warm-up");
    };
    let figure = format!("{} events at most", count(highest));
    if let Some(at) = peaks.first_above(most) {
        return Found::fail(figure, Some(at));
    }
    match darkness(account) {
        Some(darkness) => Found::untold(format!("{figure}, but {darkness}")),
        None => Found::pass(figure),
    }
}

pub(super) fn lag_back(account: &Account, within: Duration) -> Found {
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
