//! Commands and flags. Help, and every sentence about a wrong flag, come from here.

mod attach;
mod choice;
mod compare;
mod completions;
mod config;
mod demo;
mod discover;
mod exit;
mod export;
mod help;
mod interrupt;
mod line_queue;
mod load_flags;
mod local;
mod look;
mod man;
mod metrics;
mod output;
mod picker;
mod planned;
mod process;
mod replay;
mod report;
mod report_live;
mod report_output;
mod report_search;
mod scenario_flags;
mod scenarios;
mod session;
mod solution;
mod themes;
mod values;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::{CONFIG, Loaded, default_path, load};
use crate::ui::state::ViewState;
use crate::wall_clock::wall_clock;
pub use attach::AttachFlags;
pub use compare::CompareFlags;
pub use completions::CompletionsFlags;
pub use demo::DemoFlags;
pub use discover::DiscoveryFlags;
pub use exit::Exit;
pub use export::ExportFlags;
pub use help::HelpFlags;
pub use load_flags::LoadFlags;
pub use local::LocalFlags;
pub use look::{LookFlags, RenditionFlags};
pub use process::ProcessFlags;
pub use replay::ReplayFlags;
pub use report::{ReportFlags, RuleFlags};
pub use scenario_flags::ScenarioFlags;
pub use scenarios::ScenariosFlags;
pub use themes::ThemesFlags;

/// A live monitor for streaming pipelines: ingest, lag by partition and writes
#[derive(Debug, Parser)]
#[command(
    name = "streamgauge",
    version,
    term_width = 80,
    disable_help_subcommand = true,
    disable_help_flag = true,
    disable_version_flag = true,
    help_template = HELP,
    after_help = "Examples:\n  \
        streamgauge --rate 4000            flags of `local` do without its name\n\
        All of it: `streamgauge help`, `streamgauge man | man -l -`",
    after_long_help = "Examples:\n  \
        streamgauge                        the embedded scenario, 1,000 events/s\n  \
        streamgauge --rate 4000            more than the store carries\n  \
        streamgauge replay throttled       a recording: play, pause, step, seek\n\n\
        Exit codes: 0 done, 1 failed, 2 usage; a report has more, see the manual.\n\
        The manual: `streamgauge man | man -l -`"
)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    local: LocalFlags,
    /// Take the settings from this file [default: config.toml in the user's configuration folder]
    #[arg(long, value_name = "FILE", global = true, hide_short_help = true)]
    config: Option<PathBuf>,
    /// Print help that fits a small screen; `streamgauge help COMMAND` prints all of it
    #[arg(short, long, global = true, action = ArgAction::HelpShort, hide_short_help = true)]
    help: Option<bool>,
    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version, hide_short_help = true)]
    version: Option<bool>,
}

/// A blank line less than usual: help fits a small screen.
const HELP: &str = "{about}\n{usage-heading} {usage}\n\n{all-args}{after-help}";

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring the embedded scenario up under load: the default
    #[command(after_help = "Examples:\n  \
        streamgauge local --partitions 32  more of them than rows: the worst first\n  \
        streamgauge local --headless       no screen: serve it to any client")]
    Local(LocalFlags),
    /// Watch what is deployed: Event Hubs, checkpoints, Cosmos DB
    #[command(after_help = "Examples:\n  \
        streamgauge attach                 asks what to attach to\n  \
        streamgauge attach --resource-group G  finds it in Azure\n  \
        streamgauge attach --solution NAME --prefix P --print > scenario.toml")]
    Attach(Box<AttachFlags>),
    /// Process what is deployed: our own processor, without a screen
    #[command(after_help = "Examples:\n  \
        streamgauge process scenario.toml  as many of them as you like: they share the partitions")]
    Process(ProcessFlags),
    /// List upstream's solutions, and what can be watched of each
    #[command(after_help = "Examples:\n  \
        streamgauge scenarios --sample     a beginning for a scenario of one's own")]
    Scenarios(ScenariosFlags),
    /// Replay a recording; without a file, list what there is
    #[command(after_help = "Examples:\n  \
        streamgauge replay                 choose among samples and your own\n  \
        streamgauge replay FILE --loop     a recording, over and over")]
    Replay(ReplayFlags),
    /// Perform a script for a talk; without one, list what there is
    #[command(after_help = "Examples:\n  \
        streamgauge demo throttled         a story of three minutes, hands-free\n  \
        streamgauge demo stuck --print     a beginning for a script of one's own")]
    Demo(DemoFlags),
    /// Write a recording as a picture, or its figures as a table
    #[command(after_help = "Examples:\n  \
        streamgauge export throttled --svg frame.svg --at 70s\n  \
        streamgauge export FILE --cast replay.cast --speed 4\n  \
        streamgauge export FILE --csv figures.csv")]
    Export(Box<ExportFlags>),
    /// Report without a screen: figures, and a verdict
    #[command(after_help = report::EXAMPLES, after_long_help = report::long_help())]
    Report(Box<ReportFlags>),
    /// Compare two recordings, as figures or on the screen
    #[command(after_help = "Examples:\n  \
        streamgauge compare steady throttled\n  \
        streamgauge compare BEFORE AFTER --screen")]
    Compare(CompareFlags),
    /// Show the themes, each with a sample of the screen
    #[command(after_help = "Examples:\n  \
        streamgauge themes light           one of them alone")]
    Themes(ThemesFlags),
    /// Print sample settings, and where they are looked for
    #[command(after_help = "Examples:\n  \
        streamgauge config > FILE          begin settings of one's own")]
    Config,
    /// Print completions for a shell
    #[command(after_help = "Examples:\n  \
        streamgauge completions bash > FILE  a file for bash to source")]
    Completions(CompletionsFlags),
    /// Print all help of a command
    #[command(after_help = "Examples:\n  \
        streamgauge help report            every flag and rule of a report")]
    Help(HelpFlags),
    /// Print the manual page
    #[command(after_help = "Examples:\n  \
        streamgauge man | man -l -         read the manual")]
    Man,
}

/// The command line's definition, from which help, manual and completions are made.
fn definition() -> clap::Command {
    // What `local` may be told is shown by `local -h`; with it here, the commands would leave the screen.
    CommandLine::command().mut_args(|flag| flag.hide_short_help(true)).mut_subcommands(|command| {
        let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let all = format!("{examples}\nAll of it: `streamgauge help {}`, `streamgauge man`", command.get_name());
        command.help_template(HELP).after_help(all).after_long_help(examples)
    })
}

/// Before the name of a command only what every command has may stand: a load that is asked for and not driven would be a
/// surprise. (Clap's own way to say so refuses `--config` there too.)
fn of_local_alone(matches: &ArgMatches) -> Result<(), clap::Error> {
    let Some((command, _)) = matches.subcommand() else { return Ok(()) };
    let definition = definition();
    let typed = |flag: &&clap::Arg| {
        let source = matches.value_source(flag.get_id().as_str());
        !flag.is_global_set() && source == Some(ValueSource::CommandLine)
    };
    match definition.get_arguments().find(typed) {
        None => Ok(()),
        Some(flag) => {
            let flag = flag.get_long().unwrap_or_default();
            let sentence = format!("--{flag} can't stand before {command}; it belongs to `streamgauge local`");
            Err(clap::Error::raw(ErrorKind::ArgumentConflict, sentence))
        }
    }
}

/// Runs the program: reads the command line, does what it says, and gives the exit code.
pub fn run() -> ExitCode {
    let parsed = definition().try_get_matches().and_then(|matches| {
        of_local_alone(&matches)?;
        CommandLine::from_arg_matches(&matches)
    });
    let line = match parsed {
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
    let flag = line.config.as_deref();
    match line.command {
        Some(Command::Local(flags)) => with_settings(flag, |settings| local::run(&flags, settings)),
        Some(Command::Attach(flags)) => with_settings(flag, |settings| attach::run(&flags, settings)),
        Some(Command::Process(flags)) => process::run(&flags),
        Some(Command::Scenarios(flags)) => scenarios::run(&flags),
        Some(Command::Replay(flags)) => with_settings(flag, |settings| replay::run(&flags, settings)),
        Some(Command::Themes(flags)) => with_settings(flag, |settings| themes::run(&flags, settings)),
        Some(Command::Demo(flags)) => with_settings(flag, |settings| demo::run(&flags, settings)),
        Some(Command::Export(flags)) => export::run(&flags),
        Some(Command::Report(flags)) => report::run(&flags),
        Some(Command::Compare(flags)) if flags.screen => {
            with_settings(flag, |settings| compare::show(&flags, settings))
        }
        Some(Command::Compare(flags)) => compare::run(&flags),
        Some(Command::Config) => {
            let variable = std::env::var_os(CONFIG).filter(|value| !value.is_empty()).map(PathBuf::from);
            config::run(line.config.or(variable).or_else(default_path).as_deref())
        }
        Some(Command::Completions(flags)) => completions::run(&flags),
        Some(Command::Help(flags)) => help::run(&flags),
        Some(Command::Man) => man::run(),
        None => with_settings(flag, |settings| local::run(&line.local, settings)),
    }
    .into()
}

/// Reads the settings for a command that has use for them.
fn with_settings(flag: Option<&Path>, command: impl FnOnce(&Loaded) -> Exit) -> Exit {
    match load(flag, default_path().as_deref(), |name| std::env::var_os(name)) {
        Ok(loaded) => {
            // A screen covers this and shows it itself; it is there again when the screen has gone.
            if let Some(flaw) = &loaded.flaw {
                complain(&left_out(flaw));
            }
            command(&loaded)
        }
        Err(error) => {
            complain(&error);
            Exit::Usage
        }
    }
}

/// The sentence about a file of settings that is not used.
fn left_out(flaw: &crate::config::ConfigError) -> String {
    format!("{flaw}; the defaults serve")
}

/// A view as the settings want it to begin.
fn begin(loaded: &Loaded, state: ViewState) -> ViewState {
    ViewState {
        sort: loaded.settings.sort,
        keys: Arc::clone(&loaded.settings.keys),
        notice: loaded.flaw.as_ref().map(|flaw| (left_out(flaw), wall_clock())),
        ..state
    }
}

/// Standard output can't be written.
#[derive(Debug, thiserror::Error)]
#[error("standard output could not be written ({0}); send it elsewhere")]
struct Unwritten(std::io::Error);

/// Text on standard output. Whoever closed it before the end wants no more.
fn put_out(text: &[u8]) -> Result<(), Unwritten> {
    let mut output = std::io::stdout().lock();
    match output.write_all(text).and_then(|()| output.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Unwritten(error)),
        _ => Ok(()),
    }
}

/// The same, as all that a command does.
fn write_out(text: &[u8]) -> Exit {
    match put_out(text) {
        Ok(()) => Exit::Done,
        Err(error) => {
            complain(&error);
            Exit::Failed
        }
    }
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
