//! A session as rows: one for each second and partition, for a spreadsheet or a data frame, as CSV and as Parquet.
//! What each column means stands in `docs/export.md`, for those who read the tables.
//!
//! What is not known, or was last seen too long ago to hold then, is null: an empty field in CSV. CSV has times as RFC 3339.

use std::io::Write;

use super::document::{rounded, time_of_day};
use crate::model::lag::{Lag, TimeLag};
use crate::model::partition::Partition;
use crate::model::session::Session;
use crate::model::units::{PartitionId, Time};

/// The names of the columns, each of which `docs/export.md` tells.
pub const COLUMNS: [&str; 14] = [
    "at",
    "second",
    "partition",
    "log_earliest",
    "log_last",
    "position",
    "lag_events",
    "missed_events",
    "lag_seconds",
    "lag_is_more",
    "ingest_rate",
    "processed_rate",
    "status",
    "owner",
];

/// One partition at one second.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The second that it speaks of.
    pub at: Time,
    /// Seconds from the begin of the session.
    pub second: f64,
    /// Which partition.
    pub partition: i32,
    /// The earliest event that the log keeps.
    pub log_earliest: Option<i64>,
    /// The last event.
    pub log_last: Option<i64>,
    /// The next event to be read.
    pub position: Option<i64>,
    /// Events that wait.
    pub lag_events: Option<i64>,
    /// Events that the log dropped before they were read.
    pub missed_events: Option<i64>,
    /// How long the oldest event has waited, in seconds.
    pub lag_seconds: Option<f64>,
    /// Whether that is only a lower bound.
    pub lag_is_more: Option<bool>,
    /// Events enqueued a second.
    pub ingest_rate: Option<f64>,
    /// Events processed a second.
    pub processed_rate: Option<f64>,
    /// As on screen.
    pub status: &'static str,
    /// Who holds it.
    pub owner: Option<String>,
}

impl Row {
    fn of(session: &Session, at: Time, id: PartitionId, partition: &Partition) -> Self {
        let count = |events: u64| i64::try_from(events).unwrap_or(i64::MAX);
        let (log_end, time_lag) = (partition.log_end_now(at), partition.time_lag_now(at));
        let (lag_events, missed_events) = match partition.lag_now(at) {
            Some(Lag::Behind { events, missed }) => (Some(count(events)), Some(count(missed))),
            Some(Lag::NoPosition { .. }) | None => (None, None),
        };
        Self {
            at,
            second: rounded(at.since(session.started().unwrap_or(at)).as_secs_f64()),
            partition: i32::try_from(id.0).unwrap_or(i32::MAX),
            log_earliest: log_end.map(|end| end.earliest.0),
            log_last: log_end.map(|end| end.last.0),
            position: partition.position_now(at).map(|position| position.next().0),
            lag_events,
            missed_events,
            lag_seconds: time_lag.map(|lag| rounded(lag.at_least().as_secs_f64())),
            lag_is_more: time_lag.map(|lag| matches!(lag, TimeLag::MoreThan(_))),
            ingest_rate: partition.ingest.rate(at).map(rounded),
            processed_rate: partition.processed.rate(at).map(rounded),
            status: partition.status(at).word(),
            owner: partition.owner_now(at).map(str::to_owned),
        }
    }

    /// The rows of a session at a second, by partition.
    pub fn all(session: &Session, at: Time) -> impl Iterator<Item = Self> + '_ {
        session.partitions.iter().map(move |(id, partition)| Self::of(session, at, *id, partition))
    }
}

/// The library wraps what the output said.
fn plain(error: csv::Error) -> std::io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => std::io::Error::other(format!("{other:?}")),
    }
}

/// Writes rows as CSV (RFC 4180), the names of the columns first.
pub struct CsvRows<W: Write>(csv::Writer<W>);

impl<W: Write> CsvRows<W> {
    /// Begins with the names.
    ///
    /// # Errors
    /// As the output says.
    pub fn begin(output: W) -> std::io::Result<Self> {
        let mut writer = csv::Writer::from_writer(output);
        writer.write_record(COLUMNS).map_err(plain)?;
        Ok(Self(writer))
    }

    /// Writes a row.
    ///
    /// # Errors
    /// As the output says.
    pub fn write(&mut self, row: &Row) -> std::io::Result<()> {
        fn text<T: ToString>(value: Option<T>) -> String {
            value.map(|value| value.to_string()).unwrap_or_default()
        }
        let fields = [
            time_of_day(row.at),
            row.second.to_string(),
            row.partition.to_string(),
            text(row.log_earliest),
            text(row.log_last),
            text(row.position),
            text(row.lag_events),
            text(row.missed_events),
            text(row.lag_seconds),
            text(row.lag_is_more),
            text(row.ingest_rate),
            text(row.processed_rate),
            row.status.to_owned(),
            row.owner.clone().unwrap_or_default(),
        ];
        self.0.write_record(fields).map_err(plain)
    }

    /// Ends with the last row.
    ///
    /// # Errors
    /// As the output says.
    pub fn finish(mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}
