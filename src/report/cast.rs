//! A replay as an asciicast, version 3 (<https://docs.asciinema.org/manual/asciicast/v3/>): what a terminal would be sent
//! to show it, with the times between. Players, converters to GIF and web pages read it.

use std::io::{self, Write};
use std::time::Duration;

use crossterm::cursor::{Hide, Show};
use crossterm::queue;
use crossterm::style::force_color_output;
use crossterm::terminal::{Clear, ClearType};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use serde_json::json;

use super::frames::{FrameError, Frames};
use super::palette::{Palette, hex};
use crate::model::units::Time;

/// Which part of a recording becomes a cast, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CastOptions {
    /// Where to begin, as a person types it; `None` is the beginning.
    pub from: Option<String>,
    /// Where to end; `None` is the end.
    pub to: Option<String>,
    /// Frames in a second of the cast, 1 to 30.
    pub frames_per_second: u32,
    /// So many times twice as fast as it happened; below zero, half as fast.
    pub doublings: i8,
}

/// Why there is no cast.
#[derive(Debug, thiserror::Error)]
pub enum CastError {
    /// The recording, or a place in it.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// There is nothing between the two places.
    #[error("the cast would end before it begins; let --to be later than --from")]
    Backwards,
    /// Where it is written to.
    #[error("{0}")]
    Write(#[from] io::Error),
}

/// Writes the cast. Between two frames only the cells that changed are sent; the marks of the recording are its markers.
///
/// # Errors
/// [`CastError`], with what was written until then in `to`.
pub fn write(
    frames: &mut Frames,
    options: &CastOptions,
    palette: &Palette,
    to: &mut impl Write,
) -> Result<(), CastError> {
    // A cast is a picture, whatever the terminal is that it is made at.
    force_color_output(true);
    let first = frames.go_to(options.from.as_deref().unwrap_or("start"))?;
    let last = frames.go_to(options.to.as_deref().unwrap_or("end"))?;
    if last <= first {
        return Err(CastError::Backwards);
    }
    frames.go_to_moment(first);
    let marks: Vec<(Time, String)> =
        frames.marks().filter(|(at, _)| (first..=last).contains(at)).map(|(at, text)| (at, text.to_owned())).collect();
    let mut marks = marks.into_iter().peekable();
    frames.play(options.doublings);

    let frame_time = Duration::from_secs(1) / options.frames_per_second.clamp(1, 30);
    let mut events = Events { to, wall: Duration::ZERO, told: Duration::ZERO };
    let mut shown: Option<Buffer> = None;
    loop {
        let (at, frame) = frames.draw()?;
        if shown.is_none() {
            header(events.to, &frame, frames.title(), first, palette)?;
        }
        while let Some((_, text)) = marks.next_if(|(mark, _)| *mark <= at) {
            events.add("m", &text)?;
        }
        let bytes = output(shown.as_ref(), &frame)?;
        if !bytes.is_empty() {
            events.add("o", &bytes)?;
        }
        shown = Some(frame);
        if at >= last {
            break;
        }
        frames.wait(frame_time);
        events.wall += frame_time;
    }
    let mut goodbye = Vec::new();
    queue!(goodbye, Show)?;
    events.add("o", &String::from_utf8_lossy(&goodbye))?;
    events.add("x", "0")?;
    Ok(())
}

/// The first line.
fn header(to: &mut impl Write, frame: &Buffer, title: &str, begins: Time, palette: &Palette) -> io::Result<()> {
    let header = json!({
        "version": 3,
        "term": {
            "cols": frame.area.width,
            "rows": frame.area.height,
            "type": "xterm-256color",
            "theme": {
                "fg": hex(palette.foreground),
                "bg": hex(palette.background),
                "palette": palette.sixteen.map(hex).join(":"),
            },
        },
        "timestamp": begins.as_micros().div_euclid(1_000_000),
        "title": title,
    });
    writeln!(to, "{header}")
}

/// What a terminal that shows one frame is sent to show the next: nothing where no cell changed.
fn output(shown: Option<&Buffer>, next: &Buffer) -> io::Result<String> {
    let mut bytes = Vec::new();
    let blank;
    let before = if let Some(shown) = shown {
        shown
    } else {
        queue!(bytes, Hide, Clear(ClearType::All))?;
        blank = Buffer::empty(next.area);
        &blank
    };
    let changed = before.diff(next);
    if !changed.is_empty() {
        CrosstermBackend::new(&mut bytes).draw(changed.into_iter())?;
    }
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// The lines after the first: `[seconds since the line before, code, text]`.
struct Events<'a, W> {
    to: &'a mut W,
    wall: Duration,
    told: Duration,
}

impl<W: Write> Events<'_, W> {
    /// Milliseconds are rounded on the whole clock, so that the roundings don't add up.
    fn add(&mut self, code: &str, text: &str) -> io::Result<()> {
        let millis = |span: Duration| u64::try_from((span.as_micros() + 500) / 1_000).unwrap_or(u64::MAX);
        let interval = millis(self.wall) - millis(self.told);
        self.told = self.wall;
        let event = json!([interval as f64 / 1e3, code, text]);
        writeln!(self.to, "{event}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_add_up_to_the_clock() {
        let mut written = Vec::new();
        let mut events = Events { to: &mut written, wall: Duration::ZERO, told: Duration::ZERO };
        for frame in 1..=9_u32 {
            events.wall = Duration::from_secs(1) * frame / 3;
            events.add("m", "\"a\"\n").unwrap();
        }
        let text = String::from_utf8(written).unwrap();
        let read: Vec<(f64, String, String)> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let total: f64 = read.iter().map(|(interval, ..)| interval).sum();
        assert!((total - 3.0).abs() < 1e-9, "{text}");
        assert!(read.iter().all(|(_, code, label)| code == "m" && label == "\"a\"\n"));
    }

    #[test]
    fn cells_that_stay_are_not_sent() {
        let area = ratatui::layout::Rect::new(0, 0, 10, 2);
        let before = Buffer::with_lines(["keeping up", "1,000/s   "]);
        let mut after = before.clone();
        assert_eq!(before.area, area);
        assert_eq!(output(Some(&before), &after).unwrap(), "");
        after.set_string(0, 1, "1,001", ratatui::style::Style::new());
        let sent = output(Some(&before), &after).unwrap();
        assert!(sent.starts_with("\u{1b}[2;5H1") && !sent.contains("keeping"), "{sent:?}");
    }
}
