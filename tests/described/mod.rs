//! The embedded scenario as others are told of it: a scenario file, the variables with the credentials, a process that serves
//! it.

#![allow(dead_code, reason = "each test has use for a part of it")]

#[path = "../command/mod.rs"]
mod command;

use std::process::{Child, Command, ExitStatus, Stdio};

use command::LinesOf;
use serde_json::Value;
use streamgauge::local::scenario::Endpoints;

/// A scenario file for endpoints, and the variables that hold their credentials.
pub(crate) struct Described {
    pub(crate) file: String,
    pub(crate) variables: Vec<(&'static str, String)>,
}

impl Described {
    /// `name` tells the files of tests apart.
    pub(crate) fn new(name: &str, endpoints: &Value, more: &str) -> Self {
        let text = |pointer: &str| endpoints.pointer(pointer).and_then(Value::as_str).expect("an endpoint").to_owned();
        let connection_string = text("/eventhubs");
        let host = connection_string.trim_start_matches("Endpoint=sb://").split([';', '/']).next().expect("a host");
        let scenario = format!(
            "title = \"the embedded scenario\"\nprocessor = \"Functions\"\n\
             [ingest.event-hubs]\nnamespace = \"{host}\"\nhub = \"streamgauge\"\nconsumer-group = \"{}\"\n\
             refresh = \"250ms\"\n\
             [position.checkpoints]\nendpoint = \"{}\"\ncontainer = \"{}\"\nrefresh = \"250ms\"\n\
             [store.cosmos]\nendpoint = \"{}\"\ndatabase = \"{}\"\ncontainer = \"{}\"\nrefresh = \"250ms\"\n{more}",
            text("/consumer_group"),
            text("/blob/endpoint"),
            text("/blob/container"),
            text("/cosmos/endpoint"),
            text("/cosmos/database"),
            text("/cosmos/container"),
        );
        let file = format!("{}/{name}.toml", env!("CARGO_TARGET_TMPDIR"));
        std::fs::write(&file, scenario).expect("the scenario file");
        let variables = vec![
            ("STREAMGAUGE_EVENTHUBS_CONNECTION_STRING", connection_string),
            ("STREAMGAUGE_STORAGE_KEY", text("/blob/key")),
            ("STREAMGAUGE_COSMOS_KEY", text("/cosmos/key")),
        ];
        Self { file, variables }
    }

    pub(crate) fn of(name: &str, endpoints: &Endpoints, more: &str) -> Self {
        Self::new(name, &serde_json::to_value(endpoints).expect("JSON"), more)
    }

    /// The variables as they are set.
    pub(crate) fn variables(&self) -> Vec<(&str, &str)> {
        self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}

/// The embedded scenario in a process of its own.
pub(crate) struct Served {
    child: Child,
    pub(crate) endpoints: Value,
}

impl Served {
    pub(crate) fn start(flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_streamgauge"))
            .args(["local", "--headless", "--json", "--partitions", "4"])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let line = LinesOf::of(child.stdout.take().expect("its output")).next();
        Self { child, endpoints: serde_json::from_str(&line).expect("JSON") }
    }

    /// A text of what it says of its endpoints.
    pub(crate) fn says(&self, pointer: &str) -> String {
        self.endpoints.pointer(pointer).and_then(Value::as_str).expect("an endpoint").to_owned()
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
        self.child.wait().expect("it ends")
    }

    /// Makes it stand still (STOP) and go on (CONT).
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// As a machine goes away: without a goodbye.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it ended");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have been killed already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
