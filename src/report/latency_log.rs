//! Latencies as an interval log of `HdrHistogram` (`.hlog`), version 1.3, which its own tools read: a histogram of
//! microseconds for each interval that was observed, a second or less.
//!
//! Times are seconds from the begin of the session, which the head gives as both start and base time.

use std::io::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriter, IntervalLogWriterBuilder, IntervalLogWriterError};

use super::document::LatencyName;
use crate::model::observation::{Fact, Latencies, Observation};
use crate::model::units::Time;

/// Writes the intervals of one latency.
pub struct LatencyLog<'a, 'b, W: Write> {
    of: LatencyName,
    begin: Time,
    log: IntervalLogWriter<'a, 'b, W, V2DeflateSerializer>,
    /// When the last interval ended.
    before: Option<Time>,
}

fn plain<E: std::fmt::Debug>(error: IntervalLogWriterError<E>) -> io::Error {
    match error {
        IntervalLogWriterError::IoError(error) => error,
        IntervalLogWriterError::SerializeError(error) => io::Error::other(format!("{error:?}")),
    }
}

impl<'a, 'b, W: Write> LatencyLog<'a, 'b, W> {
    /// Begins a log of a session that began at a time.
    ///
    /// # Errors
    /// As the output says.
    pub fn begin(
        of: LatencyName,
        begin: Time,
        output: &'a mut W,
        serializer: &'b mut V2DeflateSerializer,
    ) -> io::Result<Self> {
        let micros = u64::try_from(begin.as_micros()).unwrap_or(0);
        let moment = UNIX_EPOCH + Duration::from_micros(micros);
        let mut head = IntervalLogWriterBuilder::new();
        head.add_comment(&format!("streamgauge: {}, in microseconds; the column of maxima in milliseconds", of.word()));
        head.with_start_time(moment).with_base_time(moment).with_max_value_divisor(1_000.0);
        let log = head.begin_log_with(output, serializer)?;
        Ok(Self { of, begin, log, before: None })
    }

    /// Takes an observation; those of other kinds, and intervals without an event, leave no line.
    ///
    /// # Errors
    /// As the output says.
    pub fn write(&mut self, observation: &Observation) -> io::Result<()> {
        let latencies: &Latencies = match (&observation.fact, self.of) {
            (Fact::Load(load), LatencyName::FromDue) => &load.from_due,
            (Fact::Load(load), LatencyName::FromSend) => &load.from_send,
            (Fact::Stored(stored), LatencyName::Stored) => &stored.latency,
            _ => return Ok(()),
        };
        let from = self.before.unwrap_or(self.begin);
        if latencies.0.is_empty() {
            return Ok(());
        }
        self.before = Some(observation.at);
        let (start, duration) = (from.since(self.begin), observation.at.since(from));
        self.log.write_histogram(&latencies.0, start, duration, None).map_err(plain)
    }
}
