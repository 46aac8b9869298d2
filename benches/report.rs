//! What a report of a long recording costs: seconds and memory, and the same of the exports.
//!
//! `cargo bench --bench report`; `-- 2` takes a recording of 2 hours instead of 24. It needs room for it (about 14 MB an
//! hour) in the folder for temporary files, and some minutes. Peak memory is told where /proc says it (Linux).

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints its figures")]

#[path = "../tests/recording/mod.rs"]
mod recording;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use recording::{Pipeline, header};
use streamgauge::recording::format::LineWriter;
use streamgauge::recording::frame::Packer;

const PARTITIONS: u32 = 32;

fn main() {
    let hours: u32 = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(24);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.jsonl.zst");
    let bytes = write(&path, hours * 3_600);
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
    let status = format!("/proc/{}/status", child.id());
    let (done, watched) = std::sync::mpsc::channel();
    let watcher = std::thread::spawn(move || {
        let mut peak = None;
        while watched.recv_timeout(Duration::from_millis(20)).is_err() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
            peak = peak.max(kilobytes);
        }
        peak
    });
    let written = std::io::copy(&mut output, &mut std::io::sink()).unwrap();
    child.wait().unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    done.send(()).unwrap();
    let peak = watcher.join().unwrap();
    (seconds, peak.map_or_else(|| "-".into(), |kilobytes| (kilobytes / 1_024).to_string()), written)
}

/// Writes the frames as the writer does, without its thread and its waiting for the disk.
fn write(path: &Path, seconds: u32) -> u64 {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let mut packer = Packer::new().unwrap();
    file.write_all(&packer.pack(&header().to_line()).unwrap()).unwrap();
    let mut bytes = 0;
    let mut pipeline = Pipeline::new(PARTITIONS, 1_000.0);
    for _ in 0..seconds {
        let (mut lines, mut text) = (LineWriter::default(), Vec::new());
        pipeline.seconds(1).iter().for_each(|observation| lines.push(observation, &mut text));
        lines.finish(&mut text);
        let frame = packer.pack(&text).unwrap();
        bytes += frame.len() as u64;
        file.write_all(&frame).unwrap();
    }
    file.flush().unwrap();
    bytes
}
