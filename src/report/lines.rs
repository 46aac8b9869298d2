//! A line each second: how the session fares at that moment, as JSON, CSV or a table for people.

use serde::Serialize;

use super::document::{rounded, time_of_day};
use crate::figures::{clock, compact, count, lag_span, span};
use crate::model::health::Health;
use crate::model::latency::{LatencyWindow, Percentiles};
use crate::model::observation::Target;
use crate::model::session::Session;
use crate::model::units::{EventRate, Time};

/// One moment of a session. What is not known, or was last seen too long ago to hold then, is `null`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// UTC, RFC 3339.
    pub at: String,
    /// Seconds from the begin of the session.
    pub second: f64,
    /// The word for the whole pipeline.
    pub health: &'static str,
    /// What the load is asked for, per second; `null` without a load or a limit.
    pub target: Option<f64>,
    /// Events enqueued, per second.
    pub ingest: Option<f64>,
    /// Events processed, per second.
    pub processed: Option<f64>,
    /// Writes that the store took, per second.
    pub writes: Option<f64>,
    /// Writes answered with 429, per second.
    pub throttled: Option<f64>,
    /// Events that wait over all partitions.
    pub lag_events: Option<u64>,
    /// The longest that an event has waited on any partition, in seconds.
    pub lag_seconds: Option<f64>,
    /// 99 of 100 events of the last ten seconds were acknowledged so many seconds after they were due.
    pub p99_due: Option<f64>,
    /// The same, after they were sent.
    pub p99_send: Option<f64>,
    /// The same, from enqueued to stored.
    pub p99_stored: Option<f64>,
    /// Share of the provisioned request units.
    pub ru_share: Option<f64>,
    /// Share of what the ingest log takes in at most.
    pub ingest_share: Option<f64>,
}

fn p99(window: Option<&LatencyWindow>, at: Time) -> Option<f64> {
    window.and_then(|window| window.percentiles(at)).map(|Percentiles { p99, .. }| rounded(p99.as_secs_f64()))
}

impl Line {
    /// A session at a moment.
    pub fn of(session: &Session, at: Time) -> Self {
        let rate = |rate: Option<EventRate>| rate.map(|rate| rounded(rate.per_second()));
        let load = session.load.as_ref();
        Self {
            at: time_of_day(at),
            second: rounded(at.since(session.started().unwrap_or(at)).as_secs_f64()),
            health: Health::of(session, at).word.text(),
            target: session.load_now(at).and_then(|load| match load.figures.target {
                Target::Paused => Some(0.0),
                Target::Rate(rate) => Some(rounded(rate.per_second())),
                Target::Unlimited => None,
            }),
            ingest: rate(session.ingest_rate(at)),
            processed: rate(session.processed_rate(at)),
            writes: rate(session.stored_rate(at)),
            throttled: session.throttled_rate(at).map(rounded),
            lag_events: session.lag_events_now(at),
            lag_seconds: session.oldest_now(at).map(|oldest| rounded(oldest.as_secs_f64())),
            p99_due: p99(load.map(|load| &load.from_due), at),
            p99_send: p99(load.map(|load| &load.from_send), at),
            p99_stored: p99(Some(&session.stored_latency), at),
            ru_share: session.request_units(at).map(|used| rounded(used.share)),
            ingest_share: session.ingest_use(at).map(|used| rounded(used.share)),
        }
    }

    /// As one line of JSON.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The first line of CSV: the names of the columns.
    pub const CSV_HEAD: &str = "at,second,health,target,ingest,processed,writes,throttled,lag_events,lag_seconds,p99_due,\
                                p99_send,p99_stored,ru_share,ingest_share";

    /// As one line of CSV. No value holds a comma or a quote.
    pub fn csv(&self) -> String {
        let figure = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
        let Self { at, second, health, lag_events, .. } = self;
        let lag_events = lag_events.map(|events| events.to_string()).unwrap_or_default();
        let [target, ingest, processed, writes, throttled] =
            [self.target, self.ingest, self.processed, self.writes, self.throttled].map(figure);
        let [lag_seconds, due, send, stored, ru_share, ingest_share] =
            [self.lag_seconds, self.p99_due, self.p99_send, self.p99_stored, self.ru_share, self.ingest_share]
                .map(figure);
        format!(
            "{at},{second},{health},{target},{ingest},{processed},{writes},{throttled},{lag_events},{lag_seconds},{due},\
             {send},{stored},{ru_share},{ingest_share}"
        )
    }

    /// The heading of the table.
    pub const TABLE_HEAD: &str =
        "    time  health          target  ingest  writes   429/s         lag  oldest     due  stored";

    /// As a row of the table, 80 columns wide and a little.
    pub fn row(&self) -> String {
        let rate = |value: Option<f64>| value.map_or_else(|| "-".into(), compact);
        let time = |value: Option<f64>, text: fn(std::time::Duration) -> String| {
            value.map_or_else(|| "-".into(), |value| text(std::time::Duration::from_secs_f64(value.clamp(0.0, 1e12))))
        };
        format!(
            "{:>8}  {:<14}{:>8}{:>8}{:>8}{:>8}{:>12}{:>8}{:>8}{:>8}",
            clock(std::time::Duration::from_secs_f64(self.second.clamp(0.0, 1e12))),
            self.health,
            rate(self.target),
            rate(self.ingest),
            rate(self.writes),
            rate(self.throttled),
            self.lag_events.map_or_else(|| "-".into(), count),
            time(self.lag_seconds, lag_span),
            time(self.p99_due, span),
            time(self.p99_stored, span),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_csv_are_those_of_json() {
        let line = Line::of(&Session::new(), Time::from_millis(0));
        let json: serde_json::Value = serde_json::from_str(&line.json()).unwrap();
        let object = json.as_object().unwrap();
        let mut names: Vec<&str> = object.keys().map(String::as_str).collect();
        let mut columns: Vec<&str> = Line::CSV_HEAD.split(',').collect();
        assert_eq!(line.csv().split(',').count(), columns.len());
        names.sort_unstable();
        columns.sort_unstable();
        assert_eq!(columns, names);
    }
}
