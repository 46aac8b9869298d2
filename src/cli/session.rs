//! A session on screen, whatever is watched: its recording, and its end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;

use super::look::LookFlags;
use super::metrics::{self, MetricsError, MetricsPage};
use super::{Exit, begin, complain};
use crate::config::{Loaded, Settings};
use crate::figures::count;
use crate::local;
use crate::model::observation::{Observation, Target};
use crate::model::session::Session;
use crate::recording::error::WriteError;
use crate::recording::folder::Folder;
use crate::recording::format::{Header, ScenarioDescription};
use crate::recording::writer::{Writer, WriterState};
use crate::report::summary;
use crate::scenario::ScenarioError;
use crate::scenario::attached::StopError;
use crate::ui::controls::Controls;
use crate::ui::live::{self, Live};
use crate::ui::state::{StationNames, ViewState};
use crate::ui::terminal::{Screen, ScreenError, watch_for_stops};
use crate::ui::theme::ThemeError;
use crate::wall_clock::wall_clock;

/// Observations that may wait for the session: several looks at 2,048 partitions.
pub(super) const WAITING: usize = 16_384;

/// What went wrong, in one sentence.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    #[error(transparent)]
    Local(#[from] local::scenario::ScenarioError),
    #[error(transparent)]
    Attached(#[from] ScenarioError),
    #[error(transparent)]
    Stop(#[from] StopError),
    #[error(transparent)]
    Screen(#[from] ScreenError),
    #[error(transparent)]
    Theme(#[from] ThemeError),
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    #[error(transparent)]
    Record(#[from] WriteError),
    #[error("the runtime could not be started ({0}); close other programs and try again")]
    Runtime(std::io::Error),
}

/// What a session is called, and how it is watched.
#[derive(Debug)]
pub(super) struct Watching {
    pub(super) description: ScenarioDescription,
    pub(super) record: Record,
    pub(super) big: bool,
    /// Where its figures are served to Prometheus.
    pub(super) metrics: Option<SocketAddr>,
}

/// What is watched, with what of it can be driven.
pub(super) trait Stage: Controls {
    /// Whether a load that was asked for has yet to begin: it waits for something.
    fn load_waits(&self) -> bool {
        false
    }
    /// Stops the load, and says what is waited for then; `None` where there is nothing to wait for.
    fn end_load(&mut self) -> Option<Drain>;
    /// Takes down what was brought up.
    async fn take_down(self) -> Result<(), SessionError>;
}

/// What is waited for after the load was stopped.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drain {
    /// How long at most.
    pub(super) lasts: Duration,
    /// Whether events are followed into the store; else until the log has answered for them.
    pub(super) into_store: bool,
}

impl Drain {
    /// Whether nothing is waited for any more.
    pub(super) fn is_over(self, session: &Session) -> bool {
        if self.into_store {
            return summary::is_settled(session);
        }
        session.load.as_ref().is_none_or(|load| {
            let figures = &load.figures;
            let is_over = figures.target == Target::Paused && figures.behind.is_zero();
            is_over && figures.acknowledged + figures.failed >= figures.sent
        })
    }

    /// What is waited for, in words, where it is known already.
    fn waits_for(session: &Session) -> Option<String> {
        let figures = &session.load.as_ref()?.figures;
        let unanswered = figures.sent.saturating_sub(figures.acknowledged + figures.failed);
        // What was due when the load came to its end is not waited for.
        let is_owed = !figures.behind.is_zero();
        let due = if is_owed { figures.due.saturating_sub(figures.sent) } else { 0 };
        match (session.in_flight() + unanswered, due) {
            (0, 0) => None,
            (0, due) => Some(format!("{} events that are due", count(due))),
            (waiting, _) => Some(format!("{} events on their way", count(waiting))),
        }
    }

    fn say(self, what: &str) {
        let limit = self.lasts.as_secs();
        complain(&format_args!("the load is stopped; waiting {limit} s at most for {what} (Ctrl-C: at once)"));
    }
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waited {
    /// With what was waited for.
    Enough,
    /// With its time.
    TooLong,
    /// Since nobody wants to wait any more.
    AtOnce,
}

/// What may take so long to end when it does not answer; it is abandoned then.
pub(super) const HASTE: Duration = Duration::from_secs(2);

/// The same when nobody wants to wait.
const AT_ONCE: Duration = Duration::from_millis(500);

/// A wait is told without being asked for once it takes so long.
const MOMENT: Duration = Duration::from_secs(1);

/// Where the recording of a session on screen goes.
#[derive(Debug)]
pub(super) enum Record {
    InFolderOfUser,
    To(PathBuf),
    Nowhere,
}

impl Record {
    /// As the settings say.
    pub(super) fn as_set(loaded: &Loaded) -> Self {
        if loaded.settings.record { Self::InFolderOfUser } else { Self::Nowhere }
    }

    /// As the flags say, else the settings.
    pub(super) fn wanted(to: Option<&PathBuf>, nowhere: bool, loaded: &Loaded) -> Self {
        match to {
            Some(path) => Self::To(path.clone()),
            None if nowhere => Self::Nowhere,
            None => Self::as_set(loaded),
        }
    }
}

/// Brings something up and shows it until somebody leaves.
pub(super) fn watch<S: Stage>(
    watching: Watching,
    bring_up: impl AsyncFnOnce(mpsc::Sender<Observation>) -> Result<S, SessionError>,
    look: &LookFlags,
    loaded: &Loaded,
) -> Exit {
    told(watch_until_stopped(watching, bring_up, look, loaded))
}

fn watch_until_stopped<S: Stage>(
    watching: Watching,
    bring_up: impl AsyncFnOnce(mpsc::Sender<Observation>) -> Result<S, SessionError>,
    look: &LookFlags,
    loaded: &Loaded,
) -> Result<Exit, SessionError> {
    let look = look.look(&loaded.settings.look)?;
    // Before the first thread.
    watch_for_stops()?;
    on_runtime(async {
        // From here on a signal ends the program in good order: the terminal is not taken earlier.
        let stop = stop_signal();
        // The terminal comes first: without one, nothing is brought up.
        let screen = Screen::take(look)?;
        on_screen(watching, bring_up, loaded, screen, stop).await
    })
}

/// Says what went wrong, if something did.
pub(super) fn told(outcome: Result<Exit, SessionError>) -> Exit {
    match outcome {
        Ok(exit) => exit,
        Err(error) => {
            complain(&error);
            match error {
                SessionError::Screen(ScreenError::NoTerminal(_) | ScreenError::Dumb) | SessionError::Theme(_) => {
                    Exit::Usage
                }
                _ => Exit::Failed,
            }
        }
    }
}

pub(super) fn on_runtime(session: impl Future<Output = Result<Exit, SessionError>>) -> Result<Exit, SessionError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(SessionError::Runtime)?;
    let result = runtime.block_on(session);
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

async fn on_screen<S: Stage>(
    watching: Watching,
    bring_up: impl AsyncFnOnce(mpsc::Sender<Observation>) -> Result<S, SessionError>,
    loaded: &Loaded,
    mut screen: Screen,
    stop: impl Future<Output = ()>,
) -> Result<Exit, SessionError> {
    let page = match watching.metrics {
        Some(address) => Some(MetricsPage::start(address).await?),
        None => None,
    };
    let (tell, mut observations) = mpsc::channel(WAITING);
    let mut stage = bring_up(tell).await?;
    let description = watching.description;
    let ScenarioDescription { title, ingest, processor, store } = description.clone();
    let mut state = begin(
        loaded,
        ViewState {
            big: watching.big,
            names: StationNames { ingest, processor, store },
            ..ViewState::new(title, wall_clock())
        },
    );
    if let Some(page) = page {
        state.notice = Some((format!("metrics at http://{}/metrics", page.address), wall_clock()));
        observations = metrics::beside(page, observations);
    }
    let (recorder, folder) = recorder(watching.record, &loaded.settings, description, &mut state)?;
    let live = Live {
        observations: &mut observations,
        controls: &mut stage,
        recorder: recorder.as_ref(),
        folder: folder.as_ref(),
    };
    let session = live::run(&mut screen, state, live, stop).await;
    // From here on Ctrl-C is a signal. What ended the screen was one perhaps, and is no haste.
    let stops = Stops::listen();
    drop(screen);
    finish(stage, session?, observations, recorder, stops).await
}

/// Begins the recording of a session on screen: to the file that was named, or in the user's state folder, where a
/// recording that can't be written is no reason not to watch.
fn recorder(
    record: Record,
    settings: &Settings,
    description: ScenarioDescription,
    state: &mut ViewState,
) -> Result<(Option<Writer>, Option<Folder>), SessionError> {
    let header = Header::new(wall_clock(), description);
    match record {
        Record::To(path) => return Ok((Some(Writer::create(&path, &header)?), Folder::of_user().ok())),
        Record::Nowhere => return Ok((None, None)),
        Record::InFolderOfUser => {}
    }
    let begun = Folder::of_user().and_then(|folder| {
        folder.make_room(settings.cap, SystemTime::now());
        let path = folder.new_recording(header.started)?;
        Ok((Some(Writer::create(&path, &header)?), Some(folder)))
    });
    Ok(begun.unwrap_or_else(|error| {
        state.notice = Some((format!("no recording: {error}"), wall_clock()));
        (None, None)
    }))
}

/// Stops the load, waits for what is under way, takes the scenario down, and says what became of every event. A stop that
/// comes meanwhile ends the wait, and another one what is left of it.
pub(super) async fn finish(
    mut stage: impl Stage,
    mut session: Session,
    mut observations: mpsc::Receiver<Observation>,
    recorder: Option<Writer>,
    mut stops: Stops,
) -> Result<Exit, SessionError> {
    let waited = match stage.end_load() {
        Some(drain) => {
            let drained = follow_to_the_end(drain, &mut session, &mut observations, recorder.as_ref());
            // However it ends, what is known then is told.
            tokio::select! {
                waited = tokio::time::timeout(drain.lasts, drained) => {
                    waited.map_or(Waited::TooLong, |()| Waited::Enough)
                }
                () = stops.next() => Waited::AtOnce,
            }
        }
        None => Waited::Enough,
    };
    let haste = match waited {
        Waited::Enough => None,
        Waited::TooLong => Some(HASTE),
        Waited::AtOnce => Some(AT_ONCE),
    };
    let stopped = tokio::select! {
        stopped = take_down(stage, observations, haste) => stopped,
        () = stops.next() => Ok(()),
    };
    if let Some(figures) = session.load.as_ref().map(|load| &load.figures)
        && figures.target == Target::Paused
        && figures.due > figures.sent
    {
        complain(&format_args!("{} events were due and not sent", count(figures.due - figures.sent)));
    }
    for line in summary::lines(&session) {
        complain(&line);
    }
    if let Some(recorder) = recorder {
        let path = recorder.path().to_owned();
        match recorder.finish() {
            WriterState::Stopped { reason } => complain(&format_args!("the recording is not whole: {reason}")),
            WriterState::Recording { lost_copy, .. } | WriterState::Finished { lost_copy, .. } => {
                complain(&format_args!("recorded: streamgauge replay {}", path.display()));
                lost_copy.inspect(|lost| complain(lost));
            }
        }
    }
    stopped.map(|()| Exit::Done)
}

/// Takes in what is still observed until nothing is waited for any more. Says what it waits for: at once where that is
/// known, else when it takes more than a moment.
async fn follow_to_the_end(
    drain: Drain,
    session: &mut Session,
    observations: &mut mpsc::Receiver<Observation>,
    recorder: Option<&Writer>,
) {
    let told = Drain::waits_for(session);
    told.as_deref().inspect(|what| drain.say(what));
    let moment = tokio::time::sleep(MOMENT);
    tokio::pin!(moment);
    let mut is_silent = told.is_none();
    while !drain.is_over(session) {
        let observation = tokio::select! {
            () = &mut moment, if is_silent => {
                is_silent = false;
                drain.say(Drain::waits_for(session).as_deref().unwrap_or("a last look at what became of it"));
                continue;
            }
            observation = observations.recv() => observation,
        };
        let Some(observation) = observation else { break };
        if let Some(recorder) = recorder {
            recorder.record(&observation);
        }
        session.apply(&observation);
    }
}

/// Takes a stage down to its end, or abandons what has not ended in time. What it still says meanwhile is let go, so that
/// it waits for nobody who listens.
pub(super) async fn take_down(
    stage: impl Stage,
    mut observations: mpsc::Receiver<Observation>,
    haste: Option<Duration>,
) -> Result<(), SessionError> {
    let listening = async {
        while observations.recv().await.is_some() {}
        // Nobody speaks any more, and some may still have to end.
        std::future::pending::<Infallible>().await
    };
    let too_late = async {
        match haste {
            Some(haste) => tokio::time::sleep(haste).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        stopped = stage.take_down() => stopped,
        // It did not answer before either, which was told.
        () = too_late => Ok(()),
        never = listening => match never {},
    }
}

/// Comes back when the program is asked to end: Ctrl-C without a screen, or SIGTERM, or a closed terminal. It listens from
/// the call on, not from the first time that somebody waits. To be called inside the runtime.
pub(super) fn stop_signal() -> impl Future<Output = ()> {
    let mut stops = Stops::listen();
    async move { stops.next().await }
}

/// Each time that the program is asked to end.
pub(super) struct Stops {
    #[cfg(unix)]
    signals: Vec<tokio::signal::unix::Signal>,
}

impl Stops {
    /// Listens from here on. To be called inside the runtime.
    pub(super) fn listen() -> Self {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
            Self { signals: kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect() }
        }
        #[cfg(not(unix))]
        Self {}
    }

    /// The next time.
    pub(super) async fn next(&mut self) {
        #[cfg(unix)]
        {
            let any = self.signals.iter_mut().map(|signal| Box::pin(signal.recv()));
            futures::future::select_all(any).await;
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
