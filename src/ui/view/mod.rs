//! One frame: cells from a session, a view state and a theme. Nothing here waits, asks for the time, or changes
//! anything but the cells.

mod big;
mod caption;
mod chart;
mod flow;
mod footer;
mod help;
mod ingest;
mod lag;
mod rate_panel;
mod row;
mod serve;
mod tally;
mod timeline;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Widget};

use crate::model::session::Session;
use crate::model::units::Time;

use super::state::{Mode, ViewState};
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
        too_small(area, buffer, scene);
        return;
    }
    let [header, area, below] = stage(area, state);
    big::draw(header, buffer, scene);
    caption::draw(below, buffer, scene);
    let roomy = is_roomy(area);
    let [title, _, health, _, flow, _, panels, timeline, tally, _, footer] = rows(area);

    flow::draw_title(inside(title), buffer, scene);
    flow::draw_health(inside(health), buffer, scene);
    flow::draw_flow(inside(flow), buffer, scene);

    let [left, middle, right] =
        Layout::horizontal([Constraint::Fill(10), Constraint::Fill(14), Constraint::Fill(10)]).areas(panels);
    // Ingest and serve share one scale, so that the eye can compare them.
    let plot = chart_area(left.width.saturating_sub(2), left.height.saturating_sub(2));
    let scale = common_scale(scene, plot);
    ingest::draw(left, buffer, scene, scale);
    lag::draw(middle, buffer, scene);
    serve::draw(right, buffer, scene, scale);

    if roomy {
        timeline::draw(timeline, buffer, scene);
        let block = panel("Tally", theme);
        let inner = block.inner(tally);
        block.render(tally, buffer);
        tally::draw(inside(inner), buffer, scene);
    } else if matches!(state.mode, Mode::Playback(_)) {
        // Where there is no room for both, who looks at the past needs to see where in it he is.
        timeline::draw_line(inside(tally), buffer, scene);
    } else {
        tally::draw(inside(tally), buffer, scene);
    }
    footer::draw(inside(footer), buffer, scene);
    if state.help {
        help::draw(area, buffer, scene);
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

/// Whether there is room for the timeline.
fn is_roomy(area: Rect) -> bool {
    area.height >= 34
}

/// Title, health, flow, panels, timeline, tally, footer, and the blank rows between them.
fn rows(area: Rect) -> [Rect; 11] {
    let roomy = is_roomy(area);
    let blank = Constraint::Length(u16::from(roomy));
    Layout::vertical([
        Constraint::Length(1),
        blank,
        Constraint::Length(1),
        blank,
        Constraint::Length(2),
        blank,
        Constraint::Fill(1),
        Constraint::Length(if roomy { 6 } else { 0 }),
        Constraint::Length(if roomy { 3 } else { 1 }),
        Constraint::Length(u16::from(area.height >= 30)),
        Constraint::Length(1),
    ])
    .areas(area)
}

/// The moment that a cell of the timeline stands for; `None` elsewhere.
pub fn moment_at(area: Rect, (x, y): (u16, u16), session: &Session, state: &ViewState) -> Option<Time> {
    let place = ratatui::layout::Position::new(x, y);
    let [_, area, _] = stage(area, state);
    let [.., timeline, tally, _, _] = rows(area);
    if is_roomy(area) {
        timeline.contains(place).then(|| timeline::moment_at(timeline, x, session, state)).flatten()
    } else {
        let line = matches!(state.mode, Mode::Playback(_)) && tally.contains(place);
        line.then(|| timeline::moment_on_line(inside(tally), x, session, state)).flatten()
    }
}

/// The end of the last second that is surely complete: looks are a quarter of a second apart, and a second that still
/// fills would draw a dip that is not there.
fn complete(now: Time) -> Time {
    now.before(std::time::Duration::from_millis(500))
}

/// Rows of a rate panel that stand below its chart.
const FIGURE_ROWS: u16 = 5;

/// The chart's part of a rate panel of this inner size: below the headline, above the figures.
fn chart_area(width: u16, height: u16) -> (u16, u16) {
    (width, height.saturating_sub(FIGURE_ROWS + 2))
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

/// Draws the rows of figures at the foot of a rate panel, as many as there is room for.
fn draw_rows(area: Rect, buffer: &mut Buffer, rows: impl IntoIterator<Item = row::Row<'static>>) {
    for (y, row) in (area.top()..area.bottom()).zip(rows) {
        row.draw(Rect { y, height: 1, ..area }, buffer);
    }
}

fn too_small(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let health = crate::model::health::Health::of(scene.session, scene.state.now);
    let (glyph, style) = scene.theme.health(health.word);
    let lines = [
        Line::styled(format!("{glyph} {}", health.word.text()), style),
        Line::styled(format!("needs {} x {}", MINIMUM.0, MINIMUM.1), Style::new()),
        Line::styled(format!("has {} x {}", area.width, area.height), scene.theme.quiet),
    ];
    for (y, line) in (area.top()..area.bottom()).zip(lines) {
        line.render(Rect { y, height: 1, ..area }, buffer);
    }
}
