//! Colours as numbers: how far apart two of them look, how well one reads on another, and the nearest one that a terminal
//! has.

use ratatui::style::Color;

/// Red, green and blue in sRGB.
pub type Rgb = [u8; 3];

/// The sixteen colours as xterm shows them unless it is told otherwise (its `XTerm-col.ad`). Each user's differ.
const SIXTEEN: [(Color, Rgb); 16] = [
    (Color::Black, [0x00, 0x00, 0x00]),
    (Color::Red, [0xcd, 0x00, 0x00]),
    (Color::Green, [0x00, 0xcd, 0x00]),
    (Color::Yellow, [0xcd, 0xcd, 0x00]),
    (Color::Blue, [0x00, 0x00, 0xee]),
    (Color::Magenta, [0xcd, 0x00, 0xcd]),
    (Color::Cyan, [0x00, 0xcd, 0xcd]),
    (Color::Gray, [0xe5, 0xe5, 0xe5]),
    (Color::DarkGray, [0x7f, 0x7f, 0x7f]),
    (Color::LightRed, [0xff, 0x00, 0x00]),
    (Color::LightGreen, [0x00, 0xff, 0x00]),
    (Color::LightYellow, [0xff, 0xff, 0x00]),
    (Color::LightBlue, [0x5c, 0x5c, 0xff]),
    (Color::LightMagenta, [0xff, 0x00, 0xff]),
    (Color::LightCyan, [0x00, 0xff, 0xff]),
    (Color::White, [0xff, 0xff, 0xff]),
];

/// The colour of an index: the sixteen, then a cube of 6 x 6 x 6, then 24 greys (xterm's `256colres.pl`).
fn indexed(index: u8) -> Rgb {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    match index {
        0..16 => SIXTEEN.get(usize::from(index)).map_or([0; 3], |(_, rgb)| *rgb),
        16..232 => {
            let cell = index - 16;
            [cell / 36, cell / 6 % 6, cell % 6].map(|step| LEVELS.get(usize::from(step)).copied().unwrap_or(0))
        }
        232.. => [8 + (index - 232) * 10; 3],
    }
}

/// What a colour looks like; `None` for the terminal's own default.
pub fn rgb(colour: Color) -> Option<Rgb> {
    match colour {
        Color::Reset => None,
        Color::Rgb(r, g, b) => Some([r, g, b]),
        Color::Indexed(index) => Some(indexed(index)),
        named => SIXTEEN.iter().find(|(known, _)| *known == named).map(|(_, rgb)| *rgb),
    }
}

/// The share of light in each channel (IEC 61966-2-1).
pub fn linear(rgb: Rgb) -> [f64; 3] {
    rgb.map(|channel| {
        let share = f64::from(channel) / 255.0;
        if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    })
}

/// Lightness and two colour axes in which equal distances look alike: [Oklab](https://bottosson.github.io/posts/oklab/)
/// (Ottosson 2020), from linear light.
pub fn oklab(light: [f64; 3]) -> [f64; 3] {
    const CONES: [[f64; 3]; 3] = [
        [0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9],
        [0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6],
        [0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5],
    ];
    const AXES: [[f64; 3]; 3] = [
        [0.210_454_255_3, 0.793_617_785_0, -0.004_072_046_8],
        [1.977_998_495_1, -2.428_592_205_0, 0.450_593_709_9],
        [0.025_904_037_1, 0.782_771_766_2, -0.808_675_766_0],
    ];
    through(&AXES, through(&CONES, light).map(f64::cbrt))
}

/// A matrix times a vector.
pub fn through(matrix: &[[f64; 3]; 3], vector: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row.iter().zip(vector).map(|(factor, part)| factor * part).sum())
}

/// How far apart two points of Oklab are: 0 is the same, 1 black to white; 0.02 is about what can just be seen.
pub fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// Relative luminance, from 0 (black) to 1 (white) ([WCAG 2.2](https://www.w3.org/TR/WCAG22/#dfn-relative-luminance)).
pub fn luminance(rgb: Rgb) -> f64 {
    let [r, g, b] = linear(rgb);
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

/// How well one reads on the other, from 1 to 21 ([WCAG 2.2](https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)).
pub fn contrast(a: Rgb, b: Rgb) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// The nearest of the 240 fixed colours; the first sixteen are whatever the user made of them.
pub fn nearest_indexed(colour: Rgb) -> Color {
    let wanted = oklab(linear(colour));
    let far = |index: u8| distance(wanted, oklab(linear(indexed(index))));
    Color::Indexed((16..=255).min_by(|a, b| far(*a).total_cmp(&far(*b))).unwrap_or(16))
}

/// The one of the sixteen that stands for a colour.
///
/// They are few and strong, so the nearest of them to any soft colour is a grey, and all hues would be lost. A colour that
/// has a hue keeps it here: first the hue is chosen, then the darker or the lighter one of it.
pub fn nearest_sixteen(colour: Rgb) -> Color {
    // Below this chroma a colour looks grey.
    const GREY: f64 = 0.035;
    let chroma = |lab: [f64; 3]| lab[1].hypot(lab[2]);
    let hue = |lab: [f64; 3]| lab[2].atan2(lab[1]) / std::f64::consts::TAU;
    let wanted = oklab(linear(colour));
    let turned = |lab: [f64; 3]| {
        let turned = (hue(lab) - hue(wanted)).abs();
        turned.min(1.0 - turned)
    };
    let all = SIXTEEN.map(|(named, rgb)| (named, oklab(linear(rgb))));
    let (dark, light) = all.split_at(8);
    let fitting: Vec<(Color, [f64; 3])> = if chroma(wanted) < GREY {
        all.into_iter().filter(|(_, lab)| chroma(*lab) < GREY).collect()
    } else {
        let coloured = dark.iter().zip(light).filter(|(dark, _)| chroma(dark.1) >= GREY);
        let pair = coloured.min_by(|a, b| turned(a.0.1).total_cmp(&turned(b.0.1)));
        pair.into_iter().flat_map(|(dark, light)| [*dark, *light]).collect()
    };
    let far = |lab: [f64; 3]| (lab[0] - wanted[0]).abs();
    fitting.into_iter().min_by(|a, b| far(a.1).total_cmp(&far(b.1))).map_or(Color::Reset, |(named, _)| named)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oklab of four colours as its author gives them, rounded.
    #[test]
    fn oklab_is_oklab() {
        let table = [
            ([255, 255, 255], [1.0, 0.0, 0.0]),
            ([255, 0, 0], [0.628, 0.225, 0.126]),
            ([0, 255, 0], [0.866, -0.234, 0.179]),
            ([0, 0, 255], [0.452, -0.032, -0.312]),
        ];
        for (colour, expected) in table {
            assert!(distance(oklab(linear(colour)), expected) < 0.001, "{colour:?}");
        }
    }

    /// Contrasts that WCAG's own examples give.
    #[test]
    fn contrast_is_that_of_wcag() {
        let table = [([0; 3], [255; 3], 21.0), ([0x77; 3], [255; 3], 4.48), ([255, 0, 0], [255; 3], 4.0)];
        for (a, b, expected) in table {
            assert!((contrast(a, b) - expected).abs() < 0.01, "{a:?} on {b:?}: {}", contrast(a, b));
        }
    }

    #[test]
    fn a_colour_that_a_terminal_has_stays_what_it_is() {
        for index in 16..=255 {
            // Some of the cube's greys are in the ramp again.
            let found = rgb(nearest_indexed(indexed(index)));
            assert_eq!(found, Some(indexed(index)), "{index}");
        }
        for (named, colour) in SIXTEEN {
            assert_eq!(nearest_sixteen(colour), named);
        }
    }

    #[test]
    fn a_soft_colour_keeps_its_hue_among_sixteen() {
        let table = [
            ([0x8c, 0xc2, 0x65], Color::Green),
            ([0xe5, 0xc0, 0x7b], Color::Yellow),
            ([0xff, 0x6b, 0x6b], Color::LightRed),
            ([0x61, 0xaf, 0xef], Color::LightBlue),
            ([0x86, 0x8d, 0x9a], Color::DarkGray),
            ([0x16, 0x18, 0x1d], Color::Black),
        ];
        for (colour, expected) in table {
            assert_eq!(nearest_sixteen(colour), expected, "{colour:?}");
        }
    }
}
