//! What the screen of a comparison shows: two recordings, the moment at which both stand, and what is open or typed.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::KeyEvent;

use crate::model::units::Time;
use crate::recording::clock::ReplayClock;
use crate::recording::jump::Jump;
use crate::recording::trace::{Moment, Trace};
use crate::ui::keymap::{Action, Group, Keymap};
use crate::ui::playback::act_on_clock;
use crate::ui::prompt::{Asks, Prompt, Typed};
use crate::ui::state::PlaybackSign;

/// One look: the figures are known at each second.
const LOOK: Duration = Duration::from_secs(1);

/// The beginning of both recordings, on the clock that moves them together.
const BEGINNING: Time = Time::from_micros(0);

/// Two recordings side by side, from the beginning of each.
#[derive(Debug)]
pub struct Comparison {
    /// A and B.
    pub sides: [Trace; 2],
    /// Which key does what.
    pub keys: Arc<Keymap>,
    /// Whether the help stands over the charts.
    pub help: bool,
    /// What is typed at the moment.
    pub prompt: Option<Prompt>,
    /// A word from the program, and since when it stands (by the wall clock).
    pub notice: Option<(String, Time)>,
    clock: ReplayClock,
}

/// What a key came to, beside what it did to the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressed {
    /// Nothing more.
    Nothing,
    /// The program is to be suspended.
    Suspend,
    /// The end.
    Quit,
}

impl Comparison {
    /// Plays two recordings together from their beginning.
    pub fn new(sides: [Trace; 2], keys: Arc<Keymap>, wall: Time) -> Self {
        let mut clock = ReplayClock::new(BEGINNING, BEGINNING);
        clock.extend(end(&sides));
        clock.play(wall);
        Self { sides, keys, help: false, prompt: None, notice: None, clock }
    }

    /// How far into the recordings the picture is.
    pub fn offset(&self) -> Duration {
        self.clock.elapsed()
    }

    /// How long the longer one is.
    pub fn span(&self) -> Duration {
        self.clock.span().1.since(BEGINNING)
    }

    /// What there is of each at this moment.
    pub fn moments(&self) -> [Moment; 2] {
        self.sides.each_ref().map(|side| side.at(self.offset()))
    }

    /// What the title line says.
    pub fn sign(&self) -> PlaybackSign {
        PlaybackSign::of(&self.clock, self.moments().contains(&Moment::NotRead))
    }

    /// The clock that moves both.
    pub(super) fn clock(&mut self) -> &mut ReplayClock {
        &mut self.clock
    }

    /// Moves on to what the wall says, and takes what was read meanwhile; tells whether anything can look otherwise than
    /// before.
    pub fn tick(&mut self, wall: Time) -> bool {
        let before = self.clock.at();
        let read = self.sides.each_mut().map(Trace::take).contains(&true);
        self.clock.extend(end(&self.sides));
        let moved = self.clock.tick(wall) != before;
        let flaws = ["A", "B"].into_iter().zip(&mut self.sides);
        let flaws: Vec<String> = flaws.filter_map(|(name, side)| Some(format!("{name}: {}", side.flaw()?))).collect();
        if !flaws.is_empty() {
            self.notice = Some((flaws.join("; "), wall));
        }
        read || moved
    }

    /// Forgets a notice that has stood for so long.
    pub fn forget_notice(&mut self, wall: Time, after: Duration) {
        self.notice.take_if(|(_, since)| wall.since(*since) > after);
    }

    /// Whether a key does something here.
    pub fn offers(action: Action) -> bool {
        match action.group() {
            Group::Program => true,
            // Marks, faults and changes of status are of one recording; what is recorded is of the present.
            Group::Time => !matches!(
                action,
                Action::Mark
                    | Action::Keep
                    | Action::NextMark
                    | Action::PreviousMark
                    | Action::NextFault
                    | Action::PreviousFault
                    | Action::NextStatus
                    | Action::PreviousStatus
            ),
            Group::Load | Group::Look => false,
        }
    }

    /// Takes a key: for what is typed, or for what it asks.
    pub fn press(&mut self, key: KeyEvent, wall: Time) -> Pressed {
        if let Some(prompt) = &mut self.prompt {
            let typed = prompt.press(key);
            if typed != Typed::More
                && let Some(Prompt { text, .. }) = self.prompt.take()
                && typed == Typed::Done
                && let Err(sentence) = self.jump(&text, wall)
            {
                self.notice = Some((sentence, wall));
            }
            return Pressed::Nothing;
        }
        match self.keys.action(key) {
            Some(Action::Quit) => return Pressed::Quit,
            Some(Action::Suspend) => return Pressed::Suspend,
            Some(action) => self.act(action, wall),
            None => {}
        }
        Pressed::Nothing
    }

    /// Does what a key asks for.
    pub fn act(&mut self, action: Action, wall: Time) {
        match action {
            Action::ToggleHelp => self.help = !self.help,
            Action::Close => self.help = false,
            Action::GoTo => self.prompt = Some(Prompt { asks: Asks::Offset, text: String::new() }),
            Action::StepForth => {
                self.clock.pause(wall);
                self.clock.forth(LOOK, wall);
            }
            Action::StepBack => {
                self.clock.pause(wall);
                self.clock.back(LOOK, wall);
            }
            _ => act_on_clock(action, &mut self.clock, wall),
        }
    }

    /// Goes so far after the beginning of both.
    pub fn go_to(&mut self, offset: Duration, wall: Time) {
        self.clock.go_to(BEGINNING.after(offset), wall);
    }

    /// Goes where a text says, so long after the beginning of both. One sentence if it says nothing of the kind.
    pub fn jump(&mut self, text: &str, wall: Time) -> Result<(), String> {
        if let Ok(Jump::TimeOfDay(_)) = Jump::read(text) {
            return Err("two recordings share no time of day; try 10s, 3h5m, +30s, -2m, start or end".into());
        }
        self.clock.jump(text, time::UtcOffset::UTC, wall).map_err(|error| error.to_string())
    }
}

/// The longer recording decides where both end.
fn end(sides: &[Trace; 2]) -> Time {
    let longest = sides.iter().map(Trace::length).max().unwrap_or_default();
    BEGINNING.after(longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::samples::Sample;

    const WALL: Time = Time::from_millis(0);

    fn comparison(a: &str, b: &str) -> Comparison {
        let trace = |name| Trace::of(Sample::named(name).unwrap().open().unwrap()).unwrap().whole();
        let mut comparison = Comparison::new([trace(a), trace(b)], Arc::default(), WALL);
        comparison.tick(WALL);
        comparison
    }

    fn type_in(comparison: &mut Comparison, keys: &str) {
        for key in keys.chars() {
            let code =
                if key == '\n' { crossterm::event::KeyCode::Enter } else { crossterm::event::KeyCode::Char(key) };
            comparison.press(code.into(), WALL);
        }
    }

    #[test]
    fn both_move_together_and_the_longer_one_decides_the_end() {
        let mut both = comparison("steady", "throttled");
        let lengths = both.sides.each_ref().map(Trace::length);
        assert_ne!(lengths[0], lengths[1]);
        assert_eq!(both.span(), *lengths.iter().max().unwrap());
        assert!(both.sign().playing);
        both.tick(Time::from_millis(20_000));
        assert_eq!(both.offset(), Duration::from_secs(20));
        both.act(Action::End, WALL);
        // The shorter one ended some milliseconds before: its last figures stand beside those of the other.
        assert!(both.moments().iter().all(|moment| matches!(moment, Moment::Known(_))), "{lengths:?}");
    }

    #[test]
    fn keys_move_both_by_whole_looks() {
        let mut both = comparison("steady", "throttled");
        type_in(&mut both, " .");
        assert_eq!((both.offset(), both.sign().playing), (Duration::from_secs(1), false));
        type_in(&mut both, "l");
        assert_eq!(both.offset(), Duration::from_secs(11));
        type_in(&mut both, "g1m\n,");
        assert_eq!(both.offset(), Duration::from_secs(59));
        type_in(&mut both, "?");
        assert!(both.help);
        assert_eq!(both.press(crossterm::event::KeyCode::Char('q').into(), WALL), Pressed::Quit);
    }

    #[test]
    fn what_is_no_place_is_told_in_a_sentence() {
        let table = [
            ("14:05", "two recordings share no time of day; try 10s, 3h5m, +30s, -2m, start or end"),
            ("soon", "\"soon\" is not a place in a recording; try 10s or 3h5m (from the start)"),
        ];
        for (text, sentence) in table {
            let mut both = comparison("steady", "steady");
            type_in(&mut both, &format!(" g{text}\n"));
            let (told, _) = both.notice.clone().unwrap();
            assert!(told.starts_with(sentence), "{told}");
            assert_eq!(both.offset(), Duration::ZERO);
        }
    }
}
