//! Who receives from which partition for which consumer group, and who gives way to whom.
//!
//! A receiver with an epoch (an *owner level*) wants its partition for itself, within its consumer group:
//!
//! | arrives | stands | what happens |
//! |---|---|---|
//! | epoch 2 | epoch 1 or 2, or receivers without epoch | those are detached with `amqp:link:stolen` |
//! | epoch 1 | epoch 2 | the one that arrives is refused |
//! | no epoch | any epoch | the one that arrives is refused |
//! | no epoch | receivers without epoch | they share, up to five |

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::codec::condition;
use super::codec::performatives::AmqpError;
use super::mailbox::Mailbox;

/// How many receivers without epoch may read one partition for one consumer group, as in the service.
const SHARED_RECEIVERS_LIMIT: usize = 5;

/// Names one receiver, for as long as the endpoint runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ReceiverId(u64);

/// A partition, as one consumer group sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) consumer_group: String,
    pub(crate) partition: usize,
}

#[derive(Debug)]
struct Receiver {
    id: ReceiverId,
    epoch: Option<i64>,
    name: String,
    mailbox: Arc<Mailbox>,
}

/// All receivers of the hub.
#[derive(Debug, Default)]
pub(crate) struct Receivers(Mutex<Registry>);

#[derive(Debug, Default)]
struct Registry {
    places: HashMap<Place, Vec<Receiver>>,
    last_id: u64,
}

impl Receivers {
    fn registry(&self) -> std::sync::MutexGuard<'_, Registry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a receiver in, at the cost of those that it outranks, or refuses it.
    pub(crate) fn register(
        self: &Arc<Self>,
        place: Place,
        epoch: Option<i64>,
        name: &str,
        mailbox: &Arc<Mailbox>,
    ) -> Result<Registration, AmqpError> {
        let mut registry = self.registry();
        let standing = registry.places.entry(place.clone()).or_default();
        let highest = standing.iter().filter_map(|receiver| receiver.epoch).max();
        match (epoch, highest) {
            (None, Some(highest)) => {
                return Err(AmqpError::new(
                    condition::LINK_STOLEN,
                    format!(
                        "a receiver with epoch {highest} reads partition {} for consumer group '{}', so a receiver \
                         without epoch is not allowed: use a higher epoch, or close that one first",
                        place.partition, place.consumer_group
                    ),
                ));
            }
            (Some(epoch), Some(highest)) if epoch < highest => {
                return Err(AmqpError::new(
                    condition::LINK_STOLEN,
                    format!(
                        "a receiver with the higher epoch {highest} reads partition {} for consumer group '{}', so \
                         one with epoch {epoch} cannot be created",
                        place.partition, place.consumer_group
                    ),
                ));
            }
            (None, None) if standing.len() >= SHARED_RECEIVERS_LIMIT => {
                return Err(AmqpError::new(
                    condition::RESOURCE_LIMIT_EXCEEDED,
                    format!(
                        "consumer group '{}' has {SHARED_RECEIVERS_LIMIT} receivers on partition {} already, the \
                         most that may share it",
                        place.consumer_group, place.partition
                    ),
                ));
            }
            (Some(epoch), _) => {
                for outranked in standing.drain(..) {
                    outranked.mailbox.tell_stolen(
                        outranked.id,
                        format!(
                            "receiver '{name}' with epoch {epoch} was created, hence receiver '{}' {} is disconnected",
                            outranked.name,
                            outranked.epoch.map_or("without epoch".to_owned(), |epoch| format!("with epoch {epoch}"))
                        ),
                    );
                }
            }
            (None, None) => {}
        }
        registry.last_id += 1;
        let id = ReceiverId(registry.last_id);
        let receiver = Receiver { id, epoch, name: name.to_owned(), mailbox: Arc::clone(mailbox) };
        registry.places.entry(place.clone()).or_default().push(receiver);
        Ok(Registration { receivers: Arc::clone(self), place, id })
    }
}

/// A receiver's place in the registry, given up when it is dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    receivers: Arc<Receivers>,
    place: Place,
    pub(crate) id: ReceiverId,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut registry = self.receivers.registry();
        if let Some(standing) = registry.places.get_mut(&self.place) {
            standing.retain(|receiver| receiver.id != self.id);
            if standing.is_empty() {
                registry.places.remove(&self.place);
            }
        }
    }
}
