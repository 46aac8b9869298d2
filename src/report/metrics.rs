//! A session as `OpenMetrics` text, for Prometheus: what holds now, and what was counted so far. Pure.
//!
//! Format: <https://prometheus.io/docs/specs/om/open_metrics_spec/>. What is not known, or was last seen too long ago to
//! hold now, has no sample: a missing one is told from zero. Latencies are quantiles of the last ten seconds.

use crate::model::health::{Health, Word};
use crate::model::latency::LatencyWindow;
use crate::model::observation::{Station, Target};
use crate::model::session::Session;
use crate::model::status::Status;
use crate::model::units::Time;

/// What the text is, for the header of a reply.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The page as it grows.
struct Page(String);

/// A family of samples.
struct Family<'a> {
    page: &'a mut Page,
    name: &'static str,
    suffix: &'static str,
}

impl Page {
    fn family(&mut self, name: &'static str, kind: &str, unit: Option<&str>, help: &str) -> Family<'_> {
        self.0 += &format!("# TYPE {name} {kind}\n");
        if let Some(unit) = unit {
            self.0 += &format!("# UNIT {name} {unit}\n");
        }
        self.0 += &format!("# HELP {name} {help}\n");
        Family { page: self, name, suffix: if kind == "counter" { "_total" } else { "" } }
    }
}

/// A label's value: a backslash, a quote and a line's end are written with a backslash.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

impl Family<'_> {
    fn sample(&mut self, labels: &[(&str, &str)], value: f64) -> &mut Self {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        self.page.0 += &format!("{}{}{labels} {value}\n", self.name, self.suffix);
        self
    }

    fn maybe(&mut self, labels: &[(&str, &str)], value: Option<f64>) -> &mut Self {
        if let Some(value) = value {
            self.sample(labels, value);
        }
        self
    }

    fn quantiles(&mut self, of: &str, window: Option<&LatencyWindow>, now: Time) -> &mut Self {
        let Some(seen) = window.and_then(|window| window.percentiles(now)) else { return self };
        for (quantile, value) in [("0.5", seen.p50), ("0.99", seen.p99), ("1", seen.max)] {
            self.sample(&[("latency", of), ("quantile", quantile)], value.as_secs_f64());
        }
        self
    }
}

/// The page of a session at a moment.
pub fn page(session: &Session, now: Time) -> String {
    let mut page = Page(String::new());
    health(&mut page, session, now);
    partitions(&mut page, session, now);
    rates(&mut page, session, now);
    counts(&mut page, session);
    page.0 += "# EOF\n";
    page.0
}

fn health(page: &mut Page, session: &Session, now: Time) {
    let word = Health::of(session, now).word;
    let mut family = page.family("streamgauge_health", "stateset", None, "The word for the whole pipeline.");
    for known in Word::ALL {
        let text = known.text().to_lowercase();
        family.sample(&[("streamgauge_health", &text)], f64::from(u8::from(known == word)));
    }
    let mut family = page.family("streamgauge_station_up", "gauge", None, "Whether a station of the pipeline answers.");
    for station in [Station::Load, Station::Ingest, Station::Processor, Station::Checkpoints, Station::Store] {
        let up = session.answers(station, now);
        family.maybe(&[("station", station.name().trim_start_matches("the "))], up.map(|up| f64::from(u8::from(up))));
    }
}

fn partitions(page: &mut Page, session: &Session, now: Time) {
    let each = || session.partitions.iter().map(|(id, partition)| (id.to_string(), partition));
    let mut family = page.family(
        "streamgauge_lag_events",
        "gauge",
        None,
        "Events of a partition that the processor has not passed.",
    );
    for (id, partition) in each() {
        let events = partition.lag_now(now).and_then(crate::model::lag::Lag::events);
        family.maybe(&[("partition", &id)], events.map(|events| events as f64));
    }
    let mut family = page.family(
        "streamgauge_lag_seconds",
        "gauge",
        Some("seconds"),
        "How long the oldest event of a partition that waits has waited, at least.",
    );
    for (id, partition) in each() {
        family.maybe(&[("partition", &id)], partition.time_lag_now(now).map(|lag| lag.at_least().as_secs_f64()));
    }
    let mut family =
        page.family("streamgauge_partitions", "gauge", None, "Partitions of the ingest log in each status.");
    let statuses = session.statuses(now);
    for status in Status::ALL {
        family.sample(&[("status", status.word())], statuses.get(&status).copied().unwrap_or(0) as f64);
    }
    let mut family = page.family(
        "streamgauge_log_end",
        "gauge",
        None,
        "Sequence number of the last event of a partition; -1 if there never was one.",
    );
    for (id, partition) in each() {
        family.maybe(&[("partition", &id)], partition.log_end_now(now).map(|end| end.last.0 as f64));
    }
}

fn rates(page: &mut Page, session: &Session, now: Time) {
    let target = session.load_now(now).and_then(|load| match load.figures.target {
        Target::Paused => Some(0.0),
        Target::Rate(rate) => Some(rate.per_second()),
        Target::Unlimited => None,
    });
    page.family("streamgauge_target_events_per_second", "gauge", None, "What the load is asked for.")
        .maybe(&[], target);
    let per_second =
        |rate: Option<crate::model::units::EventRate>| rate.map(crate::model::units::EventRate::per_second);
    page.family("streamgauge_events_per_second", "gauge", None, "What a stage of the pipeline takes.")
        .maybe(&[("stage", "enqueued")], per_second(session.ingest_rate(now)))
        .maybe(&[("stage", "processed")], per_second(session.processed_rate(now)))
        .maybe(&[("stage", "writes")], per_second(session.stored_rate(now)))
        .maybe(&[("stage", "throttled")], session.throttled_rate(now));
    let load = session.load.as_ref();
    page.family(
        "streamgauge_latency_seconds",
        "gauge",
        Some("seconds"),
        "How long events took in the last ten seconds, by quantile.",
    )
    .quantiles("due to acknowledged", load.map(|load| &load.from_due), now)
    .quantiles("sent to acknowledged", load.map(|load| &load.from_send), now)
    .quantiles("enqueued to stored", Some(&session.stored_latency), now);
    page.family("streamgauge_request_unit_share", "gauge", None, "Used of the provisioned request units: 1 is all.")
        .maybe(&[], session.request_units(now).map(|used| used.share));
    page.family("streamgauge_ingest_share", "gauge", None, "Used of what the ingest log takes in at most: 1 is all.")
        .maybe(&[], session.ingest_use(now).map(|used| used.share));
    page.family("streamgauge_load_behind_seconds", "gauge", Some("seconds"), "How late the oldest unsent event is.")
        .maybe(&[], session.load_now(now).map(|load| load.figures.behind.as_secs_f64()));
}

fn counts(page: &mut Page, session: &Session) {
    // Without a load of ours there is a tally that counts nothing.
    let tally = session.tally.as_ref().filter(|tally| tally.sent > 0);
    let load = session.load.as_ref().map(|load| &load.figures);
    let processor = session.processor.as_ref().map(|processor| &processor.figures);
    let count = |value: Option<u64>| value.map(|value| value as f64);
    page.family("streamgauge_events", "counter", None, "What became of the events of the load, so far.")
        .maybe(&[("stage", "due")], count(load.map(|load| load.due)))
        .maybe(&[("stage", "sent")], count(load.map(|load| load.sent)))
        .maybe(&[("stage", "acknowledged")], count(load.map(|load| load.acknowledged)))
        .maybe(&[("stage", "failed")], count(load.map(|load| load.failed)))
        .maybe(&[("stage", "stored")], count(tally.map(|tally| tally.stored)))
        .maybe(&[("stage", "duplicated")], count(tally.map(|tally| tally.duplicated)));
    // An audit may come to another judgement: not a counter.
    page.family("streamgauge_lost_events", "gauge", None, "Events that certainly are not in the store.")
        .maybe(&[], count(tally.map(|tally| tally.lost)));
    let order = tally.and_then(|tally| tally.order);
    page.family(
        "streamgauge_out_of_order_events",
        "gauge",
        None,
        "Events stored after a later one of their device: certainly, or undecided.",
    )
    .maybe(&[("told", "certain")], count(order.map(|order| order.late)))
    .maybe(&[("told", "undecided")], count(order.map(|order| order.undecided)));
    page.family(
        "streamgauge_processor_writes",
        "counter",
        None,
        "Writes of the processor, by what the store answered.",
    )
    .maybe(&[("answer", "accepted")], count(processor.map(|processor| processor.written)))
    .maybe(&[("answer", "throttled")], count(processor.map(|processor| processor.throttled)))
    .maybe(&[("answer", "failed")], count(processor.map(|processor| processor.failed)));
    page.family("streamgauge_request_units", "counter", None, "Request units that accepted writes cost.")
        .maybe(&[], processor.map(|processor| processor.charge.0));
    page.family("streamgauge_faults", "counter", None, "How often a station ceased to answer.")
        .sample(&[], session.faults.len() as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_seen_is_a_page_of_what_is_known_then() {
        let text = page(&Session::new(), Time::from_millis(0));
        assert!(text.contains("streamgauge_health{streamgauge_health=\"starting\"} 1\n"), "{text}");
        assert!(!text.contains("streamgauge_events_total"), "no sample where nothing is known: {text}");
        assert!(text.ends_with("\n# EOF\n"));
    }

    #[test]
    fn labels_are_escaped() {
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
