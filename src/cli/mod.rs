//! Commands and flags. Help, and every sentence about a wrong flag, come from here.

mod choice;
mod demo;
mod export;
mod local;
mod output;
mod replay;
mod values;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use demo::DemoFlags;
pub use export::ExportFlags;
pub use local::LocalFlags;
pub use replay::ReplayFlags;

/// What the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what was asked.
    Done = 0,
    /// It could not.
    Failed = 1,
    /// The command line can't be understood, or asks for what this terminal can't do.
    Usage = 2,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A live monitor for streaming pipelines: ingest rate, lag of every partition and serve-layer writes, side by side.
#[derive(Debug, Parser)]
#[command(
    name = "streamgauge",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  \
        streamgauge                              the embedded scenario, 1,000 events/s, live\n  \
        streamgauge --rate 4000 --ru 20000       more load than the store carries: watch the lag grow\n  \
        streamgauge local --headless --json      serve the scenario to any client, without a screen\n  \
        streamgauge replay FILE                  a recording: play, pause, step, seek\n\n\
        Exit codes: 0 done, 1 failed, 2 usage"
)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    local: LocalFlags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring the embedded scenario up, drive load into it and watch it (the default)
    Local(LocalFlags),
    /// Replay a recording; without a file, list what there is
    Replay(ReplayFlags),
    /// Perform a script on the embedded scenario, for a talk; without one, list what there is
    Demo(DemoFlags),
    /// Make a picture of a recording: one frame as SVG, or the replay as an asciicast
    Export(Box<ExportFlags>),
}

/// Runs the program: reads the command line, does what it says, and gives the exit code.
pub fn run() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) => {
            if !error.use_stderr() {
                // Help or version, as asked for; a closed output has no reader left.
                drop(error.print());
                return Exit::Done.into();
            }
            let text = error.render().to_string();
            let sentence: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
            let sentence = sentence.join(" ");
            complain(&format_args!("{}; see --help", sentence.trim_start_matches("error: ")));
            return Exit::Usage.into();
        }
    };
    match line.command {
        Some(Command::Local(flags)) => local::run(&flags),
        Some(Command::Replay(flags)) => replay::run(&flags),
        Some(Command::Demo(flags)) => demo::run(&flags),
        Some(Command::Export(flags)) => export::run(&flags),
        None => local::run(&line.local),
    }
    .into()
}

/// One sentence on standard error.
fn complain(sentence: &dyn std::fmt::Display) {
    // A closed standard error leaves nobody to tell.
    drop(writeln!(std::io::stderr(), "streamgauge: {sentence}"));
}

/// A line on standard output; false once nobody reads it any more.
fn say(line: &str) -> bool {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}").and_then(|()| output.flush()).is_ok()
}
