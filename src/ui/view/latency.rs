//! Latencies over the last minutes: bands of percentiles, and a heat map of how many events took how long. Both on a
//! logarithmic axis, from the histograms of each second.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::chart::draw_time;
use super::ingest::latency_row;
use super::{Scene, panel};
use crate::model::distribution::{Distribution, LatencyHistory};
use crate::model::latency::LatencyWindow;

/// The width of the labels of the axis, `100 ms`, a blank and the rule.
const AXIS: u16 = 8;

/// The bands from below: up to which quantile, and its name.
const BANDS: [(f64, &str); 4] = [(0.50, "p50"), (0.90, "p90"), (0.99, "p99"), (1.0, "max")];

/// What is drawn of latencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Picture {
    /// Bands of percentiles.
    Bands,
    /// A cell for each span of latency and time, the darker the more events.
    HeatMap,
}

/// A logarithmic axis of latency from some decade to another.
#[derive(Debug, Clone, Copy, PartialEq)]
struct LogAxis {
    low: f64,
    decades: f64,
    rows: u16,
}

impl LogAxis {
    /// The fewest decades that hold all columns; one at least.
    fn holding(columns: &[Option<Distribution>], rows: u16) -> Option<Self> {
        let quantile = |share| columns.iter().flatten().filter_map(move |column| column.quantile(share));
        let lowest = quantile(0.01).min()?.as_secs_f64();
        let highest = quantile(1.0).max()?.as_secs_f64();
        let low = lowest.log10().floor();
        let high = (highest.log10() - 1e-9).ceil().max(low + 1.0);
        Some(Self { low, decades: high - low, rows })
    }

    /// Where a latency stands: 0.0 is the foot of the axis, `rows` its top.
    fn place(self, latency: Duration) -> f64 {
        let share = (latency.as_secs_f64().max(1e-6).log10() - self.low) / self.decades;
        share.clamp(0.0, 1.0) * f64::from(self.rows)
    }

    /// Where a row begins, counted from the foot.
    fn begin(self, row: u16) -> Duration {
        let power = self.low + self.decades * f64::from(row) / f64::from(self.rows.max(1));
        Duration::from_secs_f64(10_f64.powf(power))
    }

    /// The decades that a label fits: each has its row.
    fn labels(self) -> Vec<(u16, Duration)> {
        let mut labels: Vec<(u16, Duration)> = Vec::new();
        let mut power = self.low;
        while power <= self.low + self.decades + 1e-9 {
            let latency = Duration::from_secs_f64(10_f64.powf(power));
            let row = self.row(latency);
            if labels.last().is_none_or(|(before, _)| *before < row) {
                labels.push((row, latency));
            }
            power += 1.0;
        }
        labels
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the rows")]
    fn row(self, latency: Duration) -> u16 {
        (self.place(latency).floor() as u16).min(self.rows.saturating_sub(1))
    }
}

/// Draws a panel with one of the two pictures, and the figures of the last ten seconds below.
pub(super) fn draw(
    area: Rect,
    buffer: &mut Buffer,
    scene: Scene,
    (title, window, edge): (&str, Option<&LatencyWindow>, Vec<Span<'static>>),
    picture: Picture,
) {
    let theme = scene.theme;
    let block = panel(title, theme).title_bottom(super::edge(edge, area.width, theme));
    let inner = block.inner(area);
    block.render(area, buffer);
    let Some(window) = window else {
        let text = " of our own load, and there is none";
        buffer.set_stringn(inner.x, inner.y, text, usize::from(inner.width), theme.quiet);
        return;
    };
    let foot = Rect { y: inner.bottom().saturating_sub(1), height: 1, ..inner };
    match picture {
        Picture::Bands => latency_row("10 s", window, scene, inner.width).draw(foot, buffer),
        Picture::HeatMap => heat_legend(scene).render(foot, buffer),
    }
    let chart = Rect { height: inner.height.saturating_sub(1), ..inner };
    if chart.height < 4 || chart.width <= AXIS + 4 {
        return;
    }
    let plot = Rect { x: chart.x + AXIS, width: chart.width - AXIS, height: chart.height - 1, ..chart };
    let each = LatencyHistory::SPAN.as_secs().div_ceil(u64::from(plot.width)).max(1);
    let columns = window.history.columns(super::complete(scene.state.now), each, usize::from(plot.width));
    let Some(axis) = LogAxis::holding(&columns, plot.height) else {
        let text = "no latencies in the last minutes";
        buffer.set_stringn(plot.x, plot.y, text, usize::from(plot.width), theme.quiet);
        return;
    };
    for y in plot.top()..plot.bottom() {
        buffer.set_string(plot.x - 1, y, "│", theme.quiet);
    }
    for (row, latency) in axis.labels() {
        let y = plot.bottom() - 1 - row;
        buffer.set_string(chart.x, y, format!("{:>6}", decade(latency)), theme.quiet);
        buffer.set_string(plot.x - 1, y, "┤", theme.quiet);
    }
    draw_time(plot, plot.bottom(), each, buffer, theme.quiet);
    match picture {
        Picture::Bands => draw_bands(plot, buffer, &columns, axis, scene),
        Picture::HeatMap => draw_heat_map(plot, buffer, &columns, axis, scene),
    }
}

/// A power of ten as text: `100 µs`, `1 ms`, `100 s`.
fn decade(latency: Duration) -> String {
    let seconds = latency.as_secs_f64();
    match seconds {
        ..0.000_9 => format!("{:.0} µs", seconds * 1e6),
        ..0.9 => format!("{:.0} ms", seconds * 1e3),
        _ => format!("{seconds:.0} s"),
    }
}

/// Each column filled from below: up to p50 darkest, and lighter up to p90, p99 and the maximum.
fn draw_bands(plot: Rect, buffer: &mut Buffer, columns: &[Option<Distribution>], axis: LogAxis, scene: Scene) {
    const GLYPHS: [&str; 4] = ["█", "▓", "▒", "░"];
    for (x, column) in (plot.left()..plot.right()).zip(columns) {
        let Some(column) = column else { continue };
        let mut from = 0;
        for ((share, _), (glyph, style)) in
            BANDS.into_iter().zip(GLYPHS.into_iter().zip(scene.theme.heat.iter().skip(1)))
        {
            let Some(latency) = column.quantile(share) else { continue };
            let to = axis.row(latency);
            // A band that ends in the row of the one below is not seen; the lower one says more of the events.
            for row in from..=to {
                buffer.set_string(x, plot.bottom() - 1 - row, glyph, *style);
            }
            from = from.max(to + 1);
        }
    }
    let mut x = plot.x + 1;
    for ((_, name), (glyph, style)) in
        BANDS.into_iter().zip(GLYPHS.into_iter().zip(scene.theme.heat.iter().skip(1))).rev()
    {
        let text = format!("{glyph} {name}  ");
        buffer.set_string(x, plot.y, &text, *style);
        x += u16::try_from(text.chars().count()).unwrap_or(0);
    }
}

/// A cell for each row of latency and column of time, by the share of the most events that a cell has.
fn draw_heat_map(plot: Rect, buffer: &mut Buffer, columns: &[Option<Distribution>], axis: LogAxis, scene: Scene) {
    let counts: Vec<Vec<u64>> = columns
        .iter()
        .map(|column| {
            let Some(column) = column else { return Vec::new() };
            (0..plot.height)
                .map(|row| {
                    let from = if row == 0 { Duration::ZERO } else { axis.begin(row) };
                    let to = if row + 1 == plot.height { Duration::MAX } else { axis.begin(row + 1) };
                    column.between(from, to)
                })
                .collect()
        })
        .collect();
    let most = counts.iter().flatten().copied().max().unwrap_or(0).max(1) as f64;
    for (x, column) in (plot.left()..plot.right()).zip(counts) {
        for (y, count) in (plot.top()..plot.bottom()).rev().zip(column) {
            if count > 0 {
                // The square root lets the few slow ones be seen beside the many quick ones.
                let (glyph, style) = scene.theme.heat((count as f64 / most).sqrt());
                buffer.set_string(x, y, glyph, style);
            }
        }
    }
}

/// `few · ░ ▒ ▓ █ many events`.
fn heat_legend(scene: Scene) -> Line<'static> {
    let theme = scene.theme;
    let mut spans = vec![Span::styled(" few ", theme.quiet)];
    for share in [0.1, 0.3, 0.5, 0.7, 1.0] {
        let (glyph, style) = theme.heat(share);
        spans.push(Span::styled(format!("{glyph} "), style));
    }
    spans.push(Span::styled("many events", theme.quiet));
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::observation::Latencies;

    #[test]
    fn the_axis_has_whole_decades() {
        let mut histogram = Latencies::histogram();
        [1_500, 2_000, 40_000].into_iter().for_each(|value| histogram.saturating_record(value));
        let axis = LogAxis::holding(&[None, Some(Distribution::of(&histogram))], 8).unwrap();
        let labels: Vec<(u16, String)> =
            axis.labels().into_iter().map(|(row, latency)| (row, decade(latency))).collect();
        assert_eq!(labels, [(0, "1 ms".into()), (4, "10 ms".into()), (7, "100 ms".into())]);
        assert_eq!(LogAxis::holding(&[None], 8), None);
    }
}
