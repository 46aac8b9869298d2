//! `streamgauge attach --resource-group` against a stand-in for Azure Resource Manager: what is found, what is asked for,
//! and what is said when it does not answer as it should.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod command;
mod resource_manager;

use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use command::{complaint, out, program};
use futures::future::BoxFuture;
use resource_manager::{Answer, Deployment, Namespace, Request, ResourceManager, SUBSCRIPTION, error, ok};
use serde_json::json;
use streamgauge::azure::credentials::Environment;
use streamgauge::azure::management::resource_groups::GroupPlace;
use streamgauge::azure::management::{Limits, Management, ManagementAddress};
use streamgauge::model::observation::IngestCapacity;
use streamgauge::scenario::discovery::look::look;
use streamgauge::scenario::{Places, ScenarioFile};

fn run(azure: &ResourceManager, flags: &[&str]) -> Output {
    program(&[&["attach", "--print"], flags].concat())
        .env("AZURE_RESOURCE_MANAGER_ENDPOINT", azure.endpoint())
        .env_remove("AZURE_SUBSCRIPTION_ID")
        .env_remove("AZURE_RESOURCE_MANAGER_AUDIENCE")
        .output()
        .expect("the program starts")
}

/// What it prints, if it does.
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", complaint(output));
    out(output)
}

fn assert_said(output: &Output, code: i32, expected: &str, case: &str) {
    let said = complaint(output);
    assert_eq!(output.status.code(), Some(code), "{case}: {said}");
    assert!(said.starts_with("streamgauge: ") && said.contains(expected), "{case}: {said}");
    assert_eq!(said.lines().count(), 1, "{case}: {said}");
    assert!(output.stdout.is_empty(), "{case}");
}

#[test]
fn what_is_there_once_is_taken_and_said() {
    let azure = ResourceManager::of(Deployment::contoso());
    let output = run(&azure, &["--resource-group", "contoso"]);
    assert_eq!(
        printed(&output),
        format!(
            "# Found in the resource group contoso of the subscription Example Subscription ({SUBSCRIPTION}). \
             `streamgauge scenarios --sample` explains every key.\n\
             title = \"contoso: contosoin-2\"\n\
             \n\
             # The hub contosoeventhubs/contosoin-2: 2 partitions, Standard.\n\
             [ingest.event-hubs]\n\
             namespace = \"contosoeventhubs.servicebus.windows.net\"\n\
             hub = \"contosoin-2\"\n\
             consumer-group = \"$Default\"\n\
             throughput-units = 6\n\
             \n\
             # The container contosostorage/azure-webjobs-eventhub of the storage account.\n\
             [position.checkpoints]\n\
             endpoint = \"https://contosostorage.blob.core.windows.net\"\n\
             container = \"azure-webjobs-eventhub\"\n\
             \n\
             # The container contosocosmosdb/streaming/rawdata of the Cosmos DB account.\n\
             [store.cosmos]\n\
             endpoint = \"https://contosocosmosdb.documents.azure.com/\"\n\
             database = \"streaming\"\n\
             container = \"rawdata\"\n"
        )
    );
    assert_eq!(
        complaint(&output),
        "streamgauge: in the resource group contoso: the hub contosoeventhubs/contosoin-2, the consumer group $Default, \
         checkpoints in contosostorage/azure-webjobs-eventhub, the store contosocosmosdb/streaming/rawdata"
    );
    // It can be attached to, and its capacity is known.
    let file = ScenarioFile::parse(&printed(&output), "found").expect("a scenario file");
    let places = Places::of(&file, &Environment::new(&|_| None)).expect("credentials of Entra ID");
    assert_eq!(places.capacity(), Some(IngestCapacity::ThroughputUnits(6)));
    // Nothing but reading, and no key among it.
    for Request { method, target, .. } in azure.requests() {
        assert_eq!(method, "GET", "{target}");
        assert!(!target.to_ascii_lowercase().contains("key"), "{target}");
    }
}

#[test]
fn a_station_that_is_not_there_is_left_out() {
    let premium = Namespace { tier: "Premium".into(), ..Deployment::contoso().namespaces.remove(0) };
    let azure = ResourceManager::of(Deployment {
        namespaces: vec![premium],
        storage: vec![],
        cosmos: vec![],
        ..Deployment::contoso()
    });
    let printed = printed(&run(&azure, &["--resource-group", "CONTOSO", "--subscription", SUBSCRIPTION]));
    let file = ScenarioFile::parse(&printed, "found").expect("a scenario file");
    assert!(file.position.is_none() && file.store.is_none(), "{printed}");
    // A premium namespace has processing units, which are something else.
    assert!(!printed.contains("throughput-units"), "{printed}");
    let azure = ResourceManager::of(Deployment { namespaces: vec![], ..Deployment::contoso() });
    let output = run(&azure, &["--resource-group", "contoso"]);
    assert_said(&output, 1, "the resource group contoso has no hubs; there is nothing to watch", "no hub");
}

#[test]
fn of_several_none_is_guessed_and_flags_say_which() {
    // In pages of one entry.
    let azure = ResourceManager::of(Deployment::two_of_each());
    let flags = |more: &[&'static str]| [&["--resource-group", "contoso"][..], more].concat();
    let table: [(&[&'static str], i32, &str); 7] = [
        (
            &[],
            2,
            "the resource group contoso has 3 hubs (contosoeventhubs/contosoin-2, contosoeventhubs/contosoin-10, \
             contosoeventhubsout/contosoin-2): say which with --hub",
        ),
        (&["--hub", "contosoin-2"], 2, "has 2 hubs (contosoeventhubs/contosoin-2, contosoeventhubsout/contosoin-2)"),
        (&["--hub", "contosoin-20"], 1, "has no hub \"contosoin-20\"; did you mean contosoeventhubs/contosoin-2?"),
        (
            &["--hub", "contosoin-10"],
            2,
            "the hub contosoeventhubs/contosoin-10 has 3 consumer groups ($Default, cosmos, other): say which with \
             --consumer-group",
        ),
        (
            &["--hub", "contosoin-10", "--consumer-group", "cosmos"],
            2,
            "has 2 containers that can hold checkpoints (contosostorage/azure-webjobs-eventhub, \
             contosocheckpoints/checkpoints): say which with --checkpoints, or none",
        ),
        (
            &["--hub", "contosoin-10", "--consumer-group", "cosmos", "--checkpoints", "none"],
            2,
            "has 3 Cosmos DB containers (contosocosmosdb/streaming/rawdata, contosocosmosdb/archive/rawdata, \
             contosocosmosdb/archive/old): say which with --store, or none",
        ),
        (
            &["--hub", "contosoin-10", "--consumer-group", "cosmos", "--checkpoints", "checkpoint"],
            1,
            "has no container for checkpoints \"checkpoint\"; did you mean contosocheckpoints/checkpoints?",
        ),
    ];
    for (more, code, expected) in table {
        assert_said(&run(&azure, &flags(more)), code, expected, &format!("{more:?}"));
    }
    let printed = printed(&run(
        &azure,
        &flags(&[
            "--hub",
            "contosoin-10",
            "--consumer-group",
            "cosmos",
            "--checkpoints",
            "contosocheckpoints/checkpoints",
            "--store",
            "archive/rawdata",
        ]),
    ));
    for part in ["hub = \"contosoin-10\"", "\"cosmos\"", "container = \"checkpoints\"", "database = \"archive\""] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
}

/// `--solution` and `--prefix` name everything but the number in the hub's name: the one hub there is names it.
#[test]
fn the_hub_of_a_solution_is_found_in_its_deployment() {
    let solution = ["--solution", "eventhubs-functions-cosmosdb", "--prefix", "contoso"];
    let mut deployment = Deployment::contoso();
    deployment.namespaces = vec![
        Namespace::standard(
            "contosoeventhubs",
            &[("other", 8, &["$Default"]), ("contosoin-4", 4, &["$Default", "cosmos"])],
        ),
        Namespace::standard("contosoeventhubsout", &[("contosoin-2", 2, &["$Default"])]),
    ];
    let output = run(&ResourceManager::of(deployment.clone()), &solution);
    let text = printed(&output);
    assert!(text.contains("hub = \"contosoin-4\"\nconsumer-group = \"cosmos\""), "{text}");
    assert!(ScenarioFile::parse(&text, "contoso").is_ok());
    let said = complaint(&output);
    assert_eq!(said, "streamgauge: hub: contosoin-4, the only one of contosoeventhubs that is this solution's");

    // A number that was given is not looked up.
    let azure = ResourceManager::of(deployment.clone());
    assert!(printed(&run(&azure, &[&solution[..], &["--partitions", "20"]].concat())).contains("contosoin-20"));
    assert!(azure.requests().is_empty());

    // A second one is there after a deployment for another rate.
    if let Some(namespace) = deployment.namespaces.first_mut() {
        namespace.hubs.push(("contosoin-10".into(), 10, vec!["$Default".into()]));
    }
    let expected = "the namespace contosoeventhubs has several hubs of this solution (contosoin-4, contosoin-10): say which \
                    with --partitions N";
    assert_said(&run(&ResourceManager::of(deployment.clone()), &solution), 2, expected, "two");

    deployment.namespaces.remove(0);
    let output = run(&ResourceManager::of(deployment.clone()), &solution);
    assert_said(&output, 2, "give --partitions N (upstream sets 2, 10 or 20", "none");
    assert_said(&output, 2, "its hubs can't be listed: Azure Resource Manager has no hubs of the namespace", "none");
    deployment.namespaces = vec![Namespace::standard("contosoeventhubs", &[("other", 8, &["$Default"])])];
    let output = run(&ResourceManager::of(deployment.clone()), &solution);
    assert_said(&output, 2, "can't be listed: the namespace contosoeventhubs has no hub of this solution", "another's");
    deployment.groups.retain(|group| group != "contoso");
    let output = run(&ResourceManager::of(deployment), &solution);
    assert_said(&output, 2, "its hubs can't be listed: there is no resource group \"contoso\"", "no group");
}

#[test]
fn a_group_is_found_in_its_subscription() {
    let mut deployment = Deployment::contoso();
    deployment.subscriptions.push(("72ac930a-f34e-42d8-b06d-dc2a9e12ed71".into(), "Another".into()));
    let second = deployment.subscriptions[1].0.clone();
    let whole = deployment.clone();
    // The first subscription has no such group; Azure may say so with 403 too.
    let azure = ResourceManager::except(deployment, SUBSCRIPTION, || error(403, "AuthorizationFailed"));
    let text = printed(&run(&azure, &["--resource-group", "contoso"]));
    assert!(text.contains(&format!("of the subscription Another ({second})")), "{text}");

    let azure = ResourceManager::of(whole);
    let said_which = "there is a resource group contoso in 2 subscriptions (Example Subscription, Another): say which with \
                      --subscription";
    assert_said(&run(&azure, &["--resource-group", "contoso"]), 2, said_which, "both have it");
    for name in ["another", "72ac930a-f34e-42d8-b06d-dc2a9e12ed71"] {
        let text = printed(&run(&azure, &["--resource-group", "contoso", "--subscription", name]));
        assert!(text.contains("72ac930a-"), "{text}");
    }
    let output = run(&azure, &["--resource-group", "contoso", "--subscription", "anther"]);
    assert_said(&output, 1, "this credential has no subscription \"anther\"; did you mean Another?", "a typo");
    let output = run(&azure, &["--resource-group", "contosso"]);
    let expected = "no resource group \"contosso\" in any of 2 subscriptions; did you mean contoso?";
    assert_said(&output, 1, expected, "a typo in the group");
    let output = run(&azure, &["--subscription", "Another"]);
    let expected = "the subscription Another has 3 resource groups (contoso, fabrikam, northwind): say which with \
                    --resource-group";
    assert_said(&output, 2, expected, "no group");
}

#[test]
fn without_a_terminal_it_is_a_matter_of_usage() {
    let azure = ResourceManager::of(Deployment::contoso());
    let expected = "attach to what? give a scenario file, --solution NAME --prefix P, or --resource-group G";
    assert_said(&run(&azure, &[]), 2, expected, "nothing named");
    assert!(azure.requests().is_empty());
    let endpoint = ["--resource-group", "contoso", "--management-endpoint", "http://management.azure.com"];
    let expected = "\"http://management.azure.com\" is not encrypted, which is allowed to this machine alone";
    assert_said(&run(&azure, &endpoint), 2, expected, "plaintext");
    let output = run(&azure, &["scenario.toml", "--hub", "x"]);
    assert_eq!(output.status.code(), Some(2), "{}", complaint(&output));
}

/// What a stand-in answers to everything.
fn always(answer: impl Fn() -> Answer + Send + Sync + 'static) -> ResourceManager {
    ResourceManager::answering(move |_, _| answer())
}

fn with_header(status: u16, name: &'static str, value: &str) -> Answer {
    Answer::Reply { status, headers: vec![(name, value.to_owned())], body: String::new() }
}

fn text(body: &'static str) -> Answer {
    Answer::Reply { status: 200, headers: vec![], body: body.into() }
}

/// What goes wrong, how it is answered, and what is said.
type Failing = (&'static str, fn() -> Answer, &'static str);

#[test]
fn each_way_to_fail_is_one_sentence() {
    let table: [Failing; 12] = [
        (
            "401",
            || error(401, "InvalidAuthenticationToken"),
            "does not know the credential (401 InvalidAuthenticationToken)",
        ),
        ("401's role", || error(401, "ExpiredAuthenticationToken"), "takes the role Reader on the resource group"),
        (
            "403",
            || error(403, "AuthorizationFailed"),
            "does not let this credential list resource group \"contoso\" (403 AuthorizationFailed): it takes the role \
             Reader on the resource group; check the names too",
        ),
        (
            "404",
            || error(404, "SubscriptionNotFound"),
            "there is no resource group \"contoso\" in the subscription 291bba3f",
        ),
        (
            "429",
            || with_header(429, "retry-after", "3600"),
            "throttles this credential (429) and asks to wait 3600 s more",
        ),
        ("500", || with_header(500, "retry-after", "0"), "does not tell resource group \"contoso\" (500); try again"),
        ("a redirect", || with_header(302, "location", "https://login.example/"), "answers is no list of"),
        ("a page", || text("<html>Sign in</html>"), "answers is no list of resource group \"contoso\" (expected value"),
        ("nothing", || text(""), "answers is no list of resource group \"contoso\" (EOF while parsing"),
        ("a list", || text("[]"), "answers is no list of"),
        ("half of it", || text("{\"name\": \"cont"), "answers is no list of"),
        ("the name of nobody", || text("{\"name\": null}"), "answers is no list of"),
    ];
    for (case, answer, expected) in table {
        let azure = always(answer);
        assert_said(&run(&azure, &["--resource-group", "contoso", "--subscription", SUBSCRIPTION]), 1, expected, case);
    }
    // Nobody is there.
    let nobody = "http://127.0.0.1:9";
    let azure = always(|| error(500, "Never"));
    let flags = ["--resource-group", "contoso", "--management-endpoint", nobody];
    assert_said(&run(&azure, &flags), 1, "can't reach Azure Resource Manager at http://127.0.0.1:9 (", "nobody");
}

#[test]
fn throttling_and_a_passing_fault_are_waited_for() {
    for status in [429, 503] {
        let (deployment, asked) = (Deployment::contoso(), AtomicUsize::new(0));
        let azure = ResourceManager::answering(move |base, request| match asked.fetch_add(1, Ordering::SeqCst) {
            0 | 3 => with_header(status, "retry-after", "0"),
            _ => deployment.answer(base, request),
        });
        assert!(printed(&run(&azure, &["--resource-group", "contoso"])).contains("contosoin-2"), "{status}");
    }
}

#[test]
fn a_provider_that_the_subscription_never_used_has_nothing() {
    let never = || error(409, "MissingSubscriptionRegistration");
    let azure = ResourceManager::except(Deployment::contoso(), "Microsoft.DocumentDB", never);
    assert!(printed(&run(&azure, &["--resource-group", "contoso"])).contains("# The store is not watched"));
}

#[test]
fn a_next_page_elsewhere_is_not_fetched() {
    let elsewhere = always(|| ok(&json!({ "value": [] })));
    let links = [
        (
            format!("{}/subscriptions?x=1", elsewhere.endpoint()),
            "go on elsewhere (127.0.0.1), where no token of its goes",
        ),
        ("https://evil.example/x".into(), "go on elsewhere (evil.example), where no token of its goes"),
        ("https://[".into(), "go on elsewhere (at no address)"),
    ];
    for (link, expected) in links {
        let page = move || ok(&json!({ "value": [], "nextLink": link }));
        let azure = ResourceManager::except(Deployment::contoso(), "Microsoft.EventHub", page);
        assert_said(&run(&azure, &["--resource-group", "contoso"]), 1, expected, expected);
    }
    assert!(elsewhere.requests().is_empty(), "{:?}", elsewhere.requests());
}

/// A credential that gives a token and remembers what it was asked for.
#[derive(Debug, Default)]
struct Credential(Mutex<Vec<String>>);

impl TokenCredential for Credential {
    fn get_token<'own, 'scopes, 'scope, 'options, 'all>(
        &'own self,
        scopes: &'scopes [&'scope str],
        _options: Option<TokenRequestOptions<'options>>,
    ) -> BoxFuture<'all, azure_core::Result<AccessToken>>
    where
        'own: 'all,
        'scopes: 'all,
        'scope: 'all,
        'options: 'all,
    {
        self.0.lock().unwrap().extend(scopes.iter().map(ToString::to_string));
        let expires = time::OffsetDateTime::now_utc() + Duration::from_secs(3_600);
        Box::pin(async move { Ok(AccessToken::new("hush".to_owned(), expires)) })
    }
}

fn group() -> GroupPlace {
    GroupPlace { subscription: SUBSCRIPTION.into(), name: "contoso".into() }
}

#[tokio::test]
async fn a_token_for_the_endpoint_goes_with_each_call_and_shows_nowhere() {
    let azure = ResourceManager::of(Deployment::two_of_each());
    let address = ManagementAddress::parse(&azure.endpoint(), None).unwrap();
    let credential = Arc::new(Credential::default());
    let management = Management::with(address, Some(credential.clone()), Limits::default());
    let found = look(&management, &group()).await.unwrap();
    assert_eq!((found.hubs.len(), found.checkpoints.len(), found.stores.len()), (3, 2, 3));
    let requests = azure.requests();
    assert!(requests.len() > 15, "one entry a page: {}", requests.len());
    assert!(requests.iter().all(|request| request.authorization.as_deref() == Some("Bearer hush")));
    let scopes = credential.0.lock().unwrap().clone();
    assert!(scopes.iter().all(|scope| *scope == format!("{}/.default", azure.endpoint())), "{scopes:?}");
    assert!(!format!("{management:?}").contains("hush"));
}

#[tokio::test]
async fn what_never_ends_is_ended() {
    let brief = Duration::from_millis(200);
    let silent = always(|| Answer::Silence);
    let endless = ResourceManager::answering(|base, request| {
        ok(&json!({ "value": [], "nextLink": format!("{base}{}", request.target) }))
    });
    let long = always(|| Answer::Reply { status: 200, headers: vec![], body: "[".repeat(100_000) });
    let table = [
        (&silent, Limits { call: brief, ..Limits::default() }, "within 200ms; check the network and try again"),
        (
            &silent,
            Limits { whole: brief, ..Limits::default() },
            "did not tell what is in the resource group \"contoso\"",
        ),
        (&endless, Limits { pages: 5, ..Limits::default() }, "5 pages so far"),
        (&long, Limits { bytes: 50_000, ..Limits::default() }, "it is longer than 50000 bytes"),
    ];
    for (azure, limits, expected) in table {
        let address = ManagementAddress::parse(&azure.endpoint(), None).unwrap();
        let sentence = look(&Management::with(address, None, limits), &group()).await.unwrap_err().to_string();
        assert!(sentence.contains(expected), "{sentence}");
        assert_eq!(sentence.lines().count(), 1, "{sentence}");
    }
}
