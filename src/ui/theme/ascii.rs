//! Each glyph of the screen in ASCII. A glyph keeps what it says: bars grow, arrows point, and no two statuses look alike.

/// What stands for a symbol where there is ASCII alone: always one character wide, as all glyphs of the screen are. A
/// wider symbol in somebody's text leaves the cell after it blank, as it was.
pub(super) fn symbol(symbol: &str) -> &'static str {
    let ascii = character(symbol.chars().next().unwrap_or(' '));
    let at = usize::from(u8::try_from(ascii).unwrap_or(b'?').saturating_sub(b' '));
    PRINTABLE.get(at..=at).unwrap_or("?")
}

const PRINTABLE: &str =
    " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";

/// Bars from one to eight eighths, each taller to the eye than the one before.
const BARS: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '@'];

#[expect(clippy::match_same_arms, reason = "kinds of glyphs stand together, whatever becomes of them")]
fn character(symbol: char) -> char {
    match symbol {
        ' '..='~' => symbol,
        '✔' | '✓' => '+',
        '▲' | '↑' | '⇡' | '△' => '^',
        '▼' | '↓' | '⇣' | '▽' => 'v',
        '■' | '◼' | '□' => '#',
        '↺' | '◀' | '←' | '⇤' | '‹' | '«' | '≤' | '◂' => '<',
        '▶' | '→' | '⇥' | '›' | '»' | '≥' | '▸' | '⏵' => '>',
        '○' | '◌' | '°' | '◯' => 'o',
        '●' | '⏺' => 'O',
        '◆' | '•' | '★' | '◇' | '☆' => '*',
        '✖' | '✗' | '×' | '✕' => 'x',
        '░' => '-',
        '▒' => '=',
        '▓' => '%',
        '·' | '∙' => '.',
        '…' | '≈' | '±' | '∼' => '~',
        'µ' | 'μ' => 'u',
        '▁'..='█' => BARS.get(symbol as usize - '▁' as usize).copied().unwrap_or('@'),
        // Left blocks: seven eighths down to one.
        '▉' | '▊' => '@',
        '▋'..='▏' | '▐' | '▕' | '‖' => '|',
        '▀' | '▔' => '"',
        // Quadrants: big digits are made of them.
        '▖' | '▗' => '.',
        '▘' | '▝' => '\'',
        '▙'..='▜' | '▞' | '▟' => '#',
        '\u{2800}'..='\u{28FF}' => braille(symbol),
        '─' | '━' | '╌'..='╍' | '═' | '╴' | '╶' | '┄' | '┅' | '┈' | '┉' | '–' | '—' | '‐' | '‑' | '−' => {
            '-'
        }
        '│' | '┃' | '║' | '╎' | '╏' | '╵' | '╷' | '┆' | '┇' | '┊' | '┋' | '┤' | '├' => '|',
        '╭' | '╮' | '┌' | '┐' | '┏' | '┓' | '╔' | '╗' => '.',
        '╰' | '╯' | '└' | '┘' | '┗' | '┛' | '╚' | '╝' | '‘' | '’' => '\'',
        '\u{2500}'..='\u{257F}' => '+',
        '“' | '”' => '"',
        '\u{00A0}' | '\u{2007}' | '\u{2009}' | '\u{202F}' => ' ',
        _ => '?',
    }
}

/// By how many of the eight dots are set, and whether they are all in the upper half.
fn braille(symbol: char) -> char {
    // Bits 0, 1, 3 and 4 are the upper two rows (Unicode, block U+2800).
    const UPPER: u32 = 0b0001_1011;
    let dots = u32::from(symbol) - 0x2800;
    match (dots.count_ones(), dots & !UPPER) {
        (0, _) => ' ',
        (1..=2, 0) => '\'',
        (3..=4, 0) => '"',
        (1..=2, _) => '.',
        (3..=4, _) => ':',
        (5..=6, _) => '+',
        _ => '#',
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{HEAT, Theme};
    use super::*;
    use crate::model::health::Word;
    use crate::model::status::Status;

    #[test]
    fn every_character_there_is_becomes_one_of_ascii() {
        for character in '\u{0}'..=char::MAX {
            let ascii = symbol(character.encode_utf8(&mut [0; 4]));
            assert!(ascii.len() == 1 && (b' '..=b'~').contains(&ascii.as_bytes()[0]), "{character:?}: {ascii:?}");
        }
        assert_eq!((symbol(""), symbol("e\u{301}"), symbol("\u{1F469}\u{200D}\u{1F4BB}")), (" ", "e", "?"));
    }

    fn all_different<'a>(glyphs: impl IntoIterator<Item = &'a str>) {
        let glyphs: Vec<&str> = glyphs.into_iter().collect();
        let ascii: BTreeSet<&str> = glyphs.iter().map(|glyph| symbol(glyph)).collect();
        assert_eq!(ascii.len(), glyphs.len(), "{glyphs:?} become {ascii:?}");
    }

    #[test]
    fn no_two_statuses_look_alike() {
        let theme = Theme::dark();
        all_different(Status::ALL.map(|status| theme.status(status).0));
        all_different(Word::ALL.map(|word| theme.health(word).0));
        all_different(HEAT);
        // What a station says of itself: well, in trouble, silent, away, stopped, nothing yet.
        all_different(["✔", "▲", "?", "✖", "■", "○"]);
        all_different(["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█", " "]);
        all_different(["▶", "‖", "●"]);
    }

    /// Of two recordings in one chart, the line of the second is not taken for the area of the first.
    #[test]
    fn a_line_is_told_from_an_area() {
        let line: BTreeSet<char> = ['▁', '─', '▔', '│', '≈'].map(character).into();
        let [left, right] = [[0x00, 0x40, 0x44, 0x46, 0x47], [0x00, 0x80, 0xA0, 0xB0, 0xB8]];
        let cells = left.into_iter().flat_map(|left| right.map(|right| char::from_u32(0x2800 + left + right).unwrap()));
        let area: BTreeSet<char> = cells.map(character).filter(|cell| *cell != ' ').collect();
        assert!(area.len() >= 4 && line.len() == 5 && area.is_disjoint(&line), "{area:?} and {line:?}");
    }

    /// A filled chart in ASCII grows as it did: more dots never look like fewer.
    #[test]
    fn a_filled_chart_grows() {
        let filled = ['⠀', '⣀', '⣤', '⣶', '⣿'].map(braille);
        assert_eq!(filled, [' ', '.', ':', '+', '#']);
    }
}
