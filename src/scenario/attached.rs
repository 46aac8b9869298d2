//! A deployed scenario while it is attached to: the probes that watch it, and a load into it, if somebody asked for one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
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

/// A load waits so long, from the beginning on, for the first look at all of the store: what is stored before it stays
/// unknown.
pub const READY: Duration = Duration::from_secs(15);

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
    began: Time,
    /// What the load begins with once the store is watched.
    waiting: Option<Target>,
    load: Option<LoadHandle>,
    ledger: Arc<Mutex<Ledger>>,
    observations: mpsc::Sender<Observation>,
    clock: Clock,
}

impl Attached {
    /// Starts to watch, and the load if it was asked for, see [`Attached::begin_load`]; facts go to `observations`. Services
    /// that are away are waited for.
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
        let (began, waiting, load) = (clock(), None, None);
        let mut attached = Self { places, wish, probes, confirmed, began, waiting, load, ledger, observations, clock };
        if let Some(target) = wish.target {
            attached.set_target(target)?;
        }
        Ok(attached)
    }

    /// What the load is asked to do.
    pub fn target(&self) -> Target {
        self.load.as_ref().map(LoadHandle::target).or(self.waiting).unwrap_or(Target::Paused)
    }

    /// What a load would go into, its name and where it is, while nobody has confirmed that it is to.
    pub fn unconfirmed(&self) -> Option<(&str, &str)> {
        (!self.confirmed).then(|| self.places.target())
    }

    /// A load was confirmed; gives what it begins with.
    pub fn confirm(&mut self) -> Target {
        self.confirmed = true;
        self.wish.bounds.hold(Target::Rate(self.wish.first))
    }

    /// What the load never goes past.
    pub fn bounds(&self) -> Bounds {
        self.wish.bounds
    }

    /// Asks the load for something, and starts it with the first thing that it is asked for, at once or by
    /// [`Attached::begin_load`]. Without a confirmation nothing happens.
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
        self.waiting = (target != Target::Paused).then(|| self.wish.bounds.hold(target));
        self.begin_load()
    }

    /// Begins the load that was asked for, if it need not wait any more: once all of the store has been looked at, or
    /// after [`READY`]. To be called now and then.
    ///
    /// # Errors
    /// A thread that can't be started.
    pub fn begin_load(&mut self) -> Result<(), LoadError> {
        let is_over = (self.clock)().since(self.began) >= READY;
        if let Some(target) = self.waiting.filter(|_| self.store_is_read() || is_over) {
            self.waiting = None;
            let (ledger, observations) = (Arc::clone(&self.ledger), self.observations.clone());
            self.load = Some(LoadHandle::start(self.load_options(target), ledger, observations)?);
        }
        Ok(())
    }

    /// Since when, if so, a load that was asked for waits for the first look at all of the store.
    pub fn load_waits_since(&self) -> Option<Time> {
        self.waiting.map(|_| self.began)
    }

    /// Whether all of the store has been looked at, or there is none to be looked at.
    pub fn store_is_read(&self) -> bool {
        self.probes.store_is_read.as_ref().is_none_or(|read| *read.borrow())
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
            // Who pauses or ends a load that costs money wants nothing more to be sent.
            keeps_backlog: true,
            partitions: Some(self.probes.partitions.clone()),
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

    /// Whether there is or was a load.
    pub fn has_load(&self) -> bool {
        self.load.is_some()
    }

    /// Whether there is a store in which its events show, so that they can be followed to their end.
    pub fn has_store(&self) -> bool {
        self.places.store.is_some()
    }

    /// Ends the load for good, see [`LoadHandle::end`].
    pub fn end_load(&mut self) {
        self.waiting = None;
        if let Some(load) = &self.load {
            load.end();
        }
    }

    /// Whether the load came to a bound: it is over.
    pub fn is_spent(&self) -> bool {
        self.load.as_ref().is_some_and(LoadHandle::is_spent)
    }

    /// Ends the load, then the probes. Dropped before it comes back, it abandons what has not ended.
    ///
    /// # Errors
    /// The first of what did not end as it should; all the rest was ended as well.
    pub async fn stop(self) -> Result<(), StopError> {
        let ended = match self.load {
            Some(load) => load.stop().await.map(drop).map_err(StopError::from),
            None => Ok(()),
        };
        let probes = self.probes.threads;
        // Every thread is asked before the first is waited for.
        probes.iter().for_each(OwnThread::request_shut_down);
        let all = join_all(probes.into_iter().map(|probe| probe.shut_down(GOODBYE))).await;
        all.into_iter().fold(ended, |ended, probe| ended.and(probe.map_err(StopError::from)))
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
