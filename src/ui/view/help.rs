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
                Span::styled(format!("  {:<11}", binding.label), theme.key),
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
        let mut spans = vec![Span::raw("  ")];
        for status in pair {
            let (glyph, style) = theme.status(*status);
            spans.push(Span::styled(glyph, style));
            spans.push(Span::styled(format!(" {:<17}", status.word()), theme.text));
        }
        lines.push(Line::from(spans));
    }
    let width = 54.min(area.width);
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX).min(area.height);
    let place = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    Clear.render(place, buffer);
    let block = panel("Keys", theme);
    let inner = block.inner(place);
    block.render(place, buffer);
    for (y, line) in (inner.top()..inner.bottom()).zip(lines) {
        line.render(Rect { y, height: 1, ..inner }, buffer);
    }
}
