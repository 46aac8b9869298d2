//! What is said of each station where something is missing: the hub, the container, the database, or a token.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]
#![cfg(unix)]

mod described;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use described::{Described, Served};
use streamgauge::azure::credentials::Environment;
use streamgauge::load::driver::Bounds;
use streamgauge::model::observation::{Fact, Station, StationState};
use streamgauge::model::units::EventRate;
use streamgauge::scenario::attached::{Attached, LoadWish};
use streamgauge::scenario::{Places, ScenarioFile};
use streamgauge::wall_clock::wall_clock;
use tokio::sync::mpsc;

const LIMIT: Duration = Duration::from_secs(60);

/// What is said first of each station that is in trouble, until it is said of so many.
async fn troubles(described: &Described, text: &str, stations: usize) -> BTreeMap<&'static str, String> {
    let variable = |name: &str| {
        let found = described.variables.iter().find(|(known, _)| *known == name);
        // The connection string names the hub, and would be said to be for another.
        found.map(|(_, value)| value.replace("EntityPath=streamgauge", ""))
    };
    let file = ScenarioFile::parse(text, "missing.toml").unwrap();
    let places = Places::of(&file, &Environment::new(&variable)).unwrap();
    let wish = LoadWish { target: None, first: EventRate::new(1.0), bounds: Bounds::default() };
    let (tell, mut observations) = mpsc::channel(1_024);
    let attached = Attached::start(places, wish, tell, wall_clock).unwrap();
    let mut said = BTreeMap::new();
    let listening = async {
        while said.len() < stations {
            if let Fact::Station(station, StationState::Retrying { reason, .. }) =
                observations.recv().await.unwrap().fact
            {
                let name = match station {
                    Station::Ingest => "ingest",
                    Station::Checkpoints => "checkpoints",
                    Station::Store => "store",
                    other => panic!("{other:?}: {reason}"),
                };
                said.entry(name).or_insert(reason);
            }
        }
    };
    tokio::time::timeout(LIMIT, listening).await.expect("it is said of each");
    drop(observations);
    attached.stop().await.unwrap();
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_there_is_told_with_the_key_that_names_it() {
    let served = Served::start(&["--rate", "0", "--no-process"]);
    let described = Described::new("attach-missing", &served.endpoints, "");
    let text = std::fs::read_to_string(&described.file).unwrap();
    let container = served.says("/blob/container");
    let wrong = text
        .replacen("hub = \"streamgauge\"", "hub = \"nohub\"", 1)
        .replacen(&format!("container = \"{container}\""), "container = \"nocontainer\"", 1)
        .replacen(&format!("database = \"{}\"", served.says("/cosmos/database")), "database = \"nodatabase\"", 1);
    let said = troubles(&described, &wrong, 3).await;
    let table = [
        (
            "ingest",
            "Event Hubs has no such hub or consumer group at amqp://127.0.0.1:",
            "/nohub (Management API returned status code: 404",
            "[ingest.event-hubs]",
        ),
        (
            "checkpoints",
            "Blob storage has no such container at http://127.0.0.1:",
            "/nocontainer (404",
            "[position.checkpoints]",
        ),
        ("store", "Cosmos DB has no such database or container at http://127.0.0.1:", "/nodatabase/", "[store.cosmos]"),
    ];
    for (station, begin, place, table) in table {
        let reason = said.get(station).expect("it is in trouble");
        assert!(reason.starts_with(begin) && reason.contains(place), "{station}: {reason}");
        assert!(reason.ends_with(&format!("in {table}, it is asked again")), "{station}: {reason}");
        assert_eq!(reason.lines().count(), 1, "{reason}");
    }
}

/// Without a token nobody is asked, and that is what is said of each station: first that it is waited for, and once the
/// Azure CLI has failed, what it said.
#[test]
fn a_token_that_is_not_to_be_had_is_told_of_each_station() {
    let folder = tempfile::tempdir().unwrap();
    // As slow as on a cold machine: longer than a look may take.
    let az = folder.path().join("az");
    std::fs::write(&az, "#!/bin/sh\nsleep 6\necho \"ERROR: Please run 'az login' to setup account.\" >&2\nexit 1\n")
        .unwrap();
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
    let file = folder.path().join("token.toml");
    let text = "[ingest.event-hubs]\nnamespace = \"n.invalid\"\nhub = \"in\"\ncredential = \"entra\"\n\
        [position.checkpoints]\nendpoint = \"https://b.invalid\"\ncredential = \"entra\"\n\
        [store.cosmos]\nendpoint = \"https://c.invalid/\"\ndatabase = \"d\"\ncontainer = \"c\"\ncredential = \"entra\"\n";
    std::fs::write(&file, text).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let recording = folder.path().join("token.jsonl");
    let mut child = Command::new(env!("CARGO_BIN_EXE_streamgauge"))
        .args(["report", "--live", "12s", "--scenario"])
        .arg(&file)
        .arg("--record")
        .arg(&recording)
        .env_clear()
        .envs([("PATH", path.as_str()), ("HOME", folder.path().to_str().unwrap())])
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    child.wait().unwrap();
    let mut recorded = String::new();
    zstd::Decoder::new(std::fs::File::open(&recording).unwrap()).unwrap().read_to_string(&mut recorded).unwrap();
    for station in ["ingest", "checkpoints", "store"] {
        let line = format!("\"name\":\"{station}\"");
        let said: Vec<&str> = recorded.lines().filter(|said| said.contains(&line)).collect();
        assert!(
            said.iter().all(|said| said.contains("no token from Entra ID for ") && said.contains("try `az login`")),
            "{said:?}"
        );
        assert!(said.first().unwrap().contains("does not answer yet; it is waited for"), "{said:?}");
        assert!(said.last().unwrap().contains("AzureCli: ERROR: Please run 'az login' to setup account.;"), "{said:?}");
    }
}
