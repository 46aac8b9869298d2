//! What ingest and serve share: a headline with a rate, its chart, and rows of figures below.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::Span;
use ratatui::widgets::{Block, Widget};

use super::chart::{Chart, Scale, dot_columns};
use super::latency::{self, Picture};
use super::row::Row;
use super::{Scene, complete, draw_rows, edge, focused_panel};
use crate::figures;
use crate::model::latency::LatencyWindow;
use crate::model::series::Series;
use crate::model::units::EventRate;
use crate::ui::state::Panel;

/// Rows of figures of a rate panel.
const FIGURE_ROWS: u16 = 5;

/// One of the two panels whose charts stand side by side on one scale.
pub(super) struct RatePanel<'a> {
    pub(super) panel: Panel,
    /// The rate now, and what is counted: ` events/s`.
    pub(super) rate: Option<EventRate>,
    pub(super) unit: &'static str,
    /// A second figure of the headline, where it is known.
    pub(super) beside: Option<String>,
    pub(super) history: &'a Series,
    pub(super) style: Style,
    /// What stands on the lower edge of its frame.
    pub(super) edge: Vec<Span<'static>>,
}

impl RatePanel<'_> {
    /// Draws the panel; `rows` gives the figures below the chart for a width.
    pub(super) fn draw(
        self,
        area: Rect,
        buffer: &mut Buffer,
        scene: Scene,
        scale: Scale,
        rows: impl FnOnce(Scene, u16) -> Vec<Row<'static>>,
    ) {
        let theme = scene.theme;
        let edge = edge(self.edge, area.width, theme);
        let block = focused_panel(self.panel.title(), self.panel, scene).title_bottom(edge);
        let inner = block.inner(area);
        block.render(area, buffer);
        let [head, chart, foot] = inner_areas(inner);
        let rate = self.rate.map_or_else(|| "-".into(), |rate| figures::compact(rate.per_second()));
        let mut headline = Row::spaced(3).spans([
            Span::styled(format!(" {rate:>5}"), theme.strong.patch(self.style)),
            Span::styled(if head.width < 30 { "/s" } else { self.unit }, theme.quiet),
        ]);
        if let Some(beside) = self.beside {
            headline = headline.field(beside, theme.text);
        }
        headline.draw(head, buffer);

        let columns = dot_columns(chart.width);
        let span = Duration::from_secs(columns as u64);
        let values = self.history.columns(complete(scene.state.now), span, columns);
        Chart { columns: &values, scale, style: self.style, quiet: theme.quiet }.draw(chart, buffer);

        draw_rows(foot, buffer, rows(scene, foot.width));
    }
}

impl RatePanel<'_> {
    /// Draws the panel of a station that nobody looks at.
    pub(super) fn draw_unwatched(self, area: Rect, buffer: &mut Buffer, scene: Scene) {
        let block = focused_panel(self.panel.title(), self.panel, scene);
        let inner = block.inner(area);
        block.render(area, buffer);
        Row::default()
            .field(" not watched", scene.theme.quiet)
            .draw(Rect { height: inner.height.min(1), ..inner }, buffer);
    }
}

/// Headline, chart, and rows of figures: below the chart, or beside it where the panel is low and wide.
fn inner_areas(inner: Rect) -> [Rect; 3] {
    if inner.height < FIGURE_ROWS + 6 && inner.width >= 70 {
        let [left, foot] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(42)]).areas(inner);
        let [head, chart] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(left);
        return [head, chart, foot];
    }
    let blank = Constraint::Length(u16::from(inner.height > 20));
    let [head, _, chart, _, foot] =
        Layout::vertical([Constraint::Length(1), blank, Constraint::Fill(1), blank, Constraint::Length(FIGURE_ROWS)])
            .areas(inner);
    [head, chart, foot]
}

/// The width and the height of the chart of a rate panel.
pub(super) fn chart_size(area: Rect) -> (u16, u16) {
    let [_, chart, _] = inner_areas(Block::bordered().inner(area));
    (chart.width, chart.height)
}

/// The parts of a rate panel on the whole screen: the panel itself, the latencies' bands, rows of what it is made of, and
/// the latencies' heat map, which is empty where there is no room.
pub(super) fn zoomed_areas(area: Rect) -> [Rect; 4] {
    let wide = area.width >= 100;
    let [top, bottom] = Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)]).areas(area);
    if wide {
        let [rate, latencies] = Layout::horizontal([Constraint::Fill(1); 2]).areas(top);
        let [rows, heat] = Layout::horizontal([Constraint::Fill(1); 2]).areas(bottom);
        [rate, latencies, rows, heat]
    } else if area.height >= 30 {
        let [rate, latencies, rows] = Layout::vertical([Constraint::Fill(1); 3]).areas(area);
        [rate, latencies, rows, Rect::ZERO]
    } else {
        let [latencies, rows] = Layout::horizontal([Constraint::Fill(1); 2]).areas(bottom);
        [top, latencies, rows, Rect::ZERO]
    }
}

/// Draws what both panels have on the whole screen, the latencies: as bands, and where there is room as a heat map. `edge`
/// stands on the lower edge of the bands.
/// Gives the places of the panel itself and of the rows.
pub(super) fn zoomed(
    area: Rect,
    scene: Scene,
    (title, window, edge): (&str, Option<&LatencyWindow>, Vec<Span<'static>>),
    buffer: &mut Buffer,
) -> (Rect, Rect) {
    let [rate, bands, rows, heat] = zoomed_areas(area);
    latency::draw(bands, buffer, scene, (title, window, edge), Picture::Bands);
    if !heat.is_empty() {
        latency::draw(heat, buffer, scene, ("The same, all events", window, Vec::new()), Picture::HeatMap);
    }
    (rate, rows)
}

/// The scale of a rate panel that stands alone.
pub(super) fn rate_scale(scene: Scene, area: Rect, history: &Series) -> Scale {
    let (width, height) = chart_size(area);
    let columns = dot_columns(width);
    let values = history.columns(complete(scene.state.now), Duration::from_secs(columns as u64), columns);
    Scale::holding(values.into_iter().flatten().fold(0.0, f64::max), height.saturating_sub(1))
}
