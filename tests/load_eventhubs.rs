//! The load driver against the embedded Event Hubs endpoint: what is due arrives, once, in order, also over a cut.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod loaded;

use std::sync::Arc;
use std::time::Duration;

use loaded::{DEBT, assert_each_device_in_order, rate, setup, until, within};
use streamgauge::load::{LoadHandle, LoadOptions};
use streamgauge::local::fault::Fault;
use streamgauge::model::observation::{Fact, Station, StationState, Target};
use tokio::sync::mpsc;

#[tokio::test]
async fn what_was_due_is_sent_once_and_each_device_stays_in_order() {
    let setup = setup(4).await;
    let (load, mut observations) = setup.start(LoadOptions { target: rate(2_000.0), ..setup.options.clone() });
    until(&mut observations, |figures| figures.acknowledged >= 1_000).await;
    let last = within(load.stop()).await.unwrap();
    assert_eq!((last.due, last.sent, last.failed), (last.acknowledged, last.acknowledged, 0));
    assert_eq!(last.behind, Duration::ZERO);

    let log = setup.log().await;
    assert_eq!(log.values().map(Vec::len).sum::<usize>() as u64, last.acknowledged);
    assert_each_device_in_order(&log);
    let tally = setup.ledger.lock().unwrap().figures(None);
    assert_eq!((tally.sent, tally.acknowledged), (last.sent, last.acknowledged));
}

#[tokio::test]
async fn unlimited_load_over_two_connections_leaves_no_gap_when_a_rate_follows() {
    let setup = setup(4).await;
    let options = LoadOptions { target: Target::Unlimited, connections: 2, ..setup.options.clone() };
    let (load, mut observations) = setup.start(options);
    until(&mut observations, |figures| figures.acknowledged >= 5_000).await;
    load.set_target(rate(100.0));
    let settled = until(&mut observations, |figures| {
        figures.target == rate(100.0) && figures.acknowledged + 10 > figures.due && figures.behind < DEBT
    })
    .await;
    until(&mut observations, |figures| figures.acknowledged > settled.acknowledged).await;
    let last = within(load.stop()).await.unwrap();
    assert_eq!(last.due, last.acknowledged);
    assert_each_device_in_order(&setup.log().await);
}

#[tokio::test]
async fn a_pause_sends_nothing_and_a_copy_is_a_copy() {
    let setup = setup(2).await;
    let (load, mut observations) =
        setup.start(LoadOptions { target: rate(1_000.0), duplicate_every: 10, ..setup.options.clone() });
    until(&mut observations, |figures| figures.acknowledged >= 500).await;
    load.set_target(Target::Paused);
    let paused =
        until(&mut observations, |figures| figures.target == Target::Paused && figures.acknowledged == figures.due)
            .await;
    let again = until(&mut observations, |figures| figures.target == Target::Paused).await;
    assert_eq!(again.sent, paused.sent);
    within(load.stop()).await.unwrap();

    let tally = setup.ledger.lock().unwrap().figures(None);
    assert!(tally.copies > 0);
    let log = setup.log().await;
    let mut events: Vec<_> = log.into_values().flatten().collect();
    assert_eq!(events.len() as u64, tally.acknowledged + tally.copies);
    events.sort_unstable();
    events.dedup();
    assert_eq!(events.len() as u64, tally.acknowledged);
}

#[tokio::test]
async fn an_endpoint_that_is_cut_and_comes_back_gets_everything() {
    let setup = setup(4).await;
    // A send that the cut overtakes waits for its whole limit.
    let send_limit = Duration::from_secs(3);
    let (load, mut observations) =
        setup.start(LoadOptions { target: rate(500.0), send_limit, ..setup.options.clone() });
    until(&mut observations, |figures| figures.acknowledged >= 200).await;
    setup.faults.set(Fault::Cut);
    within(async {
        loop {
            let seen = observations.recv().await.unwrap().fact;
            if matches!(seen, Fact::Station(Station::Load, StationState::Retrying { .. })) {
                break;
            }
        }
    })
    .await;
    let cut = until(&mut observations, |figures| figures.behind > DEBT).await;
    setup.faults.clear();
    // The debt is sent: what was due during the cut is not forgotten.
    until(&mut observations, |figures| figures.acknowledged > cut.due + 100 && figures.behind < DEBT).await;
    let last = within(load.stop()).await.unwrap();
    assert_eq!((last.acknowledged, last.failed), (last.due, 0));

    let mut events: Vec<_> = setup.log().await.into_values().flatten().collect();
    events.sort_unstable();
    events.dedup();
    assert_eq!(events.len() as u64, last.acknowledged, "every event is there at least once");
}

#[tokio::test]
async fn a_load_that_began_before_its_endpoint_connects_when_it_comes() {
    let mut setup = setup(1).await;
    setup.faults.set(Fault::Refuse);
    setup.options.target = rate(50.0);
    let (load, mut observations) = setup.start(setup.options.clone());
    let waiting = until(&mut observations, |figures| figures.due > 0).await;
    assert_eq!((waiting.sent, waiting.behind.is_zero()), (0, false));
    setup.faults.clear();
    until(&mut observations, |figures| figures.acknowledged > 0).await;
    within(load.stop()).await.unwrap();
}

#[tokio::test]
async fn a_reader_that_does_not_read_does_not_hold_the_load_up() {
    let setup = setup(1).await;
    let (to, mut unread) = mpsc::channel(1);
    let load =
        LoadHandle::start(LoadOptions { target: rate(400.0), ..setup.options.clone() }, Arc::clone(&setup.ledger), to)
            .unwrap();
    within(async {
        // What it told nobody reads; its figures can only be asked for.
        let mut asking = tokio::time::interval(Duration::from_millis(10));
        while load.figures().acknowledged < 400 {
            asking.tick().await;
        }
    })
    .await;
    let last = within(load.stop()).await.unwrap();
    assert_eq!(last.acknowledged, last.due);
    assert!(within(unread.recv()).await.is_some());
}

#[tokio::test]
async fn a_busy_endpoint_costs_time_and_no_event() {
    let setup = setup(2).await;
    let options = LoadOptions { target: rate(300.0), attempts: 1, ..setup.options.clone() };
    let (load, mut observations) = setup.start(options);
    until(&mut observations, |figures| figures.acknowledged >= 100).await;
    setup.faults.set(Fault::Throttle);
    let busy = until(&mut observations, |figures| figures.behind > DEBT).await;
    setup.faults.clear();
    until(&mut observations, |figures| figures.acknowledged > busy.due && figures.behind < DEBT).await;
    let last = within(load.stop()).await.unwrap();
    assert_eq!((last.acknowledged, last.failed), (last.due, 0));
    assert_each_device_in_order(&setup.log().await);
}

#[tokio::test]
async fn what_is_given_up_is_counted_and_unconfirmed() {
    let setup = setup(2).await;
    let options = LoadOptions {
        target: rate(100.0),
        attempts: 1,
        send_limit: Duration::from_millis(250),
        ..setup.options.clone()
    };
    let (load, mut observations) = setup.start(options);
    until(&mut observations, |figures| figures.acknowledged >= 50).await;
    setup.faults.set(Fault::Delay(Duration::from_millis(600)));
    until(&mut observations, |figures| figures.failed > 0).await;
    setup.faults.clear();
    until(&mut observations, |figures| figures.behind < DEBT).await;
    let last = within(load.stop()).await.unwrap();
    assert_eq!(last.acknowledged + last.failed, last.due);
    // The slow endpoint may well have taken them: whether it did, only the store can tell.
    assert_eq!(setup.ledger.lock().unwrap().figures(None).unconfirmed, last.failed);
}
