//! The scenario file: TOML, one table for each station, named by its kind.
//!
//! ```toml
//! title = "contoso"
//! [ingest.event-hubs]
//! namespace = "contosoeventhubs.servicebus.windows.net"
//! hub = "contosoin-2"
//! ```
//!
//! The kind stands in the table's name, not in a key `kind`: a mistake in a table of a known kind is then told with its
//! own line. A new kind is a file beside [`super::event_hubs`], a variant here, and an arm in [`super::places`].
//!
//! The commented sample is [`SAMPLE`]; `docs/scenario.schema.json` is made from these types.

use std::path::Path;

use serde::Deserialize;

use super::checkpoints::Checkpoints;
use super::cosmos::Cosmos;
use super::event_hubs::EventHubs;
use super::value::{Rate, Span};
use crate::report::verdict::RuleTable;
use crate::toml_file::{self, TomlFileError};
use crate::typed::has_password;

/// A commented scenario file with everything that can stand in one.
pub const SAMPLE: &str = include_str!("sample.toml");

/// A scenario, as it is written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ScenarioFile {
    /// As in the title line of the screen.
    pub title: Option<String>,
    /// What the processor is called on the flow line, such as `Functions`.
    pub processor: Option<String>,
    /// The log that events come in by.
    pub ingest: Ingest,
    /// Where the processor keeps its positions; without it there is no lag.
    pub position: Option<Position>,
    /// Where events end up; without it nothing is known of what was stored.
    pub store: Option<Store>,
    /// Bounds on the load. There is none until it is asked for.
    #[serde(default)]
    pub load: LoadBounds,
    /// What a session has to keep: a report of it judges by them, unless it is given others.
    #[serde(default)]
    pub rules: RuleTable,
}

/// The kinds of ingest log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Ingest {
    /// An event hub.
    EventHubs(EventHubs),
}

/// The kinds of place in which processors keep their positions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Position {
    /// Checkpoints in Blob storage.
    Checkpoints(Checkpoints),
}

/// The kinds of store.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Store {
    /// A container of Cosmos DB.
    Cosmos(Cosmos),
}

/// Bounds on the load into a deployed scenario. Flags of the command line go before them.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LoadBounds {
    /// Events a second at which a load that was confirmed on screen begins.
    pub rate: Option<Rate>,
    /// No key and no flag goes past this rate.
    pub max_rate: Option<Rate>,
    /// The load pauses for good after so many events.
    pub max_events: Option<u64>,
    /// The load pauses for good after this long.
    #[serde(rename = "for")]
    pub lasts: Option<Span>,
}

impl ScenarioFile {
    /// Reads a file.
    ///
    /// # Errors
    /// One sentence with the file, the line, and what is wrong there.
    pub fn read(path: &Path) -> Result<Self, TomlFileError> {
        Self::parse(&toml_file::text(path)?, &path.display().to_string())
    }

    /// Parses the text of a file that is called `place` in errors.
    ///
    /// # Errors
    /// As [`ScenarioFile::read`].
    pub fn parse(text: &str, place: &str) -> Result<Self, TomlFileError> {
        // Before anything is parsed, so that no other sentence shows it.
        if let Some(line) = line_of_secret(text) {
            return Err(TomlFileError::Wrong {
                place: place.to_owned(),
                line,
                sentence:
                    "a secret is here, and a scenario file is kept and sent around: remove it, and put it in the \
                           environment (see `streamgauge scenarios --sample`)"
                        .into(),
            });
        }
        let file: Self = toml_file::parse(text, place)?;
        match (file.load.rate, file.load.max_rate) {
            (Some(rate), Some(most)) if rate.per_second() > most.per_second() => {
                let sentence = format!("{rate} is more than max-rate, {most}, allows: lower it, or raise max-rate");
                Err(toml_file::wrong(text, place, &toml_file::place_of(text, &["load", "rate"]), sentence))
            }
            _ => Ok(file),
        }
    }
}

/// The first line, from 1 on, with what looks like a secret: what connection strings and signed URLs are made of, a key on
/// its own, 32 bytes or more in base64, or a password before the host of a URL.
fn line_of_secret(text: &str) -> Option<usize> {
    const MARKS: [&str; 5] = ["accountkey=", "sharedaccesskey=", "sharedaccesssignature", "sig=", "bearer "];
    let is_key_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/');
    let has_key = |line: &str| {
        line.split(|c: char| !is_key_letter(c) && c != '=')
            .any(|word| word.ends_with('=') && word.trim_end_matches('=').len() >= 43)
    };
    let is_secret = |line: &str| {
        let bare: String = line.to_ascii_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
        MARKS.iter().any(|mark| bare.contains(mark)) || has_key(line) || has_password(line)
    };
    text.lines().position(is_secret).map(|at| at + 1)
}

#[cfg(test)]
mod tests;
