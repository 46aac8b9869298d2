//! The serve panel: what the store takes, and what of its capacity is left.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Span;
use ratatui::widgets::Widget;

use super::chart::{Chart, Scale, dot_columns, gauge};
use super::ingest::latency_row;
use super::row::Row;
use super::{FIGURE_ROWS, Scene, complete, draw_rows, panel};
use crate::figures;

/// Draws the panel.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, scene: Scene, scale: Scale) {
    let Scene { session, state, theme } = scene;
    let now = state.now;
    let block = panel("Serve", theme);
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

    let rate = session.stored_rate(now).map_or_else(|| "-".into(), |rate| figures::compact(rate.per_second()));
    let mut headline = Row::spaced(3).spans([
        Span::styled(format!(" {rate:>5}"), theme.strong.patch(theme.serve)),
        Span::styled(if head.width < 30 { "/s" } else { " writes/s" }, theme.quiet),
    ]);
    if let Some(units) = session.request_units(now) {
        headline = headline.field(format!("{:>5} RU/s", figures::compact(units.used.0)), theme.text);
    }
    headline.draw(head, buffer);

    let columns = dot_columns(chart.width);
    let values = session.stored_history.columns(complete(now), Duration::from_secs(columns as u64), columns);
    Chart { columns: &values, scale, style: theme.serve, quiet: theme.quiet }.draw(chart, buffer);

    draw_rows(foot, buffer, rows(scene, foot.width));
}

fn rows(scene: Scene, width: u16) -> Vec<Row<'static>> {
    let Scene { session, state, theme } = scene;
    let now = state.now;
    let label = |label: &'static str| Row::spaced(1).field(format!(" {label:<6}"), theme.quiet);
    let mut rows = Vec::new();
    if let Some(units) = session.request_units(now) {
        let style = match units.share {
            ..0.8 => theme.serve,
            ..0.95 => theme.warning,
            _ => theme.bad,
        };
        let (full, rest) = gauge(units.share, usize::from(width.saturating_sub(16)).min(24));
        rows.push(
            label("RU")
                .spans([Span::styled(full, style), Span::styled(rest, theme.quiet)])
                .field(format!("{:>6}", figures::percent(units.share)), theme.text),
        );
    }
    if let Some(provisioned) = session.provisioned {
        let of = format!("{:>7}", figures::compact(provisioned.0));
        rows.push(label("of").field(of, theme.text).field("RU/s provisioned", theme.quiet));
    }
    if let Some(throttled) = session.throttled_rate(now) {
        let style = if throttled >= 0.5 { theme.warning } else { theme.text };
        let rate = format!("{:>5}/s", figures::compact(throttled));
        rows.push(label("429s").field(rate, style).field("tried again", theme.quiet));
    }
    rows.push(latency_row("stored", &session.stored_latency, scene, width));
    if let Some(hottest) = session.request_units(now).and_then(|units| units.hottest) {
        rows.push(
            label("range")
                .field(format!("{:>7}", figures::percent(hottest.share)), theme.text)
                .field(format!("{} is hottest", hottest.range), theme.quiet),
        );
    }
    rows
}
