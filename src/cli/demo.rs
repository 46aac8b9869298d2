//! `streamgauge demo`: a script performed on the embedded scenario.

use std::path::{Path, PathBuf};

use clap::Args;

use super::choice::{self, ChoiceError};
use super::local;
use super::look::LookFlags;
use super::session::{Record, Watching};
use super::{Exit, complain, say};
use crate::config::Loaded;
use crate::demo::shipped::{self, Shipped};
use crate::demo::{Performance, Script};
use crate::local::scenario::{Ports, ScenarioOptions};
use crate::toml_file::{TomlFileError, nearest};

/// Flags of a demo.
#[derive(Debug, Args)]
pub struct DemoFlags {
    /// The name of a script that comes with the program, or a file of your own (.toml); without it, a choice
    script: Option<PathBuf>,
    /// Begin again at the end
    #[arg(long = "loop")]
    looping: bool,
    /// Check the script and print it instead of performing it: a beginning for one of your own
    #[arg(long, requires = "script", conflicts_with_all = ["looping", "big", "record"])]
    print: bool,
    /// The word for the whole pipeline in big letters, for the last row of a room
    #[arg(long)]
    big: bool,
    /// Write the recording to a file [default: the user's state folder]
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    look: LookFlags,
}

/// What went wrong, in one sentence.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Script(#[from] TomlFileError),
    #[error("there is no script {typed:?}; {try_this}")]
    Unknown { typed: String, try_this: String },
    #[error(transparent)]
    Choice(#[from] ChoiceError),
}

/// Runs the command.
pub(super) fn run(flags: &DemoFlags, loaded: &Loaded) -> Exit {
    let outcome = match &flags.script {
        Some(script) if flags.print => print(script),
        Some(script) => perform(script, flags, loaded),
        None => ask(flags, loaded),
    };
    outcome.unwrap_or_else(|error| {
        complain(&error);
        Exit::Failed
    })
}

/// A script that comes with the program, where no file of that name is; and a sentence for a name that is neither.
fn shipped(script: &Path) -> Result<Option<&'static Shipped>, Failure> {
    if script.exists() {
        return Ok(None);
    }
    let typed = script.to_string_lossy();
    // What looks like a path is one.
    if typed.contains(['/', '.']) {
        return Ok(None);
    }
    let names = || shipped::ALL.iter().map(|script| script.name);
    let found = Shipped::named(&typed);
    found.map(Some).ok_or_else(|| Failure::Unknown {
        typed: typed.chars().take(40).collect(),
        try_this: match nearest(&typed, names()) {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("there are {}; or name a file", names().collect::<Vec<_>>().join(", ")),
        },
    })
}

fn print(script: &Path) -> Result<Exit, Failure> {
    let text = match shipped(script)? {
        Some(shipped) => shipped.text.to_owned(),
        // One's own is read first, so that its mistakes are told without a terminal.
        None => Script::read_with_text(script)?.1,
    };
    say(text.trim_end());
    Ok(Exit::Done)
}

fn perform(script: &Path, flags: &DemoFlags, loaded: &Loaded) -> Result<Exit, Failure> {
    let script = match shipped(script)? {
        Some(shipped) => shipped.script()?,
        None => Script::read(script)?,
    };
    let scenario = &script.scenario;
    let options = ScenarioOptions {
        partitions: scenario.partitions,
        target: scenario.target,
        seed: scenario.seed,
        duplicate_every: scenario.duplicates,
        request_units: scenario.request_units,
        process: true,
        ports: Ports::default(),
        tls: None,
    };
    let watching = Watching {
        description: local::describe(script.title.clone()),
        record: Record::wanted(flags.record.as_ref(), false, loaded),
        big: flags.big,
        metrics: None,
    };
    let performance = Performance::new(script, flags.looping);
    Ok(local::watch(watching, options, local::Course::Script(Box::new(performance)), &flags.look, loaded))
}

/// Lists the scripts, and on a terminal asks which one to perform.
fn ask(flags: &DemoFlags, loaded: &Loaded) -> Result<Exit, Failure> {
    for (number, shipped) in (1..).zip(shipped::ALL) {
        let script = shipped.script()?;
        let seconds = script.end.as_secs();
        let length = format!("{}:{:02}", seconds / 60, seconds % 60);
        choice::list(number, &format!("{:<10} {length}", shipped.name), &script.sentence);
    }
    match choice::choose(&shipped::ALL)? {
        Some(shipped) => perform(Path::new(shipped.name), flags, loaded),
        None => Ok(Exit::Done),
    }
}
