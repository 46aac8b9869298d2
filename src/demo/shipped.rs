//! Scripts that come with the program, each with one story.

use super::script::Script;
use crate::toml_file::TomlFileError;

/// A script that comes with the program.
#[derive(Debug, Clone, Copy)]
pub struct Shipped {
    /// What it is called on the command line.
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
}

/// All of them, in the order in which they are best shown.
pub const ALL: [Shipped; 4] = [
    Shipped { name: "throttled", text: include_str!("scripts/throttled.toml") },
    Shipped { name: "stuck", text: include_str!("scripts/stuck.toml") },
    Shipped { name: "restart", text: include_str!("scripts/restart.toml") },
    Shipped { name: "outage", text: include_str!("scripts/outage.toml") },
];

impl Shipped {
    /// The script of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|script| script.name == name)
    }

    /// Reads it.
    ///
    /// # Errors
    /// None, as the tests know.
    pub fn script(&self) -> Result<Script, TomlFileError> {
        Script::parse(self.text, self.name)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::script::Act;
    use super::*;

    #[test]
    fn each_is_two_to_four_minutes_that_a_room_can_follow() {
        for shipped in ALL {
            let script = Shipped::named(shipped.name).unwrap().script().unwrap();
            assert!((120..=240).contains(&script.end.as_secs()), "{}: {:?}", shipped.name, script.end);
            assert!(
                !script.sentence.is_empty() && script.sentence.len() <= 100,
                "{}: {}",
                shipped.name,
                script.sentence
            );
            let mut said: Vec<Duration> = Vec::new();
            for step in &script.steps {
                if step.acts.iter().any(|act| matches!(act, Act::Caption(_))) {
                    said.push(step.at);
                }
            }
            assert_eq!(said.first(), Some(&Duration::ZERO), "{} begins with a caption", shipped.name);
            said.push(script.end);
            for pair in said.windows(2) {
                let stands = pair[1].saturating_sub(pair[0]);
                assert!(
                    (6..=45).contains(&stands.as_secs()),
                    "{}: the caption at {:?}: {stands:?}",
                    shipped.name,
                    pair[0]
                );
            }
        }
        assert!(Shipped::named("absent").is_none());
    }
}
