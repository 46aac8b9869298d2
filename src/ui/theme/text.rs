//! A frame as lines of text: plain, or with the escape sequences that colour it in a terminal.

use ratatui::backend::IntoCrossterm;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::Style;

/// The lines of a frame, without colour and without blanks at their ends.
pub fn plain(frame: &Buffer) -> Vec<String> {
    rows(frame).map(|row| row.iter().map(Cell::symbol).collect::<String>().trim_end().to_owned()).collect()
}

/// The lines of a frame, each coloured and with its colours closed at its end: they can stand anywhere.
pub fn coloured(frame: &Buffer) -> Vec<String> {
    let line = |row: &[Cell]| -> String {
        row.chunk_by(|a, b| a.style() == b.style())
            .map(|run| {
                let text: String = run.iter().map(Cell::symbol).collect();
                // A cell says what it has and also what it has not; the latter needs no sequence.
                let style = run.first().map_or(Style::new(), Cell::style);
                let style = Style { sub_modifier: ratatui::style::Modifier::empty(), ..style };
                let bare = style.fg.is_none_or(is_default) && style.bg.is_none_or(is_default);
                if bare && style.add_modifier.is_empty() {
                    text
                } else {
                    style.into_crossterm().apply(text).to_string()
                }
            })
            .collect()
    };
    rows(frame).map(line).collect()
}

fn is_default(colour: ratatui::style::Color) -> bool {
    colour == ratatui::style::Color::Reset
}

fn rows(frame: &Buffer) -> impl Iterator<Item = &[Cell]> {
    frame.content().chunks(usize::from(frame.area.width.max(1)))
}
