//! The consumer groups that there are, on a line of their own.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::columns::{form_of, form_word};
use crate::model::observation::{ConsumerGroup, Groups};
use crate::model::units::Time;

/// All that were found.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct GroupsLine {
    found: Vec<GroupLine>,
    complete: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct GroupLine {
    name: String,
    /// A word for each form. One that a newer version writes is none to this one.
    forms: Vec<String>,
    partitions: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    written: Option<i64>,
}

impl GroupsLine {
    pub(super) fn of(groups: &Groups) -> Self {
        let line = |group: &ConsumerGroup| GroupLine {
            name: group.name.clone(),
            forms: group.forms.iter().map(|form| form_word(*form).to_owned()).collect(),
            partitions: group.partitions,
            written: group.written_at.map(Time::as_micros),
        };
        Self { found: groups.groups.iter().map(line).collect(), complete: groups.complete }
    }

    pub(super) fn read(self) -> Groups {
        let group = |line: GroupLine| ConsumerGroup {
            name: line.name,
            forms: line.forms.iter().filter_map(|word| form_of(word)).collect::<BTreeSet<_>>(),
            partitions: line.partitions,
            written_at: line.written.map(Time::from_micros),
        };
        Groups { groups: self.found.into_iter().map(group).collect(), complete: self.complete }
    }
}
