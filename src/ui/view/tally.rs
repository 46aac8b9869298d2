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
        Row::default().field("the tally counts our own load; none was sent yet", theme.quiet).draw(area, buffer);
        return;
    };
    let in_flight = tally.acknowledged.saturating_sub(tally.stored + tally.lost);
    let lost = if tally.lost > 0 { theme.bad } else { theme.strong };
    let gap = if area.width >= 110 { 4 } else { 2 };
    Row::spaced(gap)
        .labelled("sent", theme.quiet, count(tally.sent), theme.text)
        .labelled("stored", theme.quiet, count(tally.stored), theme.text)
        .labelled("lost", theme.quiet, count(tally.lost), lost)
        .labelled("in flight", theme.quiet, count(in_flight), theme.text)
        .labelled("duplicated", theme.quiet, count(tally.duplicated), theme.text)
        .labelled("due", theme.quiet, count(load.figures.due), theme.text)
        .labelled("acknowledged", theme.quiet, count(tally.acknowledged), theme.text)
        .draw(area, buffer);
}
