//! `streamgauge attach` against the embedded scenario: the whole path by a scenario file, in a pseudo-terminal, over the
//! code that watches Azure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]
#![cfg(unix)]

mod described;
mod positions_container;
mod terminal;

use std::process::Command;
use std::time::{Duration, Instant};

use described::{Described, Served};
use positions_container::{metadata, write_to};
use serde_json::Value;
use streamgauge::azure::eventhubs::Claim;
use streamgauge::azure::{BlobAddress, BlobCredential, Secret};
use streamgauge::local::eventhubs::{EventHubsEndpoint, EventHubsOptions, SharedKey};
use streamgauge::local::fault::{Fault, FaultSwitch};
use streamgauge::local::scenario::{Faults, Ports, Scenario, ScenarioOptions};
use streamgauge::model::observation::Target;
use streamgauge::model::units::EventRate;
use streamgauge::recording::player::Player;
use streamgauge::recording::reader::Recording;
use streamgauge::wall_clock::wall_clock;
use terminal::{Program, STREAMGAUGE, figure};
use tokio::sync::mpsc;

/// Wide enough for a whole sentence.
const SIZE: (u16, u16) = (320, 60);

fn attach(described: &Described, flags: &[&str]) -> Program {
    Program::start_with(&[&["attach", &described.file, "--no-record"], flags].concat(), SIZE, &described.variables())
}

#[test]
fn what_another_process_serves_is_watched_through_its_death_and_return() {
    let mut served = Served::start(&["--rate", "100"]);
    let described = Described::new("attach-served", &served.endpoints, "");
    let mut program = attach(&described, &[]);
    program.wait_for("the word", |screen| screen.contains("KEEPING UP"));
    program.wait_for("every station", |screen| {
        ["4 partitions", "Functions", "checkpoint", "2 ranges", "20.0k RU/s provisioned"]
            .iter()
            .all(|part| screen.contains(part))
    });
    program.wait_for("rates and latencies", |screen| {
        screen.contains(" events/s")
            && screen.contains(" writes/s")
            && screen.contains("stored p50")
            && !screen.contains("Event Hubs ───────    -")
    });
    assert!(program.screen().contains("none was sent yet"), "there is no load of ours: {}", program.screen());

    served.kill();
    program.wait_for("the loss", |screen| {
        screen.contains("BLIND") && screen.contains("the ingest log: can't reach Event Hubs at amqp://127.0.0.1:")
    });
    let port = |pointer: &str, after: &str| {
        let text = served.endpoints.pointer(pointer).and_then(Value::as_str).expect("an endpoint");
        let rest = text.split(after).nth(1).expect("a port");
        rest.chars().take_while(char::is_ascii_digit).collect::<String>()
    };
    let [amqp, blob, cosmos] = [
        port("/eventhubs", "127.0.0.1:"),
        port("/blob/endpoint", "127.0.0.1:"),
        port("/cosmos/endpoint", "127.0.0.1:"),
    ];
    let ports = ["--eventhubs-port", &amqp, "--blob-port", &blob, "--cosmos-port", &cosmos];
    // It comes back with a new log, new checkpoints and a new store under the old names.
    let _back = Served::start(&[&["--rate", "100"], &ports[..]].concat());
    program.wait_for("its return", |screen| screen.contains("KEEPING UP"));
    program.press("q");
    assert!(program.end().success());
    assert!(program.not_as_before().is_empty());
}

/// The embedded scenario in this process, so that its faults can be switched.
struct Within {
    scenario: Option<Scenario>,
    runtime: tokio::runtime::Runtime,
}

impl Within {
    fn start(rate: f64) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("one");
        let options = ScenarioOptions {
            partitions: 4,
            target: if rate > 0.0 { Target::Rate(EventRate::new(rate)) } else { Target::Paused },
            seed: 7,
            duplicate_every: 0,
            request_units: 100_000,
            process: true,
            ports: Ports::default(),
            tls: None,
        };
        let scenario = runtime.block_on(async {
            let (tell, mut observations) = mpsc::channel(4_096);
            tokio::spawn(async move { while observations.recv().await.is_some() {} });
            Scenario::start(options, tell, wall_clock).await.expect("the scenario comes up")
        });
        Self { scenario: Some(scenario), runtime }
    }

    fn scenario(&self) -> &Scenario {
        self.scenario.as_ref().expect("it runs")
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        if let Some(scenario) = self.scenario.take() {
            // A failed test has its own message; what the end of the scenario says does not matter then.
            drop(self.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(30), scenario.stop()).await }));
        }
    }
}

type Switch = fn(&Faults) -> &FaultSwitch;

#[test]
fn each_service_that_is_away_or_refuses_the_credential_is_named_and_comes_back() {
    let within = Within::start(50.0);
    let described = Described::of("attach-faults", &within.scenario().endpoints, "");
    let mut program = attach(&described, &[]);
    program.wait_for("the word", |screen| screen.contains("KEEPING UP"));
    let table: [(Switch, &str, &str); 3] = [
        (|faults| &faults.eventhubs, "the ingest log: ", "Azure Event Hubs Data Receiver"),
        (|faults| &faults.blob, "the checkpoints: ", "Storage Blob Data Reader"),
        (|faults| &faults.cosmos, "the store: ", "Cosmos DB Built-in Data Reader"),
    ];
    for (switch, station, role) in table {
        let switch = switch(&within.scenario().faults);
        switch.set(Fault::Cut);
        program.wait_for(station, |screen| screen.contains(station));
        switch.clear();
        program.wait_for("it to come back", |screen| !screen.contains(station) && screen.contains("KEEPING UP"));
        switch.set(Fault::Deny);
        program.wait_for(role, |screen| screen.contains("refuses the credential") && screen.contains(role));
        switch.clear();
        program.wait_for("it to come back", |screen| !screen.contains(station) && screen.contains("KEEPING UP"));
    }
    program.press("q");
    assert!(program.end().success());
    for (name, value) in &described.variables {
        let secret = value.split("SharedAccessKey=").last().and_then(|rest| rest.split(';').next()).expect("a part");
        assert!(!program.screen().contains(secret), "{name} is on screen");
    }
}

/// Two groups have checkpoints in one container: a person sees which, and turns to the other one. The recording tells
/// the same.
#[test]
fn another_consumer_group_is_watched_after_a_key() {
    let within = Within::start(50.0);
    let endpoints = &within.scenario().endpoints;
    // The checkpoints of a group that read 3 events of two partitions, and a blob that nobody can use.
    let text = serde_json::to_value(endpoints).expect("JSON");
    let part = |pointer: &str| text.pointer(pointer).and_then(Value::as_str).expect("an endpoint").to_owned();
    let address = BlobAddress {
        endpoint: part("/blob/endpoint"),
        container: part("/blob/container"),
        credential: BlobCredential::SharedKey { account: part("/blob/account"), key: Secret::new(part("/blob/key")) },
    };
    let connection_string = part("/eventhubs");
    let namespace = connection_string.trim_start_matches("Endpoint=sb://").split([';', '/']).next().expect("a host");
    let checkpoint = |partition: u32, number: &str| {
        let name = format!("{namespace}/streamgauge/backup/checkpoint/{partition}");
        metadata(&name, &[("sequencenumber", number), ("offset", "0")])
    };
    within.runtime.block_on(write_to(&address, &[checkpoint(0, "2"), checkpoint(1, "2"), checkpoint(2, "")]));

    let described = Described::of("attach-groups", endpoints, "");
    let folder = tempfile::tempdir().expect("a folder");
    let recording = folder.path().join("groups.jsonl.zst");
    let mut program = Program::start_with(
        &["attach", &described.file, "--record", recording.to_str().expect("a path")],
        SIZE,
        &described.variables(),
    );
    program.wait_for("the offer", |screen| screen.contains("4 partitions") && screen.contains("u group"));
    program.press("2");
    program.wait_for("whose positions", |screen| {
        screen.contains("╰ consumer group cosmos ─") && screen.contains("positions as Functions 5 / SDK metadata")
    });
    program.press("u");
    program.wait_for("the list", |screen| screen.contains("● cosmos") && screen.contains("  backup"));
    program.press("k\r");
    program.wait_for("the other group", |screen| screen.contains("╰ consumer group backup ─"));
    program.wait_for("its partitions: two that are behind, two without a position", |screen| {
        screen.matches("no position").count() == 2 && !screen.contains("? blind")
    });
    program.press("u");
    program.wait_for("the list", |screen| screen.contains("● backup"));
    program.press("j\r");
    program.wait_for("the first group", |screen| {
        screen.contains("╰ consumer group cosmos ─") && !screen.contains("? blind")
    });
    program.press("q");
    assert!(program.end().success());

    let mut player = Player::of(Recording::open(&recording).expect("a recording")).expect("it is whole");
    let (_, last) = player.span();
    let session = player.session_at(last).expect("its end").clone();
    assert_eq!(session.group.as_deref(), Some("cosmos"));
    let marks: Vec<&str> = session.marks.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(marks, ["consumer group backup", "consumer group cosmos"]);
    let (at, _) = session.marks[0].clone();
    let before = player.session_at(at.before(Duration::from_micros(1))).expect("a moment").clone();
    assert_eq!(before.group.as_deref(), Some("cosmos"));
    assert!(before.partitions.values().all(|partition| partition.position().is_some()));
    let turned = player.session_at(at).expect("that moment");
    assert_eq!((turned.group.as_deref(), turned.lag_events()), (Some("backup"), None));
    assert!(turned.partitions.values().all(|partition| partition.position().is_none() && partition.owner().is_none()));
}

#[test]
fn no_load_without_a_confirmation_and_none_past_its_bounds() {
    let within = Within::start(0.0);
    let described = Described::of("attach-load", &within.scenario().endpoints, "[load]\nrate = 40\nmax-rate = 50\n");
    let mut program = attach(&described, &["--max-events", "120"]);
    program.wait_for("the screen", |screen| screen.contains("4 partitions"));
    // A key by mistake, and then keys that are no answer.
    program.press("]");
    program.wait_for("the question", |screen| screen.contains("load into streamgauge in 127.0.0.1:"));
    program.press("]]p\r");
    program.wait_for("the answer", |screen| screen.contains("no load goes into streamgauge"));
    assert!(program.screen().contains("none was sent yet"));

    program.press("p");
    program.wait_for("the question", |screen| screen.contains("load into streamgauge in 127.0.0.1:"));
    program.press("streamgauge\r");
    // Past its bound, which the driver keeps.
    program.press("]]");
    program.wait_for("the bound", |screen| screen.contains("the load is at its bound, 50/s, and goes no higher"));
    program.wait_for("the end of the load", |screen| {
        figure(screen, "sent") == Some(120)
            && figure(screen, "stored") == Some(120)
            && screen.contains("it came to its bound")
    });
    // Nothing starts it again, and nothing is offered that would.
    program.press("p]");
    program.wait_for("the keys", |screen| screen.contains("q quit") && !screen.contains("resume load"));
    program.press("q");
    assert!(program.end().success());
    let said = program.screen();
    assert!(said.contains("sent 120  stored 120  lost 0"), "{said}");
}

#[test]
fn a_load_from_the_command_line_needs_no_confirmation_and_ends_in_time() {
    let within = Within::start(0.0);
    let described = Described::of("attach-load-flag", &within.scenario().endpoints, "");
    let mut program = attach(&described, &["--load", "max", "--max-rate", "60", "--for", "2s"]);
    program.wait_for("the end of the load", |screen| {
        figure(screen, "sent").is_some_and(|sent| sent >= 60) && screen.contains("it came to its bound")
    });
    program.press("q");
    assert!(program.end().success());
    let sent = figure(&program.screen(), "sent").expect("a summary");
    // 60 a second for 2 seconds.
    assert!((60..=121).contains(&sent), "{sent}");
}

/// What the load sent before the first look at the store would be unseen for good.
#[test]
fn a_load_from_the_command_line_waits_for_a_first_look_at_the_store() {
    let within = Within::start(0.0);
    let described = Described::of("attach-load-first", &within.scenario().endpoints, "");
    let flags = ["--load", "300", "--max-events", "300"];
    let mut program = attach(&described, &flags);
    program.wait_for("all of it in the store", |screen| figure(screen, "stored") == Some(300));
    program.press("q");
    assert!(program.end().success());
    assert!(program.screen().contains("sent 300  stored 300  lost 0"), "{}", program.screen());
    drop(program);

    // A store that stays away is not waited for for ever.
    within.scenario().faults.cosmos.set(Fault::Cut);
    let mut program = attach(&described, &flags);
    program.wait_for("what is waited for", |screen| {
        screen.contains("the load waits for a first look at the store, 15 s at most")
    });
    assert!(program.screen().contains("○ off"), "{}", program.screen());
    program.wait_for("its begin", |screen| screen.contains("the store does not answer yet, and the load begins"));
    within.scenario().faults.cosmos.clear();
    program.wait_for("the end of the load", |screen| screen.contains("it came to its bound"));
    program.press("q");
    assert!(program.end().success());
}

/// A hub that does not answer does not hold whoever leaves: it is said how long is waited, and Ctrl-C waits no more.
#[test]
fn leaving_is_told_and_can_be_had_at_once_while_nothing_answers() {
    let served = Served::start(&["--rate", "0"]);
    let described = Described::new("attach-leaving", &served.endpoints, "");
    let mut program = attach(&described, &["--load", "100"]);
    program.wait_for("the load", |screen| figure(screen, "stored").is_some_and(|stored| stored >= 100));
    served.signal("STOP");
    program.wait_for("the debt", |screen| screen.contains("behind"));
    program.press("q");
    program.wait_for("the sentence", |screen| {
        screen.contains("the load is stopped; waiting 20 s at most for ")
            && screen.contains("on their way (Ctrl-C: at once)")
    });
    let asked = Instant::now();
    program.press("\u{3}");
    assert!(program.end().success());
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    assert!(program.screen().contains("sent "), "what is known is told: {}", program.screen());
}

#[test]
fn a_rate_past_its_bound_is_refused_whoever_says_so() {
    let described =
        Described::new("attach-past", &Served::start(&["--rate", "0"]).endpoints, "[load]\nmax-rate = 50\n");
    let told = |arguments: &[&str]| {
        let output = Command::new(STREAMGAUGE).args(arguments).envs(described.variables()).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = told(&["attach", &described.file, "--load", "100"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--load asks for 100/s, and max-rate in the scenario file allows 50/s"), "{said}");
    let plan = ["--plan", "150 for 75s", "--max-rate", "60", "--rule", "throughput=90%"];
    let (code, said) = told(&[&["report", "--live", "--scenario", &described.file], &plan[..]].concat());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--plan asks for 150/s, and --max-rate allows 60/s"), "{said}");
}

#[test]
fn a_load_goes_in_with_a_connection_string_whose_key_the_hub_checks() {
    const KEY: &str = "c2VjcmV0LXNlY3JldC1zZWNyZXQ=";
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("one");
    let key = SharedKey { name: "streamgauge".into(), key: Secret::new(KEY), claims: vec![Claim::Listen, Claim::Send] };
    let options = EventHubsOptions { key: Some(key), ..EventHubsOptions::default() };
    let hub = runtime.block_on(EventHubsEndpoint::start(options)).expect("a hub");
    let scenario = format!(
        "[ingest.event-hubs]\nnamespace = \"contoso.servicebus.windows.net\"\nhub = \"events\"\n\
         endpoint = \"amqp://{}\"\ncredential = \"environment\"\nrefresh = \"250ms\"\n",
        hub.address()
    );
    let file = format!("{}/attach-shared-key.toml", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&file, scenario).expect("the scenario file");
    let of = |key: &str| {
        let text = format!(
            "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=streamgauge;SharedAccessKey={key}"
        );
        let variables = vec![("STREAMGAUGE_EVENTHUBS_CONNECTION_STRING", text)];
        Described { file: file.clone(), variables }
    };

    let wrong = "b3RoZXItb3RoZXItb3RoZXI=";
    let mut program = attach(&of(wrong), &["--load", "60"]);
    program.wait_for("the sentence", |screen| {
        screen.contains("refuses the credential") && screen.contains("STREAMGAUGE_EVENTHUBS_CONNECTION_STRING")
    });
    assert!(!program.screen().contains(wrong));
    drop(program);

    let mut program = attach(&of(KEY), &["--load", "60", "--max-events", "120"]);
    program.wait_for("the end of the load", |screen| {
        screen.contains("120 events") && screen.contains("4 partitions") && screen.contains("it came to its bound")
    });
    assert!(!program.screen().contains(KEY));
    let stored: i64 = hub.log().statuses().iter().map(|status| status.last.0 + 1).sum();
    assert_eq!(stored, 120);
}

/// Without a screen: its own rules, and no load without a flag.
#[test]
fn a_report_of_what_is_deployed_judges_by_its_scenario() {
    let within = Within::start(0.0);
    let rules = "[rules]\nlost = 0\nout-of-order = 0\n";
    let described = Described::of("report-deployed", &within.scenario().endpoints, rules);
    let report = |flags: &[&str]| -> (Option<i32>, Value) {
        let output = Command::new(STREAMGAUGE)
            .args(["report", "--json", "--scenario", &described.file])
            .args(flags)
            .envs(described.variables())
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}")))
    };
    let (code, watched) = report(&["--live", "3s"]);
    assert_eq!((code, &watched["tally"]), (Some(3), &Value::Null), "no load, and nothing to judge: {watched}");
    assert_eq!(watched["session"]["scenario"]["processor"], "Functions");

    let (code, loaded) = report(&["--live", "4s", "--load", "40", "--max-events", "100"]);
    let rules: Vec<_> =
        loaded["verdict"]["rules"].as_array().expect("rules").iter().map(|rule| &rule["rule"]).collect();
    assert_eq!(rules, ["lost", "out-of-order"]);
    let tally = |name: &str| loaded["tally"][name].as_u64();
    assert_eq!((tally("sent"), tally("stored"), tally("out_of_order")), (Some(100), Some(100), Some(0)), "{loaded}");
    assert_eq!(code, Some(0), "{loaded}");

    let (code, planned) = report(&["--live", "--plan", "20 for 2s", "--rule", "lost=5"]);
    let rules = planned["verdict"]["rules"].as_array().expect("rules");
    let limits: Vec<_> = rules.iter().map(|rule| &rule["limit"]).collect();
    assert_eq!(limits, ["at most 5", "at most 0"], "a flag goes before the scenario's rule");
    assert_eq!(code, Some(0), "{planned}");
}
