//! The status of one partition, judged from how its lag and its position moved in the last seconds.
//!
//! The rules descend from Burrow's (evaluator/caching.go), with what its users disliked put right: a small lag on a
//! slow partition is no alarm, a processor that stopped is told from one that is slow, and the judgement needs eight
//! seconds rather than ten commits.

use std::collections::VecDeque;
use std::time::Duration;

use super::lag::{Lag, TimeLag};
use super::observation::Position;
use super::units::{EventRate, Time};

/// How a partition fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// The lag is what a processor needs that checkpoints now and then.
    Ok,
    /// No checkpoint was found: not a backlog, see [`Lag::NoPosition`].
    NoPosition,
    /// Behind, and the lag shrinks.
    Draining,
    /// Behind, and the lag neither grows nor shrinks.
    Behind,
    /// Behind, and the lag grows.
    FallingBehind,
    /// The position went back a short while ago: events are processed again.
    Rewound,
    /// Events wait and the position does not move.
    Stalled,
    /// The log end or the position could not be read lately: nothing can be said.
    Blind,
}

impl Status {
    /// All of them, the least worry first.
    pub const ALL: [Self; 8] = [
        Self::Ok,
        Self::NoPosition,
        Self::Draining,
        Self::Behind,
        Self::FallingBehind,
        Self::Rewound,
        Self::Stalled,
        Self::Blind,
    ];

    /// The word for it, as on screen.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NoPosition => "no position",
            Self::Draining => "draining",
            Self::Behind => "behind",
            Self::FallingBehind => "falling behind",
            Self::Rewound => "rewound",
            Self::Stalled => "stalled",
            Self::Blind => "blind",
        }
    }
}

/// What was seen of a partition at one moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Time,
    events: u64,
}

/// The last seconds of a partition, and the judgement on them.
#[derive(Debug, Clone, Default)]
pub struct Judge {
    samples: VecDeque<Sample>,
    position: Option<Position>,
    moved_at: Option<Time>,
    rewound_at: Option<Time>,
    /// As of the newest sample: asked for at each frame, of each partition.
    growth: f64,
    /// How far looks are apart, where they come in rounds.
    round: Duration,
}

impl Judge {
    /// How far back the judgement looks.
    pub const WINDOW: Duration = Duration::from_secs(8);

    /// A lag of so many seconds of the partition's own rate is within the allowance: checkpoints are written now and
    /// then, so a processor that keeps up perfectly still shows the events since its last one.
    const ALLOWANCE: Duration = Duration::from_secs(3);

    /// A lag of so few events is within the allowance on a slow partition.
    const ALLOWANCE_EVENTS: f64 = 10.0;

    /// A lag that changes by less than this share of the ingest rate neither grows nor shrinks.
    const STEADY: f64 = 0.05;

    /// A judge of looks that come in rounds of this length.
    pub fn in_rounds(round: Duration) -> Self {
        Self { round, ..Self::default() }
    }

    /// Looks come in rounds of this length from now on.
    pub fn set_round(&mut self, round: Duration) {
        self.round = round;
    }

    /// How far back this judgement looks: a slope needs three looks.
    fn window(&self) -> Duration {
        Self::WINDOW.max(self.round * 2)
    }

    /// Takes a look at the partition. `age` is the time lag at that moment, `rate` the events that come in, with how old
    /// the position is: so much of the lag may have been processed since, and is within the allowance.
    pub fn push(
        &mut self,
        at: Time,
        lag: Lag,
        position: Option<Position>,
        age: Option<TimeLag>,
        (rate, unseen): (EventRate, Duration),
    ) -> Status {
        let (Lag::Behind { events, .. }, Some(position)) = (lag, position) else {
            *self = Self::in_rounds(self.round);
            return Status::NoPosition;
        };
        match self.position {
            Some(before) if position.next() < before.next() => self.rewound_at = Some(at),
            Some(before) if position.next() == before.next() => {}
            _ => self.moved_at = Some(at),
        }
        self.position = Some(position);
        self.samples.push_back(Sample { at, events });
        let window = self.window();
        while self.samples.front().is_some_and(|first| at.since(first.at) > window) {
            self.samples.pop_front();
        }
        self.growth = self.fitted();
        self.judge(at, events, age, (rate, unseen))
    }

    fn judge(&self, at: Time, events: u64, age: Option<TimeLag>, (rate, unseen): (EventRate, Duration)) -> Status {
        if self.rewound_at.is_some_and(|rewound| at.since(rewound) <= self.window()) {
            return Status::Rewound;
        }
        if events == 0 {
            return Status::Ok;
        }
        let still = self.moved_at.map_or(Duration::ZERO, |moved| at.since(moved));
        if still >= self.window() && age.is_some_and(|age| age.at_least() >= Self::WINDOW) {
            return Status::Stalled;
        }
        if events as f64 <= Self::allowance(rate) + rate.per_second() * unseen.as_secs_f64() {
            return Status::Ok;
        }
        let steady = (rate.per_second() * Self::STEADY).max(0.5);
        match self.growth {
            growth if growth > steady => Status::FallingBehind,
            growth if growth < -steady => Status::Draining,
            _ => Status::Behind,
        }
    }

    /// A lag of so many events is within the allowance at this ingest rate.
    pub fn allowance(rate: EventRate) -> f64 {
        (rate.per_second() * Self::ALLOWANCE.as_secs_f64()).max(Self::ALLOWANCE_EVENTS)
    }

    /// How long the position has stood where it is.
    pub fn still_for(&self, now: Time) -> Option<Duration> {
        self.moved_at.map(|moved| now.since(moved))
    }

    /// Events a second by which the lag grows, by least squares over the window: checkpoints make the lag a saw, and a
    /// fitted line is not fooled by which tooth it ends on.
    pub fn growth(&self) -> f64 {
        self.growth
    }

    fn fitted(&self) -> f64 {
        let Some(first) = self.samples.front() else { return 0.0 };
        let count = self.samples.len() as f64;
        let points =
            || self.samples.iter().map(|sample| (sample.at.since(first.at).as_secs_f64(), sample.events as f64));
        let (sum_t, sum_lag) = points().fold((0.0, 0.0), |(t, lag), (x, y)| (t + x, lag + y));
        let (mean_t, mean_lag) = (sum_t / count, sum_lag / count);
        let (covariance, variance) =
            points().fold((0.0, 0.0), |(c, v), (x, y)| (c + (x - mean_t) * (y - mean_lag), v + (x - mean_t).powi(2)));
        if variance > 0.0 { covariance / variance } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::units::SequenceNumber;

    /// A partition with 100 events/s, looked at four times a second; `lag_at` gives the lag at each second.
    fn after(seconds: u32, lag_at: impl Fn(f64) -> u64, position_at: impl Fn(f64) -> i64) -> Status {
        let mut judge = Judge::default();
        let mut status = Status::Blind;
        for tick in 0..=seconds * 4 {
            let t = f64::from(tick) / 4.0;
            let lag = Lag::Behind { events: lag_at(t), missed: 0 };
            let position = Some(Position::LastRead(SequenceNumber(position_at(t))));
            let age = Some(TimeLag::About(Duration::from_secs_f64(lag_at(t) as f64 / 100.0)));
            status = judge.push(
                Time::from_millis(i64::from(tick) * 250),
                lag,
                position,
                age,
                (EventRate::new(100.0), Duration::ZERO),
            );
        }
        status
    }

    #[test]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "made-up small figures")]
    fn the_rules_in_their_order() {
        let moving = |t: f64| (t * 100.0) as i64;
        let table: [(&str, Status, Status); 8] = [
            ("a saw of checkpoints is ok", after(20, |t| (100.0 * t.fract()) as u64, moving), Status::Ok),
            ("grows", after(20, |t| (500.0 + 50.0 * t) as u64, moving), Status::FallingBehind),
            ("shrinks", after(20, |t| (5_000.0 - 50.0 * t) as u64, moving), Status::Draining),
            ("neither", after(20, |_| 5_000, moving), Status::Behind),
            ("stands and events wait", after(20, |t| (100.0 * t) as u64, |_| 7), Status::Stalled),
            ("stands since nothing comes", after(20, |_| 0, |_| 7), Status::Ok),
            ("stands, but not for long yet", after(4, |t| (100.0 * t) as u64, |_| 7), Status::FallingBehind),
            ("went back", after(20, |_| 50, |t| if t < 18.0 { 5_000 } else { 9 }), Status::Rewound),
        ];
        for (case, seen, expected) in table {
            assert_eq!(seen, expected, "{case}");
        }
    }

    #[test]
    fn no_checkpoint_is_said_plainly() {
        let mut judge = Judge::default();
        let lag = Lag::NoPosition { retained: 1_000_000 };
        let status = judge.push(Time::from_millis(0), lag, None, None, (EventRate::ZERO, Duration::ZERO));
        assert_eq!(status, Status::NoPosition);
    }
}
