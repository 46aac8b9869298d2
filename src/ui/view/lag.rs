//! The lag panel: a row for each partition, the worst on top.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::chart::sparkline;
use super::{Scene, panel};
use crate::figures;
use crate::model::lag::{Lag, TimeLag};
use crate::model::partition::Partition;
use crate::model::status::Status;
use crate::model::units::PartitionId;
use crate::ui::selection;

/// Draws the panel.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let Scene { session, state, theme } = scene;
    let total = session.lag_events();
    let blind = session.statuses(state.now).contains_key(&Status::Blind);
    let title = Line::from(vec![
        Span::styled(" ", theme.quiet),
        Span::styled(total.map_or_else(|| "-".into(), figures::count), if blind { theme.stale } else { theme.strong }),
        Span::styled(if blind { "?" } else { "" }, theme.stale),
        Span::styled(if area.width < 44 { " behind " } else { " events behind " }, theme.quiet),
    ]);
    let block = panel(if area.width < 44 { "Lag" } else { "Lag by partition" }, theme).title_top(title.right_aligned());
    let inner = block.inner(area);
    block.render(area, buffer);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(1), ..inner };
    if inner.height < 2 {
        return;
    }

    let columns = Columns::fitting(inner.width);
    columns.heading(scene).render(Rect { height: 1, ..inner }, buffer);

    let partitions = selection::partitions(session, state);
    let rows = usize::from(inner.height - 1);
    let shown = if partitions.len() > rows { rows.saturating_sub(1) } else { rows };
    let selected = state.selected.and_then(|id| partitions.iter().position(|(row, _)| *row == id));
    let first = selection::first_row(partitions.len(), shown, selected);
    let visible = partitions.iter().skip(first).take(shown);
    for (y, (id, partition)) in (inner.y + 1..inner.bottom()).zip(visible) {
        columns.row(*id, partition, scene).render(Rect { y, height: 1, ..inner }, buffer);
    }
    if partitions.len() > rows {
        let rest = Rect { y: inner.bottom() - 1, height: 1, ..inner };
        summary(scene, partitions.len(), shown).render(rest, buffer);
    }
}

/// `8 of 32 shown   24 ok   7 falling behind   1 stalled`.
fn summary(scene: Scene, partitions: usize, shown: usize) -> Line<'static> {
    let quiet = scene.theme.quiet;
    let mut spans = vec![Span::styled(format!("{shown} of {partitions} shown"), quiet)];
    for (status, count) in scene.session.statuses(scene.state.now).into_iter().rev() {
        let (glyph, style) = scene.theme.status(status);
        spans.push(Span::styled(format!("  {glyph} {count}"), style));
    }
    Line::from(spans)
}

/// Which columns there is room for, and how wide the trend is.
struct Columns {
    trend: usize,
    word: usize,
}

impl Columns {
    /// Partition, events and time, with the blanks between them.
    const FIGURES: usize = 19;

    fn fitting(width: u16) -> Self {
        let free = usize::from(width).saturating_sub(Self::FIGURES);
        // The word first: `  ▲ falling behind` takes 18; what is left shows the trend.
        let word = free.min(18);
        let trend = free.saturating_sub(word + 2).min(40);
        Self { trend: if trend < 4 { 0 } else { trend }, word }
    }

    fn heading(&self, scene: Scene) -> Line<'static> {
        let trend = if self.trend > 0 { format!("  {:<width$}", "trend", width = self.trend) } else { String::new() };
        let text = format!("{:>3} {:>7} {:>7}{trend}", "#", "events", "time");
        Line::styled(text, scene.theme.quiet)
    }

    fn row(&self, id: PartitionId, partition: &Partition, scene: Scene) -> Line<'static> {
        let Scene { state, theme, .. } = scene;
        let status = partition.status(state.now);
        let (glyph, style) = theme.status(status);
        let figure = if status == Status::Blind { theme.stale } else { theme.text };
        let events = match partition.lag() {
            Some(Lag::Behind { events, .. }) => figures::count(events),
            Some(Lag::NoPosition { retained }) => format!("({})", figures::compact(retained as f64)),
            None => "-".into(),
        };
        // The column holds 999,999; past that the figure is told in short.
        let events = if events.len() > 7 {
            figures::compact(partition.lag().and_then(Lag::events).unwrap_or(0) as f64)
        } else {
            events
        };
        // What was true a while ago is marked as such, in the figure itself.
        let events = if status == Status::Blind { format!("{events}?") } else { events };
        let time = match partition.time_lag() {
            _ if status == Status::Blind => "-".into(),
            Some(TimeLag::About(span)) => figures::lag_span(span),
            Some(TimeLag::MoreThan(span)) => format!(">{}", figures::lag_span(span)),
            None => "-".into(),
        };
        let mut spans = vec![
            Span::styled(format!("{:>3} ", id.0), theme.quiet),
            Span::styled(format!("{events:>7} "), figure),
            Span::styled(format!("{time:>7}"), figure),
        ];
        if self.trend > 0 {
            let span = Duration::from_secs(self.trend as u64 * 2);
            let values = partition.lag_history.columns(state.now, span, self.trend);
            // Each row has its own scale, but a lag within the allowance stays low: calm looks calm.
            let top = values.iter().flatten().fold(partition.allowance(state.now) * 2.0, |top, value| top.max(*value));
            let style = if status == Status::Ok { theme.quiet } else { theme.lag };
            spans.push(Span::styled(format!("  {}", sparkline(&values, top)), style));
        }
        if self.word > 8 {
            let word_style = if status == Status::Ok { theme.quiet } else { style };
            spans.push(Span::styled(format!(" {glyph}"), style));
            let since = partition.status_for(state.now).map(figures::lag_span);
            let word = match (status, since) {
                (Status::Stalled | Status::Blind, Some(since)) => format!("{} {since}", status.word()),
                _ => status.word().to_owned(),
            };
            let word = if word.chars().count() + 3 > self.word { short(status) } else { word };
            spans.push(Span::styled(format!(" {word}"), word_style));
        }
        if let Some(Lag::Behind { missed: missed @ 1.., .. }) = partition.lag() {
            spans.push(Span::styled(format!("  {} missed", figures::count(missed)), theme.bad));
        }
        Line::from(spans)
    }
}

/// The status in one short word, for a narrow panel.
fn short(status: Status) -> String {
    match status {
        Status::FallingBehind => "growing",
        Status::Draining => "drains",
        Status::NoPosition => "none",
        Status::Rewound => "rewound",
        other => other.word(),
    }
    .to_owned()
}
