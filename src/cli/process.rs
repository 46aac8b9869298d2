//! `streamgauge process`: the stream processor alone, against a deployed scenario, without a screen.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::session::stop_signal;
use super::{Exit, complain, say, values};
use crate::azure::credentials::{CredentialError, Environment};
use crate::azure::{BlobAddress, CosmosAddress, EventHubsAddress};
use crate::figures;
use crate::model::observation::{Fact, Observation, ProcessorFigures, Station, StationState};
use crate::model::units::Time;
use crate::process::{Processor, ProcessorError, ProcessorOptions};
use crate::scenario::places::{IngestPlace, PositionPlace, StorePlace};
use crate::scenario::{Places, ScenarioFile};
use crate::toml_file::TomlFileError;

/// Flags of the processor alone.
#[derive(Debug, Args)]
pub struct ProcessFlags {
    /// The scenario file (.toml); `streamgauge scenarios --sample` prints one
    file: PathBuf,
    /// What this instance is called among those that share the partitions; started again under its name it has them
    /// back at once [default: a new name]
    #[arg(long, value_name = "NAME", value_parser = instance)]
    instance: Option<String>,
    /// Writes to the store at a time, 1 to 4096
    #[arg(long, value_name = "N", default_value = "128", value_parser = in_flight)]
    in_flight: u32,
    /// Between two lines on how it goes
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = values::span)]
    every: Duration,
}

fn in_flight(text: &str) -> Result<u32, String> {
    values::whole(text, "a number of writes", 1..=4_096)
}

/// It becomes a value of a blob's metadata, and so of an HTTP header.
fn instance(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_graphic());
    let sentence = || format!("{text:?} is no name: give up to 128 letters, digits and signs of ASCII, without spaces");
    fits.then(|| text.to_owned()).ok_or_else(sentence)
}

/// What went wrong, in one sentence.
#[derive(Debug, thiserror::Error)]
enum ProcessFailure {
    #[error(transparent)]
    File(#[from] TomlFileError),
    #[error(transparent)]
    Credential(#[from] CredentialError),
    #[error("{file} has no [{table}]; the processor needs {what}, see `streamgauge scenarios --sample`")]
    Missing { file: String, table: &'static str, what: &'static str },
    #[error(transparent)]
    Processor(#[from] ProcessorError),
    #[error("the runtime could not be started ({0}); close other programs and try again")]
    Runtime(std::io::Error),
}

/// Runs the command.
pub(super) fn run(flags: &ProcessFlags) -> Exit {
    match process(flags) {
        Ok(()) => Exit::Done,
        Err(error) => {
            complain(&error);
            Exit::Failed
        }
    }
}

fn process(flags: &ProcessFlags) -> Result<(), ProcessFailure> {
    let file = ScenarioFile::read(&flags.file)?;
    let variable = |name: &str| std::env::var(name).ok();
    let places = Places::of(&file, &Environment::new(&variable))?;
    let (ingest, group, checkpoints, store) = addresses(places, &flags.file.display().to_string())?;
    let defaults = ProcessorOptions::new(ingest, checkpoints, store);
    let options = ProcessorOptions {
        consumer_group: group,
        in_flight: flags.in_flight as usize,
        instance: flags.instance.clone().unwrap_or_else(|| defaults.instance.clone()),
        ..defaults
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(ProcessFailure::Runtime)?;
    let ended = runtime.block_on(async { until_stopped(options, flags.every, stop_signal()).await });
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(ended?)
}

/// Where it reads, keeps its checkpoints and writes.
fn addresses(
    places: Places,
    file: &str,
) -> Result<(EventHubsAddress, String, BlobAddress, CosmosAddress), ProcessFailure> {
    let missing = |table, what| ProcessFailure::Missing { file: file.to_owned(), table, what };
    let IngestPlace::EventHubs { address: ingest, group, .. } = places.ingest;
    let Some(PositionPlace::Checkpoints { address: checkpoints, .. }) = places.position else {
        return Err(missing("position.checkpoints", "a place for its checkpoints"));
    };
    let Some(StorePlace::Cosmos { address: store, .. }) = places.store else {
        return Err(missing("store.cosmos", "a store to write to"));
    };
    Ok((ingest, group, checkpoints, store))
}

/// Processes until it is asked to stop, or until nobody reads its lines any more; then ends in good order.
async fn until_stopped(
    options: ProcessorOptions,
    every: Duration,
    stop: impl Future<Output = ()>,
) -> Result<(), ProcessorError> {
    let name = options.instance.clone();
    let (tell, mut observations) = mpsc::channel::<Observation>(256);
    let running = Processor::new(options, tell).start()?;
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks.tick().await;
    let mut before = running.processor().figures();
    tokio::pin!(stop);
    let mut trouble = Trouble::default();
    let mut read = say(&format!("this instance is {name}; Ctrl-C stops it in good order"));
    while read {
        tokio::select! {
            () = &mut stop => break,
            _ = ticks.tick() => {
                let now = running.processor().figures();
                read = say(&line(&before, &now, every, running.partitions_held()));
                before = now;
            }
            Some(seen) = observations.recv() => match seen.fact {
                Fact::Station(Station::Processor, StationState::Retrying { reason, .. }) => {
                    trouble.told(reason, seen.at).inspect(|sentence| complain(sentence));
                }
                Fact::Station(Station::Processor, StationState::Connected) => {
                    trouble = Trouble::default();
                    read = say("all services answer");
                }
                _ => {}
            },
        }
    }
    let last = running.stop().await?;
    // Whoever closed the output wants no last line either.
    let _read = say(&format!(
        "stopped: {} events received, {} written, {} checkpoints; the partitions are let go",
        figures::count(last.received),
        figures::count(last.written),
        figures::count(last.checkpoints),
    ));
    Ok(())
}

/// What is away, told once and then now and then with how long it lasts, however often it is tried.
#[derive(Debug, Default)]
struct Trouble {
    since: Option<Time>,
    /// Each sentence, and when it was last said.
    said: BTreeMap<String, Time>,
}

impl Trouble {
    /// Between two lines about the same.
    const AGAIN: Duration = Duration::from_secs(30);

    /// The line to say, if one is due.
    fn told(&mut self, reason: String, at: Time) -> Option<String> {
        let since = *self.since.get_or_insert(at);
        self.said.retain(|_, said| at.since(*said) < Self::AGAIN);
        if self.said.contains_key(&reason) {
            return None;
        }
        let lasts = at.since(since);
        let line =
            if lasts < Self::AGAIN { reason.clone() } else { format!("{reason} (for {})", figures::span(lasts)) };
        self.said.insert(reason, at);
        Some(line)
    }
}

/// How it went since the line before: `1,000/s received  998/s written  2 partitions  12 checkpoints  0 retries`.
fn line(before: &ProcessorFigures, now: &ProcessorFigures, over: Duration, partitions: usize) -> String {
    let rate = |before: u64, now: u64| figures::compact(now.saturating_sub(before) as f64 / over.as_secs_f64());
    let retries = |figures: &ProcessorFigures| figures.throttled + figures.failed;
    let mut line = format!(
        "{}/s received  {}/s written  {partitions} partitions  {} checkpoints  {} retries",
        rate(before.received, now.received),
        rate(before.written, now.written),
        figures::count(now.checkpoints.saturating_sub(before.checkpoints)),
        figures::count(retries(now).saturating_sub(retries(before))),
    );
    if now.rejected > 0 {
        line += &format!("  {} events passed over so far", figures::count(now.rejected));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_happened_since_the_one_before() {
        let before = ProcessorFigures { received: 1_000, written: 900, checkpoints: 3, ..ProcessorFigures::default() };
        let now = ProcessorFigures {
            received: 6_000,
            written: 5_890,
            throttled: 7,
            failed: 2,
            checkpoints: 13,
            rejected: 4,
            ..ProcessorFigures::default()
        };
        assert_eq!(
            line(&before, &now, Duration::from_secs(5), 2),
            "1,000/s received  998/s written  2 partitions  10 checkpoints  9 retries  4 events passed over so far"
        );
    }

    #[test]
    fn what_is_away_is_told_now_and_then() {
        let mut trouble = Trouble::default();
        let mut told = Vec::new();
        for second in 0..=60 {
            // Two services take turns, as their attempts do.
            let reason = if second % 2 == 0 { "no store" } else { "no log" };
            let line = trouble.told(reason.into(), Time::from_millis(second * 1_000));
            told.extend(line.map(|line| (second, line)));
        }
        let told: Vec<(i64, &str)> = told.iter().map(|(second, line)| (*second, line.as_str())).collect();
        assert_eq!(
            told,
            [
                (0, "no store"),
                (1, "no log"),
                (30, "no store (for 30 s)"),
                (31, "no log (for 31 s)"),
                (60, "no store (for 60 s)")
            ]
        );
    }

    #[test]
    fn a_name_is_one_that_a_header_can_carry() {
        for name in ["host-1", "a", "node/3:x"] {
            assert_eq!(instance(name).as_deref(), Ok(name));
        }
        for name in ["", "two words", "gr\u{fc}n", "line\nbreak", &"x".repeat(129)] {
            assert!(instance(name).unwrap_err().contains("is no name"), "{name}");
        }
    }
}
