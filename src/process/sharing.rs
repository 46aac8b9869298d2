//! Sharing: which partitions of the consumer group this instance holds, among others of ours and of other SDKs.
//!
//! Source: the ownership blobs of the SDKs' checkpoint stores, `NAMESPACE/HUB/GROUP/ownership/PARTITION` with the metadata
//! `ownerid`. A blob is written only over the version that was listed, so of two who reach for a partition one gets it. Who
//! holds a partition writes its blob again each [`ProcessorOptions::ownership_every`]; one that nobody wrote within
//! [`ProcessorOptions::ownership_expiry`] may be claimed, and so may one with an empty owner, which is how a processor that
//! ends in good order lets go. Ages are told by the storage service's clock alone, so that no machine's clock can make a
//! living owner look dead.
//!
//! **Calls** each interval: one list for 2,500 partitions, and a write for each partition held. With 32 partitions and 10 s
//! that is 3.3 calls/s.
//!
//! **Nothing else keeps two processors apart.** Event Hubs could, by the receivers' owner level, but that does not reach it
//! (see [`ProcessorOptions::owner_level`]). So between the moment when another takes a partition and the moment when this
//! instance learns of it both read it, and some events are processed twice. That is until its next checkpoint: the new owner
//! begins by writing the partition's checkpoint again as it is, and over that the old owner's does not go.

use std::sync::Arc;
use std::time::Duration;

use azure_core::http::Etag;
use futures::{FutureExt as _, StreamExt as _, stream};
use tokio::sync::watch;

use super::balance::{self, Owners};
use super::blobs::{GroupBlobs, Kind, Listing, Written};
use super::checkpoints;
use super::figures::{CHECKPOINTS, Counts};
use super::processor::ProcessorOptions;
use super::tenures::Tenures;
use crate::azure::AzureError;
use crate::azure::backoff::Backoff;
use crate::model::units::{PartitionId, Time};

/// Where an ownership says whose it is.
const OWNER: &str = "ownerid";
/// How many ownerships are written at a time.
const AT_A_TIME: usize = 16;
/// However many doubts there are, rounds are at least so far apart.
const BREATH: Duration = Duration::from_millis(200);

/// An instance's part in the group.
pub(super) struct Sharing {
    pub(super) blobs: GroupBlobs,
    pub(super) tenures: Arc<Tenures>,
    pub(super) counts: Arc<Counts>,
    pub(super) instance: String,
    pub(super) every: Duration,
    pub(super) expiry: Duration,
}

impl Sharing {
    pub(super) fn new(
        options: &ProcessorOptions,
        blobs: GroupBlobs,
        tenures: Arc<Tenures>,
        counts: Arc<Counts>,
    ) -> Self {
        let (every, expiry) = (options.ownership_every, options.ownership_expiry);
        Self { blobs, tenures, counts, instance: options.instance.clone(), every, expiry }
    }

    /// Renews and claims, again and again, once the hub's partitions are known.
    pub(super) async fn run(&self, mut partitions: watch::Receiver<Vec<PartitionId>>) {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        loop {
            let known = match partitions.wait_for(|partitions| !partitions.is_empty()).await {
                Ok(partitions) => partitions.clone(),
                // The reader has gone.
                Err(_) => return,
            };
            let wait = match self.round(&known).boxed().await {
                Ok(()) => {
                    self.counts.standing.well(CHECKPOINTS);
                    backoff.reset();
                    self.every
                }
                Err(error) => {
                    let wait = backoff.next_wait();
                    self.counts.standing.trouble(CHECKPOINTS, error.to_string(), wait);
                    wait
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.tenures.doubted() => tokio::time::sleep(BREATH).await,
                changed = partitions.changed() => if changed.is_err() { return },
            }
        }
    }

    /// One look at who holds what, and what follows from it.
    async fn round(&self, partitions: &[PartitionId]) -> Result<(), AzureError> {
        let listing = self.blobs.list(Kind::Ownership).await?;
        let owners = owners(&listing, partitions, self.expiry, &self.instance);

        let is_mine =
            |partition: &PartitionId| owners.get(partition).and_then(Option::as_deref) == Some(&self.instance);
        let lost: Vec<_> = self.tenures.held().into_iter().filter(|partition| !is_mine(partition)).collect();
        self.tenures.end(&lost);

        let mine = owners.keys().copied().filter(is_mine);
        let wanted = mine.chain(balance::claims(&self.instance, &owners));
        let version = |partition| listing.blobs.get(&partition).and_then(|kept| kept.etag.clone());
        let written: Vec<_> = stream::iter(wanted.map(|partition| (partition, version(partition))))
            .map(
                |(partition, version)| async move { (partition, self.write(partition, &self.instance, version).await) },
            )
            .buffer_unordered(AT_A_TIME)
            .collect()
            .await;

        let held = self.tenures.held();
        let (mut taken, mut lost, mut failed) = (Vec::new(), Vec::new(), None);
        for (partition, outcome) in written {
            match outcome {
                Ok(Written::Done(_)) if held.contains(&partition) => {}
                Ok(Written::Done(_)) => taken.push(partition),
                Ok(Written::Changed) => lost.push(partition),
                // Whoever can't be asked may still be right: what is held stays held.
                Err(error) => failed = Some(error),
            }
        }
        self.tenures.end(&lost);

        let in_doubt = self.tenures.in_doubt();
        if !taken.is_empty() || !in_doubt.is_empty() {
            // Behind the claims: whoever had the partition may have written one more until then.
            let was_anothers = |partition: &PartitionId| {
                let before = listing.blobs.get(partition).and_then(|kept| kept.value(OWNER)).unwrap_or_default();
                !before.is_empty() && before != self.instance
            };
            let fenced = taken.iter().copied().filter(was_anothers).chain(in_doubt.iter().copied()).collect();
            let mut stands = checkpoints::read_all(&self.blobs, &fenced).boxed().await?;
            let mut stand = |partition| stands.remove(&partition).unwrap_or_default();
            for partition in in_doubt {
                self.tenures.confirm(partition, stand(partition));
            }
            self.tenures.begin(taken.into_iter().map(|partition| (partition, stand(partition))).collect());
        }
        failed.map_or(Ok(()), Err)
    }

    async fn write(&self, partition: PartitionId, owner: &str, version: Option<Etag>) -> Result<Written, AzureError> {
        self.blobs.write(Kind::Ownership, partition, [(OWNER, owner.to_owned())], version).await
    }

    /// Lets go of all partitions, so that others need not wait for the ownerships to expire. What can't be let go does.
    pub(super) async fn let_go(&self) {
        // Listed again, since a claim that was dropped half way may have been heard all the same.
        let Ok(listing) = self.blobs.list(Kind::Ownership).await else { return };
        let mine = listing.blobs.iter().filter(|(_, kept)| kept.value(OWNER) == Some(&self.instance));
        stream::iter(mine)
            .for_each_concurrent(AT_A_TIME, |(partition, kept)| async move {
                drop(self.write(*partition, "", kept.etag.clone()).await);
            })
            .await;
    }
}

/// Who holds each partition of the hub at the moment of a listing.
fn owners(listing: &Listing, partitions: &[PartitionId], expiry: Duration, me: &str) -> Owners {
    let owner = |partition: &PartitionId| {
        let kept = listing.blobs.get(partition)?;
        let owner = kept.value(OWNER).filter(|owner| !owner.is_empty())?;
        // One's own never expires for oneself: whoever asks lives.
        let stands = owner == me || !has_expired(kept.written_at, listing.at, expiry);
        stands.then(|| owner.to_owned())
    };
    partitions.iter().map(|partition| (*partition, owner(partition))).collect()
}

/// Whether an ownership is older than it may be. Where a service does not date it, nobody can tell, and it stands.
fn has_expired(written_at: Option<Time>, now: Option<Time>, expiry: Duration) -> bool {
    written_at.zip(now).is_some_and(|(written_at, now)| now.since(written_at) > expiry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ownership_that_was_not_renewed_expires_by_the_services_clock() {
        let seconds = |s: i64| Some(Time::from_millis(s * 1_000));
        let expiry = Duration::from_secs(60);
        let table = [
            ("renewed just now", seconds(100), seconds(100), false),
            ("renewed a minute ago", seconds(100), seconds(160), false),
            ("renewed longer ago", seconds(100), seconds(161), true),
            ("renewed after the listing", seconds(101), seconds(100), false),
            ("not dated", None, seconds(1_000), false),
            ("a listing without a date", seconds(100), None, false),
        ];
        for (case, written_at, now, expired) in table {
            assert_eq!(has_expired(written_at, now, expiry), expired, "{case}");
        }
    }
}
