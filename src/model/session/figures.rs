//! What is asked of a session: sums over partitions, rates, and the worst of all.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Load, Session};
use crate::model::lag::Lag;
use crate::model::observation::{CheckpointForm, LoadFigures, Station, StationState, TallyFigures};
use crate::model::partition::{Partition, Rounds};
use crate::model::series::{Counter, stale_after};
use crate::model::status::Status;
use crate::model::units::{EventRate, PartitionId, Time};

impl Session {
    /// Events waiting over all partitions; `None` while no partition has a position.
    pub fn lag_events(&self) -> Option<u64> {
        (self.waiting.partitions > 0).then(|| u64::try_from(self.waiting.events).unwrap_or(u64::MAX))
    }

    /// The same, if that speaks of now: `None` while the lag of any partition can't be seen, because a sum over the others
    /// would look like less.
    pub fn lag_events_now(&self, now: Time) -> Option<u64> {
        self.lag_events().filter(|_| self.sees_all_lag(now))
    }

    /// The longest that an event waits on any partition, at least; `None` while the lag of any can't be seen.
    pub fn oldest_now(&self, now: Time) -> Option<Duration> {
        let oldest =
            self.partitions.values().filter_map(|partition| Some(partition.time_lag_now(now)?.at_least())).max();
        oldest.filter(|_| self.sees_all_lag(now))
    }

    fn sees_all_lag(&self, now: Time) -> bool {
        self.partitions.values().all(|partition| partition.status(now) != Status::Blind)
    }

    /// What the load driver last said, if that speaks of now.
    pub fn load_now(&self, now: Time) -> Option<&Load> {
        let silence = self.silence(Station::Load, now);
        self.load.as_ref().filter(|_| silence.is_some_and(|silence| silence <= Partition::STALE))
    }

    /// Whether a station answers now; `None` if nobody looks at it. One that was said to answer and has been silent for
    /// too long since does not.
    pub fn answers(&self, station: Station, now: Time) -> Option<bool> {
        let health = self.station(station).filter(|health| health.state != StationState::Unwatched)?;
        let round = self.probes.get(&station).map_or(Duration::ZERO, |probe| probe.figures.round);
        let heard = health.last_fact.map_or(health.since, |last| last.max(health.since));
        let silent = now.since(heard) > stale_after(Partition::STALE, round);
        Some(health.state == StationState::Connected && !silent)
    }

    /// The partition that fares worst: by status, then by lag.
    pub fn worst_partition(&self, now: Time) -> Option<(PartitionId, &Partition)> {
        self.partitions.iter().map(|(id, partition)| (*id, partition)).max_by_key(|(id, partition)| {
            let events = partition.lag().and_then(Lag::events).unwrap_or(0);
            (partition.status(now), events, std::cmp::Reverse(*id))
        })
    }

    /// In which forms the positions are written, and on how many partitions each.
    pub fn forms(&self) -> BTreeMap<CheckpointForm, usize> {
        let mut counts = BTreeMap::new();
        for form in self.partitions.values().filter_map(Partition::form) {
            *counts.entry(form).or_default() += 1;
        }
        counts
    }

    /// The same in words, as on screen: `Functions 5 / SDK metadata`, or, where there are several,
    /// `Functions 5 / SDK metadata (30), Functions before 5 (2)`.
    pub fn forms_text(&self) -> Option<String> {
        let forms = self.forms();
        match forms.first_key_value() {
            None => None,
            Some((form, _)) if forms.len() == 1 => Some(form.name().to_owned()),
            Some(_) => {
                let each: Vec<String> =
                    forms.iter().map(|(form, count)| format!("{} ({count})", form.name())).collect();
                Some(each.join(", "))
            }
        }
    }

    /// When a partition last changed hands.
    pub fn owner_changed_at(&self) -> Option<Time> {
        self.partitions.values().filter_map(|partition| partition.ownership().changed_at()).max()
    }

    /// How often partitions changed hands within [`crate::model::ownership::Ownership::LATELY`].
    pub fn owner_changes_lately(&self, now: Time) -> usize {
        self.partitions.values().map(|partition| partition.ownership().changes_lately(now)).sum()
    }

    /// How many partitions are in each status.
    pub fn statuses(&self, now: Time) -> BTreeMap<Status, usize> {
        let mut counts = BTreeMap::new();
        for partition in self.partitions.values() {
            *counts.entry(partition.status(now)).or_default() += 1;
        }
        counts
    }

    /// The largest share of the ingest over the even one: 1.0 is even, 4.0 on 8 partitions means that one gets half.
    /// `None` while nothing flows.
    pub fn skew(&self, now: Time) -> Option<f64> {
        let rates: Vec<f64> = self.partitions.values().filter_map(|partition| partition.ingest.rate(now)).collect();
        let (sum, largest) = rates.iter().fold((0.0, 0.0_f64), |(sum, largest), rate| (sum + rate, largest.max(*rate)));
        (sum > 0.0).then(|| largest * rates.len() as f64 / sum)
    }

    /// How much of what is written the change feed shows to us: 1.0 is all of it, less is a sample. `None` while nothing
    /// is written.
    pub fn feed_share(&self, now: Time) -> Option<f64> {
        let writes = self.stored_rate(now).map(EventRate::per_second).filter(|writes| *writes >= 1.0)?;
        Some(self.items_rate.rate(now)? / writes)
    }

    /// Distinct events of ours that were handed to the client. The ledger is told with looks at the store, and the load
    /// goes on while the store is away: what it says was sent since then counts too.
    pub fn sent(&self) -> u64 {
        self.newest(|tally| tally.sent, |load| load.sent)
    }

    /// Distinct events of ours that the log acknowledged, as new as [`Self::sent`].
    pub fn acknowledged(&self) -> u64 {
        self.newest(|tally| tally.acknowledged, |load| load.acknowledged)
    }

    /// The load counts copies that it sends on purpose as well; the ledger has them apart.
    fn newest(&self, told: fn(&TallyFigures) -> u64, counted: fn(&LoadFigures) -> u64) -> u64 {
        let tally = self.tally.unwrap_or_default();
        let counted = self.load.as_ref().map_or(0, |load| counted(&load.figures));
        told(&tally).max(counted.saturating_sub(tally.copies))
    }

    /// Events of ours that were acknowledged and are neither stored nor known to be lost, nor beyond knowing; 0 where
    /// nobody counts what is stored.
    pub fn in_flight(&self) -> u64 {
        let known = |tally: TallyFigures| tally.stored.saturating_add(tally.lost).saturating_add(tally.unknowable);
        self.tally.map_or(0, |tally| self.acknowledged().saturating_sub(known(tally)))
    }

    /// How long a station's probe takes until it has looked at everything once, as told last.
    pub fn round(&self, station: Station) -> Duration {
        self.probes.get(&station).map_or(Duration::ZERO, |probe| probe.figures.round)
    }

    /// Those that a lag needs.
    pub(super) fn rounds(&self) -> Rounds {
        Rounds { log_ends: self.round(Station::Ingest), positions: self.round(Station::Checkpoints) }
    }

    /// How old the tally is, where it is old: the store, with which it is told, did not answer for so long.
    pub fn tally_stale_for(&self, now: Time) -> Option<Duration> {
        let round = self.round(Station::Store);
        let age = now.since(self.tally_at?);
        (age > stale_after(Partition::STALE, round)).then_some(age)
    }

    /// Writes answered with 429, per second.
    pub fn throttled_rate(&self, now: Time) -> Option<f64> {
        self.processor.as_ref()?.throttled.rate(now)
    }

    /// Events enqueued per second.
    pub fn ingest_rate(&self, now: Time) -> Option<EventRate> {
        sum_of_rates(self.partitions.values().map(|partition| &partition.ingest), now)
    }

    /// Events processed per second, by the positions.
    pub fn processed_rate(&self, now: Time) -> Option<EventRate> {
        sum_of_rates(self.partitions.values().map(|partition| &partition.processed), now)
    }

    /// Writes that the store takes per second.
    pub fn stored_rate(&self, now: Time) -> Option<EventRate> {
        sum_of_rates(self.ranges.values().map(|range| &range.writes), now)
    }

    /// How long ago a fact last came from a station.
    pub fn silence(&self, station: Station, now: Time) -> Option<Duration> {
        self.stations.get(&station)?.last_fact.map(|last| now.since(last))
    }
}

/// The rates of all that have one; `None` if none has.
fn sum_of_rates<'a>(counters: impl Iterator<Item = &'a Counter>, now: Time) -> Option<EventRate> {
    counters.filter_map(|counter| counter.rate(now)).reduce(|sum, rate| sum + rate).map(EventRate::new)
}
