//! The keymap: which key does what. The help, the footer and the man page are made from it, so they can't drift from the
//! keys.
//!
//! - `action.rs`: what there is to ask for: one line for each action, with the keys that it has by default
//! - `key.rs`: a key as people write it

mod action;
mod key;

pub use action::{Action, Group};
pub use key::{Key, KeyError};

use crossterm::event::KeyEvent;

use crate::toml_file::nearest;

/// Which keys do what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    /// One for each action, in the order of the help. No key is in two of them.
    bindings: Vec<Binding>,
}

/// An action and the keys that do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// What it does.
    pub action: Action,
    /// The keys; the first is the one that the footer names. None where somebody wanted it so.
    pub keys: Vec<Key>,
}

/// An action's keys as somebody wrote them into a file, each with the byte at which it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebinding {
    /// The name of an action.
    pub action: (usize, String),
    /// The names of keys.
    pub keys: Vec<(usize, String)>,
}

/// Why keys can't be bound so: the byte at which the mistake stands, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct RebindError {
    /// Where it stands.
    pub at: usize,
    /// What is wrong, and what to try.
    pub sentence: String,
}

impl Default for Keymap {
    fn default() -> Self {
        let binding = |action: &Action| Binding {
            action: *action,
            // A test holds that each of them is a key.
            keys: action.default_keys().iter().filter_map(|key| key.parse().ok()).collect(),
        };
        Self { bindings: Action::ALL.iter().map(binding).collect() }
    }
}

impl Keymap {
    /// The default keys with some bound otherwise. An action that is named gets the keys that are listed and no other;
    /// a key that is listed leaves the action that had it by default.
    ///
    /// # Errors
    /// An unknown action or key, a key that is listed twice, and keys that leave no way to quit.
    pub fn rebound(rebindings: &[Rebinding]) -> Result<Self, RebindError> {
        let mut keymap = Self::default();
        let mut listed: Vec<(Key, Action)> = Vec::new();
        // By the order of the file: of two mistakes the first is told.
        let mut rebindings: Vec<&Rebinding> = rebindings.iter().collect();
        rebindings.sort_by_key(|rebinding| rebinding.action.0);
        let quit_keys = keymap.keys(Action::Quit).to_vec();
        for Rebinding { action: (at, name), keys } in &rebindings {
            let Some(action) = Action::named(name) else { return Err(unknown_action(*at, name)) };
            let mut wanted = Vec::with_capacity(keys.len());
            for (at, text) in keys {
                let key: Key =
                    text.parse().map_err(|error: KeyError| RebindError { at: *at, sentence: error.to_string() })?;
                if let Some((_, other)) = listed.iter().find(|(known, _)| *known == key) {
                    let sentence = format!("`{text}` is bound twice, to {} and to {name}; choose one", other.name());
                    return Err(RebindError { at: *at, sentence });
                }
                listed.push((key, action));
                wanted.push(key);
            }
            for binding in &mut keymap.bindings {
                if binding.action == action {
                    binding.keys.clone_from(&wanted);
                } else if !listed.iter().any(|(_, owner)| *owner == binding.action) {
                    binding.keys.retain(|key| !wanted.contains(key));
                }
            }
        }
        if keymap.keys(Action::Quit).is_empty() {
            let quit = |rebinding: &&&Rebinding| Action::named(&rebinding.action.1) == Some(Action::Quit);
            let taken = |(_, text): &(usize, String)| text.parse().is_ok_and(|key| quit_keys.contains(&key));
            let takes = |rebinding: &&&Rebinding| rebinding.keys.iter().any(taken);
            let culprit = rebindings.iter().find(quit).or_else(|| rebindings.iter().find(takes));
            let sentence = "this leaves no key to quit; give quit one: quit = [\"q\", \"ctrl-c\"]".to_owned();
            return Err(RebindError { at: culprit.map_or(0, |rebinding| rebinding.action.0), sentence });
        }
        Ok(keymap)
    }

    /// Each action with its keys, in the order of the help.
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// What a key asks for, if anything.
    pub fn action(&self, event: KeyEvent) -> Option<Action> {
        let key = Key::of(event);
        self.bindings.iter().find(|binding| binding.keys.contains(&key)).map(|binding| binding.action)
    }

    /// The keys of an action.
    pub fn keys(&self, action: Action) -> &[Key] {
        self.bindings.iter().find(|binding| binding.action == action).map_or(&[], |binding| &binding.keys)
    }

    /// The key of an action that the footer names.
    pub fn first(&self, action: Action) -> Option<Key> {
        self.keys(action).first().copied()
    }

    /// The rows of a short help for some actions: opposites share a row, each with its first key.
    pub fn short_rows(&self, shown: impl Fn(Action) -> bool) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        for &action in Action::ALL.iter().filter(|action| shown(**action)) {
            let (actions, together) = action.row();
            // With one of them alone to be shown, the row says what that one does.
            let all = actions.iter().all(|action| shown(*action));
            if all && actions.first() != Some(&action) {
                continue;
            }
            let (of, help) = if all { (actions, together) } else { (&[action][..], action.help()) };
            let keys: Vec<Key> = of.iter().filter_map(|action| self.first(*action)).collect();
            rows.push(Row { group: action.group(), label: label(&keys, " "), help });
        }
        rows
    }

    /// The rows of a full help for some actions: one for each, with all its keys.
    pub fn rows(&self, shown: impl Fn(Action) -> bool) -> Vec<Row> {
        let bindings = self.bindings.iter().filter(|binding| shown(binding.action));
        let row = |Binding { action, keys }: &Binding| Row {
            group: action.group(),
            label: label(keys, ", "),
            help: action.help(),
        };
        bindings.map(row).collect()
    }
}

/// A row of the help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it is about.
    pub group: Group,
    /// The keys.
    pub label: String,
    /// What they do.
    pub help: &'static str,
}

fn label(keys: &[Key], between: &str) -> String {
    if keys.is_empty() {
        return "(none)".into();
    }
    keys.iter().map(Key::to_string).collect::<Vec<_>>().join(between)
}

fn unknown_action(at: usize, name: &str) -> RebindError {
    let names = Action::ALL.iter().map(|action| action.name());
    let sentence = match nearest(name, names) {
        Some(meant) => format!("unknown action `{name}`; did you mean `{meant}`?"),
        None => format!("unknown action `{name}`; `streamgauge config` lists them"),
    };
    RebindError { at, sentence }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::{KeyCode, KeyModifiers};
    use std::collections::HashSet;

    fn rebinding(at: usize, action: &str, keys: &[&str]) -> Rebinding {
        let keys = keys.iter().enumerate().map(|(n, key)| (at + 1 + n, (*key).to_owned())).collect();
        Rebinding { action: (at, action.into()), keys }
    }

    fn pressed(keymap: &Keymap, key: &str) -> Option<Action> {
        keymap.action(key.parse::<Key>().unwrap().event())
    }

    #[test]
    fn every_action_is_reached_by_a_key_and_no_key_does_two_things() {
        let keymap = Keymap::default();
        let mut seen = HashSet::new();
        for Binding { action, keys } in keymap.bindings() {
            assert_eq!(keys.len(), action.default_keys().len(), "{action:?}: each default is a key");
            assert!(!keys.is_empty(), "{action:?}");
            for key in keys {
                assert!(seen.insert(*key), "{key} is bound twice");
                assert_eq!(keymap.action(key.event()), Some(*action));
            }
        }
        assert_eq!(keymap.bindings().len(), Action::ALL.len());
    }

    #[test]
    fn the_keys_of_vi_and_the_arrows_do_the_same() {
        let keymap = Keymap::default();
        for (vi, arrow) in [("h", "left"), ("j", "down"), ("k", "up"), ("l", "right")] {
            assert!(pressed(&keymap, vi).is_some());
            assert_eq!(pressed(&keymap, vi), pressed(&keymap, arrow));
        }
    }

    #[test]
    fn shifted_characters_are_themselves() {
        let keymap = Keymap::default();
        let plus = KeyEvent::new(KeyCode::Char('+'), KeyModifiers::SHIFT);
        assert_eq!(keymap.action(plus), Some(Action::RateUp));
        assert_eq!(pressed(&keymap, "ctrl-c"), Some(Action::Quit));
        assert_eq!(pressed(&keymap, "c"), Some(Action::NextStatus));
        assert_eq!(pressed(&keymap, "y"), None);
    }

    #[test]
    fn a_rebinding_takes_the_place_of_the_default() {
        let keymap =
            Keymap::rebound(&[rebinding(0, "mark", &["z", "F2"]), rebinding(9, "loop", &[])]).expect("it can be");
        assert_eq!(pressed(&keymap, "z"), Some(Action::Mark));
        assert_eq!(pressed(&keymap, "F2"), Some(Action::Mark));
        assert_eq!(pressed(&keymap, "m"), None, "the default is gone");
        assert_eq!(pressed(&keymap, "enter"), Some(Action::Zoom), "z left zoom, which has another key");
        assert_eq!(pressed(&keymap, "o"), None);
        let rows = keymap.rows(|action| action == Action::ToggleLoop);
        assert_eq!(rows[0].label, "(none)", "the help says what can't be reached");
        let moved = [rebinding(0, "mark", &["q", "ctrl-c"]), rebinding(9, "quit", &["Q"])];
        assert_eq!(pressed(&Keymap::rebound(&moved).expect("it can be"), "Q"), Some(Action::Quit));
        let swapped = [rebinding(0, "zoom", &["m"]), rebinding(9, "mark", &["z", "enter"])];
        let keymap = Keymap::rebound(&swapped).expect("they can be swapped");
        assert_eq!((pressed(&keymap, "m"), pressed(&keymap, "z")), (Some(Action::Zoom), Some(Action::Mark)));
    }

    #[test]
    fn what_can_not_be_bound() {
        let table: [(&[Rebinding], usize, &str); 7] = [
            (&[rebinding(7, "zom", &["z"])], 7, "unknown action `zom`; did you mean `zoom`?"),
            (&[rebinding(7, "0", &["z"])], 7, "unknown action `0`; `streamgauge config` lists them"),
            (&[rebinding(7, "zoom", &["z", "entr"])], 9, "`entr` is no key; did you mean `enter`?"),
            (
                &[rebinding(0, "zoom", &["y"]), rebinding(20, "mark", &["y"])],
                21,
                "`y` is bound twice, to zoom and to mark; choose one",
            ),
            (&[rebinding(0, "zoom", &["y", "y"])], 2, "`y` is bound twice, to zoom and to zoom; choose one"),
            (&[rebinding(3, "quit", &[])], 3, "this leaves no key to quit; give quit one: quit = [\"q\", \"ctrl-c\"]"),
            (
                &[rebinding(3, "mark", &["q", "ctrl-c"])],
                3,
                "this leaves no key to quit; give quit one: quit = [\"q\", \"ctrl-c\"]",
            ),
        ];
        for (rebindings, at, sentence) in table {
            let error = Keymap::rebound(rebindings).unwrap_err();
            assert_eq!((error.at, error.to_string().as_str()), (at, sentence));
        }
    }

    #[test]
    fn the_short_help_has_opposites_in_one_row() {
        let rows = Keymap::default().short_rows(|_| true);
        assert!(rows.len() + 4 <= 2 * 22, "with the legend, two columns of a terminal of 24 rows hold it");
        let of = |help: &str| rows.iter().find(|row| row.help == help).map(|row| row.label.as_str());
        assert_eq!(of("10 s back, forth"), Some("left right"));
        assert_eq!(of("a panel, the log, larger"), Some("1 2 3 4 5"));
        let rows = Keymap::default().short_rows(|action| action == Action::Back);
        assert_eq!((rows.len(), rows[0].help), (1, "10 s back"));
    }
}
