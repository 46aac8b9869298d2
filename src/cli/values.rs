//! Values of flags: what a person may write, and the sentence when it can't be understood.

use crate::load::plan_steps::per_second;
use crate::model::observation::Target;
use crate::model::units::EventRate;
use crate::span::read_span;

/// The highest rate that can be asked for: more than any hub takes.
pub(super) const HIGHEST_RATE: f64 = 10_000_000.0;

/// `1000`, `2.5k`, `1M`, `0` (no load) or `max` (as fast as it goes).
pub(super) fn rate(text: &str) -> Result<Target, String> {
    let sentence = || {
        format!(
            "{text:?} is not a rate: give events a second from 0 to {HIGHEST_RATE:.0}, such as 1000, 2.5k or 0 (no \
             load), or `max` (as fast as it goes)"
        )
    };
    if text.eq_ignore_ascii_case("max") {
        return Ok(Target::Unlimited);
    }
    match per_second(text).ok_or_else(sentence)? {
        0.0 => Ok(Target::Paused),
        rate => Ok(Target::Rate(EventRate::new(rate))),
    }
}

/// A whole number in a range, with a sentence that names the range.
pub(super) fn whole(text: &str, what: &str, range: std::ops::RangeInclusive<u32>) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|number| range.contains(number))
        .ok_or_else(|| format!("{text:?} is not {what}: give a whole number from {} to {}", range.start(), range.end()))
}

/// A span above zero.
pub(super) fn span(text: &str) -> Result<std::time::Duration, String> {
    let read = read_span(text.trim()).filter(|span| !span.is_zero());
    read.ok_or_else(|| format!("{text:?} is no span: give 30s, 10m or 1h30m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_that_are_understood() {
        let of = |per_second| Ok(Target::Rate(EventRate::new(per_second)));
        assert_eq!(rate("1000"), of(1_000.0));
        assert_eq!(rate("2.5k"), of(2_500.0));
        assert_eq!(rate("1M"), of(1_000_000.0));
        assert_eq!(rate("0"), Ok(Target::Paused));
        assert_eq!(rate("max"), Ok(Target::Unlimited));
    }

    #[test]
    fn rates_that_are_not() {
        for text in ["-1", "1e99", "abc", "", "NaN", "inf", "1 000", "0x10"] {
            let sentence = rate(text).unwrap_err();
            assert!(sentence.starts_with(&format!("{text:?} is not a rate: give events a second")), "{sentence}");
        }
    }
}
