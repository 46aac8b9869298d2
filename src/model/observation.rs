//! The observation: one raw fact with its time. The only thing that enters a session, live, local or replayed.
//!
//! Facts are absolute (a count so far, not a difference), so that one lost observation costs one moment of detail and
//! nothing else. Rates, lag and status are derived later, by the session: a better formula then repairs old recordings.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::units::{EventRate, Lsn, PartitionId, RangeId, RequestUnits, SequenceNumber, Time};

/// One raw fact and when it was seen, by the clock of the machine that runs the monitor.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// When the fact was seen. For a read of a remote service: when the answer came.
    pub at: Time,
    /// What was seen.
    pub fact: Fact,
}

/// The things that can be seen.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// What the ingest log says of itself as a whole.
    Hub(Hub),
    /// What the ingest log takes in at most.
    IngestCapacity(IngestCapacity),
    /// Where the log of one partition begins and ends.
    LogEnd(LogEnd),
    /// How far the processor is on one partition.
    Position(PartitionPosition),
    /// Positions are from here on those of this consumer group.
    Group(String),
    /// Which consumer groups have positions on the log, all of them: what can be watched instead.
    Groups(Groups),
    /// What stands beside the position of one partition, in the place where it is kept.
    Checkpoint(Checkpoint),
    /// How many writes one physical partition of the store has taken.
    StoreRange(StoreRange),
    /// Which physical partitions the store has, all of them: one that is not named is gone.
    StoreRanges(Vec<RangeId>),
    /// What the store may spend, over all its physical partitions.
    Provisioned(Provisioned),
    /// A look at what arrived in the store: how long the events took.
    Stored(Stored),
    /// What a probe's own looks cost, and what they may cost.
    Probe(ProbeFigures),
    /// What the stream processor says of itself, where it is ours.
    Processor(ProcessorFigures),
    /// What the load driver says of itself.
    Load(LoadFigures),
    /// What became of our own events.
    Tally(TallyFigures),
    /// A service began or ceased to answer.
    Station(Station, StationState),
    /// Somebody, or a fault that was switched on, wants this moment remembered.
    Mark(String),
}

/// What the ingest log says of itself as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hub {
    /// How many partitions it has: their ids are the numbers from 0.
    pub partitions: u32,
    /// When it was made, by the service's clock. One of another time is another hub of the same name.
    pub created_at: Option<Time>,
    /// How often its namespace failed over to another region, where it is replicated to one: Event Hubs' epoch of sequence
    /// numbers. They and the time of birth stay as they are in a failover.
    pub failovers: Option<u64>,
}

/// What the ingest log takes in at most, as it is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IngestCapacity {
    /// So many throughput units of an Event Hubs namespace (Basic and Standard). All hubs of the namespace share them.
    ThroughputUnits(u32),
}

impl IngestCapacity {
    /// A throughput unit takes in 1,000 events a second or 1 MB a second, whichever comes first
    /// (<https://learn.microsoft.com/azure/event-hubs/event-hubs-scalability#throughput-units>).
    const EVENTS_A_UNIT: f64 = 1_000.0;
    const BYTES_A_UNIT: f64 = 1e6;

    /// Events a second, at most.
    pub fn events(self) -> EventRate {
        let Self::ThroughputUnits(units) = self;
        EventRate::new(f64::from(units) * Self::EVENTS_A_UNIT)
    }

    /// Bytes a second, at most.
    pub fn bytes_per_second(self) -> f64 {
        let Self::ThroughputUnits(units) = self;
        f64::from(units) * Self::BYTES_A_UNIT
    }

    /// How many units are paid for.
    pub fn units(self) -> u32 {
        let Self::ThroughputUnits(units) = self;
        units
    }

    /// As in a sentence: `6 throughput units`.
    pub fn text(self) -> String {
        match self {
            Self::ThroughputUnits(1) => "1 throughput unit".into(),
            Self::ThroughputUnits(units) => format!("{units} throughput units"),
        }
    }
}

/// Where the log of one partition begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEnd {
    /// Which partition.
    pub partition: PartitionId,
    /// The earliest event that the service still keeps.
    pub earliest: SequenceNumber,
    /// The last event; [`SequenceNumber::NONE`] if there never was one.
    pub last: SequenceNumber,
    /// When the last event was enqueued, by the service's clock.
    pub last_enqueued_at: Option<Time>,
}

/// How far a consumer group is on a partition. The two conventions of the field differ by one event, so each is a
/// variant of its own rather than a stray `- 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// Event Hubs checkpoints: the last event that was processed.
    LastRead(SequenceNumber),
    /// Kafka commits and Spark offsets: the next event to read.
    NextToRead(SequenceNumber),
}

/// The processor's position on one partition, as found in its checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionPosition {
    /// Which partition.
    pub partition: PartitionId,
    /// How far; `None` if there is no checkpoint, which is not the same as a backlog.
    pub position: Option<Position>,
    /// When the checkpoint was written, by the service's clock.
    pub written_at: Option<Time>,
    /// Which instance of the processor holds the partition, if that can be seen.
    pub owner: Option<String>,
}

/// What stands beside the position of one partition: how it is written, whether its owner still holds it, and what is
/// wrong with it. All this changes seldom; it is told when it does, and again now and then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which partition.
    pub partition: PartitionId,
    /// How the position is written; `None` if there is none.
    pub form: Option<CheckpointForm>,
    /// What shows that [`PartitionPosition::owner`] still holds the partition.
    pub hold: Option<Hold>,
    /// One sentence for the person at the screen, if a checkpoint is there and can't be used. Never holds a secret.
    pub note: Option<String>,
}

/// The ways in which processors of Event Hubs write their checkpoints into Blob storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckpointForm {
    /// Metadata of an empty blob: the Functions extension from 5 on, and the SDKs of .NET, Go, Java, JS, Python and Rust.
    Metadata,
    /// A body, beside the place where the newer form stands: the Functions extension before 5.
    Functions,
    /// A body, by a name that says neither hub nor group: Go's first library.
    Go,
    /// A body as Go's: Dapr before it took the SDK's form.
    Dapr,
    /// A body, by a name that says no hub: the hosts that the SDKs' processors replaced.
    Host,
}

impl CheckpointForm {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Metadata, Self::Functions, Self::Go, Self::Dapr, Self::Host];

    /// What it is called on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Metadata => "Functions 5 / SDK metadata",
            Self::Functions => "Functions before 5",
            Self::Go => "Go's first library",
            Self::Dapr => "Dapr",
            Self::Host => "legacy host",
        }
    }
}

/// The consumer groups that have checkpoints, or hold partitions, in the place where positions are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Groups {
    /// Each of them, by name.
    pub groups: Vec<ConsumerGroup>,
    /// Whether the whole place was looked at: else there may be more.
    pub complete: bool,
}

/// A consumer group as its checkpoints show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerGroup {
    /// What it is called.
    pub name: String,
    /// In which forms its positions are written; none if it holds partitions and has no checkpoint yet.
    pub forms: BTreeSet<CheckpointForm>,
    /// On how many partitions.
    pub partitions: u32,
    /// When its newest checkpoint was written, by the service's clock.
    pub written_at: Option<Time>,
}

/// What shows that an owner still holds its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// An ownership that is to be renewed every few seconds: when it last was, by the service's clock.
    Renewed(Time),
    /// A lease, which the service itself ends when it is not renewed: whether it stands.
    Lease {
        /// Whether it stands.
        stands: bool,
    },
}

/// How many writes one physical partition of the store has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRange {
    /// Which physical partition.
    pub range: RangeId,
    /// Its log sequence number: it moves on by one with each write.
    pub lsn: Lsn,
}

/// What the store may spend, over all its physical partitions, in RU/s.
#[derive(Debug, Clone, PartialEq)]
pub enum Provisioned {
    /// So much, whether or not it is used.
    Manual(RequestUnits),
    /// As much as is used, up to so much.
    Autoscale {
        /// The most it scales to.
        most: RequestUnits,
    },
    /// It could not be read.
    Unknown {
        /// One sentence for the person at the screen. Never holds a secret.
        reason: String,
    },
}

impl Provisioned {
    /// The most that may be spent, where it is known.
    pub fn most(&self) -> Option<RequestUnits> {
        match self {
            Self::Manual(units) | Self::Autoscale { most: units } => Some(*units),
            Self::Unknown { .. } => None,
        }
    }
}

/// What a probe's own looks cost, and what they may cost: a monitor must not eat what it measures. Counts are since the
/// session began.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProbeFigures {
    /// Whose probe.
    pub station: Station,
    /// How long it takes until everything was looked at once: longer than a look where the calls of one look are not
    /// allowed to be as many as there are things to look at.
    pub round: Duration,
    /// Calls so far.
    pub calls: u64,
    /// Calls a second, at most; `None` where there is no limit.
    pub calls_limit: Option<f64>,
    /// Request units spent so far.
    pub charge: RequestUnits,
    /// RU/s, at most; `None` where calls cost none.
    pub charge_limit: Option<RequestUnits>,
    /// Calls that the service answered with "too many requests".
    pub throttled: u64,
}

/// A look at what arrived in the store since the look before.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Items seen in this look.
    pub items: u64,
    /// From enqueued (in the log) to stored, of the items in this look.
    pub latency: Latencies,
    /// How exactly those latencies are known: each may be so much too long, and is never too short.
    pub resolution: Option<Duration>,
    /// What the look cost.
    pub charge: RequestUnits,
}

/// Durations in microseconds, counted in an HDR histogram with two significant digits: the interval's own, not the
/// total so far, so that any window can be added up from them.
#[derive(Debug, Clone, PartialEq)]
pub struct Latencies(pub Arc<Histogram<u64>>);

impl Latencies {
    /// The longest duration that is told apart: one hour. Longer ones count as this.
    pub const MAXIMUM: Duration = Duration::from_secs(3_600);

    /// An empty histogram of the shape that all of them share: 1 microsecond to one hour, two significant digits.
    #[expect(clippy::cast_possible_truncation, reason = "an hour of microseconds is far below 2^64")]
    pub fn histogram() -> Histogram<u64> {
        Histogram::new_with_bounds(1, Self::MAXIMUM.as_micros() as u64, 2)
            .unwrap_or_else(|_| unreachable!("constant bounds are valid"))
    }
}

/// What the stream processor says of itself; counts since it first started, over restarts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProcessorFigures {
    /// Events received from the log. A restart receives some again.
    pub received: u64,
    /// Writes that the store accepted.
    pub written: u64,
    /// Writes that the store answered with 429, "too many requests"; each is tried again.
    pub throttled: u64,
    /// Writes that failed otherwise; each is tried again.
    pub failed: u64,
    /// Request units that the accepted writes cost.
    pub charge: RequestUnits,
    /// Checkpoints written.
    pub checkpoints: u64,
    /// Events that could not be understood and were passed over.
    pub rejected: u64,
}

/// What the load is asked to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// No load; the driver waits.
    Paused,
    /// So many events in a second, open loop: due whether or not the earlier ones came through.
    Rate(EventRate),
    /// As fast as the endpoint takes them; there is no schedule to be behind.
    Unlimited,
}

/// What the load driver says of itself; counts since the session began.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadFigures {
    /// What it is asked to do now.
    pub target: Target,
    /// Events whose time has come.
    pub due: u64,
    /// Events handed to the Event Hubs client.
    pub sent: u64,
    /// Events that the service acknowledged.
    pub acknowledged: u64,
    /// Events given up after the last attempt. Each may or may not be in the log.
    pub failed: u64,
    /// Bytes of event bodies acknowledged.
    pub acknowledged_bytes: u64,
    /// How late the oldest unsent event is.
    pub behind: Duration,
    /// From the moment an event was due to its acknowledgement, in this interval.
    pub from_due: Latencies,
    /// From the moment its batch was sent to its acknowledgement, in this interval.
    pub from_send: Latencies,
}

/// What became of our own events, by device and sequence number. Exact where the whole change feed is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TallyFigures {
    /// Distinct events handed to the client.
    pub sent: u64,
    /// Copies sent on purpose beside them.
    pub copies: u64,
    /// Distinct events that the service acknowledged.
    pub acknowledged: u64,
    /// Distinct events seen in the store.
    pub stored: u64,
    /// Distinct events given up by the load driver and not (yet) seen in the store: they may never have been enqueued.
    pub unconfirmed: u64,
    /// Acknowledged events that must be in the store by now and are not. See [`super::ledger`].
    pub lost: u64,
    /// Of the acknowledged events, how many that judgement covers.
    pub judged: u64,
    /// Writes to the store beyond the first of each event: copies, and events processed again.
    pub duplicated: u64,
    /// Items in the store that are not of this load.
    pub foreign: u64,
    /// Acknowledged events of which nothing can be known any more: they may have been stored and have expired while the
    /// monitor did not look. Neither stored nor lost.
    pub unknowable: u64,
    /// How many were stored out of order; `None` where that was not watched or has no meaning.
    pub order: Option<OrderFigures>,
}

/// How many of our own events were stored after a later one of their device. Defined in [`super::ledger::StoreOrder`]'s module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrderFigures {
    /// Distinct events that certainly were.
    pub late: u64,
    /// At most so many more may have been: what was written over, or passed over, hides it.
    pub undecided: u64,
}

impl std::ops::AddAssign for OrderFigures {
    fn add_assign(&mut self, more: Self) {
        self.late += more.late;
        self.undecided += more.undecided;
    }
}

/// A service that can cease to answer. The flow line shows four stations; the processor's is two: the processor itself
/// where it is ours, and the place of its checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Station {
    /// The load driver.
    Load,
    /// The ingest log.
    Ingest,
    /// The stream processor, where it is ours and speaks for itself.
    Processor,
    /// Where the processor keeps its positions.
    Checkpoints,
    /// The serving store.
    Store,
}

impl Station {
    /// What it is called in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::Load => "the load",
            Self::Ingest => "the ingest log",
            Self::Processor => "the processor",
            Self::Checkpoints => "the checkpoints",
            Self::Store => "the store",
        }
    }

    /// `is`, or `are`, after its name.
    pub(super) fn is(self) -> &'static str {
        if self == Self::Checkpoints { "are" } else { "is" }
    }
}

/// Whether a station answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StationState {
    /// It answered.
    Connected,
    /// It did not answer, or wrongly; it is asked again.
    Retrying {
        /// One sentence for the person at the screen. Never holds a secret.
        reason: String,
        /// When it is asked again.
        next_attempt: Time,
    },
    /// It is not running because it was stopped on purpose.
    Stopped,
    /// Nobody looks at it: the scenario does not say where it is.
    Unwatched,
}
