//! The big header: the word for the whole pipeline and the three figures that matter, in letters that the last row of a
//! room can read. It stands above everything else and hides nothing: the rest of the screen has fewer rows.

use font8x8::legacy::BASIC_LEGACY;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Widget;

use super::Scene;
use crate::model::health::{Health, Word};
use crate::model::units::EventRate;
use crate::ui::state::ViewState;

/// The smallest terminal with room for big letters.
pub const ROOM: (u16, u16) = (120, 36);

/// On so many rows the letters are twice as tall.
const TALL: u16 = 56;

/// Letters are so many cells wide; the font has a dot a cell.
const WIDE: u16 = 8;

/// The height of a letter on a terminal of this size.
fn letter(area: Rect) -> u16 {
    if area.height >= TALL { 8 } else { 4 }
}

/// The rows of the header, and what is left below it; no header where none is asked for, or where there is no room.
pub(super) fn split(area: Rect, state: &ViewState) -> (Rect, Rect) {
    let asked = state.big && area.width >= ROOM.0 && area.height >= ROOM.1;
    // Word, blank, figures, labels.
    let rows = if asked { letter(area) * 2 + 2 } else { 0 };
    let [header, rest] = Layout::vertical([Constraint::Length(rows), Constraint::Fill(1)]).areas(area);
    (header, rest)
}

/// Draws the header in the rows that [`split`] gave it.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let Scene { session, state, theme } = scene;
    if area.is_empty() {
        return;
    }
    let tall = area.height.saturating_sub(2) / 2;
    let health = Health::of(session, state.now);
    let [word, _, figures, labels] = Layout::vertical([
        Constraint::Length(tall),
        Constraint::Length(1),
        Constraint::Length(tall),
        Constraint::Length(1),
    ])
    .areas(super::inside(area));
    let (_, style) = theme.health(health.word);
    write(word, buffer, health.word.text(), style);

    // Nothing old is shown as live: what is not seen at the moment is a question mark.
    let lag = session.lag_events().filter(|_| health.word != Word::Blind);
    let shown = [
        (session.ingest_rate(state.now).map(EventRate::per_second), "ingest events/s", theme.ingest),
        (lag.map(|events| events as f64), "events behind", theme.lag),
        (session.stored_rate(state.now).map(EventRate::per_second), "writes/s", theme.serve),
    ];
    let columns: [Rect; 3] = Layout::horizontal([Constraint::Fill(1); 3]).areas(figures);
    for (column, (value, label, style)) in columns.into_iter().zip(shown) {
        let (text, style) = match value {
            Some(value) => (short(value), style),
            None => ("?".into(), theme.stale),
        };
        write(column, buffer, &format!("{text:>4}"), style);
        let place = Rect { y: labels.y, height: 1, ..column };
        Line::styled(format!("{label:>width$}", width = usize::from(WIDE * 4 - 1)), theme.quiet).render(place, buffer);
    }
}

/// A figure in at most four letters: `0`, `9.7`, `438`, `4.0k`, `12k`, `940k`, `1.2M`.
fn short(value: f64) -> String {
    let value = value.max(0.0);
    let scaled = |value: f64, unit: &str| {
        if value < 9.95 { format!("{value:.1}{unit}") } else { format!("{value:.0}{unit}") }
    };
    match value {
        value if value < 0.05 => "0".into(),
        value if value < 999.5 => scaled(value, ""),
        value if value < 999_500.0 => scaled(value / 1e3, "k"),
        value if value < 999_500_000.0 => scaled(value / 1e6, "M"),
        value => scaled((value / 1e9).min(999.0), "G"),
    }
}

/// Writes a text in letters as tall as the area: a dot is a cell, or half of one.
fn write(area: Rect, buffer: &mut Buffer, text: &str, style: Style) {
    let dots = |letter: char, row: u16| -> u8 {
        let shape = usize::try_from(u32::from(letter)).ok().and_then(|place| BASIC_LEGACY.get(place));
        shape.and_then(|shape| shape.get(usize::from(row))).copied().unwrap_or(0)
    };
    for (place, letter) in (0..).zip(text.chars()) {
        for (row, y) in (0..).zip(area.top()..area.bottom()) {
            let (upper, lower) = if area.height >= 8 {
                (dots(letter, row), dots(letter, row))
            } else {
                (dots(letter, row * 2), dots(letter, row * 2 + 1))
            };
            for column in 0..WIDE {
                let x = area.x + place * WIDE + column;
                let symbol = match (upper >> column & 1, lower >> column & 1) {
                    (1, 1) => "█",
                    (1, _) => "▀",
                    (_, 1) => "▄",
                    _ => continue,
                };
                if x < area.right() {
                    buffer.set_string(x, y, symbol, style);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn figures_have_four_letters_at_most() {
        let figures = [0.0, 0.04, 9.7, 9.96, 438.2, 999.6, 4_008.0, 12_345.0, 940_000.0, 999_600.0, 1.2e6];
        let read: Vec<String> = figures.into_iter().map(short).collect();
        assert_eq!(read, ["0", "0", "9.7", "10", "438", "1.0k", "4.0k", "12k", "940k", "1.0M", "1.2M"]);
    }

    proptest! {
        #[test]
        fn no_figure_is_wider(value in -1.0_f64..1e18) {
            prop_assert!(short(value).len() <= 4, "{}", short(value));
        }
    }

    #[test]
    fn letters_are_as_the_font_has_them() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 4));
        write(buffer.area, &mut buffer, "L", Style::new());
        let rows: Vec<String> =
            buffer.content().chunks(8).map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect()).collect();
        assert_eq!(rows, ["▀██▀    ", " ██     ", " ██  ▄█ ", "▀▀▀▀▀▀▀ "]);
    }
}
