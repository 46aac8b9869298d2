//! The ingest panel: what enters the log.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::widgets::Widget;

use super::chart::{Chart, Scale, dot_columns};
use super::row::Row;
use super::{FIGURE_ROWS, Scene, complete, draw_rows, panel};
use crate::figures;
use crate::model::latency::{LatencyWindow, Percentiles};

/// Draws the panel.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, scene: Scene, scale: Scale) {
    let Scene { session, state, theme } = scene;
    let now = state.now;
    let block = panel("Ingest", theme);
    let inner = block.inner(area);
    block.render(area, buffer);
    let [head, _, chart, _, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(u16::from(inner.height > 20)),
        Constraint::Fill(1),
        Constraint::Length(u16::from(inner.height > 20)),
        Constraint::Length(FIGURE_ROWS),
    ])
    .areas(inner);

    let rate = session.ingest_rate(now).map_or_else(|| "-".into(), |rate| figures::compact(rate.per_second()));
    let mut headline = Row::spaced(3).spans([
        ratatui::text::Span::styled(format!(" {rate:>5}"), theme.strong.patch(theme.ingest)),
        ratatui::text::Span::styled(if head.width < 30 { "/s" } else { " events/s" }, theme.quiet),
    ]);
    if let Some(bytes) = session.load.as_ref().and_then(|load| load.bytes.rate(now)) {
        headline = headline.field(format!("{:>4} MB/s", figures::compact(bytes / 1e6)), theme.text);
    }
    headline.draw(head, buffer);

    let columns = dot_columns(chart.width);
    let values = session.ingest_history.columns(complete(now), Duration::from_secs(columns as u64), columns);
    Chart { columns: &values, scale, style: theme.ingest, quiet: theme.quiet }.draw(chart, buffer);

    draw_rows(foot, buffer, rows(scene, foot.width));
}

fn rows(scene: Scene, width: u16) -> Vec<Row<'static>> {
    let Scene { session, state, theme } = scene;
    let now = state.now;
    let label = |label: &'static str| Row::spaced(1).field(format!(" {label:<6}"), theme.quiet);
    let mut rows = Vec::new();
    if let Some(load) = &session.load {
        let target = figures::target(load.figures.target);
        let behind = load.figures.behind;
        let style = if behind.as_millis() >= 250 { theme.warning } else { theme.text };
        rows.push(label("target").field(format!("{target:>7}"), theme.text).labelled(
            "behind",
            theme.quiet,
            figures::lag_span(behind),
            style,
        ));
        rows.push(latency_row("due", &load.from_due, scene, width));
        rows.push(latency_row("send", &load.from_send, scene, width));
    }
    if let Some(skew) = session.skew(now) {
        let (word, style) = match skew {
            ..1.2 => ("even", theme.quiet),
            ..2.0 => ("uneven", theme.text),
            _ => ("one partition leads", theme.warning),
        };
        rows.push(label("skew").field(format!("{skew:>5.2} x"), theme.text).field(word, style));
    }
    let held: i64 = session
        .partitions
        .values()
        .filter_map(crate::model::partition::Partition::log_end)
        .map(|log_end| log_end.last.0 - log_end.earliest.0.max(0) + 1)
        .sum();
    if !session.partitions.is_empty() {
        rows.push(
            label("holds")
                .field(format!("{:>7}", figures::compact(held as f64)), theme.text)
                .field("events", theme.quiet),
        );
    }
    rows
}

/// `due    p50 1.4 ms  p99 6.1 ms  max 8.0 ms`; a narrow panel has the p99 alone.
pub(super) fn latency_row(label: &'static str, window: &LatencyWindow, scene: Scene, width: u16) -> Row<'static> {
    let Scene { state, theme, .. } = scene;
    let row = Row::spaced(1).field(format!(" {label:<6}"), theme.quiet);
    let Some(Percentiles { p50, p99, max, .. }) = window.percentiles(state.now) else {
        return row.field(format!("{:>7}", "-"), theme.stale);
    };
    [("p50", p50), ("p99", p99), ("max", max)]
        .into_iter()
        .filter(|(label, _)| width >= 30 || *label == "p99")
        .fold(row, |row, (label, span)| {
            row.labelled(label, theme.quiet, format!("{:>6}", figures::span(span)), theme.text)
        })
}
