//! Rules about what became of the events: none is lost, few are stored twice or out of order.

use super::rules::trimmed;
use super::{Found, Most};
use crate::figures::count;
use crate::report::account::Account;

pub(super) fn lost(account: &Account, most: u64) -> Found {
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

pub(super) fn duplicates(account: &Account, most: Most) -> Found {
    let Some(tally) = account.session.tally.filter(|tally| tally.sent > 0) else {
        return Found::untold("nobody counted what became of the events");
    };
    if tally.stored == 0 {
        return Found::untold("nothing was seen in the store");
    }
    let figure = of_stored(tally.duplicated, tally.stored);
    if exceeds(tally.duplicated, tally.stored, most) { Found::fail(figure, None) } else { Found::pass(figure) }
}

pub(super) fn out_of_order(account: &Account, most: Most) -> Found {
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
