//! What the screen can drive besides itself: the load, the processor, a script; and what keys do to the load.

use crate::model::observation::Target;
use crate::model::units::{EventRate, Time};

use super::keymap::Action;
use super::prompt::LoadInto;
use super::state::{ScriptSign, Sort, Zoom};

/// What the screen can drive besides itself.
pub trait Controls {
    /// What the load is asked to do; `None` where there is no load to be driven.
    fn target(&self) -> Option<Target>;
    /// Asks the load for something else.
    fn set_target(&mut self, target: Target);
    /// What a load goes into, where nobody has confirmed yet that it is to go there: it costs money.
    fn unconfirmed(&self) -> Option<LoadInto> {
        None
    }
    /// A load was confirmed. Gives what it begins with, where that is known.
    fn confirm(&mut self) -> Option<Target> {
        None
    }
    /// Whether the processor runs; `None` where it is not ours.
    fn processor_runs(&self) -> Option<bool>;
    /// Kills the processor without a goodbye, or starts it again. One sentence if it could not.
    fn toggle_processor(&mut self) -> Result<(), String>;
    /// The consumer group whose positions are asked for; `None` where no other can be.
    fn wanted_group(&self) -> Option<String> {
        None
    }
    /// Asks for the positions of this consumer group from the next look on, and which others there are.
    fn follow_group(&mut self, _group: &str) {}
    /// What a script wants of the screen by now, if there is a script; `waiting` says that somebody looks back.
    fn cues(&mut self, _wall: Time, _waiting: bool) -> Vec<Cue> {
        Vec::new()
    }
    /// Where that script is.
    fn script(&self) -> Option<ScriptSign> {
        None
    }
}

/// What a script wants of the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cue {
    /// Say this to the room, or fall silent.
    Caption(Option<String>),
    /// Set a mark.
    Mark(String),
    /// Tell the person at the keys.
    Notice(String),
    /// Fill the screen with something.
    Zoom(Zoom),
    /// Put the partitions in another order.
    Sort(Sort),
    /// Big letters, or not.
    Big(bool),
}

/// The highest rate that keys can reach.
const HIGHEST: f64 = 10_000_000.0;

/// Where a load that was paused or off begins when it is turned up.
const FIRST_RATE: f64 = 100.0;

/// Does what a key asks of the load.
pub(super) fn act_on_load(action: Action, controls: &mut dyn Controls, paused: &mut Option<Target>) {
    match action {
        Action::RateUp => turn(controls, paused, |rate| rate * 1.1),
        Action::RateDown => turn(controls, paused, |rate| rate / 1.1),
        Action::RateDouble => turn(controls, paused, |rate| rate * 2.0),
        Action::RateHalve => turn(controls, paused, |rate| rate / 2.0),
        Action::TogglePause => match controls.target() {
            Some(Target::Paused) => {
                let resumed = paused.take().unwrap_or(Target::Rate(EventRate::new(FIRST_RATE)));
                controls.set_target(resumed);
            }
            Some(running) => {
                *paused = Some(running);
                controls.set_target(Target::Paused);
            }
            None => {}
        },
        _ => {}
    }
}

/// Turns the load up or down. From a pause it goes on from the rate before; a load without a limit has no rate to turn.
fn turn(controls: &mut dyn Controls, paused: &mut Option<Target>, change: impl Fn(f64) -> f64) {
    let before = match controls.target() {
        Some(Target::Rate(rate)) => rate.per_second(),
        Some(Target::Paused) => match paused.take() {
            Some(Target::Rate(rate)) => rate.per_second(),
            _ => FIRST_RATE,
        },
        Some(Target::Unlimited) | None => return,
    };
    controls.set_target(Target::Rate(EventRate::new(round(change(before)).clamp(1.0, HIGHEST))));
}

/// Three significant digits: 1,100, not 1,100.0000000000002, and a rate that a person can say aloud.
fn round(rate: f64) -> f64 {
    let unit = 10_f64.powf(rate.log10().floor() - 2.0);
    (rate / unit).round() * unit
}

#[cfg(test)]
mod tests {

    use super::*;

    struct Knob {
        target: Target,
    }

    impl Controls for Knob {
        fn target(&self) -> Option<Target> {
            Some(self.target)
        }
        fn set_target(&mut self, target: Target) {
            self.target = target;
        }
        fn processor_runs(&self) -> Option<bool> {
            None
        }
        fn toggle_processor(&mut self) -> Result<(), String> {
            Ok(())
        }
    }

    /// The keys pressed one after another, and the target after each.
    fn press(keys: &[(Action, Target)], from: Target) {
        let mut knob = Knob { target: from };
        let mut paused = None;
        for (step, (action, expected)) in keys.iter().enumerate() {
            act_on_load(*action, &mut knob, &mut paused);
            assert_eq!(knob.target, *expected, "step {step}: {action:?}");
        }
    }

    fn rate(per_second: f64) -> Target {
        Target::Rate(EventRate::new(per_second))
    }

    #[test]
    fn keys_turn_the_load() {
        press(
            &[
                (Action::RateUp, rate(1_100.0)),
                (Action::RateDown, rate(1_000.0)),
                (Action::RateDouble, rate(2_000.0)),
                (Action::RateHalve, rate(1_000.0)),
            ],
            rate(1_000.0),
        );
        press(&[(Action::RateHalve, rate(1.0))], rate(1.0));
    }

    #[test]
    fn a_paused_load_goes_on_where_it_was() {
        press(&[(Action::TogglePause, Target::Paused), (Action::TogglePause, rate(1_000.0))], rate(1_000.0));
        press(&[(Action::TogglePause, Target::Paused), (Action::RateDouble, rate(2_000.0))], rate(1_000.0));
        press(&[(Action::TogglePause, rate(FIRST_RATE))], Target::Paused);
    }
}
