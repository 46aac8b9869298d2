//! The top of the screen: title, the word for the whole pipeline, and the pipeline as one line of flow.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::Scene;
use super::row::{Row, shorten};
use crate::figures;
use crate::model::health::{Health, Word};
use crate::model::observation::{Station, StationState, Target};
use crate::model::partition::Partition;
use crate::model::units::EventRate;
use crate::ui::state::{Mode, PlaybackSign, RecordingSign};
use crate::ui::theme::Theme;
use crate::wrap::wrap;

/// Title, what is watched, and since when.
pub(super) fn draw_title(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let Scene { session, state, theme } = scene;
    let left = Row::spaced(3).field("streamgauge", theme.strong).field(state.title.clone(), theme.quiet);
    let running = session.started().map_or_else(String::new, |started| figures::clock(state.now.since(started)));
    let mut right = match &state.mode {
        Mode::Live => {
            vec![Span::styled("● ", theme.good), Span::styled("LIVE ", theme.strong), Span::styled(running, theme.text)]
        }
        Mode::Playback(sign) => playback(sign, theme),
    };
    match state.recording {
        RecordingSign::None => {}
        RecordingSign::Writing(bytes) => {
            right.push(Span::styled(format!("   ■ REC {:>4} MB", figures::compact(bytes as f64 / 1e6)), theme.quiet));
        }
        RecordingSign::Stopped => right.push(Span::styled("   ✖ REC stopped", theme.bad)),
    }
    draw_ends(area, buffer, left, Line::from(right));
}

/// Draws what stands at the left of a row and what stands at its right, which has the right of way.
pub(super) fn draw_ends(area: Rect, buffer: &mut Buffer, left: Row, right: Line) {
    let wide = u16::try_from(right.width()).unwrap_or(area.width).min(area.width);
    left.draw(Rect { width: area.width - wide, ..area }, buffer);
    right.render(Rect { x: area.right() - wide, width: wide, ..area }, buffer);
}

/// `▶ 4x 00:01:23 of 00:04:00`, and plainly how far behind the present it is, where there is one.
pub(super) fn playback(sign: &PlaybackSign, theme: &Theme) -> Vec<Span<'static>> {
    let glyph = if sign.playing { "▶" } else { "‖" };
    let looping = if sign.looping { " loop" } else { "" };
    let mut spans = vec![Span::styled(format!("{glyph} {}{looping} ", sign.speed), theme.warning)];
    let place = match sign.behind_live {
        Some(behind) => format!("{} BEHIND LIVE", figures::clock(behind)),
        None => format!("{} of {}", figures::clock(sign.elapsed), figures::clock(sign.span)),
    };
    spans.push(Span::styled(place, theme.strong));
    if sign.reading {
        spans.push(Span::styled(" reading", theme.quiet));
    }
    spans
}

/// The word for the whole pipeline and the sentence why: what is read first. So many rows as [`health_rows`] says.
pub(super) fn draw_health(area: Rect, buffer: &mut Buffer, health: &Health, theme: &Theme) {
    let (glyph, style) = theme.health(health.word);
    let (growth, reason) = (growth(health), reason(health, area.width, area.height));
    let mut first = vec![Span::styled(format!("{glyph} {}", health.word.text()), style)];
    first.push(Span::styled(growth, theme.strong));
    let mut lines = reason.into_iter();
    if let Some(begin) = lines.next() {
        first.extend([Span::raw("   "), Span::styled(begin, theme.text)]);
    }
    let rest = lines.map(|line| Line::from(vec![Span::raw("  "), Span::styled(line, theme.text)]));
    for (y, line) in (area.top()..area.bottom()).zip(std::iter::once(Line::from(first)).chain(rest)) {
        line.render(Rect { y, height: 1, ..area }, buffer);
    }
}

/// Rows that the word and its sentence take. What can't be seen is told whole, as it says what to do about it (a role, a
/// variable), and there is little else to see then; any other sentence takes a second row only where one is `spare`.
pub(super) fn health_rows(health: &Health, width: u16, spare: bool) -> u16 {
    let most = match health.word {
        Word::Blind => 3,
        _ if spare => 2,
        _ => 1,
    };
    u16::try_from(reason(health, width, most).len()).unwrap_or(most).max(1)
}

fn growth(health: &Health) -> String {
    let growth = health.growth.filter(|growth| growth.abs() >= 1.0);
    growth.map_or_else(String::new, |growth| format!("  {} events/s", figures::signed(growth, figures::compact)))
}

/// The sentence in lines, the first of them beside the word, the others two columns in; the last is shortened if it has to
/// be.
fn reason(health: &Health, width: u16, most: u16) -> Vec<String> {
    if health.reason.is_empty() {
        return Vec::new();
    }
    let width = usize::from(width);
    let used = 2 + health.word.text().chars().count() + growth(health).chars().count() + 3;
    // Of the first line so much is taken; the rest is laid out in lines of their own width.
    let first = wrap(&health.reason, width.saturating_sub(used)).into_iter().next().unwrap_or_default();
    let rest = health.reason.trim().get(first.len()..).unwrap_or_default().trim_start();
    if rest.is_empty() || most <= 1 {
        return vec![shorten(&health.reason, width.saturating_sub(used))];
    }
    let (room, below) = (width.saturating_sub(2), usize::from(most) - 1);
    let mut lines = wrap(rest, room);
    if lines.len() > below {
        let over = lines.split_off(below - 1);
        lines.push(shorten(&over.join(" "), room));
    }
    lines.insert(0, first);
    lines
}

fn per_second(rate: Option<EventRate>) -> Option<f64> {
    rate.map(EventRate::per_second)
}

/// One station of the flow line: its name, and below it a glyph and what there is to say.
struct Stop {
    name: String,
    glyph: &'static str,
    style: Style,
    say: String,
    /// What is said where there is no room for that.
    brief: Option<String>,
}

/// `load ── 5,000/s ─▶ Event Hubs ── 4,010/s ─▶ processor ── 4,008/s ─▶ Cosmos DB`, and a state under each.
pub(super) fn draw_flow(area: Rect, buffer: &mut Buffer, scene: Scene) {
    let Scene { session, state, theme } = scene;
    let now = state.now;
    let stops = [load(scene), ingest(scene), processor(scene), store(scene)];
    let load_rate = session.load.as_ref().and_then(|load| load.acknowledged.rate(now));
    let rates = [load_rate, per_second(session.processed_rate(now)), per_second(session.stored_rate(now))];
    let styles = [theme.ingest, theme.lag, theme.serve];

    let names: u16 = stops.iter().map(|stop| u16::try_from(stop.name.chars().count()).unwrap_or(0)).sum();
    // What is said under the last station may be longer than its name.
    let arrow = (area.width.saturating_sub(names + 5) / 3).min(44);
    let mut x = area.x;
    for (index, stop) in stops.iter().enumerate() {
        let name_width = u16::try_from(stop.name.chars().count()).unwrap_or(0);
        buffer.set_string(x, area.y, &stop.name, theme.strong);
        let last = index + 1 == stops.len();
        let under = if last { area.right().saturating_sub(x) } else { (name_width + arrow).saturating_sub(1) };
        let room = usize::from(under).saturating_sub(2);
        let say = match &stop.brief {
            Some(brief) if stop.say.chars().count() > room => shorten(brief, room),
            _ => shorten(&stop.say, room),
        };
        buffer.set_string(x, area.y + 1, stop.glyph, stop.style);
        let say_style = if stop.glyph == "✔" { theme.quiet } else { stop.style };
        buffer.set_string(x + 2, area.y + 1, say, say_style);
        if let (Some(rate), Some(style)) = (rates.get(index), styles.get(index)) {
            draw_arrow(Rect { x: x + name_width, y: area.y, width: arrow, height: 1 }, buffer, *rate, scene, *style);
        }
        x += name_width + arrow;
    }
}

fn draw_arrow(area: Rect, buffer: &mut Buffer, rate: Option<f64>, scene: Scene, style: Style) {
    let figure = rate.map_or_else(|| "-".to_owned(), |rate| format!("{}/s", figures::compact(rate)));
    // The figure has the same width whatever it is, so that the arrow stands still.
    let figure = format!(" {figure:^7} ");
    let rule = usize::from(area.width).saturating_sub(figure.chars().count() + 3);
    let line = Line::from(vec![
        Span::raw(" "),
        Span::styled("─".repeat(rule / 2), scene.theme.quiet),
        Span::styled(figure, if rate.is_some() { style } else { scene.theme.stale }),
        Span::styled("─".repeat(rule - rule / 2), scene.theme.quiet),
        Span::styled("▶ ", scene.theme.quiet),
    ]);
    line.render(area, buffer);
}

/// What there is to say where a station does not answer; `None` while it does.
fn trouble(scene: Scene, station: Station, name: &str) -> Option<Stop> {
    let now = scene.state.now;
    let health = scene.session.station(station)?;
    let stop = |glyph, style, say| Some(Stop { name: name.to_owned(), glyph, style, say, brief: None });
    match &health.state {
        StationState::Retrying { next_attempt, .. } => {
            let wait = next_attempt.since(now);
            let away = whole_seconds(now.since(health.since));
            // An attempt takes as long as it takes to connect, which may be longer than the wait for it.
            let retry =
                if wait.is_zero() { "retrying now".into() } else { format!("retry in {} s", wait.as_secs() + 1) };
            let (say, brief) = (format!("away {away}, {retry}"), Some(format!("away {away}")));
            Some(Stop { name: name.to_owned(), glyph: "✖", style: scene.theme.bad, say, brief })
        }
        StationState::Stopped => stop("■", scene.theme.bad, "stopped".into()),
        StationState::Unwatched => stop("○", scene.theme.quiet, "not watched".into()),
        StationState::Connected => {
            let silence = scene.session.silence(station, now)?;
            (silence > Partition::STALE)
                .then(|| stop("?", scene.theme.stale, format!("stale {} s", silence.as_secs())))
                .flatten()
        }
    }
}

/// `8 s`, `72 s`, `12 m`: what is asked for now and then is known no finer.
fn whole_seconds(span: Duration) -> String {
    match span.as_secs() {
        seconds @ ..60 => format!("{seconds} s"),
        seconds => figures::span(Duration::from_secs(seconds)),
    }
}

fn load(scene: Scene) -> Stop {
    let Scene { session, theme, .. } = scene;
    let stop = |glyph, style, say: String| Stop { name: "load".into(), glyph, style, say, brief: None };
    let Some(load) = &session.load else { return stop("○", theme.quiet, "off".into()) };
    if let Some(stop) = trouble(scene, Station::Load, "load") {
        return stop;
    }
    let figures = &load.figures;
    match figures.target {
        Target::Paused => stop("○", theme.quiet, "paused".into()),
        _ if figures.behind.as_millis() >= 250 => {
            stop("▲", theme.warning, format!("behind {}", figures::lag_span(figures.behind)))
        }
        Target::Unlimited => stop("✔", theme.good, "as fast as it goes".into()),
        Target::Rate(_) => stop("✔", theme.good, "on schedule".into()),
    }
}

fn ingest(scene: Scene) -> Stop {
    let Scene { session, state, theme } = scene;
    let name = &state.names.ingest;
    if let Some(stop) = trouble(scene, Station::Ingest, name) {
        return stop;
    }
    let (glyph, style, say) = match session.partitions.len() {
        0 => ("○", theme.quiet, "waiting".into()),
        1 => ("✔", theme.good, "1 partition".into()),
        n => ("✔", theme.good, format!("{} partitions", figures::count(n as u64))),
    };
    Stop { name: name.clone(), glyph, style, say, brief: None }
}

fn processor(scene: Scene) -> Stop {
    let Scene { session, state, theme } = scene;
    let name = &state.names.processor;
    for station in [Station::Processor, Station::Checkpoints] {
        if let Some(stop) = trouble(scene, station, name) {
            return stop;
        }
    }
    let newest = session.partitions.values().filter_map(Partition::written_at).max();
    let (glyph, style, say) = match newest {
        None => ("○", theme.quiet, "no checkpoint".into()),
        // Blob storage dates a write to the second: anything finer would be invented.
        Some(newest) => match state.now.since(newest).as_secs() {
            0..=1 => ("✔", theme.good, "checkpoint 1 s".into()),
            age @ 2..=9 => ("✔", theme.good, format!("checkpoint {age} s")),
            age => ("✔", theme.good, format!("idle {}", figures::span(Duration::from_secs(age)))),
        },
    };
    Stop { name: name.clone(), glyph, style, say, brief: None }
}

fn store(scene: Scene) -> Stop {
    let Scene { session, state, theme } = scene;
    let name = &state.names.store;
    if let Some(stop) = trouble(scene, Station::Store, name) {
        return stop;
    }
    let throttled = session.throttled_rate(state.now).unwrap_or(0.0);
    let (glyph, style, say) = if throttled >= 0.5 {
        ("▲", theme.warning, format!("429s {}/s", figures::compact(throttled)))
    } else {
        match session.ranges.len() {
            0 => ("○", theme.quiet, "waiting".into()),
            1 => ("✔", theme.good, "1 range".into()),
            n => ("✔", theme.good, format!("{n} ranges")),
        }
    };
    Stop { name: name.clone(), glyph, style, say, brief: None }
}
