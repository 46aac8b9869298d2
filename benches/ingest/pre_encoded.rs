//! The ceiling: batches that are encoded once, sent by the protocol's client library without the official client.

use std::sync::Arc;
use std::time::{Duration, Instant};

use azure_core::credentials::Secret;
use azure_core::http::Url;
use azure_core::time::OffsetDateTime;
use azure_core_amqp::message::AmqpMessageBody;
use azure_core_amqp::{
    AmqpClaimsBasedSecurity, AmqpClaimsBasedSecurityApis as _, AmqpConnection, AmqpConnectionApis as _,
    AmqpConnectionOptions, AmqpMessage, AmqpSendOptions, AmqpSendOutcome, AmqpSender, AmqpSenderApis as _, AmqpSession,
    AmqpSessionApis as _, AmqpSessionOptions,
};
use futures::future::join_all;
use streamgauge::azure::eventhubs::on_own_thread;

use super::endpoint::Endpoint;
use super::{BODY, Outcome, PARTITIONS, PATIENCE, total};

/// Event Hubs' message format of a batch: each data section is a whole encoded message.
const BATCH: u32 = 0x8001_3700;
/// Events in a batch: about a megabyte, as full ones are.
const EVENTS: u64 = 1_000;

pub(crate) async fn run(endpoint: &Endpoint, connections: u32, time: Duration) -> Outcome {
    let threads: Vec<_> = (0..connections)
        .map(|index| {
            let address = endpoint.address.clone();
            on_own_thread(&format!("pre-encoded-{index}"), move |_| async move {
                let host = Url::parse(&format!("amqps://{}/{}", address.namespace, address.hub)).expect("a URL");
                let target = format!("{host}/Partitions/{}", index % PARTITIONS);
                let custom_endpoint = address.custom_endpoint.as_deref().map(|text| Url::parse(text).expect("a URL"));
                let connection = Arc::new(AmqpConnection::new());
                let options = AmqpConnectionOptions { custom_endpoint, ..Default::default() };
                connection.open(format!("pre-encoded-{index}"), host, Some(options)).await.expect("a connection");
                authorize(&connection, &target).await;
                let session = AmqpSession::new();
                let windows = AmqpSessionOptions {
                    incoming_window: Some(u32::MAX),
                    outgoing_window: Some(u32::MAX),
                    ..Default::default()
                };
                session.begin(&connection, Some(windows)).await.expect("a session");
                let sender = AmqpSender::new();
                sender.attach(&session, "pre-encoded".into(), target, None).await.expect("a link");
                let batch = encoded_batch();
                let (mut events, began) = (0, Instant::now());
                while began.elapsed() < time {
                    let options = AmqpSendOptions { message_format: Some(BATCH), ..Default::default() };
                    let sending = sender.send_ref(&batch, Some(options));
                    let outcome = tokio::time::timeout(PATIENCE, sending).await.expect("in time").expect("sent");
                    assert!(matches!(outcome, AmqpSendOutcome::Accepted), "the batch was not accepted");
                    events += EVENTS;
                }
                (events, began.elapsed())
            })
            .expect("a thread")
        })
        .collect();
    let done = join_all(threads.into_iter().map(|thread| thread.finished(time + PATIENCE))).await;
    total(done.into_iter().map(|one| one.expect("an end")))
}

async fn authorize(connection: &Arc<AmqpConnection>, target: &str) {
    let session = AmqpSession::new();
    session.begin(connection, None).await.expect("a session");
    let security = AmqpClaimsBasedSecurity::new(session).expect("a security node");
    security.attach().await.expect("a link to it");
    let expires = OffsetDateTime::now_utc() + Duration::from_secs(3_600);
    let token = Secret::new("none".to_owned());
    security.authorize_path(target.to_owned(), None, &token, expires).await.expect("a permission");
}

fn encoded_batch() -> AmqpMessage {
    let event = AmqpMessage::builder().with_body(vec![b'x'; BODY]).build();
    let encoded = AmqpMessage::serialize(&event).expect("an encoded event");
    let count = usize::try_from(EVENTS).expect("a small number");
    AmqpMessage::builder().with_body(AmqpMessageBody::Binary(vec![encoded; count])).build()
}
