//! The chart: a filled braille series with axes. A gap in the series is a gap in the picture, and a zero is a line.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

/// A filled series over the last seconds, one dot column a second: two in each cell.
#[derive(Debug)]
pub(super) struct Chart<'a> {
    /// One value for each dot column, the newest last; `None` is a gap.
    pub(super) columns: &'a [Option<f64>],
    /// The top of the vertical axis.
    pub(super) scale: Scale,
    /// Of the filled dots.
    pub(super) style: Style,
    /// Of axes and labels.
    pub(super) quiet: Style,
}

/// The vertical axis: some equal steps from zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    step: f64,
    steps: u16,
}

impl Scale {
    /// The smallest round scale that holds `largest` in rows of cells: few steps on a low chart.
    ///
    /// Worked example: 5,000 on 8 rows is 3 steps of 2,000, up to 6k.
    pub(super) fn holding(largest: f64, rows: u16) -> Self {
        let steps = match rows {
            0..=3 => 1,
            4..=6 => 2,
            7..=14 => 3,
            _ => 4,
        };
        let rough = (largest / f64::from(steps)).max(0.5);
        let magnitude = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0]
            .into_iter()
            .map(|factor| factor * magnitude)
            .find(|step| *step >= rough * 0.999)
            .unwrap_or(10.0 * magnitude);
        Self { step, steps }
    }

    fn top(self) -> f64 {
        self.step * f64::from(self.steps)
    }
}

/// An axis label in at most four characters: `0`, `500`, `1.5k`, `60k`, `2M`.
fn tick(value: f64) -> String {
    let (figure, unit) = match value {
        v if v >= 1e6 => (v / 1e6, "M"),
        v if v >= 1e3 => (v / 1e3, "k"),
        v => (v, ""),
    };
    if (figure - figure.round()).abs() < 0.05 || figure >= 10.0 {
        format!("{figure:.0}{unit}")
    } else {
        format!("{figure:.1}{unit}")
    }
}

/// The width of the vertical axis: four characters of label, a blank and the rule.
const AXIS: u16 = 6;

/// A cell is two dots wide, each a second.
const SECONDS_A_CELL: u64 = 2;

/// Dot columns that a chart of this width has.
pub(super) fn dot_columns(width: u16) -> usize {
    usize::from(width.saturating_sub(AXIS)) * 2
}

/// Where the dots of a chart stand: right of the vertical axis, above the time axis; `None` where there is no room.
pub(super) fn plot(area: Rect) -> Option<Rect> {
    let roomy = area.width > AXIS + 2 && area.height >= 3;
    roomy.then(|| Rect { x: area.x + AXIS, width: area.width - AXIS, height: area.height - 1, ..area })
}

/// Where the edge of an area and a line over it are in one cell.
pub(super) const BOTH: &str = "≈";

/// Draws a series as a line over the area of another one, a value for each cell: it is told from dots without colour. What
/// it stands on gives way to it, but for the edge of the area, which must not look like a gap. A gap is a gap in the line.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the plot")]
pub(super) fn draw_line(plot: Rect, buffer: &mut Buffer, values: &[Option<f64>], scale: Scale, style: Style) {
    // Three heights in a cell, the lowest first.
    const STROKES: [&str; 3] = ["▁", "─", "▔"];
    let strokes = f64::from(plot.height) * 3.0 - 1.0;
    let mut before: Option<u16> = None;
    for (x, value) in (plot.left()..plot.right()).zip(values) {
        let Some(value) = value else {
            before = None;
            continue;
        };
        let stroke = (value / scale.top() * strokes).round().clamp(0.0, strokes) as u16;
        let y = plot.bottom() - 1 - stroke / 3;
        let is_filled = |y| plot.contains(Position::new(x, y)) && buffer[(x, y)].symbol() != " ";
        let is_edge = is_filled(y) && !y.checked_sub(1).is_some_and(is_filled);
        // A leap is joined, so that the eye can follow it.
        if let Some(before) = before {
            for between in y.min(before) + 1..y.max(before) {
                buffer.set_string(x, between, "│", style);
            }
        }
        let stroke = STROKES.get(usize::from(stroke % 3)).copied().unwrap_or("─");
        buffer.set_string(x, y, if is_edge { BOTH } else { stroke }, style);
        before = Some(y);
    }
}

impl Chart<'_> {
    /// Draws axes and series; the last row of the area is the time axis.
    pub(super) fn draw(&self, area: Rect, buffer: &mut Buffer) {
        if let Some(plot) = plot(area) {
            self.draw_values(area, plot, buffer);
            draw_time(plot, area.bottom() - 1, SECONDS_A_CELL, buffer, self.quiet);
        }
    }

    /// Draws the vertical axis and the series, whose newest column stands at the right edge of the [`plot`].
    pub(super) fn draw_values(&self, area: Rect, plot: Rect, buffer: &mut Buffer) {
        self.draw_axis(area, plot, buffer);
        self.draw_dots(plot, buffer);
    }

    fn draw_axis(&self, area: Rect, plot: Rect, buffer: &mut Buffer) {
        for y in plot.top()..plot.bottom() {
            buffer.set_string(area.x + AXIS - 1, y, if y + 1 == plot.bottom() { "┼" } else { "│" }, self.quiet);
        }
        for step in 0..=self.scale.steps {
            // Step 0 stands on the lowest row, the top step on the highest.
            let up = u32::from(step) * u32::from(plot.height - 1) / u32::from(self.scale.steps);
            let Ok(up) = u16::try_from(up) else { continue };
            let y = plot.bottom() - 1 - up;
            let label = tick(self.scale.step * f64::from(step));
            buffer.set_string(area.x, y, format!("{label:>4}"), self.quiet);
            buffer.set_string(area.x + AXIS - 1, y, if step == 0 { "┼" } else { "┤" }, self.quiet);
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the plot")]
    fn draw_dots(&self, plot: Rect, buffer: &mut Buffer) {
        let tall = u32::from(plot.height) * 4;
        // Nothing is a line of dots at the foot; what is not known is blank.
        let height = |value: &Option<f64>| -> u32 {
            value.map_or(0, |value| {
                let dots = (value / self.scale.top() * f64::from(tall)).clamp(0.0, f64::from(tall));
                (dots.round() as u32).max(1)
            })
        };
        // The newest column stands at the right edge, whatever the number of columns.
        let wide = usize::from(plot.width) * 2;
        let skip = self.columns.len().saturating_sub(wide);
        let offset = wide.saturating_sub(self.columns.len());
        let heights: Vec<u32> =
            std::iter::repeat_n(0, offset).chain(self.columns.iter().skip(skip).map(height)).collect();
        for (x, pair) in (plot.left()..plot.right()).zip(heights.chunks(2)) {
            let left = pair.first().copied().unwrap_or(0);
            let right = pair.get(1).copied().unwrap_or(0);
            for (row, y) in (plot.top()..plot.bottom()).rev().enumerate() {
                let base = row as u32 * 4;
                let glyph = braille(left.saturating_sub(base).min(4), right.saturating_sub(base).min(4));
                if glyph != '\u{2800}' {
                    buffer.set_string(x, y, glyph.to_string(), self.style);
                }
            }
        }
    }
}

/// The time axis below a plot whose right edge is now: whole multiples of a step, as long as a label does not touch the
/// one to its right. `each` is the seconds that a cell stands for.
pub(super) fn draw_time(plot: Rect, y: u16, each: u64, buffer: &mut Buffer, quiet: Style) {
    const STEPS: [u64; 12] = [5, 10, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200];
    buffer.set_string(plot.right().saturating_sub(3), y, "now", quiet);
    let cells = match plot.width {
        ..40 => 10,
        40..90 => 15,
        _ => 30,
    };
    let step = STEPS.into_iter().find(|step| *step >= cells * each).unwrap_or(14_400);
    let mut free = plot.right().saturating_sub(4);
    for seconds in (1..).map(|n| n * step).take_while(|seconds| seconds / each < u64::from(plot.width)) {
        let text = match seconds {
            whole if whole % 3_600 == 0 => format!("-{} h", whole / 3_600),
            whole if whole % 60 == 0 => format!("-{} min", whole / 60),
            whole => format!("-{whole} s"),
        };
        let width = u16::try_from(text.len()).unwrap_or(u16::MAX);
        let Ok(back) = u16::try_from(seconds / each) else { break };
        let x = (plot.right() - 1).saturating_sub(back).saturating_sub(width / 2);
        if x >= plot.left() && x + width < free {
            buffer.set_string(x, y, text, quiet);
            free = x;
        }
    }
}

/// The braille character whose left and right dot columns are filled from below to these heights (0 to 4).
fn braille(left: u32, right: u32) -> char {
    // Dots of a braille cell from the bottom up: left 7, 3, 2, 1; right 8, 6, 5, 4 (Unicode, block U+2800).
    const LEFT: [u32; 5] = [0x00, 0x40, 0x44, 0x46, 0x47];
    const RIGHT: [u32; 5] = [0x00, 0x80, 0xA0, 0xB0, 0xB8];
    let dots = |column: [u32; 5], height: u32| column.get(height as usize).copied().unwrap_or(0);
    char::from_u32(0x2800 + dots(LEFT, left) + dots(RIGHT, right)).unwrap_or(' ')
}

/// A line of bars, one for each value: `▁▂▃▄▅▆▇█`; a gap is blank.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to eight bars")]
pub(super) fn sparkline(values: &[Option<f64>], top: f64) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    values
        .iter()
        .map(|value| match value {
            None => ' ',
            Some(value) => {
                let bar = (value / top.max(f64::MIN_POSITIVE) * 8.0).ceil().clamp(1.0, 8.0) as usize;
                BARS.get(bar - 1).copied().unwrap_or(' ')
            }
        })
        .collect()
}

/// Bars over several rows, one for each value, filled from below to an eighth of a cell; a gap is blank.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the area")]
pub(super) fn draw_bars(area: Rect, buffer: &mut Buffer, values: &[Option<f64>], top: f64, style: Style) {
    const BARS: [&str; 9] = ["", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    let eighths = f64::from(area.height) * 8.0;
    for (x, value) in (area.left()..area.right()).zip(values) {
        let Some(value) = value else { continue };
        let high = (value / top.max(f64::MIN_POSITIVE) * eighths).round().clamp(1.0, eighths) as u32;
        for (row, y) in (area.top()..area.bottom()).rev().enumerate() {
            let part = high.saturating_sub(row as u32 * 8).min(8);
            if let Some(bar) = BARS.get(part as usize).filter(|bar| !bar.is_empty()) {
                buffer.set_string(x, y, bar, style);
            }
        }
    }
}

/// A gauge of so many cells, filled to an eighth of a cell.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the width")]
pub(super) fn gauge(share: f64, width: usize) -> (String, String) {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    let mut full = "█".repeat(eighths / 8);
    full.push_str(EIGHTHS.get(eighths % 8).copied().unwrap_or(""));
    let rest = width.saturating_sub(full.chars().count());
    (full, "·".repeat(rest))
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "small whole numbers are exact")]
mod tests {
    use super::*;

    #[test]
    fn scales_are_round() {
        assert_eq!(Scale::holding(5_000.0, 8).top(), 6_000.0);
        assert_eq!(Scale::holding(1_000.0, 5).top(), 1_000.0);
        assert_eq!(Scale::holding(0.0, 5).top(), 1.0);
        let labels: Vec<String> = [0.0, 0.5, 500.0, 1_500.0, 60_000.0, 2e6].into_iter().map(tick).collect();
        assert_eq!(labels, ["0", "0.5", "500", "1.5k", "60k", "2M"]);
    }

    #[test]
    fn a_gap_is_a_gap() {
        assert_eq!(sparkline(&[Some(1.0), None, Some(8.0)], 8.0), "▁ █");
        assert_eq!(braille(4, 0), '⡇');
        assert_eq!(braille(1, 2), '⣠');
    }

    #[test]
    fn a_gauge_fills_by_eighths() {
        assert_eq!(gauge(0.5, 5), ("██▌".into(), "··".into()));
        assert_eq!(gauge(7.0, 3), ("███".into(), String::new()));
    }
}
