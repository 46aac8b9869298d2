//! What a peer may say to an endpoint that speaks TLS and is none: it is let go, soon and alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use streamgauge::local::blob::{BlobEndpoint, BlobOptions};
use streamgauge::local::cosmos::{CosmosEndpoint, CosmosOptions};
use streamgauge::local::eventhubs::{EventHubsEndpoint, EventHubsOptions};
use streamgauge::local::fault::FaultSwitch;
use streamgauge::local::tls::Identity;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const LIMIT: Duration = Duration::from_secs(60);

/// More than may begin a handshake at once.
const CROWD: usize = 160;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

async fn within<T>(what: &str, step: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(LIMIT, step).await;
    outcome.unwrap_or_else(|_| panic!("{what}: nothing came within {LIMIT:?}"))
}

/// The three endpoints, and what a client says to each that begins a conversation, with the beginning of the answer.
struct Endpoints {
    eventhubs: EventHubsEndpoint,
    blob: BlobEndpoint,
    cosmos: CosmosEndpoint,
    identity: Identity,
    doors: [(SocketAddr, &'static [u8], &'static [u8]); 3],
}

impl Endpoints {
    async fn start() -> Self {
        let identity = Identity::new(SystemTime::now()).expect("a certificate");
        let mut eventhubs = EventHubsEndpoint::start(EventHubsOptions::default()).await.expect("a hub");
        let blob = BlobOptions {
            listen: LOOPBACK,
            account: "devstoreaccount1".into(),
            container: "checkpoints".into(),
            faults: FaultSwitch::default(),
        };
        let mut blob = BlobEndpoint::start(blob).await.expect("an account");
        let cosmos = CosmosOptions {
            listen: LOOPBACK,
            database: "streaming".into(),
            container: "rawdata".into(),
            partition_key_path: "/deviceId".into(),
            request_units: 400,
            time_to_live: None,
            faults: FaultSwitch::default(),
        };
        let mut cosmos = CosmosEndpoint::start(cosmos).await.expect("a store");
        let http = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
        let doors = [
            (
                eventhubs.listen_with_tls(LOOPBACK, &identity).await.expect("a port"),
                &b"AMQP\x03\x01\0\0"[..],
                &b"AMQP"[..],
            ),
            (blob.listen_with_tls(LOOPBACK, &identity).await.expect("a port"), http, b"HTTP"),
            (cosmos.listen_with_tls(LOOPBACK, &identity).await.expect("a port"), http, b"HTTP"),
        ];
        Self { eventhubs, blob, cosmos, identity, doors }
    }

    /// A client that trusts the certificate.
    async fn client(&self, door: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
        let mut trusted = RootCertStore::empty();
        trusted.add(CertificateDer::from_pem_slice(self.identity.authority().as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(trusted)
            .with_no_client_auth();
        let name = ServerName::from(door.ip());
        TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(door).await?).await
    }

    async fn assert_served(&self, after: &str) {
        for (door, said, expected) in self.doors {
            let talking = async {
                let mut client = self.client(door).await?;
                client.write_all(said).await?;
                let mut answer = [0; 4];
                client.read_exact(&mut answer).await?;
                std::io::Result::Ok(answer)
            };
            let answer = within(after, talking).await.unwrap_or_else(|error| panic!("{door} {after}: {error}"));
            assert_eq!(answer, expected, "{door} {after}");
        }
    }

    async fn end(self) {
        within("the end", async {
            tokio::join!(self.eventhubs.shutdown(), self.blob.shutdown(), self.cosmos.shutdown())
        })
        .await;
    }
}

/// Reads until the endpoint hangs up; a reset is an end as well.
async fn last_words(stream: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    // What an end by reset is called does not matter.
    drop(within("the end of the connection", stream.read_to_end(&mut said)).await);
    said
}

#[tokio::test]
async fn what_is_no_tls_ends_its_own_connection_only() {
    let endpoints = Endpoints::start().await;
    // The beginning of a hello, and its length.
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    for (what, said) in [
        ("AMQP without TLS", b"AMQP\x03\x01\0\0".to_vec()),
        ("HTTP without TLS", b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec()),
        ("HTTP/2 without TLS", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("a hello of zeros", [&hello[..], &[0; 600]].concat()),
        ("a record that is too long", b"\x16\x03\x01\xff\xff".repeat(20_000)),
        ("an alert", b"\x15\x03\x01\x00\x02\x02\x28".to_vec()),
        ("noise", (0..40_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()),
    ] {
        for (door, ..) in endpoints.doors {
            let mut stream = within(what, TcpStream::connect(door)).await.unwrap();
            // It may have been let go before it had said all.
            drop(stream.write_all(&said).await);
            let answer = last_words(&mut stream).await;
            assert!(answer.is_empty() || answer[0] == 0x15, "{what} at {door}: more than an alert, {answer:?}");
        }
        endpoints.assert_served(what).await;
    }
    endpoints.end().await;
}

#[tokio::test]
async fn who_begins_a_handshake_and_says_no_more_is_let_go() {
    let endpoints = Endpoints::start().await;
    let mut standing = Vec::new();
    for (door, said, _) in endpoints.doors {
        let mut client = within("a client", endpoints.client(door)).await.unwrap();
        client.write_all(said).await.unwrap();
        standing.push(client);
    }
    for (door, ..) in endpoints.doors {
        let mut crowd = Vec::new();
        for _ in 0..CROWD {
            let mut stream = within("connecting", TcpStream::connect(door)).await.unwrap();
            drop(stream.write_all(b"\x16\x03").await);
            crowd.push(stream);
        }
        for mut stream in crowd {
            assert!(last_words(&mut stream).await.is_empty());
        }
    }
    endpoints.assert_served("after the crowd").await;
    // Who stood before stands still.
    for (client, (_, _, expected)) in standing.iter_mut().zip(endpoints.doors) {
        let mut answer = [0; 4];
        within("an answer", client.read_exact(&mut answer)).await.unwrap();
        assert_eq!(answer, expected);
    }
    drop(standing);
    endpoints.end().await;
}

#[tokio::test]
async fn handshakes_do_not_hold_up_the_end() {
    let endpoints = Endpoints::start().await;
    let mut silent = Vec::new();
    for (door, ..) in endpoints.doors {
        silent.push(within("connecting", TcpStream::connect(door)).await.unwrap());
    }
    endpoints.end().await;
    for mut stream in silent {
        assert!(last_words(&mut stream).await.is_empty());
    }
}
