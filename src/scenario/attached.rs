//! A deployed scenario while it is attached to: the probes that watch it, and a load into it, if somebody asked for one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;

use super::places::{Places, Probes, ScenarioError};
use crate::azure::OwnThread;
use crate::load::driver::{Bounds, LoadError, LoadHandle, LoadOptions};
use crate::load::lane::Devices;
use crate::model::ledger::{Audit, Ledger};
use crate::model::observation::{Observation, Target};
use crate::model::units::{EventRate, Time};
use crate::probe::{Clock, Outlet};

/// Where a load begins that was confirmed on screen, unless the scenario file says otherwise.
pub const FIRST_RATE: f64 = 100.0;

/// How long a part may take to end.
const GOODBYE: Duration = Duration::from_secs(5);

/// The load that may go into a deployed scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoadWish {
    /// What was asked for on the command line, which confirms it; `None` leaves it to a confirmation on screen.
    pub target: Option<Target>,
    /// Where a load begins that is confirmed on screen.
    pub first: EventRate,
    /// What it never goes past.
    pub bounds: Bounds,
}

/// A deployed scenario, attached to.
#[derive(Debug)]
pub struct Attached {
    places: Places,
    wish: LoadWish,
    probes: Probes,
    confirmed: bool,
    load: Option<LoadHandle>,
    ledger: Arc<Mutex<Ledger>>,
    observations: mpsc::Sender<Observation>,
    clock: Clock,
}

impl Attached {
    /// Starts to watch, and the load if it was asked for; facts go to `observations`. Services that are away are waited
    /// for.
    ///
    /// # Errors
    /// A thread that can't be started.
    pub fn start(
        places: Places,
        wish: LoadWish,
        observations: mpsc::Sender<Observation>,
        clock: Clock,
    ) -> Result<Self, ScenarioError> {
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let outlet = Outlet::new(observations.clone(), Arc::new(Mutex::new(Audit::default())), clock);
        let probes = places.start_probes(&ledger, &outlet)?;
        let confirmed = wish.target.is_some();
        let mut attached = Self { places, wish, probes, confirmed, load: None, ledger, observations, clock };
        if let Some(target) = wish.target {
            attached.set_target(target)?;
        }
        Ok(attached)
    }

    /// What the load is asked to do.
    pub fn target(&self) -> Target {
        self.load.as_ref().map_or(Target::Paused, LoadHandle::target)
    }

    /// The name of what a load would go into, while nobody has confirmed that it is to.
    pub fn unconfirmed(&self) -> Option<String> {
        (!self.confirmed).then(|| self.places.target().to_owned())
    }

    /// A load was confirmed; gives what it begins with.
    pub fn confirm(&mut self) -> Target {
        self.confirmed = true;
        self.wish.bounds.hold(Target::Rate(self.wish.first))
    }

    /// Asks the load for something, and starts it with the first thing that it is asked for. Without a confirmation
    /// nothing happens.
    ///
    /// # Errors
    /// A thread that can't be started.
    pub fn set_target(&mut self, target: Target) -> Result<(), LoadError> {
        if !self.confirmed {
            return Ok(());
        }
        if let Some(load) = &self.load {
            load.set_target(target);
            return Ok(());
        }
        if target != Target::Paused {
            self.load = Some(LoadHandle::start(
                self.load_options(target),
                Arc::clone(&self.ledger),
                self.observations.clone(),
            )?);
        }
        Ok(())
    }

    /// No event twice, and devices of our own: all of upstream's simulators are devices 0 to 999, whichever instance they
    /// are, and other loads may run. A thousand devices from a multiple of 1,000 on, by the second in which the load
    /// begins; the seed is that moment, so that no event has the id of one of an earlier load.
    fn load_options(&self, target: Target) -> LoadOptions {
        let now: Time = (self.clock)();
        let moment = u64::try_from(now.as_micros()).unwrap_or(0);
        let thousand = 1 + u32::try_from(moment / 1_000_000 % 900).unwrap_or(0);
        LoadOptions {
            target,
            bounds: self.wish.bounds,
            devices: Devices { first: thousand * 1_000, count: 1_000 },
            seed: moment,
            duplicate_every: 0,
            ..LoadOptions::new(self.places.sink())
        }
    }

    /// The consumer group that is asked for; `None` where positions are not watched.
    pub fn wanted_group(&self) -> Option<String> {
        self.probes.wanted_group.as_ref().map(|wanted| wanted.borrow().clone())
    }

    /// Watches the positions of this consumer group from the next look on. One that is asked for again is looked for
    /// again, with the others that there are.
    pub fn follow_group(&self, group: &str) {
        if let Some(wanted) = &self.probes.wanted_group {
            wanted.send_replace(group.to_owned());
        }
    }

    /// Whether there is or was a load, and a store in which its events show: what is under way can be followed to its end.
    pub fn follows_load(&self) -> bool {
        self.load.is_some() && self.places.store.is_some()
    }

    /// Whether the load came to a bound: it is paused for good.
    pub fn is_spent(&self) -> bool {
        self.load.as_ref().is_some_and(LoadHandle::is_spent)
    }

    /// Ends the load, then the probes.
    ///
    /// # Errors
    /// The first of what did not end as it should; all the rest was ended as well.
    pub async fn stop(self) -> Result<(), StopError> {
        let mut ended = match self.load {
            Some(load) => load.stop().await.map(drop).map_err(StopError::from),
            None => Ok(()),
        };
        let probes = self.probes.threads;
        probes.iter().for_each(OwnThread::request_shut_down);
        for probe in probes {
            ended = ended.and(probe.shut_down(GOODBYE).await.map_err(StopError::from));
        }
        ended
    }
}

/// Why something did not end.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// The load.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A probe.
    #[error(transparent)]
    Thread(#[from] crate::azure::OwnThreadError),
}
