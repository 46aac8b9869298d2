//! A frame as a picture: cells in, SVG out. The README's picture is made so.

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

/// The size of a cell in the picture's units.
const CELL: (f64, f64) = (8.0, 17.0);
/// At this size the usual monospaced fonts are as wide as a cell.
const FONT_SIZE: f64 = 13.3;
const FOREGROUND: &str = "#d4d4d4";
const BACKGROUND: &str = "#16181d";

/// The picture of a frame, on a dark ground, with the sixteen colours as a common terminal shows them.
///
/// Words are text. Bars, dots and frames are drawn as shapes: no font is needed for them, and they meet without seams.
pub fn svg(frame: &Buffer) -> String {
    let area = frame.area;
    let (width, height) = (f64::from(area.width) * CELL.0 + 16.0, f64::from(area.height) * CELL.1 + 16.0);
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-8 -8 {width} {height}\" font-family=\"ui-monospace, 'DejaVu \
         Sans Mono', Menlo, Consolas, monospace\" font-size=\"{FONT_SIZE}\">\n<rect x=\"-8\" y=\"-8\" width=\"{width}\" \
         height=\"{height}\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n",
    );
    let rows = frame.content().chunks(usize::from(area.width.max(1)));
    for (y, row) in (0_u16..).zip(rows) {
        let mut x = 0;
        for run in row.chunk_by(|a, b| look(a) == look(b)) {
            draw_run(&mut picture, (x, y), run);
            x += u16::try_from(run.len()).unwrap_or(0);
        }
    }
    picture.push_str("</svg>\n");
    picture
}

fn look(cell: &Cell) -> (Color, Color, Modifier) {
    (cell.fg, cell.bg, cell.modifier)
}

/// Cells of one style, on one row: the shapes in one path, each word as a text of its own.
fn draw_run(picture: &mut String, (x, y): (u16, u16), run: &[Cell]) {
    let Some(style) = run.first() else { return };
    let fill = colour(style.fg);
    let faint = if style.modifier.contains(Modifier::DIM) { " opacity=\"0.6\"" } else { "" };
    let weight = if style.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let mut shapes = String::new();
    let mut word: Option<(u16, String)> = None;
    let mut words = Vec::new();
    for (x, cell) in (x..).zip(run) {
        let symbol = cell.symbol().chars().next().unwrap_or(' ');
        let place = (f64::from(x) * CELL.0, f64::from(y) * CELL.1);
        if symbol == ' ' || shape(&mut shapes, place, symbol) {
            words.extend(word.take());
        } else {
            word.get_or_insert_with(|| (x, String::new())).1.push(symbol);
        }
    }
    words.extend(word);
    if !shapes.is_empty() {
        *picture += &format!("<path fill=\"{fill}\"{faint} d=\"{shapes}\"/>\n");
    }
    for (x, text) in words {
        let (x, y) = (f64::from(x) * CELL.0, f64::from(y) * CELL.1 + FONT_SIZE);
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        *picture += &format!("<text x=\"{x}\" y=\"{y:.1}\" fill=\"{fill}\"{weight}{faint}>{text}</text>\n");
    }
}

/// Adds a symbol to a path, if it is one that is drawn as a shape.
fn shape(path: &mut String, (x, y): (f64, f64), symbol: char) -> bool {
    let (wide, tall) = CELL;
    let mut rectangle = |x: f64, y: f64, wide: f64, tall: f64| {
        *path += &format!("M{x:.1} {y:.1}h{wide:.1}v{tall:.1}h-{wide:.1}z");
    };
    // Lines of frames are one unit thick and run through the middle of the cell.
    let (middle_x, middle_y) = (x + wide / 2.0 - 0.5, y + tall / 2.0 - 0.5);
    let code = u32::from(symbol);
    match symbol {
        // Lower blocks: one to eight eighths from below (U+2581 to U+2588).
        '▁'..='█' => {
            let part = tall * f64::from(code - 0x2580) / 8.0;
            rectangle(x, y + tall - part, wide, part);
        }
        // Left blocks: seven to one eighths (U+2589 to U+258F).
        '▉'..='▏' => rectangle(x, y, wide * f64::from(0x2590 - code) / 8.0, tall),
        // Braille: bits 0 to 2 and 6 are the left column from above, 3 to 5 and 7 the right one.
        '\u{2801}'..='\u{28FF}' => {
            for (bit, column, row) in
                [(0, 0, 0), (1, 0, 1), (2, 0, 2), (6, 0, 3), (3, 1, 0), (4, 1, 1), (5, 1, 2), (7, 1, 3)]
            {
                if (code - 0x2800) >> bit & 1 == 1 {
                    let (step_x, step_y) = (wide / 2.0, tall / 4.0);
                    rectangle(
                        x + f64::from(column) * step_x + 0.6,
                        y + f64::from(row) * step_y + 0.8,
                        step_x - 1.2,
                        step_y - 1.6,
                    );
                }
            }
        }
        '─' => rectangle(x, middle_y, wide, 1.0),
        '│' => rectangle(middle_x, y, 1.0, tall),
        '┼' | '┤' => {
            rectangle(middle_x, y, 1.0, tall);
            let long = if symbol == '┼' { wide } else { wide / 2.0 };
            rectangle(x, middle_y, long, 1.0);
        }
        '╭' | '╮' | '╰' | '╯' => {
            let (left, above) = (matches!(symbol, '╮' | '╯'), matches!(symbol, '╰' | '╯'));
            rectangle(if left { x } else { middle_x }, middle_y, wide / 2.0 + 0.5, 1.0);
            rectangle(middle_x, if above { y } else { middle_y }, 1.0, tall / 2.0 + 0.5);
        }
        _ => return false,
    }
    true
}

/// The sixteen colours as a common dark terminal shows them.
fn colour(colour: Color) -> String {
    let named = match colour {
        Color::Rgb(r, g, b) => return format!("#{r:02x}{g:02x}{b:02x}"),
        Color::Black => "#1d1f21",
        Color::Red => "#cc6666",
        Color::LightRed => "#ff6b6b",
        Color::Green => "#8cc265",
        Color::LightGreen => "#a5e075",
        Color::Yellow => "#e5c07b",
        Color::LightYellow => "#f0d399",
        Color::Blue => "#5c8fd6",
        Color::LightBlue => "#61afef",
        Color::Magenta => "#c678dd",
        Color::LightMagenta => "#de9bf0",
        Color::Cyan => "#56b6c2",
        Color::LightCyan => "#7fd5e0",
        Color::DarkGray => "#7b818c",
        Color::Gray => "#a9aeb8",
        _ => FOREGROUND,
    };
    named.to_owned()
}
