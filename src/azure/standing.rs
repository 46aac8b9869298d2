//! The standing of something that rests on several connections, told as the state of one station.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::model::observation::StationState;
use crate::wall_clock::wall_clock;

/// The state of each of a few connections, by number, and what was last told of them together.
///
/// ```
/// use std::time::Duration;
/// use streamgauge::azure::standing::Standing;
/// use streamgauge::model::observation::StationState;
///
/// let standing = Standing::new(2);
/// standing.well(0);
/// assert_eq!(standing.untold(), None); // nothing is known of the other yet
/// standing.well(1);
/// assert_eq!(standing.untold(), Some(StationState::Connected));
/// standing.told(StationState::Connected);
/// assert_eq!(standing.untold(), None);
/// standing.trouble(1, "no route to host".into(), Duration::from_secs(2));
/// assert!(matches!(standing.untold(), Some(StationState::Retrying { .. })));
/// ```
#[derive(Debug)]
pub struct Standing(Mutex<States>);

#[derive(Debug)]
struct States {
    each: Vec<Option<StationState>>,
    told: Option<StationState>,
}

impl Standing {
    /// Nothing is known of any of so many connections.
    pub fn new(connections: usize) -> Self {
        Self(Mutex::new(States { each: vec![None; connections], told: None }))
    }

    /// A connection works.
    pub fn well(&self, connection: usize) {
        if let Some(place) = self.lock().each.get_mut(connection) {
            *place = Some(StationState::Connected);
        }
    }

    /// A connection does not work; it is tried again after a wait. Of many who say the same at once only the first is
    /// heard, until its wait is over: a hundred writes that fail are one piece of news.
    pub fn trouble(&self, connection: usize, reason: String, wait: Duration) {
        let now = wall_clock();
        let mut states = self.lock();
        let Some(place) = states.each.get_mut(connection) else { return };
        let is_news = !matches!(
            place,
            Some(StationState::Retrying { reason: known, next_attempt }) if *known == reason && *next_attempt > now
        );
        if is_news {
            *place = Some(StationState::Retrying { reason, next_attempt: now.after(wait) });
        }
    }

    /// Nothing is known of any connection any more.
    pub fn forget(&self) {
        self.lock().each.fill(None);
    }

    /// The state of all together, if it is not what was told last: the first trouble, else connected once all are.
    pub fn untold(&self) -> Option<StationState> {
        let states = self.lock();
        let trouble = states.each.iter().flatten().find(|state| **state != StationState::Connected);
        let all_known = states.each.iter().all(Option::is_some);
        let now = trouble.cloned().or_else(|| all_known.then_some(StationState::Connected))?;
        (states.told.as_ref() != Some(&now)).then_some(now)
    }

    /// The state of all together has been told.
    pub fn told(&self, state: StationState) {
        self.lock().told = Some(state);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, States> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_trouble_from_many_is_told_once() {
        let standing = Standing::new(1);
        standing.trouble(0, "connection refused".into(), Duration::from_secs(60));
        let first = standing.untold().unwrap();
        standing.told(first.clone());
        standing.trouble(0, "connection refused".into(), Duration::from_secs(90));
        assert_eq!(standing.untold(), None);
        standing.trouble(0, "no answer".into(), Duration::from_secs(90));
        assert_ne!(standing.untold(), Some(first));
    }
}
