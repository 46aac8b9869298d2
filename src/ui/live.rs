//! The live loop: observations and keys in, frames out. It never waits for a service.

use std::time::{Duration, SystemTime};

use crossterm::event::{Event, EventStream, KeyEventKind};
use futures::StreamExt;
use tokio::sync::mpsc;

use super::keymap::{self, Action};
use super::state::ViewState;
use super::terminal::{Screen, ScreenError};
use super::theme::Theme;
use super::view;
use crate::model::observation::{Observation, Target};
use crate::model::session::Session;
use crate::model::units::{EventRate, Time};

/// What the screen can drive besides itself.
pub trait Controls {
    /// What the load is asked to do; `None` where there is no load to be driven.
    fn target(&self) -> Option<Target>;
    /// Asks the load for something else.
    fn set_target(&mut self, target: Target);
    /// Whether the processor runs; `None` where it is not ours.
    fn processor_runs(&self) -> Option<bool>;
    /// Kills the processor without a goodbye, or starts it again. One sentence if it could not.
    fn toggle_processor(&mut self) -> Result<(), String>;
}

/// How often a frame is drawn at most. Facts come four times a second; keys should feel immediate.
const FRAME: Duration = Duration::from_millis(100);

/// How long a notice stands.
const NOTICE: Duration = Duration::from_secs(5);

/// The highest rate that keys can reach.
const HIGHEST: f64 = 10_000_000.0;

/// Where a load that was paused or off begins when it is turned up.
const FIRST_RATE: f64 = 100.0;

/// The wall clock, as observations are dated.
pub fn wall_clock() -> Time {
    SystemTime::now().into()
}

/// Draws the session until somebody quits or `stop` comes. Gives back the session as it then stands.
pub async fn run(
    screen: &mut Screen,
    mut state: ViewState,
    theme: &Theme,
    observations: &mut mpsc::Receiver<Observation>,
    controls: &mut dyn Controls,
    stop: impl Future<Output = ()>,
) -> Result<Session, ScreenError> {
    let mut session = Session::new();
    let mut keys = EventStream::new();
    let mut frames = tokio::time::interval(FRAME);
    frames.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut paused_at = None;
    let mut open = true;
    tokio::pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => return Ok(session),
            key = keys.next() => match key {
                Some(Ok(Event::Key(key))) if key.kind != KeyEventKind::Release => {
                    if let Some(action) = keymap::action(key) {
                        if action == Action::Quit {
                            return Ok(session);
                        }
                        act(action, &mut state, controls, &mut paused_at);
                        frames.reset_immediately();
                    }
                }
                Some(Ok(Event::Resize(..))) => frames.reset_immediately(),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(session),
            },
            _ = frames.tick() => {
                state.now = wall_clock();
                state.scroll = state.scroll.min(session.partitions.len());
                state.load_control = controls.target().is_some();
                state.processor_control = controls.processor_runs().is_some();
                state.processor_stopped = controls.processor_runs() == Some(false);
                screen.terminal.draw(|frame| {
                    let area = frame.area();
                    view::draw(area, frame.buffer_mut(), &session, &state, theme);
                })?;
            }
            observation = observations.recv(), if open => match observation {
                Some(observation) => session.apply(&observation),
                None => open = false,
            },
        }
    }
}

/// Does what a key asks for.
fn act(action: Action, state: &mut ViewState, controls: &mut dyn Controls, paused: &mut Option<Target>) {
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
        Action::ToggleProcessor => {
            if let Err(sentence) = controls.toggle_processor() {
                state.notice = Some((sentence, state.now.after(NOTICE)));
            }
        }
        Action::ToggleSort => state.worst_first = !state.worst_first,
        Action::ScrollDown => state.scroll = state.scroll.saturating_add(1),
        Action::ScrollUp => state.scroll = state.scroll.saturating_sub(1),
        Action::ToggleHelp => state.help = !state.help,
        Action::Close => state.help = false,
        Action::Quit => {}
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
        let mut state = ViewState::new("test", Time::default());
        let mut paused = None;
        for (step, (action, expected)) in keys.iter().enumerate() {
            act(*action, &mut state, &mut knob, &mut paused);
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
