//! Positions of an Event Hubs processor, from its checkpoint blobs. We read the blobs ourselves: the SDK's own list
//! fails as a whole on one bad blob, and here one bad blob is one partition's fault, and is told as such.
//!
//! **Forms.** All of [`super::name`] and [`super::checkpoint`] are read, whichever are there. Where several stand for one
//! partition, the larger sequence number wins. Which form won is told with each partition.
//!
//! **Calls.** There is a budget of [`CALLS_PER_SECOND`]. Lists come first; bodies are read with what they leave:
//!
//! | when | calls |
//! |---|---|
//! | each look | a list for each spelling of the group's prefix that was found: one is the rule, eight the limit; each takes one call for 5,000 blobs, which is 2,500 partitions |
//! | each look, for forms with a body | a read for each body that changed since it was read, 16 at a time, as the budget allows; those first that were read longest ago |
//! | every 30 s, every 5 s while nothing is found, and when the group is named anew | a wide look at the names, see [`super::search`]: one call for 5,000 blobs, four at most |
//!
//! At four looks a second that is 4.03 calls/s for a processor with an SDK's checkpoint store. One of the older
//! Functions extension with 32 partitions that all checkpoint within each look adds 128 reads/s.
//!
//! **A round.** Where more bodies change than may be read, each look tells the positions that it read and those that did not
//! change; the others keep the position that they had, which is as old as it is. How long it takes until all were read is
//! told ([`Fact::Probe`]); rates, judgements and staleness follow it, as they do with log ends. Worked example: 1,024
//! partitions of the older Functions extension that all checkpoint every two seconds are each read every 5.2 s.
//!
//! **Limits.** A blob in a new spelling, or of a form that was not there before, is found up to 30 s late. Behind the
//! first 20,000 names of a container only the prefixes in lower case and as configured are found. The checkpoints of
//! Go's first library name neither hub nor group, and a legacy host's no hub: they are taken for the one that is
//! watched, Go's only where nothing else stands. Partitions that the hub does not have are passed over: their
//! checkpoints are left from a hub of the same name. While the hub's partitions are not known, none is told.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use tokio::sync::watch;

use super::bodies::{Bodies, Body};
use super::checkpoint::{self, Content};
use super::container::{Container, Include, Listed, PAGE};
use super::found::Found;
use super::name::{BlobKind, HubName};
use super::search;
use crate::azure::BlobAddress;
use crate::azure::blob::place;
use crate::azure::error::AzureError;
use crate::model::observation::{Checkpoint, CheckpointForm, Fact, Groups, ProbeFigures, Station};
use crate::model::units::{PartitionId, RequestUnits, Time};
use crate::probe::budget::{Budget, whole};
use crate::probe::{Outlet, Probe};

/// How often the container is searched for groups, forms and spellings: once something is found, and before.
const SEARCH_AGAIN: Duration = Duration::from_secs(30);
const SEARCH_AGAIN_FOR_THE_FIRST: Duration = Duration::from_secs(5);

/// Prefixes that a look lists, at most.
const MOST_PREFIXES: usize = 8;

/// A list of the container's root asks for so many blobs more than there are partitions.
const ROOT_MARGIN: usize = 64;

/// Calls a second, at most: 1 % of what a storage account answers (20,000 requests a second,
/// <https://learn.microsoft.com/azure/storage/common/scalability-targets-standard-account>).
pub const CALLS_PER_SECOND: f64 = 200.0;

/// How often the cost is told.
const COST_EVERY: Duration = Duration::from_secs(1);

/// Reads the checkpoints of one consumer group of one hub.
pub struct CheckpointProbe {
    address: BlobAddress,
    hub: HubName,
    container: Option<Container>,
    /// The partitions that there are: one without a checkpoint is told as well.
    partitions: watch::Receiver<Vec<PartitionId>>,
    /// The group that is wanted.
    wanted: watch::Receiver<String>,
    /// The group that the rest is about; `None` before the first look.
    group: Option<String>,
    /// The prefixes to list: those that the last wide look found, else those where blobs may be expected.
    prefixes: Vec<String>,
    /// When the next wide look is due; `None` is now.
    search_due: Option<Time>,
    bodies: Bodies,
    /// What was told last: told again when it changes.
    told: BTreeMap<PartitionId, Checkpoint>,
    budget: Budget,
    calls: u64,
    /// When the cost was told last, and the round with it.
    cost_told: Option<(Time, Duration)>,
}

impl CheckpointProbe {
    /// A probe of the checkpoints of a consumer group.
    pub fn new(
        address: BlobAddress,
        namespace: &str,
        hub: &str,
        group: &str,
        partitions: watch::Receiver<Vec<PartitionId>>,
    ) -> Self {
        let hub = HubName { namespace: namespace.to_owned(), hub: hub.to_owned() };
        // A receiver keeps its value when the sender is gone: without another one the group stays.
        let (_, wanted) = watch::channel(group.to_owned());
        Self {
            address,
            hub,
            container: None,
            partitions,
            wanted,
            group: None,
            prefixes: Vec::new(),
            search_due: None,
            bodies: Bodies::default(),
            told: BTreeMap::new(),
            budget: Budget::new(CALLS_PER_SECOND),
            calls: 0,
            cost_told: None,
        }
    }

    /// Watches the group that this channel names, from the next look on, and whichever it names later. A group that is
    /// named anew is searched for at once, with all others that there are: so who wants to choose asks what there is.
    #[must_use]
    pub fn following(mut self, group: watch::Receiver<String>) -> Self {
        self.wanted = group;
        self
    }

    /// Turns to the group that is wanted. It is told before anything of it is, so that no position of the group before
    /// is taken for one of this.
    async fn turn(&mut self, outlet: &Outlet) -> String {
        if self.wanted.has_changed().unwrap_or(false) {
            self.search_due = None;
        }
        let wanted = self.wanted.borrow_and_update().clone();
        if self.group.as_ref() != Some(&wanted) {
            self.prefixes.clear();
            self.search_due = None;
            self.bodies = Bodies::default();
            self.told.clear();
            self.group = Some(wanted.clone());
            outlet.see(Fact::Group(wanted.clone())).await;
        }
        wanted
    }

    async fn search(&mut self, container: &Container, group: &str, outlet: &Outlet) -> Result<(), AzureError> {
        if self.search_due.is_some_and(|due| outlet.now() < due) {
            return Ok(());
        }
        let (search, calls) = search::in_container(container, &self.hub).await?;
        self.called(calls);
        self.prefixes = search.prefixes(group);
        let again = if self.prefixes.is_empty() { SEARCH_AGAIN_FOR_THE_FIRST } else { SEARCH_AGAIN };
        self.search_due = Some(outlet.now().after(again));
        if self.prefixes.is_empty() || !search.complete {
            self.prefixes.extend([self.hub.contract_prefix(group), self.hub.configured_prefix(group)]);
            self.prefixes.sort_unstable();
            self.prefixes.dedup();
        }
        self.prefixes.truncate(MOST_PREFIXES);
        // Now and then everything is told again, so that a recording that begins later has it, too.
        self.told.clear();
        outlet.see(Fact::Group(group.to_owned())).await;
        outlet.see(Fact::Groups(Groups::from(&search))).await;
        Ok(())
    }

    fn called(&mut self, calls: u64) {
        self.calls += calls;
        self.budget.spend(calls as f64);
    }

    /// Reads bodies that changed, as many as the budget allows.
    async fn read_bodies(&mut self, container: &Container, blobs: &[Blob], outlet: &Outlet) -> Result<(), AzureError> {
        let now = outlet.now();
        let most = whole(self.budget.left(now));
        let bodies = blobs.iter().filter(|blob| has_body(blob)).map(|blob| &blob.listed);
        let before = self.bodies.calls;
        let read = self.bodies.read_changed(container, bodies, most, now).await;
        self.called(self.bodies.calls - before);
        read
    }

    /// Tells what was called and how long a round is: once a second, and at once when there begins to be one.
    async fn tell_cost(&mut self, outlet: &Outlet) {
        let now = outlet.now();
        // To the next half of a second: nobody asks for more, and a round that is told anew is work for the session.
        let round = self.bodies.round(CALLS_PER_SECOND).as_millis().div_ceil(500) * 500;
        let round = Duration::from_millis(u64::try_from(round).unwrap_or(u64::MAX));
        let is_told = |(told, before): (Time, Duration)| now.since(told) < COST_EVERY && round <= before;
        if self.cost_told.is_some_and(is_told) {
            return;
        }
        self.cost_told = Some((now, round));
        let figures = ProbeFigures {
            station: Station::Checkpoints,
            round,
            calls: self.calls,
            calls_limit: Some(CALLS_PER_SECOND),
            charge: RequestUnits(0.0),
            charge_limit: None,
            throttled: 0,
        };
        outlet.see(Fact::Probe(figures)).await;
    }
}

impl Probe for CheckpointProbe {
    const STATION: Station = Station::Checkpoints;
    /// A connection and TLS: nothing is asked before the first list.
    const CONNECT_LIMIT: Duration = Duration::from_secs(5);

    async fn look(&mut self, outlet: &Outlet) -> Result<(), AzureError> {
        let group = self.turn(outlet).await;
        let container = match self.container.take() {
            Some(container) => container,
            None => Container::new(&self.address)?,
        };
        self.search(&container, &group, outlet).await?;

        let (mut blobs, mut calls) = (Vec::new(), 0);
        let partitions = self.partitions.borrow().len();
        for prefix in &self.prefixes {
            calls += list(&container, &self.hub, prefix, &group, partitions, &mut blobs).await?;
        }
        // What is left over from the time since the look before is counted before it is spent.
        self.budget.left(outlet.now());
        self.called(calls);
        self.read_bodies(&container, &blobs, outlet).await?;
        self.tell_cost(outlet).await;

        let mut found: BTreeMap<PartitionId, Found> =
            self.partitions.borrow().iter().map(|partition| (*partition, Found::default())).collect();
        for Blob { partition, kind, listed } in &blobs {
            let Some(found) = found.get_mut(partition) else { continue };
            let name = &listed.name;
            match kind {
                BlobKind::Ownership => {
                    let owner = checkpoint::metadata_value(&listed.metadata, "ownerid");
                    found.ownership(owner.filter(|owner| !owner.is_empty()), listed.written_at);
                }
                BlobKind::Checkpoint(form @ CheckpointForm::Metadata) => {
                    let content = checkpoint::from_metadata(&listed.metadata);
                    found.checkpoint(name, *form, listed.written_at, listed.is_leased, &content);
                }
                BlobKind::Checkpoint(form) => match self.bodies.of(listed) {
                    Body::Read(content) => {
                        found.checkpoint(name, *form, listed.written_at, listed.is_leased, content);
                    }
                    Body::NeverRead(why) => {
                        let content = Content::unusable(why);
                        found.checkpoint(name, *form, listed.written_at, listed.is_leased, &content);
                    }
                    Body::Unread => found.unread(),
                },
            }
        }
        self.container = Some(container);

        // Facts of a kind are told together: a recording then holds them in one line.
        let (checkpoints, positions): (Vec<_>, Vec<_>) =
            found.into_iter().filter_map(|(partition, found)| found.facts(partition)).unzip();
        for checkpoint in checkpoints {
            if self.told.get(&checkpoint.partition) != Some(&checkpoint) {
                self.told.insert(checkpoint.partition, checkpoint.clone());
                outlet.see(Fact::Checkpoint(checkpoint)).await;
            }
        }
        for position in positions {
            outlet.see(Fact::Position(position)).await;
        }
        Ok(())
    }

    fn disconnect(&mut self) {
        self.container = None;
    }

    fn place(&self) -> String {
        place(&self.address)
    }
}

/// A blob of the group.
struct Blob {
    partition: PartitionId,
    kind: BlobKind,
    listed: Listed,
}

/// Lists the group's blobs whose names begin with a prefix; gives the calls that it took.
async fn list(
    container: &Container,
    hub: &HubName,
    prefix: &str,
    group: &str,
    partitions: usize,
    blobs: &mut Vec<Blob>,
) -> Result<u64, AzureError> {
    let look = |listed: Listed| {
        // The blobs of Go's first library have numbers for names. They stand before those that begin with a letter, and
        // nothing behind them is of interest here.
        if prefix.is_empty() && listed.name.bytes().next().is_some_and(|first| first > b'9') {
            return ControlFlow::Break(());
        }
        if let Some(name) = hub.parse(&listed.name)
            && name.group.is_none_or(|named| named.eq_ignore_ascii_case(group))
            && name.group.is_none() == prefix.is_empty()
        {
            let (partition, kind) = (name.partition, name.kind);
            blobs.push(Blob { partition, kind, listed });
        }
        ControlFlow::Continue(())
    };
    // In the root there may be anything beside them; in a group's own place there is nothing else.
    let page = if prefix.is_empty() { partitions + ROOT_MARGIN } else { PAGE };
    container.list(prefix, Include::Metadata, page, look).await
}

fn has_body(blob: &Blob) -> bool {
    matches!(blob.kind, BlobKind::Checkpoint(form) if form != CheckpointForm::Metadata)
}
