//! A list below the prompt to pick from: arrows move, typing filters, Enter takes. On standard error, so that what a
//! command prints can go to a file meanwhile.

use std::fmt;
use std::io::IsTerminal;

use crossterm::cursor::Show;
use crossterm::event::DisableBracketedPaste;
use crossterm::terminal::{disable_raw_mode, size};
use inquire::validator::Validation;
use inquire::{InquireError, Select, Text};

use super::interrupt::interruptible;
use crate::ui::terminal::watch_for_stops;

/// Why nothing was picked.
#[derive(Debug, thiserror::Error)]
pub(super) enum PickError {
    #[error("nothing was chosen")]
    Left,
    #[error("the terminal can't be asked ({0}); name what you want on the command line")]
    Terminal(String),
}

impl From<InquireError> for PickError {
    fn from(error: InquireError) -> Self {
        match error {
            InquireError::OperationCanceled | InquireError::OperationInterrupted => Self::Left,
            error => Self::Terminal(error.to_string()),
        }
    }
}

/// A line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// What it is called: it stays on the terminal as the answer.
    pub(super) name: String,
    /// What else helps to choose.
    pub(super) note: String,
}

/// Whether somebody can be asked.
pub(super) fn is_possible() -> bool {
    let can_place = std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && can_place
}

/// Asks for one of several; gives its place among them.
pub(super) fn pick(question: &str, rows: Vec<Row>) -> Result<usize, PickError> {
    // Rows must not wrap, and the question and the help stay in sight.
    let (columns, height) = size().unwrap_or((80, 24));
    let lines = laid_out(rows, usize::from(columns).saturating_sub(4));
    let page = usize::from(height).saturating_sub(4).clamp(3, 16);
    let question = question.to_owned();
    asked(move || {
        Select::new(&question, lines)
            .with_help_message("arrows move, typing filters, Enter takes, Esc leaves")
            .with_page_size(page)
            .with_formatter(&|line| line.value.name.clone())
            .with_scorer(&|typed, line, _, _| has_all_words(&line.whole, typed).then_some(0))
            // As they were listed, whatever was typed.
            .with_sorter(&|_| {})
            .raw_prompt()
            .map(|chosen| chosen.index)
    })
}

/// Asks for a line, until it is one that `check` takes.
pub(super) fn ask(
    question: &str,
    help: &'static str,
    check: impl Fn(&str) -> Result<(), String> + Clone + Send + 'static,
) -> Result<String, PickError> {
    let question = question.to_owned();
    asked(move || {
        let validator = move |typed: &str| match check(typed) {
            Ok(()) => Ok(Validation::Valid),
            Err(sentence) => Ok(Validation::Invalid(sentence.into())),
        };
        Text::new(&question).with_help_message(help).with_validator(validator).prompt()
    })
}

/// Asks on a thread of its own, so that a signal ends the question and gives the terminal back.
fn asked<T: Send + 'static>(
    question: impl FnOnce() -> Result<T, InquireError> + Send + 'static,
) -> Result<T, PickError> {
    // Before the first thread: a screen may follow.
    watch_for_stops().map_err(|error| PickError::Terminal(error.to_string()))?;
    match interruptible(move |_| question()) {
        Ok(Some(answer)) => Ok(answer?),
        Ok(None) => {
            // Whoever reads the keys still waits for one. What can't be given back has no terminal left.
            drop(disable_raw_mode());
            drop(crossterm::execute!(std::io::stderr(), DisableBracketedPaste, Show));
            Err(PickError::Left)
        }
        Err(error) => Err(PickError::Terminal(error.to_string())),
    }
}

/// A row as it is shown.
struct Line {
    name: String,
    /// What typing looks in: also what the terminal has no room for.
    whole: String,
    shown: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Notes stand below one another, and no row is longer than the terminal is wide.
fn laid_out(rows: Vec<Row>, columns: usize) -> Vec<Line> {
    let widest = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).min(columns * 2 / 3);
    let line = |Row { name, note }: Row| {
        let whole = if note.is_empty() { name.clone() } else { format!("{name:<widest$}  {note}") };
        let whole = whole.replace(char::is_control, " ");
        let fits = whole.chars().count() <= columns;
        let cut = || whole.chars().take(columns.saturating_sub(2)).chain("..".chars()).collect();
        let shown = if fits { whole.clone() } else { cut() };
        Line { name: name.replace(char::is_control, " "), whole, shown }
    };
    rows.into_iter().map(line).collect()
}

/// Whether a row has every word that was typed, in any case and order.
fn has_all_words(shown: &str, typed: &str) -> bool {
    let shown = shown.to_lowercase();
    typed.to_lowercase().split_whitespace().all(|word| shown.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_below_one_another_and_never_wrap() {
        let row = |name: &str, note: &str| Row { name: name.into(), note: note.into() };
        let rows =
            vec![row("contoso/in-2", "2 partitions"), row("c/x", "1 partition"), row(&"long".repeat(30), "note")];
        let shown: Vec<String> = laid_out(rows.clone(), 40).into_iter().map(|line| line.shown).collect();
        assert!(shown.iter().all(|line| line.chars().count() <= 40), "{shown:?}");
        assert!(shown.iter().any(|line| line.ends_with("..")), "{shown:?}");
        let places: Vec<Option<usize>> = shown.iter().take(2).map(|line| line.find("partition")).collect();
        assert_eq!(places[0], places[1], "{shown:?}");
        // What was cut off is found by typing all the same.
        assert!(laid_out(rows, 10).first().is_some_and(|line| has_all_words(&line.whole, "2 partitions")));
    }

    #[test]
    fn words_are_found_in_any_order_and_case() {
        assert!(has_all_words("contosoeventhubs/contosoin-2  2 partitions", "IN-2 contoso"));
        assert!(has_all_words("anything", "  "));
        assert!(!has_all_words("contosoeventhubs/contosoin-2", "in-3"));
    }
}
