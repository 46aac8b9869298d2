//! Checkpoints that are bodies of blobs: each is read when it changed, in rotation where more change than may be read.

use std::collections::HashMap;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};

use super::checkpoint::{Content, Unusable};
use super::container::{Container, Listed};
use crate::azure::error::AzureError;
use crate::model::units::Time;

/// Bodies that are read at a time.
const AT_ONCE: usize = 16;

/// A look begins no more reads once it has taken so long: the rest is left to the next. A look that takes five seconds is
/// given up.
const LOOK_LIMIT: Duration = Duration::from_secs(3);

/// A body longer than this is no checkpoint. It is not read: a folder that is named like a group may hold anything.
const LONGEST: u64 = 16 * 1024;

/// Bodies that were read, by the name of the blob.
#[derive(Default)]
pub(super) struct Bodies {
    read: HashMap<String, ReadBody>,
    looks: u64,
    looked: Option<Time>,
    /// Reads so far.
    pub(super) calls: u64,
    /// How many there are.
    worth_reading: usize,
    /// Whether some that changed are left to the next look, and how old the oldest of those is that was ever read.
    left: Option<Duration>,
    /// From the look before to this one.
    between: Duration,
}

struct ReadBody {
    etag: String,
    content: Content,
    /// In which look.
    look: u64,
    /// When it was last seen to stand as it was read.
    stood_at: Time,
}

/// What is known of a body.
pub(super) enum Body<'a> {
    /// It was read as it stands.
    Read(&'a Content),
    /// It is not worth reading.
    NeverRead(Unusable),
    /// It is to be read in a later look, or it vanished after it was listed.
    Unread,
}

impl Bodies {
    /// Reads bodies that changed, so many at most, those first that were read longest ago, and forgets what is not listed
    /// any more.
    pub(super) async fn read_changed<'a>(
        &mut self,
        container: &Container,
        bodies: impl Iterator<Item = &'a Listed>,
        most: usize,
        now: Time,
    ) -> Result<(), AzureError> {
        self.looks += 1;
        self.between = self.looked.replace(now).map_or(Duration::ZERO, |before| now.since(before));
        let look = self.looks;
        let mut changed: Vec<(u64, Option<Time>, &Listed)> = Vec::new();
        let mut listed = HashMap::new();
        self.worth_reading = 0;
        for blob in bodies {
            self.worth_reading += usize::from(unread_for_good(blob).is_none());
            let known = self.read.remove(&blob.name);
            let is_current = known.as_ref().is_some_and(|known| known.is(blob));
            if unread_for_good(blob).is_none() && !is_current {
                let (read_in, stood_at) = known.as_ref().map_or((0, None), |it| (it.look, Some(it.stood_at)));
                changed.push((read_in, stood_at, blob));
            }
            if let Some(mut known) = known {
                known.stood_at = if is_current { now } else { known.stood_at };
                listed.insert(blob.name.clone(), known);
            }
        }
        self.read = listed;
        changed.sort_by_key(|(read_in, ..)| *read_in);
        let mut begun = 0;
        let turn = futures::stream::iter(&changed).take(most).take_until(Box::pin(tokio::time::sleep(LOOK_LIMIT)));
        let mut reads = turn
            .inspect(|_| begun += 1)
            .map(|(.., blob)| async move { container.body(&blob.name).await.map(|content| (*blob, content)) })
            .buffer_unordered(AT_ONCE);
        while let Some((blob, content)) = reads.try_next().await? {
            self.calls += 1;
            let Some(content) = content else { continue };
            self.read.insert(blob.name.clone(), ReadBody { etag: blob.etag.clone(), content, look, stood_at: now });
        }
        drop(reads);
        let left = changed.get(begun..).unwrap_or_default();
        let oldest = left.iter().filter_map(|(_, stood_at, _)| stood_at.map(|at| now.since(at))).max();
        self.left = (!left.is_empty()).then(|| oldest.unwrap_or_default());
        Ok(())
    }

    /// How long it takes until each body that changes was read once, at so many reads a second at most. Zero while all that
    /// change are read in each look.
    ///
    /// Worked example: 1,024 bodies that are all written every two seconds, 200 reads a second: a round of 5.1 s. It is
    /// longer where the service answers more slowly than it is asked: then it is as long as the oldest body is old. What
    /// is much older was not looked at: the program was stopped.
    pub(super) fn round(&self, per_second: f64) -> Duration {
        let Some(oldest) = self.left else { return Duration::ZERO };
        let budgeted = Duration::from_secs_f64(self.worth_reading as f64 / per_second.max(1.0));
        let took = oldest + self.between;
        if took <= budgeted * 3 + LOOK_LIMIT * 2 { budgeted.max(took) } else { budgeted }
    }

    pub(super) fn of(&self, blob: &Listed) -> Body<'_> {
        if let Some(why) = unread_for_good(blob) {
            return Body::NeverRead(why);
        }
        match self.read.get(&blob.name) {
            Some(known) if known.is(blob) => Body::Read(&known.content),
            // What was read in this look may be newer than the list; its position is then the better one.
            Some(known) if known.look == self.looks => Body::Read(&known.content),
            _ => Body::Unread,
        }
    }
}

impl ReadBody {
    fn is(&self, blob: &Listed) -> bool {
        self.etag == blob.etag && !blob.etag.is_empty()
    }
}

fn unread_for_good(blob: &Listed) -> Option<Unusable> {
    match blob.length {
        0 => Some(Unusable::Empty),
        length if length > LONGEST => Some(Unusable::TooLong(length)),
        _ => None,
    }
}
