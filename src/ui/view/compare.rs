//! Two recordings on one screen: who they are and how they fare, then four charts with a trace of each over the whole
//! of the longer one, and their figures where the cursor stands.
//!
//! A is an area of dots and B a line over it, so that they are told apart without colour and in ASCII; where the edge of A
//! and B are in one cell, it says so. What one of them does not know is a gap and `-`.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Widget};

use super::chart::{BOTH, Chart, Scale, draw_line, plot};
use super::flow::{draw_ends, playback};
use super::help::{Legend, draw_keys};
use super::row::Row;
use super::{MINIMUM, footer, inside, panel, too_small};
use crate::figures;
use crate::recording::trace::{Figures, Moment, Of, Trace};
use crate::ui::compare::state::Comparison;
use crate::ui::keymap::Action;
use crate::ui::theme::Theme;

/// What one chart shows.
struct Measure {
    title: &'static str,
    figure: fn(&Figures) -> Option<f64>,
    of: Of,
    text: fn(f64) -> String,
    unit: Unit,
}

/// What stands on the vertical axis.
#[derive(Clone, Copy)]
enum Unit {
    /// The figure itself.
    Plain(&'static str),
    /// Seconds, or what is read better where they are few or many.
    Time,
}

/// What is compared, in the order in which an event travels.
const MEASURES: [Measure; 4] = [
    Measure {
        title: "Ingest",
        figure: |figures| figures.ingest,
        of: Of::Mean,
        text: per_second,
        unit: Unit::Plain("events/s"),
    },
    Measure { title: "Lag", figure: |figures| figures.lag, of: Of::Mean, text: events, unit: Unit::Plain("events") },
    Measure {
        title: "Serve",
        figure: |figures| figures.stored,
        of: Of::Mean,
        text: per_second,
        unit: Unit::Plain("writes/s"),
    },
    Measure {
        title: "Enqueued to stored, p99",
        figure: |figures| figures.latency,
        of: Of::Most,
        text: |seconds| figures::span(Duration::try_from_secs_f64(seconds).unwrap_or_default()),
        unit: Unit::Time,
    },
];

fn per_second(rate: f64) -> String {
    format!("{}/s", figures::compact(rate))
}

/// Events are whole ones.
fn events(count: f64) -> String {
    if count < 9.95 { format!("{count:.0}") } else { figures::compact(count) }
}

impl Unit {
    /// What a figure is multiplied by where the largest one is this, and what that is called.
    fn scaled(self, largest: f64) -> (f64, &'static str) {
        match (self, largest) {
            (Self::Plain(name), _) => (1.0, name),
            (Self::Time, ..1.0) => (1e3, "ms"),
            (Self::Time, ..600.0) => (1.0, "s"),
            (Self::Time, _) => (1.0 / 60.0, "min"),
        }
    }
}

/// Letter, glyph and style of A and of B.
fn sides(theme: &Theme) -> [(&'static str, &'static str, Style); 2] {
    [("A", "⣿", theme.quiet), ("B", "─", theme.accent)]
}

/// Draws one frame.
pub fn draw(area: Rect, buffer: &mut Buffer, comparison: &Comparison, theme: &Theme) {
    if area.width < MINIMUM.0 || area.height < MINIMUM.1 {
        too_small(area, buffer, Line::styled("compare", theme.strong), theme);
        return;
    }
    let Areas { title, names, charts, foot } = areas(area);
    let left = Row::spaced(3).field("streamgauge", theme.strong).field("compare", theme.quiet);
    draw_ends(inside(title), buffer, left, Line::from(playback(&comparison.sign(), theme)));
    draw_names(inside(names), buffer, comparison, theme);
    for (place, measure) in charts.into_iter().zip(&MEASURES) {
        measure.draw(place, buffer, comparison, theme);
    }
    draw_foot(inside(foot), buffer, comparison, theme);
    if comparison.help {
        let lines = sides(theme).map(|(letter, glyph, style)| {
            let what = if letter == "A" { "the first, an area" } else { "the second, a line" };
            Line::from(vec![Span::styled(format!(" {letter} {glyph} "), style), Span::styled(what, theme.text)])
        });
        let both = Line::from(vec![
            Span::styled(format!("   {BOTH} "), theme.accent),
            Span::styled("both in one place", theme.text),
        ]);
        let legend = Legend { heading: "Traces", lines: lines.into_iter().chain([both]).collect() };
        draw_keys(area, buffer, &comparison.keys, Comparison::offers, &legend, theme);
    }
}

/// The parts of the screen.
struct Areas {
    title: Rect,
    names: Rect,
    charts: [Rect; 4],
    foot: Rect,
}

fn areas(area: Rect) -> Areas {
    let blank = u16::from(area.height >= 34);
    let heights = [1, 2].map(Constraint::Length).into_iter().chain([Constraint::Fill(1), Constraint::Length(1)]);
    let [title, names, charts, foot] = Layout::vertical(heights).spacing(blank).areas(area);
    let [upper, lower] = Layout::vertical([Constraint::Fill(1); 2]).areas(charts);
    let [ingest, lag] = Layout::horizontal([Constraint::Fill(1); 2]).areas(upper);
    let [serve, latency] = Layout::horizontal([Constraint::Fill(1); 2]).areas(lower);
    Areas { title, names, charts: [ingest, lag, serve, latency], foot }
}

/// The row of figures and the chart inside the frame of a chart.
fn parts(place: Rect) -> [Rect; 2] {
    Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(Block::bordered().inner(place))
}

/// The offset that a cell of a chart stands for, for the mouse; `None` elsewhere.
pub fn offset_at(area: Rect, (x, y): (u16, u16), comparison: &Comparison) -> Option<Duration> {
    if area.width < MINIMUM.0 || area.height < MINIMUM.1 {
        return None;
    }
    let plots = areas(area).charts.into_iter().filter_map(|place| plot(parts(place)[1]));
    let plot = plots.into_iter().find(|plot| plot.contains(Position::new(x, y)))?;
    let seconds = u64::from(x - plot.x).saturating_mul(comparison.span().as_secs() + 1);
    // The first second of those that the cell stands for.
    Some(Duration::from_secs(seconds.div_ceil(u64::from(plot.width))))
}

/// `A ⣿  steady     ✔ KEEPING UP`, and the same of B.
fn draw_names(area: Rect, buffer: &mut Buffer, comparison: &Comparison, theme: &Theme) {
    let places = comparison.sides.each_ref().map(Trace::place);
    let widest = places.iter().map(|place| place.chars().count()).max().unwrap_or(0);
    let room = widest.min(usize::from(area.width).saturating_sub(34));
    let rows = sides(theme).into_iter().zip(places).zip(comparison.moments()).zip(&comparison.sides);
    for (y, ((((letter, glyph, style), place), moment), side)) in (area.top()..area.bottom()).zip(rows) {
        let (sign, said, how) = match moment {
            Moment::Known(Figures { word, .. }) => {
                let (sign, how) = theme.health(word);
                (sign, word.text().to_owned(), how)
            }
            Moment::NotRead => ("○", "being read".to_owned(), theme.quiet),
            Moment::Over => ("■", format!("ended at {}", figures::clock(side.length())), theme.quiet),
        };
        Row::spaced(2)
            .field(format!("{letter} {glyph}"), style)
            .field(format!("{:<room$}", end_of(place, room)), theme.strong)
            .field(format!(" {sign} {said}"), how)
            .draw(Rect { y, height: 1, ..area }, buffer);
    }
}

/// A path in so many cells: its end says more than its beginning.
fn end_of(path: &str, room: usize) -> String {
    let length = path.chars().count();
    if length <= room {
        return path.to_owned();
    }
    let kept: String = path.chars().skip(length + 1 - room.max(1)).collect();
    format!("…{kept}")
}

impl Measure {
    fn draw(&self, area: Rect, buffer: &mut Buffer, comparison: &Comparison, theme: &Theme) {
        let [head, chart] = parts(area);
        let Some(plot) = plot(chart) else { return };
        let [a, b] = &comparison.sides;
        let span = comparison.span();
        let cells = usize::from(plot.width);
        // A has two columns of dots in a cell, B one stroke.
        let mut first = a.columns(span, cells * 2, self.figure, self.of);
        let mut second = b.columns(span, cells, self.figure, self.of);
        let largest = first.iter().chain(&second).flatten().copied().fold(0.0, f64::max);
        let (times, unit) = self.unit.scaled(largest);
        first.iter_mut().chain(&mut second).flatten().for_each(|value| *value *= times);

        panel(&format!("{}, {unit}", self.title), theme).render(area, buffer);
        self.draw_figures(head, buffer, comparison, theme);
        let scale = Scale::holding(largest * times, plot.height);
        let [(.., dots), (.., line)] = sides(theme);
        Chart { columns: &first, scale, style: dots, quiet: theme.quiet }.draw_values(chart, plot, buffer);
        draw_line(plot, buffer, &second, scale, line);
        draw_offsets(plot, chart.bottom() - 1, span, buffer, theme.quiet);
        let x = plot.x + cell_of(comparison.offset(), span, plot.width);
        for y in plot.top()..plot.bottom() {
            buffer.set_string(x, y, "┃", theme.strong);
        }
    }

    /// `A    80/s  B   110/s  diff   +30/s  +38 %`.
    fn draw_figures(&self, area: Rect, buffer: &mut Buffer, comparison: &Comparison, theme: &Theme) {
        let known = comparison.moments().map(|moment| match moment {
            Moment::Known(figures) => Some((self.figure)(&figures)),
            Moment::NotRead | Moment::Over => None,
        });
        let mut row = Row::spaced(2);
        for ((letter, _, style), known) in sides(theme).into_iter().zip(known) {
            // Past the end there is nothing to be known, which is not the same as not to know.
            let text = known.map_or_else(String::new, |figure| figure.map_or_else(|| "-".into(), self.text));
            row = row
                .spans([Span::styled(format!(" {letter} "), style), Span::styled(format!("{text:>7}"), theme.strong)]);
        }
        let [a, b] = known.map(Option::flatten);
        let both = a.zip(b);
        let difference = both.map_or_else(|| "-".into(), |(a, b)| figures::signed(b - a, self.text));
        row = row.spans([Span::styled("diff ", theme.quiet), Span::styled(format!("{difference:>8}"), theme.text)]);
        let change = both.filter(|(a, _)| *a > 0.0).map(|(a, b)| (b - a) / a);
        if let Some(change) = change {
            row = row.field(format!("{:>6}", figures::change(change)), theme.quiet);
        }
        row.draw(area, buffer);
    }
}

/// The cell of an offset on an axis so wide.
fn cell_of(offset: Duration, span: Duration, width: u16) -> u16 {
    let (offset, seconds) = (offset.as_secs(), span.as_secs() + 1);
    let cell = offset.saturating_mul(u64::from(width)) / seconds;
    u16::try_from(cell).unwrap_or(width).min(width.saturating_sub(1))
}

/// The time axis: whole multiples of a step from the beginning, each whole or absent.
fn draw_offsets(plot: Rect, y: u16, span: Duration, buffer: &mut Buffer, quiet: Style) {
    const STEPS: [u64; 13] = [5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400];
    // Cells from one label to the next, at least.
    const APART: u64 = 10;
    let fits = |step: &u64| step * u64::from(plot.width) >= APART * span.as_secs();
    let step = STEPS.into_iter().find(fits).unwrap_or(span.as_secs().max(1));
    for seconds in (0..=span.as_secs()).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
        let text = match seconds {
            ..3_600 => format!("{}:{:02}", seconds / 60, seconds % 60),
            _ => format!("{}:{:02} h", seconds / 3_600, seconds / 60 % 60),
        };
        let x = plot.x + cell_of(Duration::from_secs(seconds), span, plot.width);
        if usize::from(plot.right() - x) >= text.len() {
            buffer.set_string(x, y, text, quiet);
        }
    }
}

/// What is typed, a word from the program, or the keys that matter now.
fn draw_foot(area: Rect, buffer: &mut Buffer, comparison: &Comparison, theme: &Theme) {
    let said = footer::said(area.width, comparison.prompt.as_ref(), comparison.notice.as_ref(), theme);
    let word = |action| match action {
        _ if !Comparison::offers(action) => None,
        Action::TogglePlay => Some(if comparison.sign().playing { "pause" } else { "play" }),
        // There is no present to go back to.
        Action::End => None,
        _ => action.footer(),
    };
    said.unwrap_or_else(|| footer::with_keys(Row::spaced(2), &comparison.keys, word, theme)).draw(area, buffer);
}
