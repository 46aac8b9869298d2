//! A report as Markdown, to be pasted into an issue.

use super::document::Document;
use super::table::{Section, Table, sections};

/// The report as Markdown (GitHub's tables).
pub fn markdown(document: &Document) -> String {
    sections(document).iter().map(section).collect::<Vec<_>>().join("\n")
}

fn section(section: &Section) -> String {
    let mut text = format!("## {}\n\n", escaped(&section.title));
    for sentence in &section.sentences {
        text += &format!("- {}\n", escaped(sentence));
    }
    if let Some(table) = &section.table {
        if !section.sentences.is_empty() {
            text.push('\n');
        }
        text += &rows(table);
    }
    text
}

/// Text as it is: nothing in it is markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '@' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

fn rows(table: &Table) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let rule = |column: usize| if column == 0 || column >= table.words { "---" } else { "---:" };
    let head = line(table.head.iter().map(|&word| word.to_owned()).collect());
    let rule = line((0..table.head.len()).map(|column| rule(column).to_owned()).collect());
    let rows = table.rows.iter().map(|row| line(row.iter().map(|cell| escaped(cell)).collect()));
    head + &rule + &rows.collect::<String>()
}
