//! The probe of checkpoints and the session that its facts add up to. Time goes by
//! with each look, by itself.

#![allow(dead_code, reason = "each test uses what it needs of it")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use streamgauge::azure::{AzureError, BlobAddress};
use streamgauge::model::ledger::Audit;
use streamgauge::model::observation::{Fact, LogEnd, Observation};
use streamgauge::model::partition::Partition;
use streamgauge::model::session::Session;
use streamgauge::model::units::{PartitionId, SequenceNumber, Time};
use streamgauge::probe::position::eventhubs_blob::CheckpointProbe;
use streamgauge::probe::{Outlet, Probe};
use tokio::sync::{mpsc, watch};

pub(crate) const NS: &str = "NS.servicebus.windows.net";
pub(crate) const HUB: &str = "Plant";
pub(crate) const GROUP: &str = "Workers";

/// Nothing here may hang.
const LIMIT: Duration = Duration::from_secs(60);

/// The clock of each test's own thread.
mod clock {
    use std::cell::Cell;

    use super::Time;

    thread_local! {
        static NOW: Cell<Time> = const { Cell::new(Time::from_micros(0)) };
    }

    pub(super) fn now() -> Time {
        NOW.get()
    }

    pub(super) fn set(time: Time) {
        NOW.set(time);
    }
}

/// A container that is watched.
pub(crate) struct Watched {
    probe: CheckpointProbe,
    outlet: Outlet,
    facts: mpsc::Receiver<Observation>,
    /// How much time goes by from look to look.
    pub(crate) pace: Duration,
    /// Names the group to watch.
    pub(crate) group: watch::Sender<String>,
    pub(crate) session: Session,
}

impl Watched {
    /// A probe of a hub with so many partitions, whose checkpoints are kept in a container.
    pub(crate) fn new(address: BlobAddress, partitions: u32) -> Self {
        // The blobs are dated by the machine's clock, so the looks begin there.
        clock::set(Time::from(std::time::SystemTime::now()));
        let (send, facts) = mpsc::channel(65_536);
        let outlet = Outlet::new(send, Arc::new(Mutex::new(Audit::default())), clock::now);
        let partitions = watch::channel((0..partitions).map(PartitionId).collect()).1;
        let (group, wanted) = watch::channel(GROUP.to_owned());
        let probe = CheckpointProbe::new(address, NS, HUB, GROUP, partitions).following(wanted);
        let (pace, session) = (Duration::from_millis(250), Session::new());
        Self { probe, outlet, facts, pace, group, session }
    }

    /// One look, so long after the one before, and after it the log ends: partition, earliest, last.
    pub(crate) async fn look(&mut self, log: &[(u32, i64, i64)]) -> Result<(), AzureError> {
        clock::set(clock::now().after(self.pace));
        let looked = tokio::time::timeout(LIMIT, self.probe.look(&self.outlet)).await.expect("in time");
        while let Ok(seen) = self.facts.try_recv() {
            self.session.apply(&seen);
        }
        for &(partition, earliest, last) in log {
            let (partition, earliest, last) = (PartitionId(partition), SequenceNumber(earliest), SequenceNumber(last));
            let fact = Fact::LogEnd(LogEnd { partition, earliest, last, last_enqueued_at: None });
            self.session.apply(&Observation { at: clock::now(), fact });
        }
        looked
    }

    /// The moment of the last look.
    pub(crate) fn now(&self) -> Time {
        self.session.latest().expect("there was a look")
    }

    pub(crate) fn partition(&self, id: u32) -> &Partition {
        &self.session.partitions[&PartitionId(id)]
    }
}
