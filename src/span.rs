//! A span of time, as a person types it.

use std::time::Duration;

/// The units and their milliseconds, the larger first.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A span as a person types it, `10s`, `3h5m`, `1d`, `500ms`: figures with units, each unit once and the larger first.
pub(crate) fn read_span(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut units = UNITS.as_slice();
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let figure: u64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = rest.get(..letters)?;
        rest = rest.get(letters..)?;
        let place = units.iter().position(|(name, _)| *name == unit)?;
        total = total.checked_add(figure.checked_mul(units.get(place)?.1)?)?;
        units = units.get(place + 1..)?;
    }
    (!text.is_empty()).then(|| Duration::from_millis(total))
}

/// What [`read_span`] reads as this span, to the millisecond: `1m50s`, `2s`, `1250ms`.
pub(crate) fn write_span(span: Duration) -> String {
    let total = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    // A few seconds and a part of one are read better in one unit.
    if total == 0 {
        return "0s".into();
    }
    if total < 10_000 && !total.is_multiple_of(1_000) {
        return format!("{total}ms");
    }
    let mut rest = total;
    let mut text = String::new();
    for (unit, millis) in UNITS {
        let figure = rest / millis;
        rest %= millis;
        if figure > 0 {
            text += &format!("{figure}{unit}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spans_are_written_as_they_are_typed() {
        let table = [
            (0, "0s"),
            (250, "250ms"),
            (1_250, "1250ms"),
            (2_000, "2s"),
            (10_500, "10s500ms"),
            (110_000, "1m50s"),
            (3_600_000, "1h"),
            (90_061_001, "1d1h1m1s1ms"),
        ];
        for (millis, text) in table {
            assert_eq!(write_span(Duration::from_millis(millis)), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(millis in prop_oneof![any::<u64>(), 0_u64..10_000_000]) {
            let span = Duration::from_millis(millis);
            prop_assert_eq!(read_span(&write_span(span)), Some(span), "{}", write_span(span));
        }
    }
}
