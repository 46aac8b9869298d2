//! The session: the state that the observations so far add up to. It is what the screen draws.

mod figures;
mod stations;

use std::collections::BTreeMap;
use std::time::Duration;

pub use self::stations::StationHealth;
use super::lag::Lag;
use super::latency::LatencyWindow;
use super::log::{Happening, Log};
use super::observation::{
    Fact, Groups, Hub, IngestCapacity, LoadFigures, Observation, ProbeFigures, ProcessorFigures, Provisioned, Station,
    StoreRange, TallyFigures, Target,
};
use super::partition::Partition;
use super::series::{Counter, Series};
use super::units::{Lsn, PartitionId, RangeId, RequestUnits, Time};

/// The partitions of a log that begins anew are seen to do so within this.
const NEW_LOG_ONCE_IN: Duration = Duration::from_secs(60);

/// The state that the observations so far add up to.
#[derive(Debug, Clone)]
pub struct Session {
    started: Option<Time>,
    latest: Option<Time>,
    stations: BTreeMap<Station, StationHealth>,
    /// The consumer group whose positions these are, where it was told.
    pub group: Option<String>,
    group_since: Option<Time>,
    /// The consumer groups that there are, and when that was seen.
    pub groups: Option<(Time, Groups)>,
    /// Every partition of the ingest log that was seen.
    pub partitions: BTreeMap<PartitionId, Partition>,
    /// Every physical partition of the store that was seen.
    pub ranges: BTreeMap<RangeId, Range>,
    /// Events enqueued in each second, by the log ends.
    pub ingest_history: Series,
    /// Writes that the store took in each second, by its log sequence numbers.
    pub stored_history: Series,
    /// Events waiting over all partitions, each second.
    pub total_lag: Series,
    /// What the load was asked for, each second.
    pub target: Series,
    /// What the load driver last said, and the rates of its counts.
    pub load: Option<Load>,
    /// What the processor last said, and the rates of its counts.
    pub processor: Option<Processor>,
    /// What the store may spend at most, in RU/s, where that is known.
    pub provisioned: Option<RequestUnits>,
    /// How that is provisioned, or why it is not known.
    pub throughput: Option<Provisioned>,
    /// What the ingest log said of itself.
    pub hub: Option<Hub>,
    hub_since: Option<Time>,
    /// What the ingest log takes in at most, where that is known.
    pub ingest_capacity: Option<IngestCapacity>,
    /// What the probes' own looks cost, by station.
    pub probes: BTreeMap<Station, ProbeCost>,
    /// How exactly [`Self::stored_latency`] is known: so much too long at most.
    pub stored_resolution: Option<Duration>,
    /// From enqueued to seen in the store.
    pub stored_latency: LatencyWindow,
    /// Items that the change feed showed.
    items: u64,
    items_rate: Counter,
    /// What became of our own events.
    pub tally: Option<TallyFigures>,
    tally_at: Option<Time>,
    /// The physical partitions of the store that were named last.
    ranges_named: Vec<RangeId>,
    /// When a log was last seen to begin anew.
    log_anew: Option<Time>,
    /// Moments worth remembering, in order.
    pub marks: Vec<(Time, String)>,
    /// When a station ceased to answer, in order.
    pub faults: Vec<(Time, Station)>,
    /// What happened, in words.
    pub log: Log,
    waiting: Waiting,
}

/// The lag of all partitions together, kept up to date with each of them: to add them up at each look at each of 2,048
/// partitions would be four million additions a look.
#[derive(Debug, Clone, Copy, Default)]
struct Waiting {
    /// Wide enough for whatever sequence numbers a broken recording claims.
    events: u128,
    /// Partitions that have a lag.
    partitions: usize,
}

impl Waiting {
    fn replace(&mut self, before: Option<u64>, after: Option<u64>) {
        self.events = self.events - u128::from(before.unwrap_or(0)) + u128::from(after.unwrap_or(0));
        self.partitions = self.partitions + usize::from(after.is_some()) - usize::from(before.is_some());
    }
}

/// A physical partition of the store.
#[derive(Debug, Clone)]
pub struct Range {
    /// Its log sequence number at the last look.
    pub lsn: Lsn,
    /// Its writes.
    pub writes: Counter,
    /// Writes in each second.
    pub history: Series,
}

impl Range {
    /// Seconds of history kept of each range.
    const HISTORY: usize = 900;

    fn new(lsn: Lsn, round: Duration) -> Self {
        Self { lsn, writes: Counter::smooth().in_rounds(round), history: Series::new(Self::HISTORY) }
    }
}

/// The load driver's figures and their rates.
#[derive(Debug, Clone)]
pub struct Load {
    /// As last said.
    pub figures: LoadFigures,
    /// Events acknowledged.
    pub acknowledged: Counter,
    /// Bytes of events acknowledged.
    pub bytes: Counter,
    /// From due to acknowledged.
    pub from_due: LatencyWindow,
    /// From sent to acknowledged.
    pub from_send: LatencyWindow,
}

/// What the looks of one probe cost, and the rates of that.
#[derive(Debug, Clone)]
pub struct ProbeCost {
    /// As last told.
    pub figures: ProbeFigures,
    /// Calls to the service.
    pub calls: Counter,
    /// Request units spent.
    pub charge: Counter,
    /// Calls that the service answered with "too many requests".
    pub throttled: Counter,
}

/// The processor's figures and their rates.
#[derive(Debug, Clone)]
pub struct Processor {
    /// As last said.
    pub figures: ProcessorFigures,
    /// Writes answered with 429.
    pub throttled: Counter,
    /// Request units spent on accepted writes.
    pub charge: Counter,
    /// Writes accepted.
    pub written: Counter,
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl Session {
    /// A session that has seen nothing.
    pub fn new() -> Self {
        Self {
            started: None,
            latest: None,
            stations: BTreeMap::new(),
            group: None,
            group_since: None,
            groups: None,
            partitions: BTreeMap::new(),
            ranges: BTreeMap::new(),
            ingest_history: Series::new(Series::DAY),
            stored_history: Series::new(Series::DAY),
            total_lag: Series::new(Series::DAY),
            target: Series::new(Series::DAY),
            load: None,
            processor: None,
            provisioned: None,
            throughput: None,
            hub: None,
            hub_since: None,
            ingest_capacity: None,
            probes: BTreeMap::new(),
            stored_resolution: None,
            stored_latency: LatencyWindow::default(),
            items: 0,
            items_rate: Counter::smooth(),
            tally: None,
            tally_at: None,
            ranges_named: Vec::new(),
            log_anew: None,
            marks: Vec::new(),
            faults: Vec::new(),
            log: Log::default(),
            waiting: Waiting::default(),
        }
    }

    /// When the first observation came.
    pub fn started(&self) -> Option<Time> {
        self.started
    }

    /// Since when the log has as many partitions as it has.
    pub(super) fn hub_since(&self) -> Option<Time> {
        self.hub_since
    }

    /// Since when positions are those of another consumer group than before; `None` if they always were this one's.
    pub fn group_since(&self) -> Option<Time> {
        self.group_since
    }

    /// When the newest observation came.
    pub fn latest(&self) -> Option<Time> {
        self.latest
    }

    /// Takes in one observation.
    pub fn apply(&mut self, observation: &Observation) {
        let at = observation.at;
        self.started.get_or_insert(at);
        self.latest = Some(self.latest.map_or(at, |latest| latest.max(at)));
        match &observation.fact {
            Fact::Hub(hub) => self.apply_hub(at, *hub),
            Fact::IngestCapacity(capacity) => self.apply_capacity(at, *capacity),
            Fact::LogEnd(log_end) => {
                let partition = self.partition(log_end.partition);
                let (before, anew_before) = (partition.last_status(), partition.began_anew());
                let waited = partition.lag().and_then(Lag::events);
                let enqueued = partition.apply_log_end(at, *log_end);
                let (status, anew) = (partition.last_status(), partition.began_anew());
                let waits = partition.lag().and_then(Lag::events);
                self.waiting.replace(waited, waits);
                if let Some(enqueued) = enqueued {
                    self.ingest_history.spread(enqueued);
                }
                self.log.push_status(at, log_end.partition, before, status);
                if anew != anew_before {
                    self.mark_new_log(at, format!("the log of partition {} began anew", log_end.partition));
                }
                self.saw(Station::Ingest, at);
                if let Some(total) = self.lag_events() {
                    self.total_lag.set(at, total as f64);
                }
            }
            Fact::Position(position) => {
                let partition = self.partition(position.partition);
                if let Some(owner) = partition.apply_position(at, position) {
                    self.log.push(at, Happening::Owner(position.partition, owner));
                }
                self.saw(Station::Checkpoints, at);
            }
            Fact::Group(group) => self.apply_group(at, group),
            Fact::Groups(groups) => self.groups = Some((at, groups.clone())),
            Fact::Checkpoint(checkpoint) => {
                self.partition(checkpoint.partition).apply_checkpoint(checkpoint);
                self.saw(Station::Checkpoints, at);
            }
            Fact::StoreRange(StoreRange { range, lsn }) => {
                let round = self.round(Station::Store);
                let entry = self.ranges.entry(range.clone()).or_insert_with(|| Range::new(*lsn, round));
                entry.lsn = *lsn;
                if let Some(written) = entry.writes.push(at, lsn.0 as f64) {
                    entry.history.spread(written);
                    self.stored_history.spread(written);
                }
                self.saw(Station::Store, at);
            }
            Fact::StoreRanges(ranges) => self.apply_ranges(at, ranges),
            Fact::Provisioned(provisioned) => self.apply_provisioned(at, provisioned),
            Fact::Probe(figures) => self.apply_probe(at, figures),
            Fact::Stored(stored) => {
                self.stored_resolution = stored.resolution.or(self.stored_resolution);
                self.stored_latency.push(at, &stored.latency);
                self.items = self.items.saturating_add(stored.items);
                self.items_rate.push(at, self.items as f64);
                self.saw(Station::Store, at);
            }
            Fact::Processor(figures) => self.apply_processor(at, figures),
            Fact::Load(figures) => self.apply_load(at, figures),
            Fact::Tally(figures) => (self.tally, self.tally_at) = (Some(*figures), Some(at)),
            Fact::Station(station, state) => self.apply_station(at, *station, state),
            Fact::Mark(text) => self.mark(at, text.clone()),
        }
    }

    fn mark(&mut self, at: Time, text: String) {
        self.marks.push((at, text.clone()));
        self.log.push(at, Happening::Mark(text));
    }

    fn partition(&mut self, id: PartitionId) -> &mut Partition {
        let rounds = self.rounds();
        self.partitions.entry(id).or_insert_with(|| {
            let mut partition = Partition::new();
            partition.set_rounds(rounds);
            partition
        })
    }

    /// A hub keeps its time of birth for life, and its partitions can only become more: else it is another hub of the
    /// same name.
    fn apply_hub(&mut self, at: Time, hub: Hub) {
        let before = self.hub.replace(hub);
        if before.is_none_or(|before| before.partitions != hub.partitions) {
            self.hub_since = Some(at);
        }
        let waiting = &mut self.waiting;
        self.partitions.retain(|id, partition| {
            let stands = id.0 < hub.partitions;
            if !stands {
                waiting.replace(partition.lag().and_then(Lag::events), None);
            }
            stands
        });
        let Some(before) = before else { return };
        let born_again = before.created_at.zip(hub.created_at).is_some_and(|(before, now)| before != now);
        if born_again || hub.partitions < before.partitions {
            self.partitions.values_mut().for_each(|partition| partition.begin_anew(at));
            let size = match (before.partitions, hub.partitions) {
                (before, now) if before == now => String::new(),
                (before, now) => format!(": {now} partitions, {before} before"),
            };
            self.mark_new_log(at, format!("the hub was made anew{size}"));
        } else if hub.partitions > before.partitions {
            self.mark(at, format!("the hub has {} partitions, {} before", hub.partitions, before.partitions));
        }
        let failed_over = before.failovers.zip(hub.failovers).is_some_and(|(before, now)| before < now);
        if failed_over && !born_again {
            self.mark(at, "the namespace failed over to another region".into());
        }
    }

    /// One mark for all partitions: they are seen to begin anew one after the other.
    fn mark_new_log(&mut self, at: Time, text: String) {
        let lately = self.log_anew.is_some_and(|before| at.since(before) < NEW_LOG_ONCE_IN);
        self.log_anew = Some(at);
        if !lately {
            self.mark(at, text);
        }
    }

    /// What is not named is gone: it was split, or merged with another.
    fn apply_ranges(&mut self, at: Time, ranges: &[RangeId]) {
        self.ranges.retain(|known, _| ranges.contains(known));
        let before = std::mem::replace(&mut self.ranges_named, ranges.to_vec());
        let names = |of: &[RangeId], without: &[RangeId]| {
            let names: Vec<String> = of.iter().filter(|id| !without.contains(id)).map(ToString::to_string).collect();
            names.join(", ")
        };
        let (gone, new) = (names(&before, ranges), names(ranges, &before));
        if !gone.is_empty() {
            self.mark(at, format!("the store's physical partitions changed: {new} in place of {gone}"));
        }
    }

    fn apply_provisioned(&mut self, at: Time, provisioned: &Provisioned) {
        let most = provisioned.most();
        if let (Some(before), Some(now)) = (self.provisioned, most)
            && (before.0 - now.0).abs() >= 1.0
        {
            self.mark(at, format!("the store has {:.0} RU/s, {:.0} before", now.0, before.0));
        }
        self.provisioned = most;
        self.throughput = Some(provisioned.clone());
    }

    /// A change of what is paid for is worth a mark: the limit of what can come in moved.
    fn apply_capacity(&mut self, at: Time, capacity: IngestCapacity) {
        let before = self.ingest_capacity.replace(capacity);
        if let Some(before) = before.filter(|before| *before != capacity) {
            self.mark(at, format!("the ingest log has {}, {} before", capacity.text(), before.text()));
        }
    }

    fn apply_probe(&mut self, at: Time, figures: &ProbeFigures) {
        let before = self.rounds();
        let cost = self.probes.entry(figures.station).or_insert_with(|| ProbeCost {
            figures: *figures,
            calls: Counter::smooth(),
            charge: Counter::smooth(),
            throttled: Counter::smooth(),
        });
        cost.calls.push(at, figures.calls as f64);
        cost.charge.push(at, figures.charge.0);
        cost.throttled.push(at, figures.throttled as f64);
        cost.figures = *figures;
        let rounds = self.rounds();
        if rounds != before {
            self.partitions.values_mut().for_each(|partition| partition.set_rounds(rounds));
        }
        if figures.station == Station::Store {
            self.ranges.values_mut().for_each(|range| range.writes.set_round(figures.round));
            self.items_rate.set_round(figures.round);
        }
    }

    /// Positions of another group say nothing of this one: all that came from them is forgotten, and the moment is
    /// marked, because the curve of the lag goes on with other figures.
    fn apply_group(&mut self, at: Time, group: &str) {
        match self.group.as_deref() {
            Some(known) if known == group => return,
            Some(_) => {
                self.partitions.values_mut().for_each(Partition::forget_positions);
                self.waiting = Waiting::default();
                self.group_since = Some(at);
                self.mark(at, format!("consumer group {group}"));
            }
            None => {}
        }
        self.group = Some(group.to_owned());
    }

    fn apply_load(&mut self, at: Time, figures: &LoadFigures) {
        let load = self.load.get_or_insert_with(|| Load {
            figures: figures.clone(),
            acknowledged: Counter::smooth(),
            bytes: Counter::smooth(),
            from_due: LatencyWindow::default(),
            from_send: LatencyWindow::default(),
        });
        load.acknowledged.push(at, figures.acknowledged as f64);
        load.bytes.push(at, figures.acknowledged_bytes as f64);
        load.from_due.push(at, &figures.from_due);
        load.from_send.push(at, &figures.from_send);
        load.figures = figures.clone();
        match figures.target {
            Target::Paused => self.target.set(at, 0.0),
            Target::Rate(rate) => self.target.set(at, rate.per_second()),
            Target::Unlimited => {}
        }
        self.saw(Station::Load, at);
    }

    fn apply_processor(&mut self, at: Time, figures: &ProcessorFigures) {
        let processor = self.processor.get_or_insert_with(|| Processor {
            figures: figures.clone(),
            throttled: Counter::smooth(),
            charge: Counter::smooth(),
            written: Counter::smooth(),
        });
        processor.throttled.push(at, figures.throttled as f64);
        processor.charge.push(at, figures.charge.0);
        processor.written.push(at, figures.written as f64);
        processor.figures = figures.clone();
        self.saw(Station::Processor, at);
    }
}
