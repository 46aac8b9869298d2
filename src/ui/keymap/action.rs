//! What a person can ask for: one line for each action, from which the enum, the default keys, the help, the footer's words
//! and the names in the configuration file are made.

/// Makes [`Action`] and what is known of each from one table. A line is
/// `Action "name" ["key", ..] "help" => "footer word";`, the keys as in the configuration file, the footer's word only
/// where the action deserves a place there. The help is at most 28 characters: two columns fit a small terminal.
macro_rules! actions {
    ($($group:ident { $($action:ident $name:literal [$($key:literal),+] $help:literal $(=> $footer:literal)?;)+ })+) => {
        /// What a person can ask for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action {
            $($(#[doc = $help] $action,)+)+
        }

        impl Action {
            /// Every action, in the order of the help.
            pub const ALL: &[Self] = &[$($(Self::$action,)+)+];

            fn known(self) -> Known {
                match self {
                    $($(Self::$action => Known {
                        group: Group::$group,
                        name: $name,
                        keys: &[$($key),+],
                        help: $help,
                        footer: actions!(@footer $($footer)?),
                    },)+)+
                }
            }
        }
    };
    (@footer) => { None };
    (@footer $footer:literal) => { Some($footer) };
}

actions! {
    Load {
        RateUp "rate-up" ["+", "="] "10 % more load" => "10 %";
        RateDown "rate-down" ["-"] "10 % less load" => "10 %";
        RateDouble "rate-double" ["]"] "twice the load" => "double";
        RateHalve "rate-halve" ["["] "half the load" => "halve";
        TogglePause "pause-load" ["p"] "pause the load, or go on" => "pause load";
        ToggleProcessor "processor" ["x"] "kill or start processor" => "kill processor";
    }
    Look {
        Zoom "zoom" ["enter", "z"] "larger: panel, then row" => "zoom";
        ZoomIngest "zoom-ingest" ["1"] "ingest, whole screen";
        ZoomLag "zoom-lag" ["2"] "lag, whole screen";
        ZoomServe "zoom-serve" ["3"] "serve, whole screen";
        ZoomTimeline "zoom-timeline" ["4"] "timeline, whole screen";
        ZoomLog "zoom-log" ["5"] "log of what happened";
        NextPanel "next-panel" ["tab"] "next panel";
        PreviousPanel "previous-panel" ["shift-tab"] "panel before";
        Down "down" ["j", "down"] "next row";
        Up "up" ["k", "up"] "row before";
        NextSort "sort" ["s"] "sort rows otherwise";
        Filter "filter" ["/"] "show only 7, stalled, >99" => "filter";
        Groups "groups" ["u"] "watch another consumer group" => "group";
        ToggleBig "big" ["B"] "big letters, or not";
    }
    Time {
        Mark "mark" ["m"] "mark this moment" => "mark";
        Keep "keep" ["w"] "keep this recording";
        TogglePlay "play" ["space"] "look back; play or pause" => "look back";
        Back "back" ["left", "h"] "10 s back" => "10 s";
        Forth "forth" ["right", "l"] "10 s forth" => "10 s";
        BackMinute "back-minute" ["pgup", "{"] "a minute back";
        ForthMinute "forth-minute" ["pgdn", "}"] "a minute forth";
        StepBack "step-back" [","] "one look back";
        StepForth "step-forth" ["."] "one look forth";
        Slower "slower" ["<"] "half as fast";
        Faster "faster" [">"] "twice as fast" => "faster";
        NextMark "next-mark" ["n"] "to the next mark" => "next mark";
        PreviousMark "previous-mark" ["N"] "to the mark before";
        NextFault "next-fault" ["f"] "to the next fault";
        PreviousFault "previous-fault" ["F"] "to the fault before";
        NextStatus "next-status" ["c"] "to the next status change";
        PreviousStatus "previous-status" ["C"] "to the status change before";
        Start "start" ["home"] "to the start";
        End "end" ["end", "G"] "to the end, or to now" => "live";
        GoTo "go-to" ["g"] "go to 10s, 3h5m, 14:05" => "go to";
        ToggleLoop "loop" ["o"] "loop, or stop at the end";
    }
    Program {
        ToggleHelp "help" ["?", "F1"] "this help" => "help";
        Close "close" ["esc"] "close; back to now";
        Suspend "suspend" ["ctrl-z"] "suspend; fg brings it back";
        Quit "quit" ["q", "ctrl-c"] "quit" => "quit";
    }
}

/// Actions that share a row where the help must be short, and what that row says. Each is in at most one row.
const ROWS: &[(&[Action], &str)] = &[
    (&[Action::RateUp, Action::RateDown], "load 10 % more, less"),
    (&[Action::RateDouble, Action::RateHalve], "load twice, half"),
    (
        &[Action::ZoomIngest, Action::ZoomLag, Action::ZoomServe, Action::ZoomTimeline, Action::ZoomLog],
        "a panel, the log, larger",
    ),
    (&[Action::Down, Action::Up], "next row, row before"),
    (&[Action::Back, Action::Forth], "10 s back, forth"),
    (&[Action::BackMinute, Action::ForthMinute], "a minute back, forth"),
    (&[Action::StepBack, Action::StepForth], "one look back, forth"),
    (&[Action::Slower, Action::Faster], "half, twice as fast"),
    (&[Action::NextMark, Action::PreviousMark], "next mark, before"),
    (&[Action::NextFault, Action::PreviousFault], "next fault, before"),
    (&[Action::NextStatus, Action::PreviousStatus], "next status, before"),
    (&[Action::Start, Action::End], "to the start, end or now"),
];

/// What the actions are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// The load and the processor.
    Load,
    /// The picture.
    Look,
    /// The recording: marks, and moving in time.
    Time,
    /// The program.
    Program,
}

impl Group {
    /// As a heading.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Load => "Load",
            Self::Look => "Look",
            Self::Time => "Time",
            Self::Program => "Program",
        }
    }
}

/// A line of the table.
struct Known {
    group: Group,
    name: &'static str,
    keys: &'static [&'static str],
    help: &'static str,
    footer: Option<&'static str>,
}

impl Action {
    /// What it is about.
    pub fn group(self) -> Group {
        self.known().group
    }

    /// What it is called in the configuration file.
    pub fn name(self) -> &'static str {
        self.known().name
    }

    /// The action of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.name() == name)
    }

    /// The keys that it has by default, as they are written in the configuration file.
    pub(crate) fn default_keys(self) -> &'static [&'static str] {
        self.known().keys
    }

    /// What it does, for the help.
    pub fn help(self) -> &'static str {
        self.known().help
    }

    /// What it does, in a word or two for the footer; `None` leaves it out there.
    pub fn footer(self) -> Option<&'static str> {
        self.known().footer
    }

    /// The actions that stand in one row with it where the help must be short, and what that row says.
    pub(super) fn row(self) -> (&'static [Self], &'static str) {
        let at = Self::ALL.iter().position(|action| *action == self).unwrap_or(0);
        let alone = (Self::ALL.get(at..=at).unwrap_or_default(), self.help());
        ROWS.iter().find(|(actions, _)| actions.contains(&self)).copied().unwrap_or(alone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_actions_have_one_name() {
        let names: HashSet<&str> = Action::ALL.iter().map(|action| action.name()).collect();
        assert_eq!(names.len(), Action::ALL.len());
        assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '-')), "{names:?}");
    }

    #[test]
    fn every_line_of_the_help_fits_its_column() {
        for action in Action::ALL {
            assert!(action.help().chars().count() <= 28 && action.row().1.chars().count() <= 28, "{action:?}");
        }
    }

    #[test]
    fn an_action_stands_in_one_row_of_the_short_help() {
        let rows: Vec<Action> = ROWS.iter().flat_map(|(actions, _)| actions.iter().copied()).collect();
        assert_eq!(rows.iter().collect::<HashSet<_>>().len(), rows.len());
        assert_eq!(Action::Quit.row(), (&[Action::Quit][..], "quit"));
        assert_eq!(Action::RateDown.row().0, [Action::RateUp, Action::RateDown]);
    }
}
