//! Values of flags: what a person may write, and the sentence when it can't be understood.

use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;

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
pub(super) fn whole<N>(text: &str, what: &str, range: RangeInclusive<N>) -> Result<N, String>
where
    N: FromStr + PartialOrd + Display,
{
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

/// An address to listen on. `localhost` is this machine, and nothing is asked for any other name.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let at_home = || Some(SocketAddr::from((Ipv4Addr::LOCALHOST, text.strip_prefix("localhost:")?.parse().ok()?)));
    text.parse().ok().or_else(at_home).ok_or_else(|| {
        format!("{text:?} is not an address to listen on: give an IP address and a port, such as 127.0.0.1:9464")
    })
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

    #[test]
    fn addresses_that_are_understood() {
        let read = |text| address(text).map(|address| address.to_string());
        assert_eq!(read("127.0.0.1:9464"), Ok("127.0.0.1:9464".into()));
        assert_eq!(read("localhost:9464"), Ok("127.0.0.1:9464".into()));
        assert_eq!(read("[::1]:0"), Ok("[::1]:0".into()));
    }

    #[test]
    fn addresses_that_are_not() {
        for text in
            ["9464", ":9464", "localhost", "localhost:http", "example.com:9464", "127.0.0.1", "127.0.0.1:65536", ""]
        {
            let sentence = address(text).unwrap_err();
            assert!(sentence.starts_with(&format!("{text:?} is not an address to listen on: give ")), "{sentence}");
        }
    }

    #[test]
    fn a_whole_number_names_its_range() {
        assert_eq!(whole("7", "a seed", 0..=u64::MAX), Ok(7));
        let sentence = whole::<u16>("x", "a port", 0..=u16::MAX).unwrap_err();
        assert_eq!(sentence, "\"x\" is not a port: give a whole number from 0 to 65535");
        assert!(whole::<u16>("65536", "a port", 0..=u16::MAX).is_err());
    }
}
