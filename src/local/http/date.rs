//! Times as HTTP headers have them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc2822;
use time::macros::format_description;

/// A time as HTTP headers have it: `Sun, 22 Nov 2026 13:00:00 GMT` (RFC 9110, section 5.6.7).
pub(in crate::local) fn date(time: SystemTime) -> String {
    const FORMAT: &[BorrowedFormatItem<'_>] =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    OffsetDateTime::from(time).format(FORMAT).unwrap_or_default()
}

/// Reads a time as HTTP headers have it.
pub(in crate::local) fn parse_date(text: &str) -> Option<SystemTime> {
    let time = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    Some(UNIX_EPOCH + Duration::from_secs(u64::try_from(time.unix_timestamp()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_there_and_back() {
        let time = UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(date(time), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(parse_date(&date(time)), Some(time));
        assert_eq!(parse_date("yesterday"), None);
    }
}
