//! One connection of the load: its client, its lanes, and what all connections share.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::sync::{Notify, mpsc};
use tokio::time::MissedTickBehavior;

use super::figures::Counts;
use super::{Bounds, LoadOptions, lock};
use crate::azure::backoff::Backoff;
use crate::azure::own_thread::Shutdown;
use crate::load::lane::Lane;
use crate::load::payload::Payloads;
use crate::load::plan::Plan;
use crate::load::sink::Connection;
use crate::model::ledger::Ledger;
use crate::model::observation::{Fact, Latencies, LoadFigures, Observation, Station, StationState, Target};
use crate::model::units::Time;
use crate::wall_clock::wall_clock;

/// Between two reports.
const REPORT_EVERY: Duration = Duration::from_millis(250);

/// One report in so many tells latencies.
const LATENCIES_EVERY: u32 = 4;
/// While the load is unlimited, no lane runs further ahead of the slowest than this many events for each lane, so that
/// what was sent stays close to a row without gaps. It is some four full batches.
const WINDOW: u64 = 5_000;

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

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: LoadOptions,
    pub(super) payloads: Payloads,
    pub(super) clock: Clock,
    pub(super) ledger: Arc<Mutex<Ledger>>,
    pub(super) counts: Counts,
    pub(super) stopping: AtomicBool,
    plan: Mutex<(Plan, Target)>,
    bounds: Bounds,
    /// When the load first ran.
    ran_first: OnceLock<Time>,
    /// Whether a bound was reached: the load is paused for good.
    is_spent: AtomicBool,
    /// As the pacer last saw it: events with a smaller number are due.
    due: AtomicU64,
    /// One more than the largest number that a lane has taken.
    claimed: AtomicU64,
    wakes: Vec<Notify>,
    /// The next event of each lane, over all connections.
    next: OnceLock<Vec<AtomicU64>>,
}

impl Shared {
    pub(super) fn new(options: LoadOptions, connections: usize, ledger: Arc<Mutex<Ledger>>) -> Self {
        let clock = Clock::new();
        let bounds = options.bounds;
        let target = bounds.hold(options.target);
        let ran_first = OnceLock::new();
        if target != Target::Paused {
            ran_first.get_or_init(|| clock.now());
        }
        Self {
            payloads: Payloads::new(options.seed),
            ledger,
            counts: Counts::new(connections),
            stopping: AtomicBool::new(false),
            plan: Mutex::new((Plan::new(clock.now(), target), target)),
            bounds,
            ran_first,
            is_spent: AtomicBool::new(false),
            due: AtomicU64::new(0),
            claimed: AtomicU64::new(0),
            wakes: (0..connections).map(|_| Notify::new()).collect(),
            next: OnceLock::new(),
            clock,
            options,
        }
    }

    pub(super) fn change(&self, target: Target) {
        let target = if self.is_spent() { Target::Paused } else { self.bounds.hold(target) };
        if target != Target::Paused {
            self.ran_first.get_or_init(|| self.clock.now());
        }
        let mut plan = lock(&self.plan);
        plan.0.change(self.clock.now(), target, self.claimed.load(Ordering::Acquire));
        plan.1 = target;
        // Unlimited made everything due; that has to end at once.
        self.due.store(plan.0.due_by(self.clock.now()), Ordering::Release);
        drop(plan);
        // What became due since the pacer last looked is no news to it any more: the lanes hear of it from here.
        self.wakes.iter().for_each(Notify::notify_one);
    }

    pub(super) fn target(&self) -> Target {
        lock(&self.plan).1
    }

    /// Whether a bound was reached: nothing becomes due any more.
    pub(super) fn is_spent(&self) -> bool {
        self.is_spent.load(Ordering::Acquire)
    }

    /// Pauses the load for good once a bound is reached. Says whether this look found it out.
    fn check_bounds(&self) -> bool {
        let sent_all = |events| {
            let due = self.due.load(Ordering::Acquire);
            // Without a schedule, what was sent counts.
            let reached = if due < u64::MAX { due } else { self.oldest_unsent().unwrap_or(0) };
            reached >= events
        };
        let over = |lasts| self.ran_first.get().is_some_and(|first| self.clock.now().since(*first) >= lasts);
        let reached = self.bounds.events.is_some_and(sent_all) || self.bounds.lasts.is_some_and(over);
        if !reached || self.is_spent.swap(true, Ordering::AcqRel) {
            return false;
        }
        self.change(Target::Paused);
        true
    }

    /// Looks at the plan, wakes the connections if more is due than before, and says how long until more is.
    pub(super) fn pace(&self) -> Option<Duration> {
        let mut plan = lock(&self.plan);
        let now = self.clock.now();
        let due = plan.0.due_by(now);
        let next = plan.0.next_due_after(now);
        plan.0.forget_before(self.oldest_unsent().unwrap_or(0));
        let before = self.due.swap(due, Ordering::AcqRel);
        drop(plan);
        if self.check_bounds() {
            return None;
        }
        if due != before || self.stopping.load(Ordering::Acquire) {
            self.wakes.iter().for_each(Notify::notify_one);
        }
        next.map(|next| next.since(self.clock.now()))
    }

    /// Events below this number may be sent by a lane now.
    pub(super) fn limit(&self) -> u64 {
        let due = self.due.load(Ordering::Acquire);
        if due < u64::MAX {
            return self.bounds.within(due);
        }
        let lanes = self.next.get().map_or(0, Vec::len) as u64;
        self.bounds.within(self.oldest_unsent().unwrap_or(0).saturating_add(lanes.saturating_mul(WINDOW)))
    }

    pub(super) fn is_unlimited(&self) -> bool {
        self.due.load(Ordering::Acquire) == u64::MAX
    }

    /// A lane hands out its events below this number.
    pub(super) fn publish(&self, slot: usize, next: u64) {
        if let Some(place) = self.next.get().and_then(|all| all.get(slot)) {
            place.store(next, Ordering::Release);
        }
    }

    pub(super) fn claim(&self, below: u64) {
        self.claimed.fetch_max(below, Ordering::AcqRel);
    }

    fn oldest_unsent(&self) -> Option<u64> {
        self.next.get()?.iter().map(|next| next.load(Ordering::Acquire)).min()
    }

    /// When events were due; those without a time count as due `otherwise`.
    pub(super) fn due_times(&self, events: impl Iterator<Item = u64>, otherwise: Time, into: &mut Vec<Time>) {
        let plan = lock(&self.plan);
        into.extend(events.map(|event| plan.0.due_at(event).unwrap_or(otherwise)));
    }

    pub(super) fn figures(&self, take_latencies: bool) -> LoadFigures {
        let now = self.clock.now();
        let plan = lock(&self.plan);
        let sent = self.counts.sent.load(Ordering::Relaxed);
        let unlimited = plan.1 == Target::Unlimited;
        let due = if unlimited { sent } else { self.bounds.within(plan.0.due_by(now)).max(sent) };
        let oldest = self.oldest_unsent().unwrap_or(0);
        let late = (!unlimited && oldest < due).then(|| plan.0.due_at(oldest)).flatten();
        let target = plan.1;
        drop(plan);
        let (from_due, from_send) = self.counts.latencies(take_latencies);
        LoadFigures {
            target,
            due,
            sent,
            acknowledged: self.counts.acknowledged.load(Ordering::Relaxed),
            failed: self.counts.failed.load(Ordering::Relaxed),
            acknowledged_bytes: self.counts.acknowledged_bytes.load(Ordering::Relaxed),
            behind: late.map_or(Duration::ZERO, |due| now.since(due)),
            from_due,
            from_send,
        }
    }
}

/// A client that can be lost and made anew.
pub(super) struct Line {
    shared: Arc<Shared>,
    index: usize,
    current: RefCell<Option<(u64, Rc<Connection>)>>,
    generation: Cell<u64>,
    connecting: tokio::sync::Mutex<Backoff>,
}

impl Line {
    fn new(shared: Arc<Shared>, index: usize) -> Self {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        Self {
            shared,
            index,
            current: RefCell::new(None),
            generation: Cell::new(0),
            connecting: tokio::sync::Mutex::new(backoff),
        }
    }

    /// The client and its generation. Connects if there is none, for as long as it takes.
    pub(super) async fn client(&self) -> (u64, Rc<Connection>) {
        // One whose credential ends soon serves those that hold it to the end of their batch, and then goes.
        let existing = || self.current.borrow().clone().filter(|(_, connection)| !connection.is_due());
        if let Some(current) = existing() {
            return current;
        }
        let mut backoff = self.connecting.lock().await;
        loop {
            // Another lane may have connected while this one waited.
            if let Some(current) = existing() {
                return current;
            }
            match self.shared.options.sink.connect().await {
                Ok(connection) => {
                    self.generation.set(self.generation.get() + 1);
                    let current = (self.generation.get(), Rc::new(connection));
                    *self.current.borrow_mut() = Some(current.clone());
                    self.shared.counts.standing.well(self.index);
                    return current;
                }
                Err(error) => {
                    let wait = backoff.next_wait();
                    self.trouble(error.to_string(), wait);
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// The client of this generation is not to be trusted any more.
    pub(super) fn discard(&self, generation: u64) {
        let mut current = self.current.borrow_mut();
        if current.as_ref().is_some_and(|(now, _)| *now == generation) {
            *current = None;
        }
    }

    /// Something went wrong; it is tried again after a wait.
    pub(super) fn trouble(&self, reason: String, wait: Duration) {
        self.shared.counts.standing.trouble(self.index, reason, wait);
    }

    /// All is well again.
    pub(super) fn healthy(&self) {
        self.shared.counts.standing.well(self.index);
    }

    /// A batch went through: the next failure waits as if it were the first.
    pub(super) fn worked(&self) {
        if let Ok(mut backoff) = self.connecting.try_lock() {
            backoff.reset();
        }
    }
}

/// One lane's place on its thread.
pub(super) struct Seat {
    /// Its place among the lanes of all connections.
    pub(super) slot: usize,
    pub(super) next: Cell<u64>,
    pub(super) wake: Notify,
}

/// Runs one connection until the load is stopped and everything due is through, or the limit has passed.
pub(super) async fn run(
    shared: Arc<Shared>,
    index: usize,
    reporter: Option<mpsc::Sender<Observation>>,
    mut shutdown: Shutdown,
) {
    let limit = shared.options.stop_limit;
    let line = Rc::new(Line::new(Arc::clone(&shared), index));
    let reporting = reporter.map(|to| (tokio::task::spawn_local(report(Arc::clone(&shared), to.clone())), to));
    let too_late = async move {
        shutdown.requested().await;
        tokio::time::sleep(limit).await;
    };
    tokio::select! {
        () = run_lanes(&shared, index, &line) => {}
        () = too_late => {}
    }
    if let Some((_, connection)) = line.current.take()
        && let Ok(connection) = Rc::try_unwrap(connection)
    {
        connection.close().await;
    }
    if let Some((task, to)) = reporting {
        task.abort();
        // The last word: figures at rest, and the station stopped. A reader that has gone does not mind.
        let last = [Fact::Load(shared.figures(true)), Fact::Station(Station::Load, StationState::Stopped)];
        for fact in last {
            drop(to.try_send(Observation { at: wall_clock(), fact }));
        }
    }
}

async fn run_lanes(shared: &Arc<Shared>, index: usize, line: &Rc<Line>) {
    let (_, first) = line.client().await;
    let lanes = Lane::all(shared.options.devices, first.partitions());
    drop(first);
    shared.next.get_or_init(|| lanes.iter().map(|(_, lane)| AtomicU64::new(lane.next())).collect());
    let connections = shared.wakes.len();
    let mut seats = Vec::new();
    let mut tasks = Vec::new();
    for (slot, (partition, lane)) in lanes.into_iter().enumerate() {
        if slot % connections != index {
            continue;
        }
        let seat = Rc::new(Seat { slot, next: Cell::new(lane.next()), wake: Notify::new() });
        seats.push(Rc::clone(&seat));
        let (shared, line) = (Arc::clone(shared), Rc::clone(line));
        tasks.push(tokio::task::spawn_local(super::lane::run(shared, line, partition, lane, seat)));
    }
    let wake_those_due = async {
        loop {
            if let Some(wake) = shared.wakes.get(index) {
                wake.notified().await;
            }
            let (due, stopping) = (shared.limit(), shared.stopping.load(Ordering::Acquire));
            seats.iter().filter(|seat| stopping || seat.next.get() < due).for_each(|seat| seat.wake.notify_one());
        }
    };
    tokio::select! {
        _ = join_all(&mut tasks) => {}
        () = wake_those_due => {}
    }
}

/// Says four times a second how it goes. A full channel merges this interval into the next.
async fn report(shared: Arc<Shared>, to: mpsc::Sender<Observation>) {
    let mut ticks = tokio::time::interval(REPORT_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    // Latencies are told once a second: they are what a recording is made of for the most part.
    let nothing = Latencies(Arc::new(Latencies::histogram()));
    let mut told = 0_u32;
    loop {
        ticks.tick().await;
        if let Some(state) = shared.counts.standing.untold() {
            let fact = Fact::Station(Station::Load, state.clone());
            if to.try_send(Observation { at: wall_clock(), fact }).is_ok() {
                shared.counts.standing.told(state);
            }
        }
        match to.try_reserve() {
            Ok(permit) => {
                let figures = if told.is_multiple_of(LATENCIES_EVERY) {
                    shared.figures(true)
                } else {
                    let (from_due, from_send) = (nothing.clone(), nothing.clone());
                    LoadFigures { from_due, from_send, ..shared.figures(false) }
                };
                told = told.wrapping_add(1);
                permit.send(Observation { at: wall_clock(), fact: Fact::Load(figures) });
            }
            // Full: the latencies stay where they are.
            Err(mpsc::error::TrySendError::Full(())) => {}
            Err(mpsc::error::TrySendError::Closed(())) => return,
        }
    }
}
