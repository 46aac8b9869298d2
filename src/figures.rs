//! Figures as text: few digits, steady widths, units that a person reads at a glance.

use std::time::Duration;

use crate::model::observation::Target;

/// A count with thousands apart: `1,402,311`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A figure in at most five characters: `0.25`, `9.7`, `438`, `4,008`, `12.3k`, `940k`, `1.20M`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded, and checked to be small")]
pub fn compact(value: f64) -> String {
    let value = value.max(0.0);
    if !value.is_finite() {
        "-".into()
    } else if value < 0.005 {
        "0".into()
    } else if value < 0.995 {
        format!("{value:.2}")
    } else if value < 9.95 {
        format!("{value:.1}")
    } else if value < 9_999.5 {
        count(value.round() as u64)
    } else if value < 99_950.0 {
        format!("{:.1}k", value / 1e3)
    } else if value < 999_500.0 {
        format!("{:.0}k", value / 1e3)
    } else if value < 9_995_000.0 {
        format!("{:.2}M", value / 1e6)
    } else if value < 99_950_000.0 {
        format!("{:.1}M", value / 1e6)
    } else if value < 999_500_000.0 {
        format!("{:.0}M", value / 1e6)
    } else if value < 9.995e9 {
        format!("{:.2}G", value / 1e9)
    } else {
        format!("{:.0}G", (value / 1e9).min(9_999.0))
    }
}

/// A span in at most six characters: `480 µs`, `4.8 ms`, `120 ms`, `9.2 s`, `72 s`, `12 m`, `3.5 h`, `12 d`.
pub fn span(value: Duration) -> String {
    let seconds = value.as_secs_f64();
    if seconds < 0.000_999_5 {
        format!("{:.0} µs", seconds * 1e6)
    } else if seconds < 0.009_95 {
        format!("{:.1} ms", seconds * 1e3)
    } else if seconds < 0.999_5 {
        format!("{:.0} ms", seconds * 1e3)
    } else if seconds < 9.95 {
        format!("{seconds:.1} s")
    } else if seconds < 99.5 {
        format!("{seconds:.0} s")
    } else if seconds < 5_970.0 {
        format!("{:.0} m", seconds / 60.0)
    } else if seconds < 35_820.0 {
        format!("{:.1} h", seconds / 3_600.0)
    } else if seconds < 172_800.0 {
        format!("{:.0} h", seconds / 3_600.0)
    } else {
        format!("{:.0} d", seconds / 86_400.0)
    }
}

/// A lag in time in at most six characters, never finer than a tenth of a second: `0.0 s`, `9.2 s`, `72 s`.
pub fn lag_span(value: Duration) -> String {
    if value < Duration::from_millis(9_950) { format!("{:.1} s", value.as_secs_f64()) } else { span(value) }
}

/// A clock that counts up: `00:07:41`.
pub fn clock(value: Duration) -> String {
    let seconds = value.as_secs();
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// What a load is asked for: `1,000/s`, `paused`, `no limit`.
pub fn target(target: Target) -> String {
    match target {
        Target::Paused => "paused".into(),
        Target::Rate(rate) => format!("{}/s", compact(rate.per_second())),
        Target::Unlimited => "no limit".into(),
    }
}

/// A share as a percentage: `98 %`; below one percent `0.4 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.95 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

/// What one figure has more than another, or less: `+990`, `-1.2 s`, `0`. `text` writes a figure without a sign.
pub fn signed(difference: f64, text: impl FnOnce(f64) -> String) -> String {
    let sign = match difference {
        none if none.abs() < f64::EPSILON => "",
        more if more > 0.0 => "+",
        _ => "-",
    };
    format!("{sign}{}", text(difference.abs()))
}

/// The same as a share of the first figure: `+38 %`; from ten times more on, how many times the first: `x 36`.
pub fn change(share: f64) -> String {
    if share >= 10.0 {
        return format!("x {}", compact(share + 1.0));
    }
    let percent = (share * 100.0).round();
    if percent == 0.0 { "0 %".into() } else { format!("{percent:+.0} %") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_person_reads() {
        assert_eq!(count(1_402_311), "1,402,311");
        let figures = [0.0, 0.25, 9.7, 438.2, 4_008.4, 9_999.4, 9_999.6, 12_345.0, 940_000.0, 1_200_000.0, 2.5e9];
        let read: Vec<String> = figures.into_iter().map(compact).collect();
        let expected = ["0", "0.25", "9.7", "438", "4,008", "9,999", "10.0k", "12.3k", "940k", "1.20M", "2.50G"];
        assert_eq!(read, expected);
        let spans = [480, 4_800, 120_000, 9_200_000, 72_000_000, 720_000_000, 12_600_000_000];
        let read: Vec<String> = spans.into_iter().map(|us| span(Duration::from_micros(us))).collect();
        assert_eq!(read, ["480 µs", "4.8 ms", "120 ms", "9.2 s", "72 s", "12 m", "3.5 h"]);
        assert_eq!(clock(Duration::from_secs(461)), "00:07:41");
        assert_eq!(
            [0.001, 0.38, -1.0, 9.99, 10.0, 35.4].map(change),
            ["0 %", "+38 %", "-100 %", "+999 %", "x 11", "x 36"]
        );
    }

    proptest! {
        /// A number keeps its place as it changes: no figure is wider than its column.
        #[test]
        fn figures_fit_their_columns(value in 0.0_f64..1e13, micros in 0_u64..86_400_000_000_000) {
            prop_assert!(compact(value).chars().count() <= 5, "{}", compact(value));
            prop_assert!(span(Duration::from_micros(micros)).chars().count() <= 6);
            prop_assert!(lag_span(Duration::from_micros(micros)).chars().count() <= 6);
        }
    }
}
