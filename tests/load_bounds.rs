//! What bounds a load bounds what reaches the hub, also when it was away: the debt goes out no faster than the load may
//! ever be, not while the load is paused, and not after its end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod loaded;

use std::sync::Arc;
use std::time::Duration;

use loaded::{Setup, rate, setup, until, within};
use streamgauge::load::LoadOptions;
use streamgauge::load::driver::Bounds;
use streamgauge::local::fault::Fault;
use streamgauge::model::observation::{
    Fact, Latencies, LoadFigures, Observation, Station, StationState, TallyFigures, Target,
};
use streamgauge::model::session::Session;
use streamgauge::model::units::{EventRate, Time};
use streamgauge::report::summary;
use tokio::sync::mpsc;

/// What is due in some seconds: a debt that can't be taken for the events of a moment.
const LONG: Duration = Duration::from_secs(2);

/// A load as into what is deployed, whose sends don't hang on a cut for long.
fn options(setup: &Setup, per_second: f64, bounds: Bounds) -> LoadOptions {
    LoadOptions {
        target: rate(per_second),
        bounds,
        keeps_backlog: true,
        send_limit: Duration::from_millis(500),
        ..setup.options.clone()
    }
}

fn at_most(per_second: f64) -> Bounds {
    Bounds { rate: Some(EventRate::new(per_second)), ..Bounds::default() }
}

/// Cuts the hub off until the load has a debt.
async fn in_debt(setup: &Setup, observations: &mut mpsc::Receiver<Observation>) -> LoadFigures {
    until(observations, |figures| figures.acknowledged >= 20).await;
    setup.faults.set(Fault::Cut);
    until(observations, |figures| figures.behind > LONG).await
}

/// Some reports, with the time of each.
async fn reports(observations: &mut mpsc::Receiver<Observation>, count: usize) -> Vec<(Time, LoadFigures)> {
    let mut seen = Vec::new();
    while seen.len() < count {
        let Observation { at, fact } = within(observations.recv()).await.unwrap();
        if let Fact::Load(figures) = fact {
            seen.push((at, figures));
        }
    }
    seen
}

#[tokio::test]
async fn a_debt_is_sent_no_faster_than_the_load_may_be() {
    const MOST: f64 = 400.0;
    let setup = setup(4).await;
    let (load, mut observations) = setup.start(options(&setup, MOST, at_most(MOST)));
    let cut = in_debt(&setup, &mut observations).await;
    assert!(cut.due - cut.acknowledged >= 600, "a debt: {cut:?}");
    setup.faults.clear();
    until(&mut observations, |figures| figures.acknowledged > cut.acknowledged).await;
    let seen = reports(&mut observations, 8).await;
    for (place, (begin, before)) in seen.iter().enumerate() {
        for (end, after) in &seen[place..] {
            let most = MOST * (end.since(*begin) + Duration::from_millis(500)).as_secs_f64();
            let sent = after.acknowledged - before.acknowledged;
            assert!(sent as f64 <= most, "{sent} in {:?}", end.since(*begin));
        }
    }
    // It is as fast as it may be, which is as fast as events become due: it stays behind, and says so.
    let (first, last) = (&seen[0], &seen[7]);
    let least = MOST * last.0.since(first.0).as_secs_f64() * 0.7;
    assert!((last.1.acknowledged - first.1.acknowledged) as f64 >= least, "{first:?} {last:?}");
    assert!(last.1.behind > LONG / 2);
    // With less to do it catches up.
    load.set_target(rate(20.0));
    until(&mut observations, |figures| figures.acknowledged + 5 >= figures.due).await;
    within(load.stop()).await.unwrap();
}

#[tokio::test]
async fn nothing_is_sent_after_the_end_of_the_load() {
    let setup = setup(4).await;
    let bounds = Bounds { lasts: Some(Duration::from_secs(3)), ..Bounds::default() };
    let (load, mut observations) = setup.start(options(&setup, 100.0, bounds));
    in_debt(&setup, &mut observations).await;
    let over = until(&mut observations, |figures| figures.target == Target::Paused).await;
    assert!(load.is_spent());
    assert!(over.due.abs_diff(300) <= 10, "what was due in three seconds: {over:?}");
    assert!(over.sent < over.due, "what was due is told, and was not sent: {over:?}");
    // What was handed over when the hub went is given up: to send it again would be to send.
    let over = until(&mut observations, |figures| figures.acknowledged + figures.failed == figures.sent).await;
    assert_eq!(over.behind, Duration::ZERO, "nothing is owed any more");
    let there = setup.counts();
    setup.faults.clear();
    load.set_target(rate(100.0));
    let last = reports(&mut observations, 4).await;
    assert_eq!(last[3].1.sent, over.sent);
    let last = within(load.stop()).await.unwrap();
    assert_eq!((last.target, last.due, last.sent), (Target::Paused, over.due, over.sent));
    assert_eq!(setup.counts(), there);
}

#[tokio::test]
async fn a_bounded_number_of_events_is_sent_whole_after_an_outage() {
    let setup = setup(4).await;
    let bounds = Bounds { events: Some(150), ..at_most(200.0) };
    let (load, mut observations) = setup.start(options(&setup, 100.0, bounds));
    in_debt(&setup, &mut observations).await;
    assert!(!load.is_spent(), "all of them are due, and not all are sent");
    setup.faults.clear();
    let over = until(&mut observations, |figures| figures.target == Target::Paused).await;
    assert_eq!((over.due, over.sent, over.acknowledged + over.failed), (150, 150, 150));
    assert!(load.is_spent());
    within(load.stop()).await.unwrap();
}

#[tokio::test]
async fn a_pause_keeps_back_what_was_due_until_the_load_goes_on() {
    let setup = setup(4).await;
    let (load, mut observations) = setup.start(options(&setup, 100.0, at_most(300.0)));
    in_debt(&setup, &mut observations).await;
    load.set_target(Target::Paused);
    // The hub is back later than what a pause still lets go.
    let held = reports(&mut observations, 4).await;
    setup.faults.clear();
    let back = async {
        let is_back = |fact| matches!(fact, Fact::Station(Station::Load, StationState::Connected));
        while !is_back(observations.recv().await.unwrap().fact) {}
    };
    within(back).await;
    let paused = reports(&mut observations, 4).await;
    assert_eq!((paused[3].1.sent, paused[3].1.due), (held[3].1.sent, held[3].1.due));
    assert!(paused[3].1.behind > LONG, "it is still owed");
    load.set_target(rate(10.0));
    until(&mut observations, |figures| figures.acknowledged + 2 >= figures.due).await;
    let last = within(load.stop()).await.unwrap();
    assert_eq!((last.acknowledged, last.failed), (last.due, 0));
}

#[tokio::test]
async fn a_load_that_is_ended_sends_what_is_due_now_and_lets_a_debt_go() {
    let setup = setup(4).await;
    let (load, mut observations) = setup.start(options(&setup, 500.0, Bounds::default()));
    until(&mut observations, |figures| figures.acknowledged >= 100).await;
    load.end();
    let over = until(&mut observations, |figures| figures.acknowledged == figures.due).await;
    assert_eq!((over.target, over.sent), (Target::Paused, over.due), "without a debt nothing is let go");
    within(load.stop()).await.unwrap();

    let setup = loaded::setup(4).await;
    let (load, mut observations) = setup.start(options(&setup, 100.0, Bounds::default()));
    in_debt(&setup, &mut observations).await;
    load.end();
    let over = until(&mut observations, |figures| {
        figures.behind.is_zero() && figures.acknowledged + figures.failed == figures.sent
    })
    .await;
    assert!(over.sent < over.due);
    assert!(!load.is_spent(), "it did not come to a bound");
    within(load.stop()).await.unwrap();
}

/// Who leaves after the end of a load waits for what was sent, and not for what was due and will never be sent.
#[test]
fn a_load_that_is_over_is_settled_with_what_was_sent() {
    let figures = |target, behind| LoadFigures {
        target,
        due: 900,
        sent: 463,
        // Four were given up, and came to the store all the same.
        acknowledged: 459,
        failed: 4,
        acknowledged_bytes: 0,
        behind,
        from_due: Latencies(Arc::new(Latencies::histogram())),
        from_send: Latencies(Arc::new(Latencies::histogram())),
    };
    let tally = TallyFigures { sent: 463, acknowledged: 459, stored: 463, judged: 459, ..TallyFigures::default() };
    let is_settled = |target, behind| {
        let mut session = Session::new();
        for fact in [Fact::Load(figures(target, behind)), Fact::Tally(tally)] {
            session.apply(&Observation { at: Time::from_millis(0), fact });
        }
        summary::is_settled(&session)
    };
    assert!(is_settled(Target::Paused, Duration::ZERO));
    assert!(!is_settled(Target::Paused, LONG), "what is kept back through a pause is owed");
    assert!(!is_settled(rate(60.0), Duration::ZERO), "the load goes on");
}
