//! One connection of the load: its client, and the lanes that run on it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::MissedTickBehavior;

use super::layout::Lanes;
use super::shared::Shared;
use crate::azure::backoff::Backoff;
use crate::azure::own_thread::Shutdown;
use crate::load::lane::Lane;
use crate::load::sink::Connection;
use crate::model::observation::{Fact, Latencies, LoadFigures, Observation, Station, StationState};
use crate::model::units::PartitionId;
use crate::wall_clock::wall_clock;

/// Between two reports.
const REPORT_EVERY: Duration = Duration::from_millis(250);

/// What a client that is not trusted any more has in hand may still be answered for so long.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// One report in so many tells latencies.
const LATENCIES_EVERY: u32 = 4;

/// A client that can be lost and made anew.
pub(super) struct Line {
    shared: Arc<Shared>,
    index: usize,
    current: RefCell<Option<(u64, Rc<Connection>)>>,
    generation: Cell<u64>,
    /// The newest generation that is not to be trusted.
    discarded: watch::Sender<u64>,
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
            discarded: watch::Sender::new(0),
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
                    // A hub that was made anew may have other partitions than before.
                    self.shared.log_has(connection.partitions());
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

    /// Whether there is a client.
    fn is_connected(&self) -> bool {
        self.current.borrow().is_some()
    }

    /// The client of this generation is not to be trusted any more.
    pub(super) fn discard(&self, generation: u64) {
        let mut current = self.current.borrow_mut();
        if current.as_ref().is_some_and(|(now, _)| *now == generation) {
            *current = None;
            self.discarded.send_replace(generation);
        }
    }

    /// Comes back when the client of this generation was discarded by another lane, a moment later: what it had in hand is
    /// answered by then, or never. The client itself says nothing to those who wait when its connection is cut.
    pub(super) async fn until_lost(&self, generation: u64) {
        let mut discarded = self.discarded.subscribe();
        if discarded.wait_for(|discarded| *discarded >= generation).await.is_err() {
            // Nobody discards any more.
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(LAST_ANSWERS).await;
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
    pub(super) lanes: Arc<Lanes>,
    /// Its place among the lanes of all connections.
    slot: usize,
    pub(super) next: Cell<u64>,
    pub(super) wake: Notify,
}

impl Seat {
    /// The lane hands out its events from this number on.
    pub(super) fn publish(&self, next: u64) {
        self.lanes.publish(self.slot, next);
    }
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
    // One looks for all.
    let looking = reporter.as_ref().and_then(|_| shared.options.partitions.clone());
    let looking = looking.map(|seen| tokio::task::spawn_local(look_for_partitions(Arc::clone(&shared), seen)));
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
    if let Some(task) = looking {
        task.abort();
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

/// Hears from whoever watches the log which partitions it has. What was seen before the load's own first look is no news,
/// and what is seen meanwhile waits for it.
async fn look_for_partitions(shared: Arc<Shared>, mut seen: watch::Receiver<Vec<PartitionId>>) {
    seen.mark_unchanged();
    while seen.changed().await.is_ok() {
        while shared.layout.now().is_none() {
            tokio::time::sleep(REPORT_EVERY).await;
        }
        let partitions = seen.borrow_and_update().len();
        shared.log_has(u32::try_from(partitions).unwrap_or(u32::MAX));
    }
}

/// Runs this connection's lanes, and those that take their place, until the load has stopped.
async fn run_lanes(shared: &Arc<Shared>, index: usize, line: &Rc<Line>) {
    tokio::select! {
        _ = line.client() => {}
        () = shared.over() => {}
    }
    while let Some(lanes) = shared.layout.now() {
        let back = run_these_lanes(shared, index, line, &lanes).await;
        if !shared.layout.is_old(&lanes) {
            return;
        }
        shared.layout.hand_in(&lanes, back).await;
        // What partitions that are gone had to complain of is over.
        if line.is_connected() {
            line.healthy();
        }
    }
}

/// Runs until nothing is to be sent any more or other lanes are wanted; gives the lanes back as they then are.
async fn run_these_lanes(shared: &Arc<Shared>, index: usize, line: &Rc<Line>, lanes: &Arc<Lanes>) -> Vec<Lane> {
    let connections = shared.wakes.len();
    let mut seats = Vec::new();
    let mut tasks = Vec::new();
    for (slot, (partition, lane)) in lanes.made.iter().cloned().enumerate() {
        if slot % connections != index {
            continue;
        }
        let next = Cell::new(lane.next());
        let seat = Rc::new(Seat { lanes: Arc::clone(lanes), slot, next, wake: Notify::new() });
        seats.push(Rc::clone(&seat));
        let (shared, line) = (Arc::clone(shared), Rc::clone(line));
        tasks.push(tokio::task::spawn_local(super::lane::run(shared, line, partition, lane, seat)));
    }
    let wake_those_due = async {
        loop {
            if let Some(wake) = shared.wakes.get(index) {
                wake.notified().await;
            }
            let all = shared.stopping.load(Ordering::Acquire) || shared.layout.is_old(lanes);
            let due = shared.limit();
            seats.iter().filter(|seat| all || seat.next.get() < due).for_each(|seat| seat.wake.notify_one());
        }
    };
    tokio::select! {
        back = join_all(&mut tasks) => back.into_iter().flatten().collect(),
        never = wake_those_due => never,
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
