//! From a request's method and path to what answers it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::account::{Account, AlreadyThere, Container, ContainerPlan, Database, Throughput, resource_name};
use super::items::{self, Write};
use super::reply::Answer;
use super::request::Asked;
use super::units::{RequestUnits, RetryAfter};
use super::{feed, query};
use crate::local::http::{self, Origin, Reply};

/// How long a client is told to wait while the throttle fault is on.
const FAULT_WAIT: Duration = Duration::from_millis(100);

/// What the endpoint serves.
#[derive(Debug)]
pub(super) struct Service {
    account: Account,
    /// Whether offers are kept from clients.
    pub(super) hides_offers: AtomicBool,
}

impl Service {
    pub(super) fn new(account: Account) -> Self {
        Self { account, hides_offers: AtomicBool::new(false) }
    }

    fn route(&self, asked: &Asked, origin: Origin, now: SystemTime) -> Answer {
        let method = asked.request().method();
        match (method.as_str(), asked.path().as_slice()) {
            ("GET", []) => Answer::json(StatusCode::OK, &Account::describe(&format!("{origin}/"))),
            ("GET", ["dbs"]) => self.list_databases(),
            ("POST", ["dbs"]) if asked.is_query() => self.list_databases(),
            ("POST", ["dbs"]) => self.create_database(asked, now),
            ("GET" | "POST", ["offers"]) => self.offers(asked),
            ("GET" | "PUT", ["offers", id]) => self.offer(asked, id),
            (_, ["dbs", database, rest @ ..]) => match self.account.database(database) {
                Some(database) => in_database(asked, &database, rest, now),
                None => Answer::not_found(&format!("There is no database {database:?}: create it first.")),
            },
            _ => not_served(asked),
        }
    }

    fn list_databases(&self) -> Answer {
        let databases: Vec<Value> = self.account.databases().iter().map(|database| database.describe()).collect();
        let count = databases.len();
        Answer::json(StatusCode::OK, &json!({ "_rid": "", "_count": count, "Databases": databases }))
            .charge(RequestUnits::ONE)
            .item_count(count)
    }

    fn create_database(&self, asked: &Asked, now: SystemTime) -> Answer {
        let body = serde_json::from_slice(asked.body()).unwrap_or(Value::Null);
        let Some(id) = resource_name(&body) else {
            return Answer::bad_request(
                "The body is not a JSON object with a string \"id\" of 1 to 255 characters, none of them / \\ ? #.",
            );
        };
        match self.account.create_database(id.clone(), now) {
            Ok(database) => described(asked, StatusCode::CREATED, &database.describe(), &database.etag()),
            Err(AlreadyThere) => already_there("database", &id),
        }
    }

    /// All offers, or those that a query names: SDKs look up a container's offer by its resource id, as a parameter.
    fn offers(&self, asked: &Asked) -> Answer {
        if self.hides_offers.load(Ordering::Relaxed) {
            // What a principal of the data plane is told: offers are read with keys, or by the control plane.
            let message = "Request blocked by Auth: the principal does not have the RBAC permissions to read offers.";
            return Answer::error(StatusCode::FORBIDDEN, "Forbidden", message).substatus(5302);
        }
        let wanted = String::from_utf8_lossy(asked.body());
        let offers: Vec<Value> = self
            .account
            .containers()
            .iter()
            .filter(|container| asked.body().is_empty() || wanted.contains(container.rid.as_str()))
            .map(|container| container.describe_offer())
            .collect();
        let count = offers.len();
        Answer::json(StatusCode::OK, &json!({ "_rid": "", "_count": count, "Offers": offers }))
            .charge(RequestUnits::ONE)
            .item_count(count)
    }

    fn offer(&self, asked: &Asked, id: &str) -> Answer {
        let Some(container) = self.account.containers().into_iter().find(|container| container.offer_id() == id) else {
            return Answer::not_found(&format!("There is no offer {id:?}."));
        };
        if asked.request().method() == Method::PUT {
            let body: Value = serde_json::from_slice(asked.body()).unwrap_or(Value::Null);
            let throughput = body["content"]["offerThroughput"].as_u64().and_then(|wanted| u32::try_from(wanted).ok());
            match throughput.filter(|wanted| *wanted >= 400) {
                Some(throughput) => container.provision(Throughput::Manual(throughput)),
                None => return Answer::bad_request("content.offerThroughput must be a whole number of at least 400."),
            }
        }
        described(asked, StatusCode::OK, &container.describe_offer(), &container.etag())
    }
}

fn in_database(asked: &Asked, database: &Database, path: &[&str], now: SystemTime) -> Answer {
    match (asked.request().method().as_str(), path) {
        ("GET", []) => described(asked, StatusCode::OK, &database.describe(), &database.etag()),
        ("GET", ["colls"]) => list_containers(database),
        ("POST", ["colls"]) if asked.is_query() => list_containers(database),
        ("POST", ["colls"]) => create_container(asked, database, now),
        (_, ["colls", name, rest @ ..]) => {
            let there = database.container(name).map(|container| in_container(asked, &container, rest, now));
            there.unwrap_or_else(|| {
                Answer::not_found(&format!(
                    "There is no container {name:?} in database {:?}: create it first.",
                    database.id
                ))
                .substatus(1003)
            })
        }
        _ => not_served(asked),
    }
}

fn list_containers(database: &Database) -> Answer {
    let containers: Vec<Value> = database.containers().iter().map(|container| container.describe()).collect();
    let count = containers.len();
    let body = json!({ "_rid": database.rid.as_str(), "_count": count, "DocumentCollections": containers });
    Answer::json(StatusCode::OK, &body).charge(RequestUnits::ONE).item_count(count)
}

fn create_container(asked: &Asked, database: &Database, now: SystemTime) -> Answer {
    let plan = match ContainerPlan::of_json(asked.body(), asked.throughput()) {
        Ok(plan) => plan,
        Err(problem) => return Answer::bad_request(&problem.to_string()),
    };
    let id = plan.id.clone();
    match database.create_container(plan, now) {
        Ok(container) => described(asked, StatusCode::CREATED, &container.describe(), &container.etag()),
        Err(AlreadyThere) => already_there("container", &id),
    }
}

fn in_container(asked: &Asked, container: &Container, path: &[&str], now: SystemTime) -> Answer {
    // No partition is split while it is used.
    let _unsplit = container.hold_topology();
    match (asked.request().method().as_str(), path) {
        ("GET", []) => described(asked, StatusCode::OK, &container.describe(), &container.etag()),
        ("GET", ["pkranges"]) => ranges(asked, container),
        ("GET", ["docs"]) if asked.change_feed().is_some() => feed::changes(asked, container, now),
        ("GET", ["docs"]) => feed::all(asked, container, now),
        ("POST", ["docs"]) if asked.is_query() || asked.is_query_plan() => query::answer(asked, container, now),
        ("POST", ["docs"]) if asked.is_batch() => not_served(asked),
        ("POST", ["docs"]) if asked.is_upsert() => items::write(asked, container, Write::Upsert, now),
        ("POST", ["docs"]) => items::write(asked, container, Write::Create, now),
        ("GET", ["docs", id]) => items::read(asked, container, id, now),
        ("PUT", ["docs", id]) => items::write(asked, container, Write::Replace(id), now),
        ("DELETE", ["docs", id]) => items::delete(asked, container, id, now),
        _ => not_served(asked),
    }
}

/// The ranges are a feed of their own: a client that knows them asks with the tag that it has, and is told "nothing
/// new".
fn ranges(asked: &Asked, container: &Container) -> Answer {
    let etag = container.ranges_etag();
    let known = asked.if_none_match().is_some_and(|named| named.trim_matches('"') == etag.trim_matches('"'));
    let answer = if known {
        Answer::empty(StatusCode::NOT_MODIFIED)
    } else {
        Answer::json(StatusCode::OK, &container.describe_ranges()).item_count(container.partitions().len())
    };
    answer.charge(RequestUnits::ONE).etag(&etag)
}

fn described(asked: &Asked, status: StatusCode, body: &Value, etag: &str) -> Answer {
    let answer = Answer::json(status, body).charge(RequestUnits::ONE).etag(etag);
    if asked.wants_no_body() { answer.without_body() } else { answer }
}

fn already_there(what: &str, id: &str) -> Answer {
    let message = format!("There is a {what} {id:?} already: use it, or choose another name.");
    Answer::error(StatusCode::CONFLICT, "Conflict", &message).charge(RequestUnits::ONE)
}

fn not_served(asked: &Asked) -> Answer {
    let (method, path) = (asked.request().method(), asked.request().uri().path());
    Answer::bad_request(&format!(
        "{method} {path} is not served here: the endpoint knows databases, containers, items by id, partition key ranges, \
         offers and the change feed."
    ))
}

impl http::Answer for Service {
    fn answer(&self, request: Request<Bytes>, origin: Origin) -> Reply {
        let asked = Asked::new(request);
        self.route(&asked, origin, SystemTime::now()).of_activity(asked.request()).into()
    }

    fn throttled(&self) -> Reply {
        Answer::too_many_requests(RetryAfter(FAULT_WAIT)).into()
    }

    fn denied(&self) -> Reply {
        Answer::unauthorized().into()
    }

    fn wrong(&self) -> Reply {
        Answer::raw(StatusCode::OK, Bytes::from_static(b"[\"this is not what was asked for\"]")).into()
    }

    fn too_large(&self) -> Reply {
        items::too_large().into()
    }
}
