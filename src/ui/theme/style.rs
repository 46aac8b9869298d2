//! A style in words, as theme files have it: `bold #e5c07b on 235`.

use ratatui::style::{Color, Modifier, Style};

use crate::toml_file::nearest;

/// The sixteen colours by name: what they look like is up to the terminal.
const COLOURS: [(&str, Color); 16] = [
    ("black", Color::Black),
    ("red", Color::Red),
    ("green", Color::Green),
    ("yellow", Color::Yellow),
    ("blue", Color::Blue),
    ("magenta", Color::Magenta),
    ("cyan", Color::Cyan),
    ("grey", Color::Gray),
    ("dark-grey", Color::DarkGray),
    ("light-red", Color::LightRed),
    ("light-green", Color::LightGreen),
    ("light-yellow", Color::LightYellow),
    ("light-blue", Color::LightBlue),
    ("light-magenta", Color::LightMagenta),
    ("light-cyan", Color::LightCyan),
    ("white", Color::White),
];

const ATTRIBUTES: [(&str, Modifier); 5] = [
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underlined", Modifier::UNDERLINED),
    ("reversed", Modifier::REVERSED),
];

/// Reads a style: colours and attributes in any order, a colour after `on` for the ground, `plain` for nothing of all that.
pub(super) fn parse(text: &str) -> Result<Style, String> {
    let mut style = Style::new();
    let mut words = text.split_whitespace().peekable();
    if words.peek().is_none() {
        return Err("an empty style; write `plain` for no colour and no attribute".into());
    }
    while let Some(word) = words.next() {
        if word == "plain" {
            continue;
        }
        if word == "on" {
            let ground = words.next().ok_or("`on` wants a colour after it")?;
            if style.bg.replace(colour(ground)?).is_some() {
                return Err("there is more than one colour after `on`".into());
            }
        } else if let Some((_, attribute)) = ATTRIBUTES.iter().find(|(name, _)| *name == word) {
            style = style.add_modifier(*attribute);
        } else if style.fg.replace(colour(word)?).is_some() {
            return Err("there is more than one colour; the ground's stands after `on`".into());
        }
    }
    Ok(style)
}

fn colour(word: &str) -> Result<Color, String> {
    let spelled = word.replace("gray", "grey");
    if let Some((_, colour)) = COLOURS.iter().find(|(name, _)| *name == spelled) {
        return Ok(*colour);
    }
    if let Some(digits) = word.strip_prefix('#') {
        let number = u32::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 6 && !digits.starts_with('+'));
        return number
            .map(Color::from_u32)
            .ok_or_else(|| format!("`{word}` is not a colour: after # stand six of 0-9 and a-f, such as #8cc265"));
    }
    if word.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
        return word
            .parse()
            .map(Color::Indexed)
            .map_err(|_| format!("`{word}` is not a colour: numbers go from 0 to 255"));
    }
    let names = COLOURS.iter().map(|(name, _)| *name).chain(ATTRIBUTES.iter().map(|(name, _)| *name));
    Err(match nearest(word, names) {
        Some(meant) => format!("`{word}` is neither a colour nor an attribute; did you mean `{meant}`?"),
        None => format!(
            "`{word}` is neither a colour nor an attribute; write #rrggbb, 0 to 255, a name such as green or \
             light-red, or bold, dim, italic, underlined, reversed"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_that_are_understood() {
        let plain = Style::new();
        let table = [
            ("plain", plain),
            ("#8cc265", plain.fg(Color::Rgb(0x8c, 0xc2, 0x65))),
            ("bold 203", plain.fg(Color::Indexed(203)).add_modifier(Modifier::BOLD)),
            ("dark-gray", plain.fg(Color::DarkGray)),
            ("black on yellow", plain.fg(Color::Black).bg(Color::Yellow)),
            ("on #000000 dim", plain.bg(Color::Rgb(0, 0, 0)).add_modifier(Modifier::DIM)),
            ("reversed underlined", plain.add_modifier(Modifier::REVERSED | Modifier::UNDERLINED)),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn styles_that_are_not() {
        let table = [
            ("", "an empty style"),
            ("#8cc26", "`#8cc26` is not a colour: after # stand six of 0-9 and a-f"),
            ("#+8cc26", "`#+8cc26` is not a colour"),
            ("#gg0000", "`#gg0000` is not a colour"),
            ("256", "`256` is not a colour: numbers go from 0 to 255"),
            ("-1", "`-1` is not a colour"),
            ("gren", "did you mean `green`?"),
            ("blod red", "did you mean `bold`?"),
            ("qqq", "write #rrggbb, 0 to 255"),
            ("red green", "more than one colour; the ground's stands after `on`"),
            ("on red on blue", "more than one colour after `on`"),
            ("red on", "`on` wants a colour"),
        ];
        for (text, expected) in table {
            let sentence = parse(text).unwrap_err();
            assert!(sentence.contains(expected), "{text:?}: {sentence}");
        }
    }
}
