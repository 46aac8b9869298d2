//! The help: every key that does something here, from the keymap, and what the glyphs mean.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::footer::usable;
use super::{Scene, panel};
use crate::model::status::Status;
use crate::ui::keymap::BINDINGS;

/// Draws the help over the middle of the screen.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let theme = scene.theme;
    let mut lines: Vec<Line> = BINDINGS
        .iter()
        .filter(|binding| usable(binding.action, scene))
        .map(|binding| {
            Line::from(vec![
                Span::styled(format!(" {:<10}", binding.label), theme.key),
                Span::styled(binding.help, theme.text),
            ])
        })
        .collect();
    lines.push(Line::default());
    let statuses = [
        Status::Ok,
        Status::Draining,
        Status::Behind,
        Status::FallingBehind,
        Status::Stalled,
        Status::Rewound,
        Status::NoPosition,
        Status::Blind,
    ];
    for pair in statuses.chunks(2) {
        let mut spans = vec![Span::raw(" ")];
        for status in pair {
            let (glyph, style) = theme.status(*status);
            spans.push(Span::styled(glyph, style));
            spans.push(Span::styled(format!(" {:<15}", status.word()), theme.text));
        }
        lines.push(Line::from(spans));
    }
    // One column if it fits, else two side by side.
    let room = usize::from(area.height.saturating_sub(2)).max(1);
    let columns = lines.len().div_ceil(room).clamp(1, 2);
    let each = lines.len().div_ceil(columns);
    let wide = 40_u16;
    let width = (wide * u16::try_from(columns).unwrap_or(1) + 2).min(area.width);
    let height = u16::try_from(each + 2).unwrap_or(u16::MAX).min(area.height);
    let place = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    Clear.render(place, buffer);
    let block = panel("Keys", theme);
    let inner = block.inner(place);
    block.render(place, buffer);
    for (number, line) in lines.into_iter().enumerate() {
        let (column, row) = (number / each.max(1), number % each.max(1));
        let x = inner.x + wide * u16::try_from(column).unwrap_or(0);
        let y = inner.y + u16::try_from(row).unwrap_or(0);
        if x < inner.right() && y < inner.bottom() {
            line.render(Rect { x, y, width: wide.min(inner.right() - x), height: 1 }, buffer);
        }
    }
}
