//! The program as a command that ends by itself: what it is called with, and what it says.

#![allow(dead_code, reason = "each test has use for a part of it")]

use std::process::{Command, Output, Stdio};

/// The program, to be called in the repository's folder, with nobody at its standard input and without a home: nothing of
/// the user's settings reaches a test.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_streamgauge"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    let home = concat!(env!("CARGO_TARGET_TMPDIR"), "/nobody");
    command.env("XDG_CONFIG_HOME", home).env("XDG_STATE_HOME", home);
    command
}

/// What it came to.
pub(crate) fn run(arguments: &[&str]) -> Output {
    run_with(arguments, &[])
}

/// What it came to with these variables in its environment.
pub(crate) fn run_with(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    program(arguments).envs(variables.iter().copied()).output().expect("the program starts")
}

/// What it wrote to standard output.
pub(crate) fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// What it complained of on standard error.
pub(crate) fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim_end().to_owned()
}
