//! `streamgauge attach`: watches what is deployed, with the same screen.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tokio::sync::mpsc;

use super::discover::{Chosen, DiscoverFailure, DiscoveryFlags};
use super::load_flags::{LoadFlags, LoadFlagsError};
use super::look::LookFlags;
use super::planned::Planned;
use super::session::{self, Drain, Record, SessionError, Stage, Watching};
use super::{Exit, complain, solution, values, write_out};
use crate::azure::credentials::{CredentialError, Environment};
use crate::config::Loaded;
use crate::figures;
use crate::model::observation::{Observation, Target};
use crate::model::units::Time;
use crate::recording::format::ScenarioDescription;
use crate::scenario::attached::{Attached, LoadWish, READY};
use crate::scenario::catalogue::{CatalogueError, Solution};
use crate::scenario::{Places, ScenarioFile};
use crate::toml_file::TomlFileError;
use crate::ui::controls::{Controls, Cue};
use crate::ui::prompt::LoadInto;
use crate::wall_clock::wall_clock;

/// Flags of an attachment.
#[derive(Debug, Args)]
pub struct AttachFlags {
    /// The scenario file (.toml), see `streamgauge scenarios --sample`
    ///
    /// Without any argument it is asked, at a terminal.
    #[arg(conflicts_with = "solution")]
    file: Option<PathBuf>,
    #[command(flatten)]
    discovery: DiscoveryFlags,
    /// A solution instead, see `streamgauge scenarios`
    #[arg(long, value_name = "NAME", requires = "prefix")]
    solution: Option<String>,
    /// The prefix it was deployed with
    #[arg(long, value_name = "P", requires = "solution")]
    prefix: Option<String>,
    /// The partitions of its hub, whose name ends in them
    ///
    /// Without it the hubs of the deployment are listed, with the role Reader on its resource group.
    #[arg(long, value_name = "N", requires = "solution", value_parser = partitions, hide_short_help = true)]
    partitions: Option<u32>,
    /// Print the scenario file instead: to be edited
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    load: LoadFlags,
    /// Serve the figures to Prometheus, such as on 127.0.0.1:9464
    #[arg(long, value_name = "ADDRESS", value_parser = values::address, hide_short_help = true)]
    metrics: Option<SocketAddr>,
    /// The word for the whole pipeline in big letters, for the last row of a room
    #[arg(long, hide_short_help = true)]
    big: bool,
    /// Write the recording to a file [default: the user's state folder]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    record: Option<PathBuf>,
    /// Write no recording
    #[arg(long, conflicts_with = "record", hide_short_help = true)]
    no_record: bool,
    #[command(flatten)]
    look: LookFlags,
}

/// After the load was stopped, what is under way may take so long to be stored and seen. Looks are a second apart, and an
/// audit takes several.
const DRAIN: Duration = Duration::from_secs(20);

pub(super) fn partitions(text: &str) -> Result<u32, String> {
    values::whole(text, "a number of partitions", 1..=2_048)
}

/// What went wrong, in one sentence.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    File(#[from] TomlFileError),
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    #[error(transparent)]
    Discover(#[from] DiscoverFailure),
    #[error(transparent)]
    Credential(#[from] CredentialError),
    #[error(transparent)]
    Load(#[from] LoadFlagsError),
}

impl Failure {
    /// Whether something else has to be asked for.
    pub(super) fn is_usage(&self) -> bool {
        match self {
            Self::Catalogue(_) | Self::Load(_) => true,
            Self::Discover(failure) => failure.is_usage(),
            Self::File(_) | Self::Credential(_) => false,
        }
    }
}

/// Runs the command.
pub(super) fn run(flags: &AttachFlags, loaded: &Loaded) -> Exit {
    attach(flags, loaded).unwrap_or_else(|error| {
        complain(&error);
        if error.is_usage() { Exit::Usage } else { Exit::Failed }
    })
}

fn attach(flags: &AttachFlags, loaded: &Loaded) -> Result<Exit, Failure> {
    let (text, place) = text(flags)?;
    let file = ScenarioFile::parse(&text, &place)?;
    if flags.print {
        return Ok(write_out(text.as_bytes()));
    }
    let deployed = Deployed::of(&file, &flags.load)?;
    let watching = Watching {
        description: deployed.description().clone(),
        record: Record::wanted(flags.record.as_ref(), flags.no_record, loaded),
        big: flags.big,
        metrics: flags.metrics,
    };
    let plan = flags.load.plan().cloned();
    let bring_up = async move |tell| Ok(Planned::new(deployed.bring_up(tell)?, plan));
    Ok(session::watch(watching, bring_up, &flags.look, loaded))
}

/// What a scenario file describes, and the load that may go into it.
#[derive(Debug)]
pub(super) struct Deployed {
    places: Places,
    wish: LoadWish,
}

impl Deployed {
    /// With credentials from the environment.
    pub(super) fn of(file: &ScenarioFile, load: &LoadFlags) -> Result<Self, Failure> {
        let variable = |name: &str| std::env::var(name).ok();
        // What contradicts itself needs no credential to be told so.
        let wish = load.wish(file.load)?;
        let places = Places::of(file, &Environment::new(&variable))?;
        Ok(Self { places, wish })
    }

    /// What it is called.
    pub(super) fn description(&self) -> &ScenarioDescription {
        &self.places.description
    }

    /// Whether a store is watched.
    pub(super) fn has_store(&self) -> bool {
        self.places.store.is_some()
    }

    /// The load that was asked for, which is to wait from now on: it is confirmed, and paused.
    pub(super) fn hold_load(&mut self) -> Option<Target> {
        let asked = self.wish.target?;
        self.wish.target.replace(Target::Paused);
        Some(asked)
    }

    /// Attaches to it, and starts the load if it was asked for; facts go to `tell`.
    pub(super) fn bring_up(self, tell: mpsc::Sender<Observation>) -> Result<Drive, SessionError> {
        let attached = Attached::start(self.places, self.wish, tell, wall_clock)?;
        Ok(Drive { attached, told: Told::default(), failure: None })
    }
}

/// The text of the scenario file, and what it is called.
fn text(flags: &AttachFlags) -> Result<(String, String), Failure> {
    let read = |path: &Path| Ok::<_, Failure>((crate::toml_file::text(path)?, path.display().to_string()));
    if let (Some(name), Some(prefix)) = (&flags.solution, &flags.prefix) {
        let text = solution::text(&flags.discovery, Solution::named(name)?, prefix, flags.partitions)?;
        return Ok((text, format!("{name} of {prefix}")));
    }
    let chosen = match &flags.file {
        Some(path) => return read(path),
        None if flags.discovery.is_asked_for() => flags.discovery.find()?,
        None => flags.discovery.ask()?,
    };
    match chosen {
        Chosen::File(path) => read(&path),
        Chosen::Made { text, place } => Ok((text, place)),
    }
}

/// The keys' hold on what is deployed: its load, and whose positions are watched.
pub(super) struct Drive {
    attached: Attached,
    told: Told,
    failure: Option<String>,
}

/// What has been told.
#[derive(Debug, Default)]
struct Told {
    end: bool,
    /// When it was last told that the load waits.
    wait: Option<Time>,
    /// That the load was asked for more than its bound, since it was last below that.
    bound: bool,
    cues: Vec<Cue>,
}

/// A load that waits for longer than this says so, and again so often: as long as a notice stands.
const MOMENT: Duration = Duration::from_secs(1);
const SAY_AGAIN: Duration = Duration::from_secs(4);

impl Controls for Drive {
    fn target(&self) -> Option<Target> {
        // One that came to its bound can't be driven any more.
        (!self.attached.is_spent()).then(|| self.attached.target())
    }

    fn set_target(&mut self, target: Target) {
        self.failure = self.attached.set_target(target).err().map(|error| error.to_string());
        let bounds = self.attached.bounds();
        // As fast as it goes is as fast as it may: that is no news.
        let is_held = matches!(target, Target::Rate(_)) && bounds.hold(target) != target;
        if let (true, false, Some(rate)) = (is_held, self.told.bound, bounds.rate) {
            let bound = figures::target(Target::Rate(rate));
            self.told.cues.push(Cue::Notice(format!("the load is at its bound, {bound}, and goes no higher")));
        }
        self.told.bound = is_held;
    }

    fn unconfirmed(&self) -> Option<LoadInto> {
        let (name, place) = self.attached.unconfirmed()?;
        Some(LoadInto { name: name.to_owned(), place: place.to_owned() })
    }

    fn confirm(&mut self) -> Option<Target> {
        Some(self.attached.confirm())
    }

    fn processor_runs(&self) -> Option<bool> {
        None
    }

    fn toggle_processor(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn wanted_group(&self) -> Option<String> {
        self.attached.wanted_group()
    }

    fn follow_group(&mut self, group: &str) {
        self.attached.follow_group(group);
    }

    fn cues(&mut self, wall: Time, _waiting: bool) -> Vec<Cue> {
        let waited = self.attached.load_waits_since();
        if let Err(error) = self.attached.begin_load() {
            self.failure = Some(error.to_string());
        }
        let mut cues: Vec<Cue> = self.failure.take().map(Cue::Notice).into_iter().collect();
        cues.append(&mut self.told.cues);
        match (waited, self.attached.load_waits_since()) {
            (_, Some(since)) => {
                let is_long = wall.since(since) >= MOMENT;
                if is_long && self.told.wait.is_none_or(|told| wall.since(told) >= SAY_AGAIN) {
                    self.told.wait = Some(wall);
                    cues.push(Cue::Notice(format!(
                        "the load waits for a first look at the store, {} s at most",
                        READY.as_secs()
                    )));
                }
            }
            (Some(_), None) if !self.attached.store_is_read() => {
                cues.push(Cue::Notice(
                    "the store does not answer yet, and the load begins: what becomes of its first events may stay unknown"
                        .into(),
                ));
            }
            _ => {}
        }
        if self.attached.is_spent() && !self.told.end {
            self.told.end = true;
            let end = format!("load {}: it came to its bound", figures::target(Target::Paused));
            cues.extend([Cue::Mark(end.clone()), Cue::Notice(end)]);
        }
        cues
    }
}

impl Stage for Drive {
    fn load_waits(&self) -> bool {
        self.attached.load_waits_since().is_some()
    }

    fn end_load(&mut self) -> Option<Drain> {
        self.attached.end_load();
        let into_store = self.attached.has_store();
        self.attached.has_load().then_some(Drain { lasts: DRAIN, into_store })
    }

    async fn take_down(self) -> Result<(), SessionError> {
        Ok(self.attached.stop().await?)
    }
}
