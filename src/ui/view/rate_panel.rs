//! What ingest and serve share: a headline with a rate, its chart, and rows of figures below.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::Span;
use ratatui::widgets::Widget;

use super::chart::{Chart, Scale, dot_columns};
use super::row::Row;
use super::{FIGURE_ROWS, Scene, complete, draw_rows, panel};
use crate::figures;
use crate::model::series::Series;
use crate::model::units::EventRate;

/// One of the two panels whose charts stand side by side on one scale.
pub(super) struct RatePanel<'a> {
    pub(super) title: &'static str,
    /// The rate now, and what is counted: ` events/s`.
    pub(super) rate: Option<EventRate>,
    pub(super) unit: &'static str,
    /// A second figure of the headline, where it is known.
    pub(super) beside: Option<String>,
    pub(super) history: &'a Series,
    pub(super) style: Style,
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
        let block = panel(self.title, theme);
        let inner = block.inner(area);
        block.render(area, buffer);
        let blank = Constraint::Length(u16::from(inner.height > 20));
        let [head, _, chart, _, foot] = Layout::vertical([
            Constraint::Length(1),
            blank,
            Constraint::Fill(1),
            blank,
            Constraint::Length(FIGURE_ROWS),
        ])
        .areas(inner);

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
