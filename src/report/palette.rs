//! The colours of a terminal as figures: what a picture or a cast shows where the screen names a colour.

use ratatui::style::Color;

use crate::ui::ground::Ground;
use crate::ui::theme::Theme;

/// Red, green, blue.
pub type Rgb = (u8, u8, u8);

/// What a common terminal shows for its own foreground, its background and its sixteen colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    /// Of text without a colour.
    pub foreground: Rgb,
    /// Behind everything.
    pub background: Rgb,
    /// Black, red, green, yellow, blue, magenta, cyan, white, and the same bright.
    pub sixteen: [Rgb; 16],
}

const DARK: Palette = Palette {
    foreground: (0xd4, 0xd4, 0xd4),
    background: (0x16, 0x18, 0x1d),
    sixteen: [
        (0x1d, 0x1f, 0x21),
        (0xcc, 0x66, 0x66),
        (0x8c, 0xc2, 0x65),
        (0xe5, 0xc0, 0x7b),
        (0x5c, 0x8f, 0xd6),
        (0xc6, 0x78, 0xdd),
        (0x56, 0xb6, 0xc2),
        (0xa9, 0xae, 0xb8),
        (0x7b, 0x81, 0x8c),
        (0xff, 0x6b, 0x6b),
        (0xa5, 0xe0, 0x75),
        (0xf0, 0xd3, 0x99),
        (0x61, 0xaf, 0xef),
        (0xde, 0x9b, 0xf0),
        (0x7f, 0xd5, 0xe0),
        (0xf5, 0xf5, 0xf5),
    ],
};

const LIGHT: Palette = Palette {
    foreground: (0x2b, 0x2d, 0x33),
    background: (0xfb, 0xfb, 0xf9),
    sixteen: [
        (0x24, 0x26, 0x2b),
        (0xb4, 0x2b, 0x2b),
        (0x2f, 0x7d, 0x1f),
        (0x8a, 0x62, 0x00),
        (0x1f, 0x5b, 0xb5),
        (0x8a, 0x2f, 0xa8),
        (0x00, 0x6f, 0x80),
        (0x8e, 0x93, 0x9c),
        (0x6b, 0x71, 0x7b),
        (0xd0, 0x1f, 0x1f),
        (0x3c, 0x94, 0x2a),
        (0xa5, 0x78, 0x00),
        (0x2a, 0x6f, 0xd6),
        (0xa3, 0x43, 0xc4),
        (0x00, 0x88, 0x9c),
        (0xff, 0xff, 0xff),
    ],
};

impl Palette {
    /// The palette for a ground.
    pub const fn of(ground: Ground) -> Self {
        match ground {
            Ground::Dark => DARK,
            Ground::Light => LIGHT,
        }
    }

    /// The palette that a theme is shown on: its own ground and text, where it has them.
    pub fn of_theme(theme: &Theme) -> Self {
        let (ground, text) = (theme.ground.bg, theme.ground.fg.or(theme.text.fg));
        let background = ground.and_then(|ground| DARK.rgb(ground));
        let light = background.is_some_and(|(red, green, blue)| Ground::of([red, green, blue]) == Ground::Light);
        let usual = if light { LIGHT } else { DARK };
        Self {
            background: background.unwrap_or(usual.background),
            foreground: text.and_then(|text| usual.rgb(text)).unwrap_or(usual.foreground),
            ..usual
        }
    }

    /// A colour as figures; `None` is the terminal's own foreground or background.
    pub fn rgb(&self, colour: Color) -> Option<Rgb> {
        let index = match colour {
            Color::Reset => return None,
            Color::Rgb(red, green, blue) => return Some((red, green, blue)),
            Color::Indexed(index) => index,
            Color::Black => 0,
            Color::Red => 1,
            Color::Green => 2,
            Color::Yellow => 3,
            Color::Blue => 4,
            Color::Magenta => 5,
            Color::Cyan => 6,
            Color::Gray => 7,
            Color::DarkGray => 8,
            Color::LightRed => 9,
            Color::LightGreen => 10,
            Color::LightYellow => 11,
            Color::LightBlue => 12,
            Color::LightMagenta => 13,
            Color::LightCyan => 14,
            Color::White => 15,
        };
        Some(self.indexed(index))
    }

    /// One of xterm's 256 colours: the sixteen, then a cube of six steps a side, then 24 greys.
    ///
    /// Worked example: 208 is 192 into the cube: red 192 / 36 = 5, green 192 / 6 % 6 = 2, blue 0: an orange.
    fn indexed(&self, index: u8) -> Rgb {
        const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
        let step = |place: u8| STEPS.get(usize::from(place % 6)).copied().unwrap_or(255);
        match index {
            0..=15 => self.sixteen.get(usize::from(index)).copied().unwrap_or(self.foreground),
            16..=231 => {
                let cube = index - 16;
                (step(cube / 36), step(cube / 6), step(cube))
            }
            232..=255 => {
                let grey = 8 + 10 * (index - 232);
                (grey, grey, grey)
            }
        }
    }
}

/// `#d4d4d4`.
pub fn hex((red, green, blue): Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_256_colours_are_those_of_xterm() {
        let palette = Palette::of(Ground::Dark);
        let table = [
            (16, (0, 0, 0)),
            (21, (0, 0, 255)),
            (208, (255, 135, 0)),
            (231, (255, 255, 255)),
            (232, (8, 8, 8)),
            (255, (238, 238, 238)),
        ];
        for (index, expected) in table {
            assert_eq!(palette.rgb(Color::Indexed(index)), Some(expected), "{index}");
        }
        assert_eq!(palette.rgb(Color::Indexed(9)), palette.rgb(Color::LightRed));
        assert_eq!(palette.rgb(Color::Reset), None);
    }
}
