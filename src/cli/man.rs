//! `streamgauge man`: the manual page, from the command line's own definition and the keymap.

use std::io;

use clap::Command;
use clap_mangen::Man;
use roff::{Inline, Roff, bold, italic, roman};

use super::discover::SUBSCRIPTION;
use super::exit::EXITS;
use super::{Exit, definition, write_out};
use crate::azure::{credentials, management};
use crate::config::{CONFIG, VARIABLES};
use crate::ui::keymap::{Action, Group, Key, Keymap};

/// Runs the command.
pub(super) fn run() -> Exit {
    let mut page = Vec::new();
    match render(definition(), &mut page) {
        Ok(()) => write_out(&page),
        // Writing into memory does not fail.
        Err(_) => Exit::Failed,
    }
}

/// One page for all commands: a person looks for a flag in one place.
fn render(mut command: Command, page: &mut Vec<u8>) -> io::Result<()> {
    command.build();
    let subcommands: Vec<Command> = command.get_subcommands().cloned().collect();
    let examples: Vec<String> = std::iter::once(&command).chain(&subcommands).flat_map(examples).collect();
    // What the embedded scenario may be told stands with its command.
    let of_local: Vec<String> = command
        .find_subcommand("local")
        .map(|local| local.get_arguments().filter(|flag| !flag.is_global_set()).map(id).collect())
        .unwrap_or_default();
    let command = command.mut_args(|flag| {
        let told_below = of_local.contains(&id(&flag));
        flag.hide_short_help(false).hide(told_below)
    });
    // Undated: the version says which it is. `Roff` would leave the empty date out and shift what follows.
    let version = command.get_version().unwrap_or_default();
    let title = format!(".TH STREAMGAUGE 1 \"\" \"streamgauge {version}\" \"User Commands\"\n");
    page.extend_from_slice(title.as_bytes());
    let man = Man::new(command);
    man.render_name_section(page)?;
    let mut synopsis = Roff::new();
    synopsis.control("SH", ["SYNOPSIS"]).text([bold("streamgauge"), roman(" [flags of local]")]).control("br", []);
    synopsis.text([bold("streamgauge"), roman(" "), italic("COMMAND"), roman(" ...")]).to_writer(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    Roff::new().control("SH", ["COMMANDS"]).to_writer(page)?;
    for subcommand in subcommands {
        render_command(subcommand, page)?;
    }
    keys(&Keymap::default()).to_writer(page)?;
    files().to_writer(page)?;
    environment().to_writer(page)?;
    exit_status().to_writer(page)?;
    let mut section = Roff::new();
    section.control("SH", ["EXAMPLES"]);
    for example in examples {
        let (typed, said) = example.split_once("  ").unwrap_or((&example, ""));
        entry(&mut section, [bold(typed)], &format!("{}.", said.trim()));
    }
    section.to_writer(page)
}

/// A command with its flags. Those that every command has were told above.
fn render_command(command: Command, page: &mut Vec<u8>) -> io::Result<()> {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    Roff::new().control("SS", [usage.as_str()]).text([roman(format!("{about}."))]).to_writer(page)?;
    let command = command.mut_args(|flag| {
        let told_above = flag.is_global_set();
        flag.hide_short_help(false).hide(told_above)
    });
    let mut options = Vec::new();
    Man::new(command).render_options_section(&mut options)?;
    // A section of its own would end the list of commands.
    let options = String::from_utf8_lossy(&options).replace(".SH OPTIONS\n", "");
    page.extend_from_slice(options.as_bytes());
    Ok(())
}

fn id(flag: &clap::Arg) -> String {
    flag.get_id().to_string()
}

/// The examples at the end of a command's help: each is `command  what it does`.
fn examples(command: &Command) -> Vec<String> {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    help.lines().map(str::trim).filter(|line| line.starts_with("streamgauge")).map(str::to_owned).collect()
}

fn entry(section: &mut Roff, what: impl IntoIterator<Item = Inline>, said: &str) {
    section.control("TP", []).text(what.into_iter().collect::<Vec<_>>()).text([roman(said)]);
}

/// The default keys.
fn keys(keymap: &Keymap) -> Roff {
    let mut section = Roff::new();
    section.control("SH", ["KEYS"]).text([roman(
        "Keys can be bound otherwise in the configuration file, under the name in brackets. While something is typed, \
         Enter takes it and Esc or Ctrl-C leaves it.",
    )]);
    let mut group: Option<Group> = None;
    for binding in keymap.bindings() {
        let Some(first) = binding.keys.first() else { continue };
        let action: Action = binding.action;
        if group != Some(action.group()) {
            group = Some(action.group());
            section.control("SS", [action.group().heading()]);
        }
        let others = binding.keys.iter().skip(1).flat_map(|key: &Key| [roman(", "), bold(key.to_string())]);
        let name = [roman(" ["), italic(action.name()), roman("]")];
        let what: Vec<Inline> = std::iter::once(bold(first.to_string())).chain(others).chain(name).collect();
        entry(&mut section, what, &format!("{}.", action.help()));
    }
    section
}

fn files() -> Roff {
    let mut section = Roff::new();
    section.control("SH", ["FILES"]);
    let config = "The settings. `streamgauge config` prints a commented sample. A file that has a mistake is left out, and the \
                  mistake told; one that was named by --config or by the environment has to be right.";
    entry(&mut section, [italic("$XDG_CONFIG_HOME/streamgauge/config.toml")], config);
    let state = "Recordings of sessions on screen, the newest; without XDG_STATE_HOME in ~/.local/state.";
    entry(&mut section, [italic("$XDG_STATE_HOME/streamgauge/*.jsonl.zst")], state);
    section
}

fn environment() -> Roff {
    let mut section = Roff::new();
    section.control("SH", ["ENVIRONMENT"]).text([roman(
        "A flag goes before the environment, that before the configuration file. A variable that is empty says nothing.",
    )]);
    entry(&mut section, [bold(CONFIG)], "Another configuration file.");
    for (variable, setting, said) in VARIABLES {
        entry(&mut section, [bold(variable)], &format!("The setting {setting}: {said}."));
    }
    for (variable, said) in credentials::VARIABLES {
        entry(&mut section, [bold(variable)], &format!("For attach: {said}."));
    }
    for (variable, said) in management::address::VARIABLES {
        entry(&mut section, [bold(variable)], &format!("For attach --resource-group: {said}."));
    }
    let subscription = "For attach --resource-group: the subscription, where --subscription names none.";
    entry(&mut section, [bold(SUBSCRIPTION)], subscription);
    let entra = "For attach: a service principal of Entra ID, with AZURE_TENANT_ID and AZURE_CLIENT_SECRET. Without it, \
                 who is logged in with the Azure CLI, else the machine's managed identity.";
    entry(&mut section, [bold("AZURE_CLIENT_ID")], entra);
    entry(
        &mut section,
        [bold("NO_COLOR")],
        "If it is set and no flag or setting says otherwise, there are no colours.",
    );
    section
}

fn exit_status() -> Roff {
    let mut section = Roff::new();
    section.control("SH", ["EXIT STATUS"]);
    for (exit, said) in EXITS {
        entry(&mut section, [bold((exit as u8).to_string())], &format!("{said}."));
    }
    section
}
