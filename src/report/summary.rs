//! The summary after a session: what became of every event.

use crate::figures::{clock, count};
use crate::model::observation::Target;
use crate::model::session::Session;

/// Whether everything that was due was sent or is not to be sent any more, and everything that was sent is accounted for.
pub fn is_settled(session: &Session) -> bool {
    let Some(load) = &session.load else { return true };
    let figures = &load.figures;
    // Of those that were given up some may have turned up in the store: they are unconfirmed no more.
    let answered = figures.acknowledged + figures.failed >= figures.sent;
    let accounted = session.tally.is_some_and(|tally| {
        let is_told = tally.sent == tally.acknowledged + tally.unconfirmed || answered && tally.sent >= figures.sent;
        is_told && session.in_flight() == 0 && tally.judged + tally.unknowable == tally.acknowledged
    });
    // A load that came to its end is behind with nothing, whatever it had not sent by then.
    let is_over = figures.target == Target::Paused && figures.behind.is_zero();
    (figures.sent >= figures.due || is_over) && (figures.sent == 0 || accounted)
}

/// The summary, a line each.
pub fn lines(session: &Session) -> Vec<String> {
    let mut lines = Vec::new();
    let (Some(started), Some(latest)) = (session.started(), session.latest()) else { return lines };
    let Some(tally) = session.tally.filter(|tally| tally.sent > 0) else { return lines };
    lines.push(format!(
        "sent {}  stored {}  lost {}  in flight {}  duplicated {}  in {}",
        count(session.sent()),
        count(tally.stored),
        count(tally.lost),
        count(session.in_flight()),
        // Where others write as well, their repeats can't be told from ours.
        if tally.foreign == 0 { count(tally.duplicated) } else { "?".to_owned() },
        clock(latest.since(started)),
    ));
    if tally.judged < session.acknowledged() {
        lines.push(format!(
            "{} of {} acknowledged events were followed to the end; of the others it is not known",
            count(tally.judged),
            count(session.acknowledged())
        ));
    }
    if let Some(order) = tally.order.filter(|order| order.late > 0) {
        lines.push(format!("{} events were stored after a later one of their device", count(order.late)));
    }
    if tally.unconfirmed > 0 {
        lines.push(format!("{} events were given up and may never have been enqueued", count(tally.unconfirmed)));
    }
    lines
}
