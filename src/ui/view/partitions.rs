//! The table of partitions: a row for each, with as many columns as there is room for.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::Scene;
use super::chart::sparkline;
use crate::figures;
use crate::model::lag::{Lag, TimeLag};
use crate::model::partition::Partition;
use crate::model::session::Session;
use crate::model::status::Status;
use crate::model::units::PartitionId;
use crate::ui::selection;
use crate::ui::state::ViewState;

/// The table and which of its rows are seen.
pub(super) struct Table<'a> {
    rows: Vec<(PartitionId, &'a Partition)>,
    area: Rect,
    first: usize,
    shown: usize,
    columns: Columns,
}

impl<'a> Table<'a> {
    /// The partitions that the filter lets through, in the order that was asked for, around the selected one.
    pub(super) fn fitting(area: Rect, session: &'a Session, state: &ViewState) -> Self {
        let rows = selection::partitions(session, state);
        let room = usize::from(area.height.saturating_sub(1));
        // The last row says what there is beside what is seen.
        let whole = rows.len() == session.partitions.len() && rows.len() <= room;
        let shown = if whole { rows.len() } else { room.saturating_sub(1).min(rows.len()) };
        let selected = state.selected.and_then(|id| rows.iter().position(|(row, _)| *row == id));
        let first = selection::first_row(rows.len(), shown, selected);
        Self { rows, area, first, shown, columns: Columns::fitting(area.width, session.partitions.len()) }
    }

    /// The partition whose row is at a place.
    pub(super) fn partition_at(&self, (x, y): (u16, u16)) -> Option<PartitionId> {
        if !(self.area.left()..self.area.right()).contains(&x) {
            return None;
        }
        let row = usize::from(y.checked_sub(self.area.y + 1)?);
        (row < self.shown).then(|| self.rows.get(self.first + row).map(|(id, _)| *id)).flatten()
    }

    /// Draws heading, rows, and what there is beside them.
    pub(super) fn draw(&self, buffer: &mut Buffer, scene: Scene) {
        let Self { area, .. } = *self;
        if area.height < 2 {
            return;
        }
        self.columns.heading(scene).render(Rect { height: 1, ..area }, buffer);
        let visible = self.rows.iter().skip(self.first).take(self.shown);
        for (y, (id, partition)) in (area.y + 1..area.bottom()).zip(visible) {
            let row = Rect { y, height: 1, ..area };
            self.columns.row(*id, partition, scene).render(row, buffer);
            if scene.state.selected == Some(*id) {
                buffer.set_style(row, scene.theme.selected);
            }
        }
        if self.shown < scene.session.partitions.len() {
            let y = area.y + 1 + u16::try_from(self.shown).unwrap_or(0);
            self.summary(scene).render(Rect { y, height: 1, ..area }, buffer);
        }
    }

    /// `8 of 32 shown   24 ok   7 falling behind   1 stalled`.
    fn summary(&self, scene: Scene) -> Line<'static> {
        let Scene { session, state, theme } = scene;
        let filtered = if state.filter.is_empty() { String::new() } else { format!(" by \"{}\"", state.filter) };
        let text = format!("{} of {} shown{filtered}", self.shown, session.partitions.len());
        let mut spans = vec![Span::styled(text, theme.quiet)];
        for (status, count) in session.statuses(state.now).into_iter().rev() {
            let (glyph, style) = theme.status(status);
            spans.push(Span::styled(format!("  {glyph} {count}"), style));
        }
        Line::from(spans)
    }
}

/// Which columns there is room for, and how wide the trend is.
struct Columns {
    /// The number of a partition.
    number: usize,
    /// Events a second in and out.
    rates: bool,
    /// Age of the checkpoint and who holds the partition.
    holder: bool,
    trend: usize,
    word: usize,
}

impl Columns {
    /// Events and time, with the blanks before them; rates in and out; age of the checkpoint and who holds the partition.
    const FIGURES: usize = 16;
    const RATES: usize = 16;
    const HOLDER: usize = 28;

    fn fitting(width: u16, partitions: usize) -> Self {
        let number = if partitions > 1_000 { 4 } else { 3 };
        let free = usize::from(width).saturating_sub(number + Self::FIGURES);
        // The word first: `  ▲ falling behind` takes 18; what is left shows the trend, and then the rest.
        let word = free.min(18);
        let rates = free >= 18 + 12 + Self::RATES;
        let holder = free >= 18 + 40 + Self::RATES + Self::HOLDER;
        let taken = word + if rates { Self::RATES } else { 0 } + if holder { Self::HOLDER } else { 0 };
        let trend = free.saturating_sub(taken + 2).min(60);
        Self { number, rates, holder, trend: if trend < 4 { 0 } else { trend }, word }
    }

    fn heading(&self, scene: Scene) -> Line<'static> {
        let mut text = format!("{:>number$} {:>7} {:>7}", "#", "events", "time", number = self.number);
        if self.rates {
            text += &format!(" {:>7} {:>7}", "in/s", "out/s");
        }
        if self.trend > 0 {
            text += &format!("  {:<width$}", "trend", width = self.trend);
        }
        if self.holder {
            text += &format!(" {:<width$}", "", width = self.word - 1);
            text += &format!("  {:>6}  {}", "saved", "held by");
        }
        Line::styled(text, scene.theme.quiet)
    }

    fn row(&self, id: PartitionId, partition: &Partition, scene: Scene) -> Line<'static> {
        let Scene { state, theme, .. } = scene;
        let status = partition.status(state.now);
        let (glyph, style) = theme.status(status);
        let figure = if status == Status::Blind { theme.stale } else { theme.text };
        let (events, time) = lag_figures(partition, status);
        let mut spans = vec![
            Span::styled(format!("{:>number$} ", id.0, number = self.number), theme.quiet),
            Span::styled(format!("{events:>7} "), figure),
            Span::styled(format!("{time:>7}"), figure),
        ];
        if self.rates {
            for counter in [&partition.ingest, &partition.processed] {
                let rate = counter.rate(state.now).map_or_else(|| "-".into(), figures::compact);
                spans.push(Span::styled(format!(" {rate:>7}"), theme.quiet));
            }
        }
        if self.trend > 0 {
            spans.push(self.trend(partition, status, scene));
        }
        if self.word > 2 {
            spans.push(Span::styled(format!(" {glyph}"), style));
            spans.push(self.status_word(partition, status, scene, style));
        }
        if self.holder {
            let age = partition.checkpoint_age(state.now).map_or_else(|| "-".into(), whole_span);
            spans.push(Span::styled(format!("  {age:>6}  "), theme.quiet));
            let owner = partition.owner().unwrap_or("-");
            spans.push(Span::styled(super::row::shorten(owner, 18), theme.quiet));
        }
        if let Some(Lag::Behind { missed: missed @ 1.., .. }) = partition.lag() {
            spans.push(Span::styled(format!("  {} missed", figures::count(missed)), theme.bad));
        }
        Line::from(spans)
    }

    fn trend(&self, partition: &Partition, status: Status, scene: Scene) -> Span<'static> {
        let Scene { state, theme, .. } = scene;
        let span = Duration::from_secs(self.trend as u64 * 2);
        let values = partition.lag_history.columns(state.now, span, self.trend);
        // Each row has its own scale, but a lag within the allowance stays low: calm looks calm.
        let top = values.iter().flatten().fold(partition.allowance(state.now) * 2.0, |top, value| top.max(*value));
        let style = if status == Status::Ok { theme.quiet } else { theme.lag };
        Span::styled(format!("  {}", sparkline(&values, top)), style)
    }

    fn status_word(&self, partition: &Partition, status: Status, scene: Scene, style: Style) -> Span<'static> {
        let since = partition.status_for(scene.state.now).map(figures::lag_span);
        let word = match (status, since) {
            (Status::Stalled | Status::Blind, Some(since)) => format!("{} {since}", status.word()),
            _ => status.word().to_owned(),
        };
        let fits = |word: &str| word.chars().count() + 3 <= self.word;
        // Where even the short word does not fit, the glyph says it alone.
        let word = [word.as_str(), short(status)].into_iter().find(|word| fits(word)).unwrap_or_default();
        // With columns behind it, the word has a column of its own.
        let width = if self.holder { self.word - 3 } else { 0 };
        Span::styled(format!(" {word:<width$}"), if status == Status::Ok { scene.theme.quiet } else { style })
    }
}

/// The lag in events and in time, each in at most seven characters. What was true a while ago is marked as such, in the
/// figure itself.
fn lag_figures(partition: &Partition, status: Status) -> (String, String) {
    let events = match partition.lag() {
        // The column holds 999,999; past that the figure is told in short.
        Some(Lag::Behind { events: events @ ..1_000_000, .. }) => figures::count(events),
        Some(Lag::Behind { events, .. }) => figures::compact(events as f64),
        Some(Lag::NoPosition { retained }) => format!("({})", figures::compact(retained as f64)),
        None => "-".into(),
    };
    if status == Status::Blind {
        // Of what was never known there is nothing that was true a while ago.
        let mark = if partition.lag().is_some() { "?" } else { "" };
        return (format!("{events}{mark}"), "-".into());
    }
    let time = match partition.time_lag() {
        Some(TimeLag::About(span)) => figures::lag_span(span),
        Some(TimeLag::MoreThan(span)) => format!(">{}", figures::lag_span(span)),
        None => "-".into(),
    };
    (events, time)
}

/// A span of whole seconds: blob storage dates a write to the second, and anything finer would be invented.
pub(super) fn whole_span(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..100 => format!("{seconds} s"),
        _ => figures::span(span),
    }
}

/// The status in one short word, for a narrow panel.
fn short(status: Status) -> &'static str {
    match status {
        Status::FallingBehind => "growing",
        Status::Draining => "drains",
        Status::NoPosition => "none",
        other => other.word(),
    }
}
