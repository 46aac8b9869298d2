//! `streamgauge report --live`: a scenario without a screen, embedded or deployed, under a load plan or not, and a report of it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::attach::Deployed;
use super::metrics::{MetricsError, MetricsPage};
use super::report::{Failure, exit_of};
use super::report_output::{Bar, Said};
use super::report_search::LiveSearch;
use super::scenario_flags::ScenarioFlags;
use super::session::{HASTE, SessionError, Stage, WAITING, stop_signal, take_down};
use super::{Exit, complain, local, metrics};
use crate::load::plan_steps::PlanSteps;
use crate::load::search::judgement::{Hold, Looks};
use crate::load::search::{Found, Search};
use crate::model::observation::{Fact, Observation, Target};
use crate::model::session::Session;
use crate::recording::error::WriteError;
use crate::recording::format::{Header, ScenarioDescription};
use crate::recording::writer::{Writer, WriterState};
use crate::report::account::Account;
use crate::report::document::{Document, Origin, SearchPart};
use crate::report::verdict::{Rules, Verdict};
use crate::report::{metrics as page, search};
use crate::scenario::attached::READY;
use crate::ui::controls::Cue;
use crate::wall_clock::wall_clock;

/// After the load was stopped, what is under way may take so long to be stored.
const DRAIN: Duration = Duration::from_secs(30);

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
    Search { from: f64, hold: Hold },
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
pub(super) struct Gathering {
    pub(super) account: Account,
    observations: mpsc::Receiver<Observation>,
    recorder: Option<Writer>,
    page: Option<MetricsPage>,
    pub(super) said: Said,
    bar: Bar,
    /// Whether every physical partition of the store has answered.
    store_is_read: bool,
    /// What is seen of a search's try, while there is one.
    pub(super) looks: Option<Looks>,
}

/// Why the gathering paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
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
        let Self { account, said, bar, looks, .. } = self;
        account.apply(observation, &mut |at, session| said.tick(at, session, bar));
        if let Some(looks) = looks {
            looks.see(observation, &account.session);
        }
    }

    /// Takes facts in until a moment, or until `enough` of the session holds.
    pub(super) async fn until(&mut self, end: tokio::time::Instant, enough: impl Fn(&Session) -> bool) -> Pause {
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

    pub(super) fn mark(&mut self, text: String) {
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
        looks: None,
    };
    // Outside of what is interrupted, so that what it has found stays.
    let mut course = Following::from(course);
    let mut broken_off = tokio::select! {
        () = async {
            release(load, &mut stage, &mut gathering).await;
            follow(&mut course, &mut stage, &mut gathering).await;
        } => gathering.said.is_closed().then_some("ended before its time: nobody reads what it says any more"),
        () = &mut signal => Some("interrupted before its time"),
    };
    gathering.bar.clear();
    // What did not end by itself is not waited for again.
    let mut haste = broken_off.map(|_| HASTE);
    if let (Some(drain), None) = (stage.end_load(), broken_off) {
        let end = tokio::time::Instant::now() + DRAIN;
        tokio::select! {
            ended = gathering.until(end, |session| drain.is_over(session)) => {
                haste = (ended != Pause::Reached).then_some(HASTE);
                broken_off = gathering.said.is_closed().then_some("ended after the load: nobody reads what it says any more");
            }
            () = &mut signal => {
                haste = Some(HASTE);
                broken_off = Some("interrupted after the load, while its last events were on their way");
            }
        }
    }
    let Gathering { account, observations, recorder, said, .. } = gathering;
    // All is measured: what does not end in good order costs no report.
    if let Err(error) = take_down(stage, observations, haste).await {
        complain(&error);
    }
    if let Some(recorder) = recorder
        && let WriterState::Stopped { reason } = recorder.finish()
    {
        complain(&format_args!("the recording is not whole: {reason}"));
    }
    let origin =
        Origin { source: "live".into(), scenario: description, incomplete: broken_off.map(str::to_owned), skipped: 0 };
    let found = course.found(broken_off.is_some());
    let verdict = Verdict::of(&account, rules);
    let verdict = match &found {
        Some(found) => search::verdict(found, verdict),
        None => verdict,
    };
    let outcome = verdict.outcome;
    let mut document = Document::of(&account, &origin, verdict);
    document.search = found.as_ref().map(SearchPart::from);
    // Whoever reads slowly is waited for, as long as nobody wants an end.
    tokio::select! {
        read = said.live_summary(&document) => read.map_err(Failure::Output)?,
        () = stop_signal() => return Ok(Exit::Interrupted),
    }
    Ok(if broken_off.is_some() { Exit::Interrupted } else { exit_of(outcome) })
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

/// A course with what has come of it so far: it outlives an interruption.
enum Following {
    Steady(Duration),
    Plan(PlanSteps),
    Search(LiveSearch),
}

impl From<Course> for Following {
    fn from(course: Course) -> Self {
        match course {
            Course::Steady(lasts) => Self::Steady(lasts),
            Course::Plan(plan) => Self::Plan(plan),
            Course::Search { from, hold } => {
                Self::Search(LiveSearch { search: Search::new(from, crate::load::plan::FASTEST), hold })
            }
        }
    }
}

impl Following {
    /// What a search found, to its end or until the session was broken off.
    fn found(self, broken_off: bool) -> Option<Found> {
        let Self::Search(LiveSearch { mut search, .. }) = self else { return None };
        if broken_off {
            search.end("interrupted".into());
        }
        Some(search.found())
    }
}

/// Lets the load do what it is to do.
async fn follow(course: &mut Following, stage: &mut impl Stage, gathering: &mut Gathering) {
    let begun = Instant::now();
    match course {
        Following::Steady(lasts) => {
            run_until(begun, *lasts, *lasts, stage, gathering).await;
        }
        Following::Plan(plan) => {
            let all = plan.lasts();
            let mut set = None;
            loop {
                let elapsed = begun.elapsed();
                let (Some(target), Some(until)) = (plan.target_at(elapsed), plan.holds_until(elapsed)) else { break };
                if set.replace(target) != Some(target) {
                    stage.set_target(target);
                }
                if run_until(begun, until, all, stage, gathering).await == Pause::Ended {
                    break;
                }
            }
        }
        Following::Search(search) => search.follow(stage, gathering).await,
    }
}

/// Gathers until so long after the begin; the bar says how much that is of all.
pub(super) async fn run_until(
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
