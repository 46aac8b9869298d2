//! What the program says of itself: help, the manual page, completions, as other people's tools read them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod command;

use std::io::Write;
use std::process::{Command, Stdio};

use streamgauge::ui::keymap::Keymap;

fn said(arguments: &[&str]) -> String {
    let output = command::run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", command::complaint(&output));
    command::out(&output)
}

/// The commands as the short help lists them.
fn commands() -> Vec<String> {
    let help = said(&["-h"]);
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = list.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect()
}

#[test]
fn help_fits_the_screen_and_shows_examples() {
    assert!(commands().len() >= 5, "{:?}", commands());
    let names = commands();
    for command in names.iter().map(|name| vec![name.as_str()]).chain([vec![]]) {
        for flag in ["-h", "--help"] {
            let help = said(&[&command[..], &[flag]].concat());
            let widest = help.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(80), "{command:?} {flag}: {widest:?}");
            assert!(help.contains("\nExamples:\n  streamgauge"), "{command:?} {flag}: {help}");
            // On the smallest screen a row is left for the prompt.
            assert!(help.lines().count() <= 23, "{command:?}: {help}");
            // The rare flags and the long words are where its last line says.
            let last = help.lines().last().unwrap_or_default();
            let all = [&["streamgauge", "help"], &command[..]].concat().join(" ");
            assert!(last.contains(&format!("`{all}`")) && last.contains("`streamgauge man"), "{last}");
        }
    }
}

#[test]
fn the_long_help_has_every_flag() {
    let report = said(&["help", "report"]);
    for told in ["--search", "--warm-up", "--metrics", "lag-back ", "\nExamples:\n  streamgauge report"] {
        assert!(report.contains(told), "{told}: {report}");
    }
    let alone = said(&["help"]);
    assert!(alone.contains("--cosmos-port") && alone.contains("--version") && alone.contains("Exit codes:"), "{alone}");
    let output = command::run(&["help", "repotr"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(command::complaint(&output).starts_with("streamgauge: invalid value 'repotr'"));
}

#[test]
fn the_manual_names_every_command_flag_and_key() {
    let page = said(&["man"]);
    for command in commands() {
        assert!(page.contains(&format!("\n.SS \"streamgauge {command}")), "{command}: {page}");
    }
    let plain = page.replace("\\-", "-").replace("\\fB", "").replace("\\fR", "").replace("\\fI", "");
    for flag in ["--partitions", "--cosmos-port", "--loop", "--config", "STREAMGAUGE_CONFIG", "NO_COLOR"] {
        assert!(plain.contains(flag), "{flag}");
    }
    for binding in Keymap::default().bindings() {
        let keys: Vec<String> = binding.keys.iter().map(ToString::to_string).collect();
        let line = format!("{} [{}]", keys.join(", "), binding.action.name());
        assert!(plain.replace("\\&", "").contains(&line), "{line}");
    }
    for heading in ["KEYS", "FILES", "ENVIRONMENT", "EXIT STATUS", "EXAMPLES"] {
        assert!(page.contains(&format!("\n.SH {heading}\n")) || page.contains(&format!("\n.SH \"{heading}\"\n")));
    }
}

/// Gives a tool a text to read, and its own words if it complains.
fn read_by(mut tool: Command, text: &str) -> Result<String, String> {
    let mut child = tool
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{error}: is it installed?"))?;
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = words(&output.stdout) + &words(&output.stderr);
    if output.status.success() { Ok(said) } else { Err(said) }
}

#[test]
#[ignore = "needs mandoc"]
fn mandoc_has_nothing_against_the_manual() {
    let mut mandoc = Command::new("mandoc");
    mandoc.args(["-Tlint", "-Wwarning"]);
    let (Ok(said) | Err(said)) = read_by(mandoc, &said(&["man"]));
    // The page says its version, and no date; where a flag lists its values, `clap_mangen` asks for one break too many,
    // which no reader sees.
    let known = [
        "missing date, using \"\": TH",
        "skipping paragraph macro: br before sp",
        "skipping paragraph macro: br after sp",
    ];
    let complaints: Vec<&str> = said.lines().filter(|line| !known.iter().any(|known| line.contains(known))).collect();
    assert!(complaints.is_empty(), "{said}");
    assert!(said.contains("missing date"), "mandoc has read it: {said}");
}

/// What bash offers for a line that ends in the word to be completed.
fn completed_by_bash(line: &str) -> Vec<String> {
    let script = format!(
        "{}\nCOMP_WORDS=({line})\nCOMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\nword=\"${{COMP_WORDS[COMP_CWORD]}}\"\n\
         _streamgauge streamgauge \"$word\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        said(&["completions", "bash"])
    );
    let mut bash = Command::new("bash");
    bash.args(["--norc", "--noprofile", "-s"]);
    let offered = read_by(bash, &script).unwrap_or_else(|words| panic!("{words}"));
    offered.lines().map(str::to_owned).collect()
}

#[test]
#[ignore = "needs bash"]
fn bash_completes_commands_flags_and_values() {
    assert_eq!(completed_by_bash("streamgauge repl"), ["replay"]);
    assert_eq!(completed_by_bash("streamgauge replay --lo"), ["--loop"]);
    assert_eq!(completed_by_bash("streamgauge completions po"), ["powershell"]);
    assert_eq!(completed_by_bash("streamgauge help repl"), ["replay"]);
    assert_eq!(completed_by_bash("streamgauge local --no-"), ["--no-process", "--no-record"]);
}

/// Each shell's script names every command; whether the shell itself takes it is tried for bash, zsh and fish.
#[test]
fn there_are_completions_for_four_shells() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = said(&["completions", shell]);
        assert!(commands().iter().all(|command| script.contains(command.as_str())), "{shell}");
    }
}

#[test]
#[ignore = "needs zsh and fish"]
fn zsh_and_fish_take_their_scripts() {
    for (shell, arguments) in [("zsh", ["-n", "/dev/stdin"]), ("fish", ["--no-execute", "/dev/stdin"])] {
        let mut command = Command::new(shell);
        command.args(arguments);
        assert_eq!(read_by(command, &said(&["completions", shell])), Ok(String::new()), "{shell}");
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    for arguments in [&["man"][..], &["config"], &["completions", "zsh"]] {
        let mut child =
            command::program(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{arguments:?}");
    }
}
