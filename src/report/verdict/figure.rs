//! Figures beside the limits that they are held against: with as many digits as it takes that one which is above its limit
//! never reads as if it were not, or as the limit itself.

use std::cmp::Ordering;
use std::time::Duration;

use crate::figures::count;
use crate::span::write_span;

/// Decimals of a percentage, at most: more than a share of counts ever needs.
const DECIMALS: i32 = 9;

fn rounded(value: f64, decimals: i32) -> f64 {
    let times = 10_f64.powi(decimals);
    (value * times).round() / times
}

/// A figure without needless zeros, such as `8` or `0.1667`.
fn trimmed(value: f64, decimals: i32) -> String {
    let text = format!("{value:.*}", usize::try_from(decimals).unwrap_or(0));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A share as it was asked for: `0.11 %`.
pub(super) fn share(share: f64) -> String {
    format!("{} %", trimmed(share * 100.0, DECIMALS))
}

/// A share beside its limit: with so many decimals, or more where these hide on which side of it the figure is.
pub(super) fn share_beside(share: f64, limit: Option<f64>, decimals: i32) -> String {
    let percent = rounded(share * 100.0, DECIMALS);
    let limit = limit.map(|limit| rounded(limit * 100.0, DECIMALS));
    let side = |figure: f64| limit.map_or(Ordering::Equal, |limit| figure.total_cmp(&limit));
    let enough = |decimals: &i32| side(rounded(percent, *decimals)) == side(percent);
    let decimals = (decimals..DECIMALS).find(enough).unwrap_or(DECIMALS);
    format!("{} %", trimmed(rounded(percent, decimals), decimals))
}

/// A span beside its limit: three digits, of more than 100 s whole seconds, or more where these hide on which side of it
/// the figure is.
pub(super) fn span_beside(value: Duration, limit: Duration) -> String {
    let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    let (value, limit) = (micros(value), micros(limit));
    let mut step = 10_u64.pow(value.max(1).ilog10().saturating_sub(2)).min(1_000_000);
    let mut shown = nearest(value, step);
    while shown.cmp(&limit) != value.cmp(&limit) && step > 1 {
        step /= 10;
        shown = nearest(value, step);
    }
    span(shown)
}

/// The multiple of a step that is nearest.
fn nearest(value: u64, step: u64) -> u64 {
    value.saturating_add(step / 2) / step * step
}

/// Microseconds, exactly.
fn span(micros: u64) -> String {
    let value = micros as f64;
    match micros {
        0 => "0 s".into(),
        1..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{} ms", trimmed(value / 1e3, 3)),
        1_000_000..100_000_000 => format!("{} s", trimmed(value / 1e6, 6)),
        _ if micros.is_multiple_of(1_000) => write_span(Duration::from_micros(micros)),
        _ => format!("{}.{:06} s", count(micros / 1_000_000), micros % 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn as_many_digits_as_a_limit_can_hide() {
        let span = |micros, limit| span_beside(Duration::from_micros(micros), Duration::from_millis(limit));
        assert_eq!(span(480, 100), "480 µs");
        assert_eq!(span(20_095, 100), "20.1 ms");
        assert_eq!(span(1_248_255, 1_000), "1.25 s");
        assert_eq!(span(1_250_200, 1_250), "1.2502 s", "not 1.25 s");
        assert_eq!(span(34_000_000, 30_000), "34 s");
        assert_eq!(span(112_000_000, 110_000), "1m52s");
        assert_eq!(span(300_200_000, 300_000), "5m200ms", "not 5m");
        assert_eq!(span(300_000_200, 300_000), "300.000200 s");
        assert_eq!(share_beside(0.143_099_7, Some(0.9), 1), "14.3 %");
        assert_eq!(share_beside(0.001_431_3, Some(0.001_431), 4), "0.14313 %");
        assert_eq!(share_beside(0.899_7, Some(0.9), 1), "89.97 %");
        assert_eq!(share_beside(1.0, Some(0.9), 1), "100 %");
        assert_eq!(share(0.001_1), "0.11 %");
    }

    proptest! {
        #[test]
        fn a_figure_beyond_its_limit_does_not_read_as_that(limit in 1_u64..1_000_000, beyond in 1_u64..2_000_000) {
            let limit = Duration::from_millis(limit);
            let text = span_beside(limit + Duration::from_micros(beyond), limit);
            prop_assert_ne!(text, span_beside(limit, limit));
        }

        #[test]
        fn nor_does_a_share(events in 1_u64..100_000, all in 1_u64..10_000_000) {
            let limit = events as f64 / all as f64;
            let beyond = share_beside((events + 1) as f64 / all as f64, Some(limit), 1);
            prop_assert_ne!(beyond, share_beside(limit, Some(limit), 1));
        }
    }
}
