//! One frame: cells from a session, a view state and a theme. Nothing here waits, asks for the time, or changes
//! anything but the cells.

mod big;
mod caption;
mod chart;
pub mod compare;
mod flow;
mod footer;
mod groups;
mod heat;
mod help;
mod ingest;
mod lag;
mod latency;
mod log;
mod partition;
mod partitions;
mod range;
mod rate_panel;
mod row;
mod serve;
mod tally;
mod timeline;
mod watching;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Widget};

use crate::model::health::Health;
use crate::model::session::Session;
use crate::model::units::{PartitionId, RangeId, Time};

use super::state::{Mode, Panel, ViewState, Zoom};
use super::theme::Theme;
use chart::{Scale, dot_columns};

pub use big::ROOM as ROOM_FOR_BIG;
pub use caption::LONGEST as LONGEST_CAPTION;

/// The smallest terminal that the whole screen fits.
pub const MINIMUM: (u16, u16) = (80, 24);

/// What every panel draws from.
#[derive(Debug, Clone, Copy)]
struct Scene<'a> {
    session: &'a Session,
    state: &'a ViewState,
    theme: &'a Theme,
}

/// Draws one frame.
pub fn draw(area: Rect, buffer: &mut Buffer, session: &Session, state: &ViewState, theme: &Theme) {
    let scene = Scene { session, state, theme };
    if area.width < MINIMUM.0 || area.height < MINIMUM.1 {
        let word = Health::of(session, state.now).word;
        let (glyph, style) = theme.health(word);
        too_small(area, buffer, Line::styled(format!("{glyph} {}", word.text()), style), theme);
        return;
    }
    let [header, stage, below] = stage(area, state);
    big::draw(header, buffer, scene);
    caption::draw(below, buffer, scene);
    let word = Health::of(session, state.now);
    let Areas { title, health, flow, body, footer } = areas(stage, &word);
    flow::draw_title(inside(title), buffer, scene);
    flow::draw_health(inside(health), buffer, &word, theme);
    flow::draw_flow(inside(flow), buffer, scene);
    match &state.zoom {
        Zoom::Overview => draw_overview(body, buffer, scene),
        Zoom::Panel(Panel::Ingest) => ingest::draw_zoomed(body, buffer, scene),
        Zoom::Panel(Panel::Lag) => lag::draw(body, buffer, scene),
        Zoom::Panel(Panel::Serve) => serve::draw_zoomed(body, buffer, scene),
        Zoom::Panel(Panel::Timeline) => timeline::draw_zoomed(body, buffer, scene),
        Zoom::Panel(Panel::Log) => log::draw(body, buffer, scene),
        Zoom::Partition(id) => partition::draw(body, buffer, scene, *id),
        Zoom::Range(id) => range::draw(body, buffer, scene, id),
    }
    footer::draw(inside(footer), buffer, scene);
    if state.groups.pointed().is_some() {
        groups::draw(area, buffer, scene);
    }
    if state.help {
        help::draw(area, buffer, scene);
    }
}

/// The panels side by side, the timeline and the tally.
fn draw_overview(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let Overview { panels: [left, middle, right], timeline, tally } = overview(area);
    // Ingest and serve share one scale, so that the eye can compare them.
    let scale = common_scale(scene, rate_panel::chart_size(left));
    ingest::draw(left, buffer, scene, scale);
    lag::draw(middle, buffer, scene);
    serve::draw(right, buffer, scene, scale);

    if is_roomy(area) {
        timeline::draw(timeline, buffer, scene);
        let block = panel("Tally", scene.theme);
        let inner = block.inner(tally);
        block.render(tally, buffer);
        tally::draw(inside(inner), buffer, scene);
    } else if matches!(scene.state.mode, Mode::Playback(_)) {
        // Where there is no room for both, who looks at the past needs to see where in it he is.
        timeline::draw_line(inside(tally), buffer, scene);
    } else {
        tally::draw(inside(tally), buffer, scene);
    }
}

/// The big header, the screen itself, and the caption below it.
fn stage(area: Rect, state: &ViewState) -> [Rect; 3] {
    let (header, _) = big::split(area, state);
    let (rest, below) = caption::split(area, state);
    [header, Rect { y: header.bottom(), height: rest.height.saturating_sub(header.height), ..area }, below]
}

/// A row less its margins.
fn inside(row: Rect) -> Rect {
    Rect { x: row.x + 1, width: row.width.saturating_sub(2), ..row }
}

/// The parts of the screen.
struct Areas {
    title: Rect,
    health: Rect,
    flow: Rect,
    /// The panels, or what is larger than the others.
    body: Rect,
    footer: Rect,
}

fn areas(area: Rect, word: &Health) -> Areas {
    let is_tall = area.height >= 34;
    let blank = Constraint::Length(u16::from(is_tall));
    let health = flow::health_rows(word, inside(area).width, is_tall);
    // A sentence of several rows takes the blank below it first, so that the panels stay where they are.
    let below = Constraint::Length(u16::from(is_tall && health == 1));
    let [title, _, health, _, flow, _, body, _, footer] = Layout::vertical([
        Constraint::Length(1),
        blank,
        Constraint::Length(health),
        below,
        Constraint::Length(2),
        blank,
        Constraint::Fill(1),
        Constraint::Length(u16::from(area.height >= 30)),
        Constraint::Length(1),
    ])
    .areas(area);
    Areas { title, health, flow, body, footer }
}

/// The parts of the body while everything is side by side.
struct Overview {
    panels: [Rect; 3],
    timeline: Rect,
    tally: Rect,
}

/// Whether a body has room for the timeline.
fn is_roomy(body: Rect) -> bool {
    body.height >= 25
}

fn overview(body: Rect) -> Overview {
    let roomy = is_roomy(body);
    let [panels, timeline, tally] = Layout::vertical([
        Constraint::Fill(1),
        Constraint::Length(if roomy { 6 } else { 0 }),
        Constraint::Length(if roomy { 3 } else { 1 }),
    ])
    .areas(body);
    let panels = Layout::horizontal([Constraint::Fill(10), Constraint::Fill(14), Constraint::Fill(10)]).areas(panels);
    Overview { panels, timeline, tally }
}

/// What is at a cell of the screen, for the mouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hit {
    /// A moment on the timeline.
    Moment(Time),
    /// The row or the cell of a partition.
    Partition(PartitionId),
    /// The row of a physical partition of the store.
    Range(RangeId),
    /// The row of a consumer group in the list of them.
    Group(String),
    /// Somewhere in a panel.
    Panel(Panel),
}

/// What is at a cell of the screen; `None` where nothing is that a mouse could want.
pub fn hit(area: Rect, (x, y): (u16, u16), session: &Session, state: &ViewState) -> Option<Hit> {
    let place = Position::new(x, y);
    if state.groups.pointed().is_some() {
        return groups::group_at(area, (x, y), session, state).map(Hit::Group);
    }
    let [_, stage, _] = stage(area, state);
    let body = areas(stage, &Health::of(session, state.now)).body;
    if !body.contains(place) {
        return None;
    }
    match &state.zoom {
        Zoom::Overview => {
            let Overview { panels: [left, middle, right], timeline, tally } = overview(body);
            if is_roomy(body) && timeline.contains(place) {
                let moment = timeline::moment_at(timeline, x, session, state);
                return Some(moment.map_or(Hit::Panel(Panel::Timeline), Hit::Moment));
            }
            if tally.contains(place) {
                let line = !is_roomy(body) && matches!(state.mode, Mode::Playback(_));
                return line
                    .then(|| timeline::moment_on_line(inside(tally), x, session, state))
                    .flatten()
                    .map(Hit::Moment);
            }
            if middle.contains(place) {
                let partition = lag::partition_at(middle, (x, y), session, state);
                return Some(partition.map_or(Hit::Panel(Panel::Lag), Hit::Partition));
            }
            let panels = [(left, Panel::Ingest), (right, Panel::Serve)];
            panels.into_iter().find(|(area, _)| area.contains(place)).map(|(_, panel)| Hit::Panel(panel))
        }
        Zoom::Panel(Panel::Lag) => {
            let partition = lag::partition_at(body, (x, y), session, state);
            Some(partition.map_or(Hit::Panel(Panel::Lag), Hit::Partition))
        }
        Zoom::Panel(Panel::Serve) => {
            let range = serve::range_at(body, (x, y), session, state);
            Some(range.map_or(Hit::Panel(Panel::Serve), Hit::Range))
        }
        Zoom::Panel(Panel::Timeline) => timeline::moment_zoomed(body, x, session, state).map(Hit::Moment),
        Zoom::Panel(panel) => Some(Hit::Panel(*panel)),
        Zoom::Partition(_) | Zoom::Range(_) => None,
    }
}

/// The end of the last second that is surely complete: looks are a quarter of a second apart, and a second that still
/// fills would draw a dip that is not there.
fn complete(now: Time) -> Time {
    now.before(std::time::Duration::from_millis(500))
}

fn common_scale(scene: Scene, (width, height): (u16, u16)) -> Scale {
    let columns = dot_columns(width);
    let span = std::time::Duration::from_secs(columns as u64);
    let largest = [&scene.session.ingest_history, &scene.session.stored_history]
        .into_iter()
        .flat_map(|series| series.columns(complete(scene.state.now), span, columns))
        .flatten()
        .fold(0.0, f64::max);
    Scale::holding(largest, height.saturating_sub(1))
}

/// The frame of a panel.
fn panel<'a>(title: &'a str, theme: &Theme) -> Block<'a> {
    Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(theme.quiet)
        .title(Span::styled(format!(" {title} "), theme.text))
}

/// The frame of one of the panels: the one in focus shows it by a glyph and the accent.
fn focused_panel<'a>(title: &'a str, panel: Panel, scene: Scene) -> Block<'a> {
    let theme = scene.theme;
    let focused = scene.state.zoom == Zoom::Overview && scene.state.focus == panel;
    let (glyph, style) = if focused { ("▸", theme.accent) } else { ("", theme.text) };
    Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(theme.quiet)
        .title(Span::styled(format!("{glyph} {title} "), style))
}

/// A line for the lower edge of a frame so wide: those of its fields that fit, the first ones first.
fn edge<'a>(fields: impl IntoIterator<Item = Span<'a>>, width: u16, theme: &Theme) -> Line<'a> {
    let mut line: Vec<Span> = Vec::new();
    let mut used = 0;
    for field in fields {
        let joint = if line.is_empty() { " " } else { "─ " };
        let wide = joint.chars().count() + field.width() + 1;
        // The corners, and a bit of the edge beside each.
        if used + wide + 4 > usize::from(width) {
            continue;
        }
        used += wide;
        line.extend([Span::styled(joint, theme.quiet), field, Span::raw(" ")]);
    }
    Line::from(line)
}

/// Draws the rows of figures at the foot of a rate panel, as many as there is room for.
fn draw_rows(area: Rect, buffer: &mut Buffer, rows: impl IntoIterator<Item = row::Row<'static>>) {
    for (y, row) in (area.top()..area.bottom()).zip(rows) {
        row.draw(Rect { y, height: 1, ..area }, buffer);
    }
}

/// Draws what there is to be read on a terminal below [`MINIMUM`]: the one thing that matters, and what is needed.
fn too_small(area: Rect, buffer: &mut Buffer, first: Line, theme: &Theme) {
    let lines = [
        first,
        Line::styled(format!("needs {} x {}", MINIMUM.0, MINIMUM.1), Style::new()),
        Line::styled(format!("has {} x {}", area.width, area.height), theme.quiet),
    ];
    for (y, line) in (area.top()..area.bottom()).zip(lines) {
        line.render(Rect { y, height: 1, ..area }, buffer);
    }
}
