//! Observations to record: any at all, and a pipeline's as a live session sees them.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use streamgauge::model::observation::{
    Checkpoint, CheckpointForm, ConsumerGroup, Fact, Groups, Hold, Hub, IngestCapacity, Latencies, LoadFigures, LogEnd,
    Observation, OrderFigures, PartitionPosition, Position, ProbeFigures, ProcessorFigures, Provisioned, Station,
    StationState, StoreRange, Stored, TallyFigures, Target,
};
use streamgauge::model::units::{EventRate, Lsn, PartitionId, RangeId, RequestUnits, SequenceNumber, Time};
use streamgauge::recording::format::{Header, ScenarioDescription};

/// Noon of a fixed day.
pub(crate) const NOON: Time = Time::from_millis(1_795_348_800_000);

pub(crate) fn header() -> Header {
    Header::new(NOON, ScenarioDescription { title: "test".into(), ..ScenarioDescription::default() })
}

/// Latencies of some microseconds.
pub(crate) fn latencies(micros: impl IntoIterator<Item = u64>) -> Latencies {
    let mut histogram = Latencies::histogram();
    for value in micros {
        histogram.saturating_record(value.max(1));
    }
    Latencies(Arc::new(histogram))
}

fn any_latencies() -> impl Strategy<Value = Latencies> {
    proptest::collection::vec(0_u64..10_000_000_000, 0..20).prop_map(latencies)
}

fn any_time() -> impl Strategy<Value = Time> {
    // Mostly of our days, now and then absurd.
    prop_oneof![
        9 => (0_i64..3_600_000_000).prop_map(|micros| NOON.after(Duration::from_micros(micros.unsigned_abs()))),
        1 => (0_i64..1 << 53).prop_map(Time::from_micros),
    ]
}

fn any_station() -> impl Strategy<Value = Station> {
    prop_oneof![
        Just(Station::Load),
        Just(Station::Ingest),
        Just(Station::Processor),
        Just(Station::Checkpoints),
        Just(Station::Store),
    ]
}

fn any_state() -> impl Strategy<Value = StationState> {
    prop_oneof![
        Just(StationState::Connected),
        Just(StationState::Stopped),
        Just(StationState::Unwatched),
        (any::<String>(), any_time())
            .prop_map(|(reason, next_attempt)| StationState::Retrying { reason, next_attempt }),
    ]
}

fn any_position() -> impl Strategy<Value = Option<Position>> {
    proptest::option::of(prop_oneof![
        (-1_i64..1 << 52).prop_map(|number| Position::LastRead(SequenceNumber(number))),
        (-1_i64..1 << 52).prop_map(|number| Position::NextToRead(SequenceNumber(number))),
    ])
}

fn any_units() -> impl Strategy<Value = RequestUnits> {
    (0.0_f64..1e12).prop_map(RequestUnits)
}

fn any_log_end() -> impl Strategy<Value = Fact> {
    (0_u32..4, -1_i64..1 << 52, -1_i64..1 << 52, proptest::option::of(any_time())).prop_map(
        |(id, earliest, last, at)| {
            Fact::LogEnd(LogEnd {
                partition: PartitionId(id),
                earliest: SequenceNumber(earliest),
                last: SequenceNumber(last),
                last_enqueued_at: at,
            })
        },
    )
}

fn any_partition_position() -> impl Strategy<Value = Fact> {
    (0_u32..4, any_position(), proptest::option::of(any_time()), proptest::option::of(any::<String>())).prop_map(
        |(id, position, written_at, owner)| {
            Fact::Position(PartitionPosition { partition: PartitionId(id), position, written_at, owner })
        },
    )
}

fn any_checkpoint() -> impl Strategy<Value = Fact> {
    let form = proptest::option::of(proptest::sample::select(CheckpointForm::ALL.to_vec()));
    let hold = prop_oneof![any_time().prop_map(Hold::Renewed), any::<bool>().prop_map(|stands| Hold::Lease { stands })];
    (0_u32..4, form, proptest::option::of(hold), proptest::option::of(any::<String>())).prop_map(
        |(id, form, hold, note)| Fact::Checkpoint(Checkpoint { partition: PartitionId(id), form, hold, note }),
    )
}

fn any_load() -> impl Strategy<Value = Fact> {
    let target = prop_oneof![
        Just(Target::Paused),
        Just(Target::Unlimited),
        (0.0_f64..1e9).prop_map(|rate| Target::Rate(EventRate::new(rate))),
    ];
    (target, proptest::array::uniform5(0_u64..1 << 53), 0_u64..1_000_000_000_000, any_latencies(), any_latencies())
        .prop_map(|(target, [due, sent, acknowledged, failed, acknowledged_bytes], behind, from_due, from_send)| {
            let behind = Duration::from_micros(behind);
            Fact::Load(LoadFigures {
                target,
                due,
                sent,
                acknowledged,
                failed,
                acknowledged_bytes,
                behind,
                from_due,
                from_send,
            })
        })
}

fn any_provisioned() -> impl Strategy<Value = Provisioned> {
    prop_oneof![
        any_units().prop_map(Provisioned::Manual),
        any_units().prop_map(|most| Provisioned::Autoscale { most }),
        any::<String>().prop_map(|reason| Provisioned::Unknown { reason }),
    ]
}

fn any_probe() -> impl Strategy<Value = Fact> {
    let limits = (proptest::option::of(0.0_f64..1e6), proptest::option::of(any_units()));
    (any_station(), 0_u64..3_600_000_000, 0_u64..1 << 53, 0_u64..1 << 53, any_units(), limits).prop_map(
        |(station, round, calls, throttled, charge, (calls_limit, charge_limit))| {
            let round = Duration::from_micros(round);
            Fact::Probe(ProbeFigures { station, round, calls, calls_limit, charge, charge_limit, throttled })
        },
    )
}

fn any_groups() -> impl Strategy<Value = Fact> {
    let forms = proptest::collection::btree_set(proptest::sample::select(CheckpointForm::ALL.as_slice()), 0..5);
    let group = (any::<String>(), forms, any::<u32>(), proptest::option::of(any_time()))
        .prop_map(|(name, forms, partitions, written_at)| ConsumerGroup { name, forms, partitions, written_at });
    (proptest::collection::vec(group, 0..4), any::<bool>())
        .prop_map(|(groups, complete)| Fact::Groups(Groups { groups, complete }))
}

/// Any fact that there can be.
pub(crate) fn any_fact() -> impl Strategy<Value = Fact> {
    prop_oneof![
        4 => any_log_end(),
        4 => any_partition_position(),
        1 => any_checkpoint(),
        1 => any::<String>().prop_map(Fact::Group),
        1 => any_groups(),
        1 => (0_u32..1_000).prop_map(|units| Fact::IngestCapacity(IngestCapacity::ThroughputUnits(units))),
        2 => (any::<String>(), 0_u64..1 << 53)
            .prop_map(|(range, lsn)| Fact::StoreRange(StoreRange { range: RangeId(range), lsn: Lsn(lsn) })),
        1 => proptest::collection::vec(any::<String>(), 0..4)
            .prop_map(|ranges| Fact::StoreRanges(ranges.into_iter().map(RangeId).collect())),
        1 => any_provisioned().prop_map(Fact::Provisioned),
        1 => (0_u32..=2_048, proptest::option::of(any_time()), proptest::option::of(0_u64..1 << 53))
            .prop_map(|(partitions, created_at, failovers)| Fact::Hub(Hub { partitions, created_at, failovers })),
        1 => any_probe(),
        1 => (0_u64..1 << 53, any_latencies(), any_units(), proptest::option::of(0_u64..1 << 40)).prop_map(
            |(items, latency, charge, resolution)| {
                Fact::Stored(Stored { items, latency, resolution: resolution.map(Duration::from_micros), charge })
            }
        ),
        1 => (proptest::array::uniform6(0_u64..1 << 53), any_units()).prop_map(|([a, b, c, d, e, f], charge)| {
            Fact::Processor(ProcessorFigures {
                received: a, written: b, throttled: c, failed: d, charge, checkpoints: e, rejected: f,
            })
        }),
        1 => any_load(),
        1 => (proptest::array::uniform10(0_u64..1 << 53), proptest::option::of((0_u64..1 << 53, 0_u64..1 << 53))).prop_map(|([a, b, c, d, e, f, g, h, i, j], order)| {
            Fact::Tally(TallyFigures {
                sent: a, copies: b, acknowledged: c, stored: d, unconfirmed: e, lost: f, judged: g, duplicated: h,
                foreign: i, unknowable: j,
                order: order.map(|(late, undecided)| OrderFigures { late, undecided }),
            })
        }),
        1 => (any_station(), any_state()).prop_map(|(station, state)| Fact::Station(station, state)),
        1 => any::<String>().prop_map(Fact::Mark),
    ]
}

/// Any observations, in any order.
pub(crate) fn any_observations(most: usize) -> impl Strategy<Value = Vec<Observation>> {
    proptest::collection::vec((any_time(), any_fact()).prop_map(|(at, fact)| Observation { at, fact }), 0..most)
}

/// A small random generator: the same numbers each time.
pub(crate) struct Dice(rand_pcg::Pcg64Mcg);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(rand_pcg::Pcg64Mcg::new(u128::from(seed) * 2 + 1))
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        use rand_pcg::rand_core::Rng;
        self.0.next_u64() % end.max(1)
    }

    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        self.below(1 << 53) as f64 / (1_u64 << 53) as f64
    }

    /// About a bell with a middle and a width.
    fn bell(&mut self, middle: f64, width: f64) -> f64 {
        let sum: f64 = (0..6).map(|_| self.share()).sum();
        middle + (sum - 3.0) * width * 1.4
    }
}

/// A pipeline as a live session sees it: four looks a second at each service, each fact at its own microsecond, log ends
/// in the order in which eight reads at a time come back, batches of events on the way in, a change feed on the way out.
pub(crate) struct Pipeline {
    partitions: u32,
    rate: f64,
    dice: Dice,
    tick: u64,
    enqueued: Vec<u64>,
    checkpoints: Vec<(u64, Time)>,
    bytes: u64,
    charge: f64,
}

impl Pipeline {
    /// So many partitions and events a second.
    pub(crate) fn new(partitions: u32, rate: f64) -> Self {
        let enqueued = (0..partitions).map(|id| 180_000 + u64::from(id) * 7_919).collect();
        let checkpoints = vec![(0, NOON); partitions as usize];
        Self { partitions, rate, dice: Dice::new(7), tick: 0, enqueued, checkpoints, bytes: 0, charge: 0.0 }
    }

    /// What is seen in the next quarter of a second.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "made-up figures are small")]
    pub(crate) fn look(&mut self) -> Vec<Observation> {
        self.tick += 1;
        let look = NOON.after(Duration::from_micros(self.tick * 250_000 + self.dice.below(900)));
        let mut seen = Vec::new();
        let events = self.rate / 4.0;
        let each = events / f64::from(self.partitions);
        // The positions: one listing of blobs. A checkpoint is written each second.
        let mut at = look.after(Duration::from_micros(1_500 + self.dice.below(400)));
        for id in 0..self.partitions {
            if (self.tick + u64::from(id)).is_multiple_of(4) {
                let written = Time::from_millis(at.as_micros() / 1_000 - 40 - self.dice.below(180).cast_signed());
                self.checkpoints[id as usize] = (self.enqueued[id as usize].saturating_sub(each as u64), written);
            }
            let (position, written) = self.checkpoints[id as usize];
            at = at.after(Duration::from_micros(1 + self.dice.below(2)));
            seen.push(Observation {
                at,
                fact: Fact::Position(PartitionPosition {
                    partition: PartitionId(id),
                    position: Some(Position::LastRead(SequenceNumber(position.cast_signed() - 1))),
                    written_at: Some(written),
                    owner: Some(format!("processor-{}", id % 2)),
                }),
            });
        }
        // The log ends: eight reads under way at a time.
        let mut order: Vec<u32> = (0..self.partitions).collect();
        for place in 0..order.len() {
            let other = place + self.dice.below(8.min((order.len() - place) as u64)) as usize;
            order.swap(place, other);
        }
        for id in order {
            let more = self.dice.bell(each, each.sqrt()).max(0.0).round() as u64;
            self.enqueued[id as usize] += more;
            at = at.after(Duration::from_micros(20 + self.dice.below(120)));
            let enqueued_at = Time::from_millis(at.as_micros() / 1_000 - self.dice.below(30).cast_signed());
            seen.push(Observation {
                at,
                fact: Fact::LogEnd(LogEnd {
                    partition: PartitionId(id),
                    earliest: SequenceNumber(0),
                    last: SequenceNumber(self.enqueued[id as usize].cast_signed() - 1),
                    last_enqueued_at: Some(enqueued_at),
                }),
            });
        }
        let enqueued: u64 = self.enqueued.iter().sum();
        seen.push(Observation { at, fact: Fact::Provisioned(Provisioned::Manual(RequestUnits(20_000.0))) });
        for range in 0..2_u64 {
            at = at.after(Duration::from_micros(1_200 + self.dice.below(500)));
            let lsn = Lsn(enqueued / 2 - range * 11 - self.dice.below(40));
            seen.push(Observation {
                at,
                fact: Fact::StoreRange(StoreRange { range: RangeId(range.to_string()), lsn }),
            });
        }
        // The feed is read four times a second, so an event is up to a quarter of a second old when it is seen.
        let ages: Vec<u64> =
            (0..events as u64).map(|_| 12_000 + self.dice.below(250) * 1_000 + self.dice.below(9)).collect();
        let items = ages.len() as u64;
        self.charge += items as f64 * 8.57;
        at = at.after(Duration::from_micros(300));
        let stored = Stored {
            items,
            latency: latencies(ages),
            resolution: None,
            charge: RequestUnits(2.0 + items as f64 / 20.0),
        };
        seen.push(Observation { at, fact: Fact::Stored(stored) });
        seen.push(Observation {
            at: at.after(Duration::from_micros(2)),
            fact: Fact::Tally(TallyFigures {
                sent: enqueued,
                acknowledged: enqueued - 9,
                stored: enqueued - items,
                judged: enqueued - items,
                ..TallyFigures::default()
            }),
        });
        at = at.after(Duration::from_micros(40_000 + self.dice.below(300)));
        seen.push(Observation {
            at,
            fact: Fact::Processor(ProcessorFigures {
                received: enqueued,
                written: enqueued - self.dice.below(30),
                throttled: 0,
                failed: 0,
                charge: RequestUnits((self.charge * 1e3).round() / 1e3),
                checkpoints: self.tick * 8,
                rejected: 0,
            }),
        });
        // Batches of a dozen events share a send; each event of it was due at its own time.
        let (mut from_due, mut from_send) = (Latencies::histogram(), Latencies::histogram());
        for _ in 0..(events / 12.0).ceil() as u64 {
            let took = self.dice.bell(900.0, 250.0).max(200.0) as u64;
            from_send.saturating_record_n(took, 12);
            for _ in 0..12 {
                from_due.saturating_record(took + self.dice.below(12_000));
            }
        }
        self.bytes += items * 847;
        at = at.after(Duration::from_micros(9_000 + self.dice.below(300)));
        seen.push(Observation {
            at,
            fact: Fact::Load(LoadFigures {
                target: Target::Rate(EventRate::new(self.rate)),
                due: enqueued,
                sent: enqueued,
                acknowledged: enqueued - 9,
                failed: 0,
                acknowledged_bytes: self.bytes,
                behind: Duration::from_micros(self.dice.below(2_000)),
                from_due: Latencies(Arc::new(from_due)),
                from_send: Latencies(Arc::new(from_send)),
            }),
        });
        seen
    }

    /// What is seen in so many seconds.
    pub(crate) fn seconds(&mut self, seconds: u32) -> Vec<Observation> {
        (0..seconds * 4).flat_map(|_| self.look()).collect()
    }
}
