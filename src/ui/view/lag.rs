//! The lag panel: a row for each partition; beyond 32 of them a cell for each, and rows for those that fare worst.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Widget};

use super::chart::{Chart, Scale, dot_columns};
use super::heat::{Grid, MOST_ROWS};
use super::partitions::Table;
use super::row::{Row, shorten};
use super::{Scene, complete, edge, focused_panel, watching};
use crate::figures;
use crate::model::observation::Station;
use crate::model::session::Session;
use crate::model::status::{Judge, Status};
use crate::model::units::PartitionId;
use crate::ui::state::{Panel, ViewState, Zoom};

/// Where the parts of the panel are.
struct Parts<'a> {
    grid: Option<Grid>,
    /// What the cells of the grid mean.
    legend: Rect,
    table: Table<'a>,
    /// Where there is room below the rows of few partitions: all that waits, over time.
    total: Rect,
}

/// Rows of the table that the grid leaves free at least: a heading, five partitions, and what there is beside them.
const TABLE: u16 = 7;

fn parts<'a>(area: Rect, session: &'a Session, state: &ViewState) -> Parts<'a> {
    let inner = Block::bordered().inner(area);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(1), ..inner };
    let partitions = session.partitions.len();
    let most = inner.height.saturating_sub(TABLE + 1);
    let grid = (partitions > MOST_ROWS && most > 0)
        .then(|| Grid::fitting(Rect { height: most, ..inner }, partitions))
        .flatten();
    let grid_height = grid.as_ref().map_or(0, Grid::height);
    let rows = u16::try_from(partitions).unwrap_or(u16::MAX).saturating_add(2);
    let total = inner.height.saturating_sub(rows).min(inner.height / 2);
    let [_, legend, table, total] = Layout::vertical([
        Constraint::Length(grid_height),
        Constraint::Length(u16::from(grid.is_some())),
        Constraint::Fill(1),
        Constraint::Length(if grid.is_none() && total >= 6 { total } else { 0 }),
    ])
    .areas(inner);
    Parts { grid, legend, table: Table::fitting(table, session, state), total }
}

/// The partition at a cell of the panel.
pub(super) fn partition_at(
    area: Rect,
    (x, y): (u16, u16),
    session: &Session,
    state: &ViewState,
) -> Option<PartitionId> {
    let Parts { grid, table, .. } = parts(area, session, state);
    let in_grid = grid.and_then(|grid| grid.partition_at((x, y)));
    match in_grid {
        Some(nth) => session.partitions.keys().nth(nth).copied(),
        None => table.partition_at((x, y)),
    }
}

/// Draws the panel.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let Scene { session, state, theme } = scene;
    let total = session.lag_events();
    let blind = session.statuses(state.now).contains_key(&Status::Blind);
    let mut title = vec![
        Span::styled(" ", theme.quiet),
        Span::styled(total.map_or_else(|| "-".into(), figures::count), if blind { theme.stale } else { theme.strong }),
        Span::styled(if blind && total.is_some() { "?" } else { "" }, theme.stale),
        Span::styled(if area.width < 44 { " behind " } else { " events behind " }, theme.quiet),
    ];
    if session.is_unwatched(Station::Checkpoints) {
        title = vec![Span::styled(" not watched ", theme.quiet)];
    }
    let is_large = area.width >= 100 || matches!(state.zoom, Zoom::Panel(_));
    if area.width >= 100 {
        title.push(Span::styled(format!("─ {} ", state.sort.name()), theme.quiet));
    }
    let name = if area.width < 44 { "Lag" } else { "Lag by partition" };
    let edge = edge(if is_large { positions(scene, area.width) } else { Vec::new() }, area.width, theme);
    let block = focused_panel(name, Panel::Lag, scene).title_top(Line::from(title).right_aligned()).title_bottom(edge);
    block.render(area, buffer);
    let Parts { grid, legend, table, total } = parts(area, session, state);
    if let Some(grid) = grid {
        grid.draw_lag(buffer, scene);
        draw_legend(legend, buffer, scene, grid.share());
    }
    table.draw(buffer, scene);
    draw_total(total, buffer, scene);
}

/// Whose positions these are, how old they may be, whether partitions change hands, and how the positions are written, for
/// an edge so wide.
fn positions(scene: Scene, width: u16) -> Vec<Span<'static>> {
    let Scene { session, state, theme } = scene;
    let mut fields: Vec<Span> = Vec::new();
    fields.extend(session.group.as_ref().map(|group| Span::styled(format!("consumer group {group}"), theme.quiet)));
    if let Some(round) = watching::round(scene, Station::Checkpoints) {
        fields.push(Span::styled(format!("each read every {}", figures::span(round)), theme.text));
    }
    if let (changes @ 1.., Some(last)) = (session.owner_changes_lately(state.now), session.owner_changed_at()) {
        let changes = if changes == 1 { "1 change of owner".into() } else { format!("{changes} changes of owner") };
        let ago = format!(", {} ago", figures::span(state.now.since(last)));
        let ago = if width < 100 { String::new() } else { ago };
        fields.push(Span::styled(changes + &ago, theme.text));
    }
    if let Some(forms) = session.forms_text() {
        // Several forms are cut rather than left out.
        let taken: usize = fields.iter().map(|field| field.width() + 3).sum();
        let room = usize::from(width).saturating_sub(taken + 8);
        fields.push(Span::styled(shorten(&format!("positions as {forms}"), room), theme.quiet));
    }
    // Where there is no room for them, the edge leaves them out.
    fields.extend(watching::cost(scene, Station::Checkpoints));
    fields
}

/// All that waits, over time.
fn draw_total(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let Scene { session, state, theme } = scene;
    if area.is_empty() || session.is_unwatched(Station::Checkpoints) {
        return;
    }
    let text = if area.width < 40 { "all together" } else { "all partitions together, events behind" };
    buffer.set_string(area.x, area.y, text, theme.quiet);
    let chart = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let columns = dot_columns(chart.width);
    let span = Duration::from_secs(columns as u64);
    let mut values = session.total_lag.columns(complete(state.now), span, columns);
    // What another consumer group had waiting is none of this one's.
    if let Some(since) = session.group_since() {
        let known = usize::try_from(complete(state.now).since(since).as_secs()).unwrap_or(usize::MAX);
        let before = values.len().saturating_sub(known);
        values.iter_mut().take(before).for_each(|value| *value = None);
    }
    // As in a row: a lag of the pipeline's allowance stays low, and calm looks calm.
    let allowance = Judge::allowance(session.ingest_rate(state.now).unwrap_or_default());
    let largest = values.iter().flatten().copied().fold(allowance * 2.0, f64::max);
    let scale = Scale::holding(largest, chart.height.saturating_sub(1));
    Chart { columns: &values, scale, style: theme.lag, quiet: theme.quiet }.draw(chart, buffer);
}

/// What a cell means. On the whole screen there is room for all of it.
fn draw_legend(area: Rect, buffer: &mut Buffer, scene: Scene, share: usize) {
    let theme = scene.theme;
    let each = match share {
        1 => "a cell: a partition".to_owned(),
        _ if area.width < 36 => format!("a cell: the worst of {share}"),
        _ => format!("a cell: the worst of {share} partitions"),
    };
    let mut row = Row::spaced(2).field(each, theme.quiet);
    if matches!(scene.state.zoom, Zoom::Panel(_)) {
        row = row.field("· ok", theme.quiet);
        for status in [Status::Stalled, Status::Rewound, Status::NoPosition, Status::Blind] {
            let (glyph, style) = theme.status(status);
            row = row.field(format!("{glyph} {}", status.word()), style);
        }
        let scale = [0.1, 0.3, 0.5, 0.7, 1.0].map(|share| {
            let (glyph, style) = theme.heat(share);
            Span::styled(glyph, style)
        });
        row = row.spans([Span::styled("lag ", theme.quiet)].into_iter().chain(scale));
    }
    row.draw(area, buffer);
}
