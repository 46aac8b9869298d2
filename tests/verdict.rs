//! The verdict: for each rule a session that keeps it, one that breaks it, and one of which it can't be told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod recording;

use std::time::Duration;

use recording::{NOON, header, latencies};
use streamgauge::model::observation::{
    Fact, LoadFigures, LogEnd, Observation, OrderFigures, PartitionPosition, Position, StoreRange, Stored,
    TallyFigures, Target,
};
use streamgauge::model::units::{EventRate, Lsn, PartitionId, RangeId, RequestUnits, SequenceNumber, Time};
use streamgauge::recording::reader::Recording;
use streamgauge::recording::writer::Writer;
use streamgauge::report::account::Account;
use streamgauge::report::reading::read;
use streamgauge::report::verdict::{Judgement, Outcome, Rule, Rules, Verdict};

/// A made-up session: one partition, one physical partition of the store, a look each half second.
#[derive(Clone)]
struct Made {
    seconds: u32,
    /// What the load is asked for.
    target: Target,
    /// Events a second that the store takes, by the second.
    stored: fn(u32) -> f64,
    /// How long events take to be stored and acknowledged, in milliseconds, by the second.
    takes: fn(u32) -> u64,
    /// Whether the store and the checkpoints are looked at, by the second.
    seen: fn(u32) -> bool,
    /// Figures of the tally at the end, of so many sent and stored.
    tally: fn(TallyFigures) -> Option<TallyFigures>,
    /// Whether events are still in flight at the end.
    drained: bool,
}

/// 100 events/s for four minutes, stored at once.
const STEADY: Made = Made {
    seconds: 240,
    target: Target::Rate(EventRate::ZERO),
    stored: |_| 100.0,
    takes: |_| 20,
    seen: |_| true,
    tally: Some,
    drained: true,
};

const RATE: f64 = 100.0;

impl Made {
    fn target(&self) -> Target {
        match self.target {
            Target::Rate(_) => Target::Rate(EventRate::new(RATE)),
            other => other,
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "made-up figures are small")]
    fn observations(&self) -> Vec<Observation> {
        let mut made = Vec::new();
        let mut stored = 0.0_f64;
        for look in 0..=self.seconds * 2 {
            let second = look / 2;
            let at = NOON.after(Duration::from_millis(u64::from(look) * 500));
            let mut see = |fact| made.push(Observation { at, fact });
            let due = f64::from(look) * RATE / 2.0;
            if look > 0 {
                stored = (stored + (self.stored)(second) / 2.0).min(due);
            }
            if self.drained && look == self.seconds * 2 {
                stored = due;
            }
            let (count, done) = (due as u64, stored as u64);
            if (self.seen)(second) {
                see(Fact::Position(PartitionPosition {
                    partition: PartitionId(0),
                    position: Some(Position::NextToRead(SequenceNumber(done.cast_signed()))),
                    written_at: None,
                    owner: None,
                }));
                see(Fact::StoreRange(StoreRange { range: RangeId("0".into()), lsn: Lsn(done) }));
                let latency = latencies([(self.takes)(second) * 1_000; 50]);
                see(Fact::Stored(Stored { items: 50, latency, resolution: None, charge: RequestUnits(1.0) }));
            }
            see(Fact::LogEnd(LogEnd {
                partition: PartitionId(0),
                earliest: SequenceNumber(0),
                last: SequenceNumber(count.cast_signed() - 1),
                last_enqueued_at: None,
            }));
            let took = latencies([(self.takes)(second) * 1_000; 50]);
            see(Fact::Load(LoadFigures {
                target: self.target(),
                due: count,
                sent: count,
                acknowledged: count,
                failed: 0,
                acknowledged_bytes: count * 847,
                behind: Duration::ZERO,
                from_due: took.clone(),
                from_send: took,
            }));
            let tally = TallyFigures {
                sent: count,
                acknowledged: count,
                stored: done,
                judged: done,
                ..TallyFigures::default()
            };
            if let Some(tally) = (self.tally)(tally).filter(|_| (self.seen)(second)) {
                see(Fact::Tally(tally));
            }
        }
        made
    }

    /// Written as a recording and read again, as the command does.
    fn judge(&self, rule: &str) -> Judgement {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("made.jsonl.zst");
        let writer = Writer::create(&path, &header()).expect("a recording");
        self.observations().iter().for_each(|seen| writer.record_patiently(seen));
        drop(writer);
        let recording = Recording::open(&path).expect("it opens");
        let mut rules = Rules::default();
        rules.ask([Rule::read(rule).expect("a rule")]);
        let mut account = Account::new(rules.warm_up);
        read(&recording, |observations, _| {
            observations.iter().for_each(|seen| account.apply(seen, &mut |_, _| {}));
            std::ops::ControlFlow::Continue(())
        })
        .expect("it reads");
        let verdict = Verdict::of(&account, &rules);
        assert_eq!(verdict.outcome, verdict.rules[0].outcome, "one rule that was asked for is the verdict");
        verdict.rules.into_iter().next().expect("one rule")
    }
}

/// One line of the table.
type Case = (&'static str, Made, &'static str, Outcome, &'static str, Option<f64>);

fn assert_judged(cases: &[Case]) {
    let mut wrong = Vec::new();
    for (what, made, rule, outcome, figure, when) in cases {
        let judged = made.judge(rule);
        let seen = (judged.outcome, judged.figure.as_str(), judged.when.as_ref().map(|when| when.second));
        if seen != (*outcome, *figure, *when) {
            wrong.push(format!("{rule}, {what}: {seen:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

use Outcome::{CantTell, Fail, Pass};

#[test]
fn throughput() {
    // Of minute 2 (130 s to 190 s) the last 20 s are slow; what is missing is stored right after it.
    let one_slow = |second: u32| if (170..190).contains(&second) { 40.0 } else { 200.0 };
    let blind = |second: u32| !(175..205).contains(&second);
    let early = |second: u32| second < 100;
    assert_judged(&[
        ("as fast as asked", STEADY, "throughput=90%", Pass, "100/s of 100/s (100 %) in the worst of 3 minutes", None),
        (
            "one slow minute",
            Made { stored: one_slow, ..STEADY },
            "throughput=90%",
            Fail,
            "81/s of 100/s (80.8 %) in the worst of 3 minutes; 1 below",
            Some(130.0),
        ),
        (
            "a less strict rule",
            Made { stored: one_slow, ..STEADY },
            "throughput=75%",
            Pass,
            "81/s of 100/s (80.8 %) in the worst of 3 minutes",
            None,
        ),
        (
            "nobody looked across the edge of two minutes",
            Made { seen: blind, ..STEADY },
            "throughput=90%",
            CantTell,
            "about 100/s of 100/s (100 %) in the worst minute, but it was not watched closely enough, or repeats count",
            None,
        ),
        (
            "nobody looked from 100 s on",
            Made { seen: early, ..STEADY },
            "throughput=90%",
            CantTell,
            "100/s of 100/s (100 %) in the only minute, but 2 minutes of 3 were not watched",
            None,
        ),
        (
            "nobody looked within a minute: the counts at its ends tell",
            Made { seen: |second| !(71..129).contains(&second), ..STEADY },
            "throughput=99%",
            Pass,
            "100/s of 100/s (100 %) in the worst of 3 minutes",
            None,
        ),
        (
            "what was seen by then is slow",
            Made { seen: early, stored: |_| 50.0, ..STEADY },
            "throughput=90%",
            Fail,
            "50/s of 100/s (50 %) in the only minute; 1 below",
            Some(10.0),
        ),
        (
            "over 3 s before its last minute is",
            Made { seconds: 187, ..STEADY },
            "throughput=99%",
            Pass,
            "100/s of 100/s (100 %) in the worst of 3 minutes",
            None,
        ),
        (
            "too short",
            Made { seconds: 60, ..STEADY },
            "throughput=90%",
            CantTell,
            "no whole minute after the warm-up was watched",
            None,
        ),
        (
            "no schedule",
            Made { target: Target::Unlimited, ..STEADY },
            "throughput=90%",
            CantTell,
            "the load had no schedule; give --target",
            None,
        ),
        (
            "nobody looked at the store",
            Made { seen: |_| false, ..STEADY },
            "throughput=90%",
            CantTell,
            "nobody watched the store",
            None,
        ),
    ]);
}

#[test]
fn upstream_passes_on_one_good_minute() {
    let one_good = |second: u32| if (70..130).contains(&second) { 100.0 } else { 10.0 };
    let one_fast = |second: u32| if (70..130).contains(&second) { 1_000 } else { 40_000 };
    let bad = Made { stored: one_good, takes: one_fast, ..STEADY };
    assert_judged(&[
        (
            "one good minute",
            bad.clone(),
            "upstream-throughput=90%",
            Pass,
            "99/s of 100/s (99.3 %) in the best of 3 minutes",
            None,
        ),
        (
            "the same, in every minute",
            bad.clone(),
            "throughput=90%",
            Fail,
            "10/s of 100/s (10 %) in the worst of 3 minutes; 2 below",
            Some(10.0),
        ),
        (
            "none",
            Made { stored: |_| 50.0, drained: false, ..STEADY },
            "upstream-throughput=90%",
            Fail,
            "50/s of 100/s (50 %) in the best of 3 minutes",
            Some(130.0),
        ),
        (
            "too short",
            Made { seconds: 30, ..STEADY },
            "upstream-throughput=90%",
            CantTell,
            "no whole minute after the warm-up was watched",
            None,
        ),
        (
            "a minute that might have been good was not watched",
            Made { stored: |_| 50.0, seen: |second| second < 100, ..STEADY },
            "upstream-throughput=90%",
            CantTell,
            "50/s of 100/s (50 %) in the only minute, but 2 minutes of 3 were not watched",
            None,
        ),
        (
            "the same of latencies",
            Made { takes: |_| 16_000, seen: |second| second < 100, ..STEADY },
            "upstream-latency=15s",
            CantTell,
            "mean 16 s in the lowest minute, but 2 minutes of 3 were not watched",
            None,
        ),
        ("one fast minute", bad.clone(), "upstream-latency=15s", Pass, "mean 1 s in the lowest minute", None),
        (
            "the same, in every minute",
            bad,
            "p99-stored=15s",
            Fail,
            "p99 40.1 s in the worst of 3 minutes and the rest",
            Some(10.0),
        ),
        (
            "none",
            Made { takes: |_| 16_000, ..STEADY },
            "upstream-latency=15s",
            Fail,
            "mean 16 s in the lowest minute",
            Some(0.0),
        ),
        (
            "nobody looked",
            Made { seen: |_| false, ..STEADY },
            "upstream-latency=15s",
            CantTell,
            "no latency was measured",
            None,
        ),
    ]);
}

#[test]
fn latencies_of_every_minute() {
    let slow_once = |second: u32| if second == 100 { 900 } else { 20 };
    let slow = Made { takes: slow_once, ..STEADY };
    for rule in ["p99-stored=500ms", "p99-due=500ms", "p99-send=500ms"] {
        assert_judged(&[
            ("fast", STEADY, rule, Pass, "p99 20.1 ms in the worst of 3 minutes and the rest", None),
            (
                "slow for a second",
                slow.clone(),
                rule,
                Fail,
                "p99 901 ms in the worst of 3 minutes and the rest",
                Some(70.0),
            ),
            (
                "over before the warm-up",
                Made { seconds: 8, ..STEADY },
                rule,
                CantTell,
                "no latency was measured after the warm-up",
                None,
            ),
        ]);
    }
}

/// Nobody saw the last minutes, or what was slowest never came: no success.
#[test]
fn latencies_that_were_not_measured() {
    let early = Made { seen: |second| second < 30, ..STEADY };
    let stuck = Made { stored: |second| if second < 180 { 100.0 } else { 0.0 }, drained: false, ..STEADY };
    assert_judged(&[
        (
            "the store was read for half a minute",
            early.clone(),
            "p99-stored=2s",
            CantTell,
            "p99 20.1 ms in the only minute, but 3 minutes of 3 were not watched",
            None,
        ),
        (
            "the log was read to the end",
            early,
            "p99-due=2s",
            Pass,
            "p99 20.1 ms in the worst of 3 minutes and the rest",
            None,
        ),
        (
            "a quarter of the events waits",
            stuck,
            "p99-stored=2s",
            CantTell,
            "p99 20.1 ms in the worst of 3 minutes and the rest, but 6,050 events were on their way at the end, the oldest for 60.5 s",
            None,
        ),
    ]);
}

#[test]
fn lag() {
    let stop = |second: u32| if (100..120).contains(&second) { 0.0 } else { 200.0 };
    let stopped = Made { stored: stop, ..STEADY };
    let blind = |second: u32| !(150..160).contains(&second);
    assert_judged(&[
        ("none", STEADY, "lag=0", Pass, "0 events at most", None),
        ("the processor stops for 20 s", stopped.clone(), "lag=1500", Fail, "1,950 events at most", Some(115.0)),
        ("a higher limit", stopped.clone(), "lag=2000", Pass, "1,950 events at most", None),
        (
            "nobody looked for a while",
            Made { seen: blind, ..stopped.clone() },
            "lag=2000",
            CantTell,
            "1,950 events at most, but for 5 s of 229 it could not be seen",
            None,
        ),
        (
            "nobody ever looked",
            Made { seen: |_| false, ..STEADY },
            "lag=2000",
            CantTell,
            "the lag was not seen after the warm-up",
            None,
        ),
    ]);
    assert_judged(&[
        ("none", STEADY, "lag-back=10s", Pass, "never behind", None),
        ("back in 36 s", stopped.clone(), "lag-back=40s", Pass, "behind for 34 s at most", None),
        ("not back in 30 s", stopped.clone(), "lag-back=30s", Fail, "behind for 34 s at a stretch", Some(133.0)),
        (
            "still behind at the end",
            Made { stored: |second| if second >= 225 { 0.0 } else { 100.0 }, drained: false, ..STEADY },
            "lag-back=30s",
            CantTell,
            "was still behind at the end, so far for 11 s",
            None,
        ),
        (
            "nobody ever looked",
            Made { seen: |_| false, ..STEADY },
            "lag-back=30s",
            CantTell,
            "the lag was not seen after the warm-up",
            None,
        ),
    ]);
}

/// So many from 120 s on.
const fn later(tally: TallyFigures, events: u64) -> u64 {
    if tally.sent < 12_000 { 0 } else { events }
}

#[test]
fn what_became_of_the_events() {
    let tally = |tally| Made { tally, ..STEADY };
    assert_judged(&[
        ("all stored", STEADY, "lost=0", Pass, "0 lost of 24,000", None),
        (
            "three are lost",
            tally(|t| Some(TallyFigures { lost: later(t, 3), stored: t.stored - later(t, 3), ..t })),
            "lost=0",
            Fail,
            "3 lost",
            Some(120.0),
        ),
        (
            "three may be",
            tally(|t| Some(TallyFigures { lost: later(t, 3), stored: t.stored - later(t, 3), ..t })),
            "lost=3",
            Pass,
            "3 lost of 24,000",
            None,
        ),
        (
            "some are on their way",
            tally(|t| Some(TallyFigures { stored: t.stored.saturating_sub(7), ..t })),
            "lost=0",
            CantTell,
            "0 lost for certain, but 7 of 24,000 were on their way at the end",
            None,
        ),
        (
            "the load gave some up",
            tally(|t| Some(TallyFigures { unconfirmed: 2, ..t })),
            "lost=0",
            CantTell,
            "0 lost, but 2 events were given up by the load",
            None,
        ),
        (
            "the store was not read at the end",
            Made { seen: |second| second < 230, ..STEADY },
            "lost=0",
            CantTell,
            "the store was not read for the last 10 s",
            None,
        ),
        (
            "what was lost by then is lost",
            Made {
                seen: |second| second < 230,
                ..tally(|t| Some(TallyFigures { lost: later(t, 3), stored: t.stored - later(t, 3), ..t }))
            },
            "lost=0",
            Fail,
            "3 lost",
            Some(120.0),
        ),
        (
            "the load went on after the last look at the store",
            Made { seen: |second| second < 237, ..STEADY },
            "lost=0",
            CantTell,
            "0 lost for certain, but 350 of 24,000 were on their way at the end",
            None,
        ),
        ("nobody counted", tally(|_| None), "lost=0", CantTell, "nobody counted what became of the events", None),
    ]);
    assert_judged(&[
        ("none", STEADY, "duplicates=0", Pass, "0 of 24,000 (0 %)", None),
        (
            "24",
            tally(|t| Some(TallyFigures { duplicated: later(t, 24), ..t })),
            "duplicates=23",
            Fail,
            "24 of 24,000 (0.1 %)",
            Some(120.0),
        ),
        (
            "24, as a share",
            tally(|t| Some(TallyFigures { duplicated: later(t, 24), ..t })),
            "duplicates=0.11%",
            Pass,
            "24 of 24,000 (0.1 %)",
            None,
        ),
        (
            "27, as a share",
            tally(|t| Some(TallyFigures { duplicated: later(t, 27), ..t })),
            "duplicates=0.11%",
            Fail,
            "27 of 24,000 (0.1125 %)",
            Some(120.0),
        ),
        (
            "some are on their way",
            tally(|t| Some(TallyFigures { stored: t.stored.saturating_sub(7), ..t })),
            "duplicates=3",
            CantTell,
            "0 of 23,993 (0 %), but 7 were on their way at the end",
            None,
        ),
        (
            "others write as well",
            tally(|t| Some(TallyFigures { foreign: 1, ..t })),
            "duplicates=3",
            CantTell,
            "others write into the store as well, and their repeats can't be told from ours",
            None,
        ),
        ("nobody counted", tally(|_| None), "duplicates=0", CantTell, "nobody counted what became of the events", None),
    ]);
}

/// A tally with so many events out of order.
const fn order(tally: TallyFigures, late: u64, undecided: u64) -> TallyFigures {
    TallyFigures { order: Some(OrderFigures { late: later(tally, late), undecided }), ..tally }
}

#[test]
fn what_was_stored_out_of_order() {
    let tally = |tally| Made { tally, ..STEADY };
    assert_judged(&[
        ("none", tally(|t| Some(order(t, 0, 0))), "out-of-order=0", Pass, "0 of 24,000 (0 %)", None),
        ("12", tally(|t| Some(order(t, 12, 0))), "out-of-order=11", Fail, "12 of 24,000 (0.05 %)", Some(120.0)),
        ("12, as a share", tally(|t| Some(order(t, 12, 0))), "out-of-order=0.05%", Pass, "12 of 24,000 (0.05 %)", None),
        (
            "12, of which one will do",
            tally(|t| Some(order(t, 12, 9))),
            "out-of-order=0",
            Fail,
            "12 of 24,000 (0.05 %)",
            Some(120.0),
        ),
        (
            "a repeat hides which came first",
            tally(|t| Some(order(t, 1, 2))),
            "out-of-order=2",
            CantTell,
            "1 of 24,000 (0.0042 %) for certain, but of 2 it can't be told",
            None,
        ),
        (
            "however that is, it is few enough",
            tally(|t| Some(order(t, 1, 2))),
            "out-of-order=3",
            Pass,
            "1 of 24,000 (0.0042 %)",
            None,
        ),
        (
            "some are on their way",
            tally(|t| Some(order(TallyFigures { stored: t.stored.saturating_sub(7), ..t }, 0, 1))),
            "out-of-order=0",
            CantTell,
            "0 of 23,993 (0 %) for certain, but of 1 it can't be told, and 7 were on their way at the end",
            None,
        ),
        ("an older recording", STEADY, "out-of-order=0", CantTell, "the order in the store was not watched", None),
        (
            "nobody counted",
            tally(|_| None),
            "out-of-order=0",
            CantTell,
            "nobody counted what became of the events",
            None,
        ),
    ]);
}

/// Of the default rules those that can't be told don't count; of those that were asked for they do.
#[test]
fn what_cannot_be_told_is_no_success() {
    let made = Made { tally: |t| Some(TallyFigures { stored: t.stored.saturating_sub(7), ..t }), ..STEADY };
    let mut account = Account::new(Rules::WARM_UP);
    made.observations().iter().for_each(|seen| account.apply(seen, &mut |_, _| {}));
    let mut rules = Rules::default();
    assert_eq!(Verdict::of(&account, &rules).outcome, Pass);
    rules.ask([Rule::Lost(0), Rule::Lag(100)]);
    assert_eq!(Verdict::of(&account, &rules).outcome, CantTell);
    rules.ask([Rule::P99Stored(Duration::from_millis(1))]);
    assert_eq!(Verdict::of(&account, &rules).outcome, Fail);
    let nothing = Account::new(Rules::WARM_UP);
    assert_eq!(Verdict::of(&nothing, &Rules::default()).outcome, CantTell, "nothing was seen at all");
    assert_eq!(nothing.begin(), Time::default());
}

/// A limit reads as it was asked for, a figure beyond it never reads as the limit, and both are numbers of one unit.
#[test]
fn limits_and_figures_are_exact_and_are_numbers_as_well() {
    let stop = |second: u32| if (80..135).contains(&second) { 0.0 } else { 200.0 };
    let stopped = Made { stored: stop, ..STEADY };
    let slow = Made { takes: |_| 1_252, ..STEADY };
    let repeats = Made { tally: |t| Some(TallyFigures { duplicated: later(t, 27), ..t }), ..STEADY };
    let below = Made { stored: |_| 89.96, drained: false, ..STEADY };
    let nobody = Made { tally: |_| None, ..STEADY };
    let cases = [
        (&stopped, "lag-back=103s", "at most 1m43s", "behind for 1m44s at a stretch", "seconds", 103.0, Some(104.0)),
        (&slow, "p99-stored=1250ms", "at most 1250ms", "p99 1.253 s in", "seconds", 1.25, Some(1.253_375)),
        (&repeats, "duplicates=0.1124%", "at most 0.1124 %", "(0.1125 %)", "share", 0.001_124, Some(0.001_125)),
        (&repeats, "duplicates=0.11249%", "at most 0.11249 %", "(0.1125 %)", "share", 0.001_125, Some(0.001_125)),
        (&repeats, "duplicates=26", "at most 26", "27 of 24,000", "events", 26.0, Some(27.0)),
        (&below, "throughput=90%", "at least 90 %", "(89.95 %)", "share", 0.9, Some(0.899_5)),
        (&nobody, "lost=0", "at most 0", "nobody counted", "events", 0.0, None),
    ];
    let mut wrong = Vec::new();
    for (made, rule, limit, figure, unit, limit_value, figure_value) in cases {
        let judged = made.judge(rule);
        let json = serde_json::to_value(&judged).expect("JSON");
        let near = |a: Option<f64>, b: Option<f64>| {
            a.is_some() == b.is_some() && (a.unwrap_or(0.0) - b.unwrap_or(0.0)).abs() < 2e-6
        };
        let numbers =
            near(json["limit_value"].as_f64(), Some(limit_value)) && near(json["figure_value"].as_f64(), figure_value);
        if judged.limit != limit || !judged.figure.contains(figure) || json["unit"] != unit || !numbers {
            wrong.push(json.to_string());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
