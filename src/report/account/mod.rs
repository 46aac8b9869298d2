//! The account of a whole session: observations in, one after the other, and what a report needs adds up. Memory grows by
//! a few hundred bytes a minute, whatever the number of observations.

mod lag;
mod latency;
mod meter;
mod peaks;

use std::time::Duration;

pub use lag::{Behind, LagMeter, PartitionLag};
pub use latency::{LatencyMeter, MinuteLatency};
pub use meter::{Meter, MinuteRate, begin_of_minute, minutes_of};
pub use peaks::Peaks;

use crate::model::capacity::{IngestUse, Of};
use crate::model::observation::{Fact, IngestCapacity, Observation, Position, Station, StationState, Target};
use crate::model::session::Session;
use crate::model::units::{PartitionId, RangeId, RequestUnits, Time};

/// How often the session is looked at.
pub const TICK: Duration = Duration::from_secs(1);

/// A span without any observation that is longer than this is a leap of the clock, and not looked at second by second.
const LEAP: Duration = Duration::from_secs(600);

/// What each stage of the pipeline counted.
#[derive(Debug, Clone, Default)]
pub struct Stages {
    /// Events whose time had come, by the load's plan.
    pub due: Meter<()>,
    /// Events handed to the client.
    pub sent: Meter<()>,
    /// Events that the log acknowledged.
    pub acknowledged: Meter<()>,
    /// Bytes of event bodies acknowledged.
    pub bytes: Meter<()>,
    /// Events enqueued, by the log ends.
    pub enqueued: Meter<PartitionId>,
    /// Events processed, by the positions.
    pub processed: Meter<PartitionId>,
    /// Writes that the store took, by its log sequence numbers.
    pub writes: Meter<RangeId>,
    /// Distinct events of ours that were seen in the store.
    pub stored: Meter<()>,
    /// Items that the change feed showed.
    pub items: Meter<()>,
    /// Writes that the store answered with 429.
    pub throttled: Meter<()>,
    /// Request units that the processor's writes cost.
    pub charge: Meter<()>,
    /// Request units that were provisioned meanwhile.
    pub provisioned: Meter<()>,
}

/// The latencies of a whole session.
#[derive(Debug, Clone, Default)]
pub struct Latencies {
    /// From due to acknowledged.
    pub from_due: LatencyMeter,
    /// From sent to acknowledged.
    pub from_send: LatencyMeter,
    /// From enqueued to seen in the store.
    pub stored: LatencyMeter,
}

/// A time in which a station did not answer, or was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which.
    pub station: Station,
    /// When it began.
    pub from: Time,
    /// When it was over; `None` if it was not.
    pub to: Option<Time>,
    /// One sentence.
    pub reason: String,
}

/// How the capacity of the store and of the ingest log was used, as seen each second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Capacity {
    /// What the ingest log takes in at most, as last said.
    pub ingest: Option<IngestCapacity>,
    /// The highest use of that, of its events or its bytes: share, of which, and when. See [`Session::ingest_use`].
    pub ingest_highest: Option<(f64, Of, Time)>,
    /// The sum of the shares of each second, and how many there are.
    ingest_sum: (f64, u32),
    /// What was provisioned last, in RU/s.
    pub provisioned: Option<RequestUnits>,
    /// The highest use of it: share and when. A rate of some seconds: see [`Session::request_units`].
    pub highest: Option<(f64, Time)>,
    /// The highest use that one physical partition made of its part: share and when.
    pub hottest: Option<(f64, Time)>,
}

impl Capacity {
    fn look(&mut self, at: Time, session: &Session) {
        if let Some(used) = session.request_units(at) {
            let higher = |known: &mut Option<(f64, Time)>, share: f64| {
                if known.is_none_or(|(highest, _)| share > highest) {
                    *known = Some((share, at));
                }
            };
            higher(&mut self.highest, used.share);
            if let Some(hottest) = used.hottest {
                higher(&mut self.hottest, hottest.share);
            }
        }
        if let Some(IngestUse { share, of, .. }) = session.ingest_use(at) {
            self.ingest_sum = (self.ingest_sum.0 + share, self.ingest_sum.1.saturating_add(1));
            if self.ingest_highest.is_none_or(|(highest, ..)| share > highest) {
                self.ingest_highest = Some((share, of, at));
            }
        }
    }

    /// The mean use of what the ingest log takes in at most; `None` if it was never known.
    pub fn ingest_mean(&self) -> Option<f64> {
        let (sum, seconds) = self.ingest_sum;
        (seconds > 0).then(|| sum / f64::from(seconds))
    }
}

/// The request units that were provisioned so far: they may be others from one moment to the next.
#[derive(Debug, Clone, Copy, Default)]
struct Provided {
    /// A second, and since when, once it is known.
    now: Option<(f64, Time)>,
    /// All of those before.
    before: f64,
}

impl Provided {
    fn change(&mut self, at: Time, units: RequestUnits) {
        self.before = self.until(at).unwrap_or_default();
        self.now = Some((units.0, at));
    }

    /// All of them up to a moment; `None` where it was never known how many there are.
    fn until(&self, at: Time) -> Option<f64> {
        self.now.map(|(units, since)| self.before + units * at.since(since).as_secs_f64())
    }
}

/// How the counts of the tally rose.
#[derive(Debug, Clone, Default)]
pub struct LedgerPeaks {
    /// Events lost.
    pub lost: Peaks<u64>,
    /// Writes beyond the first of each event.
    pub duplicated: Peaks<u64>,
    /// Events stored after a later one of their device.
    pub late: Peaks<u64>,
}

/// The account of a whole session.
#[derive(Debug, Clone)]
pub struct Account {
    /// What the observations so far add up to.
    pub session: Session,
    /// Stages.
    pub stages: Stages,
    /// Latencies.
    pub latencies: Latencies,
    /// Lag.
    pub lag: LagMeter,
    /// What became of the events.
    pub ledger: LedgerPeaks,
    /// Faults, in order; at most [`Account::FAULTS`].
    pub faults: Vec<Fault>,
    /// The capacity of the store and of the ingest log.
    pub capacity: Capacity,
    /// Observations taken in.
    pub observations: u64,
    /// Whether the load was ever without a schedule.
    pub unlimited: bool,
    /// Items that the change feed showed so far.
    items: u64,
    provided: Provided,
    warm_up: Duration,
    next_tick: Option<Time>,
}

impl Account {
    /// Faults that are listed, at most.
    pub const FAULTS: usize = 10_000;

    /// An account of nothing yet. What rules judge begins after the warm-up.
    pub fn new(warm_up: Duration) -> Self {
        Self {
            session: Session::new(),
            stages: Stages::default(),
            latencies: Latencies::default(),
            lag: LagMeter::default(),
            ledger: LedgerPeaks::default(),
            faults: Vec::new(),
            capacity: Capacity::default(),
            observations: 0,
            unlimited: false,
            items: 0,
            provided: Provided::default(),
            warm_up,
            next_tick: None,
        }
    }

    /// When the first observation came; the epoch while none has.
    pub fn begin(&self) -> Time {
        self.session.started().unwrap_or_default()
    }

    /// From the first observation to the newest.
    pub fn length(&self) -> Duration {
        self.session.latest().unwrap_or_default().since(self.begin())
    }

    /// When the warm-up is over: minutes are counted from here, so that the first minute that rules judge is a whole one.
    pub fn origin(&self) -> Time {
        self.begin().after(self.warm_up)
    }

    /// What rules judge begins so long after the begin.
    pub fn warm_up(&self) -> Duration {
        self.warm_up
    }

    /// Whether what became of events was counted: without a load of ours, the tally is there and counts nothing.
    pub fn is_tallied(&self) -> bool {
        self.session.tally.is_some_and(|tally| tally.sent > 0)
    }

    /// Takes in an observation. Before it, for each whole second since the begin that it leaves behind, `tick` is shown
    /// the session as it was then.
    pub fn apply(&mut self, observation: &Observation, tick: &mut impl FnMut(Time, &Session)) {
        let at = observation.at;
        let mut next = *self.next_tick.get_or_insert_with(|| at.after(TICK));
        if at.since(next) > LEAP {
            next = at.after(TICK);
        }
        while at > next {
            self.look(next);
            tick(next, &self.session);
            next = next.after(TICK);
        }
        self.next_tick = Some(next);
        self.observations += 1;
        self.session.apply(observation);
        self.count(at, &observation.fact);
    }

    /// Looks at the session, a second after the look before.
    fn look(&mut self, at: Time) {
        let warm = at.since(self.begin()) > self.warm_up;
        self.lag.look(at, &self.session, warm);
        self.capacity.look(at, &self.session);
    }

    fn count(&mut self, at: Time, fact: &Fact) {
        let origin = self.origin();
        let Stages {
            due,
            sent,
            acknowledged,
            bytes,
            enqueued,
            processed,
            writes,
            stored,
            items,
            throttled,
            charge,
            provisioned: provided,
        } = &mut self.stages;
        match fact {
            Fact::LogEnd(end) => enqueued.push(origin, end.partition, at, end.last.0 as f64),
            Fact::Position(seen) => match seen.position.map(Position::next) {
                Some(next) => processed.push(origin, seen.partition, at, next.0 as f64),
                None => processed.forget_one(&seen.partition),
            },
            // A group that was named the first time is no other one.
            Fact::Group(_) if self.session.partitions.values().all(|known| known.position().is_none()) => {
                processed.forget();
            }
            Fact::StoreRange(range) => writes.push(origin, range.range.clone(), at, range.lsn.0 as f64),
            Fact::Provisioned(provisioned) => {
                if let Some(units) = provisioned.most() {
                    self.capacity.provisioned = Some(units);
                    self.provided.change(at, units);
                }
            }
            Fact::IngestCapacity(capacity) => self.capacity.ingest = Some(*capacity),
            Fact::Stored(seen) => {
                self.items = self.items.saturating_add(seen.items);
                items.push(origin, (), at, self.items as f64);
                self.latencies.stored.push(origin, at, &seen.latency);
            }
            Fact::Processor(figures) => {
                throttled.push(origin, (), at, figures.throttled as f64);
                charge.push(origin, (), at, figures.charge.0);
                if let Some(units) = self.provided.until(at) {
                    provided.push(origin, (), at, units);
                }
            }
            Fact::Load(figures) => {
                self.unlimited |= figures.target == Target::Unlimited;
                due.push(origin, (), at, figures.due as f64);
                sent.push(origin, (), at, figures.sent as f64);
                acknowledged.push(origin, (), at, figures.acknowledged as f64);
                bytes.push(origin, (), at, figures.acknowledged_bytes as f64);
                self.latencies.from_due.push(origin, at, &figures.from_due);
                self.latencies.from_send.push(origin, at, &figures.from_send);
            }
            Fact::Tally(figures) => {
                stored.push(origin, (), at, figures.stored as f64);
                self.ledger.lost.push(at, figures.lost);
                self.ledger.duplicated.push(at, figures.duplicated);
                self.ledger.late.push(at, figures.order.map_or(0, |order| order.late));
            }
            Fact::Station(station, state) => self.follow(at, *station, state),
            Fact::Group(_)
            | Fact::Groups(_)
            | Fact::Checkpoint(_)
            | Fact::Mark(_)
            | Fact::Hub(_)
            | Fact::StoreRanges(_)
            | Fact::Probe(_) => {}
        }
    }

    fn follow(&mut self, at: Time, station: Station, state: &StationState) {
        let open = self.faults.iter_mut().rev().find(|fault| fault.station == station && fault.to.is_none());
        let reason = match state {
            StationState::Retrying { reason, .. } => reason.as_str(),
            StationState::Stopped => "stopped on purpose",
            StationState::Connected | StationState::Unwatched => {
                if let Some(open) = open {
                    open.to = Some(at);
                }
                return;
            }
        };
        if open.is_none() && self.faults.len() < Self::FAULTS {
            self.faults.push(Fault { station, from: at, to: None, reason: reason.to_owned() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::observation::LogEnd;
    use crate::model::units::SequenceNumber;

    fn log_end(second: i64, last: i64) -> Observation {
        let fact = Fact::LogEnd(LogEnd {
            partition: PartitionId(0),
            earliest: SequenceNumber(0),
            last: SequenceNumber(last),
            last_enqueued_at: None,
        });
        Observation { at: Time::from_millis(second * 1_000), fact }
    }

    #[test]
    fn the_session_is_looked_at_each_second_and_not_over_a_leap() {
        let mut account = Account::new(Duration::ZERO);
        let mut ticks = Vec::new();
        for (second, last) in [(100, 0), (103, 30), (104, 40), (9_000_000, 50), (9_000_002, 60)] {
            account.apply(&log_end(second, last), &mut |at, _| ticks.push(at.as_micros() / 1_000_000));
        }
        assert_eq!(ticks, [101, 102, 103, 9_000_001]);
        assert_eq!(account.length(), Duration::from_secs(8_999_902));
    }

    #[test]
    fn a_fault_has_a_begin_an_end_and_its_first_reason() {
        let mut account = Account::new(Duration::ZERO);
        let away = |reason: &str| StationState::Retrying { reason: reason.into(), next_attempt: Time::default() };
        let states = [away("refused"), away("still"), StationState::Connected, StationState::Stopped];
        for (second, state) in (0..).zip(states) {
            let at = Time::from_millis(second * 1_000);
            account.apply(&Observation { at, fact: Fact::Station(Station::Store, state) }, &mut |_, _| {});
        }
        let seen: Vec<_> = account.faults.iter().map(|f| (f.reason.as_str(), f.to.is_some())).collect();
        assert_eq!(seen, [("refused", true), ("stopped on purpose", false)]);
    }
}
