//! `streamgauge help COMMAND`: all that there is to say of a command, where `--help` fits a small screen.

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::{Exit, definition, write_out};

/// Every command, as it is typed.
const COMMANDS: [&str; 14] = [
    "local",
    "attach",
    "process",
    "scenarios",
    "replay",
    "demo",
    "export",
    "report",
    "compare",
    "themes",
    "config",
    "completions",
    "help",
    "man",
];

/// Flags of the command.
#[derive(Debug, Args)]
pub struct HelpFlags {
    /// The command; without one, what `streamgauge` alone may be told
    #[arg(value_parser = PossibleValuesParser::new(COMMANDS), hide_possible_values = true)]
    command: Option<String>,
}

/// Runs the command.
pub(super) fn run(flags: &HelpFlags) -> Exit {
    let mut definition = definition();
    // Only then a command knows the flags that all have.
    definition.build();
    let named = flags.command.as_deref().and_then(|name| definition.find_subcommand_mut(name));
    let help = match named {
        Some(command) => command.render_long_help(),
        None => definition.render_long_help(),
    };
    write_out(help.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_help() {
        let definition = definition();
        let names: Vec<&str> = definition.get_subcommands().map(clap::Command::get_name).collect();
        assert_eq!(names, COMMANDS);
    }
}
