use super::*;
use crate::azure::credentials::Environment;
use crate::report::verdict::Rule;
use crate::scenario::places::{IngestPlace, Places};

const WHOLE: &str = "
title = \"contoso\"
[ingest.event-hubs]
namespace = \"contosoeventhubs.servicebus.windows.net\"
hub = \"contosoin-2\"
[position.checkpoints]
endpoint = \"https://contosostorage.blob.core.windows.net\"
[store.cosmos]
endpoint = \"https://contosocosmosdb.documents.azure.com/\"
database = \"streaming\"
container = \"rawdata\"
[load]
rate = 100
for = \"10m\"
[rules]
lost = 0
lag-back = \"1m\"
";

#[test]
fn what_is_left_out_has_a_default() {
    let file = ScenarioFile::parse(WHOLE, "contoso.toml").unwrap();
    let Ingest::EventHubs(hub) = &file.ingest;
    assert_eq!((hub.consumer_group.as_str(), hub.refresh.duration().as_millis()), ("$Default", 1_000));
    let Some(Position::Checkpoints(checkpoints)) = &file.position else { panic!("a position") };
    assert_eq!(checkpoints.container.as_str(), "azure-webjobs-eventhub");
    let budget = hub.calls_per_second.rate();
    assert!((budget - crate::probe::ingest::eventhubs::CALLS_PER_SECOND).abs() < 1e-9, "the probe's own is the same");
    let Some(Store::Cosmos(cosmos)) = &file.store else { panic!("a store") };
    assert!((cosmos.budget_percent.share() - 0.01).abs() < 1e-9);
    assert_eq!(file.load.lasts.map(|span| span.0.as_secs()), Some(600));
    assert_eq!(file.load.max_events, None);
    assert_eq!(file.rules.0, [Rule::LagBack(std::time::Duration::from_secs(60)), Rule::Lost(0)]);
    assert_eq!(
        ScenarioFile::parse(WHOLE.split("[rules]").next().unwrap(), "contoso.toml").unwrap().rules.0,
        Vec::new()
    );
}

#[test]
fn the_sample_is_understood_and_says_every_key() {
    let sample = ScenarioFile::parse(SAMPLE, "sample.toml").unwrap();
    assert!(sample.position.is_some() && sample.store.is_some());
    // What is commented out is right as well: a comment with `key = value` after one blank.
    let uncommented: String = SAMPLE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.split_once(" = ").is_some_and(|(key, _)| key.len() < 20 && !key.contains(' ')) => {
                // The list of credentials in the head is no line of a file.
                if rest.starts_with("credential = \"automatic\"  ") { line } else { rest }
            }
            _ => line,
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let whole = ScenarioFile::parse(&uncommented, "sample.toml").unwrap();
    assert_ne!(whole, sample, "something was commented out");
    let Ingest::EventHubs(hub) = &whole.ingest;
    assert!(hub.endpoint.is_some() && whole.load.max_events.is_some());
    // Every key of the types is in the sample.
    let schema = serde_json::to_value(schema()).unwrap();
    let mut keys = Vec::new();
    keys_of(&schema, &mut keys);
    assert!(keys.len() > 20, "{keys:?}");
    for key in keys {
        let is_said = uncommented
            .lines()
            .any(|line| line.starts_with(&format!("{key} = ")) || (line.starts_with('[') && line.contains(&key)));
        assert!(is_said, "the sample does not say {key}");
    }
}

fn keys_of(schema: &serde_json::Value, keys: &mut Vec<String>) {
    match schema {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                if let ("properties", serde_json::Value::Object(properties)) = (name.as_str(), value) {
                    keys.extend(properties.keys().cloned());
                }
                keys_of(value, keys);
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| keys_of(value, keys)),
        _ => {}
    }
}

#[test]
fn a_mistake_is_told_with_its_line_and_what_was_meant() {
    let table = [
        ("hub = \"contosoin-2\"", "hubb = \"contosoin-2\"", "line 5: unknown field `hubb`; did you mean `hub`?"),
        ("hub = \"contosoin-2\"\n", "", "line 3: missing field `hub`"),
        ("hub = \"contosoin-2\"", "hub = 2", "line 5: hub: the number 2 is not text in quotes"),
        ("hub = \"contosoin-2\"", "hub = \"\"", "line 5: hub: \"\" is no name: give 1 to 255 characters"),
        ("ingest.event-hubs", "ingest.eventhubs", "line 3: unknown variant `eventhubs`"),
        ("[store.cosmos]", "[store.cosmo]", "line 8: unknown variant `cosmo`"),
        ("[load]", "[laod]", "line 12: unknown field `laod`; did you mean `load`?"),
        ("contosoeventhubs.servicebus.windows.net", "contosoeventhubs", "line 4: \"contosoeventhubs\" is no host"),
        (
            "https://contosostorage",
            "http://contosostorage",
            "line 7: endpoint: \"http://contosostorage.blob.core.windows.net\" is not encrypted",
        ),
        (
            "https://contosostorage.blob.core.windows.net",
            "contosostorage",
            "line 7: endpoint: \"contosostorage\" is no address",
        ),
        ("rate = 100", "rate = -1", "line 13: -1 is not a rate"),
        (
            "rate = 100",
            "max-rate = 80\nrate = 100",
            "line 14: rate: 100 is more than max-rate, 80, allows: lower it, or raise max-rate",
        ),
        ("lag-back = ", "lag-bak = ", "line 17: there is no rule \"lag-bak\"; did you mean lag-back?"),
        ("\"1m\"", "60", "line 17: 60 is no limit for lag-back: give a time, such as 500ms, 2s or 1m30s"),
        (
            "lost = 0",
            "lost = true",
            "line 16: lost: a limit can't be of type boolean: give a number, or text in quotes",
        ),
        ("[rules]", "[rule]", "line 15: unknown field `rule`; did you mean `rules`?"),
        ("for = \"10m\"", "for = \"soon\"", "line 14: for: \"soon\" is no span: give 30s, 10m or 1h30m"),
        (
            "container = \"rawdata\"",
            "container = \"rawdata\"\nrefresh = \"1h\"",
            "line 12: refresh: \"1h\" is not how often to look",
        ),
        (
            "container = \"rawdata\"",
            "container = \"rawdata\"\nprovisioned = 4",
            "line 12: provisioned: 4 RU/s can't be",
        ),
        (
            "container = \"rawdata\"",
            "container = \"rawdata\"\nbudget-percent = 0",
            "line 12: budget-percent: 0 is not a share",
        ),
        (
            "hub = \"contosoin-2\"",
            "hub = \"contosoin-2\"\nthroughput-units = 0",
            "line 6: throughput-units: 0 throughput units can't be: give 1 to 100",
        ),
        (
            "hub = \"contosoin-2\"",
            "hub = \"contosoin-2\"\ncalls-per-second = 51",
            "line 6: calls-per-second: 51 calls a second can't be: give 1 to 50, which is what Event Hubs answers",
        ),
        (
            "database",
            "credential = \"entraid\"\ndatabase",
            "line 10: credential: unknown variant `entraid`; did you mean `entra`?",
        ),
        (
            "hub = \"contosoin-2\"",
            "hub = \"contosoin-2\"\nendpoint = \"amqp://far.example\"",
            "line 6: endpoint: \"amqp://far.example\" is not encrypted",
        ),
        (
            "hub = \"contosoin-2\"",
            "hub = \"contosoin-2\"\nendpoint = \"amqps://contoso.example/contosoin-2\"",
            "line 6: endpoint: \"amqps://contoso.example/contosoin-2\" has a path in it: give host and port alone",
        ),
        (
            "https://contosostorage.blob.core.windows.net",
            "https://contosostorage.blob.core.windows.net/container/blob",
            "line 7: endpoint: \"https://contosostorage.blob.core.windows.net/container/blob\" has a path in it",
        ),
        (
            "https://contosocosmosdb.documents.azure.com/",
            "https://contosocosmosdb.documents.azure.com/streaming",
            "line 9: endpoint: \"https://contosocosmosdb.documents.azure.com/streaming\" has a path in it",
        ),
    ];
    for (right, wrong, expected) in table {
        assert!(WHOLE.contains(right), "{right}");
        let sentence = ScenarioFile::parse(&WHOLE.replacen(right, wrong, 1), "contoso.toml").unwrap_err().to_string();
        assert!(sentence.starts_with(&format!("contoso.toml, {expected}")), "{wrong}: {sentence}");
        assert_eq!(sentence.lines().count(), 1, "{sentence}");
    }
}

#[test]
fn a_secret_is_refused_and_not_repeated() {
    const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
    let lines = [
        format!("connection = \"Endpoint=sb://ns/;SharedAccessKeyName=Listen;SharedAccessKey={KEY}\""),
        format!("endpoint = \"AccountEndpoint=https://x/;AccountKey={KEY};\""),
        format!("key = \"{KEY}\""),
        "# AccountKey = aGFyZGx5".replace(" = ", "="),
        "endpoint = \"https://x.blob.core.windows.net/?sv=2024&sig=aGFyZGx5\"".to_owned(),
        "token = \"Bearer eyJhbGciOi\"".to_owned(),
    ];
    for line in lines {
        let sentence = ScenarioFile::parse(&format!("{WHOLE}{line}\n"), "contoso.toml").unwrap_err().to_string();
        assert!(sentence.starts_with("contoso.toml, line 18: a secret is here"), "{line}: {sentence}");
        assert!(!sentence.contains(KEY) && !sentence.contains("aGFyZGx5"), "{sentence}");
    }
    assert!(ScenarioFile::parse(SAMPLE, "sample").is_ok(), "the names of variables are no secrets");
}

#[test]
fn the_budget_of_calls_is_that_of_the_file() {
    let text = "[ingest.event-hubs]\nnamespace = \"n.example\"\nhub = \"in\"\ncredential = \"none\"\n";
    for (more, budget) in [("", 40.0), ("calls-per-second = 7\n", 7.0)] {
        let file = ScenarioFile::parse(&format!("{text}{more}"), "calls.toml").unwrap();
        let places = Places::of(&file, &Environment::new(&|_| None)).unwrap();
        let IngestPlace::EventHubs { calls_per_second, .. } = places.ingest;
        assert!((calls_per_second - budget).abs() < 1e-9, "{more}");
    }
}

fn schema() -> schemars::Schema {
    schemars::schema_for!(ScenarioFile)
}

/// `STREAMGAUGE_WRITE_SCHEMA=1 cargo test schema` writes it anew.
#[test]
fn the_schema_is_that_of_the_types() {
    let made = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scenario.schema.json");
    if std::env::var_os("STREAMGAUGE_WRITE_SCHEMA").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), made, "write it anew with STREAMGAUGE_WRITE_SCHEMA=1");
}
