//! Two recordings on one screen, moved by one clock, driven by the keys of a replay.
//!
//! - [`state`]: what is shown, and what keys do to it

pub mod state;

use crossterm::event::{Event, KeyEventKind, MouseButton, MouseEventKind};

use self::state::{Comparison, Pressed};
use super::live::{FRAME, NOTICE};
use super::playback::standing_still;
use super::terminal::{self, Input, Screen, ScreenError};
use super::view;
use crate::wall_clock::wall_clock;

/// Draws a comparison until somebody quits or `stop` comes.
pub async fn run(
    screen: &mut Screen,
    comparison: Comparison,
    stop: impl Future<Output = ()>,
) -> Result<(), ScreenError> {
    match show(screen, comparison, stop).await {
        // Nobody looks any more: that is an end like any other.
        Err(error) if error.is_hangup() => Ok(()),
        ended => ended,
    }
}

async fn show(
    screen: &mut Screen,
    mut comparison: Comparison,
    stop: impl Future<Output = ()>,
) -> Result<(), ScreenError> {
    if let Some(notice) = screen.take_notice() {
        comparison.notice = Some((notice, wall_clock()));
    }
    let mut frames = tokio::time::interval(FRAME);
    frames.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    // A picture in which nothing moves is drawn once.
    let mut changed = true;
    tokio::pin!(stop);
    loop {
        let input = tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            input = screen.next() => input,
            _ = frames.tick() => {
                let wall = wall_clock();
                if comparison.tick(wall) || changed || comparison.notice.is_some() {
                    changed = false;
                    comparison.forget_notice(wall, NOTICE);
                    screen.draw(|area, buffer, theme| view::compare::draw(area, buffer, &comparison, theme))?;
                }
                continue;
            }
        };
        let Some(input) = input else { return Ok(()) };
        match input? {
            Input::Terminal(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                match comparison.press(key, wall_clock()) {
                    Pressed::Nothing => {}
                    Pressed::Suspend => terminal::ask_to_stop()?,
                    Pressed::Quit => return Ok(()),
                }
            }
            Input::Terminal(Event::Mouse(mouse)) => {
                let held = matches!(
                    mouse.kind,
                    MouseEventKind::Down(MouseButton::Left) | MouseEventKind::Drag(MouseButton::Left)
                );
                let area = screen.terminal.get_frame().area();
                let offset = view::compare::offset_at(area, (mouse.column, mouse.row), &comparison);
                if let Some(offset) = offset.filter(|_| held) {
                    comparison.go_to(offset, wall_clock());
                }
            }
            Input::Terminal(_) => {}
            Input::Stop => standing_still(Some(comparison.clock()), wall_clock, || screen.stop())?,
            Input::Continued => screen.take_again()?,
        }
        changed = true;
        frames.reset_immediately();
    }
}
