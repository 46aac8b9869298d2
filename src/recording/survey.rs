//! What is known of a recording as far as it was read: where its frames are, what happened in them, and snapshots of the
//! session along the way.
//!
//! A replay reads the whole file once in the background; a live session's writer does it as it goes. From then on any
//! moment is a snapshot and a few seconds of observations away.
//!
//! **Snapshots are light.** A session of a day is 10 MB, most of it four series of a value each second and a minute's
//! histograms. The series only ever grow at their end, so the survey keeps them once, and each snapshot only the last
//! seconds, which were still moving; the histograms are read anew from the frames just before it.
//!
//! **They are spaced by their size.** What a snapshot weighs grows with the partitions and their history; the span
//! between two is chosen so that all of them fit the budget: for a day of 32 partitions, about five minutes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::reader::FramePlace;
use crate::model::health::{Health, Word};
use crate::model::latency::LatencyWindow;
use crate::model::observation::{Fact, Observation, Station, StationState};
use crate::model::series::Series;
use crate::model::session::Session;
use crate::model::units::Time;

/// Memory for snapshots of a recording that is replayed, and of one that is being written.
const REPLAY_BUDGET: usize = 256 << 20;
const LIVE_BUDGET: usize = 16 << 20;

/// Snapshots are at least so far apart: so much is read again in a few milliseconds.
const CLOSEST: Duration = Duration::from_secs(15);

/// A second of a series may still change for so long: see [`crate::model::series::Counter::GAP`].
const SETTLED: Duration = Duration::from_secs(10);

/// Latencies are read anew from so long before a moment: the window and a margin.
pub(super) const LATENCIES: Duration = Duration::from_secs(15);

/// A clock that goes back further than this, or leaps ahead further than that, makes the survey keep whole sessions.
const JITTER: Duration = Duration::from_secs(1);
const LEAP: Duration = Duration::from_secs(86_400);

/// Moments kept, at most: a file can't fill the memory with them.
const MOST_MOMENTS: usize = 100_000;

/// Something that happened, to jump to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at: Time,
    /// What.
    pub event: Event,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody wanted it remembered.
    Mark(String),
    /// A station ceased to answer, or was stopped.
    Fault(Station),
    /// A station answers again.
    Recovery(Station),
    /// The word for the whole pipeline changed.
    Status(Word),
}

/// A frame that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SurveyedFrame {
    /// Where it is.
    pub place: FramePlace,
    /// When its first observation was seen; never before that of the frame before it.
    pub begins: Time,
}

/// The session before some frame.
#[derive(Debug, Clone)]
struct Snapshot {
    /// How many frames it has seen.
    frames: usize,
    /// The first frame whose latencies still count.
    latencies_from: usize,
    session: Session,
    /// The last seconds of the four series; `None` if the session holds them whole.
    tails: Option<(Time, [Tail; 4])>,
    weight: usize,
}

/// A snapshot made whole, but for the latencies of some frames.
#[derive(Debug)]
pub(super) struct Restored {
    /// The session before frame number `frames`.
    pub(super) session: Session,
    /// How many frames it has seen.
    pub(super) frames: usize,
    /// The latencies from this frame on are still to be entered.
    pub(super) latencies_from: usize,
}

type Tail = Vec<(Time, f64)>;

/// What is known of a recording as far as it was read.
#[derive(Debug)]
pub struct Survey {
    started: Time,
    frames: Vec<SurveyedFrame>,
    moments: Vec<Moment>,
    snapshots: Vec<Snapshot>,
    histories: [Series; 4],
    /// The newest observation.
    latest: Option<Time>,
    /// Whether everything was read that is there.
    complete: bool,
    /// How long the recording is, as far as it is known before everything was read.
    expected: Duration,
    budget: usize,
}

impl Survey {
    fn new(started: Time, expected: Duration, budget: usize) -> Self {
        Self {
            started,
            frames: Vec::new(),
            moments: Vec::new(),
            snapshots: Vec::new(),
            // Longer than a session's: what the oldest snapshot needs must still be there at the end.
            histories: std::array::from_fn(|_| Series::new(Series::DAY * 31)),
            latest: None,
            complete: false,
            expected,
            budget,
        }
    }

    /// Of a recording that begins now.
    pub(super) fn of_live(started: Time) -> Self {
        Self { complete: true, ..Self::new(started, Duration::from_secs(3_600), LIVE_BUDGET) }
    }

    /// Of a recording that is to be read, which is probably so long.
    pub(super) fn of_file(started: Time, expected: Duration) -> Self {
        Self::new(started, expected, REPLAY_BUDGET)
    }

    /// When the first observation was seen; before there is one, when the recording began.
    pub fn first(&self) -> Time {
        self.frames.first().map_or(self.started, |frame| frame.begins)
    }

    /// When the newest observation was seen that was read so far.
    pub fn latest(&self) -> Option<Time> {
        self.latest
    }

    /// Whether everything was read that is there. A recording that is being written always is.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Marks, faults and changes of status, in order.
    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }

    /// The frames, in order.
    pub fn frames(&self) -> &[SurveyedFrame] {
        &self.frames
    }

    /// Events enqueued, each second of the whole recording.
    pub fn ingest(&self) -> &Series {
        &self.histories[0]
    }

    /// Writes that the store took, each second of the whole recording.
    pub fn stored(&self) -> &Series {
        &self.histories[1]
    }

    /// Events waiting over all partitions, each second of the whole recording.
    pub fn total_lag(&self) -> &Series {
        &self.histories[2]
    }

    /// Memory that the snapshots take, roughly.
    pub fn snapshot_bytes(&self) -> usize {
        self.snapshots.iter().map(|snapshot| snapshot.weight).sum()
    }

    /// How many frames have begun by a moment.
    pub(super) fn frames_begun_by(&self, at: Time) -> usize {
        self.frames.partition_point(|frame| frame.begins <= at)
    }

    /// The last snapshot that has seen at most so many frames.
    pub(super) fn restore(&self, most: usize) -> Option<Restored> {
        let after = self.snapshots.partition_point(|snapshot| snapshot.frames <= most);
        let snapshot = self.snapshots.get(after.checked_sub(1)?)?;
        let mut session = snapshot.session.clone();
        if let Some((settled, tails)) = &snapshot.tails {
            let begin = self.first().before(JITTER).max(settled.before(LEAP + SETTLED * 10));
            for ((series, history), tail) in series_of(&mut session).into_iter().zip(&self.histories).zip(tails) {
                let mut second = begin;
                while second < *settled {
                    if let Some(value) = history.at(second) {
                        series.set(second, value);
                    }
                    second = second.after(Duration::from_secs(1));
                }
                for (second, value) in tail {
                    series.set(*second, *value);
                }
            }
        }
        Some(Restored { session, frames: snapshot.frames, latencies_from: snapshot.latencies_from })
    }

    /// Whether a snapshot has seen more frames than `from` and not more than `to`.
    pub(super) fn has_snapshot_between(&self, from: usize, to: usize) -> bool {
        let after = self.snapshots.partition_point(|snapshot| snapshot.frames <= to);
        after.checked_sub(1).and_then(|last| self.snapshots.get(last)).is_some_and(|last| last.frames > from)
    }

    /// Drops every second snapshot while all together weigh too much.
    fn thin(&mut self) {
        while self.snapshots.len() > 2 && self.snapshot_bytes() > self.budget + self.budget / 2 {
            let mut odd = true;
            self.snapshots.retain(|_| {
                odd = !odd;
                !odd
            });
        }
    }
}

/// The four series of a day that a session has.
fn series_of(session: &mut Session) -> [&mut Series; 4] {
    [&mut session.ingest_history, &mut session.stored_history, &mut session.total_lag, &mut session.target]
}

/// Reads frame after frame and enters what it finds in the survey.
#[derive(Debug)]
pub(super) struct Surveyor {
    survey: Arc<Mutex<Survey>>,
    session: Session,
    word: Word,
    frames: usize,
    /// When the frames of the last seconds began, for the latencies of a snapshot.
    recent: std::collections::VecDeque<(usize, Time)>,
    /// Series are settled, and entered in the histories, up to here.
    settled: Option<Time>,
    /// Whether time went on as it should.
    steady: bool,
    last_snapshot: Option<Time>,
}

impl Surveyor {
    pub(super) fn of(survey: Arc<Mutex<Survey>>) -> Self {
        Self {
            survey,
            session: Session::new(),
            word: Word::Starting,
            frames: 0,
            recent: std::collections::VecDeque::new(),
            settled: None,
            steady: true,
            last_snapshot: None,
        }
    }

    /// Takes the next frame.
    pub(super) fn take(&mut self, place: FramePlace, observations: &[Observation]) {
        let begins = observations.first().map(|first| first.at).into_iter().chain(self.session.latest()).max();
        let survey = Arc::clone(&self.survey);
        let mut survey = survey.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = begins.unwrap_or(survey.started);
        self.snapshot_if_due(&mut survey);
        survey.frames.push(SurveyedFrame { place, begins });
        self.recent.push_back((self.frames, begins));
        self.frames += 1;
        for observation in observations {
            self.judge_time(observation.at);
            note(&self.session, observation, &mut survey.moments);
            let marks = self.session.marks.len();
            self.session.apply(observation);
            // Also those that the session sets itself: another consumer group, a hub made anew.
            for (at, text) in self.session.marks.iter().skip(marks) {
                push(&mut survey.moments, Moment { at: *at, event: Event::Mark(text.clone()) });
            }
        }
        survey.latest = self.session.latest();
        if let Some(now) = survey.latest {
            let word = Health::of(&self.session, now).word;
            if word != self.word {
                self.word = word;
                push(&mut survey.moments, Moment { at: now, event: Event::Status(word) });
            }
            self.settle(now.before(SETTLED), &mut survey);
        }
    }

    /// There is nothing more to read: the last seconds won't change any more either.
    pub(super) fn finish(mut self) {
        let survey = Arc::clone(&self.survey);
        let mut survey = survey.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(latest) = self.session.latest() {
            self.settle(latest.after(Duration::from_secs(1)), &mut survey);
        }
        survey.complete = true;
    }

    fn judge_time(&mut self, at: Time) {
        if let Some(latest) = self.session.latest() {
            self.steady &= latest.since(at) <= JITTER && at.since(latest) <= LEAP;
        }
    }

    /// Enters the seconds before a moment: they won't change any more.
    fn settle(&mut self, until: Time, survey: &mut Survey) {
        if !self.steady {
            return;
        }
        let until = whole_second(until);
        let mut second = *self.settled.get_or_insert_with(|| whole_second(survey.first().before(JITTER)));
        while second < until {
            for (series, history) in series_of(&mut self.session).into_iter().zip(&mut survey.histories) {
                if let Some(value) = series.at(second) {
                    history.set(second, value);
                }
            }
            second = second.after(Duration::from_secs(1));
        }
        self.settled = Some(second);
    }

    /// A snapshot, if the last one is long enough ago for what another one weighs.
    fn snapshot_if_due(&mut self, survey: &mut Survey) {
        let Some(now) = self.session.latest() else { return };
        while self.recent.get(1).is_some_and(|(_, begins)| now.since(*begins) > LATENCIES) {
            self.recent.pop_front();
        }
        let since = now.since(self.last_snapshot.unwrap_or(survey.first()));
        let weight = self.weight(survey);
        let expected = survey.expected.max(now.since(survey.first()));
        let spacing = expected.mul_f64(weight as f64 / survey.budget as f64).max(CLOSEST);
        if since < spacing {
            return;
        }
        self.last_snapshot = Some(now);
        let mut session = self.session.clone();
        session.stored_latency = LatencyWindow::default();
        if let Some(load) = &mut session.load {
            (load.from_due, load.from_send) = (LatencyWindow::default(), LatencyWindow::default());
        }
        let latencies_from = self.recent.front().map_or(self.frames, |(frame, _)| *frame);
        let tails = self.settled.filter(|_| self.steady);
        let tails = tails.map(|settled| (settled, series_of(&mut session).map(|series| tail_of(series, settled, now))));
        survey.snapshots.push(Snapshot { frames: self.frames, latencies_from, session, tails, weight });
        survey.thin();
    }

    /// What a snapshot weighs, roughly: the lag history and the log ends of each partition and the history of each range,
    /// which grow until they are full, and what else it has.
    fn weight(&self, survey: &Survey) -> usize {
        let seconds = usize::try_from(self.session.latest().map_or(0, |now| now.since(survey.first()).as_secs()));
        let seconds = seconds.unwrap_or(usize::MAX);
        let partition = seconds.min(900) * 8 + seconds.min(1_024) * 16 + 3_000;
        let whole = if self.steady { 0 } else { seconds.min(Series::DAY) * 32 };
        let range = seconds.min(900) * 8 + 500;
        let log = self.session.log.newest_first().count() * 64;
        self.session.partitions.len() * partition + self.session.ranges.len() * range + log + whole + 8_192
    }
}

/// Takes a series out of a session and leaves its last seconds.
fn tail_of(series: &mut Series, settled: Time, now: Time) -> Tail {
    let full = std::mem::replace(series, Series::new(Series::DAY));
    let mut tail = Vec::new();
    let mut second = settled;
    while second <= now {
        if let Some(value) = full.at(second) {
            tail.push((second, value));
        }
        second = second.after(Duration::from_secs(1));
    }
    tail
}

fn whole_second(at: Time) -> Time {
    Time::from_micros(at.as_micros().saturating_sub(at.as_micros().rem_euclid(1_000_000)))
}

/// Notes a fault or a recovery.
fn note(session: &Session, observation: &Observation, moments: &mut Vec<Moment>) {
    let at = observation.at;
    if let Fact::Station(station, state) = &observation.fact {
        let before = session.station(*station).map(|health| &health.state);
        let well = |state: &StationState| matches!(state, StationState::Connected | StationState::Unwatched);
        match (before.is_none_or(well), well(state)) {
            (true, false) => push(moments, Moment { at, event: Event::Fault(*station) }),
            (false, true) => push(moments, Moment { at, event: Event::Recovery(*station) }),
            _ => {}
        }
    }
}

/// Moments stay in order, whatever the clock of the recording did.
fn push(moments: &mut Vec<Moment>, mut moment: Moment) {
    if moments.len() < MOST_MOMENTS {
        moment.at = moments.last().map_or(moment.at, |last| last.at.max(moment.at));
        moments.push(moment);
    }
}
