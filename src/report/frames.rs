//! The frames of a recording, one after another or a single one, without a terminal.

use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};

use crate::model::units::Time;
use crate::recording::error::ReadError;
use crate::recording::player::{Outcome, Player};
use crate::recording::reader::Ending;
use crate::recording::survey::{Event, Moment};
use crate::ui::keymap::Action;
use crate::ui::playback::Playback;
use crate::ui::replay::view_of;
use crate::ui::state::{ViewState, Zoom};
use crate::ui::theme::Theme;
use crate::ui::view;

/// Why there is no frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The recording.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A place that is not in it. One sentence.
    #[error("{0}")]
    Place(String),
}

/// How a recording is looked at.
#[derive(Debug, Clone)]
pub struct Look {
    /// The colours.
    pub theme: Theme,
    /// Columns and rows.
    pub size: Size,
    /// What fills the screen.
    pub zoom: Zoom,
    /// Whether the word for the whole pipeline stands in big letters.
    pub big: bool,
}

/// A recording as a replay shows it. Its wall clock is made up: it begins at the beginning of the recording.
#[derive(Debug)]
pub struct Frames {
    playback: Playback,
    state: ViewState,
    look: Look,
    wall: Time,
    span: (Time, Time),
    moments: Vec<Moment>,
    flaw: Option<String>,
}

impl Frames {
    /// Reads the whole recording, so that a frame depends on nothing but the file.
    ///
    /// # Errors
    /// [`FrameError::Read`] where the file can't be read.
    pub fn of(mut player: Player, look: Look) -> Result<Self, FrameError> {
        player.wait_until_read();
        let span = player.span();
        player.session_at(span.1)?;
        let cut_short = player.outcome().filter(|outcome| outcome.ending != Ending::Whole);
        let flaw = cut_short.as_ref().and_then(Outcome::flaw);
        let moments = player.survey().moments().to_vec();
        let state = ViewState { zoom: look.zoom.clone(), big: look.big, ..view_of(&player) };
        let mut playback = Playback::of_file(player, false, span.0);
        // Nothing moves until it is asked to.
        playback.act(Action::TogglePlay, span.0);
        Ok(Self { playback, state, look, wall: span.0, span, moments, flaw })
    }

    /// What is watched, as in the title line.
    pub fn title(&self) -> &str {
        &self.state.title
    }

    /// From the first observation to the last.
    pub fn span(&self) -> (Time, Time) {
        self.span
    }

    /// That the recording ends before its end, in one sentence; `None` if it is whole.
    pub fn flaw(&self) -> Option<&str> {
        self.flaw.as_deref()
    }

    /// The marks that somebody set, in the order of time.
    pub fn marks(&self) -> impl Iterator<Item = (Time, &str)> {
        self.moments.iter().filter_map(|moment| match &moment.event {
            Event::Mark(text) => Some((moment.at, text.as_str())),
            Event::Fault(_) | Event::Recovery(_) | Event::Status(_) => None,
        })
    }

    /// Goes to a place as a person types it: `10s`, `14:05`, `start`, `end`. Gives the moment.
    ///
    /// # Errors
    /// [`FrameError::Place`] where that is no place in this recording.
    pub fn go_to(&mut self, place: &str) -> Result<Time, FrameError> {
        self.playback.jump(place, self.wall).map_err(FrameError::Place)?;
        Ok(self.playback.at())
    }

    /// Goes to a moment.
    pub fn go_to_moment(&mut self, at: Time) {
        self.playback.go_to(at, self.wall);
    }

    /// Begins to play, so many times twice as fast as it happened; below zero, half as fast.
    pub fn play(&mut self, doublings: i8) {
        let turn = if doublings < 0 { Action::Slower } else { Action::Faster };
        for _ in 0..doublings.unsigned_abs() {
            self.playback.act(turn, self.wall);
        }
        self.playback.act(Action::TogglePlay, self.wall);
    }

    /// Lets time pass on the wall.
    pub fn wait(&mut self, span: std::time::Duration) {
        self.wall = self.wall.after(span);
    }

    /// The frame as it stands, and the moment that it shows.
    ///
    /// # Errors
    /// [`FrameError::Read`] where the file can't be read any more.
    pub fn draw(&mut self) -> Result<(Time, Buffer), FrameError> {
        self.playback.tick(self.wall)?;
        self.state.show(&self.playback);
        let area = Rect::from(self.look.size);
        let mut buffer = Buffer::empty(area);
        view::draw(area, &mut buffer, self.playback.session(), &self.state, &self.look.theme);
        Ok((self.playback.at(), buffer))
    }
}
