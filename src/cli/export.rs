//! `streamgauge export`: pictures of a recording, one frame as SVG or the whole replay as an asciicast.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use ratatui::layout::Size;

use super::look::themes;
use super::output::{self, OutputError};
use super::{Exit, complain, replay, values};
use crate::recording::error::ReadError;
use crate::report::cast::{self, CastError, CastOptions};
use crate::report::frames::{FrameError, Frames, Look};
use crate::report::palette::Palette;
use crate::report::picture;
use crate::ui::state::Zoom;
use crate::ui::theme::ThemeError;

/// Flags of an export.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["svg", "cast"]))]
pub struct ExportFlags {
    /// The recording (.jsonl.zst or .jsonl), - for standard input, or the name of a sample
    file: PathBuf,
    /// Write one frame as SVG; - is standard output
    #[arg(long, value_name = "OUT")]
    svg: Option<PathBuf>,
    /// Write the replay as an asciicast v3; - is standard output
    #[arg(long, value_name = "OUT")]
    cast: Option<PathBuf>,
    /// The moment of the picture: 10s, 1m10s (from the start), 14:05 (UTC), start or end [default: end]
    #[arg(long, value_name = "TIME", conflicts_with = "cast")]
    at: Option<String>,
    /// Columns and rows, 80x24 to 500x200
    #[arg(long, value_name = "WxH", default_value = "120x36", value_parser = size)]
    size: Size,
    /// A theme's name or file; see `streamgauge themes`
    #[arg(long, value_name = "NAME|FILE", default_value = "dark")]
    theme: String,
    /// Fill the screen with ingest, lag, serve, timeline, log or the number of a partition
    #[arg(long, value_name = "WHAT", value_parser = Zoom::named)]
    zoom: Option<Zoom>,
    /// The word for the whole pipeline in big letters
    #[arg(long, hide_short_help = true)]
    big: bool,
    /// Where the cast begins [default: start]
    #[arg(long, value_name = "TIME", conflicts_with = "svg", hide_short_help = true)]
    from: Option<String>,
    /// Where the cast ends [default: end]
    #[arg(long, value_name = "TIME", conflicts_with = "svg", hide_short_help = true)]
    to: Option<String>,
    /// Frames a second of the cast, 1 to 30
    #[arg(long, value_name = "FRAMES", default_value = "4", value_parser = frames_per_second, conflicts_with = "svg", hide_short_help = true)]
    fps: u32,
    /// How fast the cast plays, from 1/8 to 64 times: 1/8, 1/4 .. 32, 64
    #[arg(long, value_name = "TIMES", default_value = "1", value_parser = doublings, conflicts_with = "svg", hide_short_help = true)]
    speed: i8,
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
}

/// Runs the command.
pub(super) fn run(flags: &ExportFlags) -> Exit {
    match export(flags) {
        Ok(()) => Exit::Done,
        Err(error) => {
            complain(&error);
            match error {
                Failure::Theme(ThemeError::Unknown { .. }) => Exit::Usage,
                _ => Exit::Failed,
            }
        }
    }
}

fn export(flags: &ExportFlags) -> Result<(), Failure> {
    let theme = themes().load(&flags.theme)?.theme;
    let player = replay::open(&flags.file)?;
    let palette = Palette::of_theme(&theme);
    let look = Look { theme, size: flags.size, zoom: flags.zoom.clone().unwrap_or(Zoom::Overview), big: flags.big };
    let mut frames = Frames::of(player, look)?;
    if let Some(path) = &flags.svg {
        frames.go_to(flags.at.as_deref().unwrap_or("end"))?;
        let (_, frame) = frames.draw()?;
        let picture = picture::svg(&frame, &palette);
        output::write(path, |to| {
            to.write_all(picture.as_bytes()).map_err(|reason| OutputError::unwritable(path, reason).into())
        })
    } else if let Some(path) = &flags.cast {
        let options = CastOptions {
            from: flags.from.clone(),
            to: flags.to.clone(),
            frames_per_second: flags.fps,
            doublings: flags.speed,
        };
        output::write(path, |mut to| {
            cast::write(&mut frames, &options, &palette, &mut to).map_err(|error| match error {
                CastError::Write(reason) => OutputError::unwritable(path, reason).into(),
                error => error.into(),
            })
        })
    } else {
        // The command line asks for one of the two.
        Ok(())
    }
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
