//! What the screen shows besides the session: what is open, what was typed, what time it is.

use std::sync::Arc;
use std::time::Duration;

use ratatui::layout::Size;

use crate::model::series::Series;
use crate::model::session::Session;
use crate::model::units::{PartitionId, RangeId, Time};
use crate::recording::clock::ReplayClock;
use crate::recording::survey::Moment;
use crate::toml_file::nearest;

use super::keymap::Keymap;
use super::playback::Playback;
use super::prompt::Prompt;
use super::view::ROOM_FOR_BIG;

/// The state of the view. The session is the world; this is the person's way of looking at it.
#[derive(Debug, Clone)]
pub struct ViewState {
    /// The moment that the frame shows: the wall clock when live.
    pub now: Time,
    /// What is watched, for the title line.
    pub title: String,
    /// Which key does what: for the help and the footer.
    pub keys: Arc<Keymap>,
    /// The names of the stations, from the scenario.
    pub names: StationNames,
    /// Whether the help stands over the panels.
    pub help: bool,
    /// What is larger than the others.
    pub zoom: Zoom,
    /// The panel that keys speak to.
    pub focus: Panel,
    /// The order of the partitions.
    pub sort: Sort,
    /// Show only what this says; empty shows everything.
    pub filter: String,
    /// The partition that is selected.
    pub selected: Option<PartitionId>,
    /// The physical partition of the store that is selected.
    pub selected_range: Option<RangeId>,
    /// Lines of the log further back than the newest.
    pub log_back: usize,
    /// Whether the word for the whole pipeline stands in big letters.
    pub big: bool,
    /// The size of the terminal for which it was said that there is no room for them.
    pub told_of_room: Option<Size>,
    /// What a script says to the room at the moment.
    pub caption: Option<String>,
    /// Where that script is; `None` without one.
    pub script: Option<ScriptSign>,
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
    /// The list of consumer groups.
    pub groups: GroupList,
}

impl ViewState {
    /// A view on a session, with nothing open.
    pub fn new(title: impl Into<String>, now: Time) -> Self {
        Self {
            now,
            title: title.into(),
            keys: Arc::default(),
            names: StationNames::default(),
            help: false,
            zoom: Zoom::Overview,
            focus: Panel::Lag,
            sort: Sort::Worst,
            filter: String::new(),
            selected: None,
            selected_range: None,
            log_back: 0,
            big: false,
            told_of_room: None,
            caption: None,
            script: None,
            notice: None,
            prompt: None,
            mode: Mode::Live,
            overview: None,
            recording: RecordingSign::None,
            load_control: false,
            processor: ProcessorSwitch::NotOurs,
            groups: GroupList::NotOffered,
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
            overview.ingest = session.ingest_history.clone();
            overview.lag = session.total_lag.clone();
            overview.stored = session.stored_history.clone();
            overview.last = session.latest().map_or(overview.last, |latest| overview.last.max(latest));
        }
    }

    /// Says, once, where big letters are asked for and have no room.
    pub fn check_room(&mut self, size: Size, wall: Time) {
        let (width, height) = ROOM_FOR_BIG;
        let crowded = self.big && (size.width < width || size.height < height);
        if crowded && self.told_of_room != Some(size) {
            let sentence = format!("big letters need {width} x {height}; this is {} x {}", size.width, size.height);
            self.notice = Some((sentence, wall));
        }
        self.told_of_room = crowded.then_some(size);
    }

    /// Forgets a notice that has stood for so long.
    pub fn forget_notice(&mut self, wall: Time, after: Duration) {
        if self.notice.as_ref().is_some_and(|(_, since)| wall.since(*since) > after) {
            self.notice = None;
        }
    }
}

/// A panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Panel {
    /// What enters the log.
    Ingest,
    /// The partitions.
    Lag,
    /// What the store takes.
    Serve,
    /// The whole session at a glance.
    Timeline,
    /// What happened, in words; has no place in the overview.
    Log,
}

impl Panel {
    /// As on its frame.
    pub fn title(self) -> &'static str {
        match self {
            Self::Ingest => "Ingest",
            Self::Lag => "Lag by partition",
            Self::Serve => "Serve",
            Self::Timeline => "Timeline",
            Self::Log => "What happened",
        }
    }
}

/// What fills the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Zoom {
    /// Everything side by side.
    Overview,
    /// One panel.
    Panel(Panel),
    /// The history of one partition of the log.
    Partition(PartitionId),
    /// The history of one physical partition of the store.
    Range(RangeId),
}

impl Zoom {
    /// What a person calls it: `overview`, a panel, or the number of a partition.
    ///
    /// # Errors
    /// One sentence.
    pub fn named(text: &str) -> Result<Self, String> {
        let panels = [
            ("ingest", Panel::Ingest),
            ("lag", Panel::Lag),
            ("serve", Panel::Serve),
            ("timeline", Panel::Timeline),
            ("log", Panel::Log),
        ];
        if text == "overview" {
            return Ok(Self::Overview);
        }
        if let Some((_, panel)) = panels.iter().find(|(name, _)| *name == text) {
            return Ok(Self::Panel(*panel));
        }
        if let Ok(number) = text.parse() {
            return Ok(Self::Partition(PartitionId(number)));
        }
        let names = panels.into_iter().map(|(name, _)| name).chain(["overview"]);
        Err(match nearest(text, names) {
            Some(meant) => format!("{text:?} can't fill the screen; did you mean {meant}?"),
            None => format!(
                "{text:?} can't fill the screen: give ingest, lag, serve, timeline, log or the number of a partition"
            ),
        })
    }
}

/// The order of the partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// By status, then by lag.
    Worst,
    /// By number.
    Number,
    /// By events that wait.
    Events,
    /// By the age of the oldest event that waits.
    Time,
    /// By events that come in.
    Rate,
}

impl Sort {
    /// What the rows are sorted by, for the foot of the panel.
    pub fn name(self) -> &'static str {
        match self {
            Self::Worst => "worst first",
            Self::Number => "by number",
            Self::Events => "most events first",
            Self::Time => "oldest first",
            Self::Rate => "busiest first",
        }
    }

    /// The next one, in a circle.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Worst => Self::Number,
            Self::Number => Self::Events,
            Self::Events => Self::Time,
            Self::Time => Self::Rate,
            Self::Rate => Self::Worst,
        }
    }
}

/// The list of consumer groups whose positions can be watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupList {
    /// Another group can't be watched from here.
    NotOffered,
    /// It is closed.
    Closed,
    /// It is open, and points at this group.
    Open(String),
}

impl GroupList {
    /// The group that it points at, where it is open.
    pub fn pointed(&self) -> Option<&str> {
        match self {
            Self::Open(group) => Some(group),
            Self::NotOffered | Self::Closed => None,
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

impl Mode {
    /// Whether the session goes on while it is looked at.
    pub fn goes_on(&self) -> bool {
        match self {
            Self::Live => true,
            Self::Playback(sign) => sign.behind_live.is_some(),
        }
    }
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

impl PlaybackSign {
    /// What a clock says, of a recording that has no present.
    pub fn of(clock: &ReplayClock, reading: bool) -> Self {
        let (first, last) = clock.span();
        Self {
            elapsed: clock.elapsed(),
            span: last.since(first),
            playing: clock.is_playing(),
            speed: clock.speed().to_string(),
            looping: clock.is_looping(),
            behind_live: None,
            reading,
        }
    }
}

/// Where a script is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScriptSign {
    /// How far into it.
    pub place: Duration,
    /// How long it is.
    pub span: Duration,
    /// Whether it goes on.
    pub stands: ScriptStands,
}

/// Whether a script goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptStands {
    /// It does.
    Running,
    /// It waits while somebody looks back.
    Waiting,
    /// It came to its end.
    Over,
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
    /// Events enqueued, each second.
    pub ingest: Series,
    /// Events waiting, each second.
    pub lag: Series,
    /// Writes that the store took, each second.
    pub stored: Series,
    /// Marks, faults and changes of status.
    pub moments: Vec<Moment>,
}

impl Default for Overview {
    fn default() -> Self {
        let (first, last) = (Time::default(), Time::default());
        let [ingest, lag, stored] = std::array::from_fn(|_| Series::new(1));
        Self { first, last, ingest, lag, stored, moments: Vec::new() }
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
