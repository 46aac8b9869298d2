//! The list of consumer groups, and watching another one of them.

use std::time::Duration;

use super::Watch;
use crate::model::units::Time;
use crate::ui::groups;

/// How often the consumer groups are looked for while their list is open.
const GROUPS_EVERY: Duration = Duration::from_secs(5);

impl Watch<'_> {
    /// While the list of consumer groups is open, what it says is no older than a few seconds.
    pub(super) fn keep_groups_new(&mut self, wall: Time) {
        let lately = self.asked_for_groups.is_some_and(|asked| wall.since(asked) < GROUPS_EVERY);
        if self.state.groups.pointed().is_some() && !lately {
            self.asked_for_groups = Some(wall);
            if let Some(wanted) = self.live.controls.wanted_group() {
                self.live.controls.follow_group(&wanted);
            }
        }
    }

    /// Opens the list of consumer groups.
    pub(super) fn list_groups(&mut self) {
        if self.past.is_some() || self.live.controls.wanted_group().is_none() {
            return;
        }
        if groups::is_choice(&self.session) {
            self.state.open_groups(&self.session);
        } else {
            self.notice("no other consumer group has checkpoints in this container");
        }
    }

    /// Watches the consumer group that is pointed at.
    pub(super) fn choose_group(&mut self, group: &str) {
        let watched = self.live.controls.wanted_group();
        if watched.is_some_and(|watched| !watched.eq_ignore_ascii_case(group)) {
            self.live.controls.follow_group(group);
            self.notice(format!("consumer group {group} from the next look on"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tokio::sync::mpsc;

    use super::*;
    use crate::model::observation::{ConsumerGroup, Fact, Groups, Observation, Target};
    use crate::ui::controls::Controls;
    use crate::ui::live::Live;
    use crate::ui::live::tests::press;
    use crate::ui::state::ViewState;
    use crate::wall_clock::wall_clock;

    /// A processor whose consumer group can be chosen.
    struct Grouped {
        asked: Vec<String>,
    }

    impl Controls for Grouped {
        fn target(&self) -> Option<Target> {
            None
        }
        fn set_target(&mut self, _: Target) {}
        fn processor_runs(&self) -> Option<bool> {
            None
        }
        fn toggle_processor(&mut self) -> Result<(), String> {
            Ok(())
        }
        fn wanted_group(&self) -> Option<String> {
            self.asked.last().cloned()
        }
        fn follow_group(&mut self, group: &str) {
            self.asked.push(group.into());
        }
    }

    #[test]
    fn another_consumer_group_is_chosen_from_the_list() {
        let found = |names: &[&str]| {
            let group = |name: &&str| ConsumerGroup {
                name: (*name).into(),
                forms: BTreeSet::new(),
                partitions: 1,
                written_at: None,
            };
            Fact::Groups(Groups { groups: names.iter().map(group).collect(), complete: true })
        };
        let table: [(&str, &[&str], &str, &[&str]); 7] = [
            ("there is no other one", &["cosmos"], "u\n", &["cosmos"]),
            ("the next one", &["backup", "cosmos", "zeta"], "uj\n", &["cosmos", "zeta"]),
            ("the one before, and no further", &["backup", "cosmos"], "ukkk\n", &["cosmos", "backup"]),
            ("the one that is watched already, in its other spelling", &["$Default", "Cosmos"], "u\n", &["cosmos"]),
            ("none after all", &["backup", "cosmos"], "uk\u{1b}j\n", &["cosmos"]),
            ("the same key closes", &["backup", "cosmos"], "uku", &["cosmos"]),
            ("one that was not found yet", &["backup"], "uj", &["cosmos"]),
        ];
        for (case, names, keys, asked) in table {
            let (_tell, mut observations) = mpsc::channel(1);
            let mut controls = Grouped { asked: vec!["cosmos".into()] };
            let live = Live { observations: &mut observations, controls: &mut controls, recorder: None, folder: None };
            let mut watch = Watch::new(live, ViewState::new("contoso", wall_clock()));
            for fact in [Fact::Group("cosmos".into()), found(names)] {
                watch.take_in(&Observation { at: wall_clock(), fact });
            }
            press(&mut watch, keys);
            let pointed = watch.state.groups.pointed().map(str::to_owned);
            assert_eq!(pointed.is_some(), keys == "uj", "{case}: {pointed:?}");
            // While the list is open it is kept new, but not with every frame.
            if pointed.is_some() {
                let wall = wall_clock();
                watch.keep_groups_new(wall);
                watch.keep_groups_new(wall.after(Duration::from_secs(1)));
                assert_eq!(controls.asked, ["cosmos", "cosmos"], "{case}");
            } else {
                assert_eq!(controls.asked, asked, "{case}");
            }
        }
    }
}
