//! No secret in any recording, nor in anything that can be printed: a session whose credentials are known is recorded, with
//! its services in trouble, and searched for them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod command;

use std::time::Duration;

use command::{complaint, run_with};
use streamgauge::azure::{BlobAddress, BlobCredential, CosmosAddress, CosmosCredential, Secret};
use streamgauge::local::fault::Fault;
use streamgauge::local::scenario::{Endpoints, Ports, Scenario, ScenarioOptions};
use streamgauge::model::observation::{Fact, Observation, Station, StationState, Target};
use streamgauge::model::session::Session;
use streamgauge::model::units::EventRate;
use streamgauge::recording::format::{Header, ScenarioDescription};
use streamgauge::recording::samples;
use streamgauge::recording::writer::{Writer, WriterState};
use streamgauge::scenario::ScenarioFile;
use streamgauge::wall_clock::wall_clock;
use tokio::sync::mpsc;

/// Nothing here may hang.
const LIMIT: Duration = Duration::from_secs(45);

/// Every secret of a scenario: what a client needs to log in.
fn secrets(endpoints: &Endpoints) -> Vec<String> {
    let key = endpoints.eventhubs.split(';').find_map(|part| part.strip_prefix("SharedAccessKey="));
    let key = key.expect("the connection string has a key").to_owned();
    let keys = vec![key, endpoints.blob.key.clone(), endpoints.cosmos.key.clone()];
    assert!(keys.iter().all(|key| key.len() >= 16), "they are worth searching for");
    keys
}

/// A secret as it stands, as in a URL, and each half of it.
fn spellings(secret: &str) -> Vec<String> {
    let encoded = secret.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let lower = encoded.replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d");
    let (begin, end) = secret.split_at(secret.len() / 2);
    vec![secret.to_owned(), encoded, lower, begin.to_owned(), end.to_owned()]
}

fn assert_holds_no_secret(text: &str, secrets: &[String], what: &str) {
    for secret in secrets.iter().flat_map(|secret| spellings(secret)) {
        if let Some(at) = text.find(&secret) {
            let line = text[..at].lines().count();
            panic!("{what} holds a secret in line {line}: {secret:?}");
        }
    }
    for word in ["AccountKey=", "SharedAccessKey=", "SharedAccessSignature", "sig=", "Bearer ", "type=master"] {
        assert!(!text.contains(word), "{what} holds {word:?}");
    }
}

fn away(observation: &Observation) -> Option<Station> {
    match &observation.fact {
        Fact::Station(station, StationState::Retrying { .. }) => Some(*station),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_with_known_credentials_records_none_of_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("session.jsonl.zst");
    let writer = Writer::create(&path, &Header::new(wall_clock(), ScenarioDescription::default())).expect("a writer");
    let (tell, mut observations) = mpsc::channel(4_096);
    let options = ScenarioOptions {
        partitions: 2,
        target: Target::Rate(EventRate::new(30.0)),
        seed: 0,
        duplicate_every: 0,
        request_units: 20_000,
        process: true,
        ports: Ports::default(),
        tls: None,
    };
    let scenario = Scenario::start(options, tell, wall_clock).await.expect("the scenario comes up");
    let secrets = secrets(&scenario.endpoints);
    let mut session = Session::new();

    // The whole way to the store, then each service in a trouble of its own: reasons are what quotes a reply.
    let faults = &scenario.faults;
    let troubles = [
        (Station::Ingest, &faults.eventhubs, Fault::Cut),
        (Station::Checkpoints, &faults.blob, Fault::WrongReply),
        (Station::Store, &faults.cosmos, Fault::WrongReply),
        (Station::Store, &faults.cosmos, Fault::Cut),
    ];
    let mut seen = async |until: &dyn Fn(&Observation, &Session) -> bool| {
        let waiting = async {
            loop {
                let observation = observations.recv().await.expect("the scenario goes on");
                writer.record(&observation);
                session.apply(&observation);
                if until(&observation, &session) {
                    return;
                }
            }
        };
        tokio::time::timeout(LIMIT, waiting).await.expect("it is seen");
    };
    seen(&|_, session| session.tally.is_some_and(|tally| tally.stored > 20)).await;
    for (station, switch, fault) in troubles {
        switch.set(fault);
        seen(&|observation, _| away(observation) == Some(station)).await;
        switch.clear();
        seen(&|observation, _| observation.fact == Fact::Station(station, StationState::Connected)).await;
    }
    let drain = async { while observations.recv().await.is_some() {} };
    tokio::select! {
        stopped = scenario.stop() => stopped.expect("it stops"),
        () = drain => {}
    }
    assert!(matches!(writer.finish(), WriterState::Finished { .. }));

    let text = zstd::decode_all(std::fs::read(&path).expect("the file").as_slice()).expect("zstd reads it");
    let text = String::from_utf8(text).expect("text");
    assert!(text.lines().count() > 50 && text.contains("retrying"), "it is the session");
    assert_holds_no_secret(&text, &secrets, "the recording");
    assert_holds_no_secret(&format!("{session:?}"), &secrets, "the session");
    for sample in samples::ALL {
        let text = zstd::decode_all(sample.bytes).expect("zstd reads it");
        assert_holds_no_secret(&String::from_utf8(text).expect("text"), &secrets, sample.name);
    }
}

#[test]
fn addresses_print_without_their_secrets() {
    let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ=".to_owned();
    let blob = |credential| BlobAddress { endpoint: "http://host/a".into(), container: "c".into(), credential };
    let key = blob(BlobCredential::SharedKey { account: "a".into(), key: Secret::new(secret.clone()) });
    let signed = blob(BlobCredential::Signature(Secret::new(format!("?sv=2021&sig={secret}"))));
    let cosmos = CosmosAddress {
        endpoint: "http://host/".into(),
        database: "d".into(),
        container: "c".into(),
        region: None,
        credential: CosmosCredential::Key(Secret::new(secret.clone())),
    };
    let shown = format!("{key:?} {key:#?} {signed:?} {signed:#?} {cosmos:?} {cosmos:#?}");
    assert_holds_no_secret(&shown, &[secret], "an address");
    assert!(shown.contains("Secret(..)"), "{shown}");
}

/// What somebody may paste where an address is wanted, with a secret in it; `HOST` is what belongs there.
const WITH_A_SECRET: [&str; 6] = [
    "SCHEME://user:hunter2password@HOST",
    "SCHEME://hunter2password@HOST",
    "SCHEME://user:hunter/2password@HOST",
    "SCHEME://HOST/?code=hunter2password",
    "SCHEME://HOST/#hunter2password",
    "user:hunter2password@HOST",
];

fn assert_says_no_secret(sentence: &str, case: &str) {
    for part in ["hunter", "2password", "user"] {
        assert!(!sentence.contains(part), "{case}: {sentence}");
    }
    assert_eq!(sentence.lines().count(), 1, "{case}: {sentence}");
}

/// A secret in any address of a scenario file is refused, so that none comes to a station's reason or a recording; and the
/// refusal does not repeat it.
#[test]
fn no_address_of_a_scenario_file_holds_a_secret() {
    const WHOLE: &str = "[ingest.event-hubs]\nnamespace = \"n.example\"\nhub = \"in\"\nendpoint = \"amqps://n.example:5671\"\n\
        [position.checkpoints]\nendpoint = \"https://b.example\"\n\
        [store.cosmos]\nendpoint = \"https://c.example/\"\ndatabase = \"d\"\ncontainer = \"c\"\n";
    assert!(ScenarioFile::parse(WHOLE, "whole.toml").is_ok());
    let addresses = [
        ("\"n.example\"", "https", "n.example"),
        ("\"in\"", "https", "n.example"),
        ("\"amqps://n.example:5671\"", "amqps", "127.0.0.1:15999"),
        ("\"amqps://n.example:5671\"", "amqp", "127.0.0.1:15999"),
        ("\"https://b.example\"", "https", "b.example"),
        ("\"https://b.example\"", "http", "127.0.0.1:10000"),
        ("\"https://c.example/\"", "https", "c.example"),
        ("\"https://c.example/\"", "ftp", "c.example"),
    ];
    for (right, scheme, host) in addresses {
        // A name may have an @ in it; a URL is none.
        for typed in WITH_A_SECRET.iter().filter(|typed| right != "\"in\"" || typed.contains("://")) {
            let wrong = format!("{:?}", typed.replace("SCHEME", scheme).replace("HOST", host));
            let refused = ScenarioFile::parse(&WHOLE.replacen(right, &wrong, 1), "whole.toml");
            assert_says_no_secret(&refused.expect_err("a secret is there").to_string(), &wrong);
        }
    }
    // Where no address is wanted at all, and serde tells what it found.
    let elsewhere = WHOLE.to_owned() + "provisioned = \"ftp://hunter2password@c.example\"\n";
    let refused = ScenarioFile::parse(&elsewhere, "whole.toml").expect_err("that is no number");
    assert_says_no_secret(&refused.to_string(), "provisioned");
}

/// The same for the addresses of the command line and of the environment.
#[test]
fn no_address_of_the_command_line_or_the_environment_is_repeated_with_a_secret() {
    let file = format!("{}/secrets.toml", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&file, "[ingest.event-hubs]\nnamespace = \"n.example\"\nhub = \"in\"\ncredential = \"entra\"\n")
        .expect("a file");
    for typed in WITH_A_SECRET {
        let typed = typed.replace("SCHEME", "https").replace("HOST", "127.0.0.1:9");
        let group = ["attach", "--resource-group", "contoso"];
        let service_principal = [
            ("AZURE_TENANT_ID", "t"),
            ("AZURE_CLIENT_ID", "c"),
            ("AZURE_CLIENT_SECRET", "s"),
            ("AZURE_AUTHORITY_HOST", &typed),
        ];
        let outputs = [
            run_with(&[&group[..], &["--management-endpoint", &typed]].concat(), &[]),
            run_with(&group, &[("AZURE_RESOURCE_MANAGER_ENDPOINT", &typed)]),
            run_with(&["attach", &file], &service_principal),
        ];
        for output in outputs {
            assert!(!output.status.success(), "{typed}");
            assert_says_no_secret(&complaint(&output), &typed);
        }
    }
}
