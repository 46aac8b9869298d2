//! Rules about what became of the events: none is lost, few are stored twice or out of order.

use super::figure::share_beside;
use super::{Found, Most};
use crate::figures::{count, span};
use crate::model::observation::TallyFigures;
use crate::report::account::Account;

/// The tally, if it speaks of the end of the session: of what came after an older one nothing is known.
fn tally(account: &Account) -> Result<TallyFigures, String> {
    let session = &account.session;
    let Some(tally) = session.tally.filter(|tally| tally.sent > 0) else {
        return Err("nobody counted what became of the events".into());
    };
    match session.tally_stale_for(session.latest().unwrap_or_default()) {
        Some(age) => Err(format!("the store was not read for the last {}", span(age))),
        None => Ok(tally),
    }
}

pub(super) fn lost(account: &Account, most: u64) -> Found {
    // What was lost by then is lost, however old the tally is.
    if let Some(tally) = account.session.tally.filter(|tally| tally.lost > most) {
        let figure = format!("{} lost", count(tally.lost));
        return Found::fail(figure, account.ledger.lost.first_above(most)).with(tally.lost as f64);
    }
    let tally = match tally(account) {
        Ok(tally) => tally,
        Err(why) => return Found::untold(why),
    };
    let figure = format!("{} lost", count(tally.lost));
    // What is neither stored nor lost may still be either.
    let (acknowledged, open) = (account.session.acknowledged(), account.session.in_flight() + tally.unknowable);
    if tally.lost + open > most {
        return Found::untold(format!(
            "{figure} for certain, but {} of {} were on their way at the end",
            count(open),
            count(acknowledged)
        ))
        .with(tally.lost as f64);
    }
    let found = if tally.unconfirmed > 0 {
        Found::untold(format!("{figure}, but {} events were given up by the load", count(tally.unconfirmed)))
    } else {
        Found::pass(format!("{figure} of {}", count(acknowledged)))
    };
    found.with(tally.lost as f64)
}

/// The most events that a limit allows of so many that were stored.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count is a count")]
fn allowed(most: Most, stored: u64) -> u64 {
    match most {
        Most::Events(most) => most,
        Most::Share(share) => (share * stored as f64 + 1e-9).floor() as u64,
    }
}

fn share(events: u64, stored: u64) -> f64 {
    events as f64 / stored.max(1) as f64
}

/// `20 of 12,000 (0.1667 %)`
fn of_stored(events: u64, stored: u64, most: Most) -> String {
    let limit = match most {
        Most::Share(limit) => Some(limit),
        Most::Events(_) => None,
    };
    format!("{} of {} ({})", count(events), count(stored), share_beside(share(events, stored), limit, 4))
}

/// In what the limit is counted in.
fn value(events: u64, stored: u64, most: Most) -> f64 {
    match most {
        Most::Events(_) => events as f64,
        Most::Share(_) => share(events, stored),
    }
}

pub(super) fn duplicates(account: &Account, most: Most) -> Found {
    let tally = match tally(account) {
        Ok(tally) => tally,
        Err(why) => return Found::untold(why),
    };
    if tally.foreign > 0 {
        return Found::untold("others write into the store as well, and their repeats can't be told from ours");
    }
    if tally.stored == 0 {
        return Found::untold("nothing was seen in the store");
    }
    let figure = of_stored(tally.duplicated, tally.stored, most);
    let allowed = allowed(most, tally.stored);
    let open = account.session.in_flight();
    let found = if tally.duplicated > allowed {
        Found::fail(figure, account.ledger.duplicated.first_above(allowed))
    } else if tally.duplicated + open > allowed {
        Found::untold(format!("{figure}, but {} were on their way at the end", count(open)))
    } else {
        Found::pass(figure)
    };
    found.with(value(tally.duplicated, tally.stored, most))
}

pub(super) fn out_of_order(account: &Account, most: Most) -> Found {
    let tally = match tally(account) {
        Ok(tally) => tally,
        Err(why) => return Found::untold(why),
    };
    let Some(order) = tally.order else { return Found::untold("the order in the store was not watched") };
    if tally.stored == 0 {
        return Found::untold("nothing was seen in the store");
    }
    let figure = of_stored(order.late, tally.stored, most);
    let allowed = allowed(most, tally.stored);
    let open = account.session.in_flight();
    let found = if order.late > allowed {
        Found::fail(figure, account.ledger.late.first_above(allowed))
    } else if order.late + order.undecided + open > allowed {
        let undecided = (order.undecided > 0).then(|| format!("of {} it can't be told", count(order.undecided)));
        let open = (open > 0).then(|| format!("{} were on their way at the end", count(open)));
        let why: Vec<String> = undecided.into_iter().chain(open).collect();
        Found::untold(format!("{figure} for certain, but {}", why.join(", and ")))
    } else {
        Found::pass(figure)
    };
    found.with(value(order.late, tally.stored, most))
}
