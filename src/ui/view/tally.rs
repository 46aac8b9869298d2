//! The tally: what became of every event of our own load.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Scene;
use super::row::Row;
use crate::figures::{count, span};
use crate::model::observation::Station;

/// Draws the tally on one row.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let Scene { session, theme, .. } = scene;
    let (Some(load), Some(tally)) = (&session.load, &session.tally) else {
        let unwatched = session.is_unwatched(Station::Store);
        let why = match &session.load {
            _ if unwatched => "no tally: no store is watched",
            Some(load) if load.figures.sent > 0 => "no tally: the store's change feed was not read yet",
            _ => "the tally counts our own load; none was sent yet",
        };
        Row::default().field(why, theme.quiet).draw(area, buffer);
        return;
    };
    // Where others write as well, their repeats can't be told from ours.
    let duplicated = if tally.foreign == 0 { count(tally.duplicated) } else { "?".to_owned() };
    // What the store says is as old as the last look at it; what the load says is not.
    let stale = session.tally_stale_for(scene.state.now);
    let of_store = if stale.is_some() { theme.stale } else { theme.text };
    let lost = if tally.lost > 0 { theme.bad } else { theme.strong };
    // That nothing is lost is said of what was judged; without positions nothing ever is.
    let unjudged = session.is_unwatched(Station::Checkpoints);
    let lost_figure = if unjudged { "?".to_owned() } else { count(tally.lost) };
    let gap = if area.width >= 110 { 4 } else { 2 };
    let row = Row::spaced(gap)
        .labelled("sent", theme.quiet, count(session.sent()), theme.text)
        .labelled("stored", theme.quiet, count(tally.stored), of_store)
        .labelled("lost", theme.quiet, lost_figure, lost)
        .labelled("in flight", theme.quiet, count(session.in_flight()), theme.text);
    let row = match stale {
        None => row,
        Some(age) => row.field(format!("as of {} ago", span(Duration::from_secs(age.as_secs()))), theme.stale),
    };
    // Whether these were stored nobody saw: of the change feed a sample was read, or they had expired by then.
    let row = match tally.unknowable {
        0 => row,
        unknowable => row.labelled("unseen", theme.quiet, count(unknowable), theme.text),
    };
    row.labelled("duplicated", theme.quiet, duplicated, of_store)
        // What was sent was due, and the ledger may have been told after the load's last word.
        .labelled("due", theme.quiet, count(load.figures.due.max(session.sent())), theme.text)
        .labelled("acknowledged", theme.quiet, count(session.acknowledged()), theme.text)
        .draw(area, buffer);
}
