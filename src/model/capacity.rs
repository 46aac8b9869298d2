//! How much of what they can do the ingest log and the store do now.

use super::observation::IngestCapacity;
use super::partition::Partition;
use super::session::{Range, Session};
use super::units::{EventRate, RangeId, RequestUnits, Time};

/// How the ingest log's capacity is used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IngestUse {
    /// What it takes in at most.
    pub capacity: IngestCapacity,
    /// Of that: 1.0 is all of it.
    pub share: f64,
    /// Of what.
    pub of: Of,
}

/// Which of two limits is nearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// That of events a second.
    Events,
    /// That of bytes a second.
    Bytes,
}

impl IngestUse {
    /// From this share on the log is at its limit: it refuses what is more within the second.
    pub const LIMIT: f64 = 0.95;
}

/// How the store's capacity is used.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestUnitUse {
    /// RU/s spent on the processor's writes.
    pub used: RequestUnits,
    /// Of the provisioned RU/s: 1.0 is all of it.
    pub share: f64,
    /// The physical partition that is used most, where the writes per partition are known.
    pub hottest: Option<HottestRange>,
}

/// The physical partition that is used most.
#[derive(Debug, Clone, PartialEq)]
pub struct HottestRange {
    /// Which one.
    pub range: RangeId,
    /// Of its own part of the RU/s, estimated from its share of the writes: 1.0 is all of it.
    pub share: f64,
}

impl Session {
    /// How much of what the ingest log takes in at most comes in now: of its events or of its bytes, whichever is more.
    /// Bytes are known of our own load alone.
    pub fn ingest_use(&self, now: Time) -> Option<IngestUse> {
        let capacity = self.ingest_capacity?;
        let share = |rate: f64, most: f64| rate / most.max(f64::MIN_POSITIVE);
        let events = share(self.ingest_rate(now)?.per_second(), capacity.events().per_second());
        let bytes = self.load.as_ref().and_then(|load| load.bytes.rate(now)).unwrap_or(0.0);
        let bytes = share(bytes, capacity.bytes_per_second());
        Some(IngestUse { capacity, share: events.max(bytes), of: if bytes > events { Of::Bytes } else { Of::Events } })
    }

    /// How much of the provisioned RU/s the processor's writes use, and the hottest physical partition's share of its
    /// own part.
    pub fn request_units(&self, now: Time) -> Option<RequestUnitUse> {
        let provisioned = self.provisioned?;
        let used = self.processor.as_ref()?.charge.rate(now)?;
        let writes = self.stored_rate(now).map_or(0.0, EventRate::per_second);
        let hottest = self
            .ranges
            .iter()
            .filter_map(|(id, range)| Some((id, range.writes.rate(now)?)))
            .max_by(|(_, a), (_, b)| a.total_cmp(b))
            .filter(|_| writes > 0.0)
            .map(|(id, rate)| HottestRange {
                range: id.clone(),
                share: self.share_of_range(rate, writes, used, provisioned),
            });
        Some(RequestUnitUse { used: RequestUnits(used), share: used / provisioned.0.max(f64::MIN_POSITIVE), hottest })
    }

    /// A physical partition has its even part of the RU/s, and costs its share of the writes.
    fn share_of_range(&self, rate: f64, writes: f64, used: f64, provisioned: RequestUnits) -> f64 {
        let part = provisioned.0 / self.ranges.len() as f64;
        used * (rate / writes) / part
    }

    /// How much of its own part of the provisioned RU/s a physical partition uses, estimated from its share of the
    /// writes: 1.0 is all of it.
    pub fn range_use(&self, range: &Range, now: Time) -> Option<f64> {
        let writes = self.stored_rate(now)?.per_second();
        let used = self.processor.as_ref()?.charge.rate(now)?;
        let rate = range.writes.rate(now)?;
        let provisioned = self.provisioned?;
        (writes > 0.0).then(|| self.share_of_range(rate, writes, used, provisioned))
    }

    /// Events that the log holds now: from the earliest one of each partition to its end.
    pub fn held_events(&self) -> u64 {
        let log_ends = self.partitions.values().filter_map(Partition::log_end);
        let held = log_ends.map(|log_end| log_end.last.0 - log_end.earliest.0.max(0) + 1);
        held.filter_map(|events| u64::try_from(events).ok()).sum()
    }

    /// The physical partition that takes the most writes, and how many times its even part that is: 1.0 is even. `None`
    /// while nothing is written.
    pub fn hottest_range(&self, now: Time) -> Option<(RangeId, f64)> {
        let writes = self.stored_rate(now)?.per_second();
        let rates = self.ranges.iter().filter_map(|(id, range)| Some((id, range.writes.rate(now)?)));
        let (id, rate) = rates.max_by(|(_, a), (_, b)| a.total_cmp(b)).filter(|_| writes > 0.0)?;
        Some((id.clone(), rate * self.ranges.len() as f64 / writes))
    }
}
