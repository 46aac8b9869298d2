//! One partition on the whole screen: what came in, what went out, what waits, and who holds it.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::chart::{Chart, Scale, dot_columns};
use super::partitions::whole_span;
use super::row::{Row, shorten};
use super::{Scene, complete, draw_rows, panel, watching};
use crate::figures::{self, count};
use crate::model::lag::{Lag, TimeLag};
use crate::model::observation::{Position, Station};
use crate::model::ownership::{Holding, Ownership};
use crate::model::partition::Partition;
use crate::model::units::{PartitionId, SequenceNumber};
use crate::wrap::wrap;

/// Draws the partition over the whole area.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, scene: Scene, id: PartitionId) {
    let Scene { session, state, theme } = scene;
    let Some(partition) = session.partitions.get(&id) else {
        let block = panel("Partition", theme);
        let inner = block.inner(area);
        block.render(area, buffer);
        buffer.set_string(inner.x + 1, inner.y, format!("partition {id} was not seen"), theme.quiet);
        return;
    };
    let wide = area.width >= 100;
    let [left, right] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(if wide { 46 } else { 36 })]).areas(area);
    let status = partition.status(state.now);
    let (glyph, style) = theme.status(status);
    let since =
        partition.status_for(state.now).map_or_else(String::new, |span| format!(" {}", figures::lag_span(span)));
    let title = Line::from(vec![Span::styled(format!(" {glyph} {}{since} ", status.word()), style)]);
    let name = format!("Partition {id}");
    let block = panel(&name, theme).title_top(title.right_aligned());
    let inner = block.inner(left);
    block.render(left, buffer);
    let remark = partition.remark(state.now);
    // As many rows as the sentence needs, but most of the room is the charts'.
    let text = Rect { x: inner.x + 3, width: inner.width.saturating_sub(4), ..inner };
    let lines = remark.map_or_else(Vec::new, |remark| wrap(&remark, usize::from(text.width)));
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(inner.height / 3);
    let [remark, charts] = Layout::vertical([Constraint::Length(rows), Constraint::Fill(1)]).areas(inner);
    if !remark.is_empty() {
        buffer.set_string(remark.x + 1, remark.y, "!", theme.warning);
    }
    for (y, line) in (remark.top()..remark.bottom()).zip(lines) {
        buffer.set_string(text.x, y, line, theme.warning);
    }
    draw_charts(charts, buffer, scene, partition);

    let [facts, log] = Layout::vertical([Constraint::Length(12), Constraint::Fill(1)]).areas(right);
    let block = panel("Now", theme);
    let inner = block.inner(facts);
    block.render(facts, buffer);
    draw_facts(inner, buffer, scene, partition);
    if log.height > 2 {
        super::log::draw_of_partition(log, buffer, scene, id);
    }
}

/// Three charts on one time axis: in and out share a scale.
fn draw_charts(area: Rect, buffer: &mut Buffer, scene: Scene, partition: &Partition) {
    let Scene { state, theme, .. } = scene;
    let columns = dot_columns(area.width);
    let now = complete(state.now);
    let (came, processed): (Vec<_>, Vec<_>) = partition.flow(now, columns).into_iter().unzip();
    // A column of the lag is a second, as those of the rates are.
    let lag = partition.lag_history.columns(now, std::time::Duration::from_secs(columns as u64), columns);
    let largest = |values: &[Option<f64>]| values.iter().flatten().copied().fold(0.0, f64::max);
    let [top, middle, bottom] = Layout::vertical([Constraint::Fill(1); 3]).areas(area);
    let rows = top.height.saturating_sub(2);
    let rates = Scale::holding(largest(&came).max(largest(&processed)), rows);
    let lags = Scale::holding(largest(&lag).max(1.0), rows);
    let now_in = partition.ingest.rate(state.now);
    let now_out = partition.processed.rate(state.now);
    let rate = |rate: Option<f64>| rate.map_or_else(|| "-".into(), |rate| format!("{}/s", figures::compact(rate)));
    let mut one = |area: Rect, label: &str, figure: String, values: &[Option<f64>], scale, style: Style| {
        Row::spaced(1)
            .field(format!(" {label:<4}"), theme.quiet)
            .field(figure, theme.strong.patch(style))
            .draw(area, buffer);
        let chart = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        Chart { columns: values, scale, style, quiet: theme.quiet }.draw(chart, buffer);
    };
    one(top, "in", rate(now_in), &came, rates, theme.ingest);
    one(middle, "out", rate(now_out), &processed, rates, theme.serve);
    let waiting = partition.lag().and_then(Lag::events).map_or_else(|| "-".into(), count);
    one(bottom, "lag", format!("{waiting} events"), &lag, lags, theme.lag);
}

fn draw_facts(area: Rect, buffer: &mut Buffer, scene: Scene, partition: &Partition) {
    let Scene { state, theme, .. } = scene;
    let now = state.now;
    let mut rows: Vec<Row<'static>> = Vec::new();
    let mut fact = |label: &'static str, figure: String, more: String| {
        // A long name is cut rather than left out.
        let figure = shorten(&figure, usize::from(area.width.saturating_sub(14)));
        let row = Row::spaced(1).field(format!(" {label:<11}"), theme.quiet).field(figure, theme.text);
        rows.push(if more.is_empty() { row } else { row.field(more, theme.quiet) });
    };
    match partition.lag() {
        Some(Lag::Behind { events, missed }) => {
            fact("lag", format!("{} events", count(events)), growth(partition));
            if missed > 0 {
                fact("missed", count(missed), "gone unread".into());
            }
        }
        Some(Lag::NoPosition { retained }) => {
            fact("lag", "no position".into(), format!("{} events kept", count(retained)));
        }
        None => fact("lag", "-".into(), String::new()),
    }
    match partition.time_lag() {
        Some(TimeLag::About(span)) => fact("time lag", figures::lag_span(span), "the oldest waits".into()),
        Some(TimeLag::MoreThan(span)) => {
            fact("time lag", format!("> {}", figures::lag_span(span)), "the oldest waits".into());
        }
        None => fact("time lag", "-".into(), String::new()),
    }
    // Where positions are read in rounds, how old this one is matters more.
    let age = partition.position_age(now).filter(|_| watching::round(scene, Station::Checkpoints).is_some());
    let what = |what: &str| age.map_or_else(|| what.to_owned(), |age| format!("as of {} ago", figures::span(age)));
    match partition.position() {
        Some(Position::LastRead(last)) => fact("position", number(last), what("the last one read")),
        Some(Position::NextToRead(next)) => fact("position", number(next), what("the next to read")),
        None => fact("position", "none".into(), String::new()),
    }
    if let Some(end) = partition.log_end() {
        fact("log end", number(end.last), format!("from {}", number(end.earliest)));
        if let Some(at) = end.last_enqueued_at {
            fact("last event", figures::span(now.since(at)), "ago, by its clock".into());
        }
    }
    let age = partition.checkpoint_age(now).map(whole_span);
    fact("checkpoint", age.map_or_else(|| "none".into(), |age| format!("{age} ago")), String::new());
    if let Some(form) = partition.form() {
        fact("written as", form.name().to_owned(), String::new());
    }
    let (owner, holding) = match partition.holder(now) {
        None => ("nobody is known", String::new()),
        Some(holder) => (
            holder.owner,
            match holder.holding {
                Holding::Holds | Holding::Unknown => String::new(),
                Holding::Expired { silent_for: Some(span) } => format!("silent {}", figures::span(span)),
                Holding::Expired { silent_for: None } => "its lease ended".into(),
            },
        ),
    };
    fact("held by", owner.to_owned(), holding);
    if let Some(at) = partition.ownership().changed_at() {
        let lately = match partition.ownership().changes_lately(now) {
            0 | 1 => String::new(),
            changes => format!("{changes} times in {} min", Ownership::LATELY.as_secs() / 60),
        };
        fact("since", format!("{} ago", figures::span(now.since(at))), lately);
    }
    draw_rows(area, buffer, rows);
}

/// Thousands apart; what an empty log reports as its end is not a number.
fn number(number: SequenceNumber) -> String {
    u64::try_from(number.0).map_or_else(|_| "none".into(), count)
}

/// `grows 12/s`, where it does.
fn growth(partition: &Partition) -> String {
    match partition.growth() {
        growth if growth >= 1.0 => format!("grows {}/s", figures::compact(growth)),
        growth if growth <= -1.0 => format!("shrinks {}/s", figures::compact(-growth)),
        _ => String::new(),
    }
}
