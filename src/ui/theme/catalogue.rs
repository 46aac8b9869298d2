//! Where themes come from: the built-in ones, the user's folder, a file. A theme file is a patch over its parent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Spanned, Value};

use super::{ROLES, Role, Theme, style};
use crate::toml_file::{self, TomlFileError, line_at, nearest};

/// The themes that come with the program, in the order in which they are listed.
const BUILT_IN: [(&str, &str); 5] = [
    ("dark", include_str!("../../../themes/dark.toml")),
    ("light", include_str!("../../../themes/light.toml")),
    ("high-contrast", include_str!("../../../themes/high-contrast.toml")),
    ("colour-blind", include_str!("../../../themes/colour-blind.toml")),
    ("mono", include_str!("../../../themes/mono.toml")),
];

/// What a theme that names no parent patches.
const USUAL_PARENT: &str = "dark";

/// Keys of a theme file that are no role.
const PARENT: &str = "parent";
const ABOUT: &str = "about";

/// Why a theme is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThemeError {
    /// There is none of that name.
    #[error("there is no theme {name:?}; {advice}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What was probably meant, or what there is.
        advice: String,
    },
    /// Its file can't be read, or says something wrong.
    #[error(transparent)]
    File(#[from] TomlFileError),
}

impl ThemeError {
    /// Whether a theme file was found and says something wrong; otherwise there is none.
    pub fn is_mistake_in_file(&self) -> bool {
        matches!(self, Self::File(TomlFileError::Wrong { .. }))
    }
}

/// A theme, and what its file says of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// One line about it.
    pub about: String,
    /// Its styles.
    pub theme: Theme,
}

/// Where themes are looked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Themes {
    folder: Option<PathBuf>,
}

/// One theme file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    BuiltIn(&'static str, &'static str),
    File(PathBuf),
}

impl Source {
    fn built_in(name: &str) -> Option<Self> {
        BUILT_IN.iter().find(|(known, _)| *known == name).map(|(name, text)| Self::BuiltIn(name, text))
    }

    fn place(&self) -> String {
        match self {
            Self::BuiltIn(name, _) => format!("the built-in theme {name}"),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// The name by which another file could call it its parent.
    fn name(&self) -> &str {
        match self {
            Self::BuiltIn(name, _) => name,
            Self::File(path) => path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default(),
        }
    }

    fn text(&self) -> Result<String, TomlFileError> {
        match self {
            Self::BuiltIn(_, text) => Ok((*text).to_owned()),
            Self::File(path) => toml_file::text(path),
        }
    }
}

impl Themes {
    /// The built-in ones alone.
    pub fn built_in() -> Self {
        Self::default()
    }

    /// The built-in ones and those of a folder, which need not be there. One there that has the name of a built-in one
    /// takes its place, and can name it as its parent.
    pub fn with_folder(folder: PathBuf) -> Self {
        Self { folder: Some(folder) }
    }

    /// All names: the built-in ones, then those of the folder.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect();
        let files = self.folder.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
        let mut own: Vec<String> = files
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let named = path.extension()? == "toml" && path.is_file();
                named.then(|| path.file_stem()?.to_str().map(str::to_owned)).flatten()
            })
            .filter(|name| !names.contains(name))
            .collect();
        own.sort();
        names.append(&mut own);
        names
    }

    /// The theme of a name or of a file's path: what holds a `/` or ends in `.toml` is a path.
    ///
    /// # Errors
    /// If there is no such theme, or its file or a parent's can't be used.
    pub fn load(&self, named: &str) -> Result<Found, ThemeError> {
        let source = self.find(named, Path::new("")).ok_or_else(|| {
            let name = named.chars().take(60).collect::<String>();
            ThemeError::Unknown { advice: self.advice(&name), name }
        })?;
        Ok(self.patch(&source, &mut Vec::new())?)
    }

    fn find(&self, named: &str, beside: &Path) -> Option<Source> {
        if named.contains(std::path::is_separator) || Path::new(named).extension().is_some_and(|it| it == "toml") {
            return Some(Source::File(beside.join(named)));
        }
        let own = self.folder.as_ref().map(|folder| folder.join(format!("{named}.toml")));
        own.filter(|path| path.is_file()).map(Source::File).or_else(|| Source::built_in(named))
    }

    fn advice(&self, name: &str) -> String {
        let names = self.names();
        match nearest(name, names.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are {}", names.join(", ")),
        }
    }

    /// The theme of a file: its parent's, with what the file says laid over it. `below` are the files that named each
    /// other as parents on the way here.
    fn patch(&self, source: &Source, below: &mut Vec<Source>) -> Result<Found, TomlFileError> {
        let (text, place) = (source.text()?, source.place());
        let wrong = |at: usize, sentence: String| TomlFileError::Wrong {
            place: place.clone(),
            line: line_at(&text, at),
            sentence,
        };
        let entries: BTreeMap<Spanned<String>, Spanned<Value>> = toml_file::parse(&text, &place)?;
        let mut words = Vec::new();
        for (key, value) in entries {
            let at = key.span().start;
            let key = key.into_inner();
            if key != PARENT && key != ABOUT && Role::named(&key).is_none() {
                let known = ROLES.iter().map(|role| role.name);
                let advice = match nearest(&key, known.clone().chain([PARENT, ABOUT])) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("known are {PARENT}, {ABOUT}, {}", known.collect::<Vec<_>>().join(", ")),
                };
                return Err(wrong(at, format!("unknown key `{key}`; {advice}")));
            }
            let Value::String(said) = value.get_ref() else {
                let sentence = format!("`{key}` is no text; write it in quotes, such as {key} = \"bold green\"");
                return Err(wrong(value.span().start, sentence));
            };
            words.push((at, key, said.clone()));
        }
        below.push(source.clone());
        let named = words.iter().find(|(_, key, _)| key == PARENT);
        let mut found = match named {
            Some((at, _, parent)) => {
                let beside = if let Source::File(path) = source { path.parent() } else { None };
                let mut above = self.find(parent, beside.unwrap_or(Path::new("")));
                // A user's `dark` whose parent is `dark` patches the built-in one.
                if above.as_ref() == Some(source) && source.name() == parent {
                    above = Source::built_in(parent).or(above);
                }
                let above = above.ok_or_else(|| {
                    wrong(*at, format!("there is no theme {parent:?} to be the parent; {}", self.advice(parent)))
                })?;
                if below.contains(&above) {
                    let way: Vec<&str> = below.iter().chain([&above]).map(Source::name).collect();
                    let sentence =
                        format!("the parents go round in a circle ({}); let one of them name none", way.join(", "));
                    return Err(wrong(*at, sentence));
                }
                self.patch(&above, below)?
            }
            None => match Source::built_in(USUAL_PARENT) {
                Some(usual) if *source != usual => self.patch(&usual, below)?,
                _ => Found::default(),
            },
        };
        found.about = String::new();
        for (at, key, said) in &words {
            if key == ABOUT {
                found.about.clone_from(said);
            } else if let Some(role) = Role::named(key) {
                *(role.of_mut)(&mut found.theme) =
                    style::parse(said).map_err(|sentence| wrong(*at, format!("{key}: {sentence}")))?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use ratatui::style::Color;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Themes) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let themes = Themes::with_folder(folder.path().to_owned());
        (folder, themes)
    }

    #[test]
    fn each_built_in_theme_parses_and_says_what_it_is() {
        for (name, text) in BUILT_IN {
            let found = Themes::built_in().load(name).unwrap();
            assert!(!found.about.is_empty() && found.theme != Theme::default(), "{name}");
            // What names no parent names every role itself.
            if !text.contains("\nparent = ") {
                assert!(ROLES.iter().all(|role| text.contains(&format!("\n{} = ", role.name))), "{name}");
            }
        }
    }

    #[test]
    fn a_file_is_a_patch_over_its_parent() {
        let (_kept, themes) = folder(&[
            ("mine.toml", "parent = \"light\"\nbad = \"#800000\"\n"),
            ("dark.toml", "parent = \"dark\"\naccent = \"13\"\n"),
            ("bare.toml", "good = \"plain\""),
        ]);
        let mine = themes.load("mine").unwrap().theme;
        assert_eq!((mine.bad.fg, mine.good), (Some(Color::from_u32(0x0080_0000)), Theme::light().good));
        let dark = themes.load("dark").unwrap().theme;
        assert_eq!((dark.accent.fg, dark.good), (Some(Color::Indexed(13)), Theme::dark().good));
        let bare = themes.load("bare").unwrap().theme;
        assert_eq!((bare.good.fg, bare.bad), (None, Theme::dark().bad), "without a parent it is dark");
        assert_eq!(themes.names(), ["dark", "light", "high-contrast", "colour-blind", "mono", "bare", "mine"]);
    }

    #[test]
    fn a_parent_may_be_a_file_beside() {
        let (kept, _) = folder(&[("a.toml", "parent = \"./b.toml\""), ("b.toml", "parent = \"mono\"\nlag = \"blue\"")]);
        let path = kept.path().join("a.toml");
        let found = Themes::built_in().load(path.to_str().unwrap()).unwrap();
        assert_eq!((found.theme.lag.fg, found.theme.bad), (Some(Color::Blue), Theme::mono().bad));
    }

    /// What stands in `x.toml`, and the sentence after the file's name.
    #[test]
    fn a_bad_file_names_its_line() {
        let table = [
            ("good = \"green\"\nacent = \"blue\"", "line 2: unknown key `acent`; did you mean `accent`?"),
            ("zzz = \"blue\"", "line 1: unknown key `zzz`; known are parent, about, ground, strong, text, quiet, good"),
            ("\n\nbad = \"#12\"", "line 3: bad: `#12` is not a colour: after # stand six"),
            ("bad = 9", "line 1: `bad` is no text; write it in quotes, such as bad = \"bold green\""),
            ("[bad]\nfg = \"red\"", "line 1: `bad` is no text"),
            ("parent = \"drak\"", "line 1: there is no theme \"drak\" to be the parent; did you mean `dark`?"),
            ("parent = \"y\"", "line 1: the parents go round in a circle (x, y, x); let one of them name none"),
            ("parent = \"x\"", "line 1: the parents go round in a circle (x, x)"),
            ("bad = \"red", "line 1: "),
            ("not toml at all", "line 1: "),
            ("bad = \"red\"\nbad = \"blue\"", "line 2: "),
        ];
        for (text, expected) in table {
            let (kept, themes) = folder(&[("x.toml", text), ("y.toml", "parent = \"x\"")]);
            let sentence = themes.load("x").unwrap_err().to_string();
            let rest = sentence.strip_prefix(&format!("{}", kept.path().display())).unwrap_or(&sentence);
            let names_the_loop = expected.contains("circle (x, y") && rest.starts_with("/y.toml, line 1");
            assert!(rest.contains(expected) && (rest.starts_with("/x.toml, ") || names_the_loop), "{sentence}");
            assert_eq!(sentence.lines().count(), 1, "{sentence}");
        }
    }

    #[test]
    fn a_theme_that_is_not_there() {
        let themes = Themes::built_in();
        let sentence = |name: &str| themes.load(name).unwrap_err().to_string();
        assert_eq!(sentence("drak"), "there is no theme \"drak\"; did you mean `dark`?");
        assert_eq!(
            sentence("qqq"),
            "there is no theme \"qqq\"; there are dark, light, high-contrast, colour-blind, mono"
        );
        assert!(
            sentence("nowhere/x.toml").starts_with("nowhere/x.toml could not be read ("),
            "{}",
            sentence("nowhere/x.toml")
        );
        let folder = tempfile::tempdir().unwrap();
        let directory = format!("{}/", folder.path().display());
        assert!(sentence(&directory).contains("could not be read ("), "{}", sentence(&directory));
    }
}
