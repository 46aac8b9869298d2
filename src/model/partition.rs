//! One partition of the ingest log: its log end, its position, and what follows from the two.

use std::time::Duration;

use super::lag::{Lag, LogEndHistory, TimeLag};
use super::observation::{Checkpoint, CheckpointForm, LogEnd, PartitionPosition, Position};
use super::ownership::{Holder, Ownership};
use super::series::{Advance, Counter, Series, stale_after};
use super::status::{Judge, Status};
use super::units::{EventRate, SequenceNumber, Time};

/// One partition of the ingest log.
#[derive(Debug, Clone)]
pub struct Partition {
    log_end: Option<(Time, LogEnd)>,
    rounds: Rounds,
    position: Option<(Time, PartitionPosition)>,
    /// The position was read after the lag was last derived.
    position_is_new: bool,
    checkpoint: Option<Checkpoint>,
    ownership: Ownership,
    /// Since when the position has been past the log end.
    beyond_since: Option<Time>,
    began_anew: Option<Time>,
    log_ends: LogEndHistory,
    judge: Judge,
    lag: Option<Lag>,
    time_lag: Option<TimeLag>,
    status: Status,
    status_since: Option<Time>,
    /// Events enqueued.
    pub ingest: Counter,
    /// Events processed, by the position.
    pub processed: Counter,
    /// Events that the log has ceased to keep.
    dropped: Counter,
    /// Events that wait, each second.
    pub lag_history: Series,
}

/// How long it takes until everything was read once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rounds {
    /// The log ends of all partitions.
    pub(super) log_ends: Duration,
    /// The positions on all partitions.
    pub(super) positions: Duration,
}

impl Rounds {
    /// A round of positions that takes no longer is a look: positions are looked at every two seconds at the most.
    const LOOK: Duration = Duration::from_secs(2);

    /// Both sides were read at least once within this.
    fn longest(self) -> Duration {
        self.log_ends.max(self.positions)
    }
}

impl Partition {
    /// Seconds of history kept of each partition.
    const HISTORY: usize = 900;

    /// A log end or a position that was not read for so long says nothing of now. Where they are read in rounds that take
    /// longer, one serves for two rounds.
    pub const STALE: Duration = Duration::from_secs(5);

    /// A partition of which nothing is known.
    pub(super) fn new() -> Self {
        Self {
            log_end: None,
            rounds: Rounds::default(),
            position: None,
            position_is_new: false,
            checkpoint: None,
            ownership: Ownership::default(),
            beyond_since: None,
            began_anew: None,
            log_ends: LogEndHistory::default(),
            judge: Judge::default(),
            lag: None,
            time_lag: None,
            status: Status::Blind,
            status_since: None,
            ingest: Counter::smooth(),
            processed: Counter::stepped(),
            dropped: Counter::stepped(),
            lag_history: Series::new(Self::HISTORY),
        }
    }

    /// It is another log from here on: how the lag moved in the one before says nothing of it.
    pub(super) fn begin_anew(&mut self, at: Time) {
        self.began_anew = Some(at);
        self.judge = Judge::in_rounds(self.rounds.longest());
        self.log_ends = LogEndHistory::default();
        self.ingest = Counter::smooth().in_rounds(self.rounds.log_ends);
        self.dropped = Counter::stepped().in_rounds(self.rounds.log_ends);
    }

    /// Its log end and its position are each read once in so long.
    pub(super) fn set_rounds(&mut self, rounds: Rounds) {
        self.rounds = rounds;
        self.judge.set_round(rounds.longest());
        self.ingest.set_round(rounds.log_ends);
        self.dropped.set_round(rounds.log_ends);
        self.processed.set_round(rounds.positions);
    }

    /// A log end that was not read for so long says nothing of now.
    fn log_end_stale_after(&self) -> Duration {
        stale_after(Self::STALE, self.rounds.log_ends)
    }

    /// A position that was not read for so long says nothing of now.
    fn position_stale_after(&self) -> Duration {
        stale_after(Self::STALE, self.rounds.positions)
    }

    /// Takes a log end and says what was enqueued since the one before. Lag is derived here and not when
    /// a position comes: positions are read before log ends, so that a race can only count too many, never too few.
    ///
    /// Where positions are read in rounds, it is derived once for each that was read, and stands until the next: a log end
    /// of now less a position of a while ago would count what was processed meanwhile as waiting. Worked example: 100
    /// events/s, each processed at once, and the position read every 5 s. The lag is 0 each time; five seconds later it
    /// would be 500, which is a backlog.
    pub(super) fn apply_log_end(&mut self, at: Time, log_end: LogEnd) -> Option<Advance> {
        let went_back = self.log_end.is_some_and(|(_, before)| {
            log_end.last < before.last || (log_end.earliest < before.earliest && log_end.last > SequenceNumber::NONE)
        });
        if went_back {
            // Neither a log end nor the first event that is kept ever goes back.
            self.begin_anew(at);
        }
        self.dropped.push(at, log_end.earliest.0 as f64);
        self.log_end = Some((at, log_end));
        self.log_ends.push(at, log_end.last);
        let enqueued = self.ingest.push(at, log_end.last.0 as f64);
        let waits_for_position = self.rounds.positions > Rounds::LOOK && !self.position_is_new && !went_back;
        if let Some(&(read, ref position)) = self.position.as_ref().filter(|_| !waits_for_position) {
            let position = position.position;
            self.position_is_new = false;
            self.derive(at, log_end, position, read);
        }
        enqueued
    }

    fn derive(&mut self, at: Time, log_end: LogEnd, position: Option<Position>, position_read: Time) {
        let beyond = position.is_some_and(|position| position.next().0 > log_end.last.0.saturating_add(1).max(0));
        let beyond_since = beyond.then(|| self.beyond_since.unwrap_or(at));
        self.beyond_since = beyond_since;
        // A log end may be told late. A position that stays past it is one on another log: what it says of this one
        // is nothing. Only of an empty log it is certain that nothing waits.
        let of_another_log = log_end.last > SequenceNumber::NONE && self.is_beyond(at);
        let position = position.filter(|_| !of_another_log);
        let lag = Lag::between(log_end.earliest, log_end.last, position);
        self.lag = Some(lag);
        self.time_lag = position.and_then(|position| self.log_ends.age(at, position));
        if let Some(events) = lag.events() {
            self.lag_history.set(at, events as f64);
        }
        let rate = EventRate::new(self.ingest.rate(at).unwrap_or(0.0));
        // What came after the position was read may have been processed since.
        let unseen = if self.rounds.positions > Rounds::LOOK { at.since(position_read) } else { Duration::ZERO };
        let status = self.judge.push(at, lag, position, self.time_lag, (rate, unseen));
        if status != self.status {
            self.status = status;
            self.status_since = Some(at);
        }
    }

    /// Takes a position. Says who holds the partition if it changed hands.
    pub(super) fn apply_position(&mut self, at: Time, position: &PartitionPosition) -> Option<String> {
        match position.position {
            Some(position) => {
                self.processed.push(at, position.next().0 as f64);
            }
            // From no position to one, nothing can be counted: a group may begin anywhere in the log.
            None => self.processed = Counter::stepped().in_rounds(self.rounds.positions),
        }
        let changed_before = self.ownership.changed_at();
        self.ownership.apply_owner(at, position.owner.as_deref());
        self.position = Some((at, position.clone()));
        self.position_is_new = true;
        position.owner.clone().filter(|_| self.ownership.changed_at() != changed_before)
    }

    /// Takes what stands beside the position.
    pub(super) fn apply_checkpoint(&mut self, checkpoint: &Checkpoint) {
        self.ownership.apply_hold(checkpoint.hold);
        self.checkpoint = Some(checkpoint.clone());
    }

    /// Forgets all that came from positions: from here on they are those of another group. What is known of the log
    /// stays.
    pub(super) fn forget_positions(&mut self) {
        let (log_end, log_ends, began_anew) = (self.log_end, std::mem::take(&mut self.log_ends), self.began_anew);
        let ingest = self.ingest.clone();
        let rounds = self.rounds;
        *self = Self { log_end, began_anew, log_ends, ingest, ..Self::new() };
        self.set_rounds(rounds);
    }

    /// Where its log begins and ends.
    pub fn log_end(&self) -> Option<LogEnd> {
        self.log_end.map(|(_, log_end)| log_end)
    }

    /// How far the processor is, as last read.
    pub fn position(&self) -> Option<Position> {
        self.position.as_ref()?.1.position
    }

    /// How old that is: how long ago it was read.
    pub fn position_age(&self, now: Time) -> Option<Duration> {
        self.position.as_ref().map(|(read, _)| now.since(*read))
    }

    /// When the checkpoint was written.
    pub fn written_at(&self) -> Option<Time> {
        self.position.as_ref()?.1.written_at
    }

    /// How long ago the checkpoint was written. An old one is no alarm by itself: without new events there is nothing
    /// to write.
    pub fn checkpoint_age(&self, now: Time) -> Option<Duration> {
        self.written_at().map(|written| now.since(written))
    }

    /// How the position is written; `None` if there is none, or it can't be seen.
    pub fn form(&self) -> Option<CheckpointForm> {
        self.checkpoint.as_ref()?.form
    }

    /// What is wrong with its checkpoint, in one sentence.
    pub fn checkpoint_note(&self) -> Option<&str> {
        self.checkpoint.as_ref()?.note.as_deref()
    }

    /// Which instance of the processor holds it.
    pub fn owner(&self) -> Option<&str> {
        self.position.as_ref()?.1.owner.as_deref()
    }

    /// Which instance of the processor it is written down for, and whether that one still holds it.
    pub fn holder(&self, now: Time) -> Option<Holder<'_>> {
        self.ownership.holder(now)
    }

    /// Who held it, and how often that changed.
    pub fn ownership(&self) -> &Ownership {
        &self.ownership
    }

    /// When its log was last seen to begin anew: the hub was deleted and made again.
    pub fn began_anew(&self) -> Option<Time> {
        self.began_anew
    }

    /// Whether the position has been past the log end for longer than a log end may be told late, or a position.
    pub fn is_beyond(&self, now: Time) -> bool {
        let late = self.log_end_stale_after().max(self.position_stale_after());
        self.beyond_since.is_some_and(|since| now.since(since) > late)
    }

    /// The lag as of the last log end; `None` while either side has never been read.
    pub fn lag(&self) -> Option<Lag> {
        self.lag
    }

    /// How old the oldest event is that waits, as of the last log end.
    pub fn time_lag(&self) -> Option<TimeLag> {
        self.time_lag
    }

    /// Events a second by which the lag grows.
    pub fn growth(&self) -> f64 {
        self.judge.growth()
    }

    /// A lag of so many events is still within the allowance.
    pub fn allowance(&self, now: Time) -> f64 {
        Judge::allowance(EventRate::new(self.ingest.rate(now).unwrap_or(0.0)))
    }

    /// After how long the log will drop events that were not read, at the pace of the last seconds; `None` while it drops
    /// none, or the processor is quicker than that.
    ///
    /// Worked example: the log keeps events from 1,000 on, the next one to be read is 5,000, the log drops 150 a second and
    /// the processor reads 50: the 4,000 between them are gone in 40 s.
    pub fn retention_loss(&self, now: Time) -> Option<Duration> {
        let (next, earliest) = (self.position()?.next().0, self.log_end()?.earliest.0.max(0));
        let (dropped, processed) = (self.dropped.rate(now)?, self.processed.rate(now).unwrap_or(0.0));
        let between = next.checked_sub(earliest).filter(|between| *between >= 0)? as f64;
        let waits = self.lag.and_then(Lag::events).is_some_and(|events| events > 0);
        (waits && dropped > processed).then(|| Duration::from_secs_f64((between / (dropped - processed)).min(1e9)))
    }

    /// Its status as of the last log end.
    pub(super) fn last_status(&self) -> Status {
        self.status
    }

    /// How many events came in and how many were processed, per second, in each of so many columns up to `end`, a second
    /// apart. Each is the mean of five seconds: a position moves at each checkpoint, and the steps say nothing of the pace.
    /// What was processed is what came in less what the lag grew by.
    pub fn flow(&self, end: Time, columns: usize) -> Vec<(Option<f64>, Option<f64>)> {
        const MEAN: Duration = Duration::from_secs(5);
        let columns = u32::try_from(columns).unwrap_or(0);
        let begin = end.before(Duration::from_secs(u64::from(columns)));
        (1..=columns)
            .map(|column| {
                let to = begin.after(Duration::from_secs(u64::from(column)));
                let from = to.before(MEAN);
                let came = self.log_ends.end_at(to).zip(self.log_ends.end_at(from)).map(|(to, from)| to - from);
                let grew = self.lag_history.at(to).zip(self.lag_history.at(from)).map(|(to, from)| to - from);
                let processed = came.zip(grew).map(|(came, grew)| (came - grew).max(0.0));
                (came.map(|came| came.max(0.0) / MEAN.as_secs_f64()), processed.map(|it| it / MEAN.as_secs_f64()))
            })
            .collect()
    }

    /// Whether its log end was read lately enough to speak of now.
    fn sees_log_end(&self, now: Time) -> bool {
        self.log_end.is_some_and(|(read, _)| now.since(read) <= self.log_end_stale_after())
    }

    /// Whether its position was read lately enough to speak of now.
    fn sees_position(&self, now: Time) -> bool {
        self.position.as_ref().is_some_and(|&(read, _)| now.since(read) <= self.position_stale_after())
    }

    /// Its log end, if that speaks of now.
    pub fn log_end_now(&self, now: Time) -> Option<LogEnd> {
        self.log_end().filter(|_| self.sees_log_end(now))
    }

    /// Its position, if that speaks of now.
    pub fn position_now(&self, now: Time) -> Option<Position> {
        self.position().filter(|_| self.sees_position(now))
    }

    /// Which instance of the processor holds it, if that speaks of now.
    pub fn owner_now(&self, now: Time) -> Option<&str> {
        self.owner().filter(|_| self.sees_position(now))
    }

    /// Its lag, if both sides of it speak of now.
    pub fn lag_now(&self, now: Time) -> Option<Lag> {
        self.lag.filter(|_| self.status(now) != Status::Blind)
    }

    /// How old the oldest event is that waits, if both sides of that speak of now.
    pub fn time_lag_now(&self, now: Time) -> Option<TimeLag> {
        self.time_lag.filter(|_| self.status(now) != Status::Blind)
    }

    /// Its status now: blind if either side was not read lately.
    pub fn status(&self, now: Time) -> Status {
        if self.sees_log_end(now) && self.sees_position(now) { self.status } else { Status::Blind }
    }

    /// How long it has been in its status; for a stalled one, how long its position has stood still.
    pub fn status_for(&self, now: Time) -> Option<Duration> {
        match self.status(now) {
            Status::Stalled => self.judge.still_for(now),
            Status::Blind => {
                // What was never read has not been blind for any time.
                let (log_end, position) = (self.log_end?.0, self.position.as_ref()?.0);
                Some(now.since(log_end).max(now.since(position)))
            }
            _ => self.status_since.map(|since| now.since(since)),
        }
    }
}
