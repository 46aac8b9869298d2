//! A choice between several things that were listed, each with its number.

use std::io::IsTerminal;

use super::say;
use crate::wrap::wrap;

/// Why nothing was chosen.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChoiceError {
    #[error("{typed:?} is none of them: type a number from 1 to {count}")]
    NoneOfThem { typed: String, count: usize },
    #[error("your answer could not be read ({0}); name what you want on the command line")]
    Unreadable(std::io::Error),
}

/// Columns of a list: terminals have no fewer.
const WIDTH: usize = 80;

/// Says one line of a list: its number, what it is, and a text beside that, in as many lines as that takes.
pub(super) fn list(number: usize, what: &str, text: &str) {
    let head = format!("{number:>3}  {what}  ");
    let indent = head.chars().count();
    for (line, text) in wrap(text, WIDTH.saturating_sub(indent).max(20)).into_iter().enumerate() {
        if line == 0 {
            say(&format!("{head}{text}"));
        } else {
            say(&format!("{:indent$}{text}", ""));
        }
    }
}

/// On a terminal, asks which one; `None` where nobody can be asked, or nobody wants any.
pub(super) fn choose<T>(listed: &[T]) -> Result<Option<&T>, ChoiceError> {
    if !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        return Ok(None);
    }
    say("which one? (a number; Enter leaves)");
    let mut typed = String::new();
    std::io::stdin().read_line(&mut typed).map_err(ChoiceError::Unreadable)?;
    let typed = typed.trim();
    if typed.is_empty() {
        return Ok(None);
    }
    let chosen = typed.parse::<usize>().ok().and_then(|number| listed.get(number.checked_sub(1)?));
    let none = || ChoiceError::NoneOfThem { typed: typed.chars().take(40).collect(), count: listed.len() };
    chosen.map(Some).ok_or_else(none)
}
