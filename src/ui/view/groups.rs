//! The list of consumer groups, over the middle of the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;
use ratatui::widgets::{Clear, Widget};

use super::partitions::whole_span;
use super::row::{Row, shorten};
use super::{Scene, panel};
use crate::model::observation::CheckpointForm;
use crate::model::partition::Partition;
use crate::model::session::Session;
use crate::ui::groups::{self, GroupRow};
use crate::ui::keymap::Action;
use crate::ui::selection;
use crate::ui::state::ViewState;

/// The width of the list at most, with its frame, and that of a name in it.
const WIDTH: u16 = 90;
const NAME: usize = 26;

/// Where the list is, and which of its rows are seen.
struct Place {
    frame: Rect,
    rows: Rect,
    first: usize,
}

fn place(area: Rect, session: &Session, state: &ViewState) -> Place {
    let groups = groups::rows(session);
    let count = u16::try_from(groups.len()).unwrap_or(u16::MAX);
    // Frame, heading, a blank and the foot.
    let height = count.saturating_add(5).min(area.height.saturating_sub(4));
    let width = WIDTH.min(area.width.saturating_sub(4));
    let frame = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    let rows =
        Rect { x: frame.x + 1, y: frame.y + 2, width: width.saturating_sub(2), height: height.saturating_sub(5) };
    let pointed = groups.iter().position(|row| state.groups.pointed() == Some(row.name));
    Place { frame, rows, first: selection::first_row(groups.len(), usize::from(rows.height), pointed) }
}

/// The group whose row is at a place.
pub(super) fn group_at(area: Rect, (x, y): (u16, u16), session: &Session, state: &ViewState) -> Option<String> {
    let Place { rows, first, .. } = place(area, session, state);
    if !(rows.left()..rows.right()).contains(&x) || y >= rows.bottom() {
        return None;
    }
    let row = usize::from(y.checked_sub(rows.y)?);
    groups::rows(session).get(first + row).map(|row| row.name.to_owned())
}

/// Draws the list.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let Scene { session, state, theme } = scene;
    let Place { frame, rows, first } = place(area, session, state);
    Clear.render(frame, buffer);
    panel("Consumer groups in the checkpoint store", theme).render(frame, buffer);
    line("", "consumer group", "partitions", "newest", "written as", rows.width)
        .field("", theme.quiet)
        .draw(Rect { y: frame.y + 1, height: 1, ..rows }, buffer);
    buffer.set_style(Rect { y: frame.y + 1, height: 1, ..rows }, theme.quiet);
    for (y, row) in (rows.top()..rows.bottom()).zip(groups::rows(session).into_iter().skip(first)) {
        let place = Rect { y, height: 1, ..rows };
        self::row(row, scene, rows.width).draw(place, buffer);
        if state.groups.pointed() == Some(row.name) {
            buffer.set_style(place, theme.selected);
        }
    }
    foot(scene).draw(Rect { y: frame.bottom().saturating_sub(2), height: 1, ..rows }, buffer);
}

fn line(glyph: &str, name: &str, partitions: &str, newest: &str, forms: &str, width: u16) -> Row<'static> {
    let style = ratatui::style::Style::new();
    // What is left beside the others, each with two blanks behind it.
    let room = usize::from(width).saturating_sub(3 + NAME + 2 + 10 + 2 + 7 + 2);
    Row::spaced(2)
        .field(format!(" {glyph:<1} {:<NAME$}", shorten(name, NAME)), style)
        .field(format!("{partitions:>10}"), style)
        .field(format!("{newest:>7}"), style)
        .field(shorten(forms, room), style)
}

fn row(row: GroupRow, scene: Scene, width: u16) -> Row<'static> {
    let Scene { session, state, .. } = scene;
    // Of the one that is watched each look tells; of the others the wide look, and their age is that of then.
    let newest = match (&session.groups, row.found) {
        _ if row.is_watched => {
            session.partitions.values().filter_map(|partition: &Partition| partition.checkpoint_age(state.now)).min()
        }
        (Some((seen, _)), Some(found)) => found.written_at.map(|written| seen.since(written)),
        _ => None,
    };
    let newest = newest.map_or_else(|| "none".into(), whole_span);
    let forms: Vec<&str> = row.found.iter().flat_map(|found| &found.forms).copied().map(CheckpointForm::name).collect();
    let forms = if forms.is_empty() { "no checkpoint yet".to_owned() } else { forms.join(", ") };
    let partitions = row.found.map_or_else(|| "-".into(), |found| found.partitions.to_string());
    line(if row.is_watched { "●" } else { "" }, row.name, &partitions, &newest, &forms, width)
}

/// `j k point   enter watch   esc leave   as of 2 s ago`.
fn foot(scene: Scene) -> Row<'static> {
    let Scene { session, state, theme } = scene;
    let key = |action| state.keys.first(action).map_or_else(String::new, |key| key.to_string());
    let mut row = Row::spaced(3);
    let (down, up) = (key(Action::Down), key(Action::Up));
    for (keys, word) in
        [(format!(" {down} {up}"), "point"), (key(Action::Zoom), "watch"), (key(Action::Close), "leave")]
    {
        row = row.spans([Span::styled(keys, theme.key), Span::raw(" "), Span::styled(word, theme.quiet)]);
    }
    if let Some((seen, found)) = &session.groups {
        let seen = whole_span(state.now.since(*seen));
        row = row.field(format!("● is watched, all as of {seen} ago"), theme.quiet);
        if !found.complete {
            row = row.field("there may be more", theme.quiet);
        }
    }
    row
}
