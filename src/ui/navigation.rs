//! Keys and clicks that change the picture alone: which panel speaks, what fills the screen, which row is selected.

use crossterm::event::{MouseButton, MouseEventKind};

use super::keymap::Action;
use super::prompt::{Asks, Prompt};
use super::selection;
use super::state::{GroupList, Panel, ViewState, Zoom};
use super::view::Hit;
use crate::model::session::Session;
use crate::model::units::Time;

/// The panels in the order in which a key goes through them.
const PANELS: [Panel; 4] = [Panel::Ingest, Panel::Lag, Panel::Serve, Panel::Timeline];

impl ViewState {
    /// Does what concerns the picture alone; says whether it was that.
    pub fn act(&mut self, action: Action, session: &Session) -> bool {
        if self.groups.pointed().is_some() {
            return self.act_on_groups(action, session);
        }
        match action {
            Action::NextSort => self.sort = self.sort.next(),
            Action::Filter => self.prompt = Some(Prompt { asks: Asks::Filter, text: self.filter.clone() }),
            Action::Down => self.step(1, session),
            Action::Up => self.step(-1, session),
            Action::NextPanel => self.turn_to(1),
            Action::PreviousPanel => self.turn_to(PANELS.len() - 1),
            Action::Zoom => self.zoom_in(session),
            Action::ZoomIngest => self.zoom_to(Panel::Ingest),
            Action::ZoomLag => self.zoom_to(Panel::Lag),
            Action::ZoomServe => self.zoom_to(Panel::Serve),
            Action::ZoomTimeline => self.zoom_to(Panel::Timeline),
            Action::ZoomLog => self.zoom_to(Panel::Log),
            Action::ToggleBig => self.big = !self.big,
            Action::ToggleHelp => self.help = !self.help,
            Action::Close => return self.close(),
            _ => return false,
        }
        true
    }

    /// A click: focuses a panel and selects a row, and a second one on the same opens it. Gives the moment that was
    /// clicked on, if it was one.
    pub fn click(&mut self, hit: Hit) -> Option<Time> {
        match hit {
            Hit::Moment(at) => return Some(at),
            Hit::Partition(id) if self.selected == Some(id) => self.zoom = Zoom::Partition(id),
            Hit::Partition(id) => (self.focus, self.selected) = (Panel::Lag, Some(id)),
            Hit::Range(id) if self.selected_range.as_ref() == Some(&id) => self.zoom = Zoom::Range(id),
            Hit::Range(id) => (self.focus, self.selected_range) = (Panel::Serve, Some(id)),
            Hit::Group(name) => self.groups = GroupList::Open(name),
            Hit::Panel(panel) if self.zoom == Zoom::Overview && self.focus == panel => self.zoom_to(panel),
            Hit::Panel(panel) => self.turn_wheel_to(panel),
        }
        None
    }

    /// The wheel turns over a panel: it is the one that is meant.
    pub fn turn_wheel_to(&mut self, panel: Panel) {
        if self.zoom == Zoom::Overview {
            self.focus = panel;
        }
    }

    /// The panel that keys speak to: the one that fills the screen, or the one in focus.
    pub fn panel(&self) -> Panel {
        match &self.zoom {
            Zoom::Overview => self.focus,
            Zoom::Panel(panel) => *panel,
            Zoom::Partition(_) => Panel::Lag,
            Zoom::Range(_) => Panel::Serve,
        }
    }

    /// One row down or up. Where one partition fills the screen, that is the next partition.
    fn step(&mut self, rows: isize, session: &Session) {
        match self.panel() {
            Panel::Lag => {
                self.selected = selection::next_partition(session, self, rows);
                if let (Zoom::Partition(_), Some(id)) = (&self.zoom, self.selected) {
                    self.zoom = Zoom::Partition(id);
                }
            }
            Panel::Serve => {
                self.selected_range = selection::next_range(session, self, rows);
                if let (Zoom::Range(_), Some(id)) = (&self.zoom, &self.selected_range) {
                    self.zoom = Zoom::Range(id.clone());
                }
            }
            Panel::Log => self.log_back = self.log_back.saturating_add_signed(-rows),
            Panel::Ingest | Panel::Timeline => {}
        }
    }

    /// To the panel so many places on, in a circle.
    fn turn_to(&mut self, places: usize) {
        let at = PANELS.iter().position(|panel| *panel == self.panel()).unwrap_or(0);
        let panel = PANELS.get((at + places) % PANELS.len()).copied().unwrap_or(Panel::Lag);
        self.focus = panel;
        if self.zoom != Zoom::Overview {
            self.zoom = Zoom::Panel(panel);
        }
    }

    /// Fills the screen with a panel; with the overview if it does already.
    fn zoom_to(&mut self, panel: Panel) {
        self.zoom = if self.zoom == Zoom::Panel(panel) { Zoom::Overview } else { Zoom::Panel(panel) };
        if panel != Panel::Log {
            self.focus = panel;
        }
    }

    /// From the overview to the panel in focus, from there to the row that is selected: the first where none is.
    fn zoom_in(&mut self, session: &Session) {
        match self.zoom {
            Zoom::Overview => self.zoom = Zoom::Panel(self.focus),
            Zoom::Panel(Panel::Lag) => {
                self.selected = selection::next_partition(session, self, 0);
                self.zoom = self.selected.map_or(self.zoom.clone(), Zoom::Partition);
            }
            Zoom::Panel(Panel::Serve) => {
                self.selected_range = selection::next_range(session, self, 0);
                self.zoom = self.selected_range.clone().map_or(self.zoom.clone(), Zoom::Range);
            }
            Zoom::Panel(_) | Zoom::Partition(_) | Zoom::Range(_) => {}
        }
    }

    /// Closes what was opened last; says whether there was something to close.
    fn close(&mut self) -> bool {
        if self.help {
            self.help = false;
            return true;
        }
        match self.zoom {
            Zoom::Partition(_) => self.zoom = Zoom::Panel(Panel::Lag),
            Zoom::Range(_) => self.zoom = Zoom::Panel(Panel::Serve),
            Zoom::Panel(_) => self.zoom = Zoom::Overview,
            Zoom::Overview if !self.filter.is_empty() => self.filter.clear(),
            Zoom::Overview => return false,
        }
        true
    }
}

impl Hit {
    /// The panel that it is in.
    pub fn panel(&self) -> Panel {
        match self {
            Self::Moment(_) => Panel::Timeline,
            Self::Partition(_) | Self::Group(_) => Panel::Lag,
            Self::Range(_) => Panel::Serve,
            Self::Panel(panel) => *panel,
        }
    }
}

/// What the mouse came to, beside what it did to the view.
pub(super) enum Pointed {
    /// Nothing more.
    Nothing,
    /// It stands for a key.
    Key(Action),
    /// A moment is to be looked at.
    Moment(Time),
}

/// Does what the mouse does to the view, and says what else is to be done.
pub(super) fn pointed(kind: MouseEventKind, hit: Option<Hit>, state: &mut ViewState) -> Pointed {
    let Some(hit) = hit else { return Pointed::Nothing };
    match kind {
        MouseEventKind::ScrollDown | MouseEventKind::ScrollUp => {
            if state.groups.pointed().is_none() {
                state.turn_wheel_to(hit.panel());
            }
            Pointed::Key(if kind == MouseEventKind::ScrollDown { Action::Down } else { Action::Up })
        }
        MouseEventKind::Down(MouseButton::Left) if matches!(&hit, Hit::Group(name) if state.groups.pointed() == Some(name.as_str())) => {
            Pointed::Key(Action::Zoom)
        }
        MouseEventKind::Down(MouseButton::Left) => state.click(hit).map_or(Pointed::Nothing, Pointed::Moment),
        // Only the timeline is dragged along.
        MouseEventKind::Drag(MouseButton::Left) => match hit {
            Hit::Moment(at) => Pointed::Moment(at),
            _ => Pointed::Nothing,
        },
        _ => Pointed::Nothing,
    }
}
