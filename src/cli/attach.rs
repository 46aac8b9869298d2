//! `streamgauge attach`: watches what is deployed, with the same screen.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::discover::{self, Chosen, DiscoverFailure, DiscoveryFlags};
use super::look::LookFlags;
use super::session::{self, Record, SessionError, Stage, Watching};
use super::{Exit, complain, values, write_out};
use crate::azure::credentials::{CredentialError, Environment};
use crate::config::Loaded;
use crate::figures;
use crate::load::driver::Bounds;
use crate::model::observation::Target;
use crate::model::units::{EventRate, Time};
use crate::scenario::attached::{Attached, FIRST_RATE, LoadWish};
use crate::scenario::catalogue::{CatalogueError, Solution};
use crate::scenario::file::LoadBounds;
use crate::scenario::value::Rate;
use crate::scenario::{Places, ScenarioFile};
use crate::toml_file::TomlFileError;
use crate::ui::controls::{Controls, Cue};
use crate::ui::live::wall_clock;

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
    #[arg(long, value_name = "N", requires = "solution", value_parser = partitions, hide_short_help = true)]
    partitions: Option<u32>,
    /// Print the scenario file instead: to be edited
    #[arg(long)]
    print: bool,
    /// Drive load into it, in events a second: 2.5k, max
    ///
    /// They cost money there.
    #[arg(long, value_name = "RATE", value_parser = values::rate, allow_hyphen_values = true)]
    load: Option<Target>,
    /// No load past this rate, whatever key is pressed
    #[arg(long, value_name = "RATE", value_parser = most, allow_hyphen_values = true)]
    max_rate: Option<EventRate>,
    /// End the load after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), hide_short_help = true)]
    max_events: Option<u64>,
    /// End the load after so long: 30s, 10m
    #[arg(long = "for", value_name = "TIME", value_parser = values::span, hide_short_help = true)]
    lasts: Option<Duration>,
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

fn partitions(text: &str) -> Result<u32, String> {
    values::whole(text, "a number of partitions", 1..=2_048)
}

fn most(text: &str) -> Result<EventRate, String> {
    match values::rate(text)? {
        Target::Rate(rate) => Ok(rate),
        Target::Paused | Target::Unlimited => Err(format!("{text:?} bounds nothing: give events a second above 0")),
    }
}

/// What went wrong, in one sentence.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    File(#[from] TomlFileError),
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    #[error(transparent)]
    Discover(#[from] DiscoverFailure),
    #[error(transparent)]
    Credential(#[from] CredentialError),
}

/// Runs the command.
pub(super) fn run(flags: &AttachFlags, loaded: &Loaded) -> Exit {
    attach(flags, loaded).unwrap_or_else(|error| {
        complain(&error);
        match error {
            Failure::Catalogue(_) => Exit::Usage,
            Failure::Discover(failure) if failure.is_usage() => Exit::Usage,
            _ => Exit::Failed,
        }
    })
}

fn attach(flags: &AttachFlags, loaded: &Loaded) -> Result<Exit, Failure> {
    let (text, place) = text(flags)?;
    let file = ScenarioFile::parse(&text, &place)?;
    if flags.print {
        return Ok(write_out(text.as_bytes()));
    }
    let variable = |name: &str| std::env::var(name).ok();
    let places = Places::of(&file, &Environment::new(&variable))?;
    let wish = load_wish(flags, file.load);
    let watching = Watching {
        description: places.description.clone(),
        record: Record::wanted(flags.record.as_ref(), flags.no_record, loaded),
        big: flags.big,
    };
    let bring_up = async move |tell| {
        let attached = Attached::start(places, wish, tell, wall_clock)?;
        Ok(Drive { attached, told_of_end: false, failure: None })
    };
    Ok(session::watch(watching, bring_up, &flags.look, loaded))
}

/// The text of the scenario file, and what it is called.
fn text(flags: &AttachFlags) -> Result<(String, String), Failure> {
    let read = |path: &Path| Ok::<_, Failure>((crate::toml_file::text(path)?, path.display().to_string()));
    if let (Some(name), Some(prefix)) = (&flags.solution, &flags.prefix) {
        let solution = Solution::named(name)?;
        // What is printed is for a file, and nobody is asked then.
        let text = if flags.print {
            solution.file(prefix, flags.partitions)?
        } else {
            discover::with_partitions(solution, prefix, flags.partitions)?
        };
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

/// What flags say goes before what the file says.
fn load_wish(flags: &AttachFlags, file: LoadBounds) -> LoadWish {
    LoadWish {
        target: flags.load,
        first: file.rate.map_or_else(|| EventRate::new(FIRST_RATE), Rate::rate),
        bounds: Bounds {
            rate: flags.max_rate.or_else(|| file.max_rate.map(Rate::rate)),
            events: flags.max_events.or(file.max_events),
            lasts: flags.lasts.or_else(|| file.lasts.map(|span| span.0)),
        },
    }
}

/// The keys' hold on what is deployed: its load, and whose positions are watched.
struct Drive {
    attached: Attached,
    told_of_end: bool,
    failure: Option<String>,
}

impl Controls for Drive {
    fn target(&self) -> Option<Target> {
        Some(self.attached.target())
    }

    fn set_target(&mut self, target: Target) {
        self.failure = self.attached.set_target(target).err().map(|error| error.to_string());
    }

    fn unconfirmed(&self) -> Option<String> {
        self.attached.unconfirmed()
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

    fn cues(&mut self, _wall: Time, _waiting: bool) -> Vec<Cue> {
        let mut cues: Vec<Cue> = self.failure.take().map(Cue::Notice).into_iter().collect();
        if self.attached.is_spent() && !self.told_of_end {
            self.told_of_end = true;
            let end = format!("load {}: it came to its bound", figures::target(Target::Paused));
            cues.extend([Cue::Mark(end.clone()), Cue::Notice(end)]);
        }
        cues
    }
}

impl Stage for Drive {
    fn end_load(&mut self) -> Option<Duration> {
        self.set_target(Target::Paused);
        self.attached.has_load().then_some(DRAIN)
    }

    async fn take_down(self) -> Result<(), SessionError> {
        Ok(self.attached.stop().await?)
    }
}
