//! A log that comes to have other partitions while a load runs: the load goes on over those that there are.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod loaded;

use std::collections::BTreeMap;
use std::time::Duration;

use loaded::{DEBT, rate, setup, until, within};
use streamgauge::load::LoadOptions;
use streamgauge::load::lane::partition_of;
use streamgauge::model::units::{DeviceIndex, PartitionId};
use tokio::sync::watch;

/// Each device's events of one load are a row without a gap in the partition that is now its own, and no event is there twice.
fn assert_goes_on(log: &BTreeMap<u32, Vec<(u32, u64)>>) {
    let partitions = u32::try_from(log.len()).unwrap();
    let mut next: BTreeMap<u32, u64> = BTreeMap::new();
    for (partition, events) in log {
        for (device, sequence) in events {
            assert_eq!(partition_of(DeviceIndex(*device), partitions), PartitionId(*partition));
            let expected = next.entry(*device).or_insert(*sequence);
            assert_eq!(sequence, expected, "device {device}");
            *expected += 1;
        }
    }
}

#[tokio::test]
async fn a_hub_made_anew_with_other_partitions_gets_all_that_is_due() {
    for (before, after, connections) in [(8, 4, 1), (3, 5, 2)] {
        let mut setup = setup(before).await;
        let send_limit = Duration::from_secs(2);
        let (load, mut observations) =
            setup.start(LoadOptions { target: rate(300.0), send_limit, connections, ..setup.options.clone() });
        until(&mut observations, |figures| figures.acknowledged >= 200).await;
        setup.make_anew(after).await;
        let back = until(&mut observations, |_| true).await;
        until(&mut observations, |figures| figures.acknowledged > back.due + 300 && figures.behind < DEBT).await;
        let last = within(load.stop()).await.unwrap();
        assert_eq!((last.sent, last.acknowledged, last.failed), (last.due, last.due, 0));
        let tally = setup.ledger.lock().unwrap().figures(None);
        assert_eq!((tally.sent, tally.acknowledged), (last.due, last.due), "each event counts once");
        assert_goes_on(&setup.log().await);
        assert!(setup.counts().iter().all(|count| *count > 0), "{:?}", setup.counts());
    }
}

#[tokio::test]
async fn partitions_that_come_get_their_share_without_a_new_connection() {
    let setup = setup(2).await;
    let (tell, partitions) = watch::channel(Vec::new());
    let all = |count: u32| (0..count).map(PartitionId).collect::<Vec<_>>();
    tell.send_replace(all(2));
    let options = LoadOptions { target: rate(300.0), partitions: Some(partitions), ..setup.options.clone() };
    let (load, mut observations) = setup.start(options);
    let before = until(&mut observations, |figures| figures.acknowledged >= 200).await;
    let connections = setup.endpoint.connections();
    setup.endpoint.scale_out(6);
    tell.send_replace(all(6));
    until(&mut observations, |figures| figures.acknowledged > before.acknowledged + 500 && figures.behind < DEBT).await;
    let last = within(load.stop()).await.unwrap();
    assert_eq!((last.sent, last.acknowledged, last.failed), (last.due, last.due, 0));
    assert!(setup.counts()[2..].iter().all(|count| *count > 20), "{:?}", setup.counts());
    assert_eq!(setup.endpoint.connections(), connections);
    let mut events: Vec<_> = setup.log().await.into_values().flatten().collect();
    events.sort_unstable();
    assert_eq!(events.len() as u64, last.acknowledged);
    events.dedup();
    assert_eq!(events.len() as u64, last.acknowledged, "none twice");
}
