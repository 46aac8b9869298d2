//! What a script says to the room, and where in the script it is: two rows below everything else, like the subtitles of a
//! film. They are there as long as the script is, so that nothing jumps when a caption comes or goes.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Widget;

use super::Scene;
use super::row::shorten;
use crate::figures;
use crate::ui::state::{ScriptSign, ScriptStands, ViewState};

/// A caption of so many characters is shown whole on the smallest terminal: two lines of 56 cells, broken at words.
pub const LONGEST: usize = 100;

/// Cells at the right that belong to the place in the script.
const PLACE: u16 = 20;

/// What is left for the screen, and the rows of the caption below it; no rows without a script.
pub(super) fn split(area: Rect, state: &ViewState) -> (Rect, Rect) {
    let asked = state.caption.is_some() || state.script.is_some();
    // Some air around the lines where there is room for it.
    let rows = match area.height {
        _ if !asked => 0,
        0..40 => 2,
        40.. => 4,
    };
    let [rest, caption] = Layout::vertical([Constraint::Fill(1), Constraint::Length(rows)]).areas(area);
    (rest, caption)
}

/// Draws the rows that [`split`] gave.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let Scene { state, theme, .. } = scene;
    if area.is_empty() {
        return;
    }
    let mut quiet = theme.quiet;
    if let Some(caption) = &state.caption {
        buffer.set_style(area, theme.caption);
        quiet = Style::new();
        let text = Rect { x: area.x + 2, width: area.width.saturating_sub(PLACE + 4), ..area };
        let lines = wrap(caption, usize::from(text.width));
        // A single line stands where the first of two would.
        let top = area.y + area.height.saturating_sub(2) / 2;
        for (y, line) in (top..area.bottom()).zip(lines) {
            Line::raw(line).render(Rect { y, height: 1, ..text }, buffer);
        }
    }
    if let Some(script) = &state.script {
        let line = Line::styled(place(script), quiet).right_aligned();
        let y = area.bottom() - 1 - u16::from(area.height >= 4);
        line.render(Rect { y, height: 1, width: area.width.saturating_sub(2), ..area }, buffer);
    }
}

/// `▶ 0:45 of 2:30`, and whether it waits or is over.
fn place(script: &ScriptSign) -> String {
    let minutes = |span: std::time::Duration| format!("{}:{:02}", span.as_secs() / 60, span.as_secs() % 60);
    let glyph = match script.stands {
        ScriptStands::Running => "▶",
        ScriptStands::Waiting => "‖",
        ScriptStands::Over => "■",
    };
    if script.span > std::time::Duration::from_secs(3_600) {
        return format!("{glyph} {}", figures::clock(script.place));
    }
    format!("{glyph} {} of {}", minutes(script.place.min(script.span)), minutes(script.span))
}

/// A text on two lines at most, broken between words.
fn wrap(text: &str, width: usize) -> Vec<String> {
    if text.chars().count() <= width {
        return vec![text.to_owned()];
    }
    let mut first = String::new();
    let mut rest = text;
    for word in text.split_inclusive(' ') {
        if first.chars().count() + word.trim_end().chars().count() > width {
            break;
        }
        first.push_str(word);
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    if first.is_empty() {
        return vec![shorten(text, width)];
    }
    vec![first.trim_end().to_owned(), shorten(rest, width)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("short", 20), ["short"]);
        assert_eq!(wrap("the store carries 70 writes a second", 20), ["the store carries 70", "writes a second"]);
        assert_eq!(wrap("averyveryverylongword", 8), ["averyve…"]);
    }

    proptest! {
        /// What fits the limit, in words of a usual length, is shown whole on the smallest terminal.
        #[test]
        fn a_caption_within_the_limit_is_whole(words in prop::collection::vec("[a-zäé]{1,12}", 1..40)) {
            let text = words.join(" ");
            let room = usize::from(80 - PLACE - 4);
            let lines = wrap(&text, room);
            prop_assert!(lines.len() <= 2 && lines.iter().all(|line| line.chars().count() <= room));
            if text.chars().count() <= LONGEST {
                prop_assert_eq!(lines.join(" "), text);
            }
        }
    }
}
