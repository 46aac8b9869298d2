//! What watching costs: a quiet line on the lower edge of the larger views.

use std::time::Duration;

use ratatui::text::Span;

use super::Scene;
use crate::figures::{compact, count, span};
use crate::model::observation::Station;
use crate::model::session::ProbeCost;

/// A round that takes no longer is a look: partitions are looked at every two seconds at the most.
const LOOK: Duration = Duration::from_secs(2);

/// `watching: 32 of 40 calls/s`, and the calls that were throttled, if any.
pub(super) fn cost(scene: Scene, station: Station) -> Vec<Span<'static>> {
    let Scene { session, state, theme } = scene;
    let Some(ProbeCost { figures, calls, charge, throttled }) = session.probes.get(&station) else {
        return Vec::new();
    };
    let of = |rate: f64, limit: Option<f64>, unit| {
        let limit = limit.map_or_else(String::new, |limit| format!(" of {}", compact(limit)));
        format!("{}{limit} {unit}/s", compact(rate))
    };
    let spent = charge.rate(state.now).filter(|_| figures.charge_limit.is_some());
    let spent = spent.map(|rate| of(rate, figures.charge_limit.map(|limit| limit.0), "RU"));
    let called = calls.rate(state.now).map(|rate| of(rate, figures.calls_limit, "calls"));
    let mut fields: Vec<Span> = spent.into_iter().chain(called).map(|text| Span::styled(text, theme.quiet)).collect();
    if let Some(first) = fields.first_mut() {
        first.content = format!("watching: {}", first.content).into();
    }
    if figures.throttled > 0 {
        let now = throttled.rate(state.now).is_some_and(|rate| rate >= 0.1);
        let style = if now { theme.warning } else { theme.quiet };
        fields.push(Span::styled(format!("{} throttled", count(figures.throttled)), style));
    }
    fields
}

/// How often each of what a station's probe looks at is read, where that takes longer than a look.
pub(super) fn round(scene: Scene, station: Station) -> Option<Duration> {
    Some(scene.session.round(station)).filter(|round| *round > LOOK)
}

/// The title of a panel so wide, with how often each of what it shows is read, where that takes longer than a look. There
/// are two titles: `long` stands where there is room.
pub(super) fn titled(scene: Scene, station: Station, (long, short): (&str, &str), width: u16) -> String {
    let Some(round) = round(scene, station).map(span) else { return long.to_owned() };
    let titled = format!("{long} ─ each read every {round}");
    if titled.chars().count() + 4 <= usize::from(width) { titled } else { format!("{short}, read every {round}") }
}
