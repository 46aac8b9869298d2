//! What a process takes of the machine, as Linux tells it (proc(5)).

#![allow(dead_code, reason = "each benchmark has use for a part of it")]

use std::time::Duration;

/// The CPU time that a process (its id, or `self`) has used so far: user and system time, fields 14 and 15 of
/// `/proc/PID/stat`, in hundredths of a second. Zero where there is no such file.
pub(crate) fn cpu_of(process: &str) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The second field is the program's name in parentheses, which may hold spaces.
    let after_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// The resident memory of a process, in MB; `None` once it has ended.
pub(crate) fn memory_of(process: &str) -> Option<f64> {
    megabytes(process, "VmRSS:")
}

/// The most that it ever was, in MB; `None` once it has ended.
pub(crate) fn peak_memory_of(process: &str) -> Option<f64> {
    megabytes(process, "VmHWM:")
}

fn megabytes(process: &str, field: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1_024.0)
}
