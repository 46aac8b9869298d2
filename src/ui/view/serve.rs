//! The serve panel: what the store takes, and what of its capacity is left.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::Scene;
use super::chart::{Scale, gauge};
use super::ingest::latency_row;
use super::rate_panel::RatePanel;
use super::row::Row;
use crate::figures;

/// Draws the panel.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, scene: Scene, scale: Scale) {
    let Scene { session, state, theme } = scene;
    let units = session.request_units(state.now);
    let panel = RatePanel {
        title: "Serve",
        rate: session.stored_rate(state.now),
        unit: " writes/s",
        beside: units.map(|units| format!("{:>5} RU/s", figures::compact(units.used.0))),
        history: &session.stored_history,
        style: theme.serve,
    };
    panel.draw(area, buffer, scene, scale, rows);
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
