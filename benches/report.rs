//! What a report of a long recording costs: seconds and memory, and the same of the exports.
//!
//! `cargo bench --bench report`; `-- 2` takes a recording of 2 hours instead of 24. It needs room for it (about 14 MB an
//! hour) in the folder for temporary files, and some minutes. Peak memory is told where /proc says it (Linux).

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints its figures")]

#[path = "day/mod.rs"]
mod day;
#[path = "machine/mod.rs"]
mod machine;
#[path = "../tests/recording/mod.rs"]
mod recording;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use day::PARTITIONS;
use machine::peak_memory_of;

fn main() {
    let hours: u32 = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(24);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.jsonl.zst");
    let bytes = day::write(&path, hours);
    println!("a recording of {hours} h, {PARTITIONS} partitions, 1,000 events/s: {:.0} MB", bytes as f64 / 1e6);
    println!("{:<28} {:>10} {:>10} {:>12}", "command", "seconds", "peak MB", "MB written");
    let file = path.to_str().unwrap();
    for arguments in [
        &["report", file, "--json"][..],
        &["report", file, "--lines", "json"],
        &["export", file, "--csv", "-"],
        &["export", file, "--parquet", "-"],
        &["export", file, "--hlog", "-"],
    ] {
        let (seconds, peak, written) = cost(arguments);
        let name: Vec<&str> = arguments.iter().filter(|word| **word != file && **word != "-").copied().collect();
        println!("{:<28} {seconds:>10.1} {peak:>10} {:>12.1}", name.join(" "), written as f64 / 1e6);
    }
}

/// Seconds, peak memory in MB and bytes written by the program.
fn cost(arguments: &[&str]) -> (f64, String, u64) {
    let begun = Instant::now();
    let mut child =
        Command::new(env!("CARGO_BIN_EXE_streamgauge")).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    let id = child.id().to_string();
    let (done, watched) = std::sync::mpsc::channel();
    let watcher = std::thread::spawn(move || {
        let mut peak: Option<f64> = None;
        while watched.recv_timeout(Duration::from_millis(20)).is_err() {
            peak = peak_memory_of(&id).or(peak);
        }
        peak
    });
    let written = std::io::copy(&mut output, &mut std::io::sink()).unwrap();
    child.wait().unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    done.send(()).unwrap();
    let peak = watcher.join().unwrap();
    (seconds, peak.map_or_else(|| "-".into(), |megabytes| format!("{megabytes:.0}")), written)
}
