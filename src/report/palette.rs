//! The colours of a terminal as figures: what a picture or a cast shows where the screen names a colour.

use ratatui::style::Color;

use crate::ui::ground::Ground;
use crate::ui::theme::Theme;
use crate::ui::theme::colour::{self, Rgb};

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
    foreground: [0xd4, 0xd4, 0xd4],
    background: [0x16, 0x18, 0x1d],
    sixteen: [
        [0x1d, 0x1f, 0x21],
        [0xcc, 0x66, 0x66],
        [0x8c, 0xc2, 0x65],
        [0xe5, 0xc0, 0x7b],
        [0x5c, 0x8f, 0xd6],
        [0xc6, 0x78, 0xdd],
        [0x56, 0xb6, 0xc2],
        [0xa9, 0xae, 0xb8],
        [0x7b, 0x81, 0x8c],
        [0xff, 0x6b, 0x6b],
        [0xa5, 0xe0, 0x75],
        [0xf0, 0xd3, 0x99],
        [0x61, 0xaf, 0xef],
        [0xde, 0x9b, 0xf0],
        [0x7f, 0xd5, 0xe0],
        [0xf5, 0xf5, 0xf5],
    ],
};

const LIGHT: Palette = Palette {
    foreground: [0x2b, 0x2d, 0x33],
    background: [0xfb, 0xfb, 0xf9],
    sixteen: [
        [0x24, 0x26, 0x2b],
        [0xb4, 0x2b, 0x2b],
        [0x2f, 0x7d, 0x1f],
        [0x8a, 0x62, 0x00],
        [0x1f, 0x5b, 0xb5],
        [0x8a, 0x2f, 0xa8],
        [0x00, 0x6f, 0x80],
        [0x8e, 0x93, 0x9c],
        [0x6b, 0x71, 0x7b],
        [0xd0, 0x1f, 0x1f],
        [0x3c, 0x94, 0x2a],
        [0xa5, 0x78, 0x00],
        [0x2a, 0x6f, 0xd6],
        [0xa3, 0x43, 0xc4],
        [0x00, 0x88, 0x9c],
        [0xff, 0xff, 0xff],
    ],
};

impl Palette {
    /// The palette that suits a theme: on the theme's own ground if it has one, else on a dark one.
    pub fn of_theme(theme: &Theme) -> Self {
        let ground = theme.ground.bg.and_then(colour::rgb);
        let usual = match ground.map(Ground::of) {
            None | Some(Ground::Dark) => DARK,
            Some(Ground::Light) => LIGHT,
        };
        let text = theme.ground.fg.or(theme.text.fg).and_then(colour::rgb);
        Self { foreground: text.unwrap_or(usual.foreground), background: ground.unwrap_or(usual.background), ..usual }
    }

    /// A colour as figures; `None` is the terminal's own foreground or background.
    pub fn rgb(&self, colour: Color) -> Option<Rgb> {
        let place = match colour {
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
            Color::Indexed(index @ 0..16) => usize::from(index),
            Color::Reset | Color::Rgb(..) | Color::Indexed(_) => return colour::rgb(colour),
        };
        self.sixteen.get(place).copied()
    }
}

/// `#d4d4d4`.
pub fn hex([red, green, blue]: Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_theme_brings_its_ground() {
        let dark = Palette::of_theme(&Theme::dark());
        assert_eq!((hex(dark.background), dark.sixteen), ("#16181d".into(), DARK.sixteen));
        let light = Palette::of_theme(&Theme::light());
        assert_eq!((hex(light.background), light.sixteen), ("#fafaf7".into(), LIGHT.sixteen));
        assert_eq!(Palette::of_theme(&Theme::mono()), DARK);
        assert_eq!(dark.rgb(Color::Indexed(9)), dark.rgb(Color::LightRed));
        assert_eq!(dark.rgb(Color::Indexed(208)), Some([0xff, 0x87, 0x00]));
        assert_eq!(dark.rgb(Color::Reset), None);
    }
}
