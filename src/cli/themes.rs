//! `streamgauge themes`: what there is, what each role looks like, and a sample of the screen in each.

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::look::{RenditionFlags, themes};
use super::{Exit, complain, say};
use crate::config::Loaded;
use crate::recording::error::ReadError;
use crate::recording::player::Player;
use crate::recording::samples::{self, Sample};
use crate::ui::replay::view_of;
use crate::ui::state::{Mode, ViewState};
use crate::ui::theme::rendition::{Depth, Rendition};
use crate::ui::theme::{Found, ROLES, Theme, ThemeError, text};
use crate::ui::view;

/// Flags of the themes.
#[derive(Debug, Args)]
pub struct ThemesFlags {
    /// One of them alone, or a theme file; without it, all
    theme: Option<String>,
    #[command(flatten)]
    rendition: RenditionFlags,
}

/// What went wrong, in one sentence.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Theme(#[from] ThemeError),
    #[error(transparent)]
    Sample(#[from] ReadError),
}

/// Runs the command.
pub(super) fn run(flags: &ThemesFlags, loaded: &Loaded) -> Exit {
    match show(flags, loaded) {
        Ok(exit) => exit,
        Err(error) => {
            complain(&error);
            match error {
                Failure::Theme(ThemeError::Unknown { .. }) => Exit::Usage,
                _ => Exit::Failed,
            }
        }
    }
}

fn show(flags: &ThemesFlags, loaded: &Loaded) -> Result<Exit, Failure> {
    let colours = flags.rendition.names_colours() || std::io::stdout().is_terminal();
    let rendition = flags.rendition.rendition(&loaded.settings.look);
    let rendition = if colours { rendition } else { Rendition { depth: Depth::None, ..rendition } };
    // The style of a line is in its text here: crossterm would ask NO_COLOR once more.
    crossterm::style::force_color_output(true);
    let lines = |frame: &Buffer| if colours { text::coloured(frame) } else { text::plain(frame) };

    let themes = themes();
    let names = flags.theme.clone().map_or_else(|| themes.names(), |name| vec![name]);
    let mut moment = Moment::of_trouble()?;
    let mut exit = Exit::Done;
    for name in names {
        let found = match themes.load(&name) {
            Ok(found) => found,
            Err(error) if flags.theme.is_some() => return Err(error.into()),
            // The others are still worth a look.
            Err(error) => {
                complain(&error);
                exit = Exit::Failed;
                continue;
            }
        };
        let alone = flags.theme.is_some();
        let roles = if alone { meanings(&found.theme) } else { swatches(&found.theme) };
        let mut frames = [heading(&name, &found), roles, moment.draw(&found.theme)];
        for frame in &mut frames {
            if rendition.depth != Depth::None {
                found.theme.paint_ground(frame);
            }
            rendition.apply(frame);
        }
        let told = frames.iter().flat_map(lines).chain([String::new()]).all(|line| say(&line));
        // Nobody reads any more.
        if !told {
            break;
        }
    }
    Ok(exit)
}

/// As wide as the sample.
const WIDTH: u16 = view::MINIMUM.0;

fn heading(name: &str, Found { about, theme }: &Found) -> Buffer {
    let mut frame = Buffer::empty(Rect::new(0, 0, WIDTH, 2));
    let (x, _) = frame.set_stringn(1, 0, name, usize::from(WIDTH), theme.strong);
    if !about.is_empty() {
        frame.set_stringn(x + 2, 0, about, usize::from(WIDTH.saturating_sub(x + 2)), theme.text);
    }
    frame
}

/// Each role by its name in its own style, with a glyph that is used with it where there is one.
fn swatches(theme: &Theme) -> Buffer {
    const COLUMN: u16 = 16;
    let columns = (WIDTH - 1) / COLUMN;
    let rows = u16::try_from(ROLES.len()).unwrap_or(0).div_ceil(columns);
    let mut frame = Buffer::empty(Rect::new(0, 0, WIDTH, rows + 1));
    for (place, role) in (0_u16..).zip(&ROLES) {
        let (x, y) = (1 + place % columns * COLUMN, place / columns);
        frame.set_stringn(x, y, format!("{} {}", role.glyph, role.name), usize::from(COLUMN), role.style(theme));
    }
    frame
}

/// Each role by its name in its own style, a line each, and what it means.
fn meanings(theme: &Theme) -> Buffer {
    const COLUMN: u16 = 14;
    let mut frame = Buffer::empty(Rect::new(0, 0, WIDTH, u16::try_from(ROLES.len()).unwrap_or(0) + 1));
    for (y, role) in (0_u16..).zip(&ROLES) {
        let width = usize::from(COLUMN);
        frame.set_stringn(1, y, format!("{} {:<10}", role.glyph, role.name), width, role.style(theme));
        frame.set_stringn(COLUMN + 2, y, role.says, usize::from(WIDTH - COLUMN - 2), theme.text);
    }
    frame
}

/// A moment of a sample recording with something of everything: well, in need of a look, in need of a person.
struct Moment {
    player: Player,
    state: ViewState,
}

impl Moment {
    fn of_trouble() -> Result<Self, ReadError> {
        let sample = Sample::named("stuck").unwrap_or(&samples::ALL[0]);
        let mut player = sample.play()?;
        let mut state = view_of(&player);
        // Once it is read to its end, it is known when it begins.
        let (_, last) = player.span();
        player.session_at(last)?;
        let at = player.span().0.after(Duration::from_secs(95));
        player.session_at(at)?;
        (state.now, state.mode) = (at, Mode::Live);
        Ok(Self { player, state })
    }

    fn draw(&mut self, theme: &Theme) -> Buffer {
        let area = Rect::new(0, 0, view::MINIMUM.0, view::MINIMUM.1);
        let mut frame = Buffer::empty(area);
        view::draw(area, &mut frame, self.player.session(), &self.state, theme);
        frame
    }
}
