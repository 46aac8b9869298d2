//! The log pane: what happened, the newest on top.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;
use ratatui::widgets::Widget;

use super::row::Row;
use super::{Scene, panel};
use crate::figures;
use crate::model::log::Happening;
use crate::model::status::Status;
use crate::model::units::PartitionId;
use crate::ui::state::{Panel, Zoom};
use crate::wrap::wrap;

/// Draws the pane over the whole area, with the filter applied to what the lines say.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let wanted = scene.state.filter.to_lowercase();
    let wanted = |happening: &Happening| wanted.is_empty() || happening.to_string().to_lowercase().contains(&wanted);
    draw_list(area, buffer, scene, Panel::Log.title(), wanted);
}

/// Draws what happened to one partition.
pub(super) fn draw_of_partition(area: Rect, buffer: &mut Buffer, scene: Scene, id: PartitionId) {
    let wanted = |happening: &Happening| match happening {
        Happening::Status(of, ..) | Happening::Owner(of, _) => *of == id,
        _ => false,
    };
    draw_list(area, buffer, scene, "What happened to it", wanted);
}

fn draw_list(area: Rect, buffer: &mut Buffer, scene: Scene, title: &str, wanted: impl Fn(&Happening) -> bool) {
    let Scene { session, state, theme } = scene;
    let block = panel(title, theme);
    let inner = block.inner(area);
    block.render(area, buffer);
    let started = session.started().unwrap_or(state.now);
    let entries: Vec<_> = session.log.newest_first().filter(|(_, happening)| wanted(happening)).collect();
    if entries.is_empty() {
        let text = if state.filter.is_empty() { "nothing yet" } else { "nothing that the filter lets through" };
        buffer.set_stringn(inner.x + 1, inner.y, text, usize::from(inner.width.saturating_sub(1)), theme.quiet);
        return;
    }
    let room = usize::from(inner.width).saturating_sub(13);
    // Whole, over several rows if need be: what is away says here what to do about it.
    let lines = |happening: &Happening| {
        let said = happening.to_string();
        // Where one partition fills the screen, its number need not be said.
        let said = match (&state.zoom, said.split_once(": ")) {
            (Zoom::Partition(_), Some((_, rest))) => rest,
            _ => &said,
        };
        wrap(said, room)
    };
    let mut height = usize::from(inner.height);
    let oldest = entries.iter().rev().take_while(|(_, happening)| {
        let fits = height.checked_sub(lines(happening).len());
        height = fits.unwrap_or_default();
        fits.is_some()
    });
    let first = state.log_back.min(entries.len() - oldest.count().max(1));
    let mut rows = inner.top()..inner.bottom();
    for (at, happening) in entries.into_iter().skip(first) {
        let (glyph, style) = look(happening, scene);
        for (line, text) in lines(happening).into_iter().enumerate() {
            let Some(y) = rows.next() else { return };
            let place = Rect { y, height: 1, ..inner };
            if line > 0 {
                buffer.set_string(inner.x + 12, y, text, theme.text);
                continue;
            }
            Row::spaced(1)
                .field(format!(" {}", figures::clock(at.since(started))), theme.quiet)
                .spans([Span::styled(format!("{glyph} "), style), Span::styled(text, theme.text)])
                .draw(place, buffer);
        }
    }
}

fn look(happening: &Happening, scene: Scene) -> (&'static str, Style) {
    let theme = scene.theme;
    match happening {
        Happening::Mark(_) => ("◆", theme.warning),
        Happening::Away(..) => ("✖", theme.bad),
        Happening::Back(..) => theme.status(Status::Ok),
        Happening::Stopped(_) => theme.status(Status::Stalled),
        Happening::Status(_, _, to) => theme.status(*to),
        Happening::Owner(..) => ("○", theme.quiet),
    }
}
