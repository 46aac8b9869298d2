//! The list of consumer groups: which there are to choose from, and which of them is pointed at.

use super::keymap::Action;
use super::selection;
use super::state::{GroupList, ViewState};
use crate::model::observation::ConsumerGroup;
use crate::model::session::Session;

/// A consumer group to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupRow<'a> {
    /// What it is called.
    pub name: &'a str,
    /// What was found of it; `None` of one that is watched and has no checkpoint.
    pub found: Option<&'a ConsumerGroup>,
    /// Whether it is the one that is watched.
    pub is_watched: bool,
}

/// The groups that there are, by name. Names of consumer groups don't regard case.
pub fn rows(session: &Session) -> Vec<GroupRow<'_>> {
    let watched = session.group.as_deref();
    let is_watched = |name: &str| watched.is_some_and(|watched| watched.eq_ignore_ascii_case(name));
    let found = session.groups.iter().flat_map(|(_, found)| &found.groups);
    let mut rows: Vec<GroupRow> = found
        .map(|group| GroupRow { name: &group.name, found: Some(group), is_watched: is_watched(&group.name) })
        .collect();
    if let Some(name) = watched.filter(|_| !rows.iter().any(|row| row.is_watched)) {
        rows.push(GroupRow { name, found: None, is_watched: true });
    }
    rows.sort_by_key(|row| row.name.to_ascii_lowercase());
    rows
}

/// Whether there is another group than the one that is watched.
pub fn is_choice(session: &Session) -> bool {
    rows(session).iter().any(|row| !row.is_watched)
}

impl ViewState {
    /// Opens the list at the group that is watched.
    pub fn open_groups(&mut self, session: &Session) {
        if let Some(row) = rows(session).into_iter().find(|row| row.is_watched) {
            self.groups = GroupList::Open(row.name.to_owned());
        }
    }

    /// Does what a key asks of the list while it points at a group; all other keys rest. Says whether that was all: the
    /// choice itself, and what concerns the whole program, are left to others.
    pub(super) fn act_on_groups(&mut self, action: Action, session: &Session) -> bool {
        match action {
            Action::Down => self.point(1, session),
            Action::Up => self.point(-1, session),
            Action::Groups => self.groups = GroupList::Closed,
            Action::Close if !self.help => self.groups = GroupList::Closed,
            Action::Close | Action::ToggleHelp => self.help = !self.help,
            Action::Zoom | Action::Suspend => return false,
            _ => {}
        }
        true
    }

    fn point(&mut self, by: isize, session: &Session) {
        let names: Vec<&str> = rows(session).into_iter().map(|row| row.name).collect();
        let to = selection::step(&names, self.groups.pointed().as_ref(), by).map(str::to_owned);
        self.groups = to.map_or(GroupList::Closed, GroupList::Open);
    }
}
