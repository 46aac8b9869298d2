//! Which lanes there are, over all connections, and how they come to be others: a hub that is made anew may have fewer
//! partitions than before, and one that is scaled out has more.
//!
//! Each connection runs its part of the lanes. Once others are wanted, each lane comes back at the end of its batch and
//! each connection hands its lanes in; the last one to do so makes them anew for all. Until then nobody sends, so that a
//! device's events stay in order whichever partition they go to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::lock;
use crate::load::lane::{Devices, Lane};
use crate::model::units::PartitionId;

/// The lanes for one number of partitions.
#[derive(Debug)]
pub(super) struct Lanes {
    /// Which wish they came of.
    version: u64,
    /// As they were made.
    pub(super) made: Vec<(PartitionId, Lane)>,
    /// The next event of each, as it goes on.
    next: Vec<AtomicU64>,
}

impl Lanes {
    fn new(version: u64, made: Vec<(PartitionId, Lane)>) -> Self {
        let next = made.iter().map(|(_, lane)| AtomicU64::new(lane.next())).collect();
        Self { version, made, next }
    }

    /// A lane hands out its events from this number on.
    pub(super) fn publish(&self, slot: usize, next: u64) {
        if let Some(place) = self.next.get(slot) {
            place.store(next, Ordering::Release);
        }
    }
}

/// The lanes that there are, and those that are wanted.
#[derive(Debug)]
pub(super) struct Layout {
    devices: Devices,
    connections: usize,
    wanted: Mutex<Wanted>,
    /// The newest wish.
    version: AtomicU64,
    current: watch::Sender<Option<Arc<Lanes>>>,
}

#[derive(Debug, Default)]
struct Wanted {
    partitions: u32,
    /// What connections have handed in for the next lanes, and how many of them have.
    handed_in: Vec<Lane>,
    connections: usize,
}

impl Layout {
    pub(super) fn new(devices: Devices, connections: usize) -> Self {
        Self {
            devices,
            connections,
            wanted: Mutex::default(),
            version: AtomicU64::new(0),
            current: watch::Sender::new(None),
        }
    }

    /// The log has so many partitions. Says whether that is news: then the lanes are to be handed in. The first that is
    /// heard of the log makes them.
    pub(super) fn want(&self, partitions: u32) -> bool {
        let mut wanted = lock(&self.wanted);
        if partitions == 0 || wanted.partitions == partitions {
            return false;
        }
        let is_first = wanted.partitions == 0;
        wanted.partitions = partitions;
        if is_first {
            self.current.send_replace(Some(Arc::new(Lanes::new(0, Lane::all(self.devices, partitions)))));
        } else {
            self.version.fetch_add(1, Ordering::AcqRel);
        }
        !is_first
    }

    /// Whether other lanes are wanted than these.
    pub(super) fn is_old(&self, lanes: &Lanes) -> bool {
        lanes.version != self.version.load(Ordering::Acquire)
    }

    /// The lanes now; `None` before anything was heard of the log.
    pub(super) fn now(&self) -> Option<Arc<Lanes>> {
        self.current.borrow().clone()
    }

    /// How many lanes there are.
    pub(super) fn count(&self) -> usize {
        self.current.borrow().as_ref().map_or(0, |lanes| lanes.next.len())
    }

    /// The lowest number that a lane has still to send.
    pub(super) fn oldest_unsent(&self) -> Option<u64> {
        self.current.borrow().as_ref()?.next.iter().map(|next| next.load(Ordering::Acquire)).min()
    }

    /// A connection hands its lanes in, and waits until those of the others are there, too.
    pub(super) async fn hand_in(&self, old: &Lanes, lanes: Vec<Lane>) {
        let mut made = self.current.subscribe();
        {
            let mut wanted = lock(&self.wanted);
            wanted.handed_in.extend(lanes);
            wanted.connections += 1;
            if wanted.connections == self.connections {
                let handed_in = std::mem::take(&mut wanted.handed_in);
                wanted.connections = 0;
                let anew = Lane::made_anew(&handed_in, wanted.partitions);
                let version = self.version.load(Ordering::Acquire);
                self.current.send_replace(Some(Arc::new(Lanes::new(version, anew))));
            }
        }
        // An error means that the load is gone.
        drop(made.wait_for(|lanes| lanes.as_ref().is_some_and(|lanes| lanes.version != old.version)).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_connection_to_hand_in_makes_the_lanes_for_all() {
        let layout = Layout::new(Devices { first: 0, count: 40 }, 2);
        assert!(!layout.want(4), "the first lanes are no change");
        assert!(!layout.want(4) && !layout.want(0));
        let old = layout.now().unwrap();
        assert!(layout.want(6));
        assert!(layout.is_old(&old));
        let halves: Vec<Vec<Lane>> =
            (0..2).map(|half| old.made.iter().skip(half).step_by(2).map(|(_, lane)| lane.clone()).collect()).collect();
        let [first, second] = <[_; 2]>::try_from(halves).unwrap();
        let waiting = layout.hand_in(&old, first);
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        layout.hand_in(&old, second).await;
        waiting.await;
        let new = layout.now().unwrap();
        assert_eq!((new.made.len(), layout.is_old(&new)), (6, false));
    }
}
