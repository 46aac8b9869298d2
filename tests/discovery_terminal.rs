//! What is asked at a terminal on the way to a scenario: the picker, at 80 x 24, and the screen that comes up after it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]
#![cfg(unix)]

mod described;
mod resource_manager;
mod terminal;

use described::Served;
use resource_manager::{CosmosAccount, Deployment, Namespace, ResourceManager};
use terminal::Program;

const SIZE: (u16, u16) = (80, 24);
const NOTHING: [String; 0] = [];
const ENTER: &str = "\r";
const DOWN: &str = "\u{1b}[B";

fn attach(azure: &ResourceManager, flags: &[&str]) -> Program {
    let endpoint = azure.endpoint();
    let variables = [("AZURE_RESOURCE_MANAGER_ENDPOINT", endpoint.as_str()), ("AZURE_SUBSCRIPTION_ID", "")];
    Program::start_with(&[&["attach"], flags].concat(), SIZE, &variables)
}

/// Waits for a question with a certain row.
fn asked(program: &mut Program, question: &str, row: &str) {
    program.wait_for(question, |screen| {
        let since = screen.rfind(question).map_or("", |at| &screen[at..]);
        since.contains(row) && since.contains("Enter takes")
    });
}

#[test]
fn without_arguments_all_is_asked_and_answered_with_arrows_and_letters() {
    let mut deployment = Deployment::two_of_each();
    deployment.subscriptions.push(("72ac930a-f34e-42d8-b06d-dc2a9e12ed71".into(), "Another".into()));
    let azure = ResourceManager::of(deployment);
    let mut program = attach(&azure, &["--print"]);
    asked(&mut program, "Attach to what?", "a solution of streaming-at-scale");
    program.press(ENTER);
    asked(&mut program, "Which subscription?", "Another               72ac930a-f34e-42d8-b06d-dc2a9e12ed71");
    program.press("anoth");
    program.wait_for("what was typed filters", |screen| !screen.contains("Example Subscription"));
    program.press(ENTER);
    asked(&mut program, "Which resource group?", "contoso    eastus, deployed by streaming-at-scale");
    program.press(ENTER);
    asked(&mut program, "Which hub?", "contosoeventhubs/contosoin-10    10 partitions, Standard");
    program.press(DOWN);
    program.wait_for("the second hub", |screen| screen.contains("> contosoeventhubs/contosoin-10 "));
    program.press(ENTER);
    asked(&mut program, "Which consumer group?", "cosmos");
    program.press("cosmos");
    program.wait_for("one group", |screen| !screen.contains("\n  other"));
    program.press(ENTER);
    asked(&mut program, "Which container for checkpoints?", "that of Azure Functions");
    program.press(ENTER);
    asked(&mut program, "Which Cosmos DB container?", "none                               do not watch that station");
    program.press("none");
    program.wait_for("nothing else", |screen| !screen.contains("\n  contosocosmosdb"));
    program.press(ENTER);
    assert!(program.end().success(), "{}", program.screen());
    let screen = program.screen();
    for part in
        ["hub = \"contosoin-10\"", "consumer-group = \"cosmos\"", "throughput-units = 6", "# The store is not watched"]
    {
        assert!(screen.contains(part), "{part}: {screen}");
    }
    assert_eq!(program.not_as_before(), NOTHING);
}

#[test]
fn one_of_each_is_not_asked_for_and_each_is_told() {
    let mut program = attach(&ResourceManager::of(Deployment::contoso()), &["--resource-group", "contoso", "--print"]);
    assert!(program.end().success(), "{}", program.screen());
    let screen = program.screen();
    assert!(!screen.contains("Which"), "{screen}");
    assert!(screen.contains("endpoint = \"https://contosocosmosdb.documents.azure.com/\""), "{screen}");
}

#[test]
fn whoever_leaves_the_picker_gets_the_terminal_back() {
    for way_out in ["\u{1b}", "\u{3}", "TERM", "HUP"] {
        let mut program = attach(&ResourceManager::of(Deployment::two_of_each()), &["--resource-group", "contoso"]);
        asked(&mut program, "Which hub?", "contosoeventhubsout/contosoin-2");
        match way_out {
            "TERM" | "HUP" => program.signal(way_out),
            key => program.press(key),
        }
        let status = program.end();
        assert!(!status.success() && status.signal().is_none(), "{way_out:?}: {status:?}");
        assert!(program.screen().contains("streamgauge: nothing was chosen"), "{way_out:?}: {}", program.screen());
        assert_eq!(program.not_as_before(), NOTHING, "{way_out:?}");
    }
}

#[test]
fn a_solution_is_asked_for_with_its_prefix_and_hub() {
    let mut program = attach(&ResourceManager::of(Deployment::two_of_each()), &["--print"]);
    asked(&mut program, "Attach to what?", "a solution of streaming-at-scale");
    program.press(DOWN);
    program.press(ENTER);
    asked(&mut program, "Which solution?", "eventhubs-functions-azuresql");
    program.press("eventhubs-functions-cosmosdb");
    program.wait_for("the solution alone", |screen| !screen.contains("eventhubs-functions-azuresql"));
    program.press(ENTER);
    program.wait_for("the prefix", |screen| screen.contains("The prefix it was deployed with:"));
    program.press("Contoso\r");
    program.wait_for("what is wrong with it", |screen| screen.contains("is no prefix of a deployment"));
    program.press(&"\u{7f}".repeat(7));
    program.press("contoso\r");
    // Those that are deployed.
    asked(&mut program, "Which hub?", "contosoin-10");
    assert!(!program.screen().contains("contosoin-20"), "{}", program.screen());
    program.press(DOWN);
    program.wait_for("the second hub", |screen| screen.contains("> contosoin-10"));
    program.press(ENTER);
    assert!(program.end().success(), "{}", program.screen());
    assert!(program.screen().contains("hub = \"contosoin-10\""), "{}", program.screen());
    assert_eq!(program.not_as_before(), NOTHING);
}

#[test]
fn the_number_of_partitions_is_typed_where_the_hubs_can_not_be_listed() {
    let mut deployment = Deployment::contoso();
    deployment.namespaces.clear();
    let flags = ["--solution", "eventhubs-functions-cosmosdb", "--prefix", "contoso", "--print"];
    let mut program = attach(&ResourceManager::of(deployment), &flags);
    asked(&mut program, "Which hub?", "contosoin-20    20 partitions, for 10,000 events/s");
    assert!(program.screen().contains("the hubs can't be listed: "), "{}", program.screen());
    program.press("another");
    program.wait_for("what was typed filters", |screen| !screen.contains("for 10,000 events/s"));
    program.press(ENTER);
    program.wait_for("the number", |screen| screen.contains("The number in the name of the hub contosoin-N:"));
    program.press("many\r");
    program.wait_for("what is wrong with it", |screen| screen.contains("is not a number of partitions"));
    program.press(&"\u{7f}".repeat(4));
    program.press("4\r");
    assert!(program.end().success(), "{}", program.screen());
    assert!(program.screen().contains("hub = \"contosoin-4\""), "{}", program.screen());
    assert_eq!(program.not_as_before(), NOTHING);
}

/// The whole way: a resource group whose services are those of the embedded scenario is found, chosen from and watched.
#[test]
fn what_was_found_is_watched() {
    let served = Served::start(&["--rate", "20"]);
    let connection_string = served.says("/eventhubs");
    let host =
        connection_string.trim_start_matches("Endpoint=sb://").split([';', '/']).next().expect("a host").to_owned();
    let group = served.says("/consumer_group");
    let mut namespace = Namespace::standard("embedded", &[("streamgauge", 4, &["$Default", "other"])]);
    namespace.endpoint = format!("https://{host}/");
    if let Some((.., groups)) = namespace.hubs.first_mut() {
        groups.push(group.clone());
        groups.dedup();
    }
    let azure = ResourceManager::of(Deployment {
        namespaces: vec![namespace],
        storage: vec![("devstoreaccount1".into(), served.says("/blob/endpoint"), vec![served.says("/blob/container")])],
        cosmos: vec![CosmosAccount::sql(
            "cosmos",
            &served.says("/cosmos/endpoint"),
            &served.says("/cosmos/database"),
            &[&served.says("/cosmos/container")],
        )],
        ..Deployment::contoso()
    });
    let endpoint = azure.endpoint();
    let (blob, cosmos) = (served.says("/blob/key"), served.says("/cosmos/key"));
    let variables = [
        ("AZURE_RESOURCE_MANAGER_ENDPOINT", endpoint.as_str()),
        ("AZURE_SUBSCRIPTION_ID", ""),
        ("STREAMGAUGE_EVENTHUBS_CONNECTION_STRING", &connection_string),
        ("STREAMGAUGE_STORAGE_KEY", &blob),
        ("STREAMGAUGE_COSMOS_KEY", &cosmos),
    ];
    let flags = ["attach", "--resource-group", "contoso", "--no-record"];
    let mut program = Program::start_with(&flags, (120, 36), &variables);
    asked(&mut program, "Which consumer group?", &group);
    program.press(&group);
    program.press(ENTER);
    // A slow machine may fall behind; what is watched is there all the same.
    program.wait_for("every station", |screen| {
        ["contoso: streamgauge", "✔ 4 partitions", "✔ checkpoint", "✔ 2 ranges", "20.0k RU/s provisioned"]
            .iter()
            .all(|part| screen.contains(part))
    });
    assert!(program.has_the_terminal());
    program.press("q");
    assert!(program.end().success(), "{}", program.screen());
    assert_eq!(program.not_as_before(), NOTHING);
}
