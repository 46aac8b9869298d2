//! `streamgauge scenarios`: upstream's solutions, and what this version can watch of each.

use clap::Args;

use super::{Exit, say, write_out};
use crate::scenario::catalogue::SOLUTIONS;
use crate::scenario::file::SAMPLE;

/// The schema of a scenario file, for editors.
const SCHEMA: &str = include_str!("../../docs/scenario.schema.json");

/// Flags of the list.
#[derive(Debug, Args)]
pub struct ScenariosFlags {
    /// Print a commented scenario file instead: a beginning for one of your own
    #[arg(long)]
    sample: bool,
    /// Print the JSON schema of a scenario file instead, for an editor
    #[arg(long, conflicts_with = "sample")]
    schema: bool,
}

/// Runs the command.
pub(super) fn run(flags: &ScenariosFlags) -> Exit {
    if flags.sample {
        return write_out(SAMPLE.as_bytes());
    }
    if flags.schema {
        return write_out(SCHEMA.as_bytes());
    }
    let mut lines = vec!["Solutions of streaming-at-scale, and what this version watches of each:".to_owned()];
    for solution in SOLUTIONS {
        let flow = [solution.ingest_name(), solution.processor, solution.store_name()].join(" -> ");
        lines.push(format!("\n{}\n  {flow}\n  watches {}", solution.name, solution.watched()));
        for (station, missing) in solution.not_yet() {
            lines.push(format!("  not yet {station}: {}; {}", missing.what, missing.why));
        }
    }
    lines.push("\nstreamgauge attach --solution NAME --prefix P --partitions N\n".to_owned());
    for line in lines {
        if !say(line.trim_end_matches('\n')) {
            break;
        }
    }
    Exit::Done
}
