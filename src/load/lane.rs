//! Lanes: which events go to which partition, and in which order. Pure.
//!
//! Event n belongs to device `n mod devices` and is that device's event number `n div devices`. A device belongs to one
//! partition, by a stable hash of its name, so that its events stay in order. The events of a partition are therefore
//! known without a queue: its devices in order, round after round. A lane is a cursor on that walk; whatever lies
//! between it and what is due is the partition's debt, and costs no memory.
//!
//! Worked example: 4 devices, of which 1 and 3 belong to the partition. Its events are 1, 3, 5, 7, 9, ..: device 1 with
//! sequence 0, device 3 with 0, device 1 with 1, and so on.

pub use crate::model::ledger::EventKey;
use crate::model::units::{DeviceIndex, PartitionId};

/// The devices of a load: disjoint ranges let several loads run into the same log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Devices {
    /// The index of the first device.
    pub first: u32,
    /// How many; at least 1 is used.
    pub count: u32,
}

impl Default for Devices {
    /// Upstream's thousand: `contoso-device-id-000000` to `-000999`.
    fn default() -> Self {
        Self { first: 0, count: 1_000 }
    }
}

impl Devices {
    /// Whose event number n is.
    pub fn event(self, n: u64) -> EventKey {
        let count = u64::from(self.count.max(1));
        let within = u32::try_from(n % count).unwrap_or(0);
        EventKey { device: DeviceIndex(self.first.saturating_add(within)), sequence: n / count }
    }
}

/// The partition of a device, stable over runs and versions: FNV-1a (64 bits) of the device's index in little-endian
/// bytes, finished by a multiplication that spreads neighbours, reduced to the number of partitions.
pub fn partition_of(device: DeviceIndex, partitions: u32) -> PartitionId {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let hash = device.0.to_le_bytes().iter().fold(OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME));
    let spread = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    PartitionId(u32::try_from(spread % u64::from(partitions.max(1))).unwrap_or(0))
}

/// The cursor of one partition on its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// Positions of the partition's devices inside the range, ascending.
    members: Vec<u32>,
    devices: Devices,
    round: u64,
    index: usize,
}

impl Lane {
    /// One lane for each partition; those without a device are left out.
    pub fn all(devices: Devices, partitions: u32) -> Vec<(PartitionId, Lane)> {
        let devices = Devices { count: devices.count.max(1), ..devices };
        let mut members = vec![Vec::new(); usize::try_from(partitions.max(1)).unwrap_or(1)];
        for within in 0..devices.count {
            let device = DeviceIndex(devices.first.saturating_add(within));
            let partition = partition_of(device, partitions);
            if let Some(list) = members.get_mut(partition.0 as usize) {
                list.push(within);
            }
        }
        (0..)
            .map(PartitionId)
            .zip(members)
            .filter(|(_, members)| !members.is_empty())
            .map(|(partition, members)| (partition, Lane { members, devices, round: 0, index: 0 }))
            .collect()
    }

    /// The number of the next event of this partition.
    pub fn next(&self) -> u64 {
        let within = self.members.get(self.index).copied().unwrap_or(0);
        self.round.saturating_mul(u64::from(self.devices.count)).saturating_add(u64::from(within))
    }

    /// Whose the next event is.
    pub fn peek(&self) -> EventKey {
        self.devices.event(self.next())
    }

    /// Passes the next event and says whose it was.
    pub fn advance(&mut self) -> EventKey {
        let key = self.peek();
        self.index += 1;
        if self.index >= self.members.len() {
            self.index = 0;
            self.round += 1;
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_thousand_devices_spread_over_the_partitions() {
        for (partitions, least) in [(2, 400), (4, 200), (8, 90), (32, 15)] {
            let lanes = Lane::all(Devices::default(), partitions);
            assert_eq!(lanes.len(), partitions as usize);
            for (partition, lane) in lanes {
                assert!(lane.members.len() >= least, "{partition} of {partitions}: {}", lane.members.len());
            }
        }
    }

    #[test]
    fn a_device_stays_where_it_is() {
        // Recordings and two loads side by side rely on it: the hash must not change between versions.
        let homes = [0, 1, 2, 999].map(|device| partition_of(DeviceIndex(device), 8).0);
        assert_eq!(homes, [2, 5, 5, 6]);
    }

    proptest! {
        #[test]
        fn the_lanes_together_send_every_event_once_and_each_device_in_order(
            first in 0_u32..1_000, count in 1_u32..60, partitions in 1_u32..9, events in 0_u64..400,
        ) {
            let devices = Devices { first, count };
            let mut sent = Vec::new();
            for (partition, mut lane) in Lane::all(devices, partitions) {
                let mut previous = None;
                while lane.next() < events {
                    let n = lane.next();
                    let key = lane.advance();
                    prop_assert_eq!(key, devices.event(n));
                    prop_assert_eq!(partition_of(key.device, partitions), partition);
                    prop_assert!(previous < Some(n));
                    previous = Some(n);
                    sent.push(n);
                }
            }
            sent.sort_unstable();
            prop_assert_eq!(sent, (0..events).collect::<Vec<_>>());
        }
    }
}
