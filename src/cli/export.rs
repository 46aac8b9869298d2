//! `streamgauge export`: pictures of a recording (one frame as SVG, or the whole replay as an asciicast), and its figures
//! for other tools (partitions each second as CSV or Parquet, latencies as an interval log).

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};
use hdrhistogram::serialization::V2DeflateSerializer;
use ratatui::layout::Size;

use super::exit::{Cause, NoResult, no_result};
use super::interrupt::{Stop, UntilStopped, interruptible};
use super::look::themes;
use super::output::{self, OutputError};
use super::{Exit, complain, replay, values};
use crate::model::observation::Observation;
use crate::recording::error::ReadError;
use crate::recording::reader::Recording;
use crate::report::account::Account;
use crate::report::cast::{self, CastError, CastOptions};
use crate::report::document::LatencyName;
use crate::report::frames::{FrameError, Frames, Look};
use crate::report::latency_log::LatencyLog;
use crate::report::palette::Palette;
use crate::report::parquet_rows::ParquetRows;
use crate::report::picture;
use crate::report::reading::{self, ReadingError};
use crate::report::rows::{CsvRows, Row};
use crate::ui::state::Zoom;
use crate::ui::theme::ThemeError;

/// Flags of an export.
#[derive(Debug, Args)]
#[command(override_usage = "streamgauge export FILE --svg|--cast|--csv|--parquet|--hlog OUT [OPTIONS]")]
#[command(group = ArgGroup::new("what").required(true).args(["svg", "cast", "csv", "parquet", "hlog"]))]
pub struct ExportFlags {
    /// A recording (.jsonl.zst, .jsonl or -), or the name of a sample
    file: PathBuf,
    /// Write one frame as SVG; - is standard output
    #[arg(long, value_name = "OUT")]
    svg: Option<PathBuf>,
    /// Write the replay as an asciicast, version 3
    #[arg(long, value_name = "OUT")]
    cast: Option<PathBuf>,
    /// Write CSV by second and partition: docs/export.md
    #[arg(long, value_name = "OUT")]
    csv: Option<PathBuf>,
    /// Write the same as Parquet
    #[arg(long, value_name = "OUT")]
    parquet: Option<PathBuf>,
    /// Write latencies for HdrHistogram's tools (.hlog)
    #[arg(long, value_name = "OUT")]
    hlog: Option<PathBuf>,
    /// Which latencies the log holds
    #[arg(long, value_name = "WHICH", default_value = "stored", conflicts_with_all = ["svg", "cast", "csv", "parquet"], hide_short_help = true)]
    latency: Which,
    /// The moment of the picture: 10s, 1m10s (from the start), 14:05 (UTC), start or end [default: end]
    #[arg(long, value_name = "TIME", conflicts_with_all = ["cast", "csv", "parquet", "hlog"])]
    at: Option<String>,
    /// Columns and rows, 80x24 to 500x200
    #[arg(long, value_name = "WxH", default_value = "120x36", value_parser = size, conflicts_with_all = ["csv", "parquet", "hlog"])]
    size: Size,
    /// A theme's name or file; see `streamgauge themes`
    #[arg(long, value_name = "NAME|FILE", default_value = "dark", conflicts_with_all = ["csv", "parquet", "hlog"])]
    theme: String,
    /// Fill the screen with ingest, lag, serve, timeline, log or the number of a partition
    #[arg(long, value_name = "WHAT", value_parser = Zoom::named, conflicts_with_all = ["csv", "parquet", "hlog"], hide_short_help = true)]
    zoom: Option<Zoom>,
    /// The word for the whole pipeline in big letters
    #[arg(long, conflicts_with_all = ["csv", "parquet", "hlog"], hide_short_help = true)]
    big: bool,
    /// Where the cast begins [default: start]
    #[arg(long, value_name = "TIME", conflicts_with_all = ["svg", "csv", "parquet", "hlog"], hide_short_help = true)]
    from: Option<String>,
    /// Where the cast ends [default: end]
    #[arg(long, value_name = "TIME", conflicts_with_all = ["svg", "csv", "parquet", "hlog"], hide_short_help = true)]
    to: Option<String>,
    /// Frames a second of the cast, 1 to 30
    #[arg(long, value_name = "FRAMES", default_value = "4", value_parser = frames_per_second, conflicts_with_all = ["svg", "csv", "parquet", "hlog"], hide_short_help = true)]
    fps: u32,
    /// How fast the cast plays, from 1/8 to 64 times: 1/8, 1/4 .. 32, 64
    #[arg(long, value_name = "TIMES", default_value = "1", value_parser = doublings, conflicts_with_all = ["svg", "csv", "parquet", "hlog"], hide_short_help = true)]
    speed: i8,
}

/// Which latencies a log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// From due to acknowledged
    Due,
    /// From sent to acknowledged
    Send,
    /// From enqueued to stored
    Stored,
}

impl From<Which> for LatencyName {
    fn from(which: Which) -> Self {
        match which {
            Which::Due => Self::FromDue,
            Which::Send => Self::FromSend,
            Which::Stored => Self::Stored,
        }
    }
}

/// The sizes that a picture may have.
const SMALLEST: (u16, u16) = crate::ui::view::MINIMUM;
const LARGEST: (u16, u16) = (500, 200);

fn size(text: &str) -> Result<Size, String> {
    let figures =
        text.split_once(['x', 'X', '×']).and_then(|(wide, high)| Some((wide.parse().ok()?, high.parse().ok()?)));
    figures
        .filter(|(wide, high)| (SMALLEST.0..=LARGEST.0).contains(wide) && (SMALLEST.1..=LARGEST.1).contains(high))
        .map(|(wide, high)| Size::new(wide, high))
        .ok_or_else(|| {
            format!(
                "{text:?} is not a size: give columns x rows from {}x{} to {}x{}, such as 120x36",
                SMALLEST.0, SMALLEST.1, LARGEST.0, LARGEST.1
            )
        })
}

fn frames_per_second(text: &str) -> Result<u32, String> {
    values::whole(text, "a number of frames a second", 1..=30)
}

/// A speed as a power of two: `1/8` is -3, `64` is 6.
fn doublings(text: &str) -> Result<i8, String> {
    let speeds = ["1/8", "1/4", "1/2", "1", "2", "4", "8", "16", "32", "64"];
    let typed = text.trim_end_matches('x');
    let place = (-3_i8..).zip(speeds).find(|(_, speed)| *speed == typed);
    place.map(|(place, _)| place).ok_or_else(|| format!("{text:?} is not a speed: give one of {}", speeds.join(", ")))
}

/// What went wrong, in one sentence.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Theme(#[from] ThemeError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Cast(#[from] CastError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    Reading(#[from] ReadingError),
    #[error("{} is the recording itself; name another file to write", .0.display())]
    OntoItself(PathBuf),
    #[error("interrupted: nothing was written")]
    Interrupted,
    #[error("the runtime could not be started ({0}); close other programs and try again")]
    Runtime(io::Error),
}

/// Runs the command.
pub(super) fn run(flags: &ExportFlags) -> Exit {
    match export(flags) {
        Ok(()) => Exit::Done,
        // Whoever closed the pipe before the end wants no more.
        Err(Failure::Output(OutputError::Unwritable { reason, .. })) if reason.kind() == io::ErrorKind::BrokenPipe => {
            Exit::Done
        }
        Err(error) => no_result(&error),
    }
}

impl NoResult for Failure {
    fn cause(&self) -> Cause {
        match self {
            Self::Theme(_)
            | Self::OntoItself(_)
            | Self::Frame(FrameError::Place(_))
            | Self::Cast(CastError::Backwards | CastError::Frame(FrameError::Place(_))) => Cause::Asked,
            Self::Interrupted => Cause::Interrupted,
            Self::Read(_) | Self::Frame(_) | Self::Cast(_) | Self::Output(_) | Self::Reading(_) | Self::Runtime(_) => {
                Cause::Unable
            }
        }
    }
}

fn export(flags: &ExportFlags) -> Result<(), Failure> {
    let outputs = [&flags.svg, &flags.cast, &flags.csv, &flags.parquet, &flags.hlog];
    if let Some(path) = outputs.into_iter().flatten().find(|path| output::is_the_same(&flags.file, path)) {
        return Err(Failure::OntoItself(path.clone()));
    }
    let figures = match flags {
        ExportFlags { csv: Some(path), .. } => Some((path.clone(), Figures::Csv)),
        ExportFlags { parquet: Some(path), .. } => Some((path.clone(), Figures::Parquet)),
        ExportFlags { hlog: Some(path), .. } => Some((path.clone(), Figures::Latencies(flags.latency.into()))),
        _ => None,
    };
    if let Some((path, figures)) = figures {
        let file = flags.file.clone();
        let done = interruptible(move |stop| write_figures(&file, &path, figures, stop)).map_err(Failure::Runtime)?;
        return done.unwrap_or(Err(Failure::Interrupted));
    }
    let picture = Picture::of(flags)?;
    let done = interruptible(move |stop| picture.write(stop)).map_err(Failure::Runtime)?;
    done.unwrap_or(Err(Failure::Interrupted))
}

/// A picture of a recording, or many.
struct Picture {
    file: PathBuf,
    look: Look,
    to: PathBuf,
    shows: Shows,
}

enum Shows {
    /// One moment.
    Frame { at: String },
    /// The replay.
    Cast(CastOptions),
}

impl Picture {
    fn of(flags: &ExportFlags) -> Result<Self, Failure> {
        let theme = themes().load(&flags.theme)?.theme;
        let look = Look { theme, size: flags.size, zoom: flags.zoom.clone().unwrap_or(Zoom::Overview), big: flags.big };
        let (to, shows) = match &flags.cast {
            Some(path) => (
                path.clone(),
                Shows::Cast(CastOptions {
                    from: flags.from.clone(),
                    to: flags.to.clone(),
                    frames_per_second: flags.fps,
                    doublings: flags.speed,
                }),
            ),
            // The command line asks for one of the two.
            None => (
                flags.svg.clone().unwrap_or_default(),
                Shows::Frame { at: flags.at.clone().unwrap_or_else(|| "end".into()) },
            ),
        };
        Ok(Self { file: flags.file.clone(), look, to, shows })
    }

    fn write(self, stop: &Stop) -> Result<(), Failure> {
        let Self { file, look, to: path, shows } = self;
        let palette = Palette::of_theme(&look.theme);
        let mut frames = Frames::of(replay::open(&file)?, look)?;
        let written = match shows {
            Shows::Frame { at } => {
                frames.go_to(&at)?;
                let picture = picture::svg(&frames.draw()?.1, &palette);
                output::write(&path, |to| {
                    let written = UntilStopped::new(to, stop).write_all(picture.as_bytes());
                    written.map_err(|reason| OutputError::unwritable(&path, reason).into())
                })
            }
            Shows::Cast(options) => output::write(&path, |to| {
                let mut to = UntilStopped::new(to, stop);
                cast::write(&mut frames, &options, &palette, &mut to).map_err(|error| match error {
                    CastError::Write(reason) => OutputError::unwritable(&path, reason).into(),
                    error => error.into(),
                })
            }),
        };
        match written {
            Err(_) if stop.is_asked() => Err(Failure::Interrupted),
            Ok(()) => {
                tell_incomplete(&file, frames.flaw());
                Ok(())
            }
            written => written,
        }
    }
}

/// What is written of a recording that is not whole ends where that can't be read any more: nobody sees it in the file.
fn tell_incomplete(file: &Path, incomplete: Option<&str>) {
    if let Some(sentence) = incomplete {
        complain(&format_args!("{}: {sentence}", file.display()));
    }
}

/// Figures for other tools.
#[derive(Debug, Clone, Copy)]
enum Figures {
    Csv,
    Parquet,
    Latencies(LatencyName),
}

fn write_figures(file: &Path, path: &Path, figures: Figures, stop: &Stop) -> Result<(), Failure> {
    let recording = replay::recording(file)?;
    let mut incomplete = None;
    let written = output::write(path, |to| {
        let mut to = UntilStopped::new(to, stop);
        match figures {
            Figures::Csv => {
                let unwritable = |reason| OutputError::unwritable(path, reason);
                let mut rows = CsvRows::begin(&mut to).map_err(unwritable)?;
                incomplete = each_row(&recording, path, stop, |row| rows.write(&row))?;
                Ok(rows.finish().map_err(unwritable)?)
            }
            Figures::Parquet => {
                let unwritable = |reason| OutputError::unwritable(path, reason);
                let mut rows = ParquetRows::begin(&mut to).map_err(unwritable)?;
                incomplete = each_row(&recording, path, stop, |row| rows.write(row))?;
                Ok(rows.finish().map_err(unwritable)?)
            }
            Figures::Latencies(of) => {
                let mut packer = V2DeflateSerializer::new();
                incomplete = write_latencies(&recording, path, of, stop, &mut to, &mut packer)?;
                Ok(())
            }
        }
    });
    match written {
        Err(_) if stop.is_asked() => Err(Failure::Interrupted),
        Ok(()) => {
            tell_incomplete(file, incomplete.as_deref());
            Ok(())
        }
        written => written,
    }
}

/// Goes through a recording until the end, or until something goes wrong, or somebody wants an end. What is missing of the
/// recording comes back, in one sentence.
fn each(
    recording: &Recording,
    path: &Path,
    stop: &Stop,
    mut write: impl FnMut(&Observation) -> io::Result<()>,
) -> Result<Option<String>, Failure> {
    let mut outcome = Ok(());
    let origin = reading::read(recording, |observations, _| {
        if stop.is_asked() {
            outcome = Err(Failure::Interrupted);
        } else if let Err(reason) = observations.iter().try_for_each(&mut write) {
            outcome = Err(OutputError::unwritable(path, reason).into());
        }
        if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    outcome.map(|()| origin.incomplete)
}

fn each_row(
    recording: &Recording,
    path: &Path,
    stop: &Stop,
    mut write: impl FnMut(Row) -> io::Result<()>,
) -> Result<Option<String>, Failure> {
    let mut account = Account::new(Duration::ZERO);
    each(recording, path, stop, |observation| {
        let mut written = Ok(());
        account.apply(observation, &mut |at, session| {
            if written.is_ok() {
                written = Row::all(session, at).try_for_each(&mut write);
            }
        });
        written
    })
}

fn write_latencies<W: Write>(
    recording: &Recording,
    path: &Path,
    of: LatencyName,
    stop: &Stop,
    to: &mut W,
    packer: &mut V2DeflateSerializer,
) -> Result<Option<String>, Failure> {
    let begin = recording.header().started;
    let mut log = LatencyLog::begin(of, begin, to, packer).map_err(|reason| OutputError::unwritable(path, reason))?;
    each(recording, path, stop, |observation| log.write(observation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_speeds_that_are_understood() {
        assert_eq!(size("120x36"), Ok(Size::new(120, 36)));
        assert_eq!(size("80X24"), Ok(Size::new(80, 24)));
        assert_eq!(size("500×200"), Ok(Size::new(500, 200)));
        assert_eq!([doublings("1/8"), doublings("1"), doublings("64"), doublings("4x")], [Ok(-3), Ok(0), Ok(6), Ok(2)]);
    }

    #[test]
    fn sizes_and_speeds_that_are_not() {
        for text in ["", "120", "79x24", "80x23", "501x36", "120x201", "120x36x2", "-1x36", "axb", "99999999x36"] {
            let sentence = size(text).unwrap_err();
            assert!(sentence.starts_with(&format!("{text:?} is not a size: ")), "{sentence}");
        }
        for text in ["", "0", "3", "128", "1/16", "fast", "0.5"] {
            assert!(doublings(text).unwrap_err().contains("give one of 1/8, 1/4"), "{text}");
        }
    }
}
