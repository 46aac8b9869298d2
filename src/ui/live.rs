//! The live loop: observations and keys in, frames out. It never waits for a service.

mod groups;

use std::time::Duration;

use crossterm::event::{Event, KeyEvent, KeyEventKind, MouseEvent};
use ratatui::layout::Rect;
use tokio::sync::mpsc;

use super::controls::{Controls, Cue, act_on_load};
use super::keymap::Action;
use super::navigation::{Pointed, pointed};
use super::playback::{self, Done, Playback};
use super::prompt::{Asks, Prompt, Typed};
use super::state::{GroupList, ProcessorSwitch, RecordingSign, ViewState};
use super::terminal::{self, Input, Screen, ScreenError};
use super::view;
use crate::figures;
use crate::model::observation::{Fact, Observation, Target};
use crate::model::session::Session;
use crate::model::units::Time;
use crate::recording::folder::Folder;
use crate::recording::player::Player;
use crate::recording::writer::{Writer, WriterState};
use crate::wall_clock::wall_clock;

/// How often a frame is drawn at most. Facts come four times a second; keys should feel immediate.
pub(super) const FRAME: Duration = Duration::from_millis(100);

/// How long a notice stands.
pub(super) const NOTICE: Duration = Duration::from_secs(5);

/// What a live session draws from and drives.
pub struct Live<'a> {
    /// Where facts come from.
    pub observations: &'a mut mpsc::Receiver<Observation>,
    /// What the keys drive.
    pub controls: &'a mut dyn Controls,
    /// The recording of this session, if there is one.
    pub recorder: Option<&'a Writer>,
    /// Where recordings are kept under a name.
    pub folder: Option<&'a Folder>,
}

/// The session as it comes, and a look at its past.
struct Watch<'a> {
    live: Live<'a>,
    session: Session,
    state: ViewState,
    /// Looking back, if somebody does.
    past: Option<Playback>,
    paused: Option<Target>,
    /// The key for the load that waits for a confirmation.
    waiting: Option<Action>,
    told_of_recording: bool,
    told_of_copy: Option<String>,
    /// When it was last asked which consumer groups there are.
    asked_for_groups: Option<Time>,
}

/// Draws the session until somebody quits or `stop` comes. Gives back the session as it then stands.
pub async fn run(
    screen: &mut Screen,
    mut state: ViewState,
    live: Live<'_>,
    stop: impl Future<Output = ()>,
) -> Result<Session, ScreenError> {
    if let Some(notice) = screen.take_notice() {
        state.notice = Some((notice, wall_clock()));
    }
    let mut watch = Watch::new(live, state);
    match watch.follow(screen, stop).await {
        // Nobody looks any more: that is an end like any other.
        Err(error) if error.is_hangup() => {}
        ended => ended?,
    }
    Ok(watch.session)
}

impl<'a> Watch<'a> {
    fn new(live: Live<'a>, state: ViewState) -> Self {
        Self {
            live,
            session: Session::new(),
            state,
            past: None,
            paused: None,
            waiting: None,
            told_of_recording: false,
            told_of_copy: None,
            asked_for_groups: None,
        }
    }

    /// Until somebody quits or `stop` comes.
    async fn follow(&mut self, screen: &mut Screen, stop: impl Future<Output = ()>) -> Result<(), ScreenError> {
        let mut frames = tokio::time::interval(FRAME);
        frames.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut open = true;
        tokio::pin!(stop);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => return Ok(()),
                input = screen.next() => match input {
                    Some(Ok(Input::Terminal(event))) => {
                        let area = screen.terminal.get_frame().area();
                        if self.take_event(&event, area) == Pressed::Quit {
                            return Ok(());
                        }
                        frames.reset_immediately();
                    }
                    Some(Ok(Input::Stop)) => {
                        self.stand_still(screen)?;
                        frames.reset_immediately();
                    }
                    Some(Ok(Input::Continued)) => {
                        screen.take_again()?;
                        frames.reset_immediately();
                    }
                    Some(Err(error)) => return Err(error.into()),
                    None => return Ok(()),
                },
                _ = frames.tick() => self.draw(screen)?,
                observation = self.live.observations.recv(), if open => match observation {
                    Some(observation) => self.take_in(&observation),
                    None => open = false,
                },
            }
        }
    }

    /// Recorded before anything is derived from it.
    fn take_in(&mut self, observation: &Observation) {
        if let Some(recorder) = self.live.recorder {
            recorder.record(observation);
        }
        self.session.apply(observation);
    }

    fn mark(&mut self, text: String) {
        self.take_in(&Observation { at: wall_clock(), fact: Fact::Mark(text) });
    }

    /// Does what a script wants of the screen. Its marks of one moment have one time.
    fn follow_script(&mut self, wall: Time) {
        for cue in self.live.controls.cues(wall, self.past.is_some()) {
            match cue {
                Cue::Caption(caption) => self.state.caption = caption,
                Cue::Mark(text) => self.take_in(&Observation { at: wall, fact: Fact::Mark(text) }),
                Cue::Notice(text) => self.notice(text),
                Cue::Zoom(zoom) => self.state.zoom = zoom,
                Cue::Sort(sort) => self.state.sort = sort,
                Cue::Big(big) => self.state.big = big,
            }
        }
        self.state.script = self.live.controls.script();
    }

    fn notice(&mut self, text: impl Into<String>) {
        self.state.notice = Some((text.into(), wall_clock()));
    }

    fn draw(&mut self, screen: &mut Screen) -> Result<(), ScreenError> {
        let wall = wall_clock();
        self.follow_script(wall);
        self.state.load_control = self.live.controls.target().is_some();
        match self.live.controls.wanted_group() {
            None => self.state.groups = GroupList::NotOffered,
            Some(_) if self.state.groups == GroupList::NotOffered => self.state.groups = GroupList::Closed,
            Some(_) => {}
        }
        self.keep_groups_new(wall);
        self.state.processor = match self.live.controls.processor_runs() {
            None => ProcessorSwitch::NotOurs,
            Some(true) => ProcessorSwitch::Running,
            Some(false) => ProcessorSwitch::Stopped,
        };
        self.state.forget_notice(wall, NOTICE);
        self.state.check_room(screen.terminal.get_frame().area().as_size(), wall);
        match self.live.recorder.map(Writer::state) {
            None => self.state.recording = RecordingSign::None,
            Some(WriterState::Recording { bytes, lost_copy } | WriterState::Finished { bytes, lost_copy }) => {
                self.state.recording = RecordingSign::Writing(bytes);
                if lost_copy != self.told_of_copy {
                    self.told_of_copy.clone_from(&lost_copy);
                    self.notice(lost_copy.unwrap_or_default());
                }
            }
            Some(WriterState::Stopped { reason }) => {
                self.state.recording = RecordingSign::Stopped;
                if !self.told_of_recording {
                    self.told_of_recording = true;
                    self.notice(format!("the recording stopped: {reason}"));
                }
            }
        }
        if let Some(past) = &mut self.past
            && let Err(error) = past.tick(wall)
        {
            self.past = None;
            self.notice(error.to_string());
        }
        let session = if let Some(past) = &self.past {
            self.state.show(past);
            // What the writer has not settled yet is known here: the timeline reaches up to now.
            self.state.reach_now(&self.session);
            past.session()
        } else {
            self.state.show_live(wall);
            &self.session
        };
        let state = &self.state;
        screen.draw(|area, buffer, theme| view::draw(area, buffer, session, state, theme))?;
        Ok(())
    }

    /// Stops as a shell's job, and goes on. While the process stands still nothing is to become due: who stops the program
    /// wants no load, and the time would be a debt that is sent at once when it goes on. A replay stands still too.
    fn stand_still(&mut self, screen: &mut Screen) -> Result<(), ScreenError> {
        let running = self.live.controls.target().filter(|target| *target != Target::Paused);
        if running.is_some() {
            self.live.controls.set_target(Target::Paused);
        }
        self.mark("suspended".into());
        let stopped = playback::standing_still(self.past.as_mut().map(Playback::clock), wall_clock, || screen.stop());
        if let Some(target) = running {
            self.live.controls.set_target(target);
        }
        self.mark("resumed".into());
        stopped
    }

    fn take_event(&mut self, event: &Event, area: Rect) -> Pressed {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => return self.press(*key),
            Event::Mouse(mouse) => self.point(*mouse, area),
            _ => {}
        }
        Pressed::Done
    }

    fn press(&mut self, key: KeyEvent) -> Pressed {
        if let Some(prompt) = &mut self.state.prompt {
            match prompt.press(key) {
                Typed::More => {}
                Typed::Cancelled => self.state.prompt = None,
                Typed::Done => {
                    if let Some(Prompt { asks, text }) = self.state.prompt.take() {
                        self.answer(asks, text.trim());
                    }
                }
            }
            return Pressed::Done;
        }
        let Some(action) = self.state.keys.action(key) else { return Pressed::Done };
        if action == Action::Quit {
            return Pressed::Quit;
        }
        self.act(action);
        Pressed::Done
    }

    fn answer(&mut self, asks: Asks, text: &str) {
        match asks {
            Asks::Mark => self.mark(if text.is_empty() { "mark".into() } else { text.into() }),
            Asks::Place | Asks::Offset => {
                if let Some(past) = &mut self.past
                    && let Err(sentence) = past.jump(text, wall_clock())
                {
                    self.notice(sentence);
                }
            }
            Asks::Filter => text.clone_into(&mut self.state.filter),
            Asks::Load { into } => match self.waiting.take() {
                Some(action) if text == into.name || text.eq_ignore_ascii_case("yes") => {
                    self.paused = self.live.controls.confirm();
                    self.drive_load(action);
                }
                _ => self.notice(format!("no load goes into {into}")),
            },
            Asks::Name => {
                let (Some(recorder), Some(folder)) = (self.live.recorder, self.live.folder) else { return };
                let kept = folder.kept(text).and_then(|path| recorder.keep(&path).map(|()| path));
                match kept {
                    Ok(path) => self.notice(format!("kept as {}", path.display())),
                    Err(error) => self.notice(error.to_string()),
                }
            }
        }
    }

    fn act(&mut self, action: Action) {
        let session = self.past.as_ref().map_or(&self.session, Playback::session);
        if self.state.act(action, session) {
            return;
        }
        match action {
            Action::Mark | Action::Keep if self.live.recorder.is_some() => {
                let asks = if action == Action::Mark { Asks::Mark } else { Asks::Name };
                self.state.prompt = Some(Prompt { asks, text: String::new() });
            }
            Action::GoTo if self.past.is_some() => {
                self.state.prompt = Some(Prompt { asks: Asks::Place, text: String::new() });
            }
            Action::RateUp | Action::RateDown | Action::RateDouble | Action::RateHalve | Action::TogglePause => {
                match self.live.controls.unconfirmed().filter(|_| self.live.controls.target().is_some()) {
                    Some(into) => {
                        self.waiting = Some(action);
                        self.state.prompt = Some(Prompt { asks: Asks::Load { into }, text: String::new() });
                    }
                    None => self.drive_load(action),
                }
            }
            Action::Groups => self.list_groups(),
            Action::Zoom => {
                if let GroupList::Open(group) = std::mem::replace(&mut self.state.groups, GroupList::Closed) {
                    self.choose_group(&group);
                }
            }
            Action::Suspend => {
                if let Err(error) = terminal::ask_to_stop() {
                    self.notice(error.to_string());
                }
            }
            Action::ToggleProcessor => match self.live.controls.toggle_processor() {
                Ok(()) => {
                    let runs = self.live.controls.processor_runs() == Some(true);
                    self.mark(if runs { "processor started".into() } else { "processor killed".into() });
                }
                Err(sentence) => self.notice(sentence),
            },
            _ => self.look_back(action),
        }
    }

    fn drive_load(&mut self, action: Action) {
        let before = self.live.controls.target();
        act_on_load(action, self.live.controls, &mut self.paused);
        let after = self.live.controls.target();
        if let (true, Some(target)) = (before != after, after) {
            self.mark(format!("load {}", figures::target(target)));
        }
    }

    /// A click or the wheel over a panel is for that panel; a click on the timeline, or a drag along it, looks at that
    /// moment.
    fn point(&mut self, mouse: MouseEvent, area: Rect) {
        let session = self.past.as_ref().map_or(&self.session, Playback::session);
        let hit = view::hit(area, (mouse.column, mouse.row), session, &self.state);
        match pointed(mouse.kind, hit, &mut self.state) {
            Pointed::Nothing => {}
            Pointed::Key(action) => self.act(action),
            Pointed::Moment(at) => {
                if self.past.is_none() {
                    self.look_back(Action::TogglePlay);
                }
                if let Some(past) = &mut self.past {
                    past.go_to(at, wall_clock());
                }
            }
        }
    }

    /// Keys of the past; the first of them begins to look back.
    fn look_back(&mut self, action: Action) {
        let wall = wall_clock();
        if self.past.is_none() {
            let Some(recorder) = self.live.recorder else { return };
            match action {
                Action::TogglePlay | Action::Back => {}
                _ => return,
            }
            match Player::of_live(recorder.path(), recorder.survey()) {
                Ok(player) => self.past = Some(Playback::of_live(player)),
                Err(error) => self.notice(error.to_string()),
            }
            if action == Action::TogglePlay {
                return;
            }
        }
        let Some(past) = &mut self.past else { return };
        match past.act(action, wall) {
            Done::Quietly => {}
            Done::Not(why) => self.notice(why),
            Done::ReturnToLive => self.past = None,
        }
    }
}

/// What a key press came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pressed {
    Done,
    Quit,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::units::EventRate;
    use crate::ui::prompt::LoadInto;
    use crossterm::event::KeyCode;

    fn rate(per_second: f64) -> Target {
        Target::Rate(EventRate::new(per_second))
    }

    /// A load that has to be confirmed.
    struct Guarded {
        target: Target,
        confirmed: bool,
    }

    impl Controls for Guarded {
        fn target(&self) -> Option<Target> {
            Some(self.target)
        }
        fn set_target(&mut self, target: Target) {
            assert!(self.confirmed, "nobody confirmed {target:?}");
            self.target = target;
        }
        fn unconfirmed(&self) -> Option<LoadInto> {
            let place = "contosoeventhubs.servicebus.windows.net".into();
            (!self.confirmed).then(|| LoadInto { name: "contosoin-2".into(), place })
        }
        fn confirm(&mut self) -> Option<Target> {
            self.confirmed = true;
            Some(rate(50.0))
        }
        fn processor_runs(&self) -> Option<bool> {
            None
        }
        fn toggle_processor(&mut self) -> Result<(), String> {
            Ok(())
        }
    }

    pub(super) fn press(watch: &mut Watch, keys: &str) {
        for typed in keys.chars() {
            let code = match typed {
                '\n' => KeyCode::Enter,
                '\u{1b}' => KeyCode::Esc,
                typed => KeyCode::Char(typed),
            };
            watch.press(KeyEvent::from(code));
        }
    }

    #[test]
    fn a_load_into_what_is_deployed_has_to_be_confirmed_by_name() {
        let table = [
            ("p", "contosoin-2\n", rate(50.0)),
            ("]", "yes\n", rate(100.0)),
            ("p", "\n", Target::Paused),
            ("p", "contosoin-3\n", Target::Paused),
            ("p", "\u{1b}", Target::Paused),
            // Further keys while it asks are its answer.
            ("p", "p]]\n", Target::Paused),
        ];
        for (key, answer, expected) in table {
            let (_tell, mut observations) = mpsc::channel(1);
            let mut controls = Guarded { target: Target::Paused, confirmed: false };
            let live = Live { observations: &mut observations, controls: &mut controls, recorder: None, folder: None };
            let state = ViewState::new("contoso", wall_clock());
            let mut watch = Watch::new(live, state);
            press(&mut watch, key);
            if let Some(prompt) = &watch.state.prompt {
                let named = "load into contosoin-2 in contosoeventhubs.servicebus.windows.net costs money there";
                assert!(prompt.asks.question().starts_with(named), "{}", prompt.asks.question());
                let narrow = prompt.asks.question_within(77);
                assert_eq!(narrow, "load into contosoin-2 in contosoeventhubs costs money; its name, or yes");
            }
            press(&mut watch, answer);
            assert_eq!(watch.live.controls.target(), Some(expected), "{key} {answer:?}");
            assert_eq!(watch.state.prompt, None);
        }
    }
}
