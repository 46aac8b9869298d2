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
    surveyed: Option<(usize, bool)>,
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
pub fn standing_still<T>(clock: Option<&mut ReplayClock>, wall: fn() -> Time, during: impl FnOnce() -> T) -> T {
    let Some(clock) = clock.filter(|clock| clock.is_playing()) else { return during() };
    clock.pause(wall());
    let outcome = during();
    // At its end it would begin anew.
    if clock.at() < clock.span().1 {
        clock.play(wall());
    }
    outcome
}

/// Does what a key asks of the clock, if it asks for something there.
pub(super) fn act_on_clock(action: Action, clock: &mut ReplayClock, wall: Time) {
    const NEAR: Duration = Duration::from_secs(10);
    const FAR: Duration = Duration::from_secs(60);
    match action {
        Action::TogglePlay => clock.toggle(wall),
        Action::Back => clock.back(NEAR, wall),
        Action::Forth => clock.forth(NEAR, wall),
        Action::BackMinute => clock.back(FAR, wall),
        Action::ForthMinute => clock.forth(FAR, wall),
        Action::StepBack => clock.step_back(wall),
        Action::StepForth => clock.step_forth(wall),
        Action::Slower => clock.set_speed(clock.speed().slower(), wall),
        Action::Faster => clock.set_speed(clock.speed().faster(), wall),
        Action::Start => clock.go_to(clock.span().0, wall),
        Action::End => clock.go_to(clock.span().1, wall),
        Action::ToggleLoop => clock.set_looping(!clock.is_looping()),
        _ => {}
    }
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
        let surveyed = Some((survey.frames().len(), survey.is_complete()));
        if self.surveyed == surveyed {
            return false;
        }
        let overview = Overview {
            first: survey.first(),
            last: self.clock.span().1,
            ingest: survey.ingest().clone(),
            lag: survey.total_lag().clone(),
            stored: survey.stored().clone(),
            moments: survey.moments().to_vec(),
        };
        drop(survey);
        self.overview = Arc::new(overview);
        self.surveyed = surveyed;
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

    /// The clock that it goes by.
    pub(super) fn clock(&mut self) -> &mut ReplayClock {
        &mut self.clock
    }

    /// What the title line says of it.
    pub fn sign(&self) -> PlaybackSign {
        let behind_live = self.live.then(|| self.clock.behind());
        PlaybackSign { behind_live, ..PlaybackSign::of(&self.clock, self.reading) }
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
        outcome.flaw()
    }

    /// Does what a key asks for.
    pub fn act(&mut self, action: Action, wall: Time) -> Done {
        match action {
            Action::End | Action::Close if self.live => return Done::ReturnToLive,
            Action::NextMark => return self.next(Kind::Mark, wall, "there is no mark after this"),
            Action::PreviousMark => return self.previous(Kind::Mark, wall, "there is no mark before this"),
            Action::NextFault => return self.next(Kind::Fault, wall, "there is no fault after this"),
            Action::PreviousFault => return self.previous(Kind::Fault, wall, "there is no fault before this"),
            Action::NextStatus => return self.next(Kind::Status, wall, "the status does not change after this"),
            Action::PreviousStatus => {
                return self.previous(Kind::Status, wall, "the status does not change before this");
            }
            _ => act_on_clock(action, &mut self.clock, wall),
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
