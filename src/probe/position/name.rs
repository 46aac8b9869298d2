//! Names of checkpoint blobs: what a blob is, by its name alone.
//!
//! | form | blob | names |
//! |---|---|---|
//! | [`CheckpointForm::Metadata`] | `NS/hub/group/checkpoint/7` | namespace, hub and group |
//! | [`CheckpointForm::Functions`] | `NS/hub/group/7` | namespace, hub and group |
//! | [`CheckpointForm::Dapr`] | `dapr-hub-group-7` | hub and group |
//! | [`CheckpointForm::Host`] | `group/7` | the group |
//! | [`CheckpointForm::Go`] | `7` | nothing but the partition |
//! | ownership | `NS/hub/group/ownership/7` | namespace, hub and group |
//!
//! `NS` is the full host name of the namespace. The contract of the SDKs says that names are lower case. .NET, JS and
//! Python comply; Go, Java and Rust write them as they are configured (azure-sdk-for-rust #5099), and so did the older
//! Functions extension. So names are compared without regard to case.
//!
//! Sources: the checkpoint store contract of the Azure SDKs; KEDA's azure-eventhub scaler, which reads the same forms.

use crate::model::observation::CheckpointForm;
use crate::model::units::PartitionId;

/// What a blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobKind {
    /// A checkpoint, in one of its forms.
    Checkpoint(CheckpointForm),
    /// Which instance of the processor holds a partition.
    Ownership,
}

/// The name of a blob that may belong to a hub, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobName<'a> {
    /// The consumer group as it is spelled there; `None` for Go's first library, which names none.
    pub group: Option<&'a str>,
    /// The partition.
    pub partition: PartitionId,
    /// What the blob is.
    pub kind: BlobKind,
    /// What the names of all blobs of this group in this spelling begin with.
    pub prefix: &'a str,
}

/// An event hub, by the names that checkpoints know it by.
#[derive(Debug, Clone)]
pub struct HubName {
    /// The full host name of the namespace.
    pub namespace: String,
    /// The hub.
    pub hub: String,
}

impl HubName {
    /// Takes a name apart; `None` if it is not one of this hub's.
    ///
    /// ```
    /// use streamgauge::model::observation::CheckpointForm;
    /// use streamgauge::model::units::PartitionId;
    /// use streamgauge::probe::position::name::{BlobKind, HubName};
    ///
    /// let hub = HubName { namespace: "contoso.servicebus.windows.net".into(), hub: "in".into() };
    /// let name = hub.parse("Contoso.ServiceBus.windows.net/IN/$Default/checkpoint/7").unwrap();
    /// assert_eq!(name.group, Some("$Default"));
    /// assert_eq!(name.partition, PartitionId(7));
    /// assert_eq!(name.kind, BlobKind::Checkpoint(CheckpointForm::Metadata));
    /// assert_eq!(name.prefix, "Contoso.ServiceBus.windows.net/IN/$Default/");
    /// assert_eq!(hub.parse("contoso.servicebus.windows.net/out/$Default/checkpoint/7"), None);
    /// ```
    pub fn parse<'a>(&self, name: &'a str) -> Option<BlobName<'a>> {
        let parts: Vec<&str> = name.split('/').collect();
        let ours = |namespace: &str, hub: &str| {
            namespace.eq_ignore_ascii_case(&self.namespace) && hub.eq_ignore_ascii_case(&self.hub)
        };
        let found = |group, id, kind, rest: usize| {
            let prefix = &name[..name.len() - rest];
            Some(BlobName { group, partition: partition(id)?, kind, prefix })
        };
        match *parts.as_slice() {
            [id] if partition(id).is_some() => found(None, id, BlobKind::Checkpoint(CheckpointForm::Go), id.len()),
            [name] => {
                let (group, id) = self.dapr(name)?;
                found(Some(group), id, BlobKind::Checkpoint(CheckpointForm::Dapr), id.len())
            }
            [group, id] => found(Some(group), id, BlobKind::Checkpoint(CheckpointForm::Host), id.len()),
            [namespace, hub, group, id] if ours(namespace, hub) => {
                found(Some(group), id, BlobKind::Checkpoint(CheckpointForm::Functions), id.len())
            }
            [namespace, hub, group, kind, id] if ours(namespace, hub) => {
                let rest = kind.len() + 1 + id.len();
                let kind = match kind {
                    kind if kind.eq_ignore_ascii_case("checkpoint") => BlobKind::Checkpoint(CheckpointForm::Metadata),
                    kind if kind.eq_ignore_ascii_case("ownership") => BlobKind::Ownership,
                    _ => return None,
                };
                found(Some(group), id, kind, rest)
            }
            _ => None,
        }
    }

    /// Group and partition in `dapr-hub-group-7`. Hub and group may hold hyphens themselves, so the hub has to be
    /// known, and hub `in` with group `b-c` can't be told from hub `in-b` with group `c`.
    fn dapr<'a>(&self, name: &'a str) -> Option<(&'a str, &'a str)> {
        let rest = strip_ignoring_case(name, "dapr-")?;
        let rest = strip_ignoring_case(rest, &self.hub)?.strip_prefix('-')?;
        rest.rsplit_once('-').filter(|(group, _)| !group.is_empty())
    }

    /// What the names of the group's blobs begin with by the contract, all lower case.
    pub fn contract_prefix(&self, group: &str) -> String {
        format!("{}/{}/{group}/", self.namespace, self.hub).to_ascii_lowercase()
    }

    /// The same as the scenario spells it, for writers that don't keep to the contract.
    pub fn configured_prefix(&self, group: &str) -> String {
        format!("{}/{}/{group}/", self.namespace, self.hub)
    }
}

/// Digits only: `parse` alone would take `+7` as well.
fn partition(id: &str) -> Option<PartitionId> {
    id.bytes().all(|byte| byte.is_ascii_digit()).then(|| id.parse().ok().map(PartitionId))?
}

fn strip_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (begin, rest) = text.split_at_checked(prefix.len())?;
    begin.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hub() -> HubName {
        HubName { namespace: "Contoso.servicebus.windows.net".into(), hub: "Plant-1".into() }
    }

    #[test]
    fn what_a_blob_is_by_its_name() {
        use CheckpointForm::{Dapr, Functions, Go, Host, Metadata};
        let checkpoint = |form| BlobKind::Checkpoint(form);
        let table: [(&str, Option<&str>, u32, BlobKind, &str); 8] = [
            (
                "contoso.servicebus.windows.net/plant-1/$default/checkpoint/0",
                Some("$default"),
                0,
                checkpoint(Metadata),
                "contoso.servicebus.windows.net/plant-1/$default/",
            ),
            (
                "CONTOSO.servicebus.windows.NET/pLANT-1/cosmos/Checkpoint/31",
                Some("cosmos"),
                31,
                checkpoint(Metadata),
                "CONTOSO.servicebus.windows.NET/pLANT-1/cosmos/",
            ),
            (
                "contoso.servicebus.windows.net/Plant-1/$Default/ownership/3",
                Some("$Default"),
                3,
                BlobKind::Ownership,
                "contoso.servicebus.windows.net/Plant-1/$Default/",
            ),
            (
                "contoso.servicebus.windows.net/Plant-1/$Default/3",
                Some("$Default"),
                3,
                checkpoint(Functions),
                "contoso.servicebus.windows.net/Plant-1/$Default/",
            ),
            ("dapr-plant-1-my-group-12", Some("my-group"), 12, checkpoint(Dapr), "dapr-plant-1-my-group-"),
            ("Dapr-Plant-1-$Default-0", Some("$Default"), 0, checkpoint(Dapr), "Dapr-Plant-1-$Default-"),
            ("$Default/5", Some("$Default"), 5, checkpoint(Host), "$Default/"),
            ("5", None, 5, checkpoint(Go), ""),
        ];
        for (name, group, partition, kind, prefix) in table {
            let partition = PartitionId(partition);
            assert_eq!(hub().parse(name), Some(BlobName { group, partition, kind, prefix }), "{name}");
        }
    }

    #[test]
    fn what_is_not_of_this_hub() {
        for name in [
            "",
            "readme.md",
            "+5",
            "-1",
            "99999999999",
            "contoso.servicebus.windows.net/other/$default/checkpoint/0",
            "fabrikam.servicebus.windows.net/plant-1/$default/0",
            "contoso.servicebus.windows.net/plant-1/$default/checkpoint/x",
            "contoso.servicebus.windows.net/plant-1/$default/lease/0",
            "contoso.servicebus.windows.net/plant-1/$default/checkpoint/0/1",
            "dapr-plant-1-0",
            "dapr-plant-10-group-0",
            "dapr-plant-2-group-0",
            "dapr-",
            "$Default/",
            "d\u{e4}pr-plant-1-g-0",
        ] {
            assert_eq!(hub().parse(name), None, "{name}");
        }
    }

    proptest! {
        /// Whatever the name: no panic, and a prefix that the name begins with.
        #[test]
        fn any_name_can_be_taken_apart(name in prop_oneof![".*", "(dapr-)?[a-zA-Z0-9/$-]{0,40}/?[0-9]{0,3}"]) {
            if let Some(found) = hub().parse(&name) {
                prop_assert!(name.starts_with(found.prefix));
            }
        }
    }
}
