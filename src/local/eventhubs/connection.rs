//! One connection as a machine of states: bytes in, bytes out, no I/O and no clock of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};

use super::codec::condition;
use super::codec::frame::{self, AMQP_HEADER, FrameType, MIN_MAX_FRAME_SIZE, PROTOCOL_HEADER_LENGTH, SASL_HEADER};
use super::codec::performatives::{AmqpError, Close, End, Open, Performative};
use super::codec::sasl;
use super::hub::Hub;
use super::link::assembly::AssemblyPool;
use super::link::{Context, Failure, Scratch};
use super::mailbox::Mailbox;
use super::outbox::Outbox;
use super::session::Session;
use crate::local::fault::Fault;

/// The largest frame that the endpoint takes: what the service offers, and what every client sends.
pub(crate) const MAX_FRAME_SIZE: u32 = 65_536;

/// A client must have logged in and opened by then.
pub(crate) const HANDSHAKE_TIME_LIMIT: Duration = Duration::from_secs(10);

/// What the endpoint asks of clients, as the service does. A client that is silent for twice as long is given up.
pub(crate) const IDLE_TIME_OUT: Duration = Duration::from_secs(240);

/// The largest channel: a Rust client opens a session for every link, and one for every authorisation.
const CHANNEL_MAX: u16 = 8191;

/// Unfinished messages that one connection may hold, in messages of the largest size.
const UNFINISHED_MESSAGES_LIMIT: usize = 8;

/// How far the opening of the connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing has come, or the login is done and the AMQP header is due.
    Header {
        logged_in: bool,
    },
    /// The mechanisms were offered.
    Login,
    /// The AMQP header was exchanged.
    Open,
    Opened,
    /// Nothing more is read; what is in the outbox is still written.
    Finished,
}

/// A connection of one client.
#[derive(Debug)]
pub(crate) struct Connection {
    hub: Arc<Hub>,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) outbox: Outbox,
    pool: Arc<AssemblyPool>,
    scratch: Scratch,
    phase: Phase,
    sessions: BTreeMap<u16, Session>,
    /// The session whose turn it is to send first, so that none starves the others.
    first_to_send: u16,
    opened_at: Instant,
    last_received: Instant,
    last_sent: Instant,
    /// How often the client wants a sign of life.
    heartbeat_interval: Option<Duration>,
}

impl Connection {
    pub(crate) fn new(hub: Arc<Hub>, now: Instant) -> Self {
        let limit = hub.max_message_length().saturating_mul(UNFINISHED_MESSAGES_LIMIT);
        Self {
            hub,
            mailbox: Arc::default(),
            outbox: Outbox::new(),
            pool: Arc::new(AssemblyPool::new(limit)),
            scratch: Scratch::default(),
            phase: Phase::Header { logged_in: false },
            sessions: BTreeMap::new(),
            first_to_send: 0,
            opened_at: now,
            last_received: now,
            last_sent: now,
            heartbeat_interval: None,
        }
    }

    /// Whether the connection ends once the outbox is written.
    pub(crate) fn is_finished(&self) -> bool {
        self.phase == Phase::Finished
    }

    /// Takes what has arrived out of `input`, as far as it is whole, and deals with it.
    pub(crate) fn receive(&mut self, input: &mut BytesMut, fault: Option<Fault>, now: Instant) {
        let mut consumed = 0;
        while let Some(rest) = input.get(consumed..) {
            match self.step(rest, fault, now) {
                Ok(0) => break,
                Ok(length) => consumed += length,
                Err(error) => {
                    self.close(Some(error));
                    break;
                }
            }
        }
        input.advance(consumed);
    }

    /// Deals with the first header or frame in `input` and gives its length: 0 while it has not wholly arrived.
    fn step(&mut self, input: &[u8], fault: Option<Fault>, now: Instant) -> Result<usize, AmqpError> {
        if let Phase::Header { logged_in } = self.phase {
            return Ok(input.first_chunk().map_or(0, |header| self.receive_header(*header, logged_in)));
        }
        if self.phase == Phase::Finished {
            return Ok(0);
        }
        let framing = |error: frame::FrameError| AmqpError::new(condition::FRAMING_ERROR, error.to_string());
        let Some(frame) = frame::read(input, MAX_FRAME_SIZE).map_err(framing)? else { return Ok(0) };
        self.last_received = now;
        match (self.phase, frame.kind) {
            (Phase::Login, FrameType::Sasl) => self.receive_login(frame.body),
            (Phase::Open | Phase::Opened, FrameType::Amqp) => {
                if !frame.body.is_empty() {
                    self.receive_frame(frame.channel, frame.body, fault)?;
                }
            }
            _ => {
                return Err(AmqpError::new(
                    condition::FRAMING_ERROR,
                    "a SASL frame after the login, or an AMQP frame before its end",
                ));
            }
        }
        Ok(frame.length)
    }

    /// Answers the protocol header. To one that is not served the answer is a header that is, and the end
    /// (section 2.2).
    fn receive_header(&mut self, header: [u8; PROTOCOL_HEADER_LENGTH], logged_in: bool) -> usize {
        match header {
            SASL_HEADER if !logged_in => {
                self.outbox.send_raw(&SASL_HEADER);
                self.outbox.send_sasl(sasl::encode_mechanisms);
                self.phase = Phase::Login;
            }
            AMQP_HEADER => {
                self.outbox.send_raw(&AMQP_HEADER);
                self.phase = Phase::Open;
            }
            _ => {
                self.outbox.send_raw(if logged_in { &AMQP_HEADER } else { &SASL_HEADER });
                self.phase = Phase::Finished;
            }
        }
        PROTOCOL_HEADER_LENGTH
    }

    /// Believes whoever names a mechanism that was offered.
    fn receive_login(&mut self, body: &[u8]) {
        let outcome = match sasl::decode(body) {
            Ok(sasl::FromClient::Init(mechanism)) if sasl::OFFERED_MECHANISMS.contains(&mechanism.as_str()) => {
                sasl::Outcome::Ok
            }
            _ => sasl::Outcome::Auth,
        };
        self.outbox.send_sasl(|out| sasl::encode_outcome(outcome, out));
        self.phase = match outcome {
            sasl::Outcome::Ok => Phase::Header { logged_in: true },
            sasl::Outcome::Auth => Phase::Finished,
        };
    }

    fn receive_frame(&mut self, channel: u16, body: &[u8], fault: Option<Fault>) -> Result<(), AmqpError> {
        let (performative, payload) = Performative::decode(body)
            .map_err(|error| AmqpError::new(condition::DECODE_ERROR, format!("a frame cannot be read: {error}")))?;
        match (self.phase, performative) {
            (Phase::Open, Performative::Open(open)) => {
                self.receive_open(&open);
                Ok(())
            }
            (Phase::Opened, Performative::Close(_)) => {
                self.close(None);
                Ok(())
            }
            (Phase::Opened, performative) => self.receive_in_session(channel, performative, payload, fault),
            _ => Err(AmqpError::new(condition::NOT_ALLOWED, "the first performative must be an open")),
        }
    }

    fn receive_open(&mut self, open: &Open) {
        self.outbox.max_frame_size = open.max_frame_size.unwrap_or(MAX_FRAME_SIZE).max(MIN_MAX_FRAME_SIZE);
        // A sign of life at half of the interval arrives before its end, even when one is late.
        self.heartbeat_interval = open
            .idle_time_out
            .filter(|milliseconds| *milliseconds > 0)
            .map(|milliseconds| Duration::from_millis(milliseconds.into()) / 2);
        self.outbox.send(
            0,
            &Open {
                container_id: self.hub.next_container_id(),
                hostname: None,
                max_frame_size: Some(MAX_FRAME_SIZE),
                channel_max: Some(CHANNEL_MAX),
                idle_time_out: u32::try_from(IDLE_TIME_OUT.as_millis()).ok(),
            },
        );
        self.phase = Phase::Opened;
    }

    /// The sessions, and what they need of the connection.
    fn parts(&mut self, fault: Option<Fault>) -> (&mut BTreeMap<u16, Session>, Context<'_>) {
        let context = Context {
            hub: &self.hub,
            mailbox: &self.mailbox,
            outbox: &mut self.outbox,
            pool: &self.pool,
            scratch: &mut self.scratch,
            fault,
        };
        (&mut self.sessions, context)
    }

    fn receive_in_session(
        &mut self,
        channel: u16,
        performative: Performative<'_>,
        payload: &[u8],
        fault: Option<Fault>,
    ) -> Result<(), AmqpError> {
        let (sessions, context) = &mut self.parts(fault);
        if let Performative::Begin(begin) = &performative {
            if channel > CHANNEL_MAX || sessions.contains_key(&channel) {
                return Err(AmqpError::new(
                    condition::NOT_ALLOWED,
                    format!("a session cannot begin on channel {channel}: it is taken, or beyond {CHANNEL_MAX}"),
                ));
            }
            sessions.insert(channel, Session::begin(channel, begin, context));
            return Ok(());
        }
        let Some(session) = sessions.get_mut(&channel) else {
            // JavaScript's client settles what arrives between its own end and ours. Such late words change nothing.
            return match performative {
                Performative::Attach(_) | Performative::Transfer(_) => {
                    Err(AmqpError::new(condition::NOT_ALLOWED, format!("no session has begun on channel {channel}")))
                }
                _ => Ok(()),
            };
        };
        if let Performative::End(_) = performative {
            if !session.has_ended() {
                context.outbox.send(channel, &End { error: None });
            }
            sessions.remove(&channel);
            return Ok(());
        }
        if session.has_ended() {
            return Ok(());
        }
        let mut outcome = Ok(());
        match performative {
            Performative::Attach(attach) => outcome = session.attach(&attach, context),
            Performative::Transfer(transfer) => outcome = session.transfer(&transfer, payload, context),
            Performative::Detach(detach) => session.detach(&detach, context),
            Performative::Flow(flow) => session.flow(&flow, context),
            Performative::Disposition(disposition) => session.disposition(disposition, context),
            Performative::Open(_) | Performative::Begin(_) | Performative::End(_) | Performative::Close(_) => {
                return Err(AmqpError::new(condition::NOT_ALLOWED, "a connection is opened once"));
            }
        }
        match outcome {
            Ok(()) => Ok(()),
            Err(Failure::Connection(error)) => Err(error),
            Err(Failure::Session(error) | Failure::Link(error) | Failure::Delivery(_, error)) => {
                session.fail(error, context);
                Ok(())
            }
        }
    }

    /// Sends what there is to send on all sessions, until the outbox holds `most_buffered` bytes. Gives whether it
    /// does: there may be more to send then.
    pub(crate) fn pump(&mut self, most_buffered: usize, fault: Option<Fault>) -> bool {
        if self.phase != Phase::Opened {
            return false;
        }
        let first = self.first_to_send;
        let stolen = self.mailbox.take_stolen();
        let (sessions, context) = &mut self.parts(fault);
        for (receiver, description) in stolen {
            // Whichever session has it; none, where its client detached it in the meantime.
            let _found = sessions.values_mut().any(|session| session.detach_stolen(receiver, &description, context));
        }
        let channels: Vec<u16> =
            sessions.range(first..).chain(sessions.range(..first)).map(|(channel, _)| *channel).collect();
        for channel in channels {
            if let Some(session) = sessions.get_mut(&channel) {
                session.pump(context, most_buffered);
            }
            if context.outbox.buffer.len() >= most_buffered {
                self.first_to_send = channel.wrapping_add(1);
                return true;
            }
        }
        false
    }

    /// Says the last word, with the reason where there is one.
    fn close(&mut self, error: Option<AmqpError>) {
        if matches!(self.phase, Phase::Open | Phase::Opened) {
            if self.phase == Phase::Open {
                // A close must follow an open (section 2.4.1).
                self.receive_open(&Open {
                    container_id: String::new(),
                    hostname: None,
                    max_frame_size: None,
                    channel_max: None,
                    idle_time_out: None,
                });
            }
            self.outbox.send(0, &Close { error });
        }
        self.sessions.clear();
        self.phase = Phase::Finished;
    }

    /// Ends the connection because the endpoint ends.
    pub(crate) fn shut_down(&mut self) {
        self.close(Some(AmqpError::new(condition::CONNECTION_FORCED, "the endpoint was shut down")));
    }

    /// Notes that bytes were written, for the sake of heartbeats.
    pub(crate) fn sent(&mut self, now: Instant) {
        self.last_sent = now;
    }

    /// When [`Self::on_time`] is due, if nothing happens before.
    pub(crate) fn deadline(&self) -> Instant {
        match (self.phase, self.heartbeat_interval) {
            (Phase::Opened, Some(interval)) => (self.last_sent + interval).min(self.silence_limit()),
            (Phase::Opened, None) => self.silence_limit(),
            _ => self.opened_at + HANDSHAKE_TIME_LIMIT,
        }
    }

    fn silence_limit(&self) -> Instant {
        self.last_received + 2 * IDLE_TIME_OUT
    }

    /// Does what time brings: a heartbeat, or the end of a connection that says nothing.
    pub(crate) fn on_time(&mut self, now: Instant) {
        match self.phase {
            Phase::Opened if now >= self.silence_limit() => {
                self.close(Some(AmqpError::new(
                    condition::RESOURCE_LIMIT_EXCEEDED,
                    format!("nothing was heard for {} seconds: send heartbeats", 2 * IDLE_TIME_OUT.as_secs()),
                )));
            }
            Phase::Opened if self.heartbeat_interval.is_some_and(|interval| now >= self.last_sent + interval) => {
                self.outbox.send_heartbeat();
                self.last_sent = now;
            }
            Phase::Opened | Phase::Finished => {}
            _ if now >= self.opened_at + HANDSHAKE_TIME_LIMIT => {
                self.close(Some(AmqpError::new(
                    condition::RESOURCE_LIMIT_EXCEEDED,
                    format!("the connection was not opened within {} seconds", HANDSHAKE_TIME_LIMIT.as_secs()),
                )));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
