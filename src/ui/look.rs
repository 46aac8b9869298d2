//! How the screen looks: the theme, and what of it the terminal can show. Chosen from flags, settings and the environment,
//! in that order; all of them are given, none is read here.

use super::ground::Ground;
use super::theme::rendition::{Depth, Glyphs, Rendition};
use super::theme::{Theme, ThemeError, Themes};

/// What the environment says of the terminal: a variable that is empty says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Environment {
    /// `TERM`.
    pub term: Option<String>,
    /// `COLORTERM`.
    pub colorterm: Option<String>,
    /// `NO_COLOR` (<https://no-color.org>): any text but an empty one asks for no colour.
    pub no_color: Option<String>,
    /// `COLORFGBG`.
    pub colorfgbg: Option<String>,
    /// The locale of characters: the first one that is set of `LC_ALL`, `LC_CTYPE` and `LANG`.
    pub locale: Option<String>,
}

impl Environment {
    /// By asking for each variable.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let said = |name: &str| variable(name).filter(|value| !value.is_empty());
        Self {
            term: said("TERM"),
            colorterm: said("COLORTERM"),
            no_color: said("NO_COLOR"),
            colorfgbg: said("COLORFGBG"),
            locale: said("LC_ALL").or_else(|| said("LC_CTYPE")).or_else(|| said("LANG")),
        }
    }

    /// How many colours the terminal has.
    pub fn depth(&self) -> Depth {
        let term = self.term.as_deref().unwrap_or_default();
        let begins = |names: &[&str]| names.iter().any(|name| term.starts_with(name));
        if self.no_color.is_some() {
            Depth::None
        } else if matches!(self.colorterm.as_deref(), Some("truecolor" | "24bit"))
            || term.ends_with("-direct")
            || begins(&["xterm-kitty", "xterm-ghostty", "alacritty", "wezterm", "foot", "contour"])
        {
            Depth::TrueColour
        } else if term.contains("256color") {
            Depth::Indexed
        } else if begins(&["vt100", "vt102", "vt220", "dumb"]) || term.ends_with("-m") || term.ends_with("-mono") {
            Depth::None
        } else if cfg!(windows) && term.is_empty() {
            // Each console since Windows 10 has them all, and none says so.
            Depth::TrueColour
        } else {
            Depth::Sixteen
        }
    }

    /// Whether the terminal can be trusted with more than ASCII. A locale that is not set says nothing, and almost every
    /// terminal takes UTF-8; one that is set to something else means it. Linux's own console has no braille.
    pub fn glyphs(&self) -> Glyphs {
        let utf8 = self.locale.as_deref().is_none_or(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        if utf8 && self.term.as_deref() != Some("linux") { Glyphs::Unicode } else { Glyphs::Ascii }
    }

    /// Whether the terminal can place no text.
    pub fn is_dumb(&self) -> bool {
        self.term.as_deref() == Some("dumb")
    }
}

/// The theme's name that asks for the one that suits the terminal.
pub const AUTO: &str = "auto";

/// What somebody wishes: by flags, or in the settings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LookWishes {
    /// A theme's name, or the path of a theme file, or [`AUTO`].
    pub theme: Option<String>,
    /// So many colours.
    pub colour: Option<Depth>,
    /// ASCII alone.
    pub ascii: Option<bool>,
}

impl LookWishes {
    /// What the terminal is taken to show: these wishes, then those, then what the environment says.
    pub fn rendition(&self, settings: &Self, environment: &Environment) -> Rendition {
        let glyphs = |ascii| if ascii { Glyphs::Ascii } else { Glyphs::Unicode };
        Rendition {
            depth: self.colour.or(settings.colour).unwrap_or_else(|| environment.depth()),
            glyphs: self.ascii.or(settings.ascii).map_or_else(|| environment.glyphs(), glyphs),
        }
    }
}

/// Which theme.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
pub enum Choice {
    /// One that was asked for: it brings its own ground.
    Named(Theme),
    /// The one that suits the terminal's own ground.
    ByGround {
        /// For a dark terminal.
        dark: Theme,
        /// For a light one.
        light: Theme,
        /// What it is taken for until it answers.
        assumed: Ground,
    },
}

/// How the screen looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Which theme.
    pub choice: Choice,
    /// What of it the terminal can show.
    pub rendition: Rendition,
    /// Whether the terminal can be asked whether it is light or dark.
    pub asks: bool,
    /// Whether the terminal can place no text.
    pub is_dumb: bool,
    /// What the screen should say of a theme that could not be used.
    pub notice: Option<String>,
}

impl Look {
    /// From what was wished on the command line, then in the settings, then what the environment says.
    ///
    /// A theme file with a mistake is no reason to show nothing: the usual theme serves, and the notice says why.
    ///
    /// # Errors
    /// If the command line names a theme that is not there or a file that can't be read.
    pub fn choose(
        flags: &LookWishes,
        settings: &LookWishes,
        environment: &Environment,
        themes: &Themes,
    ) -> Result<Self, ThemeError> {
        let rendition = flags.rendition(settings, environment);
        let mut notice = None;
        let mut named = None;
        if let Some(wished) = flags.theme.as_ref().or(settings.theme.as_ref()).filter(|wished| *wished != AUTO) {
            match themes.load(wished) {
                Ok(found) => named = Some(found.theme),
                Err(error) if flags.theme.is_some() && !error.is_mistake_in_file() => return Err(error),
                Err(error) => notice = Some(error.to_string()),
            }
        }
        // A user's own `dark` with a mistake in it is said, once, and the built-in one serves.
        let mut usual = |name: &str, built_in: fn() -> Theme| match themes.load(name) {
            Ok(found) => found.theme,
            Err(error) => {
                notice.get_or_insert(error.to_string());
                built_in()
            }
        };
        let choice = match named {
            Some(theme) => Choice::Named(theme),
            None if rendition.depth == Depth::None => Choice::Named(usual("mono", Theme::mono)),
            None => Choice::ByGround {
                dark: usual("dark", Theme::dark),
                light: usual("light", Theme::light),
                assumed: environment.colorfgbg.as_deref().and_then(Ground::of_colorfgbg).unwrap_or_default(),
            },
        };
        // Linux's own console is dark and answers nothing; on Windows the console keeps the answer for itself.
        let answers = cfg!(unix) && environment.term.as_deref().is_some_and(|term| term != "linux");
        Ok(Self { choice, rendition, asks: answers, is_dumb: environment.is_dumb(), notice })
    }

    /// The theme, if the terminal answered so.
    pub fn theme(&self, answered: Option<Ground>) -> &Theme {
        match &self.choice {
            Choice::Named(theme) => theme,
            Choice::ByGround { dark, light, assumed } => match answered.unwrap_or(*assumed) {
                Ground::Dark => dark,
                Ground::Light => light,
            },
        }
    }

    /// Finishes a frame: the theme's ground below it if it brings its own, and all of it brought down to what the terminal
    /// can show.
    pub fn finish(&self, frame: &mut ratatui::buffer::Buffer) {
        // Without colour there is nothing to paint with.
        if let (Choice::Named(theme), true) = (&self.choice, self.rendition.depth != Depth::None) {
            theme.paint_ground(frame);
        }
        self.rendition.apply(frame);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::of(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn what_an_environment_says_of_the_terminal() {
        type Variables<'a> = &'a [(&'a str, &'a str)];
        let (full, ascii) = (Glyphs::Unicode, Glyphs::Ascii);
        let table: [(Variables, Depth, Glyphs); 19] = [
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")], Depth::TrueColour, full),
            (&[("TERM", "xterm-256color"), ("COLORTERM", "24bit")], Depth::TrueColour, full),
            (&[("TERM", "xterm-256color"), ("COLORTERM", "yes")], Depth::Indexed, full),
            (&[("TERM", "tmux-256color")], Depth::Indexed, full),
            (&[("TERM", "xterm-kitty")], Depth::TrueColour, full),
            (&[("TERM", "xterm-direct")], Depth::TrueColour, full),
            (&[("TERM", "xterm")], Depth::Sixteen, full),
            (&[("TERM", "screen")], Depth::Sixteen, full),
            (&[("TERM", "linux"), ("LANG", "en_US.UTF-8")], Depth::Sixteen, ascii),
            (&[("TERM", "vt100")], Depth::None, full),
            (&[("TERM", "xterm-mono")], Depth::None, full),
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("NO_COLOR", "1")], Depth::None, full),
            (&[("TERM", "xterm"), ("NO_COLOR", "")], Depth::Sixteen, full),
            (&[("TERM", "xterm"), ("LANG", "de_DE.utf8")], Depth::Sixteen, full),
            (&[("TERM", "xterm"), ("LANG", "C")], Depth::Sixteen, ascii),
            (&[("TERM", "xterm"), ("LANG", "en_US.UTF-8"), ("LC_ALL", "POSIX")], Depth::Sixteen, ascii),
            (&[("TERM", "xterm"), ("LANG", "C"), ("LC_CTYPE", "C.UTF-8")], Depth::Sixteen, full),
            (&[("TERM", "xterm"), ("LANG", "C.UTF-8"), ("LC_ALL", "")], Depth::Sixteen, full),
            (&[("TERM", "xterm"), ("LANG", "ja_JP.eucJP")], Depth::Sixteen, ascii),
        ];
        for (variables, depth, glyphs) in table {
            let environment = environment(variables);
            assert_eq!((environment.depth(), environment.glyphs()), (depth, glyphs), "{variables:?}");
        }
    }

    #[test]
    fn a_flag_goes_before_a_setting_and_both_before_the_environment() {
        let environment = environment(&[("TERM", "xterm"), ("NO_COLOR", "1")]);
        let wish = |colour, ascii| LookWishes { colour, ascii, theme: None };
        let (sixteen, indexed) = (Some(Depth::Sixteen), Some(Depth::Indexed));
        let table = [
            (wish(None, None), wish(None, None), Depth::None, Glyphs::Unicode),
            (wish(None, None), wish(sixteen, Some(true)), Depth::Sixteen, Glyphs::Ascii),
            (wish(indexed, Some(false)), wish(sixteen, Some(true)), Depth::Indexed, Glyphs::Unicode),
        ];
        for (flags, settings, depth, glyphs) in table {
            assert_eq!(flags.rendition(&settings, &environment), Rendition { depth, glyphs }, "{flags:?} {settings:?}");
        }
    }

    #[test]
    fn without_a_name_the_terminal_decides() {
        let choose = |variables: &[(&str, &str)]| {
            let none = LookWishes::default();
            Look::choose(&none, &none, &environment(variables), &Themes::built_in()).unwrap()
        };
        let usual = choose(&[("TERM", "xterm")]);
        assert_eq!(usual.theme(None), &Theme::dark());
        assert_eq!(usual.theme(Some(Ground::Light)), &Theme::light());
        let told = choose(&[("TERM", "xterm"), ("COLORFGBG", "0;15")]);
        assert_eq!((told.theme(None), told.theme(Some(Ground::Dark))), (&Theme::light(), &Theme::dark()));
        assert_eq!(choose(&[("TERM", "xterm"), ("NO_COLOR", "1")]).theme(None), &Theme::mono());
    }

    #[test]
    fn a_mistake_in_a_theme_file_is_a_notice_and_a_wrong_name_in_a_flag_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("broken.toml"), "\nacent = \"red\"").unwrap();
        let themes = Themes::with_folder(folder.path().to_owned());
        let wish = |name: &str| LookWishes { theme: Some(name.into()), ..LookWishes::default() };
        let (none, environment) = (LookWishes::default(), environment(&[("TERM", "xterm")]));
        for (flags, settings) in [(wish("broken"), none.clone()), (none.clone(), wish("broken"))] {
            let look = Look::choose(&flags, &settings, &environment, &themes).unwrap();
            let notice = look.notice.clone().unwrap();
            assert!(notice.ends_with("broken.toml, line 2: unknown key `acent`; did you mean `accent`?"), "{notice}");
            assert_eq!(look.theme(None), &Theme::dark());
        }
        let unknown = "there is no theme \"drak\"; did you mean `dark`?";
        let refused = Look::choose(&wish("drak"), &none, &environment, &themes).unwrap_err();
        assert_eq!(refused.to_string(), unknown);
        let settled = Look::choose(&none, &wish("drak"), &environment, &themes).unwrap();
        assert_eq!(settled.notice.as_deref(), Some(unknown));
        let auto = Look::choose(&wish(AUTO), &wish("drak"), &environment, &themes).unwrap();
        assert!(matches!((auto.choice, auto.notice), (Choice::ByGround { .. }, None)), "a flag undoes a setting");
    }
}
