//! The judgement on a try: whether the pipeline carried a rate, or only took it in while a backlog grew.
//!
//! Pure: it is shown the facts of the try, each with its own time, and the words of its end. The first quarter is left out:
//! the pipeline settles in it. The rest is cut into thirds, and a count's growth is the difference between its mean over
//! the last third and its mean over the first one, over the time between them, two thirds of the rest. Means, because
//! what is seen of a pipeline is a saw: a checkpoint is written now and then, and a store spends its budget early in each
//! second.
//!
//! Two backlogs are judged: events that are due and not stored, where a store is watched, and lag, events that are enqueued
//! and not processed. Neither may grow by more than [`SLACK`] of what was due in that time, and once by what the looks at
//! it may be off: [`OFF_STORED`] and [`OFF_LAG`]. So a rate that the pipeline carries is kept up with, however its saw of
//! up to a second falls, and one that lies above what the store takes by more than 8 % (where the try has the shortest
//! [`Hold`]; by more than 4 % where it lasts a minute) never is.
//!
//! Worked example: a store that carries 706 events/s, a try of 788/s for 20 s. 5 s are left out; the thirds of the rest
//! are 5 s long, and 10 s lie between the middle of the first (7.5 s) and that of the last (17.5 s). By then
//! (788 - 706) * 7.5 = 615 and 1,435 events wait, the second less than 2 s of the rate, which is no lag to speak of at one
//! glance. But it grew by (1,435 - 615) / 10 = 82/s, where 788 * (0.02 + 0.25 / 10) = 35/s are allowed: the pipeline falls
//! behind.

use std::time::Duration;

use super::Try;
use crate::figures::compact;
use crate::model::health::{Health, Word};
use crate::model::observation::{Fact, Observation, Station};
use crate::model::session::Session;
use crate::model::units::Time;

/// A backlog may grow by so much of what is due: so far the machine that drives and watches the pipeline may disturb it.
pub const SLACK: f64 = 0.02;

/// The means of what is stored may be off by so many seconds of events: as far apart as looks are.
pub const OFF_STORED: f64 = 0.25;

/// The means of lag may be off by so many seconds of events: as long as a checkpoint may be on its way.
pub const OFF_LAG: f64 = 1.0;

/// A load that is so far behind its schedule does not keep up.
const BEHIND: Duration = Duration::from_secs(1);

/// A third with fewer looks than this says nothing.
const LOOKS: usize = 4;

/// Of lag, looks nearer to each other than this are not kept: each of many partitions makes one.
const NEAR: Duration = Duration::from_millis(50);

/// How long a rate is held to be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold(Duration);

impl Hold {
    /// A shorter try can't be judged: its backlog's saw is as high as what a rate above the capacity adds to it.
    pub const SHORTEST: Duration = Duration::from_secs(20);

    /// Where nobody says how long.
    pub const DEFAULT: Self = Self(Duration::from_secs(60));

    /// So long; `None` if that is too short to judge.
    pub fn new(lasts: Duration) -> Option<Self> {
        (lasts >= Self::SHORTEST).then_some(Self(lasts))
    }

    /// How long it lasts.
    pub fn lasts(self) -> Duration {
        self.0
    }

    /// How long the pipeline may settle.
    fn settling(self) -> Duration {
        self.0 / 4
    }
}

/// A count at one moment of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    /// Since the begin of the try.
    after: Duration,
    count: u64,
}

/// What was seen of a try, each count at its own times.
#[derive(Debug, Clone)]
pub struct Looks {
    begin: Time,
    /// Events that had come due.
    due: Vec<Look>,
    /// Distinct events that were seen in the store; empty where none is watched.
    stored: Vec<Look>,
    /// Events that waited in the log, over all partitions; empty while that is not known.
    lag: Vec<Look>,
}

impl Looks {
    /// Of a try that begins now.
    pub fn new(begin: Time) -> Self {
        Self { begin, due: Vec::new(), stored: Vec::new(), lag: Vec::new() }
    }

    /// Takes in an observation that the session has taken in.
    pub fn see(&mut self, observation: &Observation, session: &Session) {
        let after = observation.at.since(self.begin);
        match &observation.fact {
            Fact::Load(figures) => self.due.push(Look { after, count: figures.due }),
            Fact::Tally(tally) if !session.is_unwatched(Station::Store) => {
                self.stored.push(Look { after, count: tally.stored });
            }
            Fact::LogEnd(_) if self.lag.last().is_none_or(|last| after >= last.after + NEAR) => {
                self.lag.extend(session.lag_events().map(|count| Look { after, count }));
            }
            _ => {}
        }
    }
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// How late the oldest unsent event was.
    pub behind: Duration,
    /// The word for the pipeline, and why.
    pub health: Health,
}

/// By how much a count grew per second from the first third of what comes after the settling to the last one, and how many
/// seconds lie between them; `None` where there are too few looks.
fn growth(hold: Hold, looks: &[Look]) -> Option<(f64, f64)> {
    let (begin, end) = (hold.settling(), hold.lasts());
    let third = (end - begin) / 3;
    // Looks are in the order of time; the last one may come a little late.
    let place = |at: Duration| looks.partition_point(|look| look.after < at);
    let first = looks.get(place(begin)..place(begin + third))?;
    let last = looks.get(place(end - third)..)?;
    if first.len() < LOOKS || last.len() < LOOKS {
        return None;
    }
    let mean = |looks: &[Look], value: fn(&Look) -> f64| looks.iter().map(value).sum::<f64>() / looks.len() as f64;
    let grown = |value| mean(last, value) - mean(first, value);
    let between = grown(|look| look.after.as_secs_f64());
    (between > 0.0).then(|| (grown(|look| look.count as f64) / between, between))
}

/// Judges a try by what was seen of it, and by its end.
pub fn judge(hold: Hold, looks: &Looks, ending: &Ending) -> Try {
    let Health { word, reason, .. } = &ending.health;
    // What the pipeline itself says is wrong goes behind what was measured.
    let because = |measured: String| match (word, reason.is_empty()) {
        (Word::KeepingUp, true) => measured,
        (Word::KeepingUp, false) => format!("{measured}; {reason}"),
        (word, true) => format!("{measured}; {}", word.text().to_lowercase()),
        (word, false) => format!("{measured}; {}: {reason}", word.text().to_lowercase()),
    };
    if ending.behind > BEHIND {
        let late = ending.behind.as_secs_f64();
        return Try::FellBehind(because(format!("the load was {late:.1} s behind its schedule")));
    }
    let Some((due, between)) = growth(hold, &looks.due) else {
        return Try::Unmeasured("the load's figures came too seldom to judge the try".into());
    };
    if due <= 0.0 {
        return Try::Unmeasured("no event of the load came due".into());
    }
    let allowed = |off: f64| due * (SLACK + off / between);
    let stored = growth(hold, &looks.stored).map(|(stored, _)| stored);
    let lag = growth(hold, &looks.lag).map(|(lag, _)| lag);
    if let Some(stored) = stored.filter(|stored| due - stored > allowed(OFF_STORED)) {
        return Try::FellBehind(because(format!("{}/s stored of {}/s due", compact(stored), compact(due))));
    }
    if let Some(lag) = lag.filter(|lag| *lag > allowed(OFF_LAG)) {
        return Try::FellBehind(because(format!("lag grew by {}/s of {}/s due", compact(lag), compact(due))));
    }
    match word {
        _ if stored.is_none() && (lag.is_none() || !looks.stored.is_empty()) => {
            Try::Unmeasured(because("what was stored came too seldom to judge the try".into()))
        }
        Word::KeepingUp => Try::KeptUp,
        Word::Blind | Word::Starting => Try::Unmeasured(because("at the end the pipeline could not be seen".into())),
        word if reason.is_empty() => Try::FellBehind(word.text().to_lowercase()),
        word => Try::FellBehind(format!("{}: {reason}", word.text().to_lowercase())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{NARROW, Search, Step};
    use super::*;
    use crate::model::observation::{LogEnd, StationState, TallyFigures};
    use crate::model::units::{PartitionId, SequenceNumber};

    fn hold(seconds: u64) -> Hold {
        Hold::new(Duration::from_secs(seconds)).unwrap()
    }

    fn ending(word: Word, reason: &str) -> Ending {
        Ending { behind: Duration::ZERO, health: Health { word, growth: None, reason: reason.into() } }
    }

    fn well() -> Ending {
        ending(Word::KeepingUp, "")
    }

    /// A pipeline in miniature: a store that carries so much, seen through saws. A saw's height is in seconds of events: so
    /// far what is seen lags behind what is, from nothing to the height, and then at once nothing again.
    #[derive(Debug, Clone, Copy)]
    struct Pipeline {
        capacity: f64,
        height: f64,
        teeth: f64,
        phase: f64,
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are small and never negative")]
    fn whole(count: f64) -> u64 {
        count.max(0.0).floor() as u64
    }

    impl Pipeline {
        fn smooth(capacity: f64) -> Self {
            Self { capacity, height: 0.0, teeth: 1.0, phase: 0.0 }
        }

        fn saw(&self, at: f64, height: f64, teeth: f64) -> f64 {
            height * ((at / teeth) + self.phase).fract()
        }

        /// Looks four times a second, each count at times of its own. The processor's checkpoints come now and then; the store
        /// takes a second's worth at once, and a look at it may be as old as looks are apart.
        fn run(&self, rate: f64, hold: Hold) -> Looks {
            let mut looks = Looks::new(Time::default());
            let carried = rate.min(self.capacity);
            for n in 1..=whole(hold.lasts().as_secs_f64() * 4.0) {
                let [at, then, later] = [0.0, 0.08, 0.15].map(|more| n as f64 / 4.0 - more);
                let known = |at: f64, ago: f64| carried * (at - ago).max(0.0);
                let look = |at: f64, count: f64| Look { after: Duration::from_secs_f64(at), count: whole(count) };
                let old = self.height * OFF_STORED;
                let stored = known(then, self.saw(then, self.height, 1.0) + self.saw(then, old, self.teeth));
                looks.due.push(look(at, rate * at));
                looks.stored.push(look(then, stored));
                looks.lag.push(look(later, rate * later - known(later, self.saw(later, self.height, self.teeth))));
            }
            looks
        }
    }

    #[test]
    fn the_worked_example_of_the_module() {
        let pipeline = Pipeline::smooth(706.0);
        let judged = judge(hold(20), &pipeline.run(788.0, hold(20)), &well());
        assert_eq!(judged, Try::FellBehind("706/s stored of 788/s due".into()));
        assert_eq!(judge(hold(20), &pipeline.run(706.0, hold(20)), &well()), Try::KeptUp);
    }

    #[test]
    fn a_hold_that_is_too_short_is_none() {
        assert_eq!(Hold::new(Duration::from_millis(19_999)), None);
        assert_eq!(hold(20).lasts(), Hold::SHORTEST);
    }

    #[test]
    fn lag_alone_is_judged_where_no_store_is_watched() {
        let mut looks = Pipeline::smooth(500.0).run(1_000.0, hold(20));
        looks.stored.clear();
        let reason = "lag grew by 500/s of 1,000/s due; falling behind: the store: refused";
        let judged = judge(hold(20), &looks, &ending(Word::FallingBehind, "the store: refused"));
        assert_eq!(judged, Try::FellBehind(reason.into()));
        looks.lag.clear();
        assert!(matches!(judge(hold(20), &looks, &well()), Try::Unmeasured(_)));
    }

    #[test]
    fn a_store_that_lies_behind_its_processor_is_seen() {
        let mut looks = Pipeline::smooth(500.0).run(1_000.0, hold(20));
        looks.lag.iter_mut().for_each(|look| look.count = 0);
        assert_eq!(judge(hold(20), &looks, &well()), Try::FellBehind("500/s stored of 1,000/s due".into()));
    }

    #[test]
    fn the_schedule_and_the_word_at_the_end_count_too() {
        let looks = Pipeline::smooth(1e6).run(1_000.0, hold(20));
        let late = Ending { behind: Duration::from_millis(3_200), ..well() };
        let said = |ending: &Ending| judge(hold(20), &looks, ending);
        assert_eq!(said(&late), Try::FellBehind("the load was 3.2 s behind its schedule".into()));
        let stalled = ending(Word::Stalled, "partition 3 has not moved for 9 s");
        assert_eq!(said(&stalled), Try::FellBehind("stalled: partition 3 has not moved for 9 s".into()));
        assert_eq!(said(&ending(Word::Draining, "")), Try::FellBehind("draining".into()));
        assert!(matches!(said(&ending(Word::Blind, "no answer for 6 s")), Try::Unmeasured(_)));
    }

    #[test]
    fn what_was_hardly_looked_at_is_not_judged() {
        let looks = Pipeline::smooth(1e6).run(1_000.0, hold(20));
        let judged = |looks: &Looks| judge(hold(20), looks, &well());
        let seldom = |of: &str| Try::Unmeasured(format!("{of} came too seldom to judge the try"));
        for seen in [0..0, 0..30, 50..80] {
            let due = looks.due[seen.clone()].to_vec();
            assert_eq!(judged(&Looks { due, ..looks.clone() }), seldom("the load's figures"));
            let stored = looks.stored[seen.clone()].to_vec();
            let expected = if seen.is_empty() { Try::KeptUp } else { seldom("what was stored") };
            assert_eq!(judged(&Looks { stored, ..looks.clone() }), expected);
        }
        let due = looks.due.iter().map(|look| Look { count: 7, ..*look }).collect();
        assert_eq!(judged(&Looks { due, ..looks }), Try::Unmeasured("no event of the load came due".into()));
    }

    #[test]
    fn a_backlog_of_the_settling_is_no_growth() {
        // Two seconds of events waited before the processor began, and wait ever since.
        let mut looks = Pipeline::smooth(1e6).run(1_000.0, hold(20));
        looks.stored.iter_mut().for_each(|look| look.count = look.count.saturating_sub(2_000));
        looks.lag.iter_mut().for_each(|look| look.count = look.count.max(2_000));
        assert_eq!(judge(hold(20), &looks, &well()), Try::KeptUp);
    }

    #[test]
    fn facts_are_seen_at_their_own_times() {
        let mut session = Session::new();
        let mut looks = Looks::new(Time::from_millis(1_000));
        let mut see = |looks: &mut Looks, millis: i64, fact: Fact| {
            let observation = Observation { at: Time::from_millis(millis), fact };
            session.apply(&observation);
            looks.see(&observation, &session);
        };
        let tally = |stored| Fact::Tally(TallyFigures { stored, ..TallyFigures::default() });
        let end = |last| {
            Fact::LogEnd(LogEnd {
                partition: PartitionId(0),
                earliest: SequenceNumber(0),
                last: SequenceNumber(last),
                last_enqueued_at: None,
            })
        };
        see(&mut looks, 1_500, tally(40));
        see(&mut looks, 1_600, end(9));
        assert!(looks.lag.is_empty(), "without a position there is no lag");
        see(&mut looks, 1_700, Fact::Station(Station::Store, StationState::Unwatched));
        see(&mut looks, 1_800, tally(50));
        assert_eq!(looks.stored, [Look { after: Duration::from_millis(500), count: 40 }]);
    }

    proptest! {
        /// However long a rate is held, and however the backlog's saw falls: what is found lies at most 8 % above what the
        /// pipeline carries, 4 % where the rate is held for a minute, and at most the search's own gap below it. At the
        /// end nothing but the figures warns.
        #[test]
        fn what_is_found_is_what_the_pipeline_carries(
            capacity in 200.0_f64..100_000.0, from in 100.0_f64..10_000.0, seconds in 20_u64..120,
            height in 0.0_f64..1.0, teeth in 0.3_f64..1.0, phase in 0.0_f64..1.0,
        ) {
            let (hold, pipeline) = (hold(seconds), Pipeline { capacity, height, teeth, phase });
            let mut search = Search::new(from, 1e7);
            while let Step::Run(rate) = search.step() {
                search.tell(judge(hold, &pipeline.run(rate, hold), &well()));
            }
            let found = search.found();
            prop_assert_eq!(&found.unfinished, &None);
            if let Some(highest) = found.highest {
                let above = if seconds < 60 { 1.08 } else { 1.04 };
                prop_assert!(highest <= capacity * above, "{highest} {capacity}");
                prop_assert!(highest * (1.0 + NARROW) >= capacity, "{highest} {capacity}");
            } else {
                prop_assert!(capacity < from, "{found:?}");
            }
        }
    }
}
