//! The stations: whether each answers, and since when.

use std::mem::discriminant;

use super::Session;
use crate::model::log::Happening;
use crate::model::observation::{Station, StationState};
use crate::model::units::Time;

/// Whether a station answers, and since when.
#[derive(Debug, Clone)]
pub struct StationHealth {
    /// Its state.
    pub state: StationState,
    /// When it came into this state.
    pub since: Time,
    /// When a fact last came from it.
    pub last_fact: Option<Time>,
}

impl Session {
    /// What a station, or a probe of it, says of itself.
    pub(super) fn apply_station(&mut self, at: Time, station: Station, state: &StationState) {
        let before = self.stations.get(&station).map(|health| (discriminant(&health.state), health.since));
        let health = self.stations.entry(station).or_insert_with(|| StationHealth::new(state.clone(), at));
        health.state = state.clone();
        // A new time or reason of the same trouble is not a new trouble.
        if before.is_some_and(|(before, _)| before == discriminant(state)) {
            return;
        }
        health.since = at;
        let happened = match (state, before) {
            (StationState::Retrying { reason, .. }, _) => {
                self.faults.push((at, station));
                Happening::Away(station, reason.clone())
            }
            (StationState::Connected, Some((_, since))) => Happening::Back(station, at.since(since)),
            (StationState::Stopped, Some(_)) => Happening::Stopped(station),
            // That it answers, or was never wanted, from the start on is no event.
            (StationState::Connected | StationState::Stopped, None) | (StationState::Unwatched, _) => return,
        };
        self.log.push(at, happened);
    }

    /// A fact from a station shows that it answers, whatever was said of it before.
    pub(super) fn saw(&mut self, station: Station, at: Time) {
        let health = self.stations.entry(station).or_insert_with(|| StationHealth::new(StationState::Connected, at));
        health.last_fact = Some(at);
    }

    /// What is known of a station.
    pub fn station(&self, station: Station) -> Option<&StationHealth> {
        self.stations.get(&station)
    }

    /// Whether nobody looks at a station: the scenario does not say where it is.
    pub fn is_unwatched(&self, station: Station) -> bool {
        self.station(station).is_some_and(|health| health.state == StationState::Unwatched)
    }
}

impl StationHealth {
    fn new(state: StationState, since: Time) -> Self {
        Self { state, since, last_fact: None }
    }
}
