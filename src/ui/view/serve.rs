//! The serve panel: what the store takes, and what of its capacity is left.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::Span;

use super::chart::{Scale, gauge};
use super::ingest::latency_row;
use super::rate_panel::{RatePanel, rate_scale, zoomed, zoomed_areas};
use super::row::Row;
use super::{Scene, range, watching};
use crate::figures;
use crate::model::observation::{Provisioned, Station};
use crate::model::session::Session;
use crate::model::units::RangeId;
use crate::ui::state::{Panel, ViewState};

/// Draws the panel.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, scene: Scene, scale: Scale) {
    draw_with(area, buffer, scene, scale, Vec::new());
}

fn draw_with(area: Rect, buffer: &mut Buffer, scene: Scene, scale: Scale, edge: Vec<Span<'static>>) {
    let Scene { session, state, theme } = scene;
    let units = session.request_units(state.now);
    let panel = RatePanel {
        panel: Panel::Serve,
        rate: session.stored_rate(state.now),
        unit: " writes/s",
        beside: units.map(|units| format!("{:>5} RU/s", figures::compact(units.used.0))),
        history: &session.stored_history,
        style: theme.serve,
        edge,
    };
    if session.is_unwatched(Station::Store) {
        panel.draw_unwatched(area, buffer, scene);
    } else {
        panel.draw(area, buffer, scene, scale, rows);
    }
}

/// Draws the panel over the whole area: the writes, where they go, and how long events take to arrive.
pub(super) fn draw_zoomed(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let Scene { session, state, theme } = scene;
    let exact = session.stored_resolution.filter(|resolution| !resolution.is_zero());
    let title = match exact {
        None => "From enqueued to stored".to_owned(),
        Some(exact) if area.width >= 100 => {
            format!("From enqueued to stored, at most {} too long", figures::span(exact))
        }
        Some(exact) => format!("Until stored, at most {} too long", figures::span(exact)),
    };
    let sample = session.feed_share(state.now).filter(|share| *share < WHOLE_FEED);
    let sample = sample.map(|share| format!("a sample: {} of the writes", figures::percent(share)));
    let sample = sample.map(|text| Span::styled(text, theme.quiet)).into_iter().collect();
    let (top, bottom) = zoomed(area, scene, (&title, Some(&session.stored_latency), sample), buffer);
    let scale = rate_scale(scene, top, &session.stored_history);
    draw_with(top, buffer, scene, scale, watching::cost(scene, Station::Store));
    range::draw_table(bottom, buffer, scene);
}

/// The physical partition at a cell of the zoomed panel.
pub(super) fn range_at(area: Rect, (x, y): (u16, u16), session: &Session, state: &ViewState) -> Option<RangeId> {
    let [_, _, rows, _] = zoomed_areas(area);
    rows.contains(Position::new(x, y)).then(|| range::range_at(rows, y, session, state)).flatten()
}

/// The change feed shows the last version of an item, so a few writes are never seen. Less than this is a sample.
const WHOLE_FEED: f64 = 0.9;

/// The style of a share of a capacity: calm up to 80 %.
pub(super) fn share_style(share: f64, calm: Style, scene: Scene) -> Style {
    match share {
        ..0.8 => calm,
        ..0.95 => scene.theme.warning,
        _ => scene.theme.bad,
    }
}

fn rows(scene: Scene, width: u16) -> Vec<Row<'static>> {
    let Scene { session, state, theme } = scene;
    let now = state.now;
    let label = |label: &'static str| Row::spaced(1).field(format!(" {label:<6}"), theme.quiet);
    let mut rows = Vec::new();
    if let Some(units) = session.request_units(now) {
        let style = share_style(units.share, theme.serve, scene);
        let (full, rest) = gauge(units.share, usize::from(width.saturating_sub(16)).min(24));
        rows.push(
            label("RU")
                .spans([Span::styled(full, style), Span::styled(rest, theme.quiet)])
                .field(format!("{:>6}", figures::percent(units.share)), theme.text),
        );
    }
    if let Some(provisioned) = &session.throughput {
        let (most, kind) = match provisioned {
            Provisioned::Manual(units) => (figures::compact(units.0), "RU/s provisioned"),
            Provisioned::Autoscale { most } => (figures::compact(most.0), "RU/s at most, autoscale"),
            Provisioned::Unknown { .. } => ("?".into(), "RU/s, not known"),
        };
        rows.push(label("of").field(format!("{most:>7}"), theme.text).field(kind, theme.quiet));
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
    } else if let Some((range, share)) = session.hottest_range(now) {
        let word = if share < 1.2 { "even".into() } else { format!("{range} takes most") };
        rows.push(label("range").field(format!("{share:>5.2} x"), theme.text).field(word, theme.quiet));
    }
    rows
}
