//! What a recording costs: bytes an hour, processor time of writing, opening and seeking in a day of it, and how fast
//! observations add up to a session.
//!
//! `cargo bench --bench recording`; `-- --hours 2` for a shorter day. It writes to the folder for temporary files.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints its figures")]

#[path = "../tests/recording/mod.rs"]
mod recording;

use std::time::Instant;

use recording::{Pipeline, header};
use streamgauge::model::observation::Observation;
use streamgauge::model::session::Session;
use streamgauge::recording::format::LineWriter;
use streamgauge::recording::frame::Packer;

/// Bytes an hour of 32 partitions at four looks a second, from two minutes of it, and what of it are histograms.
fn size() {
    println!("32 partitions, 4 looks a second: MB an hour");
    println!("{:>9} {:>9} {:>12} {:>10} {:>14}", "events/s", "packed", "no latencies", "as text", "us of CPU / s");
    for rate in [0.0, 100.0, 1_000.0, 2_000.0, 10_000.0] {
        let mut pipeline = Pipeline::new(32, rate);
        let mut packer = Packer::new().unwrap();
        let (mut packed, mut bare, mut text) = (0, 0, 0);
        let mut spent = std::time::Duration::ZERO;
        for _ in 0..120 {
            let observations = pipeline.seconds(1);
            let begun = Instant::now();
            let lines = lines(&observations);
            packed += packer.pack(&lines).unwrap().len();
            spent += begun.elapsed();
            text += lines.len();
            let without: Vec<_> = observations.into_iter().map(without_latencies).collect();
            bare += packer.pack(&self::lines(&without)).unwrap().len();
        }
        let hour = |bytes: usize| bytes as f64 * 30.0 / 1e6;
        println!(
            "{rate:>9} {:>9.2} {:>12.2} {:>10.1} {:>14.0}",
            hour(packed),
            hour(bare),
            hour(text),
            spent.as_secs_f64() * 1e6 / 120.0
        );
    }
}

fn lines(observations: &[Observation]) -> Vec<u8> {
    let (mut writer, mut text) = (LineWriter::default(), Vec::new());
    for observation in observations {
        writer.push(observation, &mut text);
    }
    writer.finish(&mut text);
    text
}

fn without_latencies(mut observation: Observation) -> Observation {
    use streamgauge::model::observation::Fact;
    match &mut observation.fact {
        Fact::Stored(stored) => stored.latency = recording::latencies([]),
        Fact::Load(load) => (load.from_due, load.from_send) = (recording::latencies([]), recording::latencies([])),
        _ => {}
    }
    observation
}

fn main() {
    size();
    let observations = Pipeline::new(32, 1_000.0).seconds(120);
    let mut session = Session::new();
    let begun = Instant::now();
    for observation in &observations {
        session.apply(observation);
    }
    let rate = observations.len() as f64 / begun.elapsed().as_secs_f64();
    println!("fold: {:.2} million observations/s", rate / 1e6);
    let _ = header();
}
