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
    /// Rows in the next order: the worst first, by number, by events, by time, by rate.
    NextSort,
    /// One row down.
    Down,
    /// One row up.
    Up,
    /// Show only what a typed text says.
    Filter,
    /// To the next panel.
    NextPanel,
    /// To the panel before.
    PreviousPanel,
    /// What is in focus, larger: the panel, then the row that is selected.
    Zoom,
    /// The ingest panel on the whole screen.
    ZoomIngest,
    /// The lag panel on the whole screen.
    ZoomLag,
    /// The serve panel on the whole screen.
    ZoomServe,
    /// The timeline on the whole screen.
    ZoomTimeline,
    /// The log of what happened, on the whole screen.
    ZoomLog,
    /// The word for the whole pipeline in letters that the last row of a room can read.
    ToggleBig,
    /// Set a mark with a text.
    Mark,
    /// Keep the recording under a name.
    Keep,
    /// Freeze the picture and look back, or play and pause.
    TogglePlay,
    /// Ten seconds back; from the present, begin to look back.
    Back,
    /// Ten seconds forth.
    Forth,
    /// A minute back.
    BackMinute,
    /// A minute forth.
    ForthMinute,
    /// One look back.
    StepBack,
    /// One look forth.
    StepForth,
    /// Half as fast.
    Slower,
    /// Twice as fast.
    Faster,
    /// To the mark before.
    PreviousMark,
    /// To the next mark.
    NextMark,
    /// To the fault before.
    PreviousFault,
    /// To the next fault.
    NextFault,
    /// To the change of status before.
    PreviousStatus,
    /// To the next change of status.
    NextStatus,
    /// To the beginning.
    Start,
    /// To the end; while live, to the present.
    End,
    /// To a place that is typed.
    GoTo,
    /// Begin again at the end, or not.
    ToggleLoop,
    /// Help on or off.
    ToggleHelp,
    /// Close what is open.
    Close,
    /// Give the terminal back for a while, as a shell's job.
    Suspend,
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
        help: "kill or start the processor",
        footer: Some("kill processor"),
    },
    Binding {
        action: Action::Zoom,
        keys: &[(KeyCode::Enter, NONE), (KeyCode::Char('z'), NONE)],
        label: "Enter, z",
        help: "larger: panel, then row",
        footer: Some("zoom"),
    },
    Binding {
        action: Action::ZoomIngest,
        keys: &[(KeyCode::Char('1'), NONE)],
        label: "1",
        help: "ingest, whole screen",
        footer: None,
    },
    Binding {
        action: Action::ZoomLag,
        keys: &[(KeyCode::Char('2'), NONE)],
        label: "2",
        help: "lag, whole screen",
        footer: None,
    },
    Binding {
        action: Action::ZoomServe,
        keys: &[(KeyCode::Char('3'), NONE)],
        label: "3",
        help: "serve, whole screen",
        footer: None,
    },
    Binding {
        action: Action::ZoomTimeline,
        keys: &[(KeyCode::Char('4'), NONE)],
        label: "4",
        help: "timeline, whole screen",
        footer: None,
    },
    Binding {
        action: Action::ZoomLog,
        keys: &[(KeyCode::Char('5'), NONE)],
        label: "5",
        help: "log of what happened",
        footer: None,
    },
    Binding {
        action: Action::NextPanel,
        keys: &[(KeyCode::Tab, NONE)],
        label: "Tab",
        help: "next panel",
        footer: None,
    },
    Binding {
        action: Action::PreviousPanel,
        keys: &[(KeyCode::BackTab, NONE)],
        label: "Shift-Tab",
        help: "panel before",
        footer: None,
    },
    Binding {
        action: Action::Down,
        keys: &[(KeyCode::Char('j'), NONE), (KeyCode::Down, NONE)],
        label: "j, down",
        help: "next row",
        footer: None,
    },
    Binding {
        action: Action::Up,
        keys: &[(KeyCode::Char('k'), NONE), (KeyCode::Up, NONE)],
        label: "k, up",
        help: "row before",
        footer: None,
    },
    Binding {
        action: Action::NextSort,
        keys: &[(KeyCode::Char('s'), NONE)],
        label: "s",
        help: "sort rows otherwise",
        footer: None,
    },
    Binding {
        action: Action::Filter,
        keys: &[(KeyCode::Char('/'), NONE)],
        label: "/",
        help: "show only 7, stalled, >99",
        footer: Some("filter"),
    },
    Binding {
        action: Action::ToggleBig,
        keys: &[(KeyCode::Char('B'), NONE)],
        label: "B",
        help: "big letters, or not",
        footer: None,
    },
    Binding {
        action: Action::Mark,
        keys: &[(KeyCode::Char('m'), NONE)],
        label: "m",
        help: "mark this moment",
        footer: Some("mark"),
    },
    Binding {
        action: Action::Keep,
        keys: &[(KeyCode::Char('w'), NONE)],
        label: "w",
        help: "keep this recording",
        footer: None,
    },
    Binding {
        action: Action::TogglePlay,
        keys: &[(KeyCode::Char(' '), NONE)],
        label: "space",
        help: "look back; play or pause",
        footer: Some("look back"),
    },
    Binding {
        action: Action::Back,
        keys: &[(KeyCode::Left, NONE), (KeyCode::Char('h'), NONE)],
        label: "left, h",
        help: "10 s back",
        footer: Some("10 s"),
    },
    Binding {
        action: Action::Forth,
        keys: &[(KeyCode::Right, NONE), (KeyCode::Char('l'), NONE)],
        label: "right, l",
        help: "10 s forth",
        footer: Some("10 s"),
    },
    Binding {
        action: Action::BackMinute,
        keys: &[(KeyCode::PageUp, NONE), (KeyCode::Char('{'), NONE)],
        label: "PgUp, {",
        help: "a minute back",
        footer: None,
    },
    Binding {
        action: Action::ForthMinute,
        keys: &[(KeyCode::PageDown, NONE), (KeyCode::Char('}'), NONE)],
        label: "PgDn, }",
        help: "a minute forth",
        footer: None,
    },
    Binding {
        action: Action::StepBack,
        keys: &[(KeyCode::Char(','), NONE)],
        label: ",",
        help: "one look back",
        footer: None,
    },
    Binding {
        action: Action::StepForth,
        keys: &[(KeyCode::Char('.'), NONE)],
        label: ".",
        help: "one look forth",
        footer: None,
    },
    Binding {
        action: Action::Slower,
        keys: &[(KeyCode::Char('<'), NONE)],
        label: "<",
        help: "half as fast",
        footer: None,
    },
    Binding {
        action: Action::Faster,
        keys: &[(KeyCode::Char('>'), NONE)],
        label: ">",
        help: "twice as fast",
        footer: Some("faster"),
    },
    Binding {
        action: Action::NextMark,
        keys: &[(KeyCode::Char('n'), NONE)],
        label: "n",
        help: "to the next mark",
        footer: Some("next mark"),
    },
    Binding {
        action: Action::PreviousMark,
        keys: &[(KeyCode::Char('N'), NONE)],
        label: "N",
        help: "to the mark before",
        footer: None,
    },
    Binding {
        action: Action::NextFault,
        keys: &[(KeyCode::Char('f'), NONE)],
        label: "f",
        help: "to the next fault",
        footer: None,
    },
    Binding {
        action: Action::PreviousFault,
        keys: &[(KeyCode::Char('F'), NONE)],
        label: "F",
        help: "to the fault before",
        footer: None,
    },
    Binding {
        action: Action::NextStatus,
        keys: &[(KeyCode::Char('c'), NONE)],
        label: "c",
        help: "to the next status change",
        footer: None,
    },
    Binding {
        action: Action::PreviousStatus,
        keys: &[(KeyCode::Char('C'), NONE)],
        label: "C",
        help: "to the status change before",
        footer: None,
    },
    Binding {
        action: Action::Start,
        keys: &[(KeyCode::Home, NONE)],
        label: "Home",
        help: "to the start",
        footer: None,
    },
    Binding {
        action: Action::End,
        keys: &[(KeyCode::End, NONE), (KeyCode::Char('G'), NONE)],
        label: "End, G",
        help: "to the end, or to now",
        footer: Some("live"),
    },
    Binding {
        action: Action::GoTo,
        keys: &[(KeyCode::Char('g'), NONE)],
        label: "g",
        help: "go to 10s, 3h5m, 14:05",
        footer: Some("go to"),
    },
    Binding {
        action: Action::ToggleLoop,
        keys: &[(KeyCode::Char('o'), NONE)],
        label: "o",
        help: "loop, or stop at the end",
        footer: None,
    },
    Binding {
        action: Action::ToggleHelp,
        keys: &[(KeyCode::Char('?'), NONE), (KeyCode::F(1), NONE)],
        label: "?, F1",
        help: "this help",
        footer: Some("help"),
    },
    Binding {
        action: Action::Close,
        keys: &[(KeyCode::Esc, NONE)],
        label: "Esc",
        help: "close; back to now",
        footer: None,
    },
    Binding {
        action: Action::Suspend,
        keys: &[(KeyCode::Char('z'), CONTROL)],
        label: "Ctrl-Z",
        help: "suspend; fg brings it back",
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

    /// The help has two columns on a small terminal, and cuts nothing.
    #[test]
    fn every_line_of_the_help_fits_its_column() {
        for binding in BINDINGS {
            assert!(binding.label.chars().count() <= 10 && binding.help.chars().count() <= 28, "{binding:?}");
        }
    }

    #[test]
    fn shifted_characters_are_themselves() {
        let plus = KeyEvent::new(KeyCode::Char('+'), KeyModifiers::SHIFT);
        assert_eq!(action(plus), Some(Action::RateUp));
        let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(action(control_c), Some(Action::Quit));
        assert_eq!(action(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::NONE)), Some(Action::NextStatus));
        assert_eq!(action(KeyEvent::new(KeyCode::Char('y'), KeyModifiers::NONE)), None);
    }
}
