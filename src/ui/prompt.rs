//! What a person types into the footer: a mark, a place in a recording, a name, a filter, a confirmation.

use std::borrow::Cow;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Something that is being typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What for.
    pub asks: Asks,
    /// What was typed so far.
    pub text: String,
}

/// What a prompt asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asks {
    /// The text of a mark.
    Mark,
    /// Where to go in a recording.
    Place,
    /// How far to go into two recordings.
    Offset,
    /// The name to keep the recording under.
    Name,
    /// Which partitions, or which lines of the log.
    Filter,
    /// Whether a load is really to go there.
    Load {
        /// What it goes into.
        into: LoadInto,
    },
}

/// What a load goes into. Hubs of one name are in many namespaces: production's and a test's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadInto {
    /// Its name, which confirms it.
    pub name: String,
    /// The full name of what it is in.
    pub place: String,
}

impl std::fmt::Display for LoadInto {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in {}", self.name, self.place)
    }
}

/// What a key came to while something is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    /// More is to come.
    More,
    /// That was all.
    Done,
    /// Nothing is wanted any more.
    Cancelled,
}

impl Prompt {
    /// Characters that a text may have.
    const LONGEST: usize = 60;

    /// Takes a key.
    pub fn press(&mut self, key: KeyEvent) -> Typed {
        match key.code {
            KeyCode::Enter => return Typed::Done,
            KeyCode::Esc => return Typed::Cancelled,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Typed::Cancelled,
            KeyCode::Backspace => drop(self.text.pop()),
            KeyCode::Char(_) if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => {}
            KeyCode::Char(typed) if self.text.chars().count() < Self::LONGEST && !typed.is_control() => {
                self.text.push(typed);
            }
            _ => {}
        }
        Typed::More
    }
}

impl Asks {
    /// The question, as in the footer.
    pub fn question(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Mark => "mark this moment as",
            Self::Place => "go to (10s, 3h5m, 14:05 UTC, start, end)",
            Self::Offset => "go to (10s, 3h5m, +30s, -2m, start, end)",
            Self::Name => "keep the recording under the name",
            Self::Filter => "show only (7, stalled, >1000, a word; empty: all)",
            Self::Load { into } => {
                return Cow::Owned(format!("load into {into} costs money there; type its name, or yes"));
            }
        })
    }

    /// The question in at most so many columns, if it can be.
    pub fn question_within(&self, width: usize) -> Cow<'static, str> {
        let whole = self.question();
        match self {
            Self::Load { into } if whole.chars().count() > width => {
                // Of a namespace its first part says which; an address has none that does.
                let part = into.place.split('.').next().unwrap_or_default();
                let place = if part.parse::<u8>().is_ok() { &into.place } else { part };
                Cow::Owned(format!("load into {} in {place} costs money; its name, or yes", into.name))
            }
            _ => whole,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_whole_question_has_no_room_the_namespace_is_shortened() {
        let asked = |place: &str, width| {
            let into = LoadInto { name: "contosoin-2".into(), place: place.into() };
            Asks::Load { into }.question_within(width).into_owned()
        };
        let namespace = "contosoeventhubs.servicebus.windows.net";
        assert!(asked(namespace, 200).contains(namespace));
        assert_eq!(asked(namespace, 60), "load into contosoin-2 in contosoeventhubs costs money; its name, or yes");
        assert_eq!(
            asked("127.0.0.1:5672", 60),
            "load into contosoin-2 in 127.0.0.1:5672 costs money; its name, or yes"
        );
    }
}
