//! What a terminal can show: how many colours, which glyphs. A finished frame is brought down to that in one step, so that
//! nothing that draws has to know.

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use super::{ascii, colour};

/// How many colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Deserialize)]
pub enum Depth {
    /// Any.
    #[default]
    #[value(name = "truecolor", alias = "truecolour", alias = "24bit")]
    #[serde(rename = "truecolor", alias = "truecolour", alias = "24bit")]
    TrueColour,
    /// The 256 of xterm.
    #[value(name = "256")]
    #[serde(rename = "256")]
    Indexed,
    /// The terminal's own sixteen.
    #[value(name = "16")]
    #[serde(rename = "16")]
    Sixteen,
    /// None: weight and glyphs carry the meaning alone.
    #[value(name = "none")]
    #[serde(rename = "none")]
    None,
}

/// Which glyphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Glyphs {
    /// Any.
    #[default]
    Unicode,
    /// ASCII alone.
    Ascii,
}

/// What a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rendition {
    /// How many colours.
    pub depth: Depth,
    /// Which glyphs.
    pub glyphs: Glyphs,
}

impl Rendition {
    /// Brings a finished frame down to what the terminal can show. No cell changes its width.
    pub fn apply(self, frame: &mut Buffer) {
        if self.glyphs == Glyphs::Ascii {
            for cell in &mut frame.content {
                let symbol = cell.symbol();
                // Most cells are blanks and digits.
                if !matches!(symbol.as_bytes(), [b' '..=b'~']) {
                    let symbol = ascii::symbol(symbol);
                    cell.set_symbol(symbol);
                }
            }
        }
        if self.depth == Depth::TrueColour {
            return;
        }
        // A frame has a dozen pairs of colours, and thousands of cells.
        let mut known: Vec<(Pair, Pair)> = Vec::new();
        let mut last = None;
        for cell in &mut frame.content {
            let pair = Pair::of(cell);
            let (_, to) = *match last {
                Some(ref found @ (from, _)) if from == pair => found,
                _ => last.insert(known.iter().find(|(from, _)| *from == pair).copied().unwrap_or_else(|| {
                    let reduced = (pair, self.depth.reduce(pair));
                    known.push(reduced);
                    reduced
                })),
            };
            (cell.fg, cell.bg) = (to.fg, to.bg);
            cell.modifier = cell.modifier.symmetric_difference(to.toggled);
        }
    }
}

/// The colours of a cell, and what is done to its attributes for them.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Pair {
    fg: Color,
    bg: Color,
    toggled: Modifier,
}

impl Pair {
    fn of(cell: &Cell) -> Self {
        Self { fg: cell.fg, bg: cell.bg, toggled: Modifier::empty() }
    }
}

impl Depth {
    /// Below this contrast, what was readable is no longer.
    const READABLE: f64 = 3.0;

    fn reduce(self, Pair { fg, bg, toggled }: Pair) -> Pair {
        match self {
            Self::TrueColour => Pair { fg, bg, toggled },
            Self::Indexed => Pair { fg: Self::indexed(fg), bg: Self::indexed(bg), toggled },
            Self::Sixteen => {
                let (mut fg, bg) = (Self::sixteen(fg), Self::sixteen(bg));
                // Two soft colours may have come down to one, or to a pair that can't be read.
                if let Some(ground) = colour::rgb(bg) {
                    let on_ground = |text| colour::rgb(text).map_or(21.0, |text| colour::contrast(text, ground));
                    if on_ground(fg) < Self::READABLE {
                        fg =
                            if on_ground(Color::White) > on_ground(Color::Black) { Color::White } else { Color::Black };
                    }
                }
                Pair { fg, bg, toggled }
            }
            // A ground that can't be coloured is shown reversed.
            Self::None => {
                let toggled = if bg == Color::Reset { toggled } else { Modifier::REVERSED };
                Pair { fg: Color::Reset, bg: Color::Reset, toggled }
            }
        }
    }

    fn indexed(colour: Color) -> Color {
        if let Color::Rgb(r, g, b) = colour { colour::nearest_indexed([r, g, b]) } else { colour }
    }

    fn sixteen(colour: Color) -> Color {
        match colour {
            Color::Rgb(..) | Color::Indexed(_) => colour::rgb(colour).map_or(Color::Reset, colour::nearest_sixteen),
            named => named,
        }
    }
}
