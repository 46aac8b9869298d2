//! Lanes: which events go to which partition, and in which order. Pure.
//!
//! Event n belongs to device `n mod devices` and is that device's event number `n div devices`. A device belongs to one
//! partition, by a stable hash of its name, so that its events stay in order. The events of a partition are therefore
//! known without a queue: its devices in order, round after round. A lane is a cursor on that walk; whatever lies
//! between it and what is due is the partition's debt, and costs no memory.
//!
//! Worked example: 4 devices, of which 1 and 3 belong to the partition. Its events are 1, 3, 5, 7, 9, ..: device 1 with
//! sequence 0, device 3 with 0, device 1 with 1, and so on.
//!
//! A log may come to have other partitions while the load runs. Then the lanes are made anew from where they are
//! ([`Lane::made_anew`]): a device keeps its events and their numbers, whichever partition is its own.

use std::sync::Arc;

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

/// A device of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Member {
    /// Its position inside the range.
    within: u32,
    /// The first of its events that this lane has to send: another lane sent those before.
    begins: u64,
    /// Those before this one were handed over already, if only by a lane that did not hear what became of them.
    handed_over: u64,
}

/// The cursor of one partition on its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// The partition's devices, ascending. Never empty.
    members: Arc<[Member]>,
    devices: Devices,
    round: u64,
    index: usize,
}

impl Lane {
    /// One lane for each partition; those without a device are left out.
    pub fn all(devices: Devices, partitions: u32) -> Vec<(PartitionId, Lane)> {
        let devices = Devices { count: devices.count.max(1), ..devices };
        let members = (0..devices.count).map(|within| Member { within, begins: 0, handed_over: 0 });
        Self::dealt(devices, members, partitions)
    }

    /// The same events on other partitions: each device goes on where it is, in the partition that is its own now. Where
    /// a device has to wait for the others of its new lane, it does; nothing is sent twice and nothing is left out.
    ///
    /// Worked example: devices 0 and 1 in a lane each, of which the first has sent three events and the second one. In one
    /// lane together they send the second and third of device 1 before the fourth of device 0.
    pub fn made_anew(lanes: &[Lane], partitions: u32) -> Vec<(PartitionId, Lane)> {
        let Some(devices) = lanes.first().map(|lane| lane.devices) else { return Vec::new() };
        let members = lanes.iter().flat_map(|lane| {
            lane.members.iter().enumerate().map(|(index, member)| {
                let begins = lane.next_of(index);
                Member { begins, handed_over: member.handed_over.max(begins), ..*member }
            })
        });
        Self::dealt(devices, members, partitions)
    }

    fn dealt(devices: Devices, members: impl Iterator<Item = Member>, partitions: u32) -> Vec<(PartitionId, Lane)> {
        let mut dealt = vec![Vec::new(); usize::try_from(partitions.max(1)).unwrap_or(1)];
        for member in members {
            let device = DeviceIndex(devices.first.saturating_add(member.within));
            if let Some(list) = dealt.get_mut(partition_of(device, partitions).0 as usize) {
                list.push(member);
            }
        }
        (0..)
            .map(PartitionId)
            .zip(dealt)
            .filter_map(|(partition, mut members)| {
                members.sort_unstable_by_key(|member| member.within);
                let begin = members.iter().enumerate().min_by_key(|(_, member)| (member.begins, member.within));
                let (index, round) = begin.map(|(index, member)| (index, member.begins))?;
                Some((partition, Lane { members: members.into(), devices, round, index }))
            })
            .collect()
    }

    /// The number of the next event of this partition.
    pub fn next(&self) -> u64 {
        let within = self.members.get(self.index).map_or(0, |member| member.within);
        self.round.saturating_mul(u64::from(self.devices.count)).saturating_add(u64::from(within))
    }

    /// Whose the next event is.
    pub fn peek(&self) -> EventKey {
        self.devices.event(self.next())
    }

    /// Whether the next event was handed over before, by a lane that did not hear what became of it.
    pub fn was_handed_over(&self) -> bool {
        self.members.get(self.index).is_some_and(|member| self.round < member.handed_over)
    }

    /// Passes the next event and says whose it was.
    pub fn advance(&mut self) -> EventKey {
        let key = self.peek();
        loop {
            self.index += 1;
            if self.index >= self.members.len() {
                self.index = 0;
                self.round += 1;
            }
            // What another lane sent is not this one's to send.
            if self.members.get(self.index).is_none_or(|member| member.begins <= self.round) {
                return key;
            }
        }
    }

    /// How many of this partition's events have a number below a limit, counted up to `most`.
    pub fn events_below(&self, limit: u64, most: u64) -> u64 {
        let mut ahead = self.clone();
        (0..most)
            .take_while(|_| {
                let is_below = ahead.next() < limit;
                ahead.advance();
                is_below
            })
            .count() as u64
    }

    /// The events from here up to another place on the same walk.
    pub fn up_to(&self, ahead: &Lane) -> Vec<EventKey> {
        let (mut lane, end) = (self.clone(), ahead.next());
        let mut keys = Vec::new();
        while lane.next() < end {
            keys.push(lane.advance());
        }
        keys
    }

    /// The events up to another place on the same walk were handed over, and it is not known what became of them.
    pub fn hand_over_up_to(&mut self, ahead: &Lane) {
        let members = self.members.iter().enumerate();
        self.members = members
            .map(|(index, member)| Member { handed_over: member.handed_over.max(ahead.next_of(index)), ..*member })
            .collect();
    }

    /// Which event of one of the devices comes next.
    fn next_of(&self, index: usize) -> u64 {
        let begins = self.members.get(index).map_or(0, |member| member.begins);
        begins.max(if index < self.index { self.round + 1 } else { self.round })
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

    #[test]
    fn the_worked_example_of_lanes_made_anew() {
        // Two devices that no hash puts into one partition of two.
        let devices = (0..).map(|first| Devices { first, count: 2 });
        let apart = |devices: &Devices| Lane::all(*devices, 2).len() == 2;
        let devices = devices.into_iter().find(apart).unwrap();
        let mut lanes: Vec<Lane> = Lane::all(devices, 2).into_iter().map(|(_, lane)| lane).collect();
        lanes.sort_by_key(Lane::next);
        for _ in 0..3 {
            lanes[0].advance();
        }
        lanes[1].advance();
        let mut together = Lane::made_anew(&lanes, 1).remove(0).1;
        let first = DeviceIndex(devices.first);
        let second = DeviceIndex(devices.first + 1);
        let walk: Vec<_> = (0..5).map(|_| together.advance()).map(|key| (key.device, key.sequence)).collect();
        assert_eq!(walk, [(second, 1), (second, 2), (first, 3), (second, 3), (first, 4)]);
    }

    #[test]
    fn what_was_handed_over_is_known_in_the_next_lane() {
        let mut lane = Lane::all(Devices { first: 0, count: 3 }, 1).remove(0).1;
        lane.advance();
        let mut ahead = lane.clone();
        for _ in 0..4 {
            ahead.advance();
        }
        assert_eq!(lane.up_to(&ahead).len(), 4);
        assert_eq!((lane.events_below(3, 100), lane.events_below(u64::MAX, 100)), (2, 100));
        lane.hand_over_up_to(&ahead);
        for (_, mut lane) in Lane::made_anew(&[lane], 2) {
            while lane.next() < 12 {
                assert_eq!(lane.was_handed_over(), lane.next() < 5, "event {}", lane.next());
                lane.advance();
            }
        }
    }

    /// The number of an event.
    fn number(devices: Devices, key: EventKey) -> u64 {
        key.sequence * u64::from(devices.count) + u64::from(key.device.0 - devices.first)
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

        /// However often the log has other partitions, and wherever each lane then is.
        #[test]
        fn lanes_made_anew_go_on_where_the_others_were(
            first in 0_u32..1_000, count in 1_u32..40, partitions in prop::collection::vec(1_u32..9, 1..5),
            taken in prop::collection::vec(0_u64..60, 32), events in 2_000_u64..2_400,
        ) {
            let devices = Devices { first, count };
            let mut sent: Vec<EventKey> = Vec::new();
            let mut lanes = Lane::all(devices, partitions[0]);
            for (turn, &partitions) in partitions.iter().enumerate() {
                if turn > 0 {
                    let left: Vec<Lane> = lanes.into_iter().map(|(_, lane)| lane).collect();
                    lanes = Lane::made_anew(&left, partitions);
                }
                for (place, (partition, lane)) in lanes.iter_mut().enumerate() {
                    for _ in 0..taken[(turn * 7 + place) % taken.len()] {
                        let key = lane.advance();
                        prop_assert_eq!(partition_of(key.device, partitions), *partition);
                        sent.push(key);
                    }
                }
            }
            for (_, lane) in &mut lanes {
                while lane.next() < events {
                    prop_assert!(!lane.was_handed_over());
                    sent.push(lane.advance());
                }
            }
            let mut expected: std::collections::BTreeMap<DeviceIndex, u64> = std::collections::BTreeMap::new();
            for key in &sent {
                let next = expected.entry(key.device).or_default();
                prop_assert_eq!(key.sequence, *next);
                *next += 1;
            }
            // No device of ours is without its events below the limit, and none was sent ahead of that but by a lane.
            let below = sent.iter().filter(|key| number(devices, **key) < events).count() as u64;
            prop_assert_eq!(below, events);
        }
    }
}
