//! The theme: colours and glyphs by what they mean. Every colour has a glyph beside it.

mod ascii;
mod catalogue;
pub mod colour;
pub mod rendition;
mod style;
pub mod text;

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

use crate::model::health::Word;
use crate::model::status::Status;

pub use catalogue::{Found, ThemeError, Themes};

/// Colours by meaning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Theme {
    /// What all the rest stands on: painted where a theme was asked for by name, so that its colours read on any terminal.
    pub ground: Style,
    /// What is read first: figures, names.
    pub strong: Style,
    /// Ordinary text.
    pub text: Style,
    /// Labels, units, frames: there when looked for.
    pub quiet: Style,
    /// All is well.
    pub good: Style,
    /// Needs a look.
    pub warning: Style,
    /// Needs a person.
    pub bad: Style,
    /// Was true a while ago.
    pub stale: Style,
    /// The ingest log.
    pub ingest: Style,
    /// The lag.
    pub lag: Style,
    /// The store.
    pub serve: Style,
    /// Keys that can be pressed.
    pub key: Style,
    /// The panel in focus, and what the program offers.
    pub accent: Style,
    /// The row that is selected.
    pub selected: Style,
    /// What a speaker's script says.
    pub caption: Style,
    /// From little to much, for heat maps and bands of percentiles.
    pub heat: [Style; 5],
}

/// One thing that a theme gives a style to.
#[derive(Debug, Clone, Copy)]
pub struct Role {
    /// What it is called in theme files.
    pub name: &'static str,
    /// What it means.
    pub says: &'static str,
    /// A glyph that it is often seen with.
    pub glyph: &'static str,
    of: fn(&Theme) -> Style,
    of_mut: fn(&mut Theme) -> &mut Style,
}

impl Role {
    /// The style that a theme gives it.
    pub fn style(&self, theme: &Theme) -> Style {
        (self.of)(theme)
    }

    /// The role of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        ROLES.iter().find(|role| role.name == name)
    }
}

/// A line of [`ROLES`].
macro_rules! role {
    ($name:literal, $($place:ident)+ $([$step:literal])?, $glyph:expr, $says:literal) => {
        Role {
            name: $name,
            says: $says,
            glyph: $glyph,
            of: |theme| theme.$($place)+$([$step])?,
            of_mut: |theme| &mut theme.$($place)+$([$step])?,
        }
    };
}

/// All that a theme file can name.
pub const ROLES: [Role; 20] = [
    role!("ground", ground, " ", "what all the rest stands on"),
    role!("strong", strong, "●", "what is read first"),
    role!("text", text, " ", "ordinary text"),
    role!("quiet", quiet, "│", "labels, units, frames"),
    role!("good", good, "✔", "all is well"),
    role!("warning", warning, "▲", "needs a look"),
    role!("bad", bad, "■", "needs a person"),
    role!("stale", stale, "?", "was true a while ago"),
    role!("ingest", ingest, "⣿", "the ingest log"),
    role!("lag", lag, "█", "the lag"),
    role!("serve", serve, "⣿", "the store"),
    role!("key", key, " ", "keys that can be pressed"),
    role!("accent", accent, "▸", "the panel in focus"),
    role!("selected", selected, "▸", "the row that is selected"),
    role!("caption", caption, " ", "what a speaker's script says"),
    role!("heat-1", heat[0], HEAT[0], "little"),
    role!("heat-2", heat[1], HEAT[1], "some"),
    role!("heat-3", heat[2], HEAT[2], "half"),
    role!("heat-4", heat[3], HEAT[3], "much"),
    role!("heat-5", heat[4], HEAT[4], "most"),
];

/// What a share of the most there is looks like in a heat map, from little to much.
const HEAT: [&str; 5] = ["·", "░", "▒", "▓", "█"];

impl Theme {
    /// For a dark terminal; what is shown unless something else is asked for or the terminal is light.
    pub fn dark() -> Self {
        Self::built_in("dark")
    }

    /// For a light terminal.
    pub fn light() -> Self {
        Self::built_in("light")
    }

    /// Without colour (`NO_COLOR`, <https://no-color.org>): weight and glyphs carry the meaning alone.
    pub fn mono() -> Self {
        Self::built_in("mono")
    }

    /// A theme that comes with the program. Those parse, which a test makes sure of.
    fn built_in(name: &str) -> Self {
        Themes::built_in().load(name).map(|found| found.theme).unwrap_or_default()
    }

    /// Lays the theme's ground under a frame: what has no colour of its own gets those of ground and text.
    pub fn paint_ground(&self, frame: &mut Buffer) {
        let (Some(ground), text) = (self.ground.bg, self.ground.fg.or(self.text.fg)) else { return };
        for cell in &mut frame.content {
            if cell.bg == Color::Reset {
                cell.bg = ground;
            }
            if let (Color::Reset, Some(text)) = (cell.fg, text) {
                cell.fg = text;
            }
        }
    }

    /// Glyph and style of a partition's status.
    pub fn status(&self, status: Status) -> (&'static str, Style) {
        match status {
            Status::Ok => ("✔", self.good),
            Status::NoPosition => ("○", self.quiet),
            Status::Draining => ("▼", self.good),
            Status::Behind => ("◆", self.warning),
            Status::FallingBehind => ("▲", self.warning),
            Status::Rewound => ("↺", self.warning),
            Status::Stalled => ("■", self.bad),
            Status::Blind => ("?", self.stale),
        }
    }

    /// Glyph and style for a share of the most there is: 0.0 is nothing, 1.0 the most.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the scale")]
    pub fn heat(&self, share: f64) -> (&'static str, Style) {
        let step = (share.clamp(0.0, 1.0) * 5.0).ceil().clamp(1.0, 5.0) as usize - 1;
        (HEAT.get(step).copied().unwrap_or("█"), self.heat.get(step).copied().unwrap_or(self.text))
    }

    /// Glyph and style of the word for the whole pipeline.
    pub fn health(&self, word: Word) -> (&'static str, Style) {
        let bold = Modifier::BOLD;
        match word {
            Word::Starting => ("○", self.strong),
            Word::KeepingUp => ("✔", self.good.add_modifier(bold)),
            Word::Draining => ("▼", self.good.add_modifier(bold)),
            Word::Behind => ("◆", self.warning.add_modifier(bold)),
            Word::FallingBehind => ("▲", self.warning.add_modifier(bold)),
            Word::Stalled => ("■", self.bad),
            Word::Blind => ("?", self.bad),
        }
    }
}
