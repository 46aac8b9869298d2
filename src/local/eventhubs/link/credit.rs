//! How many messages may cross a link, seen from either end (section 2.6.7).

/// A number of messages that the receiving end is ready to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkCredit(pub(crate) u32);

/// The state of a link that a flow tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LinkFlow {
    pub(crate) handle: u32,
    pub(crate) delivery_count: u32,
    pub(crate) credit: LinkCredit,
    pub(crate) drain: bool,
}

/// The credit that this endpoint grants to clients that send.
#[derive(Debug)]
pub(crate) struct GrantedCredit {
    delivery_count: u32,
    credit: u32,
}

impl GrantedCredit {
    /// What a publisher may have under way. Every message is dealt with as it arrives, so this bounds nothing but
    /// how often a flow is due.
    const FULL: u32 = 1000;

    pub(crate) fn new(initial_delivery_count: u32) -> Self {
        Self { delivery_count: initial_delivery_count, credit: 0 }
    }

    /// Counts a message. A sender beyond its credit is let be: Python's client grants itself new credit when it
    /// runs out, and nothing is queued here that credit would have to protect.
    pub(crate) fn spend(&mut self) {
        self.delivery_count = self.delivery_count.wrapping_add(1);
        self.credit = self.credit.saturating_sub(1);
    }

    /// Grants new credit when half of it is used up.
    pub(crate) fn refill(&mut self, handle: u32) -> Option<LinkFlow> {
        (self.credit <= Self::FULL / 2).then(|| {
            self.credit = Self::FULL;
            self.flow(handle)
        })
    }

    pub(crate) fn flow(&self, handle: u32) -> LinkFlow {
        LinkFlow { handle, delivery_count: self.delivery_count, credit: LinkCredit(self.credit), drain: false }
    }
}

/// The credit that a client that receives has granted.
#[derive(Debug, Default)]
pub(crate) struct ReceivedCredit {
    delivery_count: u32,
    credit: u32,
    drain: bool,
}

impl ReceivedCredit {
    pub(crate) fn available(&self) -> LinkCredit {
        LinkCredit(self.credit)
    }

    /// Takes the client's flow in. It counts credit from the deliveries that it has seen, which may be fewer than
    /// were sent; what is under way is not to be sent again.
    pub(crate) fn receive(&mut self, delivery_count: Option<u32>, credit: Option<u32>, drain: bool) {
        if let Some(credit) = credit {
            // Before the client knows the initial count it sends none: that count is 0 here.
            self.credit = credit.saturating_sub(not_yet_seen(self.delivery_count, delivery_count.unwrap_or(0)));
        }
        self.drain = drain;
    }

    pub(crate) fn spend(&mut self) {
        self.delivery_count = self.delivery_count.wrapping_add(1);
        self.credit = self.credit.saturating_sub(1);
    }

    /// Gives back what credit is left, if the client wanted it drained and nothing is there to send.
    pub(crate) fn finish_drain(&mut self, handle: u32) -> Option<LinkFlow> {
        std::mem::take(&mut self.drain).then(|| {
            self.delivery_count = self.delivery_count.wrapping_add(self.credit);
            self.credit = 0;
            LinkFlow { drain: true, ..self.flow(handle) }
        })
    }

    pub(crate) fn flow(&self, handle: u32) -> LinkFlow {
        LinkFlow { handle, delivery_count: self.delivery_count, credit: LinkCredit(self.credit), drain: self.drain }
    }
}

/// How much of what was sent the other side had not counted yet when it wrote. The counts wrap (RFC 1982), so that
/// 1 is three ahead of 4,294,967,294; a count that is ahead of ours is wrong, and taken for ours.
pub(crate) fn not_yet_seen(sent: u32, seen: u32) -> u32 {
    let under_way = sent.wrapping_sub(seen);
    if under_way > u32::MAX / 2 { 0 } else { under_way }
}
