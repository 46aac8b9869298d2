//! The keymap: which key does what. The help and the footer are made from it, so they can't drift from the keys.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a person can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Ten percent more load.
    RateUp,
    /// Ten percent less load.
    RateDown,
    /// Twice the load.
    RateDouble,
    /// Half the load.
    RateHalve,
    /// Pause the load, or go on.
    TogglePause,
    /// Kill the processor without a goodbye, or start it again.
    ToggleProcessor,
    /// Partitions by lag or by number.
    ToggleSort,
    /// Partition rows further down.
    ScrollDown,
    /// Partition rows further up.
    ScrollUp,
    /// Help on or off.
    ToggleHelp,
    /// Close what is open.
    Close,
    /// Leave.
    Quit,
}

/// One entry of the keymap.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// What it does.
    pub action: Action,
    /// The keys that do it; the first is the one that the footer names.
    pub keys: &'static [(KeyCode, KeyModifiers)],
    /// The keys as written in the help.
    pub label: &'static str,
    /// What it does, for the help.
    pub help: &'static str,
    /// What it does, in a word for the footer; `None` leaves it out there.
    pub footer: Option<&'static str>,
}

const NONE: KeyModifiers = KeyModifiers::NONE;
const CONTROL: KeyModifiers = KeyModifiers::CONTROL;

/// Every binding, in the order of the help.
pub const BINDINGS: &[Binding] = &[
    Binding {
        action: Action::RateUp,
        keys: &[(KeyCode::Char('+'), NONE), (KeyCode::Char('='), NONE)],
        label: "+",
        help: "10 % more load",
        footer: Some("10 %"),
    },
    Binding {
        action: Action::RateDown,
        keys: &[(KeyCode::Char('-'), NONE)],
        label: "-",
        help: "10 % less load",
        footer: Some("10 %"),
    },
    Binding {
        action: Action::RateDouble,
        keys: &[(KeyCode::Char(']'), NONE)],
        label: "]",
        help: "twice the load",
        footer: Some("double"),
    },
    Binding {
        action: Action::RateHalve,
        keys: &[(KeyCode::Char('['), NONE)],
        label: "[",
        help: "half the load",
        footer: Some("halve"),
    },
    Binding {
        action: Action::TogglePause,
        keys: &[(KeyCode::Char('p'), NONE)],
        label: "p",
        help: "pause the load, or go on",
        footer: Some("pause load"),
    },
    Binding {
        action: Action::ToggleProcessor,
        keys: &[(KeyCode::Char('x'), NONE)],
        label: "x",
        help: "kill the processor, or start it again",
        footer: Some("kill processor"),
    },
    Binding {
        action: Action::ToggleSort,
        keys: &[(KeyCode::Char('s'), NONE)],
        label: "s",
        help: "partitions by lag, or by number",
        footer: None,
    },
    Binding {
        action: Action::ScrollDown,
        keys: &[(KeyCode::Char('j'), NONE), (KeyCode::Down, NONE)],
        label: "j, down",
        help: "partitions further down",
        footer: None,
    },
    Binding {
        action: Action::ScrollUp,
        keys: &[(KeyCode::Char('k'), NONE), (KeyCode::Up, NONE)],
        label: "k, up",
        help: "partitions further up",
        footer: None,
    },
    Binding {
        action: Action::ToggleHelp,
        keys: &[(KeyCode::Char('?'), NONE), (KeyCode::Char('h'), NONE), (KeyCode::F(1), NONE)],
        label: "?, h, F1",
        help: "this help",
        footer: Some("help"),
    },
    Binding {
        action: Action::Close,
        keys: &[(KeyCode::Esc, NONE)],
        label: "Esc",
        help: "close the help",
        footer: None,
    },
    Binding {
        action: Action::Quit,
        keys: &[(KeyCode::Char('q'), NONE), (KeyCode::Char('c'), CONTROL)],
        label: "q, Ctrl-C",
        help: "quit",
        footer: Some("quit"),
    },
];

/// What a key asks for, if anything.
pub fn action(key: KeyEvent) -> Option<Action> {
    // A terminal sends `+` and `?` with SHIFT or without; the character says it already.
    let modifiers = key.modifiers - KeyModifiers::SHIFT;
    BINDINGS
        .iter()
        .find(|binding| binding.keys.iter().any(|&(code, with)| code == key.code && with == modifiers))
        .map(|binding| binding.action)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_key_does_two_things() {
        let mut seen = HashSet::new();
        for binding in BINDINGS {
            for key in binding.keys {
                assert!(seen.insert(*key), "{key:?} is bound twice");
            }
        }
    }

    #[test]
    fn shifted_characters_are_themselves() {
        let plus = KeyEvent::new(KeyCode::Char('+'), KeyModifiers::SHIFT);
        assert_eq!(action(plus), Some(Action::RateUp));
        let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(action(control_c), Some(Action::Quit));
        assert_eq!(action(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::NONE)), None);
    }
}
