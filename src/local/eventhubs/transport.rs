//! A connection's input, output and time: reads for the state machine, writes for it, and wakes it.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::sync::watch;
use tokio::time::sleep_until;

use super::connection::Connection;
use super::hub::Hub;
use super::wire::Wire;
use crate::local::fault::Fault;

/// How much may wait to be written before nothing more is read or sent: a client that does not read is not served.
const OUTPUT_LIMIT: usize = 256 * 1024;

/// Serves one connection until it ends, for whatever reason; nobody else is concerned.
pub(crate) async fn serve(mut wire: Wire, hub: Arc<Hub>, mut shutdown: watch::Receiver<bool>) {
    // Without these, small answers wait for one another: Nagle's algorithm here, delayed acknowledgements there.
    if wire.socket().set_nodelay(true).is_err() {
        return;
    }
    let mut connection = Connection::new(Arc::clone(&hub), Instant::now());
    let mailbox = Arc::clone(&connection.mailbox);
    let mut input = BytesMut::new();
    let mut output = Output::default();
    if wire.begin(&mut input).is_err() {
        return;
    }
    if !input.is_empty() {
        connection.receive(&mut input, hub.faults.get(), Instant::now());
    }
    loop {
        let fault = hub.faults.get();
        let held_back = connection.pump(OUTPUT_LIMIT.saturating_sub(output.length()), fault);
        output.take(&mut connection.outbox.buffer, fault, Instant::now());
        match output.write(&mut wire) {
            Ok(0) => {}
            Ok(_) => connection.sent(Instant::now()),
            Err(_) => return,
        }
        if connection.is_finished() && output.is_empty() && !wire.holds_output() {
            break;
        }
        let reading = !connection.is_finished() && output.length() < OUTPUT_LIMIT;
        let due = output.due();
        // With room again for what was held back, the socket is asked even if nothing waits: it answers at once, and
        // between two portions others have their turn.
        let writing = due.is_some_and(|due| due <= Instant::now()) || (held_back && output.length() < OUTPUT_LIMIT);
        let deadline = match due {
            Some(due) if !writing => due.min(connection.deadline()),
            _ => connection.deadline(),
        };
        tokio::select! {
            readable = wire.ready(reading, writing) => match readable {
                Ok(true) => {
                    match wire.read(&mut input) {
                        Ok(0) => return,
                        Ok(_) => {}
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                        Err(_) => return,
                    }
                    let fault = hub.faults.get();
                    if fault == Some(Fault::Cut) {
                        return;
                    }
                    connection.receive(&mut input, fault, Instant::now());
                }
                Ok(false) => {}
                Err(_) => return,
            },
            () = mailbox.wakeup.notified() => {}
            () = sleep_until(deadline.into()) => {
                let now = Instant::now();
                if connection.is_finished() && now >= connection.deadline() {
                    return;
                }
                connection.on_time(now);
            }
            _ = shutdown.changed() => {
                if connection.is_finished() {
                    return;
                }
                connection.shut_down();
            }
        }
    }
    wire.farewell().await;
}

/// What waits to be written, in order, and from when on it may be.
#[derive(Debug, Default)]
struct Output {
    waiting: VecDeque<(Instant, BytesMut)>,
}

impl Output {
    fn length(&self) -> usize {
        self.waiting.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// When the first bytes may be written.
    fn due(&self) -> Option<Instant> {
        self.waiting.front().map(|(due, _)| *due)
    }

    /// Takes over what was encoded, later by the delay that is on.
    fn take(&mut self, encoded: &mut BytesMut, fault: Option<Fault>, now: Instant) {
        if encoded.is_empty() {
            return;
        }
        let delay = match fault {
            Some(Fault::Delay(delay)) => delay,
            _ => Duration::ZERO,
        };
        // What was delayed before is not overtaken.
        let due = self.waiting.back().map_or(now + delay, |(due, _)| (*due).max(now + delay));
        self.waiting.push_back((due, encoded.split()));
    }

    /// Writes what is due, as far as it is taken; gives how much that was.
    fn write(&mut self, wire: &mut Wire) -> io::Result<usize> {
        wire.flush()?;
        let mut written = 0;
        while let Some((due, bytes)) = self.waiting.front_mut() {
            if *due > Instant::now() {
                break;
            }
            match wire.write(bytes) {
                Ok(count) => {
                    written += count;
                    bytes.advance(count);
                    if bytes.is_empty() {
                        self.waiting.pop_front();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::super::codec::frame::{self, AMQP_HEADER, FrameType};
    use super::super::codec::performatives::{Attach, Begin, Encode, Flow, Open, Performative, Role, SenderSettleMode};
    use super::super::codec::types::Value;
    use super::super::log::{Arrival, EnqueuedTime, Log};
    use super::*;
    use crate::local::fault::FaultSwitch;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;

    /// A client that grants all its credit at once and then only reads.
    fn greedy_receiver() -> BytesMut {
        let mut said = BytesMut::from(&AMQP_HEADER[..]);
        let mut say = |performative: &dyn Fn(&mut BytesMut)| {
            frame::write(&mut said, FrameType::Amqp, 0, |out| performative(out));
        };
        let open = Open {
            container_id: "greedy".to_owned(),
            hostname: None,
            max_frame_size: None,
            channel_max: None,
            idle_time_out: None,
        };
        let window = 1_000_000;
        let begin = Begin {
            remote_channel: None,
            next_outgoing_id: 0,
            incoming_window: window,
            outgoing_window: window,
            handle_max: None,
        };
        let terminus = |address| Some(Value::described(Value::Ulong(0x28), Value::List(vec![Value::string(address)])));
        let attach = Attach {
            name: "greedy".to_owned(),
            handle: 0,
            role: Role::Receiver,
            sender_settle_mode: SenderSettleMode::Settled,
            receiver_settle_mode: 0,
            source: terminus("hub/ConsumerGroups/$Default/Partitions/0"),
            target: terminus("here"),
            initial_delivery_count: None,
            max_message_size: None,
            properties: None,
        };
        let flow = Flow {
            next_incoming_id: Some(0),
            incoming_window: window,
            handle: Some(0),
            delivery_count: Some(0),
            link_credit: Some(window),
            ..Flow::default()
        };
        say(&|out| open.encode(out));
        say(&|out| begin.encode(out));
        say(&|out| attach.encode(out));
        say(&|out| flow.encode(out));
        said
    }

    #[tokio::test]
    async fn a_client_that_only_reads_gets_all_however_much_it_is() {
        const EVENTS: usize = 5000;
        let log = Arc::new(Log::new(1, 100_000_000));
        let message = BytesMut::from(&[&b"\x00\x53\x75\xB0\x00\x00\x03\xE8"[..], &[7; 1000]].concat()[..]).freeze();
        let arrivals = vec![Arrival { message, partition_key: None }; EVENTS];
        log.append(0, arrivals, EnqueuedTime(0));
        let hub = Arc::new(Hub::new("hub".to_owned(), log, Vec::new(), 1_000_000, FaultSwitch::default()));

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let (_shutdown, told_to_end) = watch::channel(false);
        let serving = tokio::spawn(serve(Wire::Plain(stream), hub, told_to_end));

        client.write_all(&greedy_receiver()).await.unwrap();
        let reading = async {
            let mut input = BytesMut::new();
            let mut transfers = 0;
            while transfers < EVENTS {
                assert_ne!(client.read_buf(&mut input).await.unwrap(), 0, "cut off after {transfers} events");
                if input.starts_with(&AMQP_HEADER) {
                    input.advance(AMQP_HEADER.len());
                }
                while let Some(frame) = frame::read(&input, u32::MAX).unwrap() {
                    transfers +=
                        usize::from(matches!(Performative::decode(frame.body), Ok((Performative::Transfer(_), _))));
                    let length = frame.length;
                    input.advance(length);
                }
            }
        };
        timeout(Duration::from_secs(30), reading).await.unwrap();
        drop(client);
        timeout(Duration::from_secs(30), serving).await.unwrap().unwrap();
    }

    /// What is due at an instant, first to last.
    fn due(output: &Output, now: Instant) -> Vec<&[u8]> {
        output.waiting.iter().take_while(|(due, _)| *due <= now).map(|(_, bytes)| &bytes[..]).collect()
    }

    #[test]
    fn a_delay_holds_answers_back_and_keeps_their_order() {
        let start = Instant::now();
        let later = |seconds| start + Duration::from_secs(seconds);
        let slow = Some(Fault::Delay(Duration::from_secs(10)));
        let mut output = Output::default();
        output.take(&mut BytesMut::from("first"), slow, start);
        output.take(&mut BytesMut::from("second"), slow, later(1));
        // The fault is over, but what it held back still goes first.
        output.take(&mut BytesMut::from("third"), None, later(2));
        output.take(&mut BytesMut::new(), None, later(3));
        assert_eq!(output.due(), Some(later(10)));
        assert!(due(&output, later(9)).is_empty());
        assert_eq!(due(&output, later(10)), [b"first"]);
        assert_eq!(due(&output, later(11)), [&b"first"[..], b"second", b"third"]);
        assert_eq!(output.length(), 16);
    }
}
