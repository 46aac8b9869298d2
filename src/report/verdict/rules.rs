//! Rules: what a session has to keep, as a person writes it, by flag (`--rule lost=0`) or as a TOML table:
//!
//! ```toml
//! warm-up = "1m"              # rules judge what comes after; of the tally: all
//! target = 1000               # events a second; without it, what was due by the load's plan
//!
//! [rules]
//! throughput = "90%"          # stored, of the target, in every whole minute
//! p99-stored = "2s"           # enqueued to stored, in every minute and in the rest at the end
//! p99-due = "200ms"           # due to acknowledged, the same
//! p99-send = "100ms"          # sent to acknowledged, the same
//! lag = 10000                 # events that wait, over all partitions, at any second
//! lag-back = "30s"            # so long at a stretch any partition may be behind
//! lost = 0                    # events
//! duplicates = "0.11%"        # of the stored events; or a number of them
//! out-of-order = 0            # of the stored events; or a number of them
//! upstream-throughput = "90%" # in the *best* minute: what upstream's own verification asks
//! upstream-latency = "15s"    # the *lowest* mean of a minute: the same
//! ```

use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::figure;
use crate::figures::count;
use crate::model::units::EventRate;
use crate::scenario::value::Rate;
use crate::span::{read_span, write_span};
use crate::toml_file::{self, TomlFileError, nearest};

/// How much of something may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Most {
    /// So many events.
    Events(u64),
    /// A share of the stored events: 0.01 is a hundredth.
    Share(f64),
}

impl std::fmt::Display for Most {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Events(events) => write!(f, "{}", count(*events)),
            Self::Share(share) => f.write_str(&figure::share(*share)),
        }
    }
}

/// What a limit is counted in, and the figure that is held against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitUnit {
    /// Seconds.
    Seconds,
    /// Events.
    Events,
    /// A share: 1 is all.
    Share,
}

/// A rule with its limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// What is stored in every whole minute after the warm-up, at least so much of the target.
    Throughput(f64),
    /// 99 of 100 events were stored within so long, in every minute after the warm-up.
    P99Stored(Duration),
    /// 99 of 100 events were acknowledged within so long of being due, in every minute after the warm-up.
    P99Due(Duration),
    /// 99 of 100 events were acknowledged within so long of being sent, in every minute after the warm-up.
    P99Send(Duration),
    /// At most so many events wait, at any second after the warm-up.
    Lag(u64),
    /// The time in which any partition is behind, at a stretch, is at most this, after the warm-up.
    LagBack(Duration),
    /// At most so many events are lost.
    Lost(u64),
    /// At most so many writes repeat another.
    Duplicates(Most),
    /// At most so many events came into the store after a later one of their device.
    OutOfOrder(Most),
    /// Upstream's throughput: the best whole minute has so much of the target.
    UpstreamThroughput(f64),
    /// Upstream's latency: the lowest mean of a minute is at most this.
    UpstreamLatency(Duration),
}

impl Rule {
    /// Every rule's name, and what it asks.
    pub const NAMES: [(&'static str, &'static str); 11] = [
        ("throughput", "stored in every whole minute, at least so much of the target: 90%"),
        ("p99-stored", "99 of 100 events stored within so long, in every minute and in the rest at the end: 2s"),
        ("p99-due", "99 of 100 acknowledged within so long of being due, the same: 200ms"),
        ("p99-send", "99 of 100 acknowledged within so long of being sent, the same: 100ms"),
        ("lag", "events that wait, over all partitions, at most: 10000"),
        (
            "lag-back",
            "so long at a stretch any partition may be behind, by more than 3 s of its own rate and at least 10 events: 30s",
        ),
        ("lost", "events, at most: 0"),
        ("duplicates", "events, or a share of the stored ones, at most: 0.11%"),
        ("out-of-order", "events stored after a later one of their device, or a share of them, at most: 0"),
        ("upstream-throughput", "so much of the target in the best minute: 90%"),
        ("upstream-latency", "the lowest mean of a minute, at most: 15s"),
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Throughput(_) => "throughput",
            Self::P99Stored(_) => "p99-stored",
            Self::P99Due(_) => "p99-due",
            Self::P99Send(_) => "p99-send",
            Self::Lag(_) => "lag",
            Self::LagBack(_) => "lag-back",
            Self::Lost(_) => "lost",
            Self::Duplicates(_) => "duplicates",
            Self::OutOfOrder(_) => "out-of-order",
            Self::UpstreamThroughput(_) => "upstream-throughput",
            Self::UpstreamLatency(_) => "upstream-latency",
        }
    }

    /// Its limit, as in a table.
    pub fn limit(self) -> String {
        match self {
            Self::Throughput(share) | Self::UpstreamThroughput(share) => {
                format!("at least {}", figure::share(share))
            }
            Self::P99Stored(most)
            | Self::P99Due(most)
            | Self::P99Send(most)
            | Self::LagBack(most)
            | Self::UpstreamLatency(most) => format!("at most {}", write_span(most)),
            Self::Lag(most) | Self::Lost(most) => format!("at most {}", count(most)),
            Self::Duplicates(most) | Self::OutOfOrder(most) => format!("at most {most}"),
        }
    }

    /// What its limit is counted in.
    pub fn unit(self) -> LimitUnit {
        match self {
            Self::Throughput(_) | Self::UpstreamThroughput(_) => LimitUnit::Share,
            Self::P99Stored(_) | Self::P99Due(_) | Self::P99Send(_) | Self::LagBack(_) | Self::UpstreamLatency(_) => {
                LimitUnit::Seconds
            }
            Self::Lag(_) | Self::Lost(_) => LimitUnit::Events,
            Self::Duplicates(most) | Self::OutOfOrder(most) => match most {
                Most::Events(_) => LimitUnit::Events,
                Most::Share(_) => LimitUnit::Share,
            },
        }
    }

    /// Its limit in that.
    pub fn limit_value(self) -> f64 {
        match self {
            Self::Throughput(share) | Self::UpstreamThroughput(share) => share,
            Self::P99Stored(most)
            | Self::P99Due(most)
            | Self::P99Send(most)
            | Self::LagBack(most)
            | Self::UpstreamLatency(most) => most.as_secs_f64(),
            Self::Lag(most) | Self::Lost(most) => most as f64,
            Self::Duplicates(most) | Self::OutOfOrder(most) => match most {
                Most::Events(events) => events as f64,
                Most::Share(share) => share,
            },
        }
    }

    /// Reads `lost=0`.
    ///
    /// # Errors
    /// One sentence.
    pub fn read(text: &str) -> Result<Self, String> {
        let Some((name, limit)) = text.split_once('=') else {
            return Err(format!("{text:?} is not a rule: give a name and its limit, such as lost=0 or throughput=90%"));
        };
        Self::of(name.trim(), limit.trim())
    }

    /// A rule of a name with a limit.
    ///
    /// # Errors
    /// One sentence.
    pub fn of(name: &str, limit: &str) -> Result<Self, String> {
        Self::written(name, limit, &format!("{limit:?}"))
    }

    /// The same of a limit that was written so in a file: a number without quotes.
    fn written(name: &str, limit: &str, as_written: &str) -> Result<Self, String> {
        let wanted = |what: &str| format!("{as_written} is no limit for {name}: give {what}");
        let share = || percentage(limit).ok_or_else(|| wanted("a percentage, such as 90%"));
        let time = || read_span(limit).ok_or_else(|| wanted("a time, such as 500ms, 2s or 1m30s"));
        let events = || limit.parse().map_err(|_| wanted("a whole number of events, such as 0"));
        let most = || {
            let events = limit.parse().ok().map(Most::Events);
            let most = events.or_else(|| percentage(limit).map(Most::Share));
            most.ok_or_else(|| wanted("a number of events or a share of them, such as 0 or 0.11%"))
        };
        match name {
            "throughput" => share().map(Self::Throughput),
            "p99-stored" => time().map(Self::P99Stored),
            "p99-due" => time().map(Self::P99Due),
            "p99-send" => time().map(Self::P99Send),
            "lag" => events().map(Self::Lag),
            "lag-back" => time().map(Self::LagBack),
            "lost" => events().map(Self::Lost),
            "duplicates" => most().map(Self::Duplicates),
            "out-of-order" => most().map(Self::OutOfOrder),
            "upstream-throughput" => share().map(Self::UpstreamThroughput),
            "upstream-latency" => time().map(Self::UpstreamLatency),
            _ => Err(unknown(name)),
        }
    }
}

fn unknown(name: &str) -> String {
    let known = || Rule::NAMES.iter().map(|(known, _)| *known);
    let meant = match nearest(name, known()) {
        Some(meant) => format!("did you mean {meant}?"),
        None => format!("there are {}", known().collect::<Vec<_>>().join(", ")),
    };
    format!("there is no rule {name:?}; {meant}")
}

fn percentage(limit: &str) -> Option<f64> {
    let share = limit.strip_suffix('%')?.trim_end().parse::<f64>().ok()? / 100.0;
    (0.0..=10.0).contains(&share).then_some(share)
}

/// Rules, and what they judge by.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The rules, in the order in which they are told.
    pub rules: Vec<Rule>,
    /// Rules judge what comes after it.
    pub warm_up: Duration,
    /// What throughput is held against; without it, what was due by the load's plan.
    pub target: Option<EventRate>,
    /// Whether somebody asked for these rules: then one that can't be told is no success.
    pub asked: bool,
}

impl Default for Rules {
    /// What every pipeline should keep: the rules where nobody gives any.
    fn default() -> Self {
        let rules = vec![Rule::Throughput(0.9), Rule::LagBack(Duration::from_secs(60)), Rule::Lost(0)];
        Self { rules, warm_up: Self::WARM_UP, target: None, asked: false }
    }
}

impl Rules {
    /// So long a pipeline may take to come up.
    pub const WARM_UP: Duration = Duration::from_secs(10);

    /// Adds rules; one of the same name is replaced. The first that are asked for replace the default ones.
    pub fn ask(&mut self, rules: impl IntoIterator<Item = Rule>) {
        for rule in rules {
            if !self.asked {
                self.rules.clear();
                self.asked = true;
            }
            match self.rules.iter_mut().find(|known| known.name() == rule.name()) {
                Some(known) => *known = rule,
                None => self.rules.push(rule),
            }
        }
        // Told in one order, however they were asked for.
        let place = |rule: &Rule| Rule::NAMES.iter().position(|(name, _)| *name == rule.name());
        self.rules.sort_by_key(place);
    }

    /// Reads a file of rules.
    ///
    /// # Errors
    /// One sentence that names the file and the line.
    pub fn read(path: &Path) -> Result<Self, TomlFileError> {
        Self::parse(&toml_file::text(path)?, &path.display().to_string())
    }

    /// Parses the text of a file that is called `place` in errors.
    ///
    /// # Errors
    /// One sentence that names the file and the line.
    pub fn parse(text: &str, place: &str) -> Result<Self, TomlFileError> {
        toml_file::parse::<RulesFile>(text, place).map(Self::from)
    }
}

/// A file of rules.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct RulesFile {
    warm_up: Option<Warm>,
    target: Option<Rate>,
    rules: RuleTable,
}

impl From<RulesFile> for Rules {
    fn from(file: RulesFile) -> Self {
        let mut rules = Self::default();
        rules.ask(file.rules.0);
        rules.warm_up = file.warm_up.map_or(rules.warm_up, |warm| warm.0);
        rules.target = file.target.map(Rate::rate);
        rules
    }
}

/// The table of rules that a scenario's file holds, too.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleTable(pub Vec<Rule>);

impl<'de> Deserialize<'de> for RuleTable {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = RuleTable;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a table of rules")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<RuleTable, A::Error> {
                let mut rules = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    rules.push(map.next_value_seed(LimitOf(&name))?);
                }
                Ok(RuleTable(rules))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// The name of a rule. What is wrong with it is found while it is read, so that it is told with its own line and not the
/// table's.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known = Rule::NAMES.iter().any(|(known, _)| *known == name);
        if known { Ok(Self(name)) } else { Err(serde::de::Error::custom(unknown(&name))) }
    }
}

/// The limit of the rule with this name: text or a number.
struct LimitOf<'a>(&'a str);

impl<'de> serde::de::DeserializeSeed<'de> for LimitOf<'_> {
    type Value = Rule;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Rule, D::Error> {
        let number = match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => return Rule::of(self.0, &text).map_err(serde::de::Error::custom),
            toml::Value::Integer(number) => number.to_string(),
            // No rule takes a number with a point: its own sentence says what it takes.
            toml::Value::Float(number) => format!("{number:?}"),
            other => {
                let kind = other.type_str();
                return Err(serde::de::Error::custom(format!(
                    "a limit can't be of type {kind}: give a number, or text in quotes"
                )));
            }
        };
        Rule::written(self.0, &number, &number).map_err(serde::de::Error::custom)
    }
}

/// For the schema of scenario files: every rule by its name.
#[cfg(test)]
impl schemars::JsonSchema for RuleTable {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RuleTable".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let rules: serde_json::Map<String, serde_json::Value> = Rule::NAMES
            .iter()
            .map(|(name, asks)| {
                let limit = serde_json::json!({ "description": asks, "type": ["string", "integer"] });
                ((*name).to_owned(), limit)
            })
            .collect();
        schemars::json_schema!({
            "description": "Rules that a session has to keep, each with its limit.",
            "type": "object",
            "properties": rules,
            "additionalProperties": false,
        })
    }
}

/// A time as written.
#[derive(Debug)]
struct Warm(Duration);

impl<'de> Deserialize<'de> for Warm {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom(format!("{text:?} is not a time; try 30s or 1m30s"));
        read_span(&text).map(Self).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the module's head.
    const SAMPLE: &str = include_str!("rules.rs");

    fn sample() -> String {
        let lines = SAMPLE.lines().skip_while(|line| *line != "//! ```toml").skip(1);
        lines
            .take_while(|line| *line != "//! ```")
            .map(|line| line.trim_start_matches("//!").trim())
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn the_table_of_the_module_names_every_rule() {
        let rules = Rules::parse(&sample(), "rules.toml").unwrap();
        let mut names: Vec<&str> = rules.rules.iter().map(|rule| rule.name()).collect();
        let mut known: Vec<&str> = Rule::NAMES.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(names, known);
        assert_eq!((rules.warm_up, rules.target), (Duration::from_secs(60), Some(EventRate::new(1_000.0))));
        assert!(rules.asked && rules.rules.contains(&Rule::Duplicates(Most::Share(0.0011))));
    }

    #[test]
    fn mistakes_are_one_sentence() {
        let flags = [
            ("lost", "\"lost\" is not a rule: give a name and its limit, such as lost=0 or throughput=90%"),
            ("lots=0", "there is no rule \"lots\"; did you mean lost?"),
            ("lost=-1", "\"-1\" is no limit for lost: give a whole number of events, such as 0"),
            ("throughput=90", "\"90\" is no limit for throughput: give a percentage, such as 90%"),
            ("throughput=NaN%", "\"NaN%\" is no limit for throughput: give a percentage, such as 90%"),
            ("lag-back=30", "\"30\" is no limit for lag-back: give a time, such as 500ms, 2s or 1m30s"),
            (
                "duplicates=few",
                "\"few\" is no limit for duplicates: give a number of events or a share of them, such as 0 or 0.11%",
            ),
        ];
        for (text, expected) in flags {
            assert_eq!(Rule::read(text).unwrap_err(), expected);
        }
        let files = [
            ("[rules]\nlost = 0\nlots = 0", "rules.toml, line 3: there is no rule \"lots\"; did you mean lost?"),
            (
                "[rules]\nlost = 0\nlag-back = 30",
                "rules.toml, line 3: 30 is no limit for lag-back: give a time, such as 500ms, 2s or 1m30s",
            ),
            ("warm-up = \"soon\"", "rules.toml, line 1: warm-up: \"soon\" is not a time; try 30s or 1m30s"),
            ("warm = \"1m\"", "rules.toml, line 1: unknown field `warm`; did you mean `warm-up`?"),
            (
                "target = inf",
                "rules.toml, line 1: target: inf is not a rate: give events a second from 0.001 to 10000000",
            ),
            (
                "\ntarget = 0",
                "rules.toml, line 2: target: 0 is not a rate: give events a second from 0.001 to 10000000",
            ),
            (
                "target = -5",
                "rules.toml, line 1: target: -5 is not a rate: give events a second from 0.001 to 10000000",
            ),
            (
                "target = nan",
                "rules.toml, line 1: target: NaN is not a rate: give events a second from 0.001 to 10000000",
            ),
            (
                "[rules]\nlost = 0.0",
                "rules.toml, line 2: 0.0 is no limit for lost: give a whole number of events, such as 0",
            ),
            (
                "[rules]\nduplicates = 0.0011",
                "rules.toml, line 2: 0.0011 is no limit for duplicates: give a number of events or a share of them, such as 0 \
                 or 0.11%",
            ),
            (
                "[rules]\np99-stored = 2",
                "rules.toml, line 2: 2 is no limit for p99-stored: give a time, such as 500ms, 2s or 1m30s",
            ),
            (
                "[rules]\nlost = []",
                "rules.toml, line 2: lost: a limit can't be of type array: give a number, or text in quotes",
            ),
        ];
        for (text, expected) in files {
            assert_eq!(Rules::parse(text, "rules.toml").unwrap_err().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_asked_for_replaces_the_default() {
        let mut rules = Rules::default();
        rules.ask([]);
        assert!(!rules.asked && rules.rules.len() == 3);
        rules.ask([Rule::Lost(0), Rule::Lag(5), Rule::Lost(3)]);
        assert_eq!(rules.rules, [Rule::Lag(5), Rule::Lost(3)]);
    }
}
