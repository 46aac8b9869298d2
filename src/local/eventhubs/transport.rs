//! A connection's socket: reads for the state machine, writes for it, and keeps its time.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep_until, timeout};

use super::connection::Connection;
use super::hub::Hub;
use crate::local::fault::Fault;

/// How much is read at once. With a frame that has not wholly arrived, the read buffer holds at most twice as much.
const READ_SIZE: usize = 64 * 1024;

/// How much may wait to be written before nothing more is read or sent: a client that does not read is not served.
const OUTPUT_LIMIT: usize = 256 * 1024;

/// How long a client may take to read the last frame and hang up.
const FAREWELL_TIME_LIMIT: Duration = Duration::from_secs(1);

/// Serves one connection until it ends, for whatever reason; nobody else is concerned.
pub(crate) async fn serve(mut stream: TcpStream, hub: Arc<Hub>, mut shutdown: watch::Receiver<bool>) {
    // Without these, small answers wait for one another: Nagle's algorithm here, delayed acknowledgements there.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut connection = Connection::new(Arc::clone(&hub), Instant::now());
    let mailbox = Arc::clone(&connection.mailbox);
    let mut input = BytesMut::new();
    let mut output = Output::default();
    loop {
        let fault = hub.faults.get();
        connection.pump(OUTPUT_LIMIT.saturating_sub(output.length()), fault);
        output.take(&mut connection.outbox.buffer, fault, Instant::now());
        match output.write(&stream) {
            Ok(0) => {}
            Ok(_) => connection.sent(Instant::now()),
            Err(_) => return,
        }
        if connection.is_finished() && output.is_empty() {
            break;
        }
        let reading = !connection.is_finished() && output.length() < OUTPUT_LIMIT;
        let due = output.due();
        let writing = due.is_some_and(|due| due <= Instant::now());
        let deadline = match due {
            Some(due) if !writing => due.min(connection.deadline()),
            _ => connection.deadline(),
        };
        tokio::select! {
            readable = readiness(&stream, reading, writing) => match readable {
                Ok(true) => {
                    match read(&stream, &mut input) {
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
    // Closing a socket that holds unread bytes resets the connection, and the client would lose our last frame:
    // say that nothing more comes, and read on for a moment.
    let farewell = async {
        stream.shutdown().await?;
        let mut discarded = vec![0; 4096];
        while stream.read(&mut discarded).await? > 0 {}
        io::Result::Ok(())
    };
    // Whether the client hung up in time or not, the connection ends here.
    drop(timeout(FAREWELL_TIME_LIMIT, farewell).await);
}

/// Waits until the socket can do what is wanted; gives whether it can be read.
async fn readiness(stream: &TcpStream, reading: bool, writing: bool) -> io::Result<bool> {
    let interest = match (reading, writing) {
        (true, true) => Interest::READABLE | Interest::WRITABLE,
        (true, false) => Interest::READABLE,
        (false, true) => Interest::WRITABLE,
        (false, false) => return std::future::pending().await,
    };
    let ready = stream.ready(interest).await?;
    Ok(reading && ready.is_readable())
}

fn read(stream: &TcpStream, input: &mut BytesMut) -> io::Result<usize> {
    input.reserve(READ_SIZE);
    let count = stream.try_read_buf(input)?;
    // The kernel forgets this option now and then, so it is set anew: it acknowledges at once what a client that
    // leaves Nagle's algorithm on waits for.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    stream.set_quickack(true)?;
    Ok(count)
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

    /// Writes what is due, as far as the socket takes it; gives how much that was.
    fn write(&mut self, stream: &TcpStream) -> io::Result<usize> {
        let mut written = 0;
        while let Some((due, bytes)) = self.waiting.front_mut() {
            if *due > Instant::now() {
                break;
            }
            match stream.try_write(bytes) {
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
    use super::*;

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
