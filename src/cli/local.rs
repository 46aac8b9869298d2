//! `streamgauge local`: the embedded scenario, with a screen or without.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use tokio::sync::mpsc;

use super::look::LookFlags;
use super::scenario_flags::ScenarioFlags;
use super::{Exit, begin, complain, say};
use crate::config::{Loaded, Settings};
use crate::demo::Performance;
use crate::local::scenario::{Scenario, ScenarioError, ScenarioOptions};
use crate::model::observation::{Observation, Target};
use crate::model::session::Session;
use crate::model::units::Time;
use crate::recording::error::WriteError;
use crate::recording::folder::Folder;
use crate::recording::format::{Header, ScenarioDescription};
use crate::recording::writer::{Writer, WriterState};
use crate::report::summary;
use crate::ui::live::{self, Controls, Cue, Live, wall_clock};
use crate::ui::state::{ScriptSign, StationNames, ViewState};
use crate::ui::terminal::{Screen, ScreenError, watch_for_stops};
use crate::ui::theme::ThemeError;

/// Flags of the embedded scenario.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct LocalFlags {
    /// Serve the scenario without a screen until stopped
    #[arg(long)]
    headless: bool,
    /// With --headless: print the endpoints as one line of JSON
    #[arg(long, requires = "headless", hide_short_help = true)]
    json: bool,
    #[command(flatten)]
    scenario: ScenarioFlags,
    /// The word for the whole pipeline in big letters, for the last row of a room
    #[arg(long, conflicts_with = "headless", hide_short_help = true)]
    big: bool,
    /// Write the recording of this session to a file [default: the user's state folder; with --headless, none]
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Write no recording
    #[arg(long, conflicts_with = "record")]
    no_record: bool,
    #[command(flatten)]
    look: LookFlags,
}

/// Observations that may wait for the session: several looks at 2,048 partitions.
const WAITING: usize = 16_384;

/// After the load was stopped, what is under way may take so long to be stored.
const DRAIN: Duration = Duration::from_secs(10);

/// What went wrong, in one sentence.
#[derive(Debug, thiserror::Error)]
enum LocalError {
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    #[error(transparent)]
    Screen(#[from] ScreenError),
    #[error(transparent)]
    Theme(#[from] ThemeError),
    #[error(transparent)]
    Record(#[from] WriteError),
    #[error("the runtime could not be started ({0}); close other programs and try again")]
    Runtime(std::io::Error),
}

/// A session on screen: what is brought up, and how it is watched.
#[derive(Debug)]
pub(super) struct Watching {
    pub(super) options: ScenarioOptions,
    pub(super) title: String,
    pub(super) record: Record,
    pub(super) big: bool,
    pub(super) performance: Option<Performance>,
}

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
}

/// Runs the command.
pub(super) fn run(flags: &LocalFlags, loaded: &Loaded) -> Exit {
    if flags.headless {
        return told(on_runtime(async { headless(flags, stop_signal()).await }));
    }
    let watching = Watching {
        options: flags.scenario.options(),
        title: flags.scenario.title(),
        record: match &flags.record {
            Some(path) => Record::To(path.clone()),
            None if flags.no_record => Record::Nowhere,
            None => Record::as_set(loaded),
        },
        big: flags.big,
        performance: None,
    };
    watch(watching, &flags.look, loaded)
}

/// Brings the scenario up and shows it until somebody leaves.
pub(super) fn watch(watching: Watching, look: &LookFlags, loaded: &Loaded) -> Exit {
    told(watch_until_stopped(watching, look, loaded))
}

fn watch_until_stopped(watching: Watching, look: &LookFlags, loaded: &Loaded) -> Result<Exit, LocalError> {
    let look = look.look(&loaded.settings.look)?;
    // Before the first thread.
    watch_for_stops()?;
    on_runtime(async {
        // From here on a signal ends the program in good order: the terminal is not taken earlier.
        let stop = stop_signal();
        // The terminal comes first: without one, nothing is brought up.
        let screen = Screen::take(look)?;
        on_screen(watching, loaded, screen, stop).await
    })
}

/// Says what went wrong, if something did.
fn told(outcome: Result<Exit, LocalError>) -> Exit {
    match outcome {
        Ok(exit) => exit,
        Err(error) => {
            complain(&error);
            match error {
                LocalError::Screen(ScreenError::NoTerminal(_) | ScreenError::Dumb) | LocalError::Theme(_) => {
                    Exit::Usage
                }
                _ => Exit::Failed,
            }
        }
    }
}

fn on_runtime(session: impl Future<Output = Result<Exit, LocalError>>) -> Result<Exit, LocalError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(LocalError::Runtime)?;
    let result = runtime.block_on(session);
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

async fn on_screen(
    watching: Watching,
    loaded: &Loaded,
    mut screen: Screen,
    stop: impl Future<Output = ()>,
) -> Result<Exit, LocalError> {
    let (tell, mut observations) = mpsc::channel(WAITING);
    let scenario = Scenario::start(watching.options, tell, wall_clock).await?;
    let title = watching.title;
    let mut drive = Drive { scenario, performance: watching.performance };
    let mut state = begin(loaded, ViewState { big: watching.big, ..ViewState::new(title.clone(), wall_clock()) });
    let (recorder, folder) = recorder(watching.record, &loaded.settings, title, &mut state)?;
    let live = Live {
        observations: &mut observations,
        controls: &mut drive,
        recorder: recorder.as_ref(),
        folder: folder.as_ref(),
    };
    let session = live::run(&mut screen, state, live, stop).await;
    drop(screen);
    if let Some(performance) = &drive.performance {
        performance.mend(&mut drive.scenario);
    }
    finish(drive.scenario, session?, observations, recorder).await
}

/// Begins the recording of a session on screen: to the file that was named, or in the user's state folder, where a
/// recording that can't be written is no reason not to watch.
fn recorder(
    record: Record,
    settings: &Settings,
    title: String,
    state: &mut ViewState,
) -> Result<(Option<Writer>, Option<Folder>), LocalError> {
    let header = Header::new(wall_clock(), describe(title));
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

fn describe(title: String) -> ScenarioDescription {
    let StationNames { ingest, processor, store } = StationNames::default();
    ScenarioDescription { title, ingest, processor, store }
}

async fn headless(flags: &LocalFlags, stop: impl Future<Output = ()>) -> Result<Exit, LocalError> {
    let (tell, mut observations) = mpsc::channel(WAITING);
    let scenario = Scenario::start(flags.scenario.options(), tell, wall_clock).await?;
    let endpoints = &scenario.endpoints;
    let told = if flags.json {
        say(&serde_json::to_string(endpoints).unwrap_or_default())
    } else {
        say(&format!(
            "Event Hubs   {}\nBlob         {}  account {}  key {}  container {}\nCosmos DB    {}  key {}  database {}  \
             container {}\ngroup        {}\nCtrl-C stops.",
            endpoints.eventhubs,
            endpoints.blob.endpoint,
            endpoints.blob.account,
            endpoints.blob.key,
            endpoints.blob.container,
            endpoints.cosmos.endpoint,
            endpoints.cosmos.key,
            endpoints.cosmos.database,
            endpoints.cosmos.container,
            endpoints.consumer_group,
        ))
    };
    let recorder = match &flags.record {
        Some(path) => Some(Writer::create(path, &Header::new(wall_clock(), describe(flags.scenario.title())))?),
        None => None,
    };
    let mut session = Session::new();
    tokio::pin!(stop);
    // Whoever asked for the endpoints and closed the pipe without reading them wants nothing more.
    if told {
        loop {
            tokio::select! {
                () = &mut stop => break,
                observation = observations.recv() => match observation {
                    Some(observation) => {
                        if let Some(recorder) = &recorder {
                            recorder.record(&observation);
                        }
                        session.apply(&observation);
                    }
                    None => break,
                },
            }
        }
    }
    finish(scenario, session, observations, recorder).await
}

/// Stops the load, waits for what is under way, takes the scenario down, and says what became of every event.
async fn finish(
    scenario: Scenario,
    mut session: Session,
    mut observations: mpsc::Receiver<Observation>,
    recorder: Option<Writer>,
) -> Result<Exit, LocalError> {
    scenario.pause_load();
    let processed = scenario.processor_runs() == Some(true);
    let waiting = summary::in_flight(&session);
    if processed && waiting > 0 {
        complain(&format_args!("the load is stopped; waiting for {waiting} events on their way (Ctrl-C: at once)"));
    }
    let drained = async {
        while processed && !summary::is_settled(&session) {
            match observations.recv().await {
                Some(observation) => {
                    if let Some(recorder) = &recorder {
                        recorder.record(&observation);
                    }
                    session.apply(&observation);
                }
                None => break,
            }
        }
    };
    // However it ends, what is known then is told.
    tokio::select! {
        _ = tokio::time::timeout(DRAIN, drained) => {}
        () = stop_signal() => {}
    }
    let drain = async { while observations.recv().await.is_some() {} };
    tokio::select! {
        stopped = scenario.stop() => stopped?,
        () = drain => {}
    }
    for line in summary::lines(&session) {
        complain(&line);
    }
    if let Some(recorder) = recorder {
        let path = recorder.path().to_owned();
        match recorder.finish() {
            WriterState::Stopped { reason } => complain(&format_args!("the recording is not whole: {reason}")),
            WriterState::Recording { .. } | WriterState::Finished { .. } => {
                complain(&format_args!("recorded: streamgauge replay {}", path.display()));
            }
        }
    }
    Ok(Exit::Done)
}

/// Comes back when the program is asked to end: Ctrl-C without a screen, or SIGTERM, or a closed terminal. It listens from
/// the call on, not from the first time that somebody waits. To be called inside the runtime.
pub(super) fn stop_signal() -> impl Future<Output = ()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let mut signals: Vec<_> = kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect();
        async move {
            let any = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
            futures::future::select_all(any).await;
        }
    }
    #[cfg(not(unix))]
    async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The keys' hold on the scenario, and a script's.
struct Drive {
    scenario: Scenario,
    performance: Option<Performance>,
}

impl Controls for Drive {
    fn target(&self) -> Option<Target> {
        Some(self.scenario.load().target())
    }

    fn set_target(&mut self, target: Target) {
        self.scenario.load().set_target(target);
    }

    fn processor_runs(&self) -> Option<bool> {
        self.scenario.processor_runs()
    }

    fn toggle_processor(&mut self) -> Result<(), String> {
        if self.scenario.processor_runs() == Some(true) {
            self.scenario.kill_processor();
            Ok(())
        } else {
            self.scenario.start_processor().map_err(|error| error.to_string())
        }
    }

    fn cues(&mut self, wall: Time, waiting: bool) -> Vec<Cue> {
        let Some(performance) = &mut self.performance else { return Vec::new() };
        performance.tick(wall, waiting, &mut self.scenario)
    }

    fn script(&self) -> Option<ScriptSign> {
        self.performance.as_ref().map(Performance::sign)
    }
}
