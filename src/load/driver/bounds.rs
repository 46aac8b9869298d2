//! Bounds of a load: what it never goes past, whoever asks. Events into a deployed log cost money, there and behind it.

use std::time::Duration;

use crate::model::observation::Target;
use crate::model::units::EventRate;

/// Bounds of a load. What is `None` is not bounded.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bounds {
    /// Events a second: of what is asked for, and of what is sent. A debt is sent no faster, and beside what becomes due.
    pub rate: Option<EventRate>,
    /// Distinct events over the whole load; copies sent on purpose come on top. Once these are acknowledged or
    /// given up, the load is over.
    pub events: Option<u64>,
    /// From the moment at which the load first ran. Then it is over: what was due and not sent is let go, and what was sent
    /// and not acknowledged is not sent again.
    pub lasts: Option<Duration>,
}

impl Bounds {
    /// The target inside the bounds.
    ///
    /// ```
    /// use streamgauge::load::driver::Bounds;
    /// use streamgauge::model::observation::Target;
    /// use streamgauge::model::units::EventRate;
    ///
    /// let rate = |per_second| Target::Rate(EventRate::new(per_second));
    /// let bounds = Bounds { rate: Some(EventRate::new(100.0)), ..Bounds::default() };
    /// assert_eq!(bounds.hold(rate(50.0)), rate(50.0));
    /// assert_eq!(bounds.hold(rate(500.0)), rate(100.0));
    /// assert_eq!(bounds.hold(Target::Unlimited), rate(100.0));
    /// assert_eq!(bounds.hold(Target::Paused), Target::Paused);
    /// ```
    pub fn hold(self, target: Target) -> Target {
        match (self.rate, target) {
            (Some(most), Target::Rate(rate)) if rate.per_second() > most.per_second() => Target::Rate(most),
            (Some(most), Target::Unlimited) => Target::Rate(most),
            _ => target,
        }
    }

    /// Of so many events, those inside the bounds.
    pub(super) fn within(self, events: u64) -> u64 {
        self.events.map_or(events, |most| most.min(events))
    }
}
