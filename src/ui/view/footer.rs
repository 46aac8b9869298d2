//! The last row: the load's target and the keys that matter now, made from the keymap.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::Scene;
use super::row::Row;
use crate::figures;
use crate::model::observation::Target;
use crate::ui::groups;
use crate::ui::keymap::Action;
use crate::ui::state::{GroupList, Mode, ProcessorSwitch, RecordingSign};

/// Draws the row.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let Scene { session, state, theme } = scene;
    if let Some(prompt) = &state.prompt {
        Row::spaced(1)
            .field(format!("{}:", prompt.asks.question()), theme.quiet)
            .spans([Span::styled(prompt.text.clone(), theme.strong), Span::styled("▏", theme.text)])
            .draw(area, buffer);
        return;
    }
    if let Some((text, _)) = &state.notice {
        Row::default().field(text.clone(), theme.strong).draw(area, buffer);
        return;
    }
    let mut row = Row::spaced(2);
    let past = matches!(state.mode, Mode::Playback(_));
    if state.load_control && !past {
        let target = match session.load.as_ref().map(|load| load.figures.target) {
            None => figures::target(Target::Paused),
            Some(target) => figures::target(target),
        };
        let target = format!("{target:>7}");
        row = row.labelled("load", theme.quiet, target, theme.strong);
    }
    // The way out and the help first: they stay when the row is narrow.
    let shown = Action::ALL.iter().filter(|action| usable(**action, scene) && !(past && drives(**action)));
    let (last, first): (Vec<&Action>, Vec<&Action>) =
        shown.partition(|action| matches!(action, Action::Quit | Action::ToggleHelp));
    for &action in last.into_iter().chain(first) {
        if let (Some(key), Some(word)) = (state.keys.first(action), word(action, scene)) {
            let key = Span::styled(key.to_string(), theme.key);
            row = row.spans([key, Span::raw(" "), Span::styled(word, theme.quiet)]);
        }
    }
    row.draw(area, buffer);
}

/// Whether an action drives the present: of no interest to who looks at the past.
fn drives(action: Action) -> bool {
    matches!(
        action,
        Action::RateUp
            | Action::RateDown
            | Action::RateDouble
            | Action::RateHalve
            | Action::TogglePause
            | Action::ToggleProcessor
            | Action::Mark
    )
}

/// Whether an action does something in this session.
pub(super) fn usable(action: Action, scene: Scene) -> bool {
    let state = scene.state;
    let past = matches!(state.mode, Mode::Playback(_));
    let recorded = past || state.recording != RecordingSign::None;
    match action {
        Action::RateUp | Action::RateDown | Action::RateDouble | Action::RateHalve | Action::TogglePause => {
            state.load_control
        }
        Action::ToggleProcessor => state.processor != ProcessorSwitch::NotOurs,
        Action::Groups => state.groups != GroupList::NotOffered && !past && groups::is_choice(scene.session),
        Action::Mark | Action::Keep => state.recording != RecordingSign::None,
        Action::TogglePlay | Action::Back => recorded,
        Action::Forth
        | Action::BackMinute
        | Action::ForthMinute
        | Action::StepBack
        | Action::StepForth
        | Action::Slower
        | Action::Faster
        | Action::PreviousMark
        | Action::NextMark
        | Action::PreviousFault
        | Action::NextFault
        | Action::PreviousStatus
        | Action::NextStatus
        | Action::Start
        | Action::End
        | Action::GoTo
        | Action::ToggleLoop => past,
        _ => true,
    }
}

fn word(action: Action, scene: Scene) -> Option<&'static str> {
    let paused = || matches!(scene.session.load.as_ref().map(|load| load.figures.target), Some(Target::Paused));
    let (past, playing, own) = match &scene.state.mode {
        Mode::Live => (false, false, false),
        Mode::Playback(sign) => (true, sign.playing, sign.behind_live.is_some()),
    };
    match action {
        Action::TogglePlay if playing => Some("pause"),
        Action::TogglePlay if past => Some("play"),
        Action::Back if !past => None,
        Action::End if !own => None,
        Action::TogglePause if paused() => Some("resume load"),
        Action::ToggleProcessor if scene.state.processor == ProcessorSwitch::Stopped => Some("start processor"),
        _ => action.footer(),
    }
}
