//! The figures of a whole recording, second by second: for a picture of all of it, beside that of another one.
//!
//! A thread reads the recording once from beginning to end, latencies too, and hands over what it finds bit by bit. The
//! channel between is bounded: the thread waits where nobody takes anything, and ends where nobody is left.

use std::sync::mpsc::{Receiver, SendError, SyncSender, sync_channel};
use std::time::Duration;

use super::error::ReadError;
use super::format::{LatenciesAre, Skipped};
use super::player::Outcome;
use super::reader::{Ending, Recording};
use crate::model::health::{Health, Word};
use crate::model::observation::Observation;
use crate::model::session::Session;
use crate::model::status::Status;
use crate::model::units::{EventRate, Time};

/// Seconds that are handed over at once, and how many such parts may wait.
const PART: usize = 60;
const WAITING: usize = 64;

/// Seconds of a trace at most, a month: a clock that leapt can't fill the memory.
const MOST: usize = 31 * 86_400;
/// From one look to the next.
const LOOK: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(MOST as u64 - 1);

/// What was known at a moment, as a replay shows it then. What was not known is `None`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// Events enqueued per second.
    pub ingest: Option<f64>,
    /// Events waiting over all partitions; not known while one of them can't be seen.
    pub lag: Option<f64>,
    /// Writes that the store takes per second.
    pub stored: Option<f64>,
    /// From enqueued to stored, the 99th percentile of the last ten seconds, in seconds.
    pub latency: Option<f64>,
    /// The word for the whole pipeline.
    pub word: Word,
}

impl Figures {
    /// Of a session at a moment.
    pub fn of(session: &Session, at: Time) -> Self {
        let blind = session.statuses(at).contains_key(&Status::Blind);
        Self {
            ingest: session.ingest_rate(at).map(EventRate::per_second),
            lag: session.lag_events().filter(|_| !blind).map(|events| events as f64),
            stored: session.stored_rate(at).map(EventRate::per_second),
            latency: session.stored_latency.percentiles(at).map(|known| known.p99.as_secs_f64()),
            word: Health::of(session, at).word,
        }
    }
}

/// What there is so long after the beginning of a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Moment {
    /// What was known then.
    Known(Figures),
    /// It has not been read so far.
    NotRead,
    /// The recording ended before.
    Over,
}

/// What a column that stands for several seconds shows of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Their mean: for rates and counts.
    Mean,
    /// The largest: a mean of percentiles says nothing.
    Most,
}

/// The figures of a recording at each whole second from its first observation on.
#[derive(Debug)]
pub struct Trace {
    place: String,
    figures: Vec<Figures>,
    /// From the first observation to the newest that was read.
    read: Duration,
    /// From the first to the last, by the file's end.
    expected: Option<Duration>,
    outcome: Option<Outcome>,
    /// Whether its flaw was told.
    told: bool,
    incoming: Receiver<Part>,
}

impl Trace {
    /// Begins to read a recording. Returns with the first of its seconds.
    ///
    /// # Errors
    /// If it can't be read, or holds no observation.
    pub fn of(recording: Recording) -> Result<Self, ReadError> {
        let place = recording.place().to_owned();
        let ends_at = recording.ends_at();
        let (tell, incoming) = sync_channel(WAITING);
        // It ends by itself once nobody takes what it finds.
        std::thread::Builder::new()
            .name("trace".into())
            .spawn(move || read(&recording, &tell).ok())
            .map_err(|reason| ReadError::Unreadable { place: place.clone(), reason })?;
        let read = Duration::ZERO;
        let mut trace = Self { place, figures: Vec::new(), read, expected: None, outcome: None, told: false, incoming };
        match trace.incoming.recv() {
            Ok(Part::Seconds { first, until, figures }) => {
                trace.expected = ends_at.map(|end| end.since(first));
                trace.enter(Part::Seconds { first, until, figures });
                Ok(trace)
            }
            Ok(Part::End(_)) | Err(_) => Err(ReadError::NothingObserved { place: trace.place }),
        }
    }

    /// Takes what was read since the last time; tells whether there was something.
    pub fn take(&mut self) -> bool {
        let mut any = false;
        while let Ok(part) = self.incoming.try_recv() {
            self.enter(part);
            any = true;
        }
        any
    }

    /// Waits until all of it was read.
    #[must_use]
    pub fn whole(mut self) -> Self {
        while let Ok(part) = self.incoming.recv() {
            self.enter(part);
        }
        self
    }

    fn enter(&mut self, part: Part) {
        match part {
            Part::Seconds { first, until, figures } => {
                self.figures.extend(figures);
                self.read = until.since(first);
            }
            Part::End(outcome) => self.outcome = Some(outcome),
        }
    }

    /// Where the recording is, as it was named.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// From the first observation to the last, as far as is known.
    pub fn length(&self) -> Duration {
        let length = match self.expected {
            Some(expected) if self.outcome.is_none() => expected.max(self.read),
            _ => self.read,
        };
        length.min(LONGEST)
    }

    /// What there is so long after the beginning: the figures of the whole second before. Those of its end stand for a second
    /// more, so that of two recordings of one length none is over a moment before the other.
    pub fn at(&self, offset: Duration) -> Moment {
        let second = usize::try_from(offset.as_secs()).unwrap_or(usize::MAX);
        let over = offset.saturating_sub(self.length());
        let last = self.figures.last().filter(|_| self.outcome.is_some() && !over.is_zero());
        match self.figures.get(second).or(last) {
            _ if over >= LOOK => Moment::Over,
            Some(figures) => Moment::Known(*figures),
            None => Moment::NotRead,
        }
    }

    /// So many equal columns over a span from the beginning on: what each shows of its seconds, `None` where none of
    /// them is known. Where there are more columns than seconds, several show the same one.
    pub fn columns(
        &self,
        span: Duration,
        columns: usize,
        figure: impl Fn(&Figures) -> Option<f64>,
        of: Of,
    ) -> Vec<Option<f64>> {
        let seconds = usize::try_from(span.as_secs()).unwrap_or(MOST).saturating_add(1);
        let edge = |column: usize| column.saturating_mul(seconds) / columns;
        let shown = |column: usize| {
            let (from, to) = (edge(column), edge(column + 1).max(edge(column) + 1).min(self.figures.len()));
            let known = self.figures.get(from..to).unwrap_or_default().iter().filter_map(&figure);
            let (sum, most, count) = known
                .fold((0.0, 0.0_f64, 0_u32), |(sum, most, count), value| (sum + value, most.max(value), count + 1));
            match of {
                _ if count == 0 => None,
                Of::Mean => Some(sum / f64::from(count)),
                Of::Most => Some(most),
            }
        };
        (0..columns).map(shown).collect()
    }

    /// What should be known of the recording once all of it was read, in one sentence. Told once.
    pub fn flaw(&mut self) -> Option<String> {
        let outcome = self.outcome.as_ref().filter(|_| !self.told)?;
        self.told = true;
        let cut = (self.read > LONGEST).then(|| "it is longer than a month, of which the first is shown".to_owned());
        outcome.flaw().or(cut)
    }
}

/// What the thread hands over.
enum Part {
    /// The figures of some more seconds.
    Seconds { first: Time, until: Time, figures: Vec<Figures> },
    /// There is no more.
    End(Outcome),
}

fn read(recording: &Recording, tell: &SyncSender<Part>) -> Result<(), SendError<Part>> {
    let (mut frames, mut skipped) = (recording.frames_from(0), Skipped::default());
    let mut seconds = Seconds::default();
    let mut at = 0;
    let ending = loop {
        match frames.next_frame(LatenciesAre::Read, &mut skipped) {
            Ok(Some((place, observations))) => {
                at = place.end();
                observations.iter().for_each(|observation| seconds.take(observation));
                if seconds.figures.len() >= PART {
                    seconds.hand_over(tell)?;
                }
            }
            Ok(None) => break frames.ending(),
            // The disk gave up: what was read stays.
            Err(_) => break Ending::Damaged { at, reason: "the disk can't be read there" },
        }
    };
    seconds.finish();
    seconds.hand_over(tell)?;
    tell.send(Part::End(Outcome { ending, skipped }))
}

/// Adds observations up, and notes the figures of each second as it passes.
#[derive(Default)]
struct Seconds {
    session: Session,
    /// Seconds that were noted.
    noted: usize,
    /// Those that were not handed over.
    figures: Vec<Figures>,
}

impl Seconds {
    /// The next second to be noted.
    fn next(&self) -> Option<Time> {
        let first = self.session.started().filter(|_| self.noted < MOST)?;
        Some(first.after(Duration::from_secs(self.noted as u64)))
    }

    /// The session at a moment is what came before the first observation that is later: see [`super::player`].
    fn take(&mut self, observation: &Observation) {
        while let Some(next) = self.next().filter(|next| *next < observation.at) {
            self.note(next);
        }
        self.session.apply(observation);
    }

    fn finish(&mut self) {
        while let Some(next) = self.next().filter(|next| Some(*next) <= self.session.latest()) {
            self.note(next);
        }
    }

    fn note(&mut self, at: Time) {
        self.figures.push(Figures::of(&self.session, at));
        self.noted += 1;
    }

    fn hand_over(&mut self, tell: &SyncSender<Part>) -> Result<(), SendError<Part>> {
        let (Some(first), Some(until)) = (self.session.started(), self.session.latest()) else { return Ok(()) };
        tell.send(Part::Seconds { first, until, figures: std::mem::take(&mut self.figures) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::samples::Sample;

    fn trace(sample: &str) -> Trace {
        Trace::of(Sample::named(sample).unwrap().open().unwrap()).unwrap().whole()
    }

    /// At each whole second the figures are those that a replay shows there.
    #[test]
    fn a_trace_says_what_a_replay_shows() {
        for sample in ["throttled", "outage"] {
            let trace = trace(sample);
            let mut player = Sample::named(sample).unwrap().play().unwrap();
            player.session_at(player.span().1).unwrap();
            let (first, last) = player.span();
            assert_eq!(trace.length(), last.since(first), "{sample}");
            for second in (0..=trace.length().as_secs()).step_by(7) {
                let offset = Duration::from_secs(second);
                let at = first.after(offset);
                let expected = Figures::of(player.session_at(at).unwrap(), at);
                assert_eq!(trace.at(offset), Moment::Known(expected), "{sample} at {second} s");
            }
        }
    }

    #[test]
    fn what_is_not_known_is_none_and_what_is_past_the_end_is_over() {
        let trace = trace("outage");
        let known = |second| match trace.at(Duration::from_secs(second)) {
            Moment::Known(figures) => figures,
            other => panic!("{second}: {other:?}"),
        };
        assert_eq!(known(0).latency, None, "nothing was stored yet");
        assert!(known(60).ingest.is_some() && known(60).lag.is_some() && known(60).latency.is_some());
        assert!((20..60).any(|second| known(second).ingest.is_none()), "Event Hubs is away");
        let over = |millis| trace.at(trace.length() + Duration::from_millis(millis));
        assert_eq!([over(1), over(999)], [trace.at(trace.length()); 2], "so long its last figures stand");
        assert_eq!(over(1_000), Moment::Over);
    }

    #[test]
    fn columns_cover_the_span_and_keep_gaps() {
        let mut trace = trace("steady");
        let figures = trace.figures[60];
        let values = [Some(1.0), Some(3.0), None, None, Some(8.0), Some(2.0)];
        trace.figures = values.map(|lag| Figures { lag, ..figures }).to_vec();
        let columns = |span, columns, of| trace.columns(Duration::from_secs(span), columns, |figures| figures.lag, of);
        assert_eq!(columns(5, 3, Of::Mean), [Some(2.0), None, Some(5.0)]);
        assert_eq!(columns(5, 3, Of::Most), [Some(3.0), None, Some(8.0)]);
        assert_eq!(columns(11, 3, Of::Most), [Some(3.0), Some(8.0), None], "it ends before the other one");
        assert_eq!(columns(1, 4, Of::Mean), [Some(1.0), Some(1.0), Some(3.0), Some(3.0)]);
        assert_eq!(columns(5, 0, Of::Mean), []);
    }
}
