//! A stand-in for Azure Resource Manager on loopback: replies of the shape that Azure/azure-rest-api-specs documents, in
//! pages, about a deployment that a test describes.

#![allow(dead_code, reason = "not every test needs all of it")]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

pub(crate) const SUBSCRIPTION: &str = "291bba3f-e0a5-47bc-a099-3bdcb2a50a05";

/// A request, as far as anybody looks at it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query, as they were sent.
    pub(crate) target: String,
    pub(crate) authorization: Option<String>,
}

/// What is answered.
pub(crate) enum Answer {
    Reply {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// The connection stays open, and nothing comes.
    Silence,
}

pub(crate) fn ok(body: &Value) -> Answer {
    Answer::Reply { status: 200, headers: vec![], body: body.to_string() }
}

pub(crate) fn error(status: u16, code: &str) -> Answer {
    let body = json!({ "error": { "code": code, "message": "A paragraph, with ids that nobody wants to read." } });
    Answer::Reply { status, headers: vec![], body: body.to_string() }
}

/// A running stand-in. It serves until the test's process ends.
pub(crate) struct ResourceManager {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl ResourceManager {
    /// Serves what a function answers.
    pub(crate) fn answering(answer: impl Fn(&str, &Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&requests), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream, &format!("http://{address}"), &seen, &*answer));
            }
        });
        Self { address, requests }
    }

    /// Serves a deployment, but for the requests with this in them.
    pub(crate) fn except(
        deployment: Deployment,
        part: &'static str,
        answer: impl Fn() -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::answering(
            move |base, request| {
                if request.target.contains(part) { answer() } else { deployment.answer(base, request) }
            },
        )
    }

    /// Serves a deployment.
    pub(crate) fn of(deployment: Deployment) -> Self {
        Self::answering(move |base, request| deployment.answer(base, request))
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("the requests").clone()
    }
}

/// One request to a connection.
fn serve(stream: TcpStream, base: &str, seen: &Mutex<Vec<Request>>, answer: &dyn Fn(&str, &Request) -> Answer) {
    let mut reader = BufReader::new(&stream);
    let mut first = String::new();
    reader.read_line(&mut first).expect("a request line");
    let mut words = first.split_whitespace().map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return };
    let mut authorization = None;
    for line in reader.lines() {
        let line = line.expect("a header");
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ").unwrap_or_default();
        if name.eq_ignore_ascii_case("authorization") {
            authorization = Some(value.to_owned());
        }
    }
    let request = Request { method, target, authorization };
    seen.lock().expect("the requests").push(request.clone());
    match answer(base, &request) {
        Answer::Reply { status, headers, body } => {
            let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let reply = format!(
                "HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\
                 {headers}\r\n{body}",
                body.len()
            );
            // A client that has had enough has gone.
            drop((&stream).write_all(reply.as_bytes()));
        }
        // For as long as the test runs.
        Answer::Silence => std::mem::forget(stream),
    }
}

/// What is deployed.
#[derive(Clone)]
pub(crate) struct Deployment {
    /// Id and name.
    pub(crate) subscriptions: Vec<(String, String)>,
    /// In each subscription.
    pub(crate) groups: Vec<String>,
    pub(crate) namespaces: Vec<Namespace>,
    /// Accounts with their blob endpoints and containers.
    pub(crate) storage: Vec<(String, String, Vec<String>)>,
    pub(crate) cosmos: Vec<CosmosAccount>,
    /// Entries of a page.
    pub(crate) page: usize,
}

#[derive(Clone)]
pub(crate) struct Namespace {
    pub(crate) name: String,
    pub(crate) endpoint: String,
    pub(crate) tier: String,
    pub(crate) capacity: u32,
    /// Name, partitions, consumer groups.
    pub(crate) hubs: Vec<(String, u32, Vec<String>)>,
}

#[derive(Clone)]
pub(crate) struct CosmosAccount {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) endpoint: String,
    /// With their containers.
    pub(crate) databases: Vec<(String, Vec<String>)>,
}

impl CosmosAccount {
    pub(crate) fn sql(name: &str, endpoint: &str, database: &str, containers: &[&str]) -> Self {
        let databases = vec![(database.to_owned(), owned(containers))];
        Self { name: name.into(), kind: "GlobalDocumentDB".into(), endpoint: endpoint.into(), databases }
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

impl Namespace {
    pub(crate) fn standard(name: &str, hubs: &[(&str, u32, &[&str])]) -> Self {
        let hub = |(name, partitions, groups): &(&str, u32, &[&str])| ((*name).to_owned(), *partitions, owned(groups));
        Self {
            name: name.into(),
            endpoint: format!("https://{name}.servicebus.windows.net:443/"),
            tier: "Standard".into(),
            capacity: 6,
            hubs: hubs.iter().map(hub).collect(),
        }
    }
}

impl Deployment {
    /// One of each, as upstream's `eventhubs-functions-cosmosdb` deploys it, but for its consumer group.
    pub(crate) fn contoso() -> Self {
        let storage = "https://contosostorage.blob.core.windows.net/";
        let cosmos = "https://contosocosmosdb.documents.azure.com:443/";
        Self {
            subscriptions: vec![(SUBSCRIPTION.into(), "Example Subscription".into())],
            groups: owned(&["contoso", "fabrikam", "northwind"]),
            namespaces: vec![Namespace::standard("contosoeventhubs", &[("contosoin-2", 2, &["$Default"])])],
            storage: vec![(
                "contosostorage".into(),
                storage.into(),
                owned(&["$logs", "azure-webjobs-eventhub", "azure-webjobs-hosts", "azure-webjobs-secrets"]),
            )],
            cosmos: vec![
                CosmosAccount::sql("contosocosmosdb", cosmos, "streaming", &["rawdata"]),
                CosmosAccount {
                    kind: "MongoDB".into(),
                    ..CosmosAccount::sql("contosomongo", cosmos, "mongo", &["no"])
                },
            ],
            page: 100,
        }
    }

    /// Two of nearly everything.
    pub(crate) fn two_of_each() -> Self {
        let hubs: [(&str, u32, &[&str]); 2] =
            [("contosoin-2", 2, &["$Default", "cosmos"]), ("contosoin-10", 10, &["$Default", "cosmos", "other"])];
        let mut deployment = Self::contoso();
        deployment.namespaces = vec![
            Namespace::standard("contosoeventhubs", &hubs),
            Namespace::standard("contosoeventhubsout", &[("contosoin-2", 2, &["$Default"])]),
        ];
        let checkpoints = "https://contosocheckpoints.blob.core.windows.net/";
        deployment.storage.push(("contosocheckpoints".into(), checkpoints.into(), owned(&["checkpoints"])));
        if let Some(account) = deployment.cosmos.first_mut() {
            account.databases.push(("archive".into(), owned(&["rawdata", "old"])));
        }
        Self { page: 1, ..deployment }
    }

    pub(crate) fn answer(&self, base: &str, request: &Request) -> Answer {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        if !query.contains("api-version=20") {
            return error(400, "MissingApiVersionParameter");
        }
        let segments: Vec<String> =
            path.trim_start_matches('/').split('/').map(|segment| segment.replace("%24", "$")).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let page = |entries: Vec<Value>| self.page_of(entries, base, path, query);
        match segments.as_slice() {
            ["subscriptions"] => page(self.subscriptions.iter().map(subscription).collect()),
            ["subscriptions", id, ..] if !self.subscriptions.iter().any(|(known, _)| known == id) => {
                error(404, "SubscriptionNotFound")
            }
            ["subscriptions", _, "resourcegroups"] => page(self.groups.iter().map(|name| group(name)).collect()),
            // In any case, and answered in the one in which it was made.
            ["subscriptions", _, "resourcegroups", name] => {
                match self.groups.iter().find(|own| own.eq_ignore_ascii_case(name)) {
                    Some(name) => ok(&group(name)),
                    None => error(404, "ResourceGroupNotFound"),
                }
            }
            ["subscriptions", _, "resourceGroups", _, "providers", provider, kind, below @ ..] => {
                match self.below(provider, kind, below) {
                    Some(entries) => page(entries),
                    None => error(404, "ResourceNotFound"),
                }
            }
            _ => error(404, "NotFound"),
        }
    }

    fn below(&self, provider: &str, kind: &str, below: &[&str]) -> Option<Vec<Value>> {
        let namespace = |name: &str| self.namespaces.iter().find(|namespace| namespace.name == name);
        let found = match (provider, kind, below) {
            ("Microsoft.EventHub", "namespaces", []) => self.namespaces.iter().map(namespace_reply).collect(),
            ("Microsoft.EventHub", "namespaces", [name, "eventhubs"]) => {
                namespace(name)?.hubs.iter().map(|(name, partitions, _)| hub(name, *partitions)).collect()
            }
            ("Microsoft.EventHub", "namespaces", [name, "eventhubs", hub, "consumergroups"]) => {
                let (_, _, groups) = namespace(name)?.hubs.iter().find(|(own, ..)| own == hub)?;
                groups.iter().map(|name| consumer_group(name)).collect()
            }
            ("Microsoft.Storage", "storageAccounts", []) => {
                self.storage.iter().map(|(name, endpoint, _)| storage_account(name, endpoint)).collect()
            }
            ("Microsoft.Storage", "storageAccounts", [name, "blobServices", "default", "containers"]) => {
                let (.., containers) = self.storage.iter().find(|(own, ..)| own == name)?;
                containers.iter().map(|name| blob_container(name)).collect()
            }
            ("Microsoft.DocumentDB", "databaseAccounts", []) => self.cosmos.iter().map(cosmos_account).collect(),
            ("Microsoft.DocumentDB", "databaseAccounts", [name, "sqlDatabases", rest @ ..]) => {
                let databases = &self.cosmos.iter().find(|account| account.name == *name)?.databases;
                match rest {
                    [] => databases.iter().map(|(name, _)| cosmos_part(name, "sqlDatabases")).collect(),
                    [database, "containers"] => {
                        let (_, containers) = databases.iter().find(|(own, _)| own == database)?;
                        containers.iter().map(|name| cosmos_part(name, "sqlDatabases/containers")).collect()
                    }
                    _ => return None,
                }
            }
            _ => return None,
        };
        Some(found)
    }

    fn page_of(&self, entries: Vec<Value>, base: &str, path: &str, query: &str) -> Answer {
        let (query, token) = query.split_once("&$skiptoken=").unwrap_or((query, "0"));
        let from: usize = token.parse().expect("a token of ours");
        let rest = entries.len().saturating_sub(from + self.page);
        let page: Vec<Value> = entries.into_iter().skip(from).take(self.page).collect();
        let mut body = json!({ "value": page });
        if rest > 0 {
            body["nextLink"] = json!(format!("{base}{path}?{query}&$skiptoken={}", from + self.page));
        }
        ok(&body)
    }
}

fn subscription((id, name): &(String, String)) -> Value {
    json!({
        "id": format!("/subscriptions/{id}"), "subscriptionId": id, "displayName": name, "state": "Enabled",
        "tenantId": "31c75423-32d6-4322-88b7-c478bdde4858", "authorizationSource": "RoleBased", "managedByTenants": [],
        "subscriptionPolicies": { "locationPlacementId": "Internal_2014-09-01", "quotaId": "Q", "spendingLimit": "Off" }
    })
}

fn group(name: &str) -> Value {
    let tags = if name == "contoso" { json!({ "streaming_at_scale_generated": "1" }) } else { json!({}) };
    json!({
        "id": format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}"), "name": name, "location": "eastus",
        "type": "Microsoft.Resources/resourceGroups", "tags": tags, "properties": { "provisioningState": "Succeeded" }
    })
}

fn namespace_reply(namespace: &Namespace) -> Value {
    json!({
        "name": namespace.name, "type": "Microsoft.EventHub/Namespaces", "location": "East US", "tags": {},
        "id": format!("/subscriptions/{SUBSCRIPTION}/.../namespaces/{}", namespace.name),
        "sku": { "name": namespace.tier, "tier": namespace.tier, "capacity": namespace.capacity },
        "properties": {
            "createdAt": "2021-01-30T00:28:38.963Z", "disableLocalAuth": false, "isAutoInflateEnabled": false,
            "maximumThroughputUnits": 0, "provisioningState": "Succeeded", "zoneRedundant": false,
            "serviceBusEndpoint": namespace.endpoint
        }
    })
}

fn hub(name: &str, partitions: u32) -> Value {
    json!({
        "name": name, "type": "Microsoft.EventHub/Namespaces/EventHubs", "id": "/..",
        "properties": {
            "createdAt": "2017-06-28T02:45:55.877Z", "messageRetentionInDays": 1, "partitionCount": partitions,
            "partitionIds": (0..partitions).map(|id| id.to_string()).collect::<Vec<_>>(), "status": "Active"
        }
    })
}

fn consumer_group(name: &str) -> Value {
    json!({
        "name": name, "type": "Microsoft.EventHub/Namespaces/EventHubs/ConsumerGroups", "id": "/..",
        "properties": { "createdAt": "2017-05-25T03:42:52.287Z", "updatedAt": "2017-05-25T03:42:52.287Z" }
    })
}

fn storage_account(name: &str, endpoint: &str) -> Value {
    json!({
        "name": name, "type": "Microsoft.Storage/storageAccounts", "id": "/..", "kind": "StorageV2", "location": "eastus",
        "sku": { "name": "Standard_LRS", "tier": "Standard" }, "tags": {},
        "properties": {
            "primaryEndpoints": { "blob": endpoint, "queue": "https://q/", "table": "https://t/" },
            "provisioningState": "Succeeded", "supportsHttpsTrafficOnly": true
        }
    })
}

fn blob_container(name: &str) -> Value {
    json!({
        "name": name, "type": "Microsoft.Storage/storageAccounts/blobServices/containers", "id": "/..", "etag": "\"0x8D\"",
        "properties": {
            "publicAccess": "None", "leaseStatus": "Unlocked", "leaseState": "Available", "hasLegalHold": false,
            "lastModifiedTime": "2018-03-14T08:20:47Z", "hasImmutabilityPolicy": false
        }
    })
}

fn cosmos_account(account: &CosmosAccount) -> Value {
    let CosmosAccount { name, kind, endpoint, .. } = account;
    json!({
        "name": name, "type": "Microsoft.DocumentDB/databaseAccounts", "id": "/..", "kind": kind, "location": "West US",
        "properties": {
            "provisioningState": "Succeeded", "documentEndpoint": endpoint, "databaseAccountOfferType": "Standard",
            "keysMetadata": { "primaryMasterKey": { "generationTime": "2022-02-25T20:30:11Z" } }, "capabilities": []
        }
    })
}

fn cosmos_part(name: &str, kind: &str) -> Value {
    json!({
        "name": name, "type": format!("Microsoft.DocumentDB/databaseAccounts/{kind}"), "id": "/..",
        "properties": { "resource": { "id": name, "_rid": "CqNBAA==", "_ts": 1_449_602_962, "_etag": "\"00000a00\"" } }
    })
}
