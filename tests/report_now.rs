//! What is seen no more is said no more: where a station is away, rows, lines, the page of metrics and the end of a report have
//! no figure of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

use std::ops::ControlFlow;
use std::time::Duration;

use streamgauge::model::observation::{Fact, Observation, Station, TallyFigures};
use streamgauge::model::session::Session;
use streamgauge::model::status::Status;
use streamgauge::model::units::Time;
use streamgauge::recording::format::ScenarioDescription;
use streamgauge::recording::samples::Sample;
use streamgauge::report::account::Account;
use streamgauge::report::document::{Document, Origin};
use streamgauge::report::lines::Line;
use streamgauge::report::metrics;
use streamgauge::report::reading;
use streamgauge::report::rows::Row;
use streamgauge::report::verdict::{Rules, Verdict};

/// Shows a sample, second by second.
fn each_second(name: &str, mut show: impl FnMut(Time, &Session)) {
    let recording = Sample::named(name).expect("it is there").open().expect("a recording");
    let mut account = Account::new(Duration::ZERO);
    reading::read(&recording, |observations, _| {
        observations.iter().for_each(|observation| account.apply(observation, &mut show));
        ControlFlow::Continue(())
    })
    .expect("it is read");
}

/// The samples of a family, or of one value of its label.
fn samples<'a>(page: &'a str, begin: &str) -> Vec<&'a str> {
    page.lines().filter(|line| line.starts_with(begin)).collect()
}

/// Without a load of ours a tally is there that counts nothing: what nobody counts is no zero.
#[test]
fn what_nobody_counts_has_no_sample() {
    let page = |sent| {
        let mut session = Session::new();
        let fact = Fact::Tally(TallyFigures { sent, ..TallyFigures::default() });
        session.apply(&Observation { at: Time::default(), fact });
        metrics::page(&session, Time::default())
    };
    let told = |page: &str| {
        ["streamgauge_events_total{stage=\"stored\"}", "streamgauge_lost_events "].map(|name| samples(page, name).len())
    };
    assert_eq!((told(&page(0)), told(&page(1))), ([0, 0], [1, 1]));
}

#[test]
fn a_partition_that_is_blind_has_no_lag() {
    let (mut blind_seconds, mut seen_seconds) = (0, 0);
    each_second("outage", |at, session| {
        let rows: Vec<Row> = Row::all(session, at).collect();
        let page = metrics::page(session, at);
        for (row, partition) in rows.iter().zip(session.partitions.values()) {
            let status = partition.status(at);
            let blind = status == Status::Blind;
            let lag = (row.lag_events, row.missed_events, row.lag_seconds, row.lag_is_more);
            assert!(!blind || lag == (None, None, None, None), "{row:?}");
            let seen = row.lag_events.is_some() && row.log_last.is_some() && row.position.is_some();
            assert!(seen != [Status::Blind, Status::NoPosition].contains(&status), "{row:?}");
            let id = row.partition;
            for (family, known) in [
                ("streamgauge_lag_events", row.lag_events.is_some()),
                ("streamgauge_lag_seconds", row.lag_seconds.is_some()),
                ("streamgauge_log_end", row.log_last.is_some()),
            ] {
                let sample = samples(&page, &format!("{family}{{partition=\"{id}\"}}"));
                assert_eq!(sample.len(), usize::from(known), "{family}: {row:?}");
            }
            *(if blind { &mut blind_seconds } else { &mut seen_seconds }) += 1;
        }
        let line = Line::of(session, at);
        let blind = rows.iter().any(|row| row.status == Status::Blind.word());
        assert!(!blind || (line.lag_events, line.lag_seconds) == (None, None), "{line:?}");
        assert!(blind || line.lag_events.is_some() || line.health == "STARTING", "{line:?}");
    });
    assert!(blind_seconds > 20 && seen_seconds > 100, "the sample shows both: {blind_seconds}, {seen_seconds}");
}

/// Long after the last observation nothing is said of now, and what was counted still stands.
#[test]
fn a_minute_after_the_last_look_only_counts_are_left() {
    let recording = Sample::named("throttled").expect("it is there").open().expect("a recording");
    let mut session = Session::new();
    reading::read(&recording, |observations, _| {
        observations.iter().for_each(|observation| session.apply(observation));
        ControlFlow::Continue(())
    })
    .expect("it is read");
    let end = session.latest().expect("an end");
    let fresh = metrics::page(&session, end);
    let stale = metrics::page(&session, end.after(Duration::from_secs(60)));
    for gauge in [
        "streamgauge_lag_events{",
        "streamgauge_lag_seconds{",
        "streamgauge_log_end{",
        "streamgauge_target_events_per_second ",
        "streamgauge_events_per_second{",
        "streamgauge_latency_seconds{",
        "streamgauge_request_unit_share ",
        "streamgauge_load_behind_seconds ",
    ] {
        assert!(!samples(&fresh, gauge).is_empty(), "{gauge} {fresh}");
        assert_eq!(samples(&stale, gauge), Vec::<&str>::new());
    }
    let counts = ["streamgauge_events_total{", "streamgauge_processor_writes_total{", "streamgauge_faults_total "];
    for count in counts {
        assert_eq!(samples(&fresh, count), samples(&stale, count));
    }
    for station in ["ingest log", "checkpoints", "store", "load"] {
        let up = format!("streamgauge_station_up{{station=\"{station}\"}}");
        assert_eq!(samples(&fresh, &up), [format!("{up} 1")]);
        assert_eq!(samples(&stale, &up), [format!("{up} 0")], "it is silent");
    }
    assert_eq!(session.answers(Station::Store, end), Some(true));
}

/// A report that ends while nothing can be seen says of no partition how much waited at the end.
#[test]
fn a_report_that_ends_in_an_outage_knows_no_lag_at_the_end() {
    let recording = Sample::named("outage").expect("it is there").open().expect("a recording");
    let rules = Rules::default();
    let mut account = Account::new(rules.warm_up);
    let begin = recording.header().started;
    reading::read(&recording, |observations, _| {
        for observation in observations {
            if observation.at.since(begin) < Duration::from_secs(34) {
                account.apply(&observation, &mut |_, _| {});
            }
        }
        ControlFlow::Continue(())
    })
    .expect("it is read");
    let origin =
        Origin { source: "outage".into(), scenario: ScenarioDescription::default(), incomplete: None, skipped: 0 };
    let document = Document::of(&account, &origin, Verdict::of(&account, &rules));
    assert_eq!(document.lag.at_end, None);
    for part in &document.lag.partitions {
        assert!(part.at_end.is_none() && part.most_events.is_some(), "{part:?}");
    }
}
