//! The last row: the load's target and the keys that matter now, made from the keymap.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::Scene;
use super::row::Row;
use crate::figures;
use crate::model::observation::Target;
use crate::ui::keymap::{Action, BINDINGS, Binding};

/// Draws the row.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let Scene { session, state, theme } = scene;
    if let Some((text, _)) = state.notice.as_ref().filter(|(_, until)| state.now <= *until) {
        Row::default().field(text.clone(), theme.strong).draw(area, buffer);
        return;
    }
    let mut row = Row::spaced(2);
    if state.load_control {
        let target = match session.load.as_ref().map(|load| load.figures.target) {
            None | Some(Target::Paused) => format!("{:>7}", "paused"),
            Some(Target::Rate(rate)) => format!("{:>7}", format!("{}/s", figures::compact(rate.per_second()))),
            Some(Target::Unlimited) => format!("{:>7}", "no limit"),
        };
        row = row.labelled("load", theme.quiet, target, theme.strong);
    }
    // The way out and the help first: they stay when the row is narrow.
    let shown = BINDINGS.iter().filter(|binding| usable(binding.action, scene));
    let (last, first): (Vec<&Binding>, Vec<&Binding>) =
        shown.partition(|binding| matches!(binding.action, Action::Quit | Action::ToggleHelp));
    for binding in last.into_iter().chain(first) {
        if let Some(word) = word(binding, scene) {
            let key = binding.label.split(',').next().unwrap_or(binding.label);
            row = row.spans([Span::styled(key, theme.key), Span::raw(" "), Span::styled(word, theme.quiet)]);
        }
    }
    row.draw(area, buffer);
}

/// Whether an action does something in this session.
pub(super) fn usable(action: Action, scene: Scene) -> bool {
    match action {
        Action::RateUp | Action::RateDown | Action::RateDouble | Action::RateHalve | Action::TogglePause => {
            scene.state.load_control
        }
        Action::ToggleProcessor => scene.state.processor_control,
        _ => true,
    }
}

fn word(binding: &Binding, scene: Scene) -> Option<&'static str> {
    let paused = || matches!(scene.session.load.as_ref().map(|load| load.figures.target), Some(Target::Paused));
    match binding.action {
        Action::TogglePause if paused() => Some("resume load"),
        Action::ToggleProcessor if scene.state.processor_stopped => Some("start processor"),
        _ => binding.footer,
    }
}
