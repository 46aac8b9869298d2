//! The session at any moment of a recording: forth by folding on, back by a snapshot and a few seconds of folding.
//!
//! A thread reads the whole recording once and fills the [`Survey`]; what it has read can be seen at once, the rest as it
//! comes. A recording that is being written is surveyed by its writer.
//!
//! **The session at a moment** is what all observations add up to that come, in the order of the file, before the first
//! one that is later than the moment. It depends on the file alone: not on the way by which the moment was reached, not
//! on the machine, not on its time zone. One thing comes later: after a jump, latencies of more than fifteen seconds ago,
//! which only pictures of the last minutes show, are read by and by ([`Player::fill_latencies`]).

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::error::ReadError;
use super::format::{Header, LatenciesAre, Skipped};
use super::reader::{Ending, Recording};
use super::survey::{LATENCIES, Survey, Surveyor};
use crate::model::distribution::LatencyHistory;
use crate::model::observation::{Fact, Observation};
use crate::model::session::Session;
use crate::model::units::Time;

/// Whoever waits for a moment to be read asks again after so long.
const PATIENCE: Duration = Duration::from_millis(1);

/// Whether a moment is there yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// The session stands at the moment that was asked for.
    There,
    /// The recording is still being read, and the session stands as far as that: ask again.
    Reading,
}

/// How far the latencies of the minutes before a moment have been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// All of them were already there.
    Before,
    /// The last of them were read just now.
    Now,
    /// More are to be read.
    Partly,
}

/// How a recording ends, once all of it was read, and what was left out on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How the part that can be read ends.
    pub ending: Ending,
    /// What was left out.
    pub skipped: Skipped,
}

impl Outcome {
    /// What should be known of the recording, in one sentence: that it ends before its end, or that parts of it were
    /// left out.
    pub fn flaw(&self) -> Option<String> {
        let ending = match self.ending {
            Ending::Whole => None,
            Ending::Cut { .. } => Some("the recording was cut off; it plays up to its last whole second".to_owned()),
            Ending::Damaged { at, reason } => {
                Some(format!("the recording is damaged at byte {at} ({reason}); it plays up to there"))
            }
            another @ Ending::Another { .. } => another.sentence(),
        };
        let skipped = self.skipped.total();
        let left_out = (skipped > 0).then(|| format!("{skipped} facts of a kind not known here were left out"));
        match (ending, left_out) {
            (Some(ending), Some(left_out)) => Some(format!("{ending}; {left_out}")),
            (ending, left_out) => ending.or(left_out),
        }
    }
}

/// Plays a recording.
#[derive(Debug)]
pub struct Player {
    recording: Recording,
    survey: Arc<Mutex<Survey>>,
    outcome: Arc<Mutex<Option<Outcome>>>,
    session: Session,
    /// Frames whose observations were taken or wait in `waiting`.
    frames: usize,
    /// What is left of the newest frame, the next one last.
    waiting: Vec<Observation>,
    reader: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
    ends_at: Option<Time>,
    /// The first frame whose latencies the session has. After a jump those of the minutes before are read bit by bit.
    latencies_from: usize,
}

impl Player {
    /// Opens a recording and begins to read it. Returns once its beginning and its end were looked at; the rest is read
    /// by a thread. `-` is standard input.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        Self::of(Recording::open(path)?)
    }

    /// Plays an open recording.
    pub fn of(recording: Recording) -> Result<Self, ReadError> {
        let started = recording.header().started;
        let ends_at = recording.ends_at();
        let expected = ends_at.map_or(Duration::from_secs(3_600), |end| end.since(started));
        let survey = Arc::new(Mutex::new(Survey::of_file(started, expected)));
        let outcome = Arc::new(Mutex::new(None));
        let stop = Arc::new(AtomicBool::new(false));
        let reading = Reading {
            recording: recording.clone(),
            surveyor: Surveyor::of(Arc::clone(&survey)),
            survey: Arc::clone(&survey),
            outcome: Arc::clone(&outcome),
            stop: Arc::clone(&stop),
        };
        let thread = std::thread::Builder::new().name("replay-survey".into()).spawn(move || reading.run());
        let thread = thread.map_err(|reason| ReadError::Unreadable { place: recording.place().to_owned(), reason })?;
        let mut player = Self::with(recording, survey, outcome, Some((stop, thread)));
        player.ends_at = ends_at;
        Ok(player)
    }

    /// Looks back into a recording that is being written, with the survey of its writer.
    pub fn of_live(path: &Path, survey: Arc<Mutex<Survey>>) -> Result<Self, ReadError> {
        Ok(Self::with(Recording::open(path)?, survey, Arc::default(), None))
    }

    fn with(
        recording: Recording,
        survey: Arc<Mutex<Survey>>,
        outcome: Arc<Mutex<Option<Outcome>>>,
        reader: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
    ) -> Self {
        let session = Session::new();
        let waiting = Vec::new();
        Self { recording, survey, outcome, session, frames: 0, waiting, reader, ends_at: None, latencies_from: 0 }
    }

    /// The first line of the recording.
    pub fn header(&self) -> &Header {
        self.recording.header()
    }

    /// What is known of the recording so far: its moments, its timeline. Held for a moment only: the reading waits.
    pub fn survey(&self) -> MutexGuard<'_, Survey> {
        self.survey.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the recording ends and what was left out; `None` while it is still being read.
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From the first observation to the last, as far as is known: what a timeline spans.
    pub fn span(&self) -> (Time, Time) {
        let survey = self.survey();
        let first = survey.first();
        let read = survey.latest().unwrap_or(first);
        // Before all is read, the end of the file says how far it goes.
        let expected = self.ends_at.filter(|_| !survey.is_complete());
        (first, expected.map_or(read, |end| end.max(read)))
    }

    /// The session as it stands.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Brings the session to a moment, as far as the recording was read.
    pub fn go_to(&mut self, asked: Time) -> Result<Reached, ReadError> {
        let (begun, complete, latest, at) = {
            let survey = self.survey();
            // Past the end, the end is shown: its latencies are those that count.
            let within = survey.latest().map_or(asked, |latest| latest.min(asked));
            (survey.frames_begun_by(within), survey.is_complete(), survey.latest(), within)
        };
        // The last frame that has begun may go past the moment; those before it don't.
        let before = begun.saturating_sub(1);
        let past = self.session.latest().is_some_and(|now| now > at);
        if past || self.survey().has_snapshot_between(self.frames, before) {
            self.restore(before)?;
        }
        self.fold(at, begun)?;
        let there = complete || latest.is_some_and(|latest| latest > asked);
        Ok(if there { Reached::There } else { Reached::Reading })
    }

    /// The session at a moment, whole; waits while the recording is still being read up to there.
    pub fn session_at(&mut self, at: Time) -> Result<&Session, ReadError> {
        while self.go_to(at)? == Reached::Reading {
            std::thread::sleep(PATIENCE);
        }
        self.fill_latencies(usize::MAX)?;
        Ok(&self.session)
    }

    /// Begins at the last snapshot that has seen at most so many frames, or at the beginning.
    fn restore(&mut self, most: usize) -> Result<(), ReadError> {
        self.waiting.clear();
        let restored = self.survey().restore(most);
        let Some(restored) = restored else {
            (self.session, self.frames, self.latencies_from) = (Session::new(), 0, 0);
            return Ok(());
        };
        (self.session, self.frames) = (restored.session, restored.frames);
        self.latencies_from = restored.latencies_from;
        for frame in restored.latencies_from..restored.frames {
            for observation in self.read(frame, LatenciesAre::Read)? {
                remember_latencies(&mut self.session, &observation);
            }
        }
        Ok(())
    }

    /// Takes observations up to a moment.
    fn fold(&mut self, at: Time, begun: usize) -> Result<(), ReadError> {
        let latencies_from = self.survey().frames_begun_by(at.before(LATENCIES)).saturating_sub(1);
        loop {
            while let Some(next) = self.waiting.pop() {
                if next.at > at {
                    self.waiting.push(next);
                    return Ok(());
                }
                self.session.apply(&next);
            }
            if self.frames >= begun {
                return Ok(());
            }
            let wanted = if self.frames < latencies_from { LatenciesAre::PassedOver } else { LatenciesAre::Read };
            if wanted == LatenciesAre::PassedOver {
                // What is known of the time before the gap will be read again with the gap.
                forget_histories(&mut self.session);
                self.latencies_from = self.frames + 1;
            }
            self.waiting = self.read(self.frames, wanted)?;
            self.waiting.reverse();
            self.frames += 1;
        }
    }

    /// Reads latencies of the minutes before a jump into the session's histories, from so many frames at most.
    pub fn fill_latencies(&mut self, most: usize) -> Result<Filled, ReadError> {
        let Some(latest) = self.session.latest() else { return Ok(Filled::Before) };
        let oldest = self.survey().frames_begun_by(latest.before(LatencyHistory::SPAN)).saturating_sub(1);
        if self.latencies_from <= oldest {
            return Ok(Filled::Before);
        }
        let until = self.latencies_from.saturating_sub(most).max(oldest);
        for frame in (until..self.latencies_from).rev() {
            for observation in self.read(frame, LatenciesAre::Read)? {
                remember_history(&mut self.session, &observation);
            }
            self.latencies_from = frame;
        }
        Ok(if until > oldest { Filled::Partly } else { Filled::Now })
    }

    /// Waits until all of the file was read. The moment at its end is no sign of that: what is found there may be of another
    /// recording.
    pub fn wait_until_read(&self) {
        while !self.survey().is_complete() {
            std::thread::sleep(PATIENCE);
        }
    }

    fn read(&self, frame: usize, latencies: LatenciesAre) -> Result<Vec<Observation>, ReadError> {
        let place = self.survey().frames().get(frame).map(|frame| frame.place);
        place.map_or(Ok(Vec::new()), |place| self.recording.read_frame(place, latencies))
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.reader.take() {
            stop.store(true, Ordering::Relaxed);
            // It has nothing more to say.
            thread.join().ok();
        }
    }
}

/// Enters the latencies of an observation that the session has seen otherwise.
fn remember_latencies(session: &mut Session, observation: &Observation) {
    match &observation.fact {
        Fact::Stored(stored) => session.stored_latency.push(observation.at, &stored.latency),
        Fact::Load(figures) => {
            if let Some(load) = &mut session.load {
                load.from_due.push(observation.at, &figures.from_due);
                load.from_send.push(observation.at, &figures.from_send);
                (load.figures.from_due, load.figures.from_send) = (figures.from_due.clone(), figures.from_send.clone());
            }
        }
        _ => {}
    }
}

fn forget_histories(session: &mut Session) {
    session.stored_latency.history = LatencyHistory::default();
    if let Some(load) = &mut session.load {
        (load.from_due.history, load.from_send.history) = (LatencyHistory::default(), LatencyHistory::default());
    }
}

/// Enters the latencies of an observation of minutes ago in the histories alone.
fn remember_history(session: &mut Session, observation: &Observation) {
    let at = observation.at;
    match &observation.fact {
        Fact::Stored(stored) => session.stored_latency.history.push(at, &stored.latency.0),
        Fact::Load(figures) => {
            if let Some(load) = &mut session.load {
                load.from_due.history.push(at, &figures.from_due.0);
                load.from_send.history.push(at, &figures.from_send.0);
            }
        }
        _ => {}
    }
}

/// What the thread needs.
struct Reading {
    recording: Recording,
    surveyor: Surveyor,
    survey: Arc<Mutex<Survey>>,
    outcome: Arc<Mutex<Option<Outcome>>>,
    stop: Arc<AtomicBool>,
}

impl Reading {
    fn run(mut self) {
        let mut frames = self.recording.frames_from(0);
        let mut skipped = Skipped::default();
        let mut ending = None;
        while !self.stop.load(Ordering::Relaxed) {
            // A snapshot holds no latencies; see there.
            match frames.next_frame(LatenciesAre::PassedOver, &mut skipped) {
                Ok(Some((place, observations))) => {
                    // The header's frame, and one of nothing but unknown facts.
                    if !observations.is_empty() {
                        self.surveyor.take(place, &observations);
                    }
                }
                Ok(None) => break,
                Err(_) => {
                    // The disk gave up: what was read stays.
                    let at = self.survey.lock().unwrap_or_else(PoisonError::into_inner);
                    let at = at.frames().last().map_or(0, |last| last.place.end());
                    ending = Some(Ending::Damaged { at, reason: "the disk can't be read there" });
                    break;
                }
            }
        }
        let ending = ending.unwrap_or(frames.ending());
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(Outcome { ending, skipped });
        self.surveyor.finish();
    }
}

/// Latencies are read anew from far enough back that no window misses one.
const _: () = assert!(LATENCIES.as_secs() > crate::model::latency::LatencyWindow::SPAN.as_secs());
