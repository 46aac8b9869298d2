//! Settings from outside: which file is read, which mistake is fatal, and what the sample is good for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod command;

use std::path::{Path, PathBuf};
use std::process::Output;

use command::{complaint, program};

/// A user with a home of their own, in a folder that goes with the test.
struct User {
    home: tempfile::TempDir,
}

impl User {
    fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a folder") }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
        std::fs::write(&path, text).expect("it is written");
        path
    }

    /// The configuration file that is read when none is named.
    fn own(&self, text: &str) -> PathBuf {
        self.file("streamgauge/config.toml", text)
    }

    fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = program(arguments);
        command.env("XDG_CONFIG_HOME", self.home.path()).env("XDG_STATE_HOME", self.home.path());
        command.envs(variables.iter().copied()).output().expect("the program starts")
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in plain text")
}

#[test]
fn the_sample_is_a_file_that_can_be_used_at_once() {
    let user = User::new();
    let output = user.run(&["config"], &[]);
    assert!(output.status.success());
    let sample = String::from_utf8(output.stdout).expect("text");
    assert!(sample.contains("#sort = \"worst\""), "{sample}");
    let own = user.home.path().join("streamgauge/config.toml");
    assert!(sample.ends_with(&format!("# It is looked for at {}, where there is none now.\n", own.display())));
    user.own(&sample);
    let output = user.run(&["config"], &[]);
    assert!(String::from_utf8_lossy(&output.stdout).ends_with(&format!("# It is read from {}.\n", own.display())));
    let listed = user.run(&["replay"], &[]);
    assert_eq!((listed.status.code(), complaint(&listed).as_str()), (Some(0), ""), "nothing is wrong with it");
}

#[test]
fn what_the_documentation_shows_can_be_written() {
    let page = include_str!("../docs/screen.md");
    let (_, rest) = page.split_once("```toml\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    let settings = streamgauge::config::parse(example, "docs/screen.md").expect("it is right");
    assert_ne!(settings, streamgauge::config::Settings::default());
}

#[test]
fn a_named_file_that_can_not_be_used_is_a_usage_error() {
    let user = User::new();
    let typo = user.file("typo.toml", "theme = \"auto\"\n\nsrot = \"rate\"\n");
    let unknown_key = user.file("key.toml", "[keys]\nzoom = [\"entr\"]\n");
    let twice = user.file("twice.toml", "[keys]\nzoom = [\"y\"]\nmark = [\"y\"]\n");
    let no_way_out = user.file("out.toml", "[keys]\nquit = []\n");
    let torn = user.file("torn.toml", "sort = \"rate\n");
    let cases = [
        (&typo, "line 3: unknown field `srot`; did you mean `sort`?"),
        (&unknown_key, "line 2: `entr` is no key; did you mean `enter`?"),
        (&twice, "line 3: `y` is bound twice, to zoom and to mark; choose one"),
        (&no_way_out, "line 2: this leaves no key to quit"),
        (&torn, "line 1: "),
    ];
    for (path, expected) in cases {
        let by_flag = ["replay", "--config", text(path)];
        for output in [user.run(&by_flag, &[]), user.run(&["replay"], &[("STREAMGAUGE_CONFIG", text(path))])] {
            let said = complaint(&output);
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(said.starts_with(&format!("streamgauge: {}, {expected}", path.display())), "{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
        }
    }
    let nowhere = user.home.path().join("nowhere.toml");
    let output = user.run(&["replay", "--config", text(&nowhere)], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(&output).contains("nowhere.toml could not be read ("), "{}", complaint(&output));
}

#[test]
fn the_file_is_named_before_or_after_the_command_and_no_other_flag_before() {
    let user = User::new();
    let typo = user.file("typo.toml", "srot = \"rate\"\n");
    for arguments in [["--config", text(&typo), "replay"], ["replay", "--config", text(&typo)]] {
        assert!(complaint(&user.run(&arguments, &[])).contains("did you mean `sort`?"), "{arguments:?}");
    }
    let output = user.run(&["--rate", "5", "replay", "steady"], &[]);
    assert_eq!(output.status.code(), Some(2));
    let expected = "streamgauge: --rate can't stand before replay; it belongs to `streamgauge local`; see --help";
    assert_eq!(complaint(&output), expected);
}

#[test]
fn a_variable_that_can_not_be_understood_is_a_usage_error() {
    let user = User::new();
    let output = user.run(&["replay"], &[("STREAMGAUGE_SORT", "wurst")]);
    assert_eq!(output.status.code(), Some(2));
    let expected = "streamgauge: STREAMGAUGE_SORT in the environment: unknown variant `wurst`; did you mean `worst`?";
    assert_eq!(complaint(&output), expected);
}

#[test]
fn a_mistake_in_the_users_own_file_is_told_and_the_defaults_serve() {
    let user = User::new();
    let own = user.own("recrod = false\n");
    let output = user.run(&["replay"], &[]);
    assert_eq!(output.status.code(), Some(0));
    let expected = format!(
        "streamgauge: {}, line 1: unknown field `recrod`; did you mean `record`?; the defaults serve",
        own.display()
    );
    assert_eq!(complaint(&output), expected);
}

#[test]
fn commands_that_have_no_use_for_settings_do_not_read_them() {
    let user = User::new();
    user.own("recrod = false\n");
    for command in [&["man"][..], &["completions", "bash"], &["config"]] {
        let output = user.run(command, &[]);
        assert_eq!((output.status.code(), complaint(&output).as_str()), (Some(0), ""), "{command:?}");
    }
}
