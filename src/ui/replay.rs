//! The replay loop: a recording on the screen, driven by its clock.

use crossterm::event::{Event, KeyEventKind};

use super::keymap::Action;
use super::live::{FRAME, NOTICE};
use super::navigation::{Pointed, pointed};
use super::playback::{self, Done, Playback};
use super::prompt::{Asks, Prompt, Typed};
use super::state::{StationNames, ViewState};
use super::terminal::{self, Input, Screen, ScreenError};
use super::view;
use crate::recording::error::ReadError;
use crate::recording::player::Player;
use crate::wall_clock::wall_clock;

/// Why a replay ended before somebody quit.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The recording.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The screen.
    #[error(transparent)]
    Screen(#[from] ScreenError),
}

/// The view of a recording, as its first line describes it.
pub fn view_of(player: &Player) -> ViewState {
    let scenario = &player.header().scenario;
    let named = |name: &String, otherwise: String| if name.is_empty() { otherwise } else { name.clone() };
    let usual = StationNames::default();
    ViewState {
        names: StationNames {
            ingest: named(&scenario.ingest, usual.ingest),
            processor: named(&scenario.processor, usual.processor),
            store: named(&scenario.store, usual.store),
        },
        ..ViewState::new(scenario.title.clone(), player.header().started)
    }
}

/// Draws a recording, with a view that [`view_of`] gave, until somebody quits or `stop` comes.
pub async fn run(
    screen: &mut Screen,
    player: Player,
    state: ViewState,
    looping: bool,
    stop: impl Future<Output = ()>,
) -> Result<(), ReplayError> {
    match play(screen, player, state, looping, stop).await {
        // Nobody looks any more: that is an end like any other.
        Err(ReplayError::Screen(error)) if error.is_hangup() => Ok(()),
        ended => ended,
    }
}

async fn play(
    screen: &mut Screen,
    player: Player,
    mut state: ViewState,
    looping: bool,
    stop: impl Future<Output = ()>,
) -> Result<(), ReplayError> {
    if let Some(notice) = screen.take_notice() {
        state.notice = Some((notice, wall_clock()));
    }
    let mut playback = Playback::of_file(player, looping, wall_clock());
    // A picture in which nothing moves is drawn once: a replay that is paused costs nothing.
    let mut changed = true;
    let mut frames = tokio::time::interval(FRAME);
    frames.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            input = screen.next() => match input {
                Some(Ok(Input::Terminal(Event::Key(key)))) if key.kind != KeyEventKind::Release => {
                    if let Some(prompt) = &mut state.prompt {
                        match prompt.press(key) {
                            Typed::More => {}
                            Typed::Cancelled => state.prompt = None,
                            Typed::Done => {
                                if let Some(Prompt { asks, text }) = state.prompt.take() {
                                    if asks == Asks::Filter {
                                        text.trim().clone_into(&mut state.filter);
                                    } else if let Err(sentence) = playback.jump(text.trim(), wall_clock()) {
                                        state.notice = Some((sentence, wall_clock()));
                                    }
                                }
                            }
                        }
                    } else if let Some(action) = state.keys.action(key) {
                        if action == Action::Quit {
                            return Ok(());
                        }
                        if action == Action::Suspend {
                            terminal::ask_to_stop()?;
                        } else if action == Action::GoTo {
                            state.prompt = Some(Prompt { asks: Asks::Place, text: String::new() });
                        } else if !state.act(action, playback.session())
                            && let Done::Not(why) = playback.act(action, wall_clock())
                        {
                            state.notice = Some((why.into(), wall_clock()));
                        }
                    }
                    changed = true;
                    frames.reset_immediately();
                }
                Some(Ok(Input::Terminal(Event::Mouse(mouse)))) => {
                    let area = screen.terminal.get_frame().area();
                    let hit = view::hit(area, (mouse.column, mouse.row), playback.session(), &state);
                    match pointed(mouse.kind, hit, &mut state) {
                        Pointed::Nothing => {}
                        Pointed::Key(action) => drop(state.act(action, playback.session())),
                        Pointed::Moment(at) => playback.go_to(at, wall_clock()),
                    }
                    changed = true;
                    frames.reset_immediately();
                }
                Some(Ok(Input::Terminal(_))) => {
                    changed = true;
                    frames.reset_immediately();
                }
                Some(Ok(Input::Stop)) => {
                    playback::standing_still(Some(playback.clock()), wall_clock, || screen.stop())?;
                    changed = true;
                    frames.reset_immediately();
                }
                Some(Ok(Input::Continued)) => {
                    screen.take_again()?;
                    changed = true;
                    frames.reset_immediately();
                }
                Some(Err(error)) => return Err(ScreenError::from(error).into()),
                None => return Ok(()),
            },
            _ = frames.tick() => {
                let wall = wall_clock();
                let moves = playback.tick(wall)?;
                if !(moves || changed || state.notice.is_some()) {
                    continue;
                }
                changed = false;
                state.show(&playback);
                if let Some(flaw) = playback.flaw() {
                    state.notice = Some((flaw, wall));
                }
                state.forget_notice(wall, NOTICE);
                state.check_room(screen.terminal.get_frame().area().as_size(), wall);
                let session = playback.session();
                screen
                    .draw(|area, buffer, theme| view::draw(area, buffer, session, &state, theme))
                    .map_err(ScreenError::from)?;
            }
        }
    }
}
