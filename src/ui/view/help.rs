//! The help: every key that does something here, from the keymap, and what the glyphs mean.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::footer::usable;
use super::{Scene, panel};
use crate::model::status::Status;
use crate::ui::keymap::{Action, Group, Keymap, Row};
use crate::ui::theme::Theme;

/// What the glyphs mean, in the order in which they stand.
const STATUSES: [Status; 8] = [
    Status::Ok,
    Status::Draining,
    Status::Behind,
    Status::FallingBehind,
    Status::Stalled,
    Status::Rewound,
    Status::NoPosition,
    Status::Blind,
];

/// The longest label that is shown whole: somebody may have bound many keys to one action.
const LABEL: usize = 14;

/// Draws the help over the middle of the screen: as much of it as there is room for, the fullest first.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let theme = scene.theme;
    let statuses = STATUSES.chunks(2).map(|pair| {
        let mut spans = vec![Span::raw(" ")];
        for status in pair {
            let (glyph, style) = theme.status(*status);
            spans.push(Span::styled(glyph, style));
            spans.push(Span::styled(format!(" {:<14} ", status.word()), theme.text));
        }
        Line::from(spans)
    });
    let legend = Legend { heading: "Partitions", lines: statuses.collect() };
    draw_keys(area, buffer, &scene.state.keys, |action| usable(action, scene), &legend, theme);
}

/// What glyphs mean.
pub(super) struct Legend {
    pub(super) heading: &'static str,
    pub(super) lines: Vec<Line<'static>>,
}

/// Draws the keys of some actions, and a legend below them.
pub(super) fn draw_keys(
    area: Rect,
    buffer: &mut Buffer,
    keys: &Keymap,
    shown: impl Fn(Action) -> bool + Copy,
    legend: &Legend,
    theme: &Theme,
) {
    let (full, short) = (keys.rows(shown), keys.short_rows(shown));
    let forms = [(&full, Headings::Shown), (&full, Headings::None), (&short, Headings::None)];
    let pages = forms.map(|(rows, headings)| Page::new(rows, headings, legend, theme));
    let fitting = pages.iter().find_map(|page| page.fold(area).map(|folded| (page, folded)));
    let (page, folded) = match (&fitting, pages.last()) {
        (Some((page, folded)), _) => (*page, folded.clone()),
        (None, Some(shortest)) => (shortest, shortest.cut(area)),
        (None, None) => return,
    };
    let tallest = folded.iter().map(Vec::len).max().unwrap_or(0);
    let width = page.across(folded.len()).min(area.width);
    let height = u16::try_from(tallest + 2).unwrap_or(u16::MAX).min(area.height);
    let place = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    Clear.render(place, buffer);
    let block = panel("Keys", theme);
    let inner = block.inner(place);
    block.render(place, buffer);
    for (x, lines) in (inner.left()..inner.right()).step_by(usize::from(page.column())).zip(folded) {
        for (y, line) in (inner.top()..inner.bottom()).zip(lines) {
            line.render(Rect { x, y, width: page.column().min(inner.right() - x), height: 1 }, buffer);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Headings {
    Shown,
    None,
}

/// The help in one of its forms, not yet folded into columns.
struct Page {
    lines: Vec<(Kind, Line<'static>)>,
    /// Characters of the widest line.
    wide: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Heading,
    Row,
    /// Nothing, at the head of a column less than that.
    Blank,
}

impl Page {
    fn new(rows: &[Row], headings: Headings, legend: &Legend, theme: &Theme) -> Self {
        let label = rows.iter().map(|row| row.label.chars().count()).max().unwrap_or(0).min(LABEL);
        let mut lines = Vec::new();
        let mut group: Option<Group> = None;
        let heading = |text: &'static str| (Kind::Heading, Line::styled(format!(" {text}"), theme.accent));
        for row in rows {
            if headings == Headings::Shown && group != Some(row.group) {
                lines.extend(group.map(|_| (Kind::Blank, Line::default())));
                lines.push(heading(row.group.heading()));
                group = Some(row.group);
            }
            let keys = shortened(&row.label, label);
            let keys = Span::styled(format!(" {keys:<label$} "), theme.key);
            lines.push((Kind::Row, Line::from(vec![keys, Span::styled(row.help, theme.text)])));
        }
        lines.push((Kind::Blank, Line::default()));
        if headings == Headings::Shown {
            lines.push(heading(legend.heading));
        }
        lines.extend(legend.lines.iter().map(|line| (Kind::Row, line.clone())));
        let wide = lines.iter().map(|(_, line)| line.width()).max().unwrap_or(0);
        Self { lines, wide }
    }

    /// The width of a column, with a space between it and the next.
    fn column(&self) -> u16 {
        u16::try_from(self.wide + 1).unwrap_or(u16::MAX)
    }

    /// The width of so many columns in their frame; the last needs no space behind it.
    fn across(&self, columns: usize) -> u16 {
        self.column().saturating_mul(u16::try_from(columns).unwrap_or(u16::MAX)).saturating_add(1)
    }

    /// In as few columns as hold it, each as tall as it must be; `None` if it does not fit.
    fn fold(&self, area: Rect) -> Option<Vec<Vec<Line<'static>>>> {
        let room = usize::from(area.height.saturating_sub(2));
        let widest = (1..=4).filter(|columns| self.across(*columns) <= area.width).max()?;
        let columns = (1..=widest).find(|columns| self.at_height(room).len() <= *columns)?;
        let height = (1..=room).find(|height| self.at_height(*height).len() <= columns)?;
        Some(self.at_height(height))
    }

    /// What the area holds of it, and how much that leaves out.
    fn cut(&self, area: Rect) -> Vec<Vec<Line<'static>>> {
        let room = usize::from(area.height.saturating_sub(2)).max(1);
        let columns = (1..=4).filter(|columns| self.across(*columns) <= area.width).max().unwrap_or(1);
        let mut folded = self.at_height(room);
        let left_out: usize = folded.iter().skip(columns).map(Vec::len).sum();
        folded.truncate(columns);
        if let Some(last) = folded.last_mut().and_then(|column| column.last_mut()) {
            *last = Line::raw(format!(" {} more: streamgauge man", left_out + 1));
        }
        folded
    }

    /// In columns of a height. A heading never ends a column.
    fn at_height(&self, height: usize) -> Vec<Vec<Line<'static>>> {
        let mut columns: Vec<Vec<Line<'static>>> = vec![Vec::new()];
        for (kind, line) in &self.lines {
            let at = columns.last().map_or(0, Vec::len);
            let full = at >= height || (*kind == Kind::Heading && at + 1 >= height);
            if full && at > 0 {
                columns.push(Vec::new());
            }
            if let Some(column) = columns.last_mut()
                && !(*kind == Kind::Blank && column.is_empty())
            {
                column.push(line.clone());
            }
        }
        if columns.last().is_some_and(Vec::is_empty) {
            columns.pop();
        }
        columns
    }
}

/// A label in so many characters, with a sign where something is left out.
fn shortened(label: &str, room: usize) -> String {
    if label.chars().count() <= room {
        return label.to_owned();
    }
    let kept: String = label.chars().take(room.saturating_sub(2)).collect();
    format!("{}..", kept.trim_end_matches([' ', ',']))
}
