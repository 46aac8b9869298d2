//! `streamgauge report --live`: a scenario without a screen, embedded or deployed, under a load plan or not, and a report of it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::attach::Deployed;
use super::metrics::{MetricsError, MetricsPage};
use super::report::{Failure, exit_of};
use super::report_output::{Bar, Said};
use super::scenario_flags::ScenarioFlags;
use super::session::{SessionError, Stage, stop_signal};
use super::{Exit, complain, local, metrics};
use crate::load::plan_steps::{GRAIN, PlanSteps};
use crate::load::search::{Found, Search, Step, Try};
use crate::model::health::{Health, Word};
use crate::model::observation::{Fact, Observation, Target};
use crate::model::session::Session;
use crate::model::units::{EventRate, Time};
use crate::recording::error::WriteError;
use crate::recording::format::{Header, ScenarioDescription};
use crate::recording::writer::{Writer, WriterState};
use crate::report::account::Account;
use crate::report::document::{Document, Origin, SearchPart};
use crate::report::verdict::{Rules, Verdict};
use crate::report::{metrics as page, summary};
use crate::ui::controls::Cue;
use crate::ui::live::wall_clock;

/// Observations that may wait: several looks at 2,048 partitions.
const WAITING: usize = 16_384;

/// After the load was stopped, what is under way may take so long to be stored.
const DRAIN: Duration = Duration::from_secs(30);

/// A load into what is deployed waits so long for the first answer of its store.
const READY: Duration = Duration::from_secs(30);

/// Between two tries of a search a backlog may take so long to drain.
const DRAIN_OF_TRY: Duration = Duration::from_secs(300);

/// A load that is so far behind its schedule does not keep up.
const BEHIND: Duration = Duration::from_secs(1);

/// What went wrong, in one sentence.
#[derive(Debug, thiserror::Error)]
pub(super) enum LiveError {
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Record(#[from] WriteError),
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}

/// What the load is to do.
#[derive(Debug, Clone)]
pub(super) enum Course {
    /// The rate of the scenario's flags, for so long.
    Steady(Duration),
    /// A plan.
    Plan(PlanSteps),
    /// The search for the highest rate that is kept up with, each try for so long.
    Search { from: f64, hold: Duration },
}

/// What is watched.
#[derive(Debug)]
pub(super) enum Watched {
    /// The embedded scenario.
    Local(ScenarioFlags),
    /// What is deployed.
    Deployed(Box<Deployed>),
}

/// What is run.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) watched: Watched,
    pub(super) course: Course,
    pub(super) record: Option<PathBuf>,
    pub(super) metrics: Option<std::net::SocketAddr>,
}

/// Runs it and reports it.
pub(super) fn run(live: Live, said: Said, rules: &Rules) -> Result<Exit, Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(Failure::Runtime)?;
    let Live { watched, course, record, metrics } = live;
    let exit = match watched {
        Watched::Local(flags) => {
            let mut options = flags.options();
            options.target = match &course {
                Course::Steady(_) => options.target,
                Course::Plan(plan) => plan.target_at(Duration::ZERO).unwrap_or(Target::Paused),
                Course::Search { .. } => Target::Paused,
            };
            let run = Run { description: local::describe(flags.title()), course, load: None, record, metrics };
            runtime.block_on(watch(run, async move |tell| local::bring_up(options, None, tell).await, said, rules))
        }
        Watched::Deployed(mut deployed) => {
            let load = deployed.hold_load();
            let run = Run {
                description: deployed.description().clone(),
                course,
                load: load.map(|target| HeldLoad { target, has_store: deployed.has_store() }),
                record,
                metrics,
            };
            runtime.block_on(watch(run, async move |tell| deployed.bring_up(tell), said, rules))
        }
    };
    runtime.shutdown_timeout(Duration::from_secs(1));
    exit
}

/// What is run, whatever is watched.
struct Run {
    description: ScenarioDescription,
    course: Course,
    load: Option<HeldLoad>,
    record: Option<PathBuf>,
    metrics: Option<std::net::SocketAddr>,
}

/// A load that waits until the store is watched: what is stored before that stays unknown.
#[derive(Debug, Clone, Copy)]
struct HeldLoad {
    target: Target,
    has_store: bool,
}

/// What gathers the facts of a live session: the one place through which each goes.
struct Gathering {
    account: Account,
    observations: mpsc::Receiver<Observation>,
    recorder: Option<Writer>,
    page: Option<MetricsPage>,
    said: Said,
    bar: Bar,
    /// Whether every physical partition of the store has answered.
    store_is_read: bool,
}

/// Why the gathering paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pause {
    /// What was waited for has come.
    Reached,
    /// The time is over.
    TimeOver,
    /// Nobody observes any more, or nobody listens any more.
    Ended,
}

impl Gathering {
    fn take(&mut self, observation: &Observation) {
        if let Some(recorder) = &self.recorder {
            recorder.record(observation);
        }
        self.store_is_read |= matches!(observation.fact, Fact::StoreRanges(_));
        let Self { account, said, bar, .. } = self;
        account.apply(observation, &mut |at, session| said.tick(at, session, bar));
    }

    /// Takes facts in until a moment, or until `enough` of the session holds.
    async fn until(&mut self, end: tokio::time::Instant, enough: impl Fn(&Session) -> bool) -> Pause {
        loop {
            if enough(&self.account.session) {
                return Pause::Reached;
            }
            if self.said.is_closed() {
                return Pause::Ended;
            }
            let wanted = async {
                match &mut self.page {
                    Some(page) => page.wanted.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = tokio::time::sleep_until(end) => return Pause::TimeOver,
                Some(give) = wanted => {
                    // Whoever asked may have gone.
                    drop(give.send(page::page(&self.account.session, wall_clock())));
                }
                observation = self.observations.recv() => match observation {
                    Some(observation) => self.take(&observation),
                    None => return Pause::Ended,
                },
            }
        }
    }

    /// What the stage has to say goes to where it is read: there is no screen.
    fn hear(&mut self, stage: &mut impl Stage) {
        for cue in stage.cues(wall_clock(), false) {
            match cue {
                Cue::Mark(text) => self.mark(text),
                Cue::Notice(sentence) => complain(&sentence),
                Cue::Caption(_) | Cue::Zoom(_) | Cue::Sort(_) | Cue::Big(_) => {}
            }
        }
    }

    fn mark(&mut self, text: String) {
        self.take(&Observation { at: wall_clock(), fact: Fact::Mark(text) });
    }
}

async fn watch<S: Stage>(
    run: Run,
    bring_up: impl AsyncFnOnce(mpsc::Sender<Observation>) -> Result<S, SessionError>,
    mut said: Said,
    rules: &Rules,
) -> Result<Exit, Failure> {
    let Run { description, course, load, record, metrics } = run;
    let signal = stop_signal();
    tokio::pin!(signal);
    let (tell, observations) = mpsc::channel(WAITING);
    let page = match metrics {
        Some(address) => Some(MetricsPage::start(address).await.map_err(LiveError::from)?),
        None => None,
    };
    if let Some(metrics::MetricsPage { address, .. }) = &page {
        complain(&format_args!("metrics at http://{address}/metrics"));
    }
    let recorder = match &record {
        Some(path) => {
            let header = Header::new(wall_clock(), description.clone());
            Some(Writer::create(path, &header).map_err(LiveError::from)?)
        }
        None => None,
    };
    let mut stage = bring_up(tell).await.map_err(LiveError::from)?;
    said.begin();
    let bar = Bar::of_time(&said);
    let mut gathering = Gathering {
        account: Account::new(rules.warm_up),
        observations,
        recorder,
        page,
        said,
        bar,
        store_is_read: false,
    };
    let mut found = None;
    let interrupted = tokio::select! {
        end = async {
            release(load, &mut stage, &mut gathering).await;
            follow(&course, &mut stage, &mut gathering).await
        } => { found = end; false }
        () = &mut signal => true,
    };
    let broken_off = interrupted || gathering.said.is_closed();
    gathering.bar.clear();
    let drains = stage.end_load().is_some();
    if drains && !broken_off {
        let end = tokio::time::Instant::now() + DRAIN;
        tokio::select! {
            _ = gathering.until(end, summary::is_settled) => {}
            () = &mut signal => {}
        }
    }
    let Gathering { account, mut observations, recorder, said, .. } = gathering;
    let rest = async { while observations.recv().await.is_some() {} };
    tokio::select! {
        stopped = stage.take_down() => stopped.map_err(LiveError::from)?,
        () = rest => {}
    }
    if let Some(recorder) = recorder
        && let WriterState::Stopped { reason } = recorder.finish()
    {
        complain(&format_args!("the recording is not whole: {reason}"));
    }
    let origin = Origin {
        source: "live".into(),
        scenario: description,
        incomplete: interrupted.then(|| "interrupted before its time".to_owned()),
        skipped: 0,
    };
    let verdict = Verdict::of(&account, rules);
    let outcome = verdict.outcome;
    let mut document = Document::of(&account, &origin, verdict);
    document.search = found.as_ref().map(SearchPart::from);
    // All is measured: now whoever reads slowly is waited for, as long as nobody wants an end.
    tokio::select! {
        read = said.live_summary(&document) => read.map_err(Failure::Output)?,
        () = stop_signal() => return Ok(Exit::Interrupted),
    }
    Ok(if broken_off { Exit::Interrupted } else { exit_of(outcome) })
}

/// Lets a load go that waited for the store.
async fn release(load: Option<HeldLoad>, stage: &mut impl Stage, gathering: &mut Gathering) {
    const LOOK: Duration = Duration::from_millis(250);
    let Some(HeldLoad { target, has_store }) = load else { return };
    let end = tokio::time::Instant::now() + READY;
    while has_store && !gathering.store_is_read {
        let now = tokio::time::Instant::now();
        gathering.hear(stage);
        if now >= end {
            complain(
                &"the store does not answer yet, and the load begins: what becomes of its first events may stay unknown",
            );
            break;
        }
        if gathering.until(end.min(now + LOOK), |_| false).await == Pause::Ended {
            return;
        }
    }
    stage.set_target(target);
}

/// Lets the load do what it is to do; what a search found comes back.
async fn follow(course: &Course, stage: &mut impl Stage, gathering: &mut Gathering) -> Option<Found> {
    let begun = Instant::now();
    match course {
        Course::Steady(lasts) => {
            run_until(begun, *lasts, *lasts, stage, gathering).await;
            None
        }
        Course::Plan(plan) => {
            let all = plan.lasts();
            let mut set = None;
            while let Some(target) = plan.target_at(begun.elapsed()) {
                if set.replace(target) != Some(target) {
                    stage.set_target(target);
                }
                if run_until(begun, begun.elapsed() + GRAIN, all, stage, gathering).await == Pause::Ended {
                    break;
                }
            }
            None
        }
        Course::Search { from, hold } => search(*from, *hold, stage, gathering).await,
    }
}

/// Gathers until so long after the begin; the bar says how much that is of all.
async fn run_until(
    begun: Instant,
    until: Duration,
    all: Duration,
    stage: &mut impl Stage,
    gathering: &mut Gathering,
) -> Pause {
    const BAR: Duration = Duration::from_millis(500);
    loop {
        let elapsed = begun.elapsed();
        gathering.bar.show_time(elapsed, all);
        gathering.hear(stage);
        if elapsed >= until {
            return Pause::TimeOver;
        }
        let next = tokio::time::Instant::from_std(begun + until.min(elapsed + BAR));
        if gathering.until(next, |_| false).await == Pause::Ended {
            return Pause::Ended;
        }
    }
}

async fn search(from: f64, hold: Duration, stage: &mut impl Stage, gathering: &mut Gathering) -> Option<Found> {
    let mut search = Search::new(from, crate::load::plan::FASTEST);
    loop {
        let rate = match search.step() {
            Step::Run(rate) => rate,
            Step::Found(found) => return Some(found),
        };
        gathering.mark(format!("try {}/s", crate::figures::compact(rate)));
        stage.set_target(Target::Rate(EventRate::new(rate)));
        if run_until(Instant::now(), hold, hold, stage, gathering).await == Pause::Ended {
            return None;
        }
        let outcome = outcome(&gathering.account.session, wall_clock());
        stage.set_target(Target::Paused);
        let end = tokio::time::Instant::now() + DRAIN_OF_TRY;
        match gathering.until(end, summary::is_settled).await {
            Pause::Ended => return None,
            Pause::Reached => search.tell(outcome),
            Pause::TimeOver => {
                let waiting = gathering.account.session.in_flight();
                search.tell(Try::FellBehind(format!(
                    "{waiting} events had not drained {} s later",
                    DRAIN_OF_TRY.as_secs()
                )));
            }
        }
    }
}

/// Whether the pipeline keeps up with the load now.
fn outcome(session: &Session, now: Time) -> Try {
    let late = session.load.as_ref().map_or(Duration::ZERO, |load| load.figures.behind);
    if late > BEHIND {
        return Try::FellBehind(format!("the load was {:.1} s behind its schedule", late.as_secs_f64()));
    }
    let health = Health::of(session, now);
    match health.word {
        Word::KeepingUp => Try::KeptUp,
        word if health.reason.is_empty() => Try::FellBehind(word.text().to_lowercase()),
        word => Try::FellBehind(format!("{}: {}", word.text().to_lowercase(), health.reason)),
    }
}
