//! Faults that can be switched on in an endpoint, so that a person or a test sees how the rest bears them.

use std::sync::{Arc, RwLock};
use std::time::Duration;

/// What an endpoint does wrong while the fault is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// New connections are closed as soon as they are accepted; those that stand stay.
    Refuse,
    /// Every connection is closed, without a goodbye, at the next thing that arrives on it; new ones as well.
    Cut,
    /// Every answer comes this much later.
    Delay(Duration),
    /// Every request is answered with the protocol's own "too many requests".
    Throttle,
    /// Every request is answered as one whose credential has no right to it.
    Deny,
    /// Every request is answered with something that the protocol does not allow there.
    WrongReply,
}

/// The switch of one endpoint. Clones share the switch.
///
/// ```
/// use streamgauge::local::fault::{Fault, FaultSwitch};
///
/// let switch = FaultSwitch::default();
/// let seen_by_the_endpoint = switch.clone();
/// switch.set(Fault::Cut);
/// assert_eq!(seen_by_the_endpoint.get(), Some(Fault::Cut));
/// switch.clear();
/// assert_eq!(seen_by_the_endpoint.get(), None);
/// ```
#[derive(Debug, Clone, Default)]
pub struct FaultSwitch(Arc<RwLock<Option<Fault>>>);

impl FaultSwitch {
    /// Switches a fault on, in place of the one that was.
    pub fn set(&self, fault: Fault) {
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(fault);
    }

    /// Back to health.
    pub fn clear(&self) {
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
    }

    /// The fault that is on, if any.
    pub fn get(&self) -> Option<Fault> {
        *self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
