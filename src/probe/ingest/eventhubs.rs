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
//! time of birth, log ends that went back, another epoch of the sequence numbers: all are told as they are, and the session
//! says what they mean. When the connection is lost, the reader is dropped and the next one looks the name up again: a
//! namespace that failed over is found at its new address.
//!
//! **Failures.** A partition that answers with an error is that partition's own trouble: it is named, and the others are
//! read on over the same connection. Where none can be read, or the hub's own properties can't, the hub is looked for anew.
//! Every call that was made counts, whatever came of it, so that the budget holds in trouble, too.
//!
//! Runs on a thread of its own, as every Event Hubs client does: see [`crate::azure::own_thread`].

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::watch;

use crate::azure::EventHubsAddress;
use crate::azure::error::AzureError;
use crate::azure::eventhubs::{self, CallCount, HubProperties, HubReader, PartitionsRead, ReadError, place};
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
    calls: CallCount,
    /// How many of the calls were taken off the budget.
    settled: u64,
    throttled: u64,
    /// The highest epoch that any partition told.
    failovers: Option<u64>,
    /// Partitions that could not be read when it was their turn, and those of them of which that was told.
    unreadable: BTreeSet<PartitionId>,
    named: BTreeSet<PartitionId>,
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
            calls: CallCount::default(),
            settled: 0,
            throttled: 0,
            failovers: None,
            unreadable: BTreeSet::new(),
            named: BTreeSet::new(),
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

    /// Takes the calls that were made off the budget: also those of a look that did not come back.
    fn settle(&mut self) {
        let made = self.calls.so_far();
        self.budget.spend(made.saturating_sub(self.settled) as f64);
        self.settled = made;
    }

    /// A reader that stays good for this look: after a failure, and before its token ends, another one.
    async fn connect(&mut self, outlet: &Outlet) -> Result<HubReader, ReadError> {
        if let Some(reader) = self.reader.take().filter(|reader| !reader.is_due()) {
            return Ok(reader);
        }
        let reader = HubReader::connect(&self.address, self.calls.clone()).await?;
        // Connecting reads the hub's properties, too.
        self.take_hub(reader.hub().clone(), outlet).await;
        Ok(reader)
    }

    /// Reads the hub's properties, if it is time, and the log ends whose turn it is.
    async fn read(&mut self, reader: &HubReader, outlet: &Outlet) -> Result<(), ReadError> {
        if self.hub_read.is_none_or(|read| outlet.now().since(read) >= HUB_EVERY) {
            let hub = reader.read_hub().await?;
            self.take_hub(hub, outlet).await;
        }
        self.settle();
        self.read_log_ends(reader, outlet).await
    }

    async fn take_hub(&mut self, properties: HubProperties, outlet: &Outlet) {
        self.hub_read = Some(outlet.now());
        let HubProperties { partitions: names, created_at } = properties;
        if names != self.names {
            let ids = names.iter().filter_map(|name| name.parse().ok().map(PartitionId)).collect();
            self.partitions.send_replace(ids);
            self.names = names;
            self.next = 0;
            self.round_began = None;
            self.unreadable.clear();
            self.named.clear();
        }
        if self.hub_told.is_some_and(|(_, known)| known.created_at != created_at) {
            self.failovers = None;
        }
        self.tell_hub(created_at, outlet).await;
    }

    /// Tells what is known of the hub where that is new, or it was told long ago.
    async fn tell_hub(&mut self, created_at: Option<Time>, outlet: &Outlet) {
        let now = outlet.now();
        let partitions = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let hub = Hub { partitions, created_at, failovers: self.failovers };
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
    async fn read_log_ends(&mut self, reader: &HubReader, outlet: &Outlet) -> Result<(), ReadError> {
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
        let (mut seen, mut failed, mut failovers) = (Vec::with_capacity(turn.len()), Vec::new(), self.failovers);
        let take = |id, read: Result<eventhubs::PartitionProperties, _>| match read {
            Ok(told) => {
                seen.push(Observation { at: outlet.now(), fact: Fact::LogEnd(told.log_end) });
                failovers = failovers.max(told.failovers);
            }
            Err(error) => failed.push((id, error)),
        };
        let PartitionsRead { asked, ended_by } = reader.partitions(turn, LOOK_LIMIT, take).await;
        self.settle();
        // After a failure, too: one that is silent must not keep those behind it from their turn.
        self.next = (self.next + asked) % self.names.len().max(1);
        let none_was_read = seen.is_empty();
        let mut again = Vec::new();
        for observation in seen {
            if let Fact::LogEnd(log_end) = &observation.fact {
                self.unreadable.remove(&log_end.partition);
                again.extend(self.named.take(&log_end.partition));
            }
            outlet.saw(observation).await;
        }
        if !again.is_empty() {
            outlet.see(Fact::Mark(format!("{} can be read again", partitions(&again)))).await;
        }
        if failovers != self.failovers {
            self.failovers = failovers;
            self.tell_hub(self.hub_told.and_then(|(_, hub)| hub.created_at), outlet).await;
        }
        if let Some(error) = ended_by {
            return Err(error);
        }
        self.take_failed(failed, none_was_read, outlet).await
    }

    /// What becomes of partitions that answered with an error.
    async fn take_failed(
        &mut self,
        failed: Vec<(PartitionId, AzureError)>,
        none_was_read: bool,
        outlet: &Outlet,
    ) -> Result<(), ReadError> {
        let news = failed.iter().filter(|(id, _)| self.unreadable.insert(*id)).count();
        let all_are_unreadable = self.unreadable.len() >= self.names.len();
        // One that is read alone in its turn says nothing of the others, nor do some that were known.
        if none_was_read && (news > 1 || all_are_unreadable) {
            return failed.into_iter().next().map_or(Ok(()), |(_, error)| Err(ReadError::Answered(error)));
        }
        let untold: Vec<_> = failed.into_iter().filter(|(id, _)| self.named.insert(*id)).collect();
        if let Some((_, error)) = untold.first() {
            let ids: Vec<_> = untold.iter().map(|(id, _)| *id).collect();
            outlet.see(Fact::Mark(format!("{} can't be read: {error}", partitions(&ids)))).await;
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
            calls: self.settled,
            calls_limit: Some(self.budget.per_second()),
            charge: RequestUnits(0.0),
            charge_limit: None,
            throttled: self.throttled,
        };
        outlet.see(Fact::Probe(figures)).await;
    }
}

/// Partitions by name, the first of them where they are many.
fn partitions(ids: &[PartitionId]) -> String {
    const NAMED: usize = 3;
    let noun = if ids.len() == 1 { "partition" } else { "partitions" };
    let names: Vec<String> = ids.iter().take(NAMED).map(ToString::to_string).collect();
    let more = ids.len().saturating_sub(NAMED);
    let others = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{noun} {}{others}", names.join(", "))
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
    const CONNECT_LIMIT: Duration = eventhubs::CONNECT_LIMIT;

    async fn look(&mut self, outlet: &Outlet) -> Result<(), AzureError> {
        self.settle();
        let looked = match self.connect(outlet).await {
            Err(error) => Err((error, None)),
            Ok(reader) => match self.read(&reader, outlet).await {
                Ok(()) => Ok(reader),
                Err(error) => Err((error, Some(reader))),
            },
        };
        self.settle();
        let outcome = match looked {
            Ok(reader) => {
                self.reader = Some(reader);
                Ok(())
            }
            Err((error, reader)) => {
                if matches!(error, ReadError::Throttled(_)) {
                    // To log in again would be to ask for more where less is asked for.
                    self.throttled += 1;
                    self.reader = reader;
                }
                Err(AzureError::from(error))
            }
        };
        self.tell_cost(outlet).await;
        outcome
    }

    fn disconnect(&mut self) {
        // A look keeps the connection only where it still stands. The time away is no part of a round.
        self.round_began = None;
        self.settle();
    }

    fn is_due(&self) -> bool {
        self.reader.as_ref().is_some_and(HubReader::is_due)
    }

    fn place(&self) -> String {
        place(&self.address)
    }
}
