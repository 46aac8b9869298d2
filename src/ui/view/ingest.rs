//! The ingest panel: what enters the log.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;
use ratatui::widgets::Widget;

use super::chart::{Scale, gauge};
use super::heat::Grid;
use super::rate_panel::{RatePanel, rate_scale, zoomed};
use super::row::Row;
use super::serve::share_style;
use super::{Scene, panel, watching};
use crate::figures;
use crate::model::capacity::{IngestUse, Of};
use crate::model::latency::{LatencyWindow, Percentiles};
use crate::model::observation::Station;
use crate::ui::state::Panel;

/// Draws the panel.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, scene: Scene, scale: Scale) {
    draw_with(area, buffer, scene, scale, Vec::new());
}

fn draw_with(area: Rect, buffer: &mut Buffer, scene: Scene, scale: Scale, edge: Vec<Span<'static>>) {
    let Scene { session, state, theme } = scene;
    let bytes = session.load.as_ref().and_then(|load| load.bytes.rate(state.now));
    let panel = RatePanel {
        panel: Panel::Ingest,
        rate: session.ingest_rate(state.now),
        unit: " events/s",
        beside: bytes.map(|bytes| format!("{:>4} MB/s", figures::compact(bytes / 1e6))),
        history: &session.ingest_history,
        style: theme.ingest,
        edge,
    };
    panel.draw(area, buffer, scene, scale, rows);
}

/// Draws the panel over the whole area: the rate, what the partitions get of it, and how long the sends take.
pub(super) fn draw_zoomed(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let latencies = scene.session.load.as_ref().map(|load| &load.from_due);
    let (top, bottom) = zoomed(area, scene, ("From due to acknowledged", latencies, Vec::new()), buffer);
    let scale = rate_scale(scene, top, &scene.session.ingest_history);
    draw_with(top, buffer, scene, scale, watching::cost(scene, Station::Ingest));
    draw_partitions(bottom, buffer, scene);
}

/// What each partition gets: a bar for each, or a cell where they are many.
fn draw_partitions(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let Scene { session, state, theme } = scene;
    let titles = ("Events in, by partition", "By partition");
    let title = watching::titled(scene, Station::Ingest, titles, area.width);
    let block = panel(&title, theme);
    let inner = block.inner(area);
    block.render(area, buffer);
    if session.partitions.len() > usize::from(inner.height) {
        if let Some(grid) = Grid::fitting(inner, session.partitions.len()) {
            grid.draw_ingest(buffer, scene);
        }
        return;
    }
    let rates: Vec<Option<f64>> =
        session.partitions.values().map(|partition| partition.ingest.rate(state.now)).collect();
    let most = rates.iter().flatten().copied().fold(f64::MIN_POSITIVE, f64::max);
    for ((y, id), rate) in (inner.top()..).zip(session.partitions.keys()).zip(rates) {
        let (full, rest) = gauge(rate.unwrap_or(0.0) / most, usize::from(inner.width.saturating_sub(18)).min(60));
        let figure = rate.map_or_else(|| "-".into(), |rate| format!("{}/s", figures::compact(rate)));
        Row::spaced(1)
            .field(format!("{:>5}", id.0), theme.quiet)
            .field(format!("{figure:>8}"), theme.text)
            .spans([Span::styled(full, theme.ingest), Span::styled(rest, theme.quiet)])
            .draw(Rect { y, height: 1, ..inner }, buffer);
    }
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
    if let Some(IngestUse { capacity, share, of }) = session.ingest_use(now) {
        let (full, rest) = gauge(share, usize::from(width.saturating_sub(16)).min(10));
        let of = match of {
            _ if width < 42 => format!("of {}", capacity.units()),
            Of::Events if width < 60 => format!("of {}, by events", capacity.units()),
            Of::Bytes if width < 60 => format!("of {}, by bytes", capacity.units()),
            Of::Events => format!("of {}, by events", capacity.text()),
            Of::Bytes => format!("of {}, by bytes", capacity.text()),
        };
        rows.push(
            label("units")
                .spans([Span::styled(full, share_style(share, theme.ingest, scene)), Span::styled(rest, theme.quiet)])
                .field(format!("{:>6}", figures::percent(share)), theme.text)
                .field(of, theme.quiet),
        );
    }
    if let Some(skew) = session.skew(now) {
        let (word, style) = match skew {
            ..1.2 => ("even", theme.quiet),
            ..2.0 => ("uneven", theme.text),
            _ => ("one partition leads", theme.warning),
        };
        rows.push(label("skew").field(format!("{skew:>5.2} x"), theme.text).field(word, style));
    }
    if !session.partitions.is_empty() {
        rows.push(
            label("holds")
                .field(format!("{:>7}", figures::compact(session.held_events() as f64)), theme.text)
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
