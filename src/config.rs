//! Settings: what a flag says, else the environment, else the configuration file, else the default. Flags are of the
//! command line and are laid over these by it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcetera::BaseStrategy;
use serde::Deserialize;
use toml::Spanned;

use crate::recording::folder::Cap;
use crate::toml_file::{self, TomlFileError, nearest};
use crate::ui::keymap::{Action, Group, Keymap, Rebinding};
use crate::ui::look::LookWishes;
use crate::ui::state::Sort;
use crate::ui::theme::rendition::Depth;

/// The variable that names another configuration file.
pub const CONFIG: &str = "STREAMGAUGE_CONFIG";

/// The variables that each set one setting, the setting, and what they say.
pub const VARIABLES: [(&str, &str, &str); 5] = [
    ("STREAMGAUGE_THEME", "theme", "the theme, by name, or auto"),
    ("STREAMGAUGE_COLOUR", "colour", "truecolor, 256, 16, none or auto"),
    ("STREAMGAUGE_ASCII", "ascii", "true for ASCII alone, or false"),
    ("STREAMGAUGE_SORT", "sort", "worst, number, events, time or rate"),
    ("STREAMGAUGE_RECORD", "record", "false to write no recording, or true"),
];

/// What the program is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How it should look.
    pub look: LookWishes,
    /// The order of the partitions to begin with.
    pub sort: Sort,
    /// Whether a session on screen writes its recording.
    pub record: bool,
    /// How many recordings are kept.
    pub cap: Cap,
    /// Which key does what.
    pub keys: Arc<Keymap>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { look: LookWishes::default(), sort: Sort::Worst, record: true, cap: Cap::default(), keys: Arc::default() }
    }
}

/// Why the settings can't be used, in one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file.
    #[error(transparent)]
    File(#[from] TomlFileError),
    /// A variable of the environment.
    #[error("{variable} in the environment: {sentence}")]
    Variable {
        /// Which one.
        variable: &'static str,
        /// What is wrong, and what to try.
        sentence: String,
    },
}

/// The settings, and what is wrong with a file that nobody named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// What the program is set to.
    pub settings: Settings,
    /// Why the user's own file was left out. It was not asked for in this call, and a monitor has to come up when it is
    /// needed: so the defaults serve, and the sentence is told. All of the file is left out: half of it would be
    /// settings that nobody chose together.
    pub flaw: Option<ConfigError>,
}

/// Where the configuration file is looked for unless one is named: `$XDG_CONFIG_HOME/streamgauge/config.toml` or
/// `~/.config/streamgauge/config.toml`; on Windows in the user's roaming data. `None` without a home.
pub fn default_path() -> Option<PathBuf> {
    let places = etcetera::choose_base_strategy().ok()?;
    Some(places.config_dir().join("streamgauge").join("config.toml"))
}

/// Reads the settings: those of the environment over those of the file.
///
/// # Errors
/// A file that was named, by flag or by `STREAMGAUGE_CONFIG`, and can't be used; a variable that can't be understood.
pub fn load(
    flag: Option<&Path>,
    default: Option<&Path>,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<Loaded, ConfigError> {
    // A variable that is set to nothing says nothing.
    let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
    let named = flag.map(Path::to_owned).or_else(|| variable(CONFIG).map(PathBuf::from));
    let (file, flaw) = match (named, default) {
        (Some(path), _) => (read(&path)?, None),
        (None, Some(path)) if path.exists() => match read(path) {
            Ok(file) => (file, None),
            Err(flaw) => (Settings::default(), Some(flaw)),
        },
        (None, _) => (Settings::default(), None),
    };
    let mut settings = file;
    for (name, setting, _) in VARIABLES {
        if let Some(value) = variable(name) {
            overlay(&mut settings, name, setting, &value.to_string_lossy())?;
        }
    }
    Ok(Loaded { settings, flaw })
}

fn read(path: &Path) -> Result<Settings, ConfigError> {
    parse(&toml_file::text(path)?, &path.display().to_string())
}

/// The settings of a file's text, the file being called `place` in errors.
///
/// # Errors
/// One sentence with file, line and, for a typo, the nearest valid name.
pub fn parse(text: &str, place: &str) -> Result<Settings, ConfigError> {
    let mut settings = Settings::default();
    let file: File = toml_file::parse(text, place)?;
    let rebindings: Vec<Rebinding> = file.keys.iter().map(rebinding).collect();
    settings.keys = Arc::new(Keymap::rebound(&rebindings).map_err(|error| TomlFileError::Wrong {
        place: place.to_owned(),
        line: toml_file::line_at(text, error.at),
        sentence: error.sentence,
    })?);
    file.apply(&mut settings);
    Ok(settings)
}

/// Lays a variable over the settings: as if its value stood in the file.
fn overlay(settings: &mut Settings, variable: &'static str, setting: &str, value: &str) -> Result<(), ConfigError> {
    let line = match value {
        "true" | "false" => format!("{setting} = {value}"),
        // A string of JSON is one of TOML.
        _ => format!("{setting} = {}", serde_json::Value::from(value)),
    };
    match toml_file::parse::<File>(&line, variable) {
        Ok(file) => {
            file.apply(settings);
            Ok(())
        }
        // There is one value in a variable: its key need not be told.
        Err(TomlFileError::Wrong { sentence, .. }) => {
            let sentence = sentence.strip_prefix(&format!("{setting}: ")).unwrap_or(&sentence).to_owned();
            Err(ConfigError::Variable { variable, sentence })
        }
        Err(error) => Err(error.into()),
    }
}

/// The file as it is written. Every key may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    theme: Option<String>,
    #[serde(alias = "color")]
    colour: Option<ColourWish>,
    ascii: Option<bool>,
    sort: Option<Sort>,
    record: Option<bool>,
    recordings: Recordings,
    keys: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Recordings {
    count: Option<NonZeroUsize>,
    megabytes: Option<u32>,
}

impl File {
    /// Everything but the keys.
    fn apply(self, settings: &mut Settings) {
        if let Some(theme) = self.theme {
            settings.look.theme = (theme != AUTO).then_some(theme);
        }
        if let Some(ColourWish(colour)) = self.colour {
            settings.look.colour = colour;
        }
        settings.look.ascii = self.ascii.or(settings.look.ascii);
        settings.sort = self.sort.unwrap_or(settings.sort);
        settings.record = self.record.unwrap_or(settings.record);
        settings.cap.count = self.recordings.count.map_or(settings.cap.count, NonZeroUsize::get);
        settings.cap.bytes = self.recordings.megabytes.map_or(settings.cap.bytes, |size| u64::from(size) * MEGABYTE);
    }
}

/// What leaves the choice to the program, which asks the terminal.
const AUTO: &str = "auto";

/// A megabyte, as the cap on recordings counts.
const MEGABYTE: u64 = 1 << 20;

fn rebinding((action, keys): (&Spanned<String>, &Vec<Spanned<String>>)) -> Rebinding {
    let placed = |text: &Spanned<String>| (text.span().start, text.get_ref().clone());
    Rebinding { action: placed(action), keys: keys.iter().map(placed).collect() }
}

/// A number of colours as people write it: a name, or a number with or without quotes. `None` is `auto`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "NameOrNumber")]
struct ColourWish(Option<Depth>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected \"truecolor\", 256, 16, \"none\" or \"auto\"")]
enum NameOrNumber {
    Number(u32),
    Name(String),
}

impl TryFrom<NameOrNumber> for ColourWish {
    type Error = String;

    fn try_from(value: NameOrNumber) -> Result<Self, String> {
        let name = match value {
            NameOrNumber::Number(number) => number.to_string(),
            NameOrNumber::Name(name) => name,
        };
        Ok(Self(match name.as_str() {
            "truecolor" | "truecolour" => Some(Depth::TrueColour),
            "256" => Some(Depth::Indexed),
            "16" => Some(Depth::Sixteen),
            "none" => Some(Depth::None),
            AUTO => None,
            _ => {
                return Err(match nearest(&name, ["truecolor", "256", "16", "none", AUTO]) {
                    Some(meant) => format!("unknown colour `{name}`; did you mean `{meant}`?"),
                    None => format!("unknown colour `{name}`; known are truecolor, 256, 16, none, auto"),
                });
            }
        }))
    }
}

/// A configuration file that says what is so anyway, every setting behind a `#` to be taken away.
pub fn sample() -> String {
    let Cap { count, bytes } = Cap::default();
    let mut text = format!(
        "# Settings of streamgauge. Each line behind a # says what is so without it: take the # away and change it.\n\
         # A flag of the command line goes before the environment, that before this file.\n\n\
         # The theme, by name (`streamgauge themes` shows them); auto: dark or light, as the terminal is.\n\
         #theme = \"auto\"\n\n\
         # How many colours: truecolor, 256, 16 or none; auto: what the terminal says it has.\n\
         #colour = \"auto\"\n\n\
         # Whether to draw in ASCII alone.\n\
         #ascii = false\n\n\
         # The order of the partitions to begin with: worst, number, events, time or rate.\n\
         #sort = \"worst\"\n\n\
         # Whether a session on screen writes its recording into the state folder.\n\
         #record = true\n\n\
         # How many of these are kept, and how large they may be together; the oldest go first. What was kept under a\n\
         # name stays and does not count.\n\
         #[recordings]\n\
         #count = {count}\n\
         #megabytes = {}\n\n\
         # Which keys do what. A line gives an action these keys and no others; [] leaves it without one. A key is a\n\
         # character (a, A, ?), a name (enter, esc, tab, space, backspace, delete, insert, home, end, pgup, pgdn, left,\n\
         # right, up, down, F1 to F12), or either with ctrl- or alt- before it; shift- goes with names.\n\
         #[keys]\n",
        bytes / MEGABYTE
    );
    let mut group: Option<Group> = None;
    for action in Action::ALL {
        if group != Some(action.group()) {
            group = Some(action.group());
            text.push_str(&format!("# {}\n", action.group().heading()));
        }
        let Some(keys) = serde_json::to_string(action.default_keys()).ok() else { continue };
        text.push_str(&format!("#{} = {keys}  # {}\n", action.name(), action.help()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::{KeyCode, KeyEvent};

    fn sentence(text: &str) -> String {
        parse(text, "config.toml").unwrap_err().to_string()
    }

    fn nothing(_: &str) -> Option<OsString> {
        None
    }

    #[test]
    fn the_sample_says_what_is_so_anyway() {
        assert_eq!(parse(&sample(), "sample"), Ok(Settings::default()), "behind # it says nothing");
        let switched_on: String = sample()
            .lines()
            .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
            .flat_map(|line| [line, "\n"])
            .collect();
        let mut said = parse(&switched_on, "sample").unwrap();
        assert_eq!(said.look.ascii.take(), Some(false));
        assert_eq!(said, Settings::default());
        for setting in ["theme", "colour", "ascii", "sort", "record", "recordings", "keys"] {
            assert!(switched_on.contains(&format!("\n{setting} = ")) || switched_on.contains(&format!("[{setting}]")));
        }
        assert!(Action::ALL.iter().all(|action| switched_on.contains(&format!("\n{} = [", action.name()))));
        assert!(sample().lines().all(|line| line.chars().count() <= 120));
    }

    #[test]
    fn what_a_file_can_say() {
        let text = "theme = \"light\"\ncolour = 256\nascii = true\nsort = \"rate\"\nrecord = false\n[recordings]\n\
                    count = 7\nmegabytes = 100\n[keys]\nmark = [\"z\"]\n";
        let settings = parse(text, "config.toml").unwrap();
        let look = LookWishes { theme: Some("light".into()), colour: Some(Depth::Indexed), ascii: Some(true) };
        assert_eq!(settings.look, look);
        assert_eq!((settings.sort, settings.record), (Sort::Rate, false));
        assert_eq!(settings.cap, Cap { count: 7, bytes: 100 << 20 });
        assert_eq!(settings.keys.action(KeyEvent::from(KeyCode::Char('z'))), Some(Action::Mark));
        assert_eq!(parse("color = \"none\"", "").unwrap().look.colour, Some(Depth::None));
    }

    #[test]
    fn a_mistake_is_one_sentence_with_its_line() {
        let table = [
            ("themee = \"dark\"", "config.toml, line 1: unknown field `themee`; did you mean `theme`?"),
            ("\n[recordings]\ncuont = 3", "config.toml, line 3: unknown field `cuont`; did you mean `count`?"),
            ("sort = \"wurst\"", "config.toml, line 1: sort: unknown variant `wurst`; did you mean `worst`?"),
            ("record = \"yes\"", "config.toml, line 1: record: the text \"yes\" is not true or false"),
            ("colour = \"truecolr\"", "config.toml, line 1: unknown colour `truecolr`; did you mean `truecolor`?"),
            ("colour = 257", "config.toml, line 1: unknown colour `257`; did you mean `256`?"),
            ("colour = true", "config.toml, line 1: colour: expected \"truecolor\", 256, 16, \"none\" or \"auto\""),
            ("[recordings]\ncount = 0", "config.toml, line 2: count: the number 0 is not a whole number above 0"),
            ("\n[keys]\nzom = [\"z\"]", "config.toml, line 3: unknown action `zom`; did you mean `zoom`?"),
            ("[keys]\nzoom = [\n\"z\",\n\"entr\"]", "config.toml, line 4: `entr` is no key; did you mean `enter`?"),
            (
                "[keys]\nzoom = [\"y\"]\nmark = [\"y\"]",
                "config.toml, line 3: `y` is bound twice, to zoom and to mark; choose one",
            ),
            (
                "[keys]\n\nquit = []",
                "config.toml, line 3: this leaves no key to quit; give quit one: quit = [\"q\", \"ctrl-c\"]",
            ),
            ("[keys]\nzoom = \"z\"", "config.toml, line 2: zoom: the text \"z\" is not a list, such as [\"a\"]"),
            ("[keys]\nzoom = []\nzoom = []", "config.toml, line 3: duplicate key"),
        ];
        for (text, expected) in table {
            assert_eq!(sentence(text), expected, "{text}");
        }
    }

    #[test]
    fn the_environment_goes_before_the_file_and_the_file_before_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, "sort = \"rate\"\nrecord = false\ntheme = \"light\"\n").unwrap();
        let environment = |name: &str| match name {
            "STREAMGAUGE_SORT" => Some("time".into()),
            "STREAMGAUGE_COLOUR" => Some("16".into()),
            "STREAMGAUGE_ASCII" => Some("true".into()),
            "STREAMGAUGE_THEME" => Some(OsString::new()),
            _ => None,
        };
        let Loaded { settings, flaw } = load(None, Some(&path), environment).unwrap();
        assert_eq!((settings.sort, settings.record, flaw), (Sort::Time, false, None));
        let look = LookWishes { theme: Some("light".into()), colour: Some(Depth::Sixteen), ascii: Some(true) };
        assert_eq!(settings.look, look, "a variable that is empty says nothing");
        let Loaded { settings, .. } = load(None, None, nothing).unwrap();
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn a_file_that_was_named_must_be_right_and_another_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let (broken, right) = (folder.path().join("broken.toml"), folder.path().join("right.toml"));
        std::fs::write(&broken, "sort = \"rate\"\nrecrd = false\n").unwrap();
        std::fs::write(&right, "sort = \"rate\"\n").unwrap();
        let nowhere = folder.path().join("nowhere.toml");
        let expected = format!("{}, line 2: unknown field `recrd`; did you mean `record`?", broken.display());
        let by_variable = |name: &str| (name == CONFIG).then(|| broken.clone().into_os_string());
        assert_eq!(load(Some(&broken), None, nothing).unwrap_err().to_string(), expected);
        assert_eq!(load(None, Some(&right), by_variable).unwrap_err().to_string(), expected);
        assert_eq!(load(Some(&right), None, by_variable).unwrap().settings.sort, Sort::Rate, "the flag goes before");
        let sentence = load(Some(&nowhere), None, nothing).unwrap_err().to_string();
        assert!(sentence.starts_with(&format!("{} could not be read (", nowhere.display())), "{sentence}");

        let Loaded { settings, flaw } = load(None, Some(&broken), nothing).unwrap();
        assert_eq!(settings, Settings::default(), "nothing of a broken file is used");
        assert_eq!(flaw.unwrap().to_string(), expected);
        assert_eq!(load(None, Some(&nowhere), nothing).unwrap().flaw, None, "no file is no flaw");
    }

    #[test]
    fn a_variable_that_can_not_be_understood() {
        let table = [
            ("STREAMGAUGE_SORT", "wurst", "unknown variant `wurst`; did you mean `worst`?"),
            ("STREAMGAUGE_RECORD", "maybe", "the text \"maybe\" is not true or false"),
            ("STREAMGAUGE_COLOUR", "1\"6\n", "unknown colour `1\"6 `; did you mean `16`?"),
        ];
        for (variable, value, expected) in table {
            let environment = |name: &str| (name == variable).then(|| value.into());
            let said = load(None, None, environment).unwrap_err().to_string();
            assert_eq!(said, format!("{variable} in the environment: {expected}"));
        }
    }
}
