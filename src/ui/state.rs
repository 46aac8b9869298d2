//! What the screen shows besides the session: what is open, what was typed, what time it is.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Size;

use crate::model::series::Series;
use crate::model::session::Session;
use crate::model::units::{PartitionId, RangeId, Time};
use crate::recording::survey::Moment;
use crate::toml_file::nearest;

use super::keymap::{Action, Keymap};
use super::playback::Playback;
use super::selection;
use super::view::{Hit, ROOM_FOR_BIG};

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

    /// Does what concerns the picture alone; says whether it was that.
    pub fn act(&mut self, action: Action, session: &Session) -> bool {
        match action {
            Action::NextSort => self.sort = self.sort.next(),
            Action::Filter => self.prompt = Some(Prompt { asks: Asks::Filter, text: self.filter.clone() }),
            Action::Down => self.step(1, session),
            Action::Up => self.step(-1, session),
            Action::NextPanel => self.turn_to(1),
            Action::PreviousPanel => self.turn_to(PANELS.len() - 1),
            Action::Zoom => self.zoom_in(session),
            Action::ZoomIngest => self.zoom_to(Panel::Ingest),
            Action::ZoomLag => self.zoom_to(Panel::Lag),
            Action::ZoomServe => self.zoom_to(Panel::Serve),
            Action::ZoomTimeline => self.zoom_to(Panel::Timeline),
            Action::ZoomLog => self.zoom_to(Panel::Log),
            Action::ToggleBig => self.big = !self.big,
            Action::ToggleHelp => self.help = !self.help,
            Action::Close => return self.close(),
            _ => return false,
        }
        true
    }

    /// A click: focuses a panel and selects a row, and a second one on the same opens it. Gives the moment that was
    /// clicked on, if it was one.
    pub fn click(&mut self, hit: Hit) -> Option<Time> {
        match hit {
            Hit::Moment(at) => return Some(at),
            Hit::Partition(id) if self.selected == Some(id) => self.zoom = Zoom::Partition(id),
            Hit::Partition(id) => (self.focus, self.selected) = (Panel::Lag, Some(id)),
            Hit::Range(id) if self.selected_range.as_ref() == Some(&id) => self.zoom = Zoom::Range(id),
            Hit::Range(id) => (self.focus, self.selected_range) = (Panel::Serve, Some(id)),
            Hit::Panel(panel) if self.zoom == Zoom::Overview && self.focus == panel => self.zoom_to(panel),
            Hit::Panel(panel) => self.turn_wheel_to(panel),
        }
        None
    }

    /// The wheel turns over a panel: it is the one that is meant.
    pub fn turn_wheel_to(&mut self, panel: Panel) {
        if self.zoom == Zoom::Overview {
            self.focus = panel;
        }
    }

    /// The panel that keys speak to: the one that fills the screen, or the one in focus.
    pub fn panel(&self) -> Panel {
        match &self.zoom {
            Zoom::Overview => self.focus,
            Zoom::Panel(panel) => *panel,
            Zoom::Partition(_) => Panel::Lag,
            Zoom::Range(_) => Panel::Serve,
        }
    }

    /// One row down or up. Where one partition fills the screen, that is the next partition.
    fn step(&mut self, rows: isize, session: &Session) {
        match self.panel() {
            Panel::Lag => {
                self.selected = selection::next_partition(session, self, rows);
                if let (Zoom::Partition(_), Some(id)) = (&self.zoom, self.selected) {
                    self.zoom = Zoom::Partition(id);
                }
            }
            Panel::Serve => {
                self.selected_range = selection::next_range(session, self, rows);
                if let (Zoom::Range(_), Some(id)) = (&self.zoom, &self.selected_range) {
                    self.zoom = Zoom::Range(id.clone());
                }
            }
            Panel::Log => self.log_back = self.log_back.saturating_add_signed(-rows),
            Panel::Ingest | Panel::Timeline => {}
        }
    }

    /// To the panel so many places on, in a circle.
    fn turn_to(&mut self, places: usize) {
        let at = PANELS.iter().position(|panel| *panel == self.panel()).unwrap_or(0);
        let panel = PANELS.get((at + places) % PANELS.len()).copied().unwrap_or(Panel::Lag);
        self.focus = panel;
        if self.zoom != Zoom::Overview {
            self.zoom = Zoom::Panel(panel);
        }
    }

    /// Fills the screen with a panel; with the overview if it does already.
    fn zoom_to(&mut self, panel: Panel) {
        self.zoom = if self.zoom == Zoom::Panel(panel) { Zoom::Overview } else { Zoom::Panel(panel) };
        if panel != Panel::Log {
            self.focus = panel;
        }
    }

    /// From the overview to the panel in focus, from there to the row that is selected: the first where none is.
    fn zoom_in(&mut self, session: &Session) {
        match self.zoom {
            Zoom::Overview => self.zoom = Zoom::Panel(self.focus),
            Zoom::Panel(Panel::Lag) => {
                self.selected = selection::next_partition(session, self, 0);
                self.zoom = self.selected.map_or(self.zoom.clone(), Zoom::Partition);
            }
            Zoom::Panel(Panel::Serve) => {
                self.selected_range = selection::next_range(session, self, 0);
                self.zoom = self.selected_range.clone().map_or(self.zoom.clone(), Zoom::Range);
            }
            Zoom::Panel(_) | Zoom::Partition(_) | Zoom::Range(_) => {}
        }
    }

    /// Closes what was opened last; says whether there was something to close.
    fn close(&mut self) -> bool {
        if self.help {
            self.help = false;
            return true;
        }
        match self.zoom {
            Zoom::Partition(_) => self.zoom = Zoom::Panel(Panel::Lag),
            Zoom::Range(_) => self.zoom = Zoom::Panel(Panel::Serve),
            Zoom::Panel(_) => self.zoom = Zoom::Overview,
            Zoom::Overview if !self.filter.is_empty() => self.filter.clear(),
            Zoom::Overview => return false,
        }
        true
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

impl Hit {
    /// The panel that it is in.
    pub fn panel(&self) -> Panel {
        match self {
            Self::Moment(_) => Panel::Timeline,
            Self::Partition(_) => Panel::Lag,
            Self::Range(_) => Panel::Serve,
            Self::Panel(panel) => *panel,
        }
    }
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

/// The panels in the order in which a key goes through them.
const PANELS: [Panel; 4] = [Panel::Ingest, Panel::Lag, Panel::Serve, Panel::Timeline];

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asks {
    /// The text of a mark.
    Mark,
    /// Where to go in a recording.
    Place,
    /// The name to keep the recording under.
    Name,
    /// Which partitions, or which lines of the log.
    Filter,
    /// Whether a load is really to go there.
    Load {
        /// The name of what it goes into.
        into: String,
    },
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
            KeyCode::Char(_) if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => {}
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
    pub fn question(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Mark => "mark this moment as",
            Self::Place => "go to (10s, 3h5m, 14:05 UTC, start, end)",
            Self::Name => "keep the recording under the name",
            Self::Filter => "show only (7, stalled, >1000, a word; empty: all)",
            Self::Load { into } => {
                return Cow::Owned(format!("load into {into} costs money there; type its name, or yes"));
            }
        })
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
