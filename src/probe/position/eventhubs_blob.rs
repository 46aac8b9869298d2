//! Positions of an Event Hubs processor, from its checkpoint blobs. We read the blobs ourselves: the SDK's own list
//! fails as a whole on one bad blob, and here one bad blob is one partition's fault, and is told as such.
//!
//! **Forms.** All of [`super::name`] and [`super::checkpoint`] are read, whichever are there. Where several stand for one
//! partition, the larger sequence number wins. Which form won is told with each partition.
//!
//! **Calls.** What a look costs, at most:
//!
//! | when | calls |
//! |---|---|
//! | each look | a list for each spelling of the group's prefix that was found: one is the rule, eight the limit; each takes one call for 5,000 blobs, which is 2,500 partitions |
//! | each look, for forms with a body | a read for each body that changed since it was read, 128 at most, 16 at a time; what is left comes first in the next look |
//! | every 30 s, every 5 s while nothing is found, and when the group is named anew | a wide look at the names, see [`super::search`]: one call for 5,000 blobs, four at most |
//!
//! At four looks a second that is 4.03 calls/s for a processor with an SDK's checkpoint store. One of the older
//! Functions extension with 32 partitions that all checkpoint within each look adds 128 reads/s.
//!
//! **Limits.** A blob in a new spelling, or of a form that was not there before, is found up to 30 s late. Behind the
//! first 20,000 names of a container only the prefixes in lower case and as configured are found. The checkpoints of
//! Go's first library name neither hub nor group, and a legacy host's no hub: they are taken for the one that is
//! watched, Go's only where nothing else stands. Partitions that the hub does not have are passed over: their
//! checkpoints are left from a hub of the same name. While the hub's partitions are not known, none is told.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use tokio::sync::watch;

use super::checkpoint::{self, Content, Unusable};
use super::container::{Container, Include, Listed, PAGE};
use super::found::Found;
use super::name::{BlobKind, HubName};
use super::search;
use crate::azure::BlobAddress;
use crate::azure::blob::place;
use crate::azure::error::AzureError;
use crate::model::observation::{Checkpoint, CheckpointForm, Fact, Groups, Station};
use crate::model::units::{PartitionId, Time};
use crate::probe::{Outlet, Probe};

/// How often the container is searched for groups, forms and spellings: once something is found, and before.
const SEARCH_AGAIN: Duration = Duration::from_secs(30);
const SEARCH_AGAIN_FOR_THE_FIRST: Duration = Duration::from_secs(5);

/// Prefixes that a look lists, at most.
const MOST_PREFIXES: usize = 8;

/// A list of the container's root asks for so many blobs more than there are partitions.
const ROOT_MARGIN: usize = 64;

/// Bodies that a look reads, at most, and how many at a time.
const MOST_BODIES: usize = 128;
const BODIES_AT_ONCE: usize = 16;

/// A body longer than this is no checkpoint. It is not read: a folder that is named like a group may hold anything.
const LONGEST_BODY: u64 = 16 * 1024;

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
}

/// Bodies that were read, by the name of the blob.
#[derive(Default)]
struct Bodies {
    read: HashMap<String, ReadBody>,
    looks: u64,
}

struct ReadBody {
    etag: String,
    content: Content,
    /// In which look.
    look: u64,
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
        let search = search::in_container(container, &self.hub).await?;
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
}

impl Probe for CheckpointProbe {
    const STATION: Station = Station::Checkpoints;

    async fn look(&mut self, outlet: &Outlet) -> Result<(), AzureError> {
        let group = self.turn(outlet).await;
        let container = match self.container.take() {
            Some(container) => container,
            None => Container::new(&self.address)?,
        };
        self.search(&container, &group, outlet).await?;

        let mut blobs = Vec::new();
        let partitions = self.partitions.borrow().len();
        for prefix in &self.prefixes {
            list(&container, &self.hub, prefix, &group, partitions, &mut blobs).await?;
        }
        self.bodies.read_changed(&container, &blobs).await?;

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

/// Lists the group's blobs whose names begin with a prefix.
async fn list(
    container: &Container,
    hub: &HubName,
    prefix: &str,
    group: &str,
    partitions: usize,
    blobs: &mut Vec<Blob>,
) -> Result<(), AzureError> {
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

/// What is known of a body.
enum Body<'a> {
    /// It was read as it stands.
    Read(&'a Content),
    /// It is not worth reading.
    NeverRead(Unusable),
    /// It is to be read in the next look, or it vanished after it was listed.
    Unread,
}

impl Bodies {
    /// Reads the bodies that changed, those first that were read longest ago, and forgets what is not listed any more.
    async fn read_changed(&mut self, container: &Container, blobs: &[Blob]) -> Result<(), AzureError> {
        self.looks += 1;
        let look = self.looks;
        let mut changed: Vec<(u64, &Listed)> = Vec::new();
        let mut listed = HashMap::new();
        for blob in blobs.iter().filter(|blob| has_body(blob)) {
            let known = self.read.remove(&blob.listed.name);
            let read_in = known.as_ref().map_or(0, |known| known.look);
            if unread_for_good(&blob.listed).is_none() && !known.as_ref().is_some_and(|known| known.is(&blob.listed)) {
                changed.push((read_in, &blob.listed));
            }
            if let Some(known) = known {
                listed.insert(blob.listed.name.clone(), known);
            }
        }
        self.read = listed;
        changed.sort_by_key(|(read_in, _)| *read_in);
        let mut reads = futures::stream::iter(changed.into_iter().take(MOST_BODIES))
            .map(|(_, blob)| async move { container.body(&blob.name).await.map(|content| (blob, content)) })
            .buffer_unordered(BODIES_AT_ONCE);
        while let Some((blob, content)) = reads.try_next().await? {
            let Some(content) = content else { continue };
            self.read.insert(blob.name.clone(), ReadBody { etag: blob.etag.clone(), content, look });
        }
        Ok(())
    }

    fn of(&self, blob: &Listed) -> Body<'_> {
        if let Some(why) = unread_for_good(blob) {
            return Body::NeverRead(why);
        }
        match self.read.get(&blob.name) {
            Some(known) if known.is(blob) => Body::Read(&known.content),
            // What was read in this look may be newer than the list; its position is then the better one.
            Some(known) if known.look == self.looks => Body::Read(&known.content),
            _ => Body::Unread,
        }
    }
}

impl ReadBody {
    fn is(&self, blob: &Listed) -> bool {
        self.etag == blob.etag && !blob.etag.is_empty()
    }
}

fn has_body(blob: &Blob) -> bool {
    matches!(blob.kind, BlobKind::Checkpoint(form) if form != CheckpointForm::Metadata)
}

fn unread_for_good(blob: &Listed) -> Option<Unusable> {
    match blob.length {
        0 => Some(Unusable::Empty),
        length if length > LONGEST_BODY => Some(Unusable::TooLong(length)),
        _ => None,
    }
}
