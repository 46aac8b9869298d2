//! What a peer may say to the Event Hubs endpoint that is wrong, over a bare socket.
//!
//! Whatever it is, that one connection ends, with the reason where the protocol has room for one, and the others
//! are served on.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::future::Future;
use std::time::Duration;

use streamgauge::local::eventhubs::{EventHubsEndpoint, EventHubsOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(120);

async fn within<T>(what: &str, step: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, step).await;
    outcome.unwrap_or_else(|_| panic!("{what}: nothing came within {PATIENCE:?}"))
}

/// The protocol header, and an open with a container id of one letter: `10` is its code, the list has one field.
const HEADER: &[u8] = b"AMQP\x00\x01\x00\x00";
const OPEN: &[u8] = b"\x00\x00\x00\x11\x02\x00\x00\x00\x00\x53\x10\xC0\x04\x01\xA1\x01c";

/// A begin on channel 0: no remote channel, ids and windows.
const BEGIN: &[u8] = b"\x00\x00\x00\x17\x02\x00\x00\x00\x00\x53\x11\xC0\x0A\x04\x40\x43\x52\x64\x70\x00\x00\x00\x64";

async fn connect(endpoint: &EventHubsEndpoint) -> TcpStream {
    within("connecting", TcpStream::connect(endpoint.address())).await.unwrap()
}

/// Reads until the endpoint hangs up, and gives what it said. A reset is an end as well.
async fn last_words(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let reading = async {
        let mut buffer = [0; 4096];
        loop {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(count) => said.extend_from_slice(&buffer[..count]),
            }
        }
    };
    within("the end of the connection", reading).await;
    String::from_utf8_lossy(&said).into_owned()
}

/// A connection that opens and is opened.
async fn assert_served(endpoint: &EventHubsEndpoint, after: &str) {
    let mut stream = connect(endpoint).await;
    stream.write_all(HEADER).await.unwrap();
    stream.write_all(OPEN).await.unwrap();
    let mut header = [0; 8];
    within(after, stream.read_exact(&mut header)).await.unwrap();
    assert_eq!(header, HEADER, "{after}");
    let mut frame = [0; 11];
    within(after, stream.read_exact(&mut frame)).await.unwrap();
    assert_eq!(frame[8..], [0x00, 0x53, 0x10], "an open is due {after}");
}

#[tokio::test]
async fn what_is_wrong_ends_its_own_connection_only() {
    let endpoint = EventHubsEndpoint::start(EventHubsOptions::default()).await.unwrap();
    // What it is; the bytes, behind header and open where they are given; what the endpoint says to it.
    let cases: [(&str, &[&[u8]], &str); 14] = [
        ("HTTP", &[b"GET / HTTP/1.1\r\n\r\n"], "AMQP\u{3}"),
        ("TLS", &[b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"], "AMQP\u{3}"),
        ("another version", &[b"AMQP\x00\x00\x09\x01"], "AMQP\u{3}"),
        ("a frame before the header", &[OPEN], "AMQP\u{3}"),
        ("an AMQP frame during login", &[b"AMQP\x03\x01\x00\x00", OPEN], ""),
        ("garbage during login", &[b"AMQP\x03\x01\x00\x00", b"\x00\x00\x00\x0A\x02\x01\x00\x00\xFF\xFF"], ""),
        ("a frame that is too large", &[HEADER, OPEN, b"\x7F\xFF\xFF\xFF\x02\x00\x00\x00"], "framing-error"),
        ("a frame that is too small", &[HEADER, OPEN, b"\x00\x00\x00\x03\x02\x00\x00\x00"], "framing-error"),
        ("a data offset into nowhere", &[HEADER, OPEN, b"\x00\x00\x00\x08\xFF\x00\x00\x00"], "framing-error"),
        ("a frame of unknown type", &[HEADER, OPEN, b"\x00\x00\x00\x08\x02\x77\x00\x00"], "framing-error"),
        ("a body of garbage", &[HEADER, OPEN, b"\x00\x00\x00\x0C\x02\x00\x00\x00\xDE\xAD\xBE\xEF"], "decode-error"),
        (
            "an unknown performative",
            &[HEADER, OPEN, b"\x00\x00\x00\x0C\x02\x00\x00\x00\x00\x53\x99\x45"],
            "decode-error",
        ),
        (
            "a begin without windows",
            &[HEADER, OPEN, b"\x00\x00\x00\x0C\x02\x00\x00\x00\x00\x53\x11\x45"],
            "decode-error",
        ),
        ("a second begin on a channel", &[HEADER, OPEN, BEGIN, BEGIN], "not-allowed"),
    ];
    let mut bystander = connect(&endpoint).await;
    bystander.write_all(&[HEADER, OPEN].concat()).await.unwrap();
    for (what, bytes, expected) in cases {
        let mut stream = connect(&endpoint).await;
        stream.write_all(&bytes.concat()).await.unwrap();
        let said = last_words(&mut stream).await;
        assert!(said.contains(expected), "{what}: {said:?}");
        assert_served(&endpoint, &format!("after {what}")).await;
    }
    // The bystander's session still begins: 11 is the code of a begin.
    bystander.write_all(BEGIN).await.unwrap();
    let beginning = async {
        let mut said = Vec::new();
        while !said.windows(3).any(|code| code == [0x00, 0x53, 0x11]) {
            assert_ne!(bystander.read_buf(&mut said).await.unwrap(), 0, "the bystander was cut off");
        }
    };
    within("the bystander's session", beginning).await;
    within("the shutdown", endpoint.shutdown()).await;
}

#[tokio::test]
async fn a_peer_that_is_cut_off_mid_frame_leaves_nothing_behind() {
    let endpoint = EventHubsEndpoint::start(EventHubsOptions::default()).await.unwrap();
    let whole = [HEADER, OPEN, BEGIN].concat();
    for cut in 0..whole.len() {
        let mut stream = connect(&endpoint).await;
        stream.write_all(&whole[..cut]).await.unwrap();
        stream.shutdown().await.unwrap();
        last_words(&mut stream).await;
    }
    assert_served(&endpoint, "after every cut").await;
}

#[tokio::test]
async fn peers_that_say_nothing_keep_nobody_from_being_served() {
    let endpoint = EventHubsEndpoint::start(EventHubsOptions::default()).await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(connect(&endpoint).await);
    }
    assert_served(&endpoint, "beside silent peers").await;
    // At the end of the endpoint they are let go as well.
    within("the shutdown", endpoint.shutdown()).await;
    for mut stream in silent {
        last_words(&mut stream).await;
    }
}

/// A peer that asks far more than any buffer holds, and reads the answers as it pleases: the endpoint stops reading
/// while it cannot write, and in the end has answered everything.
#[tokio::test]
async fn a_peer_that_reads_late_is_answered_in_full() {
    const FLOWS: usize = 200_000;
    // A flow of the session that asks for one in answer: windows, no link, no drain, echo.
    let flow =
        b"\x00\x00\x00\x1A\x02\x00\x00\x00\x00\x53\x13\xC0\x0D\x0A\x43\x52\x64\x43\x52\x64\x40\x40\x40\x40\x42\x41";
    let endpoint = EventHubsEndpoint::start(EventHubsOptions::default()).await.unwrap();
    let mut stream = connect(&endpoint).await;
    stream.write_all(&[HEADER, OPEN, BEGIN].concat()).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    let asking = async {
        for _ in 0..FLOWS / 1000 {
            writing.write_all(&flow.repeat(1000)).await.unwrap();
        }
    };
    let counting = async {
        let mut header = [0; 8];
        reading.read_exact(&mut header).await.unwrap();
        let mut answers = 0;
        while answers < FLOWS {
            let length = reading.read_u32().await.unwrap() as usize;
            let mut rest = vec![0; length - 4];
            reading.read_exact(&mut rest).await.unwrap();
            // 13 is the code of a flow; open and begin came before.
            answers += usize::from(rest[4..7] == [0x00, 0x53, 0x13]);
        }
    };
    within("all answers", async { tokio::join!(asking, counting) }).await;
    assert_served(&endpoint, "after a greedy peer").await;
}
