//! Flags of every command with a screen: the theme, how many colours, which glyphs.

use clap::Args;
use etcetera::BaseStrategy;

use crate::ui::look::{Environment, Look, LookWishes};
use crate::ui::theme::rendition::{Depth, Rendition};
use crate::ui::theme::{ThemeError, Themes};

/// How the screen looks.
#[derive(Debug, Args)]
pub struct LookFlags {
    /// A theme's name or file, see `streamgauge themes`; auto: dark or light, as the terminal is [default: auto]
    #[arg(long, value_name = "NAME|FILE")]
    theme: Option<String>,
    #[command(flatten)]
    rendition: RenditionFlags,
}

/// What of a theme the terminal can show.
#[derive(Debug, Args)]
pub struct RenditionFlags {
    /// How many colours [default: what the terminal says it has]
    #[arg(
        long,
        visible_alias = "color",
        value_enum,
        value_name = "DEPTH",
        hide_default_value = true,
        hide_short_help = true
    )]
    colour: Option<Depth>,
    /// ASCII glyphs alone
    #[arg(long, hide_short_help = true)]
    ascii: bool,
}

impl LookFlags {
    /// Whether one of them was given.
    pub(super) fn is_named(&self) -> bool {
        self.theme.is_some() || self.rendition.names_colours() || self.rendition.ascii
    }

    /// The look that these flags, the settings and the environment come to.
    pub(super) fn look(&self, settings: &LookWishes) -> Result<Look, ThemeError> {
        let wishes = LookWishes { theme: self.theme.clone(), ..self.rendition.wishes() };
        Look::choose(&wishes, settings, &environment(), &themes())
    }
}

impl RenditionFlags {
    fn wishes(&self) -> LookWishes {
        LookWishes { theme: None, colour: self.colour, ascii: self.ascii.then_some(true) }
    }

    /// What the terminal can show.
    pub(super) fn rendition(&self, settings: &LookWishes) -> Rendition {
        self.wishes().rendition(settings, &environment())
    }

    /// Whether the number of colours was named.
    pub(super) fn names_colours(&self) -> bool {
        self.colour.is_some()
    }
}

/// What this process's environment says of the terminal.
fn environment() -> Environment {
    Environment::of(|name| std::env::var(name).ok())
}

/// The built-in themes and the user's: `themes` in `$XDG_CONFIG_HOME/streamgauge` or `~/.config/streamgauge`; on Windows in
/// the user's roaming data. Without a home there are the built-in ones.
pub(super) fn themes() -> Themes {
    etcetera::choose_base_strategy().map_or_else(
        |_| Themes::built_in(),
        |places| Themes::with_folder(places.config_dir().join("streamgauge").join("themes")),
    )
}
