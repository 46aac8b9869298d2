//! What the screen shows besides the session: what is open, what was typed, what time it is.

use crate::model::units::Time;

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
    /// A word from the program, such as what a key just did; until the time beside it.
    pub notice: Option<(String, Time)>,
    /// Whether the load can be driven from here.
    pub load_control: bool,
    /// Whether the processor can be stopped and started from here.
    pub processor_control: bool,
    /// Whether the processor is stopped on purpose.
    pub processor_stopped: bool,
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
            load_control: false,
            processor_control: false,
            processor_stopped: false,
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
