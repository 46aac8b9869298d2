//! The list of consumer groups: which there are to choose from, and which of them is pointed at.

use super::keymap::Action;
use super::selection;
use super::state::ViewState;
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
        self.pointed_group = rows(session).into_iter().find(|row| row.is_watched).map(|row| row.name.to_owned());
    }

    /// Does what a key asks of the open list; all other keys rest. Says whether that was all: the choice itself, and what
    /// concerns the whole program, are left to others.
    pub(super) fn act_on_groups(&mut self, action: Action, session: &Session) -> bool {
        let step = |by| {
            let names: Vec<&str> = rows(session).into_iter().map(|row| row.name).collect();
            let pointed = self.pointed_group.as_deref();
            selection::step(&names, pointed.as_ref(), by).map(str::to_owned)
        };
        match action {
            Action::Down => self.pointed_group = step(1),
            Action::Up => self.pointed_group = step(-1),
            Action::Groups => self.pointed_group = None,
            Action::Close if !self.help => self.pointed_group = None,
            Action::Close | Action::ToggleHelp => self.help = !self.help,
            Action::Zoom | Action::Suspend => return false,
            _ => {}
        }
        true
    }
}
