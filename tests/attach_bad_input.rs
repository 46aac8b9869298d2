//! What a person gets who attaches to what can't be: one sentence, and an exit code that is not zero.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod command;

use std::process::Output;

use command::{complaint, run, run_with};

const HUB: &str = "[ingest.event-hubs]\nnamespace = \"contoso.servicebus.windows.net\"\nhub = \"in-2\"\n";

fn assert_said(output: &Output, code: i32, expected: &str, case: &str) {
    let said = complaint(output);
    assert_eq!(output.status.code(), Some(code), "{case}: {said}");
    assert!(said.starts_with("streamgauge: ") && said.contains(expected), "{case}: {said}");
    assert_eq!(said.lines().count(), 1, "{case}: {said}");
}

#[test]
fn flags_that_can_not_be_understood() {
    /// Where nobody listens, and no token goes.
    const NOBODY: &str = "http://127.0.0.1:9";
    const SOLUTION: [&str; 3] = ["attach", "--solution", "eventhubs-functions-cosmosdb"];
    let with = |more: &[&'static str]| [&SOLUTION[..], more].concat();
    let cases: [(Vec<&str>, &str); 14] = [
        (vec!["attach"], "attach to what? give a scenario file, --solution NAME --prefix P, or --resource-group G"),
        (vec!["attach", "a.toml", "--solution", "x", "--prefix", "p"], "cannot be used with"),
        (vec!["attach", "a.toml", "--load", "-1"], "is not a rate"),
        (vec!["attach", "a.toml", "--max-rate", "0"], "\"0\" bounds nothing: give events a second above 0"),
        (vec!["attach", "a.toml", "--max-rate", "max"], "\"max\" bounds nothing"),
        (vec!["attach", "a.toml", "--max-events", "0"], "0 is not in 1.."),
        (vec!["attach", "a.toml", "--for", "soon"], "\"soon\" is no span: give 30s, 10m or 1h30m"),
        (SOLUTION.to_vec(), "--prefix <P>"),
        (with(&["--prefix", "Contoso"]), "\"Contoso\" is no prefix of a deployment"),
        (
            with(&["--prefix", "contoso", "--management-endpoint", NOBODY]),
            "contosoin-N: give --partitions N (upstream sets 2, 10 or 20",
        ),
        (
            with(&["--prefix", "contoso", "--management-endpoint", NOBODY]),
            "its hubs can't be listed: can't reach Azure Resource Manager at http://127.0.0.1:9",
        ),
        (with(&["--prefix", "contoso", "--partitions", "0"]), "is not a number of partitions"),
        (
            vec!["attach", "--solution", "eventhubs-function-cosmos", "--prefix", "p"],
            "did you mean eventhubs-functions-cosmosdb?",
        ),
        (
            vec!["attach", "--solution", "akskafka-databricks-cosmosdb", "--prefix", "p"],
            "can't be attached to yet: its log is Kafka on AKS",
        ),
    ];
    for (arguments, expected) in cases {
        assert_said(&run(&arguments), 2, expected, &format!("{arguments:?}"));
    }
}

#[test]
fn a_file_that_can_not_be_used() {
    let folder = env!("CARGO_TARGET_TMPDIR");
    let path = format!("{folder}/attach-bad.toml");
    let cases = [
        (String::new(), "line 1: missing field `ingest`"),
        (HUB.replace("hub =", "hug ="), "line 3: unknown field `hug`; did you mean `hub`?"),
        (
            format!("{HUB}SharedAccessKey=abc\n"),
            "line 4: a secret is here, and a scenario file is kept and sent around",
        ),
        (format!("{HUB}credential = \"environment\"\n"), "set STREAMGAUGE_EVENTHUBS_CONNECTION_STRING"),
        ("[ingest".to_owned(), "line 1: "),
    ];
    for (text, expected) in cases {
        std::fs::write(&path, &text).expect("a file");
        assert_said(&run(&["attach", &path]), 1, expected, &text);
    }
    let nowhere = format!("{folder}/nowhere.toml");
    assert_said(&run(&["attach", &nowhere]), 1, "nowhere.toml could not be read (", "no file");
    assert_said(&run(&["attach", folder]), 1, "could not be read (", "a folder");
}

#[test]
fn a_credential_that_is_for_something_else() {
    let path = format!("{}/attach-credential.toml", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&path, HUB).expect("a file");
    let string = "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=Listen;SharedAccessKey=aHVzaA==";
    let variable = "STREAMGAUGE_EVENTHUBS_CONNECTION_STRING";
    let cases = [
        (
            string.replace("contoso", "fabrikam"),
            "is for fabrikam.servicebus.windows.net, but the scenario names contoso",
        ),
        ("aHVzaA==".into(), "has no Endpoint; copy it again, whole"),
    ];
    for (value, expected) in cases {
        let output = run_with(&["attach", path.as_str()], &[(variable, &value)]);
        assert_said(&output, 1, expected, expected);
        assert!(!complaint(&output).contains("aHVzaA"), "{}", complaint(&output));
    }
}

#[test]
fn a_file_to_edit_is_printed() {
    let arguments =
        ["attach", "--solution", "eventhubs-functions-azuresql", "--prefix", "contoso", "--partitions", "8", "--print"];
    let output = run(&arguments);
    assert!(output.status.success(), "{}", complaint(&output));
    let printed = String::from_utf8(output.stdout).expect("text");
    assert!(
        printed.contains("hub = \"contosoin-8\"") && printed.contains("consumer-group = \"azuresql\""),
        "{printed}"
    );
    assert!(printed.contains("# The store is not watched: Azure SQL; TDS is not spoken yet."), "{printed}");
    // It is a scenario file.
    let path = format!("{}/attach-printed.toml", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&path, &printed).expect("a file");
    let again = run(&["attach", &path, "--print"]);
    assert_eq!(String::from_utf8(again.stdout).expect("text"), printed);
}

#[test]
fn every_solution_is_listed_with_what_is_watched_of_it() {
    let listed = String::from_utf8(run(&["scenarios"]).stdout).expect("text");
    for part in [
        "eventhubs-functions-cosmosdb\n  Event Hubs -> Functions -> Cosmos DB\n  watches ingest, lag, store\n",
        "eventhubs-functions-azuresql\n  Event Hubs -> Functions -> Azure SQL\n  watches ingest, lag\n  not yet store: Azure SQL; ",
        "akskafka-databricks-cosmosdb\n  Kafka on AKS -> Databricks -> Cosmos DB\n  watches nothing yet\n",
    ] {
        assert!(listed.contains(part), "{part}\nis not in\n{listed}");
    }
    let sample = run(&["scenarios", "--sample"]);
    assert!(String::from_utf8_lossy(&sample.stdout).contains("[ingest.event-hubs]"));
    let schema = run(&["scenarios", "--schema"]);
    assert!(serde_json::from_slice::<serde_json::Value>(&schema.stdout).is_ok());
}
