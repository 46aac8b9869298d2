//! What a recording costs: bytes an hour, processor time of writing, opening and seeking in a day of it, and how fast
//! observations add up to a session.
//!
//! `cargo bench --bench recording`; `-- 2` makes a recording of 2 hours instead of 24. It needs room for it (about 14 MB
//! an hour) in the folder for temporary files, and a minute or two.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints its figures")]

#[path = "day/mod.rs"]
mod day;
#[path = "../tests/recording/mod.rs"]
mod recording;

use std::time::{Duration, Instant};

use day::{PARTITIONS, lines};
use recording::{Dice, NOON, Pipeline};
use streamgauge::model::observation::{Fact, Observation};
use streamgauge::model::session::Session;
use streamgauge::model::units::Time;
use streamgauge::recording::format::{LatenciesAre, Skipped, read_line};
use streamgauge::recording::frame::Packer;
use streamgauge::recording::player::{Player, Reached};

fn main() {
    size();
    fold();
    let hours = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(24);
    day(hours);
}

/// Bytes an hour at four looks a second, from two minutes of it, and what of it are histograms.
fn size() {
    println!("{PARTITIONS} partitions, 4 looks a second: MB an hour, and processor time of a second's frame");
    println!("{:>9} {:>8} {:>19} {:>8} {:>10}", "events/s", "file", "without histograms", "as text", "time");
    for rate in [0.0, 100.0, 1_000.0, 2_000.0, 10_000.0] {
        let mut pipeline = Pipeline::new(PARTITIONS, rate);
        let mut packer = Packer::new().unwrap();
        let (mut file, mut bare, mut text, mut spent) = (0, 0, 0, Duration::ZERO);
        for _ in 0..120 {
            let observations = pipeline.seconds(1);
            let begun = Instant::now();
            let lines = lines(&observations);
            file += packer.pack(&lines).unwrap().len();
            spent += begun.elapsed();
            text += lines.len();
            let without: Vec<_> = observations.into_iter().map(without_latencies).collect();
            bare += packer.pack(&day::lines(&without)).unwrap().len();
        }
        let hour = |bytes: usize| bytes as f64 * 30.0 / 1e6;
        let micros = spent.as_secs_f64() * 1e6 / 120.0;
        println!("{rate:>9} {:>8.2} {:>19.2} {:>8.1} {micros:>7.0} us", hour(file), hour(bare), hour(text));
    }
}

fn without_latencies(mut observation: Observation) -> Observation {
    match &mut observation.fact {
        Fact::Stored(stored) => stored.latency = recording::latencies([]),
        Fact::Load(load) => (load.from_due, load.from_send) = (recording::latencies([]), recording::latencies([])),
        _ => {}
    }
    observation
}

/// Observations a second: read from text, and added to a session.
fn fold() {
    let observations = Pipeline::new(PARTITIONS, 1_000.0).seconds(300);
    let text = lines(&observations);
    for (what, latencies) in [("read", LatenciesAre::Read), ("passed over", LatenciesAre::PassedOver)] {
        let (mut seen, mut skipped) = (Vec::new(), Skipped::default());
        let begun = Instant::now();
        for line in text.split(|byte| *byte == b'\n') {
            read_line(line, latencies, &mut seen, &mut skipped);
        }
        let rate = seen.len() as f64 / begun.elapsed().as_secs_f64() / 1e6;
        println!("{rate:.2} million observations/s read from text, latencies {what}");
    }
    let begun = Instant::now();
    let mut session = Session::new();
    for observation in &observations {
        session.apply(observation);
    }
    let rate = observations.len() as f64 / begun.elapsed().as_secs_f64() / 1e6;
    println!("{rate:.2} million observations/s folded into a session");
}

/// A long recording: open, first frame, reading on, and seeks to anywhere.
fn day(hours: u32) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("day.jsonl.zst");
    let begun = Instant::now();
    let bytes = day::write(&path, hours);
    println!("a recording of {hours} h, {:.0} MB, made in {:.0?}", bytes as f64 / 1e6, begun.elapsed());

    let begun = Instant::now();
    let mut player = Player::open(&path).unwrap();
    let first = player.header().started.after(Duration::from_secs(1));
    player.session_at(first).unwrap();
    println!("opened and at its first second: {:.1?}", begun.elapsed());
    let end = NOON.after(Duration::from_secs(u64::from(hours) * 3_600 + 60));
    while player.go_to(end).unwrap() == Reached::Reading {
        std::thread::sleep(Duration::from_millis(20));
    }
    println!("all of it read: {:.1?}, {} MB of snapshots", begun.elapsed(), player.survey().snapshot_bytes() >> 20);

    let mut dice = Dice::new(9);
    let mut times: Vec<Duration> = (0..200)
        .map(|_| {
            let at: Time = NOON.after(Duration::from_secs(dice.below(u64::from(hours) * 3_600)));
            let begun = Instant::now();
            player.go_to(at).unwrap();
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("200 seeks to anywhere: median {:.1?}, p95 {:.1?}, worst {:.1?}", times[100], times[190], times[199]);
}
