//! The store's physical partitions: a row for each, and one on the whole screen.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Widget};

use super::chart::{Chart, Scale, dot_columns, gauge, sparkline};
use super::row::{Row, shorten};
use super::{Scene, complete, draw_rows, edge, panel, watching};
use crate::figures;
use crate::model::observation::{Provisioned, Station};
use crate::model::session::{Range, Session};
use crate::model::units::RangeId;
use crate::ui::selection;
use crate::ui::state::ViewState;

/// Draws the table of all of them.
pub(super) fn draw_table(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let Scene { session, state, theme } = scene;
    let titles = ("Physical partitions", "Physical");
    let title = watching::titled(scene, Station::Store, titles, area.width);
    let unknown = match &session.throughput {
        Some(Provisioned::Unknown { reason }) => Some(shorten(reason, usize::from(area.width.saturating_sub(6)))),
        _ => None,
    };
    let edge = edge(unknown.map(|reason| Span::styled(reason, theme.quiet)), area.width, theme);
    let block = panel(&title, theme).title_bottom(edge);
    let inner = block.inner(area);
    block.render(area, buffer);
    let (first, shown) = visible(inner, session, state);
    let bar = usize::from(inner.width.saturating_sub(34)).min(24);
    let trend = usize::from(inner.width).saturating_sub(36 + bar).min(60);
    let heading =
        format!(" {:<6} {:>8}  {:<width$} {:>6}", "range", "writes/s", "RU/s of its part", "", width = bar.max(8));
    Line::styled(heading, theme.quiet).render(Rect { height: inner.height.min(1), ..inner }, buffer);
    for (y, (id, range)) in (inner.y + 1..inner.bottom()).zip(session.ranges.iter().skip(first).take(shown)) {
        let rate = range.writes.rate(state.now).map_or_else(|| "-".into(), figures::compact);
        let share = session.range_use(range, state.now);
        let (full, rest) = gauge(share.unwrap_or(0.0), bar.max(8));
        let style = share.map_or(theme.stale, |share| super::serve::share_style(share, theme.serve, scene));
        let mut row = Row::spaced(1)
            .field(format!(" {:<6}", super::row::shorten(&id.0, 6)), theme.text)
            .field(format!("{rate:>8} "), theme.text)
            .spans([Span::styled(full, style), Span::styled(rest, theme.quiet)])
            .field(format!("{:>6}", share.map_or_else(|| "-".into(), figures::percent)), theme.text);
        if trend >= 8 {
            let values = range.history.columns(complete(state.now), Duration::from_secs(trend as u64 * 2), trend);
            let top = values.iter().flatten().copied().fold(1.0, f64::max);
            row = row.field(sparkline(&values, top), theme.serve);
        }
        let place = Rect { y, height: 1, ..inner };
        row.draw(place, buffer);
        if state.selected_range.as_ref() == Some(id) {
            buffer.set_style(place, theme.selected);
        }
    }
    if shown < session.ranges.len() {
        let rest = Rect { y: inner.bottom() - 1, height: 1, ..inner };
        Line::styled(format!(" {shown} of {} shown", session.ranges.len()), theme.quiet).render(rest, buffer);
    }
}

/// The first row that is seen, and how many are.
fn visible(inner: Rect, session: &Session, state: &ViewState) -> (usize, usize) {
    let ranges = &session.ranges;
    let room = usize::from(inner.height.saturating_sub(1));
    let shown = if ranges.len() > room { room.saturating_sub(1) } else { ranges.len() };
    let selected = state.selected_range.as_ref().and_then(|id| ranges.keys().position(|row| row == id));
    (selection::first_row(ranges.len(), shown, selected), shown)
}

/// The range whose row is at a height of the table.
pub(super) fn range_at(area: Rect, y: u16, session: &Session, state: &ViewState) -> Option<RangeId> {
    let inner = Block::bordered().inner(area);
    let (first, shown) = visible(inner, session, state);
    let row = usize::from(y.checked_sub(inner.y + 1)?);
    (row < shown).then(|| session.ranges.keys().nth(first + row).cloned()).flatten()
}

/// Draws one of them over the whole area.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, scene: Scene, id: &RangeId) {
    let Scene { session, state, theme } = scene;
    let name = format!("Physical partition {id}");
    let block = panel(&name, theme);
    let inner = block.inner(area);
    block.render(area, buffer);
    let Some(range) = session.ranges.get(id) else {
        buffer.set_string(inner.x + 1, inner.y, format!("range {id} was not seen"), theme.quiet);
        return;
    };
    let [head, chart, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(4)]).areas(inner);
    let rate = range.writes.rate(state.now).map_or_else(|| "-".into(), figures::compact);
    Row::spaced(1)
        .field(format!(" {rate:>5}"), theme.strong.patch(theme.serve))
        .field("writes/s", theme.quiet)
        .draw(head, buffer);
    let columns = dot_columns(chart.width);
    let values = range.history.columns(complete(state.now), Duration::from_secs(columns as u64), columns);
    let largest = values.iter().flatten().copied().fold(0.0, f64::max);
    let scale = Scale::holding(largest, chart.height.saturating_sub(1));
    Chart { columns: &values, scale, style: theme.serve, quiet: theme.quiet }.draw(chart, buffer);
    draw_rows(foot, buffer, facts(range, scene));
}

fn facts(range: &Range, scene: Scene) -> Vec<Row<'static>> {
    let Scene { session, state, theme } = scene;
    let fact = |label: &'static str, figure: String, more: &'static str| {
        Row::spaced(1).field(format!(" {label:<11}"), theme.quiet).field(figure, theme.text).field(more, theme.quiet)
    };
    let writes = session.stored_rate(state.now).map(crate::model::units::EventRate::per_second);
    let of_writes = writes.zip(range.writes.rate(state.now)).filter(|(all, _)| *all > 0.0).map(|(all, its)| its / all);
    let percent = |share: Option<f64>| share.map_or_else(|| "-".into(), figures::percent);
    vec![
        fact("takes", percent(of_writes), "of all writes"),
        fact(
            "uses",
            percent(session.range_use(range, state.now)),
            "of its even part of the RU/s, estimated from its writes",
        ),
        fact("log at", figures::count(range.lsn.0), "its log sequence number, one more with each write"),
    ]
}
