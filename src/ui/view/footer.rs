//! The last row: the load's target and the keys that matter now, made from the keymap.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::Scene;
use super::row::Row;
use crate::figures;
use crate::model::observation::Target;
use crate::model::units::Time;
use crate::ui::groups;
use crate::ui::keymap::{Action, Keymap};
use crate::ui::prompt::Prompt;
use crate::ui::state::{GroupList, Mode, ProcessorSwitch, RecordingSign};
use crate::ui::theme::Theme;

/// Draws the row.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let Scene { session, state, theme } = scene;
    if let Some(said) = said(area.width, state.prompt.as_ref(), state.notice.as_ref(), theme) {
        said.draw(area, buffer);
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
    let word = |action| {
        let shown = usable(action, scene) && !(past && drives(action));
        shown.then(|| word(action, scene)).flatten()
    };
    with_keys(row, &state.keys, word, theme).draw(area, buffer);
}

/// What has the right of way before the keys: what is typed, or a word from the program.
pub(super) fn said<'a>(
    width: u16,
    prompt: Option<&Prompt>,
    notice: Option<&(String, Time)>,
    theme: &Theme,
) -> Option<Row<'a>> {
    if let Some(prompt) = prompt {
        let typed = [Span::styled(prompt.text.clone(), theme.strong), Span::styled("▏", theme.text)];
        // What is typed has to be seen: a colon, a gap, and the text with its cursor.
        let room = usize::from(width).saturating_sub(prompt.text.chars().count() + 3);
        let question = prompt.asks.question_within(room);
        return Some(Row::spaced(1).field(format!("{question}:"), theme.quiet).spans(typed));
    }
    notice.map(|(text, _)| Row::default().field(text.clone(), theme.strong))
}

/// The row and the keys of those actions that have a word for it.
pub(super) fn with_keys<'a>(
    mut row: Row<'a>,
    keys: &Keymap,
    word: impl Fn(Action) -> Option<&'static str>,
    theme: &Theme,
) -> Row<'a> {
    // The way out and the help first: they stay when the row is narrow.
    let (last, first): (Vec<&Action>, Vec<&Action>) =
        Action::ALL.iter().partition(|action| matches!(action, Action::Quit | Action::ToggleHelp));
    for &action in last.into_iter().chain(first) {
        if let (Some(key), Some(word)) = (keys.first(action), word(action)) {
            let key = Span::styled(key.to_string(), theme.key);
            row = row.spans([key, Span::raw(" "), Span::styled(word, theme.quiet)]);
        }
    }
    row
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
