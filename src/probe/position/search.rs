//! The wide look: which consumer groups have checkpoints for a hub in a container, in which forms and spellings.
//!
//! Names may be spelled in any mixture of cases, and a list by prefix regards case. So the whole container is listed
//! from its beginning, names only: **one call for each 5,000 blobs, and never more than four**. A container of
//! checkpoints holds two blobs for each partition of each group, so one call is the rule; what lies behind the first
//! 20,000 names is not seen, and [`Search::complete`] says so.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::Duration;

use super::container::{Container, Include, PAGE};
use super::name::{BlobKind, HubName};
use crate::azure::BlobAddress;
use crate::azure::blob::place;
use crate::azure::error::{AzureError, Service};
use crate::azure::eventhubs::DEFAULT_GROUP;
use crate::model::observation::{CheckpointForm, ConsumerGroup, Groups as FoundGroups};
use crate::model::units::{PartitionId, Time};

/// Names that a search looks at, at most.
const MOST_NAMES: usize = 4 * PAGE;

/// How long [`search`] may take.
const LIMIT: Duration = Duration::from_secs(10);

/// What a wide look found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    /// The groups that have checkpoints or ownership, by name.
    pub groups: Vec<FoundGroup>,
    /// Whether all names were looked at.
    pub complete: bool,
}

/// A consumer group that has checkpoints or ownership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundGroup {
    /// Its name, in the spelling with capitals if there is one: the SDKs lower what they write. `None` for the
    /// checkpoints of Go's first library, which name no group.
    pub name: Option<String>,
    /// In which forms; none if there is ownership alone.
    pub forms: BTreeSet<CheckpointForm>,
    /// On how many partitions.
    pub partitions: usize,
    /// When its newest checkpoint was written.
    pub written_at: Option<Time>,
    /// What the names of its blobs begin with, in all spellings.
    pub(super) prefixes: BTreeSet<String>,
}

impl Search {
    /// The prefixes that hold blobs of one group, in all spellings, with those of the blobs that name no group.
    pub(super) fn prefixes(&self, group: &str) -> Vec<String> {
        let concerns = |found: &&FoundGroup| found.name.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(group));
        self.groups.iter().filter(concerns).flat_map(|found| found.prefixes.iter().cloned()).collect()
    }
}

impl From<&Search> for FoundGroups {
    /// The groups that have a name: the others' checkpoints are those of whichever group is watched.
    fn from(search: &Search) -> Self {
        let named = |found: &FoundGroup| {
            Some(ConsumerGroup {
                name: found.name.clone()?,
                forms: found.forms.clone(),
                partitions: u32::try_from(found.partitions).unwrap_or(u32::MAX),
                written_at: found.written_at,
            })
        };
        Self { groups: search.groups.iter().filter_map(named).collect(), complete: search.complete }
    }
}

/// Lists the consumer groups that have checkpoints or ownership for a hub in a container, in all forms: what a person
/// can choose from. Costs one call for each 5,000 blobs in the container, four at most.
///
/// A folder of any kind whose files are named by numbers looks like a legacy host's group. Forms that name no hub are
/// listed for each hub.
///
/// # Errors
/// One sentence if the container can't be read, or did not answer within ten seconds.
pub async fn search(address: &BlobAddress, hub: &HubName) -> Result<Search, AzureError> {
    let container = Container::new(address)?;
    let timeout = |_| AzureError::Timeout {
        service: Service::Blob,
        address: place(address),
        call: "the list of consumer groups",
        limit: LIMIT,
    };
    tokio::time::timeout(LIMIT, in_container(&container, hub)).await.map_err(timeout)?.map(|(search, _)| search)
}

/// The same, with a client that is there, and how many calls it took.
pub(super) async fn in_container(container: &Container, hub: &HubName) -> Result<(Search, u64), AzureError> {
    let mut groups = Groups::default();
    let mut names = 0;
    let complete = &mut true;
    let look = |blob: super::container::Listed| {
        if names == MOST_NAMES {
            *complete = false;
            return ControlFlow::Break(());
        }
        names += 1;
        groups.see(hub, &blob.name, blob.written_at);
        ControlFlow::Continue(())
    };
    let calls = container.list("", Include::Names, PAGE, look).await?;
    Ok((Search { groups: groups.found(), complete: *complete }, calls))
}

/// The groups seen so far, by name in lower case.
#[derive(Debug, Default)]
struct Groups(BTreeMap<Option<String>, (FoundGroup, BTreeSet<PartitionId>)>);

impl Groups {
    fn see(&mut self, hub: &HubName, name: &str, written_at: Option<Time>) {
        let Some(blob) = hub.parse(name) else { return };
        let entry = self.0.entry(blob.group.map(str::to_ascii_lowercase));
        let (found, partitions) = entry.or_insert_with(|| {
            let name = blob.group.map(str::to_owned);
            let found =
                FoundGroup { name, forms: BTreeSet::new(), partitions: 0, written_at: None, prefixes: BTreeSet::new() };
            (found, BTreeSet::new())
        });
        let has_capitals = |name: &str| name.bytes().any(|byte| byte.is_ascii_uppercase());
        if let (Some(known), Some(spelled)) = (&mut found.name, blob.group)
            && has_capitals(spelled)
            && !has_capitals(known)
        {
            spelled.clone_into(known);
        }
        if let BlobKind::Checkpoint(form) = blob.kind {
            found.forms.insert(form);
            found.written_at = found.written_at.max(written_at);
        }
        if !found.prefixes.contains(blob.prefix) {
            found.prefixes.insert(blob.prefix.to_owned());
        }
        partitions.insert(blob.partition);
    }

    fn found(self) -> Vec<FoundGroup> {
        let each = self.0.into_values();
        each.map(|(mut found, partitions)| {
            // Libraries that write names in lower case do so with this one, too, and everybody knows how it is spelled.
            if let Some(name) = found.name.as_mut().filter(|name| name.eq_ignore_ascii_case(DEFAULT_GROUP)) {
                DEFAULT_GROUP.clone_into(name);
            }
            FoundGroup { partitions: partitions.len(), ..found }
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_group_are_one_group() {
        let hub = HubName { namespace: "ns.servicebus.windows.net".into(), hub: "Hub".into() };
        let mut groups = Groups::default();
        for name in [
            "0",
            "ns.servicebus.windows.net/hub/$default/checkpoint/0",
            "ns.servicebus.windows.net/hub/$default/ownership/1",
            "ns.servicebus.windows.net/Hub/$DEFAULT/1",
            "ns.servicebus.windows.net/other/secret/checkpoint/1",
            "dapr-hub-cosmos-0",
        ] {
            groups.see(&hub, name, None);
        }
        let search = Search { groups: groups.found(), complete: true };
        let seen: Vec<_> = search
            .groups
            .iter()
            .map(|group| (group.name.as_deref(), group.forms.iter().copied().collect::<Vec<_>>(), group.partitions))
            .collect();
        assert_eq!(
            seen,
            [
                (None, vec![CheckpointForm::Go], 1),
                (Some("$Default"), vec![CheckpointForm::Metadata, CheckpointForm::Functions], 2),
                (Some("cosmos"), vec![CheckpointForm::Dapr], 1),
            ]
        );
        assert_eq!(
            search.prefixes("$DEFAULT"),
            ["", "ns.servicebus.windows.net/Hub/$DEFAULT/", "ns.servicebus.windows.net/hub/$default/"]
        );
    }
}
