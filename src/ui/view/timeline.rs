//! The timeline: the whole session at a glance, lag over load.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::chart::sparkline;
use super::{Scene, complete, panel};
use crate::figures;
use crate::model::series::Series;

/// The width of the label before each trace.
const LABEL: u16 = 8;

/// Draws the panel.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let Scene { session, state, theme } = scene;
    let block = panel("Timeline", theme);
    let inner = block.inner(area);
    block.render(area, buffer);
    let (Some(started), true) = (session.started(), inner.width > 40 && inner.height >= 4) else { return };
    let columns = usize::from(inner.width - LABEL - 2);
    // The span grows in whole multiples of the width, so that a column does not change what it stands for at each
    // frame: one second a column, then two, then four.
    let elapsed = state.now.since(started).as_secs().max(1);
    let mut each = 1;
    while each * (columns as u64) < elapsed {
        each *= 2;
    }
    let span = Duration::from_secs(each * columns as u64);
    let end = if elapsed < span.as_secs() { started.after(span) } else { complete(state.now) };
    let filled = usize::try_from(elapsed.saturating_sub(1) / each).unwrap_or(usize::MAX);
    let columns_of = |series: &Series| {
        let mut values = series.columns(end, span, columns);
        // The second that still fills would draw a dip that is not there.
        values.truncate(if elapsed < span.as_secs() { filled } else { columns });
        values
    };

    let traces: [(&str, &Series, _); 3] = [
        ("ingest", &session.ingest_history, theme.ingest),
        ("lag", &session.total_lag, theme.lag),
        ("serve", &session.stored_history, theme.serve),
    ];
    let rates = [&session.ingest_history, &session.stored_history];
    let top_rate = rates.iter().flat_map(|series| columns_of(series)).flatten().fold(1.0, f64::max);
    for (y, (label, series, style)) in (inner.top()..).zip(traces) {
        let values = columns_of(series);
        let top = match label {
            // The allowance of a whole pipeline: a lag of three seconds is a low bar, not a full one.
            "lag" => values.iter().flatten().fold(top_rate * 3.0, |top, value| top.max(*value)),
            _ => top_rate,
        };
        let line = Line::from(vec![
            Span::styled(format!(" {label:<7}"), theme.quiet),
            Span::styled(sparkline(&values, top), style),
        ]);
        line.render(Rect { y, height: 1, ..inner }, buffer);
    }

    let y = inner.top() + 3;
    let begin = inner.x + LABEL;
    let quarter = u16::try_from(columns / 4).unwrap_or(u16::MAX).max(1);
    for n in 0..4 {
        let seconds = each * u64::from(quarter) * u64::from(n);
        let text = if elapsed >= span.as_secs() {
            format!("-{}", figures::clock(Duration::from_secs(span.as_secs().saturating_sub(seconds))))
        } else {
            figures::clock(Duration::from_secs(seconds))
        };
        buffer.set_string(begin + quarter * n, y, text, theme.quiet);
    }
    for (at, text) in session.marks.iter().rev().take(8) {
        let Some(column) =
            columns.checked_sub(1 + usize::try_from(end.since(*at).as_secs() / each).unwrap_or(usize::MAX))
        else {
            continue;
        };
        let x = begin + u16::try_from(column).unwrap_or(0);
        let room = usize::from(inner.right().saturating_sub(x + 2));
        buffer.set_string(x, y, format!("◆ {}", super::row::shorten(text, room.min(24))), theme.warning);
    }
}
