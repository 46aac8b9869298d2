//! What an upsert costs the Cosmos DB endpoint in processor time, HTTP included, and in memory: figures, not checks.
//!
//! ```text
//! cargo test --release --test cosmos_cost -- --ignored --nocapture
//! ```
//!
//! The endpoint has a thread of its own, whose time Linux keeps; clients on other threads speak plain HTTP/1.1.

#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::print_stdout, reason = "it prints a figure")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::time::Instant;

use streamgauge::local::cosmos::{CosmosEndpoint, CosmosOptions};
use streamgauge::local::fault::FaultSwitch;

const CLIENTS: usize = 4;
const UPSERTS: usize = 10_000;

/// Nanoseconds that this thread has run (`proc(5)`, schedstat).
fn thread_time() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux keeps it");
    stat.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok()).expect("a number")
}

/// Bytes of memory that the process has (`proc(5)`, statm, in pages of 4 KiB).
fn memory() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux keeps it");
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number") * 4096
}

fn upsert(stream: &mut BufReader<TcpStream>, client: usize, number: usize) {
    let device = number % 1000;
    let body = format!(r#"{{"id":"{client}-{number}","deviceId":"device-{device}","text":"{}"}}"#, "x".repeat(950));
    let head = format!(
        "POST /dbs/streaming/colls/events/docs HTTP/1.1\r\nhost: x\r\nx-ms-documentdb-is-upsert: true\r\n\
         x-ms-documentdb-partitionkey: [\"device-{device}\"]\r\nprefer: return=minimal\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    stream.get_mut().write_all(&[head.as_bytes(), body.as_bytes()].concat()).expect("sent");
    let mut line = String::new();
    let mut length = 0;
    stream.read_line(&mut line).expect("a status");
    assert!(line.starts_with("HTTP/1.1 201"), "{line}");
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line).expect("a header");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().expect("a length");
        }
    }
    stream.read_exact(&mut vec![0; length]).expect("the body");
}

#[test]
#[ignore = "measures"]
fn upserts_of_a_kilobyte() {
    let (address_of, address) = mpsc::channel::<SocketAddr>();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let options = CosmosOptions {
                listen: SocketAddr::from(([127, 0, 0, 1], 0)),
                database: "streaming".into(),
                container: "events".into(),
                partition_key_path: "/deviceId".into(),
                request_units: 10_000_000,
                time_to_live: None,
                faults: FaultSwitch::default(),
            };
            let endpoint = CosmosEndpoint::start(options).await.expect("it starts");
            address_of.send(endpoint.address()).expect("somebody waits");
            let before = thread_time();
            drop(stopped.await);
            thread_time() - before
        })
    });
    let address = address.recv().expect("an address");
    let memory_before = memory();
    let begun = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            std::thread::spawn(move || {
                let stream = TcpStream::connect(address).expect("connected");
                stream.set_nodelay(true).expect("no delay");
                let mut stream = BufReader::new(stream);
                for number in 0..UPSERTS {
                    upsert(&mut stream, client, number);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().expect("a client ends");
    }
    let (took, kept) = (begun.elapsed(), memory() - memory_before);
    stop.send(()).expect("the server listens");
    let nanoseconds = server.join().expect("the server ends");
    let upserts = CLIENTS * UPSERTS;
    println!(
        "{upserts} upserts of 1 KB: {:.1} us of processor time and {} bytes of memory each, {:.0} a second",
        nanoseconds as f64 / 1000.0 / upserts as f64,
        kept / upserts,
        upserts as f64 / took.as_secs_f64()
    );
}
