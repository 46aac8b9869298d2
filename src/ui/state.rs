//! What the screen shows besides the session: what is open, what was typed, what time it is.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::model::series::Series;
use crate::model::session::Session;
use crate::model::units::Time;
use crate::recording::survey::Moment;

use super::playback::Playback;

/// The state of the view. The session is the world; this is the person's way of looking at it.
#[derive(Debug, Clone)]
pub struct ViewState {
    /// The moment that the frame shows: the wall clock when live.
    pub now: Time,
    /// What is watched, for the title line.
    pub title: String,
    /// The names of the stations, from the scenario.
    pub names: StationNames,
    /// Whether the help stands over the panels.
    pub help: bool,
    /// Whether partitions stand in the order of their lag rather than of their numbers.
    pub worst_first: bool,
    /// The first partition row shown.
    pub scroll: usize,
    /// A word from the program, such as what a key just did, and since when it stands (by the wall clock).
    pub notice: Option<(String, Time)>,
    /// What is typed at the moment.
    pub prompt: Option<Prompt>,
    /// The present, or which part of the past.
    pub mode: Mode,
    /// The whole recording at a glance, while the past is looked at.
    pub overview: Option<Arc<Overview>>,
    /// How the recording of this session is doing.
    pub recording: RecordingSign,
    /// Whether the load can be driven from here.
    pub load_control: bool,
    /// What can be done with the processor from here.
    pub processor: ProcessorSwitch,
}

impl ViewState {
    /// A view on a session, with nothing open.
    pub fn new(title: impl Into<String>, now: Time) -> Self {
        Self {
            now,
            title: title.into(),
            names: StationNames::default(),
            help: false,
            worst_first: true,
            scroll: 0,
            notice: None,
            prompt: None,
            mode: Mode::Live,
            overview: None,
            recording: RecordingSign::None,
            load_control: false,
            processor: ProcessorSwitch::NotOurs,
        }
    }
}

impl ViewState {
    /// Shows the present.
    pub fn show_live(&mut self, wall: Time) {
        self.now = wall;
        self.mode = Mode::Live;
        self.overview = None;
    }

    /// Shows the moment at which a playback stands.
    pub fn show(&mut self, playback: &Playback) {
        self.now = playback.at();
        self.mode = Mode::Playback(playback.sign());
        self.overview = Some(playback.overview());
    }

    /// Lets the timeline of a session's own past reach up to now.
    pub fn reach_now(&mut self, session: &Session) {
        if let Some(overview) = &mut self.overview {
            let overview = Arc::make_mut(overview);
            overview.lag = session.total_lag.clone();
            overview.target = session.target.clone();
            overview.last = session.latest().map_or(overview.last, |latest| overview.last.max(latest));
        }
    }

    /// Forgets a notice that has stood for so long.
    pub fn forget_notice(&mut self, wall: Time, after: Duration) {
        if self.notice.as_ref().is_some_and(|(_, since)| wall.since(*since) > after) {
            self.notice = None;
        }
    }
}

/// What can be done with the processor from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessorSwitch {
    /// It is not ours.
    NotOurs,
    /// It runs, and can be killed.
    Running,
    /// It was killed, and can be started again.
    Stopped,
}

/// The present, or which part of the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// The picture is of now.
    Live,
    /// The picture is of a recording; of this session's own where [`PlaybackSign::behind_live`] is set.
    Playback(PlaybackSign),
}

/// What the title line says of a playback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaybackSign {
    /// How far into the recording the picture is.
    pub elapsed: Duration,
    /// How long the recording is.
    pub span: Duration,
    /// Whether it moves on by itself.
    pub playing: bool,
    /// How fast: `1x`.
    pub speed: String,
    /// Whether it begins again at the end.
    pub looping: bool,
    /// How far behind the present it is, where there is a present.
    pub behind_live: Option<Duration>,
    /// Whether the recording is still being read up to this moment.
    pub reading: bool,
}

/// How the recording of this session is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingSign {
    /// There is none.
    None,
    /// It is being written, and so long by now.
    Writing(u64),
    /// It stopped; the reason was told when it did.
    Stopped,
}

/// The whole recording at a glance.
#[derive(Debug, Clone)]
pub struct Overview {
    /// When it begins.
    pub first: Time,
    /// When it ends.
    pub last: Time,
    /// Events waiting, each second.
    pub lag: Series,
    /// What the load was asked for, each second.
    pub target: Series,
    /// Marks, faults and changes of status.
    pub moments: Vec<Moment>,
}

impl Default for Overview {
    fn default() -> Self {
        let (first, last) = (Time::default(), Time::default());
        Self { first, last, lag: Series::new(1), target: Series::new(1), moments: Vec::new() }
    }
}

/// Something that is being typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What for.
    pub asks: Asks,
    /// What was typed so far.
    pub text: String,
}

/// What a prompt asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// The text of a mark.
    Mark,
    /// Where to go in a recording.
    Place,
    /// The name to keep the recording under.
    Name,
}

/// What a key came to while something is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    /// More is to come.
    More,
    /// That was all.
    Done,
    /// Nothing is wanted any more.
    Cancelled,
}

impl Prompt {
    /// Characters that a text may have.
    const LONGEST: usize = 60;

    /// Takes a key.
    pub fn press(&mut self, key: KeyEvent) -> Typed {
        match key.code {
            KeyCode::Enter => return Typed::Done,
            KeyCode::Esc => return Typed::Cancelled,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Typed::Cancelled,
            KeyCode::Backspace => drop(self.text.pop()),
            KeyCode::Char(typed) if self.text.chars().count() < Self::LONGEST && !typed.is_control() => {
                self.text.push(typed);
            }
            _ => {}
        }
        Typed::More
    }
}

impl Asks {
    /// The question, as in the footer.
    pub fn question(self) -> &'static str {
        match self {
            Self::Mark => "mark this moment as",
            Self::Place => "go to (10s, 3h5m, 14:05 UTC, start, end)",
            Self::Name => "keep the recording under the name",
        }
    }
}

/// What the stations are called on the flow line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StationNames {
    /// The ingest log.
    pub ingest: String,
    /// The stream processor.
    pub processor: String,
    /// The serving store.
    pub store: String,
}

impl Default for StationNames {
    fn default() -> Self {
        Self { ingest: "Event Hubs".into(), processor: "processor".into(), store: "Cosmos DB".into() }
    }
}
