//! Where to go in a recording, as a person types it.

use std::time::Duration;

use time::{OffsetDateTime, UtcOffset};

use crate::model::units::Time;
use crate::span::read_span;

/// Where to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jump {
    /// So long after the beginning: `10s`, `3h5m`.
    Elapsed(Duration),
    /// So much later: `+30s`.
    Forth(Duration),
    /// So much earlier: `-2m`.
    Back(Duration),
    /// A time of day: `14:05`, `14:05:30`.
    TimeOfDay(time::Time),
    /// `start`.
    Start,
    /// `end`.
    End,
}

/// Why a text is no place in a recording.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JumpError {
    /// It can't be understood.
    #[error("{text:?} is not a place in a recording; try 10s or 3h5m (from the start), +30s, -2m, 14:05, start or end")]
    NotAPlace {
        /// As typed.
        text: String,
    },
    /// There is no such time of day in it.
    #[error("{wanted} is not in this recording, which goes from {first} to {last}; try a time in between")]
    Outside {
        /// As typed.
        wanted: String,
        /// The time of day at its beginning.
        first: String,
        /// The time of day at its end.
        last: String,
    },
}

impl Jump {
    /// Reads what a person typed.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamgauge::recording::jump::Jump;
    ///
    /// assert_eq!(Jump::read("3h5m"), Ok(Jump::Elapsed(Duration::from_secs(11_100))));
    /// assert_eq!(Jump::read("-2m"), Ok(Jump::Back(Duration::from_secs(120))));
    /// assert_eq!(Jump::read("start"), Ok(Jump::Start));
    /// assert!(Jump::read("soon").is_err());
    /// ```
    pub fn read(text: &str) -> Result<Self, JumpError> {
        let typed = text.trim();
        let found = match typed {
            "start" => Some(Self::Start),
            "end" => Some(Self::End),
            _ if typed.contains(':') => time_of_day(typed).map(Self::TimeOfDay),
            _ => match (typed.strip_prefix('+'), typed.strip_prefix('-')) {
                (Some(span), _) => read_span(span).map(Self::Forth),
                (_, Some(span)) => read_span(span).map(Self::Back),
                _ => read_span(typed).map(Self::Elapsed),
            },
        };
        found.ok_or_else(|| JumpError::NotAPlace { text: typed.chars().take(40).collect() })
    }

    /// The moment, seen from `at` in a recording from `first` to `last`; times of day are of the zone at `offset`. The
    /// first such time after the beginning is meant.
    pub(super) fn from(self, at: Time, (first, last): (Time, Time), offset: UtcOffset) -> Result<Time, JumpError> {
        Ok(match self {
            Self::Elapsed(span) => first.after(span),
            Self::Forth(span) => at.after(span),
            Self::Back(span) => at.before(span),
            Self::Start => first,
            Self::End => last,
            Self::TimeOfDay(wanted) => {
                const DAY: i64 = 86_400_000_000;
                let since_midnight = |time: Time| {
                    let local = time.as_micros().saturating_add(i64::from(offset.whole_seconds()) * 1_000_000);
                    local.rem_euclid(DAY)
                };
                let (hours, minutes, seconds) = wanted.as_hms();
                let wanted_micros =
                    (i64::from(hours) * 3_600 + i64::from(minutes) * 60 + i64::from(seconds)) * 1_000_000;
                // A recording that began at 14:05:30 has a 14:05, too: its beginning.
                let mut ahead = (wanted_micros - since_midnight(first)).rem_euclid(DAY);
                if seconds == 0 && DAY - ahead < 60_000_000 {
                    ahead = 0;
                }
                let found = first.after(Duration::from_micros(ahead.unsigned_abs()));
                if found > last {
                    let said = |time: Time| clock_text(time, offset);
                    let seconds = if seconds == 0 { String::new() } else { format!(":{seconds:02}") };
                    let wanted = format!("{hours:02}:{minutes:02}{seconds}");
                    return Err(JumpError::Outside { wanted, first: said(first), last: said(last) });
                }
                found
            }
        })
    }
}

/// `14:05:09`.
fn clock_text(time: Time, offset: UtcOffset) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(time.as_micros().div_euclid(1_000_000)).ok();
    let local = moment.and_then(|moment| moment.checked_to_offset(offset));
    local.map_or_else(
        || "its beginning".into(),
        |local| format!("{:02}:{:02}:{:02}", local.hour(), local.minute(), local.second()),
    )
}

/// `14:05` or `14:05:30`.
fn time_of_day(text: &str) -> Option<time::Time> {
    let mut parts = text.split(':').map(|part| {
        let digits = (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<u8>().ok()).flatten()
    });
    let (hours, minutes) = (parts.next()??, parts.next()??);
    let seconds = parts.next().unwrap_or(Some(0))?;
    if parts.next().is_some() {
        return None;
    }
    time::Time::from_hms(hours, minutes, seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 13:30:30 to 15:00:00 UTC, now at 14:00:00.
    fn from(text: &str, offset: UtcOffset) -> Result<i64, String> {
        let seconds = |s: i64| Time::from_millis((20_000 * 86_400 + s) * 1_000);
        let (first, last) = (seconds(48_630), seconds(54_000));
        let found = Jump::read(text).and_then(|jump| jump.from(seconds(50_400), (first, last), offset));
        found.map(|time| time.as_micros() / 1_000_000 - 20_000 * 86_400).map_err(|error| error.to_string())
    }

    #[test]
    fn places_that_are_understood() {
        let table = [
            ("10s", 48_640),
            ("1h2m3s", 48_630 + 3_723),
            (" 90m ", 48_630 + 5_400),
            ("1500ms", 48_631),
            ("+1m", 50_460),
            ("-2m", 50_280),
            ("14:05", 50_700),
            ("14:05:30", 50_730),
            ("9:00", -1),
            ("9:00:07", -2),
            ("13:30", 48_630),
            ("start", 48_630),
            ("end", 54_000),
        ];
        for (text, expected) in table {
            let found = from(text, UtcOffset::UTC);
            if expected < 0 {
                let wanted = if expected == -1 { "09:00" } else { "09:00:07" };
                let sentence = format!(
                    "{wanted} is not in this recording, which goes from 13:30:30 to 15:00:00; try a time in between"
                );
                assert_eq!(found, Err(sentence));
            } else {
                assert_eq!(found, Ok(expected), "{text}");
            }
        }
    }

    #[test]
    fn times_of_day_are_of_the_zone_of_whoever_types() {
        assert_eq!(from("16:05", UtcOffset::from_hms(2, 0, 0).unwrap()), Ok(50_700));
    }

    #[test]
    fn places_that_are_not() {
        for text in [
            "", "10", "s", "5m3h", "1h1h", "-", "+", "25:00", "14:5:99", "14:", "1:2:3:4", "noon", "1e3s", "10 s",
            "\u{661}s",
        ] {
            let sentence = Jump::read(text).unwrap_err().to_string();
            assert!(sentence.starts_with(&format!("{text:?} is not a place in a recording; try 10s")), "{sentence}");
        }
        assert!(Jump::read("99999999999999999999s").is_err());
        assert!(Jump::read("18446744073709551615d").is_err());
    }

    proptest! {
        #[test]
        fn no_text_is_fatal(text in ".*", at: i64, first: i64, last: i64) {
            let micros = Time::from_micros;
            let span = (micros(first.min(last)), micros(first.max(last)));
            let found = Jump::read(&text).and_then(|jump| jump.from(micros(at), span, UtcOffset::UTC));
            prop_assert!(found.is_ok() || found.is_err_and(|error| error.to_string().contains("; try ")));
        }

        #[test]
        fn any_typed_place_is_found(h in 0_u64..100, m in 0_u64..60, s in 0_u64..60) {
            let expected = Duration::from_secs(h * 3_600 + m * 60 + s);
            prop_assert_eq!(Jump::read(&format!("{h}h{m}m{s}s")), Ok(Jump::Elapsed(expected)));
        }
    }
}
