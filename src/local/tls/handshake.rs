//! Handshakes: each bounded in time, and only so many at once, so that peers who connect and say nothing, or nonsense, keep
//! nobody else out.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

/// How long a handshake may take: two round trips, even over a slow line, with room to spare.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// How many may be under way at an endpoint at once; one more is turned away. Clients of a scenario come by the dozen.
const LIMIT: usize = 128;

/// The handshakes of one endpoint.
#[derive(Clone)]
pub(in crate::local) struct Handshakes {
    acceptor: TlsAcceptor,
    room: Arc<Semaphore>,
    time: Duration,
}

impl Handshakes {
    pub(in crate::local) fn new(config: Arc<ServerConfig>) -> Self {
        Self::bounded(config, LIMIT, TIME_LIMIT)
    }

    fn bounded(config: Arc<ServerConfig>, limit: usize, time: Duration) -> Self {
        Self { acceptor: TlsAcceptor::from(config), room: Arc::new(Semaphore::new(limit)), time }
    }

    /// The handshake of a new connection: to be awaited elsewhere than where connections are accepted. It gives nothing
    /// for a peer that speaks no TLS, does not trust us, or takes too long. `None` if too many are under way: the
    /// connection is closed.
    pub(in crate::local) fn begin(
        &self,
        stream: TcpStream,
    ) -> Option<impl Future<Output = Option<TlsStream<TcpStream>>> + Send + use<>> {
        let place = Arc::clone(&self.room).try_acquire_owned().ok()?;
        // The answers of a handshake are small and whole; a socket that refuses the option still works.
        drop(stream.set_nodelay(true));
        let (accepting, time): (Accept<TcpStream>, _) = (self.acceptor.accept(stream), self.time);
        Some(async move {
            let _place = place;
            tokio::time::timeout(time, accepting).await.ok()?.ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::super::Identity;
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    struct Door {
        listener: TcpListener,
        handshakes: Handshakes,
        identity: Identity,
    }

    impl Door {
        async fn open(limit: usize, time: Duration) -> Self {
            let identity = Identity::new(SystemTime::now()).unwrap();
            let handshakes = Handshakes::bounded(identity.server(&[]).unwrap(), limit, time);
            Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap(), handshakes, identity }
        }

        /// A peer, and what becomes of it here.
        async fn peer(&self) -> (TcpStream, Option<impl Future<Output = Option<TlsStream<TcpStream>>> + Send + use<>>) {
            let peer = TcpStream::connect(self.listener.local_addr().unwrap()).await.unwrap();
            let (stream, _) = self.listener.accept().await.unwrap();
            (peer, self.handshakes.begin(stream))
        }

        fn connector(&self) -> TlsConnector {
            let mut trusted = RootCertStore::empty();
            trusted.add(CertificateDer::from_pem_slice(self.identity.authority().as_bytes()).unwrap()).unwrap();
            TlsConnector::from(Arc::new(
                ClientConfig::builder_with_provider(Arc::new(
                    tokio_rustls::rustls::crypto::aws_lc_rs::default_provider(),
                ))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(trusted)
                .with_no_client_auth(),
            ))
        }
    }

    #[tokio::test]
    async fn every_name_of_this_machine_is_vouched_for_and_no_other() {
        let door = Door::open(4, LONG).await;
        for (name, trusted) in [("localhost", true), ("127.0.0.1", true), ("::1", true), ("example.com", false)] {
            let (peer, handshake) = door.peer().await;
            let name = ServerName::try_from(name).unwrap();
            let (client, server) = tokio::join!(door.connector().connect(name, peer), handshake.unwrap());
            assert_eq!(client.is_ok(), trusted, "{:?}", client.err());
            assert_eq!(server.is_some(), trusted);
        }
    }

    #[tokio::test]
    async fn who_speaks_no_tls_is_turned_away_at_once() {
        let door = Door::open(4, Duration::from_secs(3_600)).await;
        let long = "x".repeat(100_000);
        for said in ["AMQP\u{3}\u{1}\u{0}\u{0}", "GET / HTTP/1.1\r\nhost: x\r\n\r\n", long.as_str()] {
            let (mut peer, handshake) = door.peer().await;
            let saying = async { peer.write_all(said.as_bytes()).await };
            let (_said, accepted) = tokio::time::timeout(LONG, futures::future::join(saying, handshake.unwrap()))
                .await
                .expect("not after the hour");
            assert!(accepted.is_none());
        }
    }

    #[tokio::test]
    async fn who_says_nothing_is_let_go_and_leaves_room() {
        let door = Door::open(2, Duration::from_millis(50)).await;
        let (_first, one) = door.peer().await;
        let (_second, other) = door.peer().await;
        // There is no room for a third: it is closed, and not even its handshake begins.
        let (mut third, none) = door.peer().await;
        assert!(none.is_none());
        assert_eq!(tokio::time::timeout(LONG, third.read(&mut [0])).await.expect("closed").unwrap_or(0), 0);
        let (one, other) =
            tokio::time::timeout(LONG, futures::future::join(one.unwrap(), other.unwrap())).await.unwrap();
        assert!(one.is_none() && other.is_none());
        assert!(door.peer().await.1.is_some(), "both gave their places back");
    }
}
