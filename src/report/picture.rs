//! A frame as a picture: cells in, SVG out. The README's picture is made so.

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use super::palette::{Palette, hex};
use crate::ui::theme::colour::Rgb;

/// The size of a cell in the picture's units.
const CELL: (f64, f64) = (8.0, 17.0);
/// At this size the usual monospaced fonts are as wide as a cell.
const FONT_SIZE: f64 = 13.3;
/// Between the cells and the edge.
const MARGIN: f64 = 8.0;

/// The picture of a frame, in the colours of a palette.
///
/// Words are text. Bars, dots, shades and lines are drawn as shapes: no font is needed for them, and they meet without
/// seams.
///
/// ```
/// use ratatui::buffer::Buffer;
/// use ratatui::layout::Rect;
/// use ratatui::style::Style;
/// use streamgauge::report::palette::Palette;
/// use streamgauge::ui::theme::Theme;
/// use streamgauge::report::picture::svg;
///
/// let mut frame = Buffer::empty(Rect::new(0, 0, 10, 1));
/// frame.set_string(0, 0, "a <b> ▄", Style::new());
/// let picture = svg(&frame, &Palette::of_theme(&Theme::dark()));
/// assert!(picture.contains(">&lt;b&gt;</text>") && !picture.contains('▄'));
/// ```
pub fn svg(frame: &Buffer, palette: &Palette) -> String {
    let area = frame.area;
    let (width, height) =
        (f64::from(area.width) * CELL.0 + MARGIN * 2.0, f64::from(area.height) * CELL.1 + MARGIN * 2.0);
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-{MARGIN} -{MARGIN} {width} {height}\" \
         font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"{FONT_SIZE}\">\n<rect \
         x=\"-{MARGIN}\" y=\"-{MARGIN}\" width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{}\"/>\n",
        hex(palette.background)
    );
    let rows = frame.content().chunks(usize::from(area.width.max(1)));
    for (y, row) in (0_u16..).zip(rows) {
        let mut x = 0;
        for run in row.chunk_by(|a, b| look(a) == look(b)) {
            draw_run(&mut picture, (x, y), run, palette);
            x += u16::try_from(run.len()).unwrap_or(0);
        }
    }
    picture.push_str("</svg>\n");
    picture
}

fn look(cell: &Cell) -> (Color, Color, Modifier) {
    (cell.fg, cell.bg, cell.modifier)
}

/// The colour of what is written, and of what is behind it if that is not the ground of the picture.
fn colours(cell: &Cell, palette: &Palette) -> (Rgb, Option<Rgb>) {
    let (front, back) = (palette.rgb(cell.fg), palette.rgb(cell.bg));
    if cell.modifier.contains(Modifier::REVERSED) {
        (back.unwrap_or(palette.background), Some(front.unwrap_or(palette.foreground)))
    } else {
        (front.unwrap_or(palette.foreground), back)
    }
}

/// Cells of one style, on one row: their ground, then the shapes in one path, each word as a text of its own.
fn draw_run(picture: &mut String, (x, y): (u16, u16), run: &[Cell], palette: &Palette) {
    let Some(style) = run.first() else { return };
    let (front, back) = colours(style, palette);
    if let Some(back) = back {
        let (left, top) = (f64::from(x) * CELL.0, f64::from(y) * CELL.1);
        *picture += &format!(
            "<rect x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" fill=\"{}\"/>\n",
            run.len() as f64 * CELL.0,
            CELL.1,
            hex(back)
        );
    }
    if style.modifier.contains(Modifier::HIDDEN) {
        return;
    }
    let fill = hex(front);
    let mut look = String::new();
    for (modifier, attribute) in [
        (Modifier::BOLD, " font-weight=\"bold\""),
        (Modifier::ITALIC, " font-style=\"italic\""),
        (Modifier::UNDERLINED, " text-decoration=\"underline\""),
        (Modifier::CROSSED_OUT, " text-decoration=\"line-through\""),
        (Modifier::DIM, " opacity=\"0.6\""),
    ] {
        if style.modifier.contains(modifier) {
            look += attribute;
        }
    }
    let faint = if style.modifier.contains(Modifier::DIM) { " opacity=\"0.6\"" } else { "" };
    let (mut shapes, mut words) = (Shapes::default(), Words::default());
    for (x, cell) in (x..).zip(run) {
        let place = (f64::from(x) * CELL.0, f64::from(y) * CELL.1);
        if shapes.add(place, cell.symbol()) { words.end() } else { words.add(x, cell.symbol()) }
    }
    for (path, opacity) in shapes.paths() {
        let faint = opacity.map_or_else(|| faint.to_owned(), |opacity| format!(" opacity=\"{opacity}\""));
        *picture += &format!("<path fill=\"{fill}\"{faint} d=\"{path}\"/>\n");
    }
    for (x, text) in words.all() {
        let (x, y) = (f64::from(x) * CELL.0, f64::from(y) * CELL.1 + FONT_SIZE);
        *picture += &format!("<text x=\"{x}\" y=\"{y:.1}\" fill=\"{fill}\"{look}>{text}</text>\n");
    }
}

/// The words of a run, each with the column at which it begins.
#[derive(Debug, Default)]
struct Words {
    ended: Vec<(u16, String)>,
    open: Option<(u16, String)>,
}

impl Words {
    fn add(&mut self, x: u16, symbol: &str) {
        if symbol.trim().is_empty() {
            return self.end();
        }
        // A sign may be wider or narrower than a cell in some font: what follows it has its own place.
        let sign = symbol.chars().next().is_some_and(|first| !first.is_alphanumeric() && first > '\u{FF}');
        if sign {
            self.end();
        }
        escape(&mut self.open.get_or_insert_with(|| (x, String::new())).1, symbol);
        if sign {
            self.end();
        }
    }

    fn end(&mut self) {
        self.ended.extend(self.open.take());
    }

    fn all(mut self) -> Vec<(u16, String)> {
        self.end();
        self.ended
    }
}

/// Adds text as XML 1.0 allows it (<https://www.w3.org/TR/xml/#charsets>).
fn escape(to: &mut String, text: &str) {
    for symbol in text.chars() {
        match symbol {
            '&' => to.push_str("&amp;"),
            '<' => to.push_str("&lt;"),
            '>' => to.push_str("&gt;"),
            '\u{0}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => to.push('\u{FFFD}'),
            other => to.push(other),
        }
    }
}

/// What is drawn as shapes: whole ones in one path, and one path for each of the three shades.
#[derive(Debug, Default)]
struct Shapes {
    whole: String,
    shades: [String; 3],
}

impl Shapes {
    /// Takes a symbol, if it is one that is drawn as a shape.
    fn add(&mut self, place: (f64, f64), symbol: &str) -> bool {
        let mut symbols = symbol.chars();
        let (Some(symbol), None) = (symbols.next(), symbols.next()) else { return false };
        match symbol {
            '░'..='▓' => {
                let shade = usize::try_from(u32::from(symbol) - u32::from('░')).unwrap_or(0);
                if let Some(path) = self.shades.get_mut(shade) {
                    rectangle(path, place.0, place.1, CELL.0, CELL.1);
                }
                true
            }
            _ => shape(&mut self.whole, place, symbol),
        }
    }

    fn paths(&self) -> impl Iterator<Item = (&str, Option<f64>)> {
        let [light, medium, dark] = &self.shades;
        [(&self.whole, None), (light, Some(0.25)), (medium, Some(0.5)), (dark, Some(0.75))]
            .into_iter()
            .filter(|(path, _)| !path.is_empty())
            .map(|(path, opacity)| (path.as_str(), opacity))
    }
}

fn rectangle(path: &mut String, x: f64, y: f64, wide: f64, tall: f64) {
    *path += &format!("M{x:.1} {y:.1}h{wide:.1}v{tall:.1}h-{wide:.1}z");
}

/// Adds a bar, dots or lines to a path; false for any other symbol.
fn shape(path: &mut String, (x, y): (f64, f64), symbol: char) -> bool {
    let (wide, tall) = CELL;
    let code = u32::from(symbol);
    match symbol {
        // Lower blocks: one to eight eighths from below (U+2581 to U+2588).
        '▁'..='█' => {
            let part = tall * f64::from(code - 0x2580) / 8.0;
            // A little into the row below: in a scaled picture bars that stand on one another show no seam.
            rectangle(path, x, y + tall - part, wide, part + 0.2);
        }
        // Left blocks: seven to one eighths (U+2589 to U+258F).
        '▉'..='▏' => rectangle(path, x, y, wide * f64::from(0x2590 - code) / 8.0, tall),
        '▀' => rectangle(path, x, y, wide, tall / 2.0),
        '▐' => rectangle(path, x + wide / 2.0, y, wide / 2.0, tall),
        '▖'..='▟' => quadrants(path, (x, y), code),
        // Braille: bits 0 to 2 and 6 are the left column from above, 3 to 5 and 7 the right one.
        '\u{2801}'..='\u{28FF}' => {
            for (bit, column, row) in
                [(0, 0, 0), (1, 0, 1), (2, 0, 2), (6, 0, 3), (3, 1, 0), (4, 1, 1), (5, 1, 2), (7, 1, 3)]
            {
                if (code - 0x2800) >> bit & 1 == 1 {
                    let (step_x, step_y) = (wide / 2.0, tall / 4.0);
                    let (left, top) = (x + f64::from(column) * step_x + 0.6, y + f64::from(row) * step_y + 0.8);
                    rectangle(path, left, top, step_x - 1.2, step_y - 1.6);
                }
            }
        }
        _ => return arms(symbol).is_some_and(|arms| lines(path, (x, y), arms)),
    }
    true
}

/// The quadrants of a cell, U+2596 to U+259F.
fn quadrants(path: &mut String, (x, y): (f64, f64), code: u32) {
    // Bits: 1 upper left, 2 upper right, 4 lower left, 8 lower right.
    const FILLED: [u32; 10] = [4, 8, 1, 13, 9, 7, 11, 2, 6, 14];
    let (wide, tall) = (CELL.0 / 2.0, CELL.1 / 2.0);
    let filled = usize::try_from(code - 0x2596).ok().and_then(|place| FILLED.get(place)).copied().unwrap_or(0);
    for (bit, column, row) in [(1, 0.0, 0.0), (2, 1.0, 0.0), (4, 0.0, 1.0), (8, 1.0, 1.0)] {
        if filled & bit != 0 {
            rectangle(path, x + column * wide, y + row * tall, wide, tall);
        }
    }
}

/// How thick the lines are that go from the middle of a cell to the left, right, up and down.
fn arms(symbol: char) -> Option<[f64; 4]> {
    Some(match symbol {
        '─' => [1.0, 1.0, 0.0, 0.0],
        '━' => [2.0, 2.0, 0.0, 0.0],
        '│' => [0.0, 0.0, 1.0, 1.0],
        '┃' => [0.0, 0.0, 2.0, 2.0],
        '╭' | '┌' => [0.0, 1.0, 0.0, 1.0],
        '╮' | '┐' => [1.0, 0.0, 0.0, 1.0],
        '╰' | '└' => [0.0, 1.0, 1.0, 0.0],
        '╯' | '┘' => [1.0, 0.0, 1.0, 0.0],
        '┏' => [0.0, 2.0, 0.0, 2.0],
        '┓' => [2.0, 0.0, 0.0, 2.0],
        '┗' => [0.0, 2.0, 2.0, 0.0],
        '┛' => [2.0, 0.0, 2.0, 0.0],
        '├' => [0.0, 1.0, 1.0, 1.0],
        '┤' => [1.0, 0.0, 1.0, 1.0],
        '┬' => [1.0, 1.0, 0.0, 1.0],
        '┴' => [1.0, 1.0, 1.0, 0.0],
        '┼' => [1.0, 1.0, 1.0, 1.0],
        '╴' => [1.0, 0.0, 0.0, 0.0],
        '╵' => [0.0, 0.0, 1.0, 0.0],
        '╶' => [0.0, 1.0, 0.0, 0.0],
        '╷' => [0.0, 0.0, 0.0, 1.0],
        _ => return None,
    })
}

/// Adds the lines of a frame; they run through the middle of the cell.
fn lines(path: &mut String, (x, y): (f64, f64), [left, right, up, down]: [f64; 4]) -> bool {
    let (middle_x, middle_y) = (x + CELL.0 / 2.0, y + CELL.1 / 2.0);
    let across = left.max(right);
    let along = up.max(down);
    if across > 0.0 {
        // A line ends where the other one does, so that a corner is whole.
        let from = if left > 0.0 { x } else { middle_x - along / 2.0 };
        let to = if right > 0.0 { x + CELL.0 } else { middle_x + along / 2.0 };
        rectangle(path, from, middle_y - across / 2.0, to - from, across);
    }
    if along > 0.0 {
        let from = if up > 0.0 { y } else { middle_y - across / 2.0 };
        let to = if down > 0.0 { y + CELL.1 } else { middle_y + across / 2.0 };
        rectangle(path, middle_x - along / 2.0, from, along, to - from);
    }
    true
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;
    use crate::ui::theme::Theme;

    fn picture(text: &str, style: Style) -> String {
        let mut frame = Buffer::empty(Rect::new(0, 0, 20, 1));
        frame.set_string(0, 0, text, style);
        svg(&frame, &Palette::of_theme(&Theme::mono()))
    }

    #[test]
    fn what_needs_no_font_is_a_shape() {
        let drawn = "▁▂▃▄▅▆▇█▉▊▋▌▍▎▏▀▐░▒▓▖▟─│┃╭╮╰╯┌┐└┘├┤┬┴┼━⡇⣿";
        for symbol in drawn.chars() {
            let picture = picture(&symbol.to_string(), Style::new());
            assert!(picture.contains("<path") && !picture.contains("<text"), "{symbol}: {picture}");
        }
        for symbol in "✔▲▼■◆●○▶↺✖…‖?·".chars() {
            assert!(picture(&symbol.to_string(), Style::new()).contains(&format!(">{symbol}</text>")), "{symbol}");
        }
    }

    #[test]
    fn quadrants_fill_what_they_say() {
        // Each shape ends in a `z` of its path.
        let filled = |symbol: char| {
            let picture = picture(&symbol.to_string(), Style::new());
            picture
                .split(" d=\"")
                .nth(1)
                .and_then(|rest| rest.split('"').next())
                .map_or(0, |path| path.matches('z').count())
        };
        let counts: Vec<usize> = ('▖'..='▟').map(filled).collect();
        assert_eq!(counts, [1, 1, 1, 3, 2, 3, 3, 1, 2, 3]);
    }

    #[test]
    fn text_is_escaped_and_signs_have_their_own_place() {
        let picture = picture("a<&>b ✔ok", Style::new());
        assert!(picture.contains(">a&lt;&amp;&gt;b</text>"), "{picture}");
        assert!(
            picture.contains(">✔</text>") && picture.contains("x=\"56\" y=\"13.3\" fill=\"#d4d4d4\">ok<"),
            "{picture}"
        );
        let mut odd = String::new();
        escape(&mut odd, "\u{1}\u{FFFF}");
        assert_eq!(odd, "\u{FFFD}\u{FFFD}");
    }

    #[test]
    fn a_ground_is_drawn_behind_the_cells_that_have_one() {
        let plain = picture("word", Style::new());
        assert_eq!(plain.matches("<rect").count(), 1);
        let on_yellow = picture("word", Style::new().fg(Color::Black).bg(Color::Indexed(208)));
        assert!(on_yellow.contains("width=\"32\" height=\"17\" fill=\"#ff8700\""), "{on_yellow}");
        let reversed = picture("word", Style::new().add_modifier(Modifier::REVERSED));
        assert!(reversed.contains("height=\"17\" fill=\"#d4d4d4\""), "{reversed}");
        assert!(reversed.contains("fill=\"#16181d\">word"), "{reversed}");
    }
}
