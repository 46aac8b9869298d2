//! What the rest of the endpoint tells a connection: that there are new events, or that a receiver lost its place.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::receivers::ReceiverId;

/// The mailbox of one connection.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    /// Notified when there is something to look at.
    pub(crate) wakeup: Arc<Notify>,
    stolen: Mutex<Vec<(ReceiverId, String)>>,
}

impl Mailbox {
    /// Says that one of the connection's receivers was outranked, and by whom.
    pub(crate) fn tell_stolen(&self, receiver: ReceiverId, description: String) {
        self.stolen.lock().unwrap_or_else(PoisonError::into_inner).push((receiver, description));
        self.wakeup.notify_one();
    }

    /// The receivers that were outranked since the last call.
    pub(crate) fn take_stolen(&self) -> Vec<(ReceiverId, String)> {
        std::mem::take(&mut *self.stolen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
