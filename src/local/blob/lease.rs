//! Leases on blobs: who may write, and for how long.
//!
//! ```text
//!             acquire                 time is up
//! available ----------> leased(id) ---------------> expired(id) --renew--> leased(id)
//!     ^                   |    ^                       |
//!     |     release       |    | acquire               | acquire, or any write
//!     +-------------------+    +---- broken <----------+
//!                         | break         ^
//!                         v               | time is up
//!                       breaking(id) -----+
//! ```
//!
//! Source: <https://learn.microsoft.com/rest/api/storageservices/lease-blob>. Time is passed in.

use std::time::{Duration, SystemTime};

use super::reply::Problem;

/// The id of a lease: a GUID, compared without regard to case and kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeaseId(String);

impl LeaseId {
    /// Reads `8-4-4-4-12` hexadecimal digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches(['{', '}']).to_ascii_lowercase();
        let lengths: Vec<usize> = text.split('-').map(str::len).collect();
        let digits = text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
        (lengths == [8, 4, 4, 4, 12] && digits).then_some(Self(text))
    }

    /// An id for a client that proposed none.
    pub(super) fn numbered(number: u64) -> Self {
        Self(format!("{:08x}-{:04x}-4000-8000-{:012x}", number >> 32, number & 0xffff, number))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// How long a lease lasts when nobody renews it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeaseTime {
    /// `x-ms-lease-duration: -1`
    ForEver,
    /// 15 to 60 seconds.
    Fixed(Duration),
}

impl LeaseTime {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text.parse::<i64>().ok()? {
            -1 => Some(Self::ForEver),
            seconds @ 15..=60 => Some(Self::Fixed(Duration::from_secs(seconds.unsigned_abs()))),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Kept {
    #[default]
    Available,
    Leased {
        id: LeaseId,
        time: LeaseTime,
        since: SystemTime,
    },
    Breaking {
        id: LeaseId,
        until: SystemTime,
    },
}

/// The lease of a blob.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Lease(Kept);

/// What a lease is at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeaseState<'a> {
    Available,
    Leased(&'a LeaseId, LeaseTime),
    Expired(&'a LeaseId),
    Breaking(&'a LeaseId),
    Broken(&'a LeaseId),
}

impl LeaseState<'_> {
    /// As `x-ms-lease-state` has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Leased(..) => "leased",
            Self::Expired(_) => "expired",
            Self::Breaking(_) => "breaking",
            Self::Broken(_) => "broken",
        }
    }

    /// As `x-ms-lease-status` has it: whether writing needs an id.
    pub(super) fn status(self) -> &'static str {
        if matches!(self, Self::Leased(..) | Self::Breaking(_)) { "locked" } else { "unlocked" }
    }

    /// As `x-ms-lease-duration` has it.
    pub(super) fn duration(self) -> Option<&'static str> {
        match self {
            Self::Leased(_, LeaseTime::ForEver) => Some("infinite"),
            Self::Leased(_, LeaseTime::Fixed(_)) => Some("fixed"),
            _ => None,
        }
    }
}

impl Lease {
    pub(super) fn state(&self, now: SystemTime) -> LeaseState<'_> {
        match &self.0 {
            Kept::Available => LeaseState::Available,
            Kept::Leased { id, time: LeaseTime::Fixed(time), since } if *since + *time <= now => {
                LeaseState::Expired(id)
            }
            Kept::Leased { id, time, .. } => LeaseState::Leased(id, *time),
            Kept::Breaking { id, until } if *until <= now => LeaseState::Broken(id),
            Kept::Breaking { id, .. } => LeaseState::Breaking(id),
        }
    }

    /// Takes the lease, or takes it anew with the id that it has.
    pub(super) fn acquire(&mut self, id: LeaseId, time: LeaseTime, now: SystemTime) -> Result<(), Problem> {
        match self.state(now) {
            LeaseState::Leased(held, _) if *held != id => return Err(Problem::LeaseAlreadyPresent),
            LeaseState::Breaking(held) if *held == id => return Err(Problem::LeaseIsBreakingAndCannotBeAcquired),
            LeaseState::Breaking(_) => return Err(Problem::LeaseAlreadyPresent),
            _ => {}
        }
        self.0 = Kept::Leased { id, time, since: now };
        Ok(())
    }

    /// Begins the lease's time anew; an expired one too, as long as nobody wrote or took it since.
    pub(super) fn renew(&mut self, named: &LeaseId, now: SystemTime) -> Result<(), Problem> {
        match self.state(now) {
            LeaseState::Breaking(id) | LeaseState::Broken(id) if id == named => {
                return Err(Problem::LeaseIsBrokenAndCannotBeRenewed);
            }
            LeaseState::Leased(id, _) | LeaseState::Expired(id) if id == named => {}
            _ => return Err(Problem::LeaseIdMismatchWithLeaseOperation),
        }
        if let Kept::Leased { since, .. } = &mut self.0 {
            *since = now;
        }
        Ok(())
    }

    /// Gives the lease another id. Doing so twice changes nothing more.
    pub(super) fn change(&mut self, named: &LeaseId, proposed: LeaseId, now: SystemTime) -> Result<(), Problem> {
        match self.state(now) {
            LeaseState::Leased(id, _) if id == named || *id == proposed => {}
            LeaseState::Leased(..) => return Err(Problem::LeaseIdMismatchWithLeaseOperation),
            LeaseState::Breaking(_) => return Err(Problem::LeaseIsBreakingAndCannotBeChanged),
            _ => return Err(Problem::LeaseNotPresentWithLeaseOperation),
        }
        if let Kept::Leased { id, .. } = &mut self.0 {
            *id = proposed;
        }
        Ok(())
    }

    /// Gives the lease up.
    pub(super) fn release(&mut self, named: &LeaseId, now: SystemTime) -> Result<(), Problem> {
        match self.state(now) {
            LeaseState::Leased(id, _) | LeaseState::Expired(id) | LeaseState::Breaking(id) | LeaseState::Broken(id)
                if id == named =>
            {
                self.0 = Kept::Available;
                Ok(())
            }
            _ => Err(Problem::LeaseIdMismatchWithLeaseOperation),
        }
    }

    /// Ends the lease without its id, and says when it will have ended: at once if it has no end of its own, else when
    /// its time is up, and in any case no later than asked.
    pub(super) fn break_off(&mut self, asked: Option<Duration>, now: SystemTime) -> Result<Duration, Problem> {
        let left = |until: SystemTime| until.duration_since(now).unwrap_or_default();
        let (id, left) = match &self.0 {
            Kept::Available => return Err(Problem::LeaseNotPresentWithLeaseOperation),
            Kept::Leased { id, time: LeaseTime::ForEver, .. } => (id.clone(), asked.unwrap_or_default()),
            Kept::Leased { id, time: LeaseTime::Fixed(time), since } => (id.clone(), left(*since + *time)),
            Kept::Breaking { id, until } => (id.clone(), left(*until)),
        };
        let wait = asked.map_or(left, |asked| asked.min(left));
        self.0 = Kept::Breaking { id, until: now + wait };
        Ok(wait)
    }

    /// Whether a write may be done with this id or without any. A write that is allowed ends a lease whose time is up.
    pub(super) fn check_write(&mut self, named: Option<&LeaseId>, now: SystemTime) -> Result<(), Problem> {
        match (self.state(now), named) {
            (LeaseState::Leased(id, _) | LeaseState::Breaking(id), Some(named)) if id == named => Ok(()),
            (LeaseState::Leased(..) | LeaseState::Breaking(_), Some(_)) => {
                Err(Problem::LeaseIdMismatchWithBlobOperation)
            }
            (LeaseState::Leased(..) | LeaseState::Breaking(_), None) => Err(Problem::LeaseIdMissing),
            (LeaseState::Available, Some(_)) => Err(Problem::LeaseNotPresentWithBlobOperation),
            (LeaseState::Expired(_) | LeaseState::Broken(_), Some(_)) => Err(Problem::LeaseLost),
            (_, None) => {
                self.0 = Kept::Available;
                Ok(())
            }
        }
    }

    /// Whether a read may be done. Reading needs no id, but one that is given must fit.
    pub(super) fn check_read(&self, named: Option<&LeaseId>, now: SystemTime) -> Result<(), Problem> {
        match named {
            None => Ok(()),
            named => self.clone().check_write(named, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1000 + seconds)
    }

    fn id(number: u64) -> LeaseId {
        LeaseId::numbered(number)
    }

    const MINUTE: LeaseTime = LeaseTime::Fixed(Duration::from_secs(60));

    fn leased(time: LeaseTime) -> Lease {
        let mut lease = Lease::default();
        lease.acquire(id(1), time, at(0)).unwrap();
        lease
    }

    #[test]
    fn a_lease_is_taken_kept_and_given_up() {
        let mut lease = leased(MINUTE);
        assert_eq!(lease.acquire(id(2), MINUTE, at(1)), Err(Problem::LeaseAlreadyPresent));
        assert_eq!(lease.renew(&id(2), at(1)), Err(Problem::LeaseIdMismatchWithLeaseOperation));
        assert_eq!(lease.renew(&id(1), at(50)), Ok(()));
        assert_eq!(lease.state(at(100)).name(), "leased");
        assert_eq!(lease.release(&id(2), at(100)), Err(Problem::LeaseIdMismatchWithLeaseOperation));
        assert_eq!(lease.release(&id(1), at(100)), Ok(()));
        assert_eq!(lease.acquire(id(2), MINUTE, at(100)), Ok(()));
    }

    #[test]
    fn who_does_not_renew_loses_it() {
        let mut lease = leased(MINUTE);
        assert_eq!(lease.state(at(60)).name(), "expired");
        assert_eq!(lease.clone().renew(&id(1), at(70)), Ok(()), "nobody came in between");
        assert_eq!(lease.clone().acquire(id(2), MINUTE, at(70)), Ok(()));
        assert_eq!(lease.check_write(Some(&id(1)), at(70)), Err(Problem::LeaseLost));
        assert_eq!(lease.check_write(None, at(70)), Ok(()));
        assert_eq!(lease.renew(&id(1), at(70)), Err(Problem::LeaseIdMismatchWithLeaseOperation), "somebody wrote");
    }

    #[test]
    fn a_broken_lease_ends_when_it_was_said() {
        let mut for_ever = leased(LeaseTime::ForEver);
        assert_eq!(for_ever.break_off(None, at(5)), Ok(Duration::ZERO));
        assert_eq!(for_ever.state(at(5)).name(), "broken");

        let mut minute = leased(MINUTE);
        assert_eq!(minute.break_off(None, at(20)), Ok(Duration::from_secs(40)));
        assert_eq!(minute.state(at(20)).name(), "breaking");
        assert_eq!(minute.acquire(id(1), MINUTE, at(20)), Err(Problem::LeaseIsBreakingAndCannotBeAcquired));
        assert_eq!(minute.break_off(Some(Duration::from_secs(3)), at(20)), Ok(Duration::from_secs(3)));
        assert_eq!(minute.renew(&id(1), at(30)), Err(Problem::LeaseIsBrokenAndCannotBeRenewed));
        assert_eq!(minute.acquire(id(2), MINUTE, at(30)), Ok(()));
        assert_eq!(Lease::default().break_off(None, at(0)), Err(Problem::LeaseNotPresentWithLeaseOperation));
    }

    #[test]
    fn the_id_can_change_hands() {
        let mut lease = leased(MINUTE);
        assert_eq!(lease.change(&id(3), id(4), at(1)), Err(Problem::LeaseIdMismatchWithLeaseOperation));
        assert_eq!(lease.change(&id(1), id(2), at(1)), Ok(()));
        assert_eq!(lease.change(&id(1), id(2), at(1)), Ok(()), "again changes nothing");
        assert_eq!(lease.release(&id(2), at(1)), Ok(()));
        assert_eq!(lease.change(&id(2), id(1), at(1)), Err(Problem::LeaseNotPresentWithLeaseOperation));
    }

    #[test]
    fn writing_needs_the_id_and_reading_does_not() {
        let mut lease = leased(MINUTE);
        assert_eq!(lease.check_write(None, at(1)), Err(Problem::LeaseIdMissing));
        assert_eq!(lease.check_write(Some(&id(2)), at(1)), Err(Problem::LeaseIdMismatchWithBlobOperation));
        assert_eq!(lease.check_write(Some(&id(1)), at(1)), Ok(()));
        assert_eq!(lease.check_read(None, at(1)), Ok(()));
        assert_eq!(Lease::default().check_write(Some(&id(1)), at(1)), Err(Problem::LeaseNotPresentWithBlobOperation));
    }

    #[test]
    fn what_may_be_a_lease() {
        assert!(LeaseId::parse("1F812371-A41D-49E6-B123-F4B542E851C5").is_some());
        assert!(LeaseId::parse(id(7).as_str()).is_some());
        for bad in ["", "x", "1f812371a41d49e6b123f4b542e851c5", "1f812371-a41d-49e6-b123-f4b542e851cg"] {
            assert_eq!(LeaseId::parse(bad), None, "{bad}");
        }
        assert_eq!(LeaseTime::parse("-1"), Some(LeaseTime::ForEver));
        assert_eq!(LeaseTime::parse("60"), Some(MINUTE));
        for bad in ["14", "61", "0", "x"] {
            assert_eq!(LeaseTime::parse(bad), None, "{bad}");
        }
    }
}
