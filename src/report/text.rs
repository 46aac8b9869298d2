//! A report as text: columns that stand under each other, for a terminal or a log.

use ratatui::text::Span;

use super::document::Document;
use super::table::{Section, Table, sections};

/// The report as text.
pub fn text(document: &Document) -> String {
    sections(document).iter().map(section).collect::<Vec<_>>().join("\n")
}

pub(super) fn section(section: &Section) -> String {
    let mut text = format!("{}\n", section.title);
    for sentence in &section.sentences {
        text += &format!("  {}\n", printable(sentence));
    }
    if let Some(table) = &section.table {
        text += &rows(table);
    }
    text
}

/// What came from a service or a file can't move the cursor.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn rows(table: &Table) -> String {
    let head: Vec<String> = table.head.iter().map(|&word| word.to_owned()).collect();
    let rows: Vec<Vec<String>> =
        std::iter::once(&head).chain(&table.rows).map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| Span::raw(cell.as_str()).width()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, width))| {
                let room = " ".repeat(width.saturating_sub(Span::raw(cell.as_str()).width()));
                let words = column == 0 || column >= table.words;
                if words { format!("{cell}{room}") } else { format!("{room}{cell}") }
            })
            .collect();
        format!("  {}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
