//! TOML files that people write: scenarios, themes, settings, scripts, rules. A mistake is one sentence that names the file,
//! the line, the key and the nearest valid name.

use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::typed::without_userinfo;

/// A file that somebody writes has so many bytes at most: whatever never ends, such as a device, is not read for ever.
const LONGEST: u64 = 1024 * 1024;

/// Why a file that somebody wrote is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TomlFileError {
    /// It can't be read.
    #[error("{place} could not be read ({reason}); check the path and its permissions")]
    Unreadable {
        /// Which file.
        place: String,
        /// What the system says.
        reason: String,
    },
    /// It is no text.
    #[error("{place} is not text (UTF-8), so it can't be a TOML file; check the path")]
    NotText {
        /// Which file.
        place: String,
    },
    /// Nobody wrote that by hand.
    #[error("{place} is longer than 1 MiB, so it can't be a TOML file that somebody wrote; check the path")]
    TooLong {
        /// Which file.
        place: String,
    },
    /// It says something that can't be understood.
    #[error("{place}, line {line}: {sentence}")]
    Wrong {
        /// Which file.
        place: String,
        /// From 1 on.
        line: usize,
        /// What is wrong, and what to try.
        sentence: String,
    },
}

/// Reads a file and parses it.
///
/// # Errors
/// One sentence for the person who wrote the file.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T, TomlFileError> {
    parse(&text(path)?, &path.display().to_string())
}

/// Reads a file, of 1 MiB at most.
///
/// # Errors
/// One sentence that names the file, if it can't be read, is too long or is no text.
pub fn text(path: &Path) -> Result<String, TomlFileError> {
    let place = || path.display().to_string();
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| TomlFileError::Unreadable { place: place(), reason: error.to_string() })?;
    if bytes.len() as u64 > LONGEST {
        return Err(TomlFileError::TooLong { place: place() });
    }
    String::from_utf8(bytes).map_err(|_| TomlFileError::NotText { place: place() })
}

/// Parses the text of a file that is called `place` in errors. Keys that nobody knows are errors where the type says
/// `#[serde(deny_unknown_fields)]`, which every type of such a file should.
///
/// # Errors
/// One sentence for the person who wrote the file.
pub fn parse<T: DeserializeOwned>(text: &str, place: &str) -> Result<T, TomlFileError> {
    toml::from_str(text).map_err(|error| {
        let said = without_userinfo(&in_plain_words(&with_nearest(error.message())));
        match error.span() {
            Some(at) => wrong(text, place, &at, said),
            None => TomlFileError::Wrong { place: place.to_owned(), line: 1, sentence: said },
        }
    })
}

/// What is wrong at a place of a text: told with its line, and where a value stands there with its key.
pub fn wrong(text: &str, place: &str, at: &Range<usize>, sentence: String) -> TomlFileError {
    let sentence = with_key(key_at(text, at), sentence);
    TomlFileError::Wrong { place: place.to_owned(), line: line_at(text, at.start), sentence }
}

/// The place of the value with this key, in tables of these keys: for what is wrong only beside another value.
pub fn place_of(text: &str, keys: &[&str]) -> Range<usize> {
    let find = || {
        let (last, tables) = keys.split_last()?;
        let root = DeTable::parse(text).ok()?;
        let mut table = root.get_ref();
        for key in tables {
            table = table.get(*key)?.get_ref().as_table()?;
        }
        Some(table.get(*last)?.span())
    };
    find().unwrap_or_default()
}

/// A sentence about a value, with its key before it unless it says that itself.
fn with_key(key: Option<String>, sentence: String) -> String {
    // What is in quotes is what was typed.
    let own_words = || sentence.split('"').step_by(2).flat_map(|part| part.split(|c: char| !is_of_key(c)));
    let is_said = |key: &String| own_words().any(|word| word == key);
    match key.filter(|key| !is_said(key)) {
        Some(key) => format!("{key}: {sentence}"),
        None => sentence,
    }
}

const fn is_of_key(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_')
}

/// The key of the value that stands there; `None` if what stands there is a key or a table, or the text is no TOML.
fn key_at(text: &str, at: &Range<usize>) -> Option<String> {
    key_in(DeTable::parse(text).ok()?.get_ref(), at)
}

fn key_in(table: &DeTable<'_>, at: &Range<usize>) -> Option<String> {
    table.iter().find_map(|(key, value)| key_of(key.get_ref(), value, at))
}

fn key_of(key: &str, value: &Spanned<DeValue<'_>>, at: &Range<usize>) -> Option<String> {
    let is_here = value.span().contains(&at.start);
    match value.get_ref() {
        // The place of a table is that of its header, and what stands in it is elsewhere.
        DeValue::Table(table) => key_in(table, at),
        DeValue::Array(values) => {
            let inner = values.iter().find_map(|value| match value.get_ref() {
                DeValue::Table(table) => key_in(table, at),
                _ => None,
            });
            // An array of tables has a header as well: that is no value.
            let has_tables = values.iter().any(|value| value.get_ref().is_table());
            inner.or_else(|| (is_here && !has_tables).then(|| key.to_owned()))
        }
        _ => is_here.then(|| key.to_owned()),
    }
}

/// The line of a byte, from 1 on.
pub fn line_at(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}

/// Of the known names the one that was probably meant, if any is near.
///
/// ```
/// use streamgauge::toml_file::nearest;
///
/// assert_eq!(nearest("acent", ["accent", "quiet"]), Some("accent"));
/// assert_eq!(nearest("zebra", ["accent", "quiet"]), None);
/// ```
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let score = |name: &str| strsim::jaro_winkler(&typed.to_lowercase(), &name.to_lowercase());
    let best = known.into_iter().max_by(|a, b| score(a).total_cmp(&score(b)))?;
    (score(best) >= 0.75).then_some(best)
}

/// Serde's sentence about an unknown key or value lists all that are known; a person wants the one that was meant.
fn with_nearest(message: &str) -> String {
    let message = message.lines().collect::<Vec<_>>().join(" ");
    let Some((said, known)) = message.split_once(", expected ") else { return message };
    let typed = said.split('`').nth(1).unwrap_or_default();
    let names = || known.split('`').skip(1).step_by(2);
    if !said.starts_with("unknown ") {
        return message;
    }
    match nearest(typed, names()) {
        Some(meant) => format!("{said}; did you mean `{meant}`?"),
        None => format!("{said}; known are {}", names().collect::<Vec<_>>().join(", ")),
    }
}

/// What serde calls by the names of Rust's types and its own, as the person who wrote the file would.
fn in_plain_words(message: &str) -> String {
    /// What is expected, and what that is.
    const KINDS: [(&str, &str); 8] = [
        ("f64", "a number"),
        ("u8", "a whole number, 0 or more"),
        ("u32", "a whole number, 0 or more"),
        ("u64", "a whole number, 0 or more"),
        ("a nonzero usize", "a whole number above 0"),
        ("a string", "text in quotes"),
        ("a sequence", "a list, such as [\"a\"]"),
        ("a boolean", "true or false"),
    ];
    /// What was found.
    const FOUND: [(&str, &str); 4] = [
        ("integer `", "the number "),
        ("floating point `", "the number "),
        ("boolean `", ""),
        ("string ", "the text "),
    ];
    if message.contains("wanted exactly 1 element") {
        return "more than one kind of this stands in the file; keep one of its tables".to_owned();
    }
    let Some((wrong, expected)) = message.split_once(", expected ") else { return message.to_owned() };
    let Some(found) = wrong.strip_prefix("invalid type: ").or_else(|| wrong.strip_prefix("invalid value: ")) else {
        return message.to_owned();
    };
    if expected.contains("TOML value") {
        return format!(
            "{} is out of range",
            found.trim_end_matches(" as i128").replace("integer", "the number").replace('`', "")
        );
    }
    let named = |found: &str| {
        let (kind, words) = FOUND.iter().find(|(kind, _)| found.starts_with(kind))?;
        Some(format!("{words}{}", found.get(kind.len()..)?.trim_end_matches('`')))
    };
    let expected = KINDS.iter().find(|(kind, _)| *kind == expected).map_or(expected, |(_, words)| words);
    format!("{} is not {expected}", named(found).unwrap_or_else(|| format!("a {found}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "what is parsed is not looked at")]
    struct Settings {
        theme: Option<String>,
        depth: Option<u32>,
        order: Option<Order>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Order {
        Worst,
        Number,
    }

    #[test]
    fn a_mistake_names_its_line_and_what_was_meant() {
        let table = [
            ("theme = \"dark\"\nthemee = 1\n", "settings.toml, line 2: unknown field `themee`; did you mean `theme`?"),
            ("zebra = 1", "settings.toml, line 1: unknown field `zebra`; known are theme, depth, order"),
            ("order = \"wurst\"", "settings.toml, line 1: order: unknown variant `wurst`; did you mean `worst`?"),
            ("depth = \"deep\"", "settings.toml, line 1: depth: the text \"deep\" is not a whole number, 0 or more"),
            ("depth = -5", "settings.toml, line 1: depth: the number -5 is not a whole number, 0 or more"),
            ("depth = 0.5", "settings.toml, line 1: depth: the number 0.5 is not a whole number, 0 or more"),
            ("depth = []", "settings.toml, line 1: depth: a sequence is not a whole number, 0 or more"),
            ("theme = true", "settings.toml, line 1: theme: true is not text in quotes"),
            (
                "depth = \"ftp://a:hush@b/\"",
                "settings.toml, line 1: depth: the text \"ftp://..@b/\" is not a whole number, 0 or more",
            ),
        ];
        for (text, expected) in table {
            let error = parse::<Settings>(text, "settings.toml").unwrap_err();
            assert_eq!(error.to_string(), expected);
            assert_eq!(error.to_string().lines().count(), 1);
        }
        let torn = parse::<Settings>("\n\ntheme = \"dark\n", "settings.toml").unwrap_err().to_string();
        assert!(torn.starts_with("settings.toml, line 3: "), "{torn}");
        assert!(parse::<Settings>("theme = \"dark\"\norder = \"number\"", "settings.toml").is_ok());
    }

    #[test]
    fn the_key_of_a_value_is_found_wherever_it_stands() {
        let text = "a = 1\n[t.u]\nb = [2, 3]\nc.d = 'x'\n[[s]]\ne = { f = 4 }\n[[s]]\ng = 5\n";
        let table = [
            ("1", Some("a")),
            ("[t", None),
            ("3", Some("b")),
            ("'x'", Some("d")),
            ("[[s", None),
            ("4", Some("f")),
            ("5", Some("g")),
            ("g", None),
        ];
        for (what, key) in table {
            let at = text.rfind(what).unwrap();
            assert_eq!(key_at(text, &(at..at + 1)).as_deref(), key, "{what}");
        }
        assert_eq!(
            with_key(Some("lag".into()), "\"x\" is no limit for lag-back".into()),
            "lag: \"x\" is no limit for lag-back"
        );
        assert_eq!(
            with_key(Some("lag".into()), "\"x\" is no limit for lag: give 1".into()),
            "\"x\" is no limit for lag: give 1"
        );
        assert_eq!(with_key(Some("hub".into()), "\"hub/\" is no name".into()), "hub: \"hub/\" is no name");
    }

    #[test]
    fn a_file_that_can_not_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let (long, binary) = (folder.path().join("long.toml"), folder.path().join("binary.toml"));
        std::fs::write(&long, vec![b'#'; 1024 * 1024 + 1]).unwrap();
        std::fs::write(&binary, [0xff, 0xfe, 0]).unwrap();
        let table = [
            (Path::new("nowhere/settings.toml"), "nowhere/settings.toml could not be read ("),
            (folder.path(), " could not be read ("),
            (&long, "long.toml is longer than 1 MiB"),
            (&binary, "binary.toml is not text (UTF-8)"),
            #[cfg(unix)]
            (Path::new("/dev/zero"), "/dev/zero is longer than 1 MiB"),
        ];
        for (path, expected) in table {
            let error = read::<Settings>(path).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
