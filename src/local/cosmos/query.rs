//! The two queries that are served: all items, and their number, within one partition key.

use std::time::SystemTime;

use hyper::StatusCode;
use serde::Deserialize;

use super::account::Container;
use super::feed::{documents, items_page};
use super::reply::Answer;
use super::request::Asked;
use super::scope::Scope;
use super::units::RequestUnits;

/// What a query may say here, after spaces and cases are made even.
#[derive(Debug, PartialEq, Eq)]
enum Query {
    Count,
    All,
}

#[derive(Deserialize)]
struct QueryBody {
    query: String,
}

/// Answers a query.
pub(super) fn answer(asked: &Asked, container: &Container, now: SystemTime) -> Answer {
    let Ok(body) = serde_json::from_slice::<QueryBody>(asked.body()) else {
        return Answer::bad_request("The query's body is not JSON with a \"query\".");
    };
    let Some(query) = Query::parse(&body.query) else { return not_served(&body.query) };
    if asked.is_query_plan() {
        return not_served(&body.query);
    }
    let scope = match Scope::of(asked, container) {
        Ok(scope) => scope,
        Err(problem) => return problem.answer(),
    };
    match (query, scope.one_key) {
        (Query::All, _) => items_page(asked, container, &scope, false, now),
        (Query::Count, Some(key)) => {
            let mut state = scope.partition.lock();
            state.items.expire(now);
            let count = state.items.count(key);
            let charge = RequestUnits::count();
            if let Err(wait) = state.budget.try_spend(charge, container.partition_budget(), now) {
                return Answer::too_many_requests(wait).served_by(&scope.partition, state.items.last());
            }
            Answer::raw(StatusCode::OK, documents(container, [count.to_string()].into_iter()))
                .charge(charge)
                .item_count(1)
                .served_by(&scope.partition, state.items.last())
        }
        (Query::Count, None) => not_served(&body.query),
    }
}

fn not_served(query: &str) -> Answer {
    let query: String = query.chars().take(200).collect();
    Answer::bad_request(&format!(
        "The query {query:?} is not served here: ask for SELECT * FROM c or SELECT VALUE COUNT(1) FROM c within one partition key."
    ))
}

impl Query {
    /// ```text
    /// "select  VALUE count( 1 )\n from  root r"  ->  Count
    /// ```
    fn parse(query: &str) -> Option<Self> {
        let spaced = query.to_ascii_lowercase().replace('(', " ( ").replace(')', " ) ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        match words.as_slice() {
            ["select", "*", "from", _] | ["select", "*", "from", _, _] => Some(Self::All),
            ["select", "value", "count", "(", "1", ")", "from", _]
            | ["select", "value", "count", "(", "1", ")", "from", _, _] => Some(Self::Count),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queries_that_are_served() {
        for (query, expected) in [
            ("SELECT * FROM c", Some(Query::All)),
            ("select  VALUE count( 1 )\n from  root r", Some(Query::Count)),
            ("SELECT VALUE COUNT(1) FROM c", Some(Query::Count)),
            ("SELECT * FROM c WHERE c.a = 1", None),
            ("SELECT c.id FROM c", None),
            ("", None),
        ] {
            assert_eq!(Query::parse(query), expected, "{query}");
        }
    }
}
