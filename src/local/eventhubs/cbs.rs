//! The node `$cbs`, where a client leaves a token for each entity it wants to use.

use super::codec::condition;
use super::codec::message::Request;
use super::codec::types::Value;
use super::link::request::Answer;

/// Takes any token: whoever reaches the loopback address may use the endpoint.
pub(crate) fn answer(request: &Request) -> Answer {
    match request.text("operation") {
        // Clients compare with 202 exactly, as the service answers.
        Some("put-token") => {
            Answer { status: 202, description: "Accepted".to_owned(), error_condition: None, body: Value::Null }
        }
        other => Answer::failure(
            400,
            condition::NOT_IMPLEMENTED,
            format!("operation '{}' is not known: $cbs takes 'put-token'", other.unwrap_or("")),
        ),
    }
}
