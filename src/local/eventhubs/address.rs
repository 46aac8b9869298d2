//! What the address of a link names: a node of the hub, a partition to send to, a partition to receive from.

use super::codec::condition;
use super::codec::performatives::AmqpError;
use super::hub::Hub;

/// A node that answers requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Node {
    /// `$cbs`, where clients leave their tokens.
    ClaimsBasedSecurity,
    /// `$management`, which tells the properties of the hub.
    Management,
}

/// The end of a link that lies in the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Node(Node),
    /// The hub, to send to, and the partition, where one is named.
    Publish(Option<usize>),
    /// A partition, to receive from on behalf of a consumer group.
    Receive {
        consumer_group: String,
        partition: usize,
    },
}

/// Reads an address. Clients write the same one in three ways:
///
/// - Rust: `amqps://127.0.0.1:5672/hub/ConsumerGroups/$Default/Partitions/0`
/// - Python and JavaScript: `hub/ConsumerGroups/$Default/Partitions/0`
/// - any of them with a slash too many
pub(crate) fn parse(address: &str, hub: &Hub) -> Result<Address, AmqpError> {
    let path = match address.split_once("://") {
        Some((_scheme, rest)) => rest.split_once('/').map_or("", |(_authority, path)| path),
        None => address,
    };
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    if let Some(last) = segments.last() {
        if last.eq_ignore_ascii_case("$cbs") {
            return Ok(Address::Node(Node::ClaimsBasedSecurity));
        }
        if last.eq_ignore_ascii_case("$management") {
            return Ok(Address::Node(Node::Management));
        }
    }
    let Some((name, rest)) = segments.split_first() else {
        return Err(AmqpError::new(
            condition::INVALID_FIELD,
            "a link needs an address: the hub's name, or $management",
        ));
    };
    if !hub.is_called(name) {
        return Err(not_found(format!("the messaging entity '{name}' could not be found: the hub is '{}'", hub.name)));
    }
    let partition = |id: &str| {
        hub.log.partition_index(id).ok_or_else(|| {
            not_found(format!(
                "partition '{id}' of event hub '{}' could not be found: its partitions are 0 to {}",
                hub.name,
                hub.log.partition_count().saturating_sub(1)
            ))
        })
    };
    match *rest {
        [] => Ok(Address::Publish(None)),
        [kind, id] if kind.eq_ignore_ascii_case("Partitions") => Ok(Address::Publish(Some(partition(id)?))),
        [kind, group, partitions, id]
            if kind.eq_ignore_ascii_case("ConsumerGroups") && partitions.eq_ignore_ascii_case("Partitions") =>
        {
            let consumer_group = hub
                .consumer_group(group)
                .ok_or_else(|| {
                    not_found(format!(
                        "the messaging entity '{}:{group}' could not be found: event hub '{}' has no consumer group \
                         '{group}'",
                        hub.name, hub.name
                    ))
                })?
                .to_owned();
            Ok(Address::Receive { consumer_group, partition: partition(id)? })
        }
        _ => Err(not_found(format!("the messaging entity '{path}' could not be found"))),
    }
}

fn not_found(description: String) -> AmqpError {
    AmqpError::new(condition::NOT_FOUND, description)
}
