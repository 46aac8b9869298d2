//! Looking at the past: a recording's player, its clock, and what keys do to them. The same for a replay and for looking
//! back while live.

use std::sync::Arc;
use std::time::Duration;

use super::keymap::Action;
use super::state::{Overview, PlaybackSign};
use crate::model::session::Session;
use crate::model::units::Time;
use crate::recording::clock::{Kind, ReplayClock};
use crate::recording::error::ReadError;
use crate::recording::player::{Filled, Player, Reached};
use crate::recording::reader::Ending;

/// Frames of a recording whose latencies are read in one tick, after a jump: a few milliseconds' work.
const LATENCY_FRAMES: usize = 30;

/// A recording being looked at.
#[derive(Debug)]
pub struct Playback {
    player: Player,
    clock: ReplayClock,
    /// Whether the recording is being written by this session.
    live: bool,
    reading: bool,
    overview: Arc<Overview>,
    surveyed: Option<usize>,
    /// Whether a flaw was told.
    told: bool,
}

/// What a key did to the playback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It did something, or there was nothing to do.
    Quietly,
    /// It did nothing, for a reason that the person should know.
    Not(&'static str),
    /// Back to the live picture.
    ReturnToLive,
}

/// Does something during which the process may stand still: a recording that plays must not have gone on meanwhile.
pub fn standing_still<T>(playback: Option<&mut Playback>, wall: fn() -> Time, during: impl FnOnce() -> T) -> T {
    let Some(playback) = playback.filter(|playback| playback.clock.is_playing()) else { return during() };
    playback.clock.pause(wall());
    let outcome = during();
    // At its end it would begin anew.
    if playback.at() < playback.clock.span().1 {
        playback.clock.play(wall());
    }
    outcome
}

impl Playback {
    /// Looks back into the recording of this session: paused at its end, which is now.
    pub fn of_live(player: Player) -> Self {
        let (first, last) = player.span();
        let mut clock = ReplayClock::new(first, last);
        clock.go_to(last, last);
        Self::with(player, clock, true)
    }

    /// Replays a recording from its beginning.
    pub fn of_file(player: Player, looping: bool, wall: Time) -> Self {
        let (first, last) = player.span();
        let mut clock = ReplayClock::new(first, last);
        clock.set_looping(looping);
        clock.play(wall);
        Self::with(player, clock, false)
    }

    fn with(player: Player, clock: ReplayClock, live: bool) -> Self {
        Self { player, clock, live, reading: false, overview: Arc::default(), surveyed: None, told: false }
    }

    /// Moves on to what the wall says; tells whether anything can look otherwise than before.
    pub fn tick(&mut self, wall: Time) -> Result<bool, ReadError> {
        self.clock.extend(self.player.span().1);
        let at = self.clock.tick(wall);
        let was_reading = std::mem::replace(&mut self.reading, self.player.go_to(at)? == Reached::Reading);
        let filled = self.player.fill_latencies(LATENCY_FRAMES)?;
        let surveyed = self.survey();
        Ok(self.clock.is_playing() || was_reading || self.reading || filled != Filled::Before || surveyed)
    }

    /// Takes what the survey found since the last time; tells whether it found something.
    fn survey(&mut self) -> bool {
        let survey = self.player.survey();
        let frames = survey.frames().len();
        if self.surveyed == Some(frames) {
            return false;
        }
        let overview = Overview {
            first: survey.first(),
            last: self.clock.span().1,
            lag: survey.total_lag().clone(),
            target: survey.target().clone(),
            moments: survey.moments().to_vec(),
        };
        drop(survey);
        self.overview = Arc::new(overview);
        self.surveyed = Some(frames);
        true
    }

    /// The session at the moment that is shown.
    pub fn session(&self) -> &Session {
        self.player.session()
    }

    /// The moment that is shown.
    pub fn at(&self) -> Time {
        self.clock.at()
    }

    /// The whole recording at a glance.
    pub fn overview(&self) -> Arc<Overview> {
        Arc::clone(&self.overview)
    }

    /// What the title line says of it.
    pub fn sign(&self) -> PlaybackSign {
        let (first, last) = self.clock.span();
        PlaybackSign {
            elapsed: self.clock.elapsed(),
            span: last.since(first),
            playing: self.clock.is_playing(),
            speed: self.clock.speed().to_string(),
            looping: self.clock.is_looping(),
            behind_live: self.live.then(|| self.clock.behind()),
            reading: self.reading,
        }
    }

    /// Goes to a moment.
    pub fn go_to(&mut self, at: Time, wall: Time) {
        self.clock.go_to(at, wall);
    }

    /// Goes where a text says. One sentence if it says nothing of this recording.
    pub fn jump(&mut self, text: &str, wall: Time) -> Result<(), String> {
        // Without the zone of the machine, which a program with threads can't safely ask for, times of day are UTC.
        self.clock.jump(text, time::UtcOffset::UTC, wall).map_err(|error| error.to_string())
    }

    /// What should be known of the recording once all of it was read, in one sentence: that it ends before its end, or
    /// that parts of it were left out. Told once.
    pub fn flaw(&mut self) -> Option<String> {
        if self.told {
            return None;
        }
        let outcome = self.player.outcome()?;
        self.told = true;
        let ending = match outcome.ending {
            Ending::Whole => None,
            Ending::Cut { .. } => Some("the recording was cut off; it plays up to its last whole second".to_owned()),
            Ending::Damaged { at, reason } => {
                Some(format!("the recording is damaged at byte {at} ({reason}); it plays up to there"))
            }
        };
        let skipped = outcome.skipped.total();
        let left_out = (skipped > 0).then(|| format!("{skipped} facts of a kind not known here were left out"));
        match (ending, left_out) {
            (Some(ending), Some(left_out)) => Some(format!("{ending}; {left_out}")),
            (ending, left_out) => ending.or(left_out),
        }
    }

    /// Does what a key asks for.
    pub fn act(&mut self, action: Action, wall: Time) -> Done {
        const NEAR: Duration = Duration::from_secs(10);
        const FAR: Duration = Duration::from_secs(60);
        match action {
            Action::TogglePlay => self.clock.toggle(wall),
            Action::Back => self.clock.back(NEAR, wall),
            Action::Forth => self.clock.forth(NEAR, wall),
            Action::BackMinute => self.clock.back(FAR, wall),
            Action::ForthMinute => self.clock.forth(FAR, wall),
            Action::StepBack => self.clock.step_back(wall),
            Action::StepForth => self.clock.step_forth(wall),
            Action::Slower => self.clock.set_speed(self.clock.speed().slower(), wall),
            Action::Faster => self.clock.set_speed(self.clock.speed().faster(), wall),
            Action::Start => self.clock.go_to(self.clock.span().0, wall),
            Action::End | Action::Close if self.live => return Done::ReturnToLive,
            Action::End => self.clock.go_to(self.clock.span().1, wall),
            Action::ToggleLoop => self.clock.set_looping(!self.clock.is_looping()),
            Action::NextMark => return self.next(Kind::Mark, wall, "there is no mark after this"),
            Action::PreviousMark => return self.previous(Kind::Mark, wall, "there is no mark before this"),
            Action::NextFault => return self.next(Kind::Fault, wall, "there is no fault after this"),
            Action::PreviousFault => return self.previous(Kind::Fault, wall, "there is no fault before this"),
            Action::NextStatus => return self.next(Kind::Status, wall, "the status does not change after this"),
            Action::PreviousStatus => {
                return self.previous(Kind::Status, wall, "the status does not change before this");
            }
            _ => {}
        }
        Done::Quietly
    }

    fn next(&mut self, kind: Kind, wall: Time, otherwise: &'static str) -> Done {
        let survey = self.player.survey();
        if self.clock.next_moment(survey.moments(), kind, wall) { Done::Quietly } else { Done::Not(otherwise) }
    }

    fn previous(&mut self, kind: Kind, wall: Time, otherwise: &'static str) -> Done {
        let survey = self.player.survey();
        if self.clock.previous_moment(survey.moments(), kind, wall) { Done::Quietly } else { Done::Not(otherwise) }
    }
}
