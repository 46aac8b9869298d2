//! The tally: what became of every event of our own load.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Scene;
use super::row::Row;
use crate::figures::count;

/// Draws the tally on one row.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let Scene { session, theme, .. } = scene;
    let (Some(load), Some(tally)) = (&session.load, &session.tally) else {
        let why = match &session.load {
            Some(load) if load.figures.sent > 0 => {
                "no tally: of the store's change feed a sample is read (budget-percent)"
            }
            _ => "the tally counts our own load; none was sent yet",
        };
        Row::default().field(why, theme.quiet).draw(area, buffer);
        return;
    };
    // Where others write as well, their repeats can't be told from ours.
    let duplicated = if tally.foreign == 0 { count(tally.duplicated) } else { "?".to_owned() };
    let in_flight = tally.acknowledged.saturating_sub(tally.stored + tally.lost);
    let lost = if tally.lost > 0 { theme.bad } else { theme.strong };
    let gap = if area.width >= 110 { 4 } else { 2 };
    Row::spaced(gap)
        .labelled("sent", theme.quiet, count(tally.sent), theme.text)
        .labelled("stored", theme.quiet, count(tally.stored), theme.text)
        .labelled("lost", theme.quiet, count(tally.lost), lost)
        .labelled("in flight", theme.quiet, count(in_flight), theme.text)
        .labelled("duplicated", theme.quiet, duplicated, theme.text)
        .labelled("due", theme.quiet, count(load.figures.due), theme.text)
        .labelled("acknowledged", theme.quiet, count(tally.acknowledged), theme.text)
        .draw(area, buffer);
}
