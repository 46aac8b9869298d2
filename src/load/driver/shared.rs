//! What all connections of a load share: what is due, what of it may be sent now, and how it goes.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::allowance::Allowance;
use super::figures::Counts;
use super::layout::Layout;
use super::{Bounds, LoadOptions, lock};
use crate::load::payload::Payloads;
use crate::load::plan::Plan;
use crate::model::ledger::Ledger;
use crate::model::observation::{LoadFigures, Target};
use crate::model::units::Time;
use crate::wall_clock::wall_clock;

/// While the load is unlimited, no lane runs further ahead of the slowest than this many events for each lane, so that
/// what was sent stays close to a row without gaps. It is some four full batches.
const WINDOW: u64 = 5_000;

/// What became due this long before a pause is still sent where a pause keeps the rest back: else the events of the very
/// moment would be a debt for as long as the pause lasts.
const BEFORE_A_PAUSE: Duration = Duration::from_millis(250);

/// A load that is ended sends what is due for so long, if it is not paused.
const LAST_EVENTS: Duration = Duration::from_secs(1);

/// A clock that never jumps: the wall clock when the load began, and the steady clock from there on.
#[derive(Debug)]
pub(super) struct Clock {
    began: Instant,
    began_at: Time,
}

impl Clock {
    fn new() -> Self {
        Self { began: Instant::now(), began_at: wall_clock() }
    }

    pub(super) fn now(&self) -> Time {
        self.began_at.after(self.began.elapsed())
    }
}

/// Whether events may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    Open,
    /// Not while the load is paused.
    Held,
    /// No more.
    Over,
}

/// A moment that may never come.
#[derive(Debug)]
struct Moment(AtomicI64);

impl Moment {
    fn never() -> Self {
        Self(AtomicI64::new(i64::MAX))
    }

    fn set(&self, at: Time) {
        self.0.store(at.as_micros(), Ordering::Release);
    }

    /// Comes at this time, or when it would have come, whichever is earlier.
    fn set_at_last(&self, at: Time) {
        self.0.fetch_min(at.as_micros(), Ordering::AcqRel);
    }

    fn clear(&self) {
        self.0.store(i64::MAX, Ordering::Release);
    }

    fn has_come(&self, now: Time) -> bool {
        now.as_micros() >= self.0.load(Ordering::Acquire)
    }

    fn until(&self, now: Time) -> Option<Duration> {
        let at = self.0.load(Ordering::Acquire);
        (at < i64::MAX).then(|| Time::from_micros(at).since(now))
    }
}

/// What is asked of the load.
#[derive(Debug)]
struct Asked {
    plan: Plan,
    target: Target,
    /// It ended while it was unlimited: nothing was due but what was sent.
    ended_unlimited: bool,
}

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: LoadOptions,
    pub(super) payloads: Payloads,
    pub(super) clock: Clock,
    pub(super) ledger: Arc<Mutex<Ledger>>,
    pub(super) counts: Counts,
    pub(super) stopping: AtomicBool,
    pub(super) layout: Layout,
    asked: Mutex<Asked>,
    bounds: Bounds,
    allowance: Option<Mutex<Allowance>>,
    has_run: AtomicBool,
    /// Whether somebody asked for the end.
    was_ended: AtomicBool,
    /// From when on a pause keeps back what is due.
    held_from: Moment,
    /// From when on nothing is sent any more.
    over_from: Moment,
    /// That moment has been seen to.
    over: watch::Sender<bool>,
    /// Whether a bound was reached: the load is paused for good.
    is_spent: AtomicBool,
    /// As the pacer last saw it: events with a smaller number are due.
    due: AtomicU64,
    /// One more than the largest number that a lane has taken.
    claimed: AtomicU64,
    pub(super) wakes: Vec<Notify>,
}

impl Shared {
    pub(super) fn new(options: LoadOptions, connections: usize, ledger: Arc<Mutex<Ledger>>) -> Self {
        let clock = Clock::new();
        let bounds = options.bounds;
        let target = bounds.hold(options.target);
        let plan = Plan::new(clock.now(), target);
        let shared = Self {
            payloads: Payloads::new(options.seed),
            ledger,
            counts: Counts::new(connections),
            stopping: AtomicBool::new(false),
            layout: Layout::new(options.devices, connections),
            asked: Mutex::new(Asked { plan, target, ended_unlimited: false }),
            bounds,
            allowance: bounds.rate.map(|rate| Mutex::new(Allowance::new(rate.per_second()))),
            has_run: AtomicBool::new(false),
            was_ended: AtomicBool::new(false),
            held_from: Moment::never(),
            over_from: Moment::never(),
            over: watch::Sender::new(false),
            is_spent: AtomicBool::new(false),
            due: AtomicU64::new(0),
            claimed: AtomicU64::new(0),
            wakes: (0..connections).map(|_| Notify::new()).collect(),
            clock,
            options,
        };
        shared.notice_the_first_run(target);
        shared
    }

    /// The span of a bounded load counts from here.
    fn notice_the_first_run(&self, target: Target) {
        if target != Target::Paused
            && !self.has_run.swap(true, Ordering::AcqRel)
            && let Some(lasts) = self.bounds.lasts
        {
            self.over_from.set_at_last(self.clock.now().after(lasts));
        }
    }

    pub(super) fn change(&self, target: Target) {
        let target = if self.is_over() { Target::Paused } else { self.bounds.hold(target) };
        self.notice_the_first_run(target);
        let now = self.clock.now();
        let mut asked = lock(&self.asked);
        if !self.options.keeps_backlog || target != Target::Paused {
            self.held_from.clear();
        } else if asked.target != Target::Paused {
            self.held_from.set(now.after(BEFORE_A_PAUSE));
        }
        asked.ended_unlimited |= self.is_over() && asked.target == Target::Unlimited;
        asked.plan.change(now, target, self.claimed.load(Ordering::Acquire));
        asked.target = target;
        // Unlimited made everything due; that has to end at once.
        self.due.store(asked.plan.due_by(now), Ordering::Release);
        drop(asked);
        // What became due since the pacer last looked is no news to it any more: the lanes hear of it from here.
        self.wake_all();
    }

    /// The log has so many partitions. If that is news, the lanes come back and are made anew.
    pub(super) fn log_has(&self, partitions: u32) {
        if self.layout.want(partitions) {
            self.wake_all();
        }
    }

    fn wake_all(&self) {
        self.wakes.iter().for_each(Notify::notify_one);
    }

    pub(super) fn target(&self) -> Target {
        lock(&self.asked).target
    }

    /// Whether a bound was reached: nothing becomes due any more.
    pub(super) fn is_spent(&self) -> bool {
        self.is_spent.load(Ordering::Acquire)
    }

    /// Nothing becomes due any more. What is due is sent for a moment yet, unless it was kept back.
    pub(super) fn end(&self) {
        let now = self.clock.now();
        self.was_ended.store(true, Ordering::Release);
        self.over_from.set_at_last(if self.held_from.has_come(now) { now } else { now.after(LAST_EVENTS) });
        self.change(Target::Paused);
        // The pause itself keeps nothing back: the end does.
        self.held_from.clear();
    }

    fn is_over(&self) -> bool {
        *self.over.borrow() || self.over_from.has_come(self.clock.now())
    }

    /// Comes back once nothing is sent any more.
    pub(super) async fn over(&self) {
        // An error means that the load is gone.
        drop(self.over.subscribe().wait_for(|over| *over).await);
    }

    pub(super) fn gate(&self) -> Gate {
        if self.is_over() {
            Gate::Over
        } else if self.held_from.has_come(self.clock.now()) {
            Gate::Held
        } else {
            Gate::Open
        }
    }

    /// Ends the load once a bound is reached. Says whether this look found it out.
    fn check_bounds(&self) -> bool {
        let now = self.clock.now();
        let settled = || self.counts.acknowledged.load(Ordering::Relaxed) + self.counts.failed.load(Ordering::Relaxed);
        let by_events = self.bounds.events.is_some_and(|events| settled() >= events);
        if !(by_events || self.over_from.has_come(now)) || *self.over.borrow() {
            return false;
        }
        self.over_from.set_at_last(now);
        // An end that somebody asked for is no bound.
        self.is_spent.fetch_or(!self.was_ended.load(Ordering::Acquire), Ordering::AcqRel);
        self.change(Target::Paused);
        self.over.send_replace(true);
        true
    }

    /// Looks at the plan, wakes the connections if more is due than before, and says how long until more is.
    pub(super) fn pace(&self) -> Option<Duration> {
        let mut asked = lock(&self.asked);
        let now = self.clock.now();
        let due = asked.plan.due_by(now);
        let next = asked.plan.next_due_after(now);
        asked.plan.forget_before(self.layout.oldest_unsent().unwrap_or(0));
        let before = self.due.swap(due, Ordering::AcqRel);
        drop(asked);
        if self.check_bounds() {
            return None;
        }
        if due != before || self.stopping.load(Ordering::Acquire) {
            self.wake_all();
        }
        let now = self.clock.now();
        let end = self.over_from.until(now).filter(|_| !*self.over.borrow());
        next.map(|next| next.since(now)).into_iter().chain(end).min()
    }

    /// Events below this number may be sent by a lane now.
    pub(super) fn limit(&self) -> u64 {
        if self.gate() != Gate::Open {
            return 0;
        }
        let due = self.due.load(Ordering::Acquire);
        if due < u64::MAX {
            return self.bounds.within(due);
        }
        let lanes = self.layout.count() as u64;
        self.bounds.within(self.layout.oldest_unsent().unwrap_or(0).saturating_add(lanes.saturating_mul(WINDOW)))
    }

    pub(super) fn is_unlimited(&self) -> bool {
        self.due.load(Ordering::Acquire) == u64::MAX
    }

    /// Takes what a bound on the rate allows of some events: how many of them, and how long they have to wait.
    pub(super) fn allow(&self, events: u64) -> (u64, Duration) {
        let now = self.clock.began.elapsed();
        self.allowance.as_ref().map_or((events, Duration::ZERO), |allowance| lock(allowance).take(now, events))
    }

    /// So many events that were allowed were not sent.
    pub(super) fn give_back(&self, events: u64) {
        if let Some(allowance) = &self.allowance {
            lock(allowance).give_back(events);
        }
    }

    /// Whether there is a bound on the rate.
    pub(super) fn has_allowance(&self) -> bool {
        self.allowance.is_some()
    }

    pub(super) fn claim(&self, below: u64) {
        self.claimed.fetch_max(below, Ordering::AcqRel);
    }

    /// When events were due; those without a time count as due `otherwise`.
    pub(super) fn due_times(&self, events: impl Iterator<Item = u64>, otherwise: Time, into: &mut Vec<Time>) {
        let asked = lock(&self.asked);
        into.extend(events.map(|event| asked.plan.due_at(event).unwrap_or(otherwise)));
    }

    pub(super) fn figures(&self, take_latencies: bool) -> LoadFigures {
        let now = self.clock.now();
        let asked = lock(&self.asked);
        let sent = self.counts.sent.load(Ordering::Relaxed);
        let unlimited = asked.target == Target::Unlimited || asked.ended_unlimited;
        let due = if unlimited { sent } else { self.bounds.within(asked.plan.due_by(now)).max(sent) };
        let oldest = self.layout.oldest_unsent().unwrap_or(0);
        // What was due and is not to be sent any more is owed no more. Of what is owed this is never nothing.
        let is_owed = !unlimited && oldest < due && !self.is_over();
        let late = || asked.plan.due_at(oldest).map_or(Duration::ZERO, |due| now.since(due));
        let behind = if is_owed { late().max(Duration::from_micros(1)) } else { Duration::ZERO };
        let target = asked.target;
        drop(asked);
        let (from_due, from_send) = self.counts.latencies(take_latencies);
        LoadFigures {
            target,
            due,
            sent,
            acknowledged: self.counts.acknowledged.load(Ordering::Relaxed),
            failed: self.counts.failed.load(Ordering::Relaxed),
            acknowledged_bytes: self.counts.acknowledged_bytes.load(Ordering::Relaxed),
            behind,
            from_due,
            from_send,
        }
    }
}
