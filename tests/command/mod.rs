//! The program as a command that ends by itself: what it is called with, and what it says.

#![allow(dead_code, reason = "each test has use for a part of it")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

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

/// What a program that runs writes, a line at a time. One that says nothing more fails the test instead of holding it up.
pub(crate) struct LinesOf(Receiver<String>);

impl LinesOf {
    const LIMIT: Duration = Duration::from_secs(120);

    pub(crate) fn of(output: impl Read + Send + 'static) -> Self {
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            // Who has gone away needs no more lines.
            BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| tell.send(line)).ok();
        });
        Self(lines)
    }

    /// The next line.
    pub(crate) fn next(&self) -> String {
        self.0.recv_timeout(Self::LIMIT).expect("another line in time")
    }

    /// The first line from here on that has a text in it.
    pub(crate) fn with(&self, text: &str) -> String {
        let lines = std::iter::repeat_with(|| self.0.recv_timeout(Self::LIMIT));
        let line = lines.map(|line| line.unwrap_or_else(|why| panic!("no line with {text:?}: {why}")));
        line.into_iter()
            .find(|line| line.contains(text))
            .unwrap_or_else(|| unreachable!("it ends in a panic or a line"))
    }

    /// What is left, until the program ends.
    pub(crate) fn rest(&self) -> Vec<String> {
        std::iter::from_fn(|| match self.0.recv_timeout(Self::LIMIT) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(why) => panic!("it neither speaks nor ends: {why}"),
        })
        .collect()
    }
}
