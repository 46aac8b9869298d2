//! The stream processor against the embedded endpoints: what goes into the log is in the store once, whatever happens.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod process_endpoints;

use std::cell::Cell;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use process_endpoints::{LIMIT, PLENTY, Pipeline, pipeline, within};
use streamgauge::azure::eventhubs::{connect_producer, no_credential};
use streamgauge::load::{LoadHandle, LoadOptions};
use streamgauge::local::fault::{Fault, FaultSwitch};
use streamgauge::model::ledger::Ledger;
use streamgauge::model::observation::{ProcessorFigures, StationState, Target};
use streamgauge::model::units::{EventRate, PartitionId};
use streamgauge::process::{Processor, ProcessorHandle};
use tokio::sync::mpsc;

async fn stop(running: ProcessorHandle) -> ProcessorFigures {
    within(running.stop()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_events_are_stored_once_and_checkpointed() {
    let mut pipeline = pipeline(4, PLENTY).await;
    let sent = pipeline.send(2_000).await;
    let running = pipeline.processor.start().unwrap();
    pipeline.until(|figures| figures.written >= sent).await;
    let last = stop(running).await;
    assert_eq!((last.received, last.written, last.rejected), (sent, sent, 0));
    assert!(last.charge.0 > 0.0 && last.checkpoints > 0);
    pipeline.assert_stored(sent).await;
    pipeline.assert_checkpoints_at_the_log_ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_killed_in_the_middle_loses_nothing() {
    let mut pipeline = pipeline(4, PLENTY).await;
    let sent = pipeline.send(3_000).await;
    let first = pipeline.processor.start().unwrap();
    let seen = pipeline.until(|figures| figures.written >= 500).await;
    within(first.kill()).await;
    pipeline.until_station(|state| *state == StationState::Stopped).await;

    let second = pipeline.processor.start().unwrap();
    // Counts go on; some events are received a second time.
    pipeline.until(|figures| figures.written >= sent.max(seen.written)).await;
    within(async { while pipeline.stored().await.values().map(Vec::len).sum::<usize>() as u64 != sent {} }).await;
    stop(second).await;
    pipeline.assert_stored(sent).await;
    pipeline.assert_checkpoints_at_the_log_ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_processor_goes_on_where_it_was() {
    let mut pipeline = pipeline(2, PLENTY).await;
    let sent = pipeline.send(500).await;
    let first = pipeline.processor.start().unwrap();
    pipeline.until(|figures| figures.written >= sent).await;
    assert_eq!(stop(first).await.received, sent);

    let second = pipeline.processor.start().unwrap();
    pipeline.until_station(|state| *state == StationState::Connected).await;
    // Nothing is received twice after an orderly stop.
    assert_eq!(stop(second).await.received, sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttling_store_gets_everything_in_the_end_and_every_429_is_counted() {
    let mut pipeline = pipeline(2, 1_000).await;
    let sent = pipeline.send(400).await;
    let running = pipeline.processor.start().unwrap();
    pipeline.until(|figures| figures.written >= sent).await;
    let last = stop(running).await;
    assert!(last.throttled > 0);
    assert_eq!(last.failed, 0);
    pipeline.store.set_request_units(PLENTY);
    pipeline.assert_stored(sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_service_may_go_away_and_come_back() {
    let mut pipeline = pipeline(2, PLENTY).await;
    let load_options = LoadOptions { target: Target::Rate(EventRate::new(200.0)), ..pipeline.load_options() };
    let (to, _unread) = mpsc::channel(1);
    let load = LoadHandle::start(load_options, Arc::new(Mutex::new(Ledger::default())), to).unwrap();
    let running = pipeline.processor.start().unwrap();
    pipeline.until(|figures| figures.written >= 50).await;
    for faults in [pipeline.store_faults.clone(), pipeline.log_faults.clone(), pipeline.checkpoint_faults.clone()] {
        faults.set(Fault::Cut);
        pipeline.until_station(|state| matches!(state, StationState::Retrying { .. })).await;
        faults.clear();
        pipeline.until_station(|state| *state == StationState::Connected).await;
        let now = pipeline.processor.figures().written;
        pipeline.until(|figures| figures.written > now + 20).await;
    }
    let sent = within(load.stop()).await.unwrap();
    assert_eq!(sent.acknowledged, sent.due);
    within(async {
        while pipeline.stored().await.values().map(Vec::len).sum::<usize>() as u64 != sent.acknowledged {}
    })
    .await;
    stop(running).await;
    pipeline.assert_stored(sent.acknowledged).await;
    pipeline.assert_checkpoints_at_the_log_ends().await;
}

/// Waits until a refusal was told several times over, each with what it takes, and nothing else in between.
async fn until_refused(pipeline: &mut Pipeline, role: &str) {
    let told = Cell::new(0);
    pipeline
        .until_station(|state| match state {
            StationState::Retrying { reason, .. } => {
                assert!(reason.contains(&format!("it takes the role {role}, or the right key in ")), "{reason}");
                told.set(told.get() + 1);
                told.get() == 3
            }
            other => panic!("{other:?} while it is refused"),
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_with_the_role_that_writes_and_never_as_well() {
    for (role, faults) in [
        ("Storage Blob Data Contributor", (|p| &p.checkpoint_faults) as fn(&Pipeline) -> &FaultSwitch),
        ("Cosmos DB Built-in Data Contributor", |p| &p.store_faults),
    ] {
        let mut pipeline = pipeline(2, PLENTY).await;
        let faults = faults(&pipeline).clone();
        // From the start on, and then in the middle of the work.
        faults.set(Fault::Deny);
        let running = pipeline.processor.start().unwrap();
        until_refused(&mut pipeline, role).await;
        faults.clear();
        pipeline.until_station(|state| *state == StationState::Connected).await;
        let sent = pipeline.send(100).await;
        pipeline.until(|figures| figures.written >= sent && figures.checkpoints > 0).await;
        faults.set(Fault::Deny);
        let more = pipeline.send(100).await;
        until_refused(&mut pipeline, role).await;
        faults.clear();
        pipeline.until_station(|state| *state == StationState::Connected).await;
        pipeline.until(|figures| figures.written >= sent + more).await;
        stop(running).await;
        pipeline.assert_checkpoints_at_the_log_ends().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_partition_waits_while_the_others_go_on() {
    let mut pipeline = pipeline(2, PLENTY).await;
    pipeline.processor.hold(PartitionId(1));
    let running = pipeline.processor.start().unwrap();
    let sent = pipeline.send(400).await;
    let in_first = u64::try_from(pipeline.log.log().status(0).unwrap().last.0 + 1).unwrap();
    pipeline.until(|figures| figures.written >= in_first).await;
    assert_eq!(pipeline.processor.figures().received, in_first);
    pipeline.processor.release(PartitionId(1));
    pipeline.until(|figures| figures.written >= sent).await;
    stop(running).await;
    pipeline.assert_stored(sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_passed_over_and_counted() {
    let mut pipeline = pipeline(1, PLENTY).await;
    let address = pipeline.options.ingest.clone();
    let sending = streamgauge::azure::own_thread::on_own_thread("sender", move |_| async move {
        let client = connect_producer(&address, no_credential()).await.unwrap();
        for body in ["not json", "{}", r#"{"eventId":"a/b","deviceId":"d"}"#, r#"{"eventId":"e","deviceId":"d"}"#] {
            client.send_event(body.as_bytes().to_vec(), None).await.unwrap();
        }
    });
    within(sending.unwrap().finished(LIMIT)).await.unwrap();
    let running = pipeline.processor.start().unwrap();
    pipeline.until(|figures| figures.written == 1 && figures.rejected == 3).await;
    stop(running).await;
    pipeline.assert_checkpoints_at_the_log_ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_the_store_is_away_says_what_is_unfinished_and_a_restart_finishes_it() {
    let mut pipeline = pipeline(2, PLENTY).await;
    pipeline.options.stop_limit = Duration::from_millis(300);
    let (to, observations) = mpsc::channel(1_024);
    pipeline.processor = Processor::new(pipeline.options.clone(), to);
    pipeline.observations = observations;
    let running = pipeline.processor.start().unwrap();
    pipeline.until_station(|state| *state == StationState::Connected).await;
    pipeline.store_faults.set(Fault::Cut);
    let sent = pipeline.send(300).await;
    pipeline.until(|figures| figures.failed > 0).await;
    let error = within(running.stop()).await.unwrap_err();
    assert!(error.to_string().contains("read again after a restart"), "{error}");

    pipeline.store_faults.clear();
    let again = pipeline.processor.start().unwrap();
    pipeline.until(|figures| figures.written >= sent).await;
    stop(again).await;
    pipeline.assert_stored(sent).await;
}
