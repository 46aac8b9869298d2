//! The theme: colours and glyphs by what they mean. Every colour has a glyph beside it.

use ratatui::style::{Color, Modifier, Style};

use crate::model::health::Word;
use crate::model::status::Status;

/// Colours by meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
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

impl Theme {
    /// For a dark terminal: the terminal's own sixteen colours, so that it fits the user's palette.
    pub fn dark() -> Self {
        let colour = |colour| Style::new().fg(colour);
        Self {
            strong: Style::new().add_modifier(Modifier::BOLD),
            text: Style::new(),
            quiet: colour(Color::DarkGray),
            good: colour(Color::Green),
            warning: colour(Color::Yellow),
            bad: colour(Color::LightRed).add_modifier(Modifier::BOLD),
            stale: colour(Color::DarkGray),
            ingest: colour(Color::Cyan),
            lag: colour(Color::Magenta),
            serve: colour(Color::LightBlue),
            key: Style::new().add_modifier(Modifier::BOLD),
            accent: colour(Color::Cyan),
            selected: Style::new().add_modifier(Modifier::REVERSED),
            caption: colour(Color::Black).bg(Color::Yellow),
            heat: [Color::DarkGray, Color::Blue, Color::Cyan, Color::Yellow, Color::LightRed].map(colour),
        }
    }

    /// Without colour (`NO_COLOR`, <https://no-color.org>): weight and glyphs carry the meaning alone.
    pub fn mono() -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let dim = plain.add_modifier(Modifier::DIM);
        Self {
            strong: bold,
            text: plain,
            quiet: dim,
            good: plain,
            warning: bold,
            bad: bold.add_modifier(Modifier::REVERSED),
            stale: dim,
            ingest: plain,
            lag: plain,
            serve: plain,
            key: bold,
            accent: bold,
            selected: plain.add_modifier(Modifier::REVERSED),
            caption: plain.add_modifier(Modifier::REVERSED),
            heat: [dim, dim, plain, bold, bold],
        }
    }

    /// The theme for an environment: mono if `NO_COLOR` is set to anything but nothing.
    pub fn for_environment(no_color: Option<&std::ffi::OsStr>) -> Self {
        if no_color.is_some_and(|value| !value.is_empty()) { Self::mono() } else { Self::dark() }
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
        const GLYPHS: [&str; 5] = ["·", "░", "▒", "▓", "█"];
        let step = (share.clamp(0.0, 1.0) * 5.0).ceil().clamp(1.0, 5.0) as usize - 1;
        (GLYPHS.get(step).copied().unwrap_or("█"), self.heat.get(step).copied().unwrap_or(self.text))
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
