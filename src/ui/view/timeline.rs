//! The timeline: the whole session at a glance, what came in, what waited, what was stored, and what happened.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Widget};

use super::chart::{draw_bars, sparkline};
use super::row::shorten;
use super::{Scene, complete, focused_panel, log, panel};
use crate::figures;
use crate::model::series::Series;
use crate::model::session::Session;
use crate::model::units::Time;
use crate::recording::survey::Event;
use crate::ui::state::{Overview, Panel, ViewState};

/// The width of the label before each trace.
const LABEL: u16 = 8;

/// Seconds that one column of a session that goes on may stand for: the span grows in steps, so that a column does not
/// change what it stands for at each frame.
const STEPS: [u64; 14] = [1, 2, 3, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600];

/// What stands where.
struct Axis {
    begin: Time,
    /// What all columns together stand for.
    seconds: u64,
    columns: usize,
    left: u16,
}

impl Axis {
    /// The column of a moment, if it is on the axis.
    fn column(&self, at: Time) -> Option<u16> {
        let passed = at.since(self.begin).as_micros();
        let column = usize::try_from(passed * self.columns as u128 / self.micros()).ok()?;
        (column < self.columns).then(|| self.left + u16::try_from(column).unwrap_or(0))
    }

    /// The first moment that a column stands for; before the first column it is the beginning.
    fn moment(&self, x: u16) -> Time {
        let passed = (u128::from(x.saturating_sub(self.left)) * self.micros()).div_ceil(self.columns as u128);
        self.begin.after(Duration::from_micros(u64::try_from(passed).unwrap_or(u64::MAX)))
    }

    fn micros(&self) -> u128 {
        u128::from(self.seconds) * 1_000_000
    }

    fn values(&self, series: &Series) -> Vec<Option<f64>> {
        series.columns_from(self.begin, self.seconds, self.columns)
    }
}

/// What stands where in a row; `None` if there is nothing to show, or no room.
fn axis(inner: Rect, session: &Session, state: &ViewState) -> Option<Axis> {
    if inner.width <= 40 {
        return None;
    }
    let overview = state.overview.as_deref();
    let begin = overview.map(|overview| overview.first).or(session.started())?;
    let end = overview.map_or(state.now, |overview| overview.last);
    let columns = usize::from(inner.width - LABEL - 1);
    let mut seconds = end.since(begin).as_secs() + 1;
    if state.mode.goes_on() {
        let wide = columns as u64;
        let each = STEPS.into_iter().find(|each| each * wide >= seconds).unwrap_or_else(|| seconds.div_ceil(wide));
        seconds = each * wide;
    }
    Some(Axis { begin, seconds, columns, left: inner.x + LABEL })
}

/// The moment that a column of the panel stands for; before the first column it is the beginning.
pub(super) fn moment_at(area: Rect, x: u16, session: &Session, state: &ViewState) -> Option<Time> {
    let inner = Block::bordered().inner(area);
    axis(inner, session, state).map(|axis| axis.moment(x))
}

/// The same for [`draw_line`].
pub(super) fn moment_on_line(row: Rect, x: u16, session: &Session, state: &ViewState) -> Option<Time> {
    axis(row, session, state).map(|axis| axis.moment(x))
}

/// The lag of the whole recording and where in it the picture stands, on one row: for a small terminal.
pub(super) fn draw_line(row: Rect, buffer: &mut Buffer, scene: Scene) {
    let Scene { session, state, theme } = scene;
    let Some(axis) = axis(row, session, state) else { return };
    let Some(overview) = state.overview.as_deref() else { return };
    let values = axis.values(&overview.lag);
    let top = values.iter().flatten().copied().fold(1.0, f64::max);
    let line = Line::from(vec![
        Span::styled(format!("{:<width$}", "lag", width = usize::from(LABEL)), theme.quiet),
        Span::styled(sparkline(&values, top), theme.lag),
    ]);
    line.render(row, buffer);
    for moment in &overview.moments {
        let glyph = match moment.event {
            Event::Mark(_) => Some(("◆", theme.warning)),
            Event::Fault(_) => Some(("✖", theme.bad)),
            Event::Recovery(_) | Event::Status(_) => None,
        };
        if let (Some((glyph, style)), Some(x)) = (glyph, axis.column(moment.at)) {
            buffer.set_string(x, row.y, glyph, style);
        }
    }
    if let Some(x) = axis.column(state.now) {
        buffer.set_string(x, row.y, "┃", theme.strong);
    }
}

/// Draws the panel.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let Scene { session, state, theme } = scene;
    let block = focused_panel("Timeline", Panel::Timeline, scene);
    let inner = block.inner(area);
    block.render(area, buffer);
    let overview = state.overview.as_deref();
    let Some(axis) = axis(inner, session, state).filter(|_| inner.height >= 4) else { return };
    let traces = traces(&axis, scene);
    for (y, Trace { label, values, top, style }) in (inner.top()..).zip(traces) {
        let line = Line::from(vec![
            Span::styled(format!(" {label:<7}"), theme.quiet),
            Span::styled(sparkline(&values, top), style),
        ]);
        line.render(Rect { y, height: 1, ..inner }, buffer);
    }
    draw_foot(inner.top() + 3, inner, buffer, scene, &axis);
    if let (Some(x), Some(_)) = (axis.column(state.now), overview) {
        for y in inner.top()..inner.top() + 3 {
            buffer.set_string(x, y, "┃", theme.strong);
        }
    }
}

/// One of the rows of the timeline.
struct Trace {
    label: &'static str,
    values: Vec<Option<f64>>,
    /// The value of a full bar.
    top: f64,
    style: Style,
}

/// What came in, what waited, what was stored.
fn traces(axis: &Axis, scene: Scene) -> [Trace; 3] {
    let Scene { session, state, theme } = scene;
    let overview = state.overview.as_deref();
    let of = |past: fn(&Overview) -> &Series, present| axis.values(overview.map_or(present, past));
    let mut came = of(|overview| &overview.ingest, &session.ingest_history);
    let mut waited = of(|overview| &overview.lag, &session.total_lag);
    let mut stored = of(|overview| &overview.stored, &session.stored_history);
    if overview.is_none() {
        // The second that still fills would draw a dip that is not there.
        let filled = axis.column(complete(state.now)).map_or(axis.columns, |x| usize::from(x - axis.left));
        [&mut came, &mut waited, &mut stored].into_iter().for_each(|values| values.truncate(filled));
    }
    let largest = |values: &[Option<f64>]| values.iter().flatten().copied().fold(1.0, f64::max);
    let rate = largest(&came).max(largest(&stored));
    // A lag of three seconds of the highest rate is the allowance of the whole pipeline: a low bar, not a full one.
    let lag = largest(&waited).max(rate * 3.0);
    [
        Trace { label: "ingest", values: came, top: rate, style: theme.ingest },
        Trace { label: "lag", values: waited, top: lag, style: theme.lag },
        Trace { label: "serve", values: stored, top: rate, style: theme.serve },
    ]
}

/// The parts of the panel on the whole screen: the traces, and what happened in words.
fn zoomed(area: Rect) -> [Rect; 2] {
    Layout::vertical([Constraint::Fill(3), Constraint::Fill(2)]).areas(area)
}

/// The moment that a column of the panel on the whole screen stands for.
pub(super) fn moment_zoomed(area: Rect, x: u16, session: &Session, state: &ViewState) -> Option<Time> {
    let [traces, _] = zoomed(area);
    moment_at(traces, x, session, state)
}

/// Draws the panel over the whole area: the traces larger, with their scales, and what happened in words below.
pub(super) fn draw_zoomed(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let Scene { session, state, theme } = scene;
    let [top, bottom] = zoomed(area);
    log::draw(bottom, buffer, scene);
    let block = panel("Timeline", theme);
    let inner = block.inner(top);
    block.render(top, buffer);
    let Some(axis) = axis(inner, session, state).filter(|_| inner.height >= 4) else { return };
    let charts = Rect { height: inner.height - 1, ..inner };
    let rows: [Rect; 3] =
        Layout::vertical([Constraint::Fill(1); 3]).spacing(u16::from(charts.height > 14)).areas(charts);
    for (row, Trace { label, values, top, style }) in rows.into_iter().zip(traces(&axis, scene)) {
        buffer.set_string(row.x + 1, row.y, label, theme.text);
        if row.height > 1 {
            // The value of a bar that is full.
            let unit = if label == "lag" { "" } else { "/s" };
            buffer.set_string(row.x + 1, row.y + 1, format!("{}{unit}", figures::compact(top)), theme.quiet);
        }
        let bars = Rect { x: axis.left, width: row.width - LABEL, ..row };
        draw_bars(bars, buffer, &values, top, style);
    }
    draw_foot(inner.bottom() - 1, inner, buffer, scene, &axis);
    if let (Some(x), Some(_)) = (axis.column(state.now), &state.overview) {
        for y in charts.top()..charts.bottom() {
            buffer.set_string(x, y, "┃", theme.strong);
        }
    }
}

/// The times at each quarter, and what happened, on one row: what happened has the right of way.
fn draw_foot(y: u16, inner: Rect, buffer: &mut Buffer, scene: Scene, axis: &Axis) {
    let Scene { session, state, theme } = scene;
    let happened: Vec<(Time, &str, &str, Style)> = if let Some(overview) = &state.overview {
        let moments = overview.moments.iter();
        moments
            .filter_map(|moment| match &moment.event {
                Event::Mark(text) => Some((moment.at, "◆", text.as_str(), theme.warning)),
                Event::Fault(station) => Some((moment.at, "✖", station.name(), theme.bad)),
                Event::Recovery(_) | Event::Status(_) => None,
            })
            .collect()
    } else {
        let marks = session.marks.iter().map(|(at, text)| (*at, "◆", text.as_str(), theme.warning));
        let faults = session.faults.iter().map(|(at, station)| (*at, "✖", station.name(), theme.bad));
        let mut happened: Vec<_> = marks.chain(faults).collect();
        happened.sort_by_key(|(at, ..)| *at);
        happened
    };
    // From the newest to the oldest: a text reaches as far as the next one.
    let mut taken: Vec<std::ops::Range<u16>> = Vec::new();
    let mut limit = inner.right();
    for (at, glyph, text, style) in happened.into_iter().rev().take(64) {
        let Some(x) = axis.column(at).filter(|x| x + 2 <= limit) else { continue };
        let room = usize::from(limit - x - 2).min(24);
        let text = if room >= 4 { shorten(text, room) } else { String::new() };
        let cells = u16::try_from(text.chars().count()).unwrap_or(0) + 2;
        buffer.set_string(x, y, format!("{glyph} {text}"), style);
        taken.push(x..x + cells + 1);
        limit = x;
    }
    // A time is whole or absent.
    let quarter = axis.columns / 4;
    for n in 0..4 {
        let x = axis.left + u16::try_from(quarter * n).unwrap_or(0);
        let text = figures::clock(axis.moment(x).since(axis.begin));
        let end = x + u16::try_from(text.len()).unwrap_or(0);
        if taken.iter().all(|taken| end < taken.start || x >= taken.end) {
            buffer.set_string(x, y, text, theme.quiet);
        }
    }
}
