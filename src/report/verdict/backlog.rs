//! Rules about the lag: how much may wait, and for how long.

use std::time::Duration;

use super::Found;
use super::figure::span_beside;
use crate::figures::count;
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
    let found = match (peaks.first_above(most), darkness(account)) {
        (Some(at), _) => Found::fail(figure, Some(at)),
        (None, Some(darkness)) => Found::untold(format!("{figure}, but {darkness}")),
        (None, None) => Found::pass(figure),
    };
    found.with(highest as f64)
}

pub(super) fn lag_back(account: &Account, within: Duration) -> Found {
    let lag = &account.lag;
    if lag.told == 0 {
        return Found::untold("the lag was not seen after the warm-up");
    }
    if let Some(first) = lag.behind().find(|stretch| stretch.seen > within) {
        let longest = lag.behind().map(|stretch| stretch.seen).max().unwrap_or_default();
        let figure = format!("behind for {} at a stretch", span_beside(longest, within));
        return Found::fail(figure, Some(first.from.after(within))).with(longest.as_secs_f64());
    }
    if let Some(unsure) = lag.behind().find(|stretch| stretch.possible > within || !stretch.over) {
        let why = if unsure.over { "may have been behind" } else { "was still behind at the end, so far" };
        let seconds = unsure.possible.as_secs_f64();
        return Found::untold(format!("{why} for {}", span_beside(unsure.possible, within))).with(seconds);
    }
    // Nothing was seen for so long that a stretch within it may have been too long.
    if let Some(darkness) = darkness(account).filter(|_| Duration::from_secs(lag.untold) > within) {
        return Found::untold(darkness);
    }
    let longest = lag.behind().map(|stretch| stretch.possible).max().unwrap_or_default();
    let figure = if longest.is_zero() {
        "never behind".to_owned()
    } else {
        format!("behind for {} at most", span_beside(longest, within))
    };
    Found::pass(figure).with(longest.as_secs_f64())
}
