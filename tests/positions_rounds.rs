//! More checkpoints with a body than may be read in each look: they are read in turn, none is called blind, and what is
//! said of each is right as of when it was read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod positions;
mod positions_container;

use std::collections::BTreeMap;
use std::time::Duration;

use positions::Watched;
use positions_container::{Blob, address, body, endpoint, write};
use streamgauge::model::health::{Health, Word};
use streamgauge::model::lag::Lag;
use streamgauge::model::observation::Station;
use streamgauge::model::status::Status;
use streamgauge::model::units::PartitionId;
use streamgauge::probe::position::eventhubs_blob::CALLS_PER_SECOND;

/// Checkpoints of the older Functions extension, each at this event.
fn checkpoints(partitions: u32, at: i64) -> Vec<Blob> {
    let one = |partition| {
        let text = format!(
            r#"{{"Offset":"1024","SequenceNumber":{at},"PartitionId":"{partition}","Owner":"","Token":"4f5e","Epoch":3}}"#
        );
        body(&format!("NS.servicebus.windows.net/Plant/Workers/{partition}"), &text)
    };
    (0..partitions).map(one).collect()
}

/// Each partition gets 10 events a second, and its processor checkpoints all of them every two seconds.
#[tokio::test]
async fn a_thousand_legacy_bodies_are_read_in_turn_and_none_is_blind() {
    const PARTITIONS: u32 = 1_024;
    let endpoint = endpoint().await;
    let mut watched = Watched::new(address(&endpoint, "checkpoints"), PARTITIONS);
    watched.pace = Duration::from_secs(1);
    let mut lags: BTreeMap<PartitionId, u64> = BTreeMap::new();
    for second in 0..18_i64 {
        let (end, stands_at) = (1_000 + second * 10, 1_000 + second / 2 * 20);
        if second % 2 == 0 {
            write(&endpoint, &checkpoints(PARTITIONS, stands_at)).await;
        }
        let log: Vec<_> = (0..PARTITIONS).map(|partition| (partition, 0, end)).collect();
        watched.look(&log).await.unwrap();
        let (session, now) = (&watched.session, watched.now());
        // What was read in this look, or stands as it was read, is right to the event; the rest is as it was.
        for (id, partition) in &session.partitions {
            if partition.position_age(now) == Some(Duration::ZERO) {
                lags.insert(*id, u64::try_from(end - stands_at).unwrap());
            }
            let lag = lags.get(id).map(|events| Lag::Behind { events: *events, missed: 0 });
            assert_eq!(partition.lag(), lag, "partition {id} in second {second}");
        }
        let round = session.probes[&Station::Checkpoints].figures.round;
        assert!(round >= Duration::from_secs(5), "{round:?}");
        if second >= 12 {
            let statuses = session.statuses(now);
            assert_eq!(statuses.into_iter().collect::<Vec<_>>(), [(Status::Ok, PARTITIONS as usize)]);
            let health = Health::of(session, now);
            assert_eq!((health.word, health.reason), (Word::KeepingUp, String::new()), "second {second}");
            let oldest = session.partitions.values().filter_map(|partition| partition.position_age(now)).max();
            assert!(oldest.unwrap() <= round, "{oldest:?} old in rounds of {round:?}");
            let processed = session.processed_rate(now).unwrap().per_second() / f64::from(PARTITIONS);
            assert!((7.0..13.0).contains(&processed), "{processed} events/s on each");
        }
    }
    let calls = watched.session.probes[&Station::Checkpoints].figures.calls as f64;
    assert!(calls <= CALLS_PER_SECOND * 18.0, "{calls} calls in 18 s");

    // Once the processors rest, all of them are read as they stand, and a look is a look again.
    write(&endpoint, &checkpoints(PARTITIONS, 1_170)).await;
    let log: Vec<_> = (0..PARTITIONS).map(|partition| (partition, 0, 1_175)).collect();
    for _ in 0..12 {
        watched.look(&log).await.unwrap();
    }
    assert_eq!(watched.session.probes[&Station::Checkpoints].figures.round, Duration::ZERO);
    assert_eq!(watched.session.lag_events(), Some(5 * u64::from(PARTITIONS)));
    assert!(watched.session.partitions.values().all(|it| it.position_age(watched.now()) == Some(Duration::ZERO)));
}
