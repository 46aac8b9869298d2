//! TOML files that people write: themes, settings, scripts. A mistake is one sentence that names the file, the line and
//! the nearest valid name.

use std::path::Path;

use serde::de::DeserializeOwned;

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

/// Reads a file.
///
/// # Errors
/// One sentence that names the file, if it can't be read.
pub fn text(path: &Path) -> Result<String, TomlFileError> {
    std::fs::read_to_string(path)
        .map_err(|error| TomlFileError::Unreadable { place: path.display().to_string(), reason: error.to_string() })
}

/// Parses the text of a file that is called `place` in errors. Keys that nobody knows are errors where the type says
/// `#[serde(deny_unknown_fields)]`, which every type of such a file should.
///
/// # Errors
/// One sentence for the person who wrote the file.
pub fn parse<T: DeserializeOwned>(text: &str, place: &str) -> Result<T, TomlFileError> {
    toml::from_str(text).map_err(|error| TomlFileError::Wrong {
        place: place.to_owned(),
        line: error.span().map_or(1, |span| line_at(text, span.start)),
        sentence: with_nearest(error.message()),
    })
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
            ("order = \"wurst\"", "settings.toml, line 1: unknown variant `wurst`; did you mean `worst`?"),
            ("depth = \"deep\"", "settings.toml, line 1: invalid type: string \"deep\", expected u32"),
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
    fn a_file_that_is_not_there() {
        let error = read::<Settings>(Path::new("nowhere/settings.toml")).unwrap_err().to_string();
        assert!(error.starts_with("nowhere/settings.toml could not be read ("), "{error}");
    }
}
