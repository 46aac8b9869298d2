//! A made-up pipeline that yields observations: what a session would see, without a service and without a clock.

use std::sync::Arc;
use std::time::Duration;

use streamgauge::model::observation::{
    Fact, Latencies, LoadFigures, LogEnd, Observation, PartitionPosition, Position, ProcessorFigures, Provisioned,
    Station, StationState, StoreRange, Stored, TallyFigures, Target,
};
use streamgauge::model::session::Session;
use streamgauge::model::units::{EventRate, Lsn, PartitionId, RangeId, RequestUnits, SequenceNumber, Time};

/// Looks a second.
const TICKS: u32 = 4;

/// Request units of one write.
const CHARGE: f64 = 8.5;

/// A pipeline of some partitions with a store that carries so many writes a second.
pub(crate) struct Pipeline {
    pub(crate) partitions: u32,
    /// Events a second that enter.
    pub(crate) rate: f64,
    /// Writes a second that the store carries.
    pub(crate) capacity: f64,
    /// A partition that the processor does not move on.
    pub(crate) stuck: Option<u32>,
    /// Stations that do not answer.
    pub(crate) away: Vec<Station>,
    pub(crate) session: Session,
    tick: u32,
    enqueued: Vec<f64>,
    processed: Vec<f64>,
    throttled: f64,
}

impl Pipeline {
    pub(crate) fn new(partitions: u32, rate: f64, capacity: f64) -> Self {
        Self {
            partitions,
            rate,
            capacity,
            stuck: None,
            away: Vec::new(),
            session: Session::new(),
            tick: 0,
            enqueued: vec![0.0; partitions as usize],
            processed: vec![0.0; partitions as usize],
            throttled: 0.0,
        }
    }

    /// The moment of the newest look. The session begins at noon of a fixed day.
    pub(crate) fn now(&self) -> Time {
        Time::from_millis(1_795_348_800_000 + i64::from(self.tick) * 1_000 / i64::from(TICKS))
    }

    pub(crate) fn run(&mut self, seconds: u32) -> &mut Self {
        for _ in 0..seconds * TICKS {
            self.look();
        }
        self
    }

    pub(crate) fn look(&mut self) {
        self.tick += 1;
        let step = 1.0 / f64::from(TICKS);
        let each = self.rate * step / f64::from(self.partitions);
        let free = u32::from(self.stuck.is_some());
        let room = self.capacity * step / f64::from(self.partitions - free).max(1.0);
        for (id, (enqueued, processed)) in (0..).zip(self.enqueued.iter_mut().zip(&mut self.processed)) {
            *enqueued += each;
            if self.stuck != Some(id) && !self.away.contains(&Station::Processor) {
                *processed += room.min(*enqueued - *processed);
            }
        }
        let missing = self.rate - self.capacity;
        if missing > 0.0 {
            self.throttled += missing * step;
        }
        for fact in self.facts() {
            self.session.apply(&Observation { at: self.now(), fact });
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "made-up figures are small")]
    fn facts(&self) -> Vec<Fact> {
        let now = self.now();
        let enqueued: f64 = self.enqueued.iter().sum();
        let processed: f64 = self.processed.iter().sum();
        let mut facts = Vec::new();
        let retrying = |reason: &str| StationState::Retrying {
            reason: reason.into(),
            next_attempt: now.after(Duration::from_millis(3_400)),
        };
        for (station, reason) in [
            (Station::Ingest, "connection refused (127.0.0.1:5672)"),
            (Station::Checkpoints, "connection refused (127.0.0.1:10000)"),
            (Station::Store, "connection refused (127.0.0.1:8081)"),
        ] {
            let away = self.away.contains(&station);
            facts.push(Fact::Station(station, if away { retrying(reason) } else { StationState::Connected }));
        }
        if !self.away.contains(&Station::Checkpoints) {
            // A checkpoint is written each second.
            let behind = f64::from(self.tick % TICKS) / f64::from(TICKS);
            for (id, processed) in (0..).map(PartitionId).zip(&self.processed) {
                let still = self.stuck == Some(id.0) || self.away.contains(&Station::Processor);
                let rate = if still { 0.0 } else { self.rate.min(self.capacity) };
                let next = (processed - behind * rate / f64::from(self.partitions)).max(0.0) as i64;
                facts.push(Fact::Position(PartitionPosition {
                    partition: id,
                    position: (next > 0 || self.stuck.is_some()).then(|| Position::LastRead(SequenceNumber(next - 1))),
                    written_at: Some(now.before(Duration::from_millis(700))),
                    owner: None,
                }));
            }
        }
        if !self.away.contains(&Station::Ingest) {
            for (id, enqueued) in (0..).map(PartitionId).zip(&self.enqueued) {
                facts.push(Fact::LogEnd(LogEnd {
                    partition: id,
                    earliest: SequenceNumber(0),
                    last: SequenceNumber(*enqueued as i64 - 1),
                    last_enqueued_at: Some(now),
                }));
            }
        }
        let mut latency = Latencies::histogram();
        for ms in [1_u64, 2, 2, 3, 9] {
            latency.saturating_record(ms * 1_000);
        }
        let latency = Latencies(Arc::new(latency));
        if !self.away.contains(&Station::Store) {
            facts.push(Fact::Provisioned(Provisioned::Manual(RequestUnits(20_000.0))));
            for (range, share) in [("0", 0.47), ("1", 0.53)] {
                let lsn = Lsn((processed * share) as u64);
                facts.push(Fact::StoreRange(StoreRange { range: RangeId(range.into()), lsn }));
            }
            facts.push(Fact::Stored(Stored {
                items: 10,
                latency: latency.clone(),
                resolution: None,
                charge: RequestUnits(3.0),
            }));
        }
        facts.push(Fact::Processor(ProcessorFigures {
            received: enqueued as u64,
            written: processed as u64,
            throttled: self.throttled as u64,
            charge: RequestUnits(processed * CHARGE),
            ..ProcessorFigures::default()
        }));
        facts.push(Fact::Load(LoadFigures {
            target: Target::Rate(EventRate::new(self.rate)),
            due: enqueued as u64,
            sent: enqueued as u64,
            acknowledged: enqueued as u64,
            failed: 0,
            acknowledged_bytes: (enqueued * 847.0) as u64,
            behind: Duration::ZERO,
            from_due: latency.clone(),
            from_send: latency,
        }));
        facts.push(Fact::Tally(TallyFigures {
            sent: enqueued as u64,
            acknowledged: enqueued as u64,
            stored: processed as u64,
            judged: processed as u64,
            ..TallyFigures::default()
        }));
        facts
    }
}
