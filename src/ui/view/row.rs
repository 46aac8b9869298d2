//! A row of text made of fields that are shown whole or not at all: a number is never cut in the middle.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

/// Fields from left to right; those that don't fit are left out, the rightmost first.
#[derive(Debug, Default)]
pub(super) struct Row<'a> {
    fields: Vec<Vec<Span<'a>>>,
    gap: usize,
}

impl<'a> Row<'a> {
    /// An empty row with so many blanks between fields.
    pub(super) fn spaced(gap: usize) -> Self {
        Self { fields: Vec::new(), gap }
    }

    /// Adds a field of one style.
    pub(super) fn field(self, text: impl Into<String>, style: Style) -> Self {
        self.spans([Span::styled(text.into(), style)])
    }

    /// Adds a field of a quiet label and a figure: `sent 1,402`.
    pub(super) fn labelled(self, label: &'static str, quiet: Style, figure: impl Into<String>, style: Style) -> Self {
        self.spans([Span::styled(label, quiet), Span::raw(" "), Span::styled(figure.into(), style)])
    }

    /// Adds a field of several spans that stay together.
    pub(super) fn spans(mut self, spans: impl IntoIterator<Item = Span<'a>>) -> Self {
        self.fields.push(spans.into_iter().collect());
        self
    }

    /// The line, no wider than `width`. The first field is always there, cut if it must be.
    pub(super) fn fit(self, width: u16) -> Line<'a> {
        let mut line: Vec<Span<'a>> = Vec::new();
        let mut used = 0;
        for field in self.fields {
            let wide: usize = field.iter().map(Span::width).sum();
            if !line.is_empty() {
                if used + self.gap + wide > usize::from(width) {
                    continue;
                }
                line.push(Span::raw(" ".repeat(self.gap)));
                used += self.gap;
            }
            used += wide;
            line.extend(field);
        }
        Line::from(line)
    }

    /// Draws the row on one line of cells.
    pub(super) fn draw(self, area: Rect, buffer: &mut Buffer) {
        self.fit(area.width).render(area, buffer);
    }
}

/// Text in at most `width` cells: whole, or cut at a word with `…` behind it.
pub(super) fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let cut: String = text.chars().take(room).collect();
    let whole_word = text.chars().nth(room).is_some_and(char::is_whitespace);
    let end = match cut.rfind(char::is_whitespace) {
        Some(space) if !whole_word && space * 2 > cut.len() => space,
        _ => cut.len(),
    };
    let kept = cut.get(..end).unwrap_or(&cut).trim_end_matches([' ', ',', ':', ';']);
    if width == 0 { String::new() } else { format!("{kept}…") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_whole_or_absent() {
        let row = || Row::spaced(2).field("due 1,402,311", Style::new()).field("lost 0", Style::new());
        assert_eq!(row().fit(40).to_string(), "due 1,402,311  lost 0");
        assert_eq!(row().fit(20).to_string(), "due 1,402,311");
    }

    #[test]
    fn text_is_cut_between_words() {
        assert_eq!(shorten("Cosmos DB throttles: 98 % of 20,000 RU/s", 30), "Cosmos DB throttles: 98 % of…");
        assert_eq!(shorten("short", 30), "short");
    }
}
