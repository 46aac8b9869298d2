//! What a report says, and how: lines while it goes on, the summary at the end, and how far it is.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::complain;
use super::line_queue::LineQueue;
use crate::figures::{clock, count};
use crate::model::session::Session;
use crate::model::units::Time;
use crate::report::document::Document;
use crate::report::lines::Line;
use crate::report::markdown::markdown;
use crate::report::text::text;

/// How the lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LinesAs {
    /// JSON lines; the summary is the last one
    Json,
    /// CSV; the summary goes to standard error
    Csv,
    /// A table for people
    Table,
}

/// How the summary is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SummaryAs {
    /// For people.
    Text,
    /// For an issue.
    Markdown,
    /// One document.
    Json,
}

/// What is said on standard output, and how. Once nobody reads it any more nothing is said, and the verdict stands.
pub(super) struct Said {
    lines: Option<LinesAs>,
    every: Duration,
    summary: SummaryAs,
    output: Output,
    rows: u64,
}

/// How lines get out.
enum Output {
    /// Whoever reads slowly is waited for: a recording can wait.
    Straight { output: io::BufWriter<io::Stdout>, closed: bool, failure: Option<io::Error> },
    /// What is measured can't wait.
    Queued(LineQueue),
}

/// The table's heading is said again after so many rows: once a screen.
const HEAD_EVERY: u64 = 30;

impl Said {
    /// Of a recording.
    pub(super) fn of_recording(lines: Option<LinesAs>, every: Duration, summary: SummaryAs) -> Self {
        let output = Output::Straight { output: io::BufWriter::new(io::stdout()), closed: false, failure: None };
        Self { lines, every, summary, output, rows: 0 }
    }

    /// Of a live session.
    ///
    /// # Errors
    /// A thread that can't be started.
    pub(super) fn live(lines: Option<LinesAs>, every: Duration, summary: SummaryAs) -> io::Result<Self> {
        let output = Output::Queued(LineQueue::start(io::stdout())?);
        Ok(Self { lines, every, summary, output, rows: 0 })
    }

    pub(super) fn begin(&mut self) {
        if self.lines == Some(LinesAs::Csv) {
            self.say(Line::CSV_HEAD.into());
        }
    }

    /// A second of the session went by.
    pub(super) fn tick(&mut self, at: Time, session: &Session, bar: &Bar) {
        let Some(lines) = self.lines.filter(|_| !self.is_closed()) else { return };
        let second = session.started().map_or(0, |begin| at.since(begin).as_secs());
        if !second.is_multiple_of(self.every.as_secs()) {
            return;
        }
        let line = Line::of(session, at);
        let text = match lines {
            LinesAs::Json => line.json(),
            LinesAs::Csv => line.csv(),
            LinesAs::Table => {
                if self.rows.is_multiple_of(HEAD_EVERY) {
                    self.say(Line::TABLE_HEAD.into());
                }
                self.rows += 1;
                line.row()
            }
        };
        match self.output {
            Output::Straight { .. } => bar.aside(|| self.say(text)),
            // Another thread writes it, at a moment of its own.
            Output::Queued(_) => self.say(text),
        }
    }

    fn say(&mut self, line: String) {
        match &mut self.output {
            Output::Straight { closed: true, .. } => {}
            Output::Straight { output, closed, failure } => {
                if let Err(error) = writeln!(output, "{line}") {
                    *closed = true;
                    *failure = unread(error);
                }
            }
            Output::Queued(queue) => queue.say(line),
        }
    }

    /// Whether nobody reads any more what is said.
    pub(super) fn is_closed(&self) -> bool {
        match &self.output {
            Output::Straight { closed, .. } => *closed,
            Output::Queued(queue) => queue.is_closed(),
        }
    }

    /// Whether what is said can't be written, which is not the same as that nobody reads it.
    pub(super) fn failed(&self) -> bool {
        matches!(&self.output, Output::Straight { failure: Some(_), .. })
    }

    /// Gets out what waits of the lines.
    ///
    /// # Errors
    /// They can't be written, now or before.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let Output::Straight { output, closed, failure } = &mut self.output else { return Ok(()) };
        if !*closed && let Err(error) = output.flush() {
            *closed = true;
            *failure = unread(error);
        }
        failure.take().map_or(Ok(()), Err)
    }

    /// Says the summary of a recording.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub(super) fn summary(mut self, document: &Document) -> io::Result<()> {
        for line in last(self.lines, self.summary, document, 0) {
            self.say(line);
        }
        let Output::Straight { mut output, closed, failure } = self.output else { return Ok(()) };
        let flushed = if closed { Ok(()) } else { output.flush() };
        // What could not be written is not tried again.
        drop(output.into_parts());
        failure.or(flushed.err().and_then(unread)).map_or(Ok(()), Err)
    }

    /// Says the summary of a live session, and waits until it is read, for as long as it takes.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub(super) async fn live_summary(self, document: &Document) -> io::Result<()> {
        let failure = |error| unread(error).map_or(Ok(()), Err);
        let Self { lines, every, summary, output, rows } = self;
        match output {
            Output::Straight { .. } => Self { lines, every, summary, output, rows }.summary(document),
            Output::Queued(queue) => {
                let left_out = queue.left_out();
                // Once lines can't be written, that alone is said; who left is told on standard error all the same.
                if queue.is_closed() {
                    queue.finish(Vec::new()).await.or_else(failure)?;
                    last(lines, summary, document, left_out);
                    return Ok(());
                }
                queue.finish(last(lines, summary, document, left_out)).await.or_else(failure)
            }
        }
    }
}

/// The last lines. With CSV they go to standard error, so that a table stays one.
fn last(lines: Option<LinesAs>, summary: SummaryAs, document: &Document, left_out: u64) -> Vec<String> {
    let sentence = || format!("{} lines were left out: they were not read in time", count(left_out));
    match (lines, summary) {
        (Some(LinesAs::Json), _) if left_out > 0 => {
            vec![serde_json::json!({ "summary": document, "lines_left_out": left_out }).to_string()]
        }
        (Some(LinesAs::Json), _) => vec![serde_json::json!({ "summary": document }).to_string()],
        (Some(LinesAs::Csv), _) => {
            if left_out > 0 {
                complain(&sentence());
            }
            // A closed standard error leaves nobody to tell.
            drop(io::stderr().write_all(text(document).as_bytes()));
            Vec::new()
        }
        (_, SummaryAs::Json) => vec![serde_json::to_string_pretty(document).unwrap_or_default()],
        (_, SummaryAs::Markdown) => vec![markdown(document).trim_end().to_owned()],
        (lines, SummaryAs::Text) => {
            let mut last: Vec<String> = lines.map(|_| String::new()).into_iter().collect();
            if left_out > 0 {
                last.extend([sentence(), String::new()]);
            }
            last.push(text(document).trim_end().to_owned());
            last
        }
    }
}

/// Whoever reads no more wants no more: that is no failure.
fn unread(error: io::Error) -> Option<io::Error> {
    (error.kind() != io::ErrorKind::BrokenPipe).then_some(error)
}

/// How far it is, on a terminal: on standard error, so that standard output can go elsewhere.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn of_bytes() -> Self {
        Self::of("{bar:40} {percent:>3} %  {eta} left")
    }

    /// Of a session whose length is known. What it says is drawn twice a second, whether or not anything happens. Lines
    /// on the same terminal come when they come, and say how far it is themselves.
    pub(super) fn of_time(said: &Said) -> Self {
        if said.lines.is_some() && io::stdout().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        Self::of("{bar:40} {msg}")
    }

    fn of(template: &str) -> Self {
        let target = if io::stderr().is_terminal() {
            ProgressDrawTarget::stderr_with_hz(8)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(1), target);
        let style = ProgressStyle::with_template(template);
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    pub(super) fn show(&self, done: u64, all: u64) {
        self.0.set_length(all.max(1));
        self.0.set_position(done);
    }

    /// How much of the time is over.
    pub(super) fn show_time(&self, over: Duration, all: Duration) {
        self.show(over.as_secs(), all.as_secs());
        self.0.set_message(format!("{} of {}", clock(over.min(all)), clock(all)));
    }

    /// Says something while the bar stands aside.
    fn aside(&self, say: impl FnOnce()) {
        if self.0.is_hidden() {
            say();
        } else {
            self.0.suspend(say);
        }
    }

    pub(super) fn clear(&self) {
        self.0.finish_and_clear();
    }
}
