//! Log ends of an event hub, by management reads: they cost no throughput units and disturb no reader.
//!
//! **Calls.** Event Hubs answers 50 such reads a second and entity ("number of calls to the `GetRuntimeInformation` method",
//! <https://learn.microsoft.com/azure/event-hubs/event-hubs-quotas>), and a processor's scale controller reads as well. So
//! there is a budget, by default [`CALLS_PER_SECOND`]. Where the partitions are more than it allows in one look, they are
//! read in rotation. Worked example, 40 calls/s and four looks a second:
//!
//! | partitions | a look reads | each partition is read | and is blind after |
//! |---|---|---|---|
//! | 8 | all 8 | every 250 ms | 5 s |
//! | 32 | the next 10 | every 0.8 s | 5 s |
//! | 2,048 | the next 10 | every 51 s | 102 s: two rounds |
//!
//! The length of a round is told ([`Fact::Probe`]); rates, judgements and staleness follow it.
//!
//! **Changes.** The hub's own properties are read every [`HUB_EVERY`], and with each new connection. A partition more, another
//! time of birth, log ends that went back: all are told as they are, and the session says what they mean. When the
//! connection is lost, the reader is dropped and the next one looks the name up again: a namespace that failed over is
//! found at its new address.
//!
//! Runs on a thread of its own, as every Event Hubs client does: see [`crate::azure::own_thread`].

use std::time::Duration;

use tokio::sync::watch;

use crate::azure::EventHubsAddress;
use crate::azure::error::AzureError;
use crate::azure::eventhubs::{HubProperties, HubReader, place};
use crate::model::observation::{Fact, Hub, IngestCapacity, Observation, ProbeFigures, Station};
use crate::model::units::{PartitionId, RequestUnits, Time};
use crate::probe::budget::Budget;
use crate::probe::{Outlet, Probe};

/// A look begins no more reads once it has taken so long: the rest is left to the next.
const LOOK_LIMIT: Duration = Duration::from_secs(1);

/// Calls a second, unless something else is asked for: four fifths of what the service answers.
pub const CALLS_PER_SECOND: f64 = 40.0;

/// How often the hub's own properties are read.
const HUB_EVERY: Duration = Duration::from_secs(10);

/// How often what changes seldom is told again, so that a recording that begins later has it, too.
const TELL_AGAIN: Duration = Duration::from_secs(30);

/// How often the cost is told.
const COST_EVERY: Duration = Duration::from_secs(1);

/// Reads where each partition begins and ends.
pub struct LogEndProbe {
    address: EventHubsAddress,
    reader: Option<HubReader>,
    /// The partitions, and which is the next to be read.
    names: Vec<String>,
    next: usize,
    /// When the round under way began, and how long the last one took.
    round_began: Option<Time>,
    last_round: Duration,
    budget: Budget,
    /// What the hub takes in at most, where somebody knows it.
    capacity: Option<IngestCapacity>,
    calls: u64,
    throttled: u64,
    hub_read: Option<Time>,
    hub_told: Option<(Time, Hub)>,
    cost_told: Option<Time>,
    /// Tells the position probe which partitions there are.
    partitions: watch::Sender<Vec<PartitionId>>,
}

impl LogEndProbe {
    /// A probe of one hub; what partitions it has is told through `partitions`.
    pub fn new(address: EventHubsAddress, partitions: watch::Sender<Vec<PartitionId>>) -> Self {
        Self {
            address,
            reader: None,
            names: Vec::new(),
            next: 0,
            round_began: None,
            last_round: Duration::ZERO,
            budget: Budget::new(CALLS_PER_SECOND),
            capacity: None,
            calls: 0,
            throttled: 0,
            hub_read: None,
            hub_told: None,
            cost_told: None,
            partitions,
        }
    }

    /// At most so many calls a second, one at least.
    #[must_use]
    pub fn within(mut self, calls_per_second: f64) -> Self {
        self.budget = Budget::new(calls_per_second.max(1.0));
        self
    }

    /// What the hub takes in at most. Management reads don't say it: it is told with what they say.
    #[must_use]
    pub fn taking_in(mut self, capacity: Option<IngestCapacity>) -> Self {
        self.capacity = capacity;
        self
    }

    /// Notes what a call came to.
    fn called<T>(&mut self, reply: Result<T, AzureError>) -> Result<T, AzureError> {
        self.calls += 1;
        self.budget.spend(1.0);
        if reply.as_ref().is_err_and(is_throttle) {
            self.throttled += 1;
        }
        reply
    }

    /// A reader that stays good for this look: after a failure, and before its token ends, another one.
    async fn connect(&mut self, outlet: &Outlet) -> Result<HubReader, AzureError> {
        if let Some(reader) = self.reader.take().filter(|reader| !reader.is_due()) {
            return Ok(reader);
        }
        let reader = HubReader::connect(&self.address).await;
        let reader = self.called(reader)?;
        // Connecting reads the hub's properties, too.
        self.take_hub(reader.hub().clone(), outlet).await;
        Ok(reader)
    }

    /// Reads the hub's properties, if it is time.
    async fn read_hub(&mut self, reader: &HubReader, outlet: &Outlet) -> Result<(), AzureError> {
        if self.hub_read.is_some_and(|read| outlet.now().since(read) < HUB_EVERY) {
            return Ok(());
        }
        let read = reader.read_hub().await;
        let hub = self.called(read)?;
        self.take_hub(hub, outlet).await;
        Ok(())
    }

    async fn take_hub(&mut self, properties: HubProperties, outlet: &Outlet) {
        let now = outlet.now();
        self.hub_read = Some(now);
        let HubProperties { partitions: names, created_at } = properties;
        if names != self.names {
            let ids = names.iter().filter_map(|name| name.parse().ok().map(PartitionId)).collect();
            self.partitions.send_replace(ids);
            self.names = names;
            self.next = 0;
            self.round_began = None;
        }
        let hub = Hub { partitions: u32::try_from(self.names.len()).unwrap_or(u32::MAX), created_at };
        if self.hub_told.is_none_or(|(told, known)| known != hub || now.since(told) >= TELL_AGAIN) {
            self.hub_told = Some((now, hub));
            self.cost_told = None;
            outlet.see(Fact::Hub(hub)).await;
            if let Some(capacity) = self.capacity {
                outlet.see(Fact::IngestCapacity(capacity)).await;
            }
            self.tell_cost(outlet).await;
        }
    }

    /// Reads the log ends of the partitions whose turn it is, as many as the budget allows.
    async fn read_log_ends(&mut self, reader: &HubReader, outlet: &Outlet) -> Result<(), AzureError> {
        let most = whole(self.budget.left(outlet.now())).min(self.names.len());
        if most == 0 {
            return Ok(());
        }
        if self.next == 0 {
            let now = outlet.now();
            self.last_round = self.round_began.replace(now).map_or(Duration::ZERO, |began| now.since(began));
        }
        // A look does not go over the end of a round: rounds are measured.
        let turn = self.names.get(self.next..).unwrap_or_default();
        let turn = turn.get(..most).unwrap_or(turn);
        // They are told together: a recording then holds them in one line.
        let mut seen = Vec::with_capacity(turn.len());
        let see = |log_end| seen.push(Observation { at: outlet.now(), fact: Fact::LogEnd(log_end) });
        let read = match reader.log_ends(turn, LOOK_LIMIT, see).await {
            Ok(read) => read,
            // How many came through before it is not known: this one certainly did not.
            Err(error) => return self.called(Err(error)),
        };
        self.calls += read as u64;
        self.budget.spend(read as f64);
        self.next = (self.next + read) % self.names.len().max(1);
        for observation in seen {
            outlet.saw(observation).await;
        }
        Ok(())
    }

    /// How long it takes until every partition was read once: what the budget makes of it, or what it took. A round that
    /// took much longer was broken off: the program was stopped.
    fn round(&self) -> Duration {
        let budgeted = Duration::from_secs_f64(self.names.len() as f64 / self.budget.per_second());
        let longest = budgeted * 3 + LOOK_LIMIT;
        if self.last_round <= longest { budgeted.max(self.last_round) } else { budgeted }
    }

    async fn tell_cost(&mut self, outlet: &Outlet) {
        let now = outlet.now();
        if self.cost_told.is_some_and(|told| now.since(told) < COST_EVERY) {
            return;
        }
        self.cost_told = Some(now);
        let figures = ProbeFigures {
            station: Station::Ingest,
            // To the tenth of a second: nobody asks for more, and a round that is told anew is work for the session.
            round: Duration::from_millis(
                u64::try_from(self.round().as_millis()).unwrap_or(u64::MAX).div_ceil(100) * 100,
            ),
            calls: self.calls,
            calls_limit: Some(self.budget.per_second()),
            charge: RequestUnits(0.0),
            charge_limit: None,
            throttled: self.throttled,
        };
        outlet.see(Fact::Probe(figures)).await;
    }
}

/// Whether the service said that it is asked too often. The client makes text of it; the condition is AMQP's name for it.
fn is_throttle(error: &AzureError) -> bool {
    let said = error.to_string();
    said.contains("server-busy") || said.contains("being throttled")
}

/// As many whole calls as a budget holds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is not negative, and no budget is 2^53"
)]
fn whole(left: f64) -> usize {
    left.max(0.0) as usize
}

impl Probe for LogEndProbe {
    const STATION: Station = Station::Ingest;

    async fn look(&mut self, outlet: &Outlet) -> Result<(), AzureError> {
        let reader = self.connect(outlet).await?;
        self.read_hub(&reader, outlet).await?;
        self.read_log_ends(&reader, outlet).await?;
        self.tell_cost(outlet).await;
        self.reader = Some(reader);
        Ok(())
    }

    fn disconnect(&mut self) {
        self.reader = None;
        // The time away is no part of a round.
        self.round_began = None;
        self.next = 0;
    }

    fn place(&self) -> String {
        place(&self.address)
    }
}
