//! A span of time, as a person types it.

use std::time::Duration;

/// A span as a person types it, `10s`, `3h5m`, `1d`, `500ms`: figures with units, each unit once and the larger first.
pub(crate) fn read_span(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
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
