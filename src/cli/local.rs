//! `streamgauge local`: the embedded scenario, with a screen or without.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::sync::mpsc;

use super::look::LookFlags;
use super::metrics::{self, MetricsPage};
use super::planned::Planned;
use super::scenario_flags::ScenarioFlags;
use super::session::{
    self, Drain, Record, SessionError, Stage, Stops, WAITING, Watching, finish, on_runtime, stop_signal, told,
};
use super::{Exit, complain, say, values};
use crate::config::Loaded;
use crate::demo::Performance;
use crate::load::plan_steps::PlanSteps;
use crate::local::scenario::{CertificateFile, Scenario, ScenarioOptions};
use crate::model::observation::{Observation, Target};
use crate::model::session::Session;
use crate::model::units::Time;
use crate::recording::format::{Header, ScenarioDescription};
use crate::recording::writer::Writer;
use crate::ui::controls::{Controls, Cue};
use crate::ui::state::{ScriptSign, StationNames};
use crate::wall_clock::wall_clock;

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
    /// Load by a plan: `1k for 1m, ramp to 5k in 2m`
    #[arg(long, value_name = "STEPS", allow_hyphen_values = true, conflicts_with_all = ["rate", "headless"], hide_short_help = true)]
    plan: Option<PlanSteps>,
    /// Serve the figures to Prometheus, such as on 127.0.0.1:9464
    #[arg(long, value_name = "ADDRESS", value_parser = values::address, hide_short_help = true)]
    metrics: Option<SocketAddr>,
    /// Let clients speak TLS, with a certificate made at start
    #[arg(long, hide_short_help = true)]
    tls: bool,
    /// With --tls: write the certificate that clients have to trust to a file [default: with --headless, a temporary one]
    #[arg(long, value_name = "FILE", requires = "tls", hide_short_help = true)]
    tls_certificate: Option<PathBuf>,
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

impl LocalFlags {
    fn options(&self) -> ScenarioOptions {
        let file = || self.tls_certificate.clone().map_or(CertificateFile::Temporary, CertificateFile::At);
        ScenarioOptions { tls: self.tls.then(file), ..self.scenario.options() }
    }
}

/// After the load was stopped, what is under way may take so long to be stored.
const DRAIN: Duration = Duration::from_secs(10);

/// Runs the command.
pub(super) fn run(flags: &LocalFlags, loaded: &Loaded) -> Exit {
    if flags.headless {
        return told(on_runtime(async { headless(flags, stop_signal()).await }));
    }
    if flags.tls && flags.tls_certificate.is_none() {
        complain(&"--tls needs --tls-certificate FILE beside a screen: clients have to trust what is written there");
        return Exit::Usage;
    }
    let watching = Watching {
        description: describe(flags.scenario.title()),
        record: Record::wanted(flags.record.as_ref(), flags.no_record, loaded),
        big: flags.big,
        metrics: flags.metrics,
    };
    let mut options = flags.options();
    let course = match &flags.plan {
        Some(plan) => {
            options.target = Target::Paused;
            Course::Plan(plan.clone())
        }
        None => Course::Keys,
    };
    watch(watching, options, course, &flags.look, loaded)
}

/// What drives the embedded scenario.
pub(super) enum Course {
    /// The keys alone.
    Keys,
    /// A script.
    Script(Box<Performance>),
    /// A load plan.
    Plan(PlanSteps),
}

/// Brings the embedded scenario up and shows it until somebody leaves.
pub(super) fn watch(
    watching: Watching,
    options: ScenarioOptions,
    course: Course,
    look: &LookFlags,
    loaded: &Loaded,
) -> Exit {
    let (performance, plan) = match course {
        Course::Keys => (None, None),
        Course::Script(performance) => (Some(*performance), None),
        Course::Plan(plan) => (None, Some(plan)),
    };
    let bring_up = async move |tell| Ok(Planned::new(bring_up(options, performance, tell).await?, plan));
    session::watch(watching, bring_up, look, loaded)
}

/// Brings the embedded scenario up; facts go to `tell`.
pub(super) async fn bring_up(
    options: ScenarioOptions,
    performance: Option<Performance>,
    tell: mpsc::Sender<Observation>,
) -> Result<Drive, SessionError> {
    let scenario = Scenario::start(options, tell, wall_clock).await?;
    Ok(Drive { scenario, performance })
}

/// What the embedded scenario is called.
pub(super) fn describe(title: String) -> ScenarioDescription {
    let StationNames { ingest, processor, store } = StationNames::default();
    ScenarioDescription { title, ingest, processor, store }
}

async fn headless(flags: &LocalFlags, stop: impl Future<Output = ()>) -> Result<Exit, SessionError> {
    let (tell, mut observations) = mpsc::channel(WAITING);
    let page = match flags.metrics {
        Some(address) => Some(MetricsPage::start(address).await?),
        None => None,
    };
    let scenario = Scenario::start(flags.options(), tell, wall_clock).await?;
    if let Some(page) = page {
        complain(&format_args!("metrics at http://{}/metrics", page.address));
        observations = metrics::beside(page, observations);
    }
    let endpoints = &scenario.endpoints;
    let certificate = endpoints.certificate.as_ref();
    let certificate = certificate.map(|file| format!("\ncertificate  {}", file.display())).unwrap_or_default();
    let told = if flags.json {
        say(&serde_json::to_string(endpoints).unwrap_or_default())
    } else {
        say(&format!(
            "Event Hubs   {}\nBlob         {}  account {}  key {}  container {}\nCosmos DB    {}  key {}  database {}  \
             container {}\ngroup        {}{certificate}\nCtrl-C stops.",
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
    finish(Drive { scenario, performance: None }, session, observations, recorder, Stops::listen()).await
}

/// The keys' hold on the scenario, and a script's.
pub(super) struct Drive {
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

impl Stage for Drive {
    fn end_load(&mut self) -> Option<Drain> {
        if let Some(performance) = &self.performance {
            performance.mend(&mut self.scenario);
        }
        self.scenario.pause_load();
        (self.scenario.processor_runs() == Some(true)).then_some(Drain { lasts: DRAIN, into_store: true })
    }

    async fn take_down(self) -> Result<(), SessionError> {
        Ok(self.scenario.stop().await?)
    }
}
