//! A key as people write it: `q`, `A`, `?`, `space`, `pgup`, `F1`, `ctrl-c`, `shift-tab`.

use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::toml_file::nearest;

/// A key, with what is held down beside it. What a terminal can't tell apart is one key: `+` with and without shift,
/// `ctrl-c` and `ctrl-C`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    code: KeyCode,
    held: KeyModifiers,
}

/// The keys that have names, and the name as the help writes it; it is read in any case.
const NAMES: [(KeyCode, &str); 16] = [
    (KeyCode::Enter, "Enter"),
    (KeyCode::Esc, "Esc"),
    (KeyCode::Tab, "Tab"),
    (KeyCode::BackTab, "Shift-Tab"),
    (KeyCode::Char(' '), "space"),
    (KeyCode::Backspace, "Backspace"),
    (KeyCode::Delete, "Delete"),
    (KeyCode::Insert, "Insert"),
    (KeyCode::Home, "Home"),
    (KeyCode::End, "End"),
    (KeyCode::PageUp, "PgUp"),
    (KeyCode::PageDown, "PgDn"),
    (KeyCode::Left, "left"),
    (KeyCode::Right, "right"),
    (KeyCode::Up, "up"),
    (KeyCode::Down, "down"),
];

/// What can be held down, and how it is written.
const HELD: [(KeyModifiers, &str); 3] =
    [(KeyModifiers::CONTROL, "Ctrl-"), (KeyModifiers::ALT, "Alt-"), (KeyModifiers::SHIFT, "Shift-")];

/// Function keys that terminals send.
const FUNCTION_KEYS: u8 = 12;

/// Why a text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is near a name.
    #[error("`{typed}` is no key; did you mean `{meant}`?")]
    Misspelt {
        /// What was written.
        typed: String,
        /// What was probably meant.
        meant: String,
    },
    /// It is near nothing.
    #[error(
        "`{0}` is no key; write a character (a, A, ?), a name (enter, space, pgup, left, F1), or either with ctrl- or \
         alt- before it"
    )]
    Unknown(String),
    /// Terminals send the same as for another key.
    #[error("`{typed}` can't be told from `{same}` by a terminal; write `{same}`")]
    Same {
        /// What was written.
        typed: String,
        /// What to write.
        same: String,
    },
}

impl Key {
    /// The key of an event.
    pub fn of(event: KeyEvent) -> Self {
        Self::normal(event.code, event.modifiers)
    }

    /// A terminal sends `+` and `?` with SHIFT or without: the character says it already. Where control is held, the
    /// case of a letter is lost.
    fn normal(code: KeyCode, held: KeyModifiers) -> Self {
        let held = held & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        match code {
            KeyCode::Char(letter) if held.contains(KeyModifiers::CONTROL) => {
                Self { code: KeyCode::Char(letter.to_ascii_lowercase()), held: held - KeyModifiers::SHIFT }
            }
            KeyCode::Char(_) | KeyCode::BackTab => Self { code, held: held - KeyModifiers::SHIFT },
            KeyCode::Tab if held.contains(KeyModifiers::SHIFT) => {
                Self { code: KeyCode::BackTab, held: held - KeyModifiers::SHIFT }
            }
            _ => Self { code, held },
        }
    }

    /// The event of a terminal in which this key is pressed.
    pub fn event(self) -> KeyEvent {
        KeyEvent::new(self.code, self.held)
    }
}

/// A key without anything held.
fn code(name: &str) -> Option<KeyCode> {
    let mut characters = name.chars();
    if let (Some(only), None) = (characters.next(), characters.next()) {
        return (!only.is_control() && only != ' ').then_some(KeyCode::Char(only));
    }
    let function = || {
        let number = name.strip_prefix(['F', 'f'])?.parse().ok()?;
        (1..=FUNCTION_KEYS).contains(&number).then_some(KeyCode::F(number))
    };
    NAMES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(code, _)| *code).or_else(function)
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (mut rest, mut held) = (text, KeyModifiers::NONE);
        // `-` alone, and the second `-` in `ctrl--`, is the key.
        while let Some((modifier, after)) = HELD.iter().find_map(|(modifier, prefix)| {
            let (head, after) = rest.split_at_checked(prefix.len())?;
            (head.eq_ignore_ascii_case(prefix) && !after.is_empty()).then_some((*modifier, after))
        }) {
            (rest, held) = (after, held | modifier);
        }
        let Some(code) = code(rest) else {
            let names = NAMES.iter().map(|(_, name)| *name);
            return Err(match nearest(rest, names) {
                Some(name) => {
                    let prefix = &text[..text.len() - rest.len()];
                    KeyError::Misspelt { typed: text.into(), meant: format!("{prefix}{name}").to_lowercase() }
                }
                None => KeyError::Unknown(text.chars().take(40).collect()),
            });
        };
        let same = |same: String| Err(KeyError::Same { typed: text.into(), same });
        match code {
            // What terminals send for these is older than the keys: control takes bits from the letter.
            KeyCode::Char('i' | 'I') if held == KeyModifiers::CONTROL => same("tab".into()),
            KeyCode::Char('m' | 'M') if held == KeyModifiers::CONTROL => same("enter".into()),
            KeyCode::Char('[') if held == KeyModifiers::CONTROL => same("esc".into()),
            KeyCode::Char(letter) if held.contains(KeyModifiers::SHIFT) => match letter {
                letter if letter.is_ascii_lowercase() => same(letter.to_ascii_uppercase().to_string()),
                _ => same(Self::normal(code, held).to_string()),
            },
            _ => Ok(Self::normal(code, held)),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (modifier, prefix) in HELD {
            if self.held.contains(modifier) {
                f.write_str(prefix)?;
            }
        }
        match self.code {
            KeyCode::Char(letter) if letter != ' ' && self.held.contains(KeyModifiers::CONTROL) => {
                write!(f, "{}", letter.to_ascii_uppercase())
            }
            KeyCode::Char(letter) if letter != ' ' => write!(f, "{letter}"),
            KeyCode::F(number) => write!(f, "F{number}"),
            code => f.write_str(NAMES.iter().find(|(known, _)| *known == code).map_or("?", |(_, name)| name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn keys_as_they_are_written_and_as_a_terminal_sends_them() {
        let (none, control, shift) = (KeyModifiers::NONE, KeyModifiers::CONTROL, KeyModifiers::SHIFT);
        let table = [
            ("a", KeyCode::Char('a'), none, "a"),
            ("A", KeyCode::Char('A'), shift, "A"),
            ("?", KeyCode::Char('?'), shift, "?"),
            ("-", KeyCode::Char('-'), none, "-"),
            ("ctrl--", KeyCode::Char('-'), control, "Ctrl--"),
            ("ctrl-c", KeyCode::Char('c'), control, "Ctrl-C"),
            ("Ctrl-C", KeyCode::Char('c'), control, "Ctrl-C"),
            ("alt-x", KeyCode::Char('x'), KeyModifiers::ALT, "Alt-x"),
            ("space", KeyCode::Char(' '), none, "space"),
            ("ctrl-space", KeyCode::Char(' '), control, "Ctrl-space"),
            ("tab", KeyCode::Tab, none, "Tab"),
            ("shift-tab", KeyCode::BackTab, shift, "Shift-Tab"),
            ("PgUp", KeyCode::PageUp, none, "PgUp"),
            ("shift-left", KeyCode::Left, shift, "Shift-left"),
            ("f1", KeyCode::F(1), none, "F1"),
            ("ü", KeyCode::Char('ü'), none, "ü"),
        ];
        for (text, code, held, label) in table {
            assert_eq!(key(text), Key::of(KeyEvent::new(code, held)), "{text}");
            assert_eq!(key(text).to_string(), label);
            assert_eq!(key(label), key(text), "what the help says can be written");
            assert_eq!(Key::of(key(text).event()), key(text));
        }
    }

    #[test]
    fn what_is_no_key() {
        let table = [
            ("entr", "`entr` is no key; did you mean `enter`?"),
            ("ctrl-spcae", "`ctrl-spcae` is no key; did you mean `ctrl-space`?"),
            ("F13", "`F13` is no key; write a character"),
            ("", "`` is no key; write a character"),
            (" ", "` ` is no key; write a character"),
            ("hyper-q", "`hyper-q` is no key; write a character"),
            ("ctrl-i", "`ctrl-i` can't be told from `tab` by a terminal; write `tab`"),
            ("ctrl-M", "`ctrl-M` can't be told from `enter` by a terminal; write `enter`"),
            ("ctrl-[", "`ctrl-[` can't be told from `esc` by a terminal; write `esc`"),
            ("shift-a", "`shift-a` can't be told from `A` by a terminal; write `A`"),
            ("shift-?", "`shift-?` can't be told from `?` by a terminal; write `?`"),
            ("ctrl-shift-K", "`ctrl-shift-K` can't be told from `Ctrl-K` by a terminal; write `Ctrl-K`"),
        ];
        for (text, expected) in table {
            let said = text.parse::<Key>().unwrap_err().to_string();
            assert!(said.starts_with(expected), "{text}: {said}");
        }
    }
}
