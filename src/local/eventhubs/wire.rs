//! A connection's bytes: as they are, or inside TLS. Reading and writing never wait; [`Wire::ready`] does.

use std::io::{self, Read, Write};
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::ServerConnection;
use tokio_rustls::server::TlsStream;

/// How much is read at once. With a frame that has not wholly arrived, the read buffer holds at most twice as much.
const READ_SIZE: usize = 64 * 1024;

/// How long a client may take to read the last bytes and hang up.
const FAREWELL_TIME_LIMIT: Duration = Duration::from_secs(1);

/// A connection.
pub(super) enum Wire {
    Plain(TcpStream),
    Tls(Box<Secured>),
}

/// A connection inside TLS, after its handshake.
pub(super) struct Secured {
    socket: TcpStream,
    session: ServerConnection,
}

impl From<TlsStream<TcpStream>> for Wire {
    fn from(stream: TlsStream<TcpStream>) -> Self {
        let (socket, session) = stream.into_inner();
        Self::Tls(Box::new(Secured { socket, session }))
    }
}

impl Wire {
    /// The socket below.
    pub(super) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(secured) => &secured.socket,
        }
    }

    /// What came together with the end of the handshake: no readiness tells of it.
    pub(super) fn begin(&mut self, input: &mut BytesMut) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(secured) => secured.decrypt(input),
        }
    }

    /// Waits until something can be done that is wanted; gives whether there is something to read.
    pub(super) async fn ready(&self, reading: bool, writing: bool) -> io::Result<bool> {
        let interest = match (reading, writing || self.holds_output()) {
            (true, true) => Interest::READABLE | Interest::WRITABLE,
            (true, false) => Interest::READABLE,
            (false, true) => Interest::WRITABLE,
            (false, false) => return std::future::pending().await,
        };
        let ready = self.socket().ready(interest).await?;
        Ok(reading && ready.is_readable())
    }

    /// Reads what is there; 0 at the end, `WouldBlock` if there is nothing now.
    pub(super) fn read(&mut self, input: &mut BytesMut) -> io::Result<usize> {
        let count = match self {
            Self::Plain(socket) => {
                input.reserve(READ_SIZE);
                socket.try_read_buf(input)?
            }
            Self::Tls(secured) => secured.read(input)?,
        };
        // The kernel forgets this option now and then, so it is set anew: it acknowledges at once what a client that
        // leaves Nagle's algorithm on waits for.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        self.socket().set_quickack(true)?;
        Ok(count)
    }

    /// Writes as much as is taken now; `WouldBlock` if that is nothing.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.try_write(bytes),
            Self::Tls(secured) => secured.write(bytes),
        }
    }

    /// Whether what was written has not wholly gone out yet: encrypted bytes wait here for the socket.
    pub(super) fn holds_output(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(secured) => secured.session.wants_write(),
        }
    }

    /// Sends what is held, as far as the socket takes it.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(secured) => match secured.flush() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
                flushed => flushed,
            },
        }
    }

    /// Says that nothing more comes, and reads on for a moment: closing a socket that holds unread bytes resets the
    /// connection, and the client would lose our last frame.
    pub(super) async fn farewell(mut self) {
        let farewell = async {
            if let Self::Tls(secured) = &mut self {
                secured.session.send_close_notify();
                while secured.session.wants_write() {
                    secured.socket.writable().await?;
                    match secured.flush() {
                        Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                        _ => {}
                    }
                }
            }
            let socket = match &mut self {
                Self::Plain(socket) => socket,
                Self::Tls(secured) => &mut secured.socket,
            };
            socket.shutdown().await?;
            let mut discarded = vec![0; 4096];
            while socket.read(&mut discarded).await? > 0 {}
            io::Result::Ok(())
        };
        // Whether the client hung up in time or not, the connection ends here.
        drop(timeout(FAREWELL_TIME_LIMIT, farewell).await);
    }
}

impl Secured {
    fn read(&mut self, input: &mut BytesMut) -> io::Result<usize> {
        let before = input.len();
        while input.len() - before < READ_SIZE {
            match self.session.read_tls(&mut Now(&self.socket)) {
                Ok(0) => return Ok(input.len() - before),
                Ok(_) => self.decrypt(input)?,
                // Half a record is nothing yet.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && input.len() > before => break,
                Err(error) => return Err(error),
            }
        }
        Ok(input.len() - before)
    }

    /// Takes over all that has arrived whole, so that nothing waits inside of which no readiness tells.
    fn decrypt(&mut self, input: &mut BytesMut) -> io::Result<()> {
        let state = self.session.process_new_packets().map_err(io::Error::other)?;
        let count = state.plaintext_bytes_to_read();
        if count > 0 {
            input.reserve(count);
            io::copy(&mut self.session.reader().take(count as u64), &mut input.writer())?;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // What was encrypted before goes first, or it would be held without bounds.
        self.flush()?;
        let taken = self.session.writer().write(bytes)?;
        match self.flush() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut Now(&self.socket))?;
        }
        Ok(())
    }
}

/// A socket to which nobody waits.
struct Now<'a>(&'a TcpStream);

impl Read for Now<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Now<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
