//! The Event Hubs endpoint, driven from outside by the official Rust client.
//!
//! The endpoint runs as the program runs it: on a thread of its own with a current-thread runtime. So does each
//! client, because this version of the client can lose an acknowledgement when several threads drive it. Every
//! wait has an end, after which the test fails and says for what it waited.
//!
//! Epochs are not tried here: this client loses the properties of its links (fe2o3-amqp 0.14.1 drops them when the
//! link is named), so its receivers never have one. The other clients' do, see `eventhubs_peers.rs`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::time::OffsetDateTime;
use azure_messaging_eventhubs::models::{EventData, ReceivedEventData};
use azure_messaging_eventhubs::{
    ConsumerClient, EventDataBatchOptions, EventHubsError, EventReceiver, OpenReceiverOptions, ProducerClient,
    RetryOptions, SendEventOptions, StartLocation, StartPosition,
};
use futures::StreamExt;
use streamgauge::local::eventhubs::{EventHubsEndpoint, EventHubsOptions, Log};
use streamgauge::local::fault::{Fault, FaultSwitch};
use tokio::sync::oneshot;

/// Far more than anything here takes, so that only what hangs runs into it.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a step gives, or a failure that says what was waited for in vain.
async fn within<T>(what: &str, step: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, step).await;
    outcome.unwrap_or_else(|_| panic!("{what}: nothing came within {PATIENCE:?}"))
}

/// The endpoint on its own thread; dropping it shuts it down.
struct Served {
    url: String,
    log: Arc<Log>,
    faults: FaultSwitch,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Served {
    /// The hub `telemetry`.
    async fn start(options: EventHubsOptions) -> Self {
        let faults = options.faults.clone();
        let options = EventHubsOptions { hub: "telemetry".to_owned(), ..options };
        let (started, start) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let endpoint = EventHubsEndpoint::start(options).await.unwrap();
                started.send((endpoint.address(), endpoint.log())).unwrap();
                // Told, or dropped: either is the end.
                drop(stopped.await);
                endpoint.shutdown().await;
            });
        });
        let (address, log) = within("the endpoint's start", start).await.unwrap();
        Self { url: format!("amqp://{address}"), log, faults, stop: Some(stop), thread: Some(thread) }
    }

    async fn with_partitions(partitions: u32) -> Self {
        Self::start(EventHubsOptions { partitions, ..EventHubsOptions::default() }).await
    }

    async fn producer(&self) -> ProducerClient {
        within("opening a producer", self.open_producer()).await.unwrap()
    }

    async fn open_producer(&self) -> Result<ProducerClient, EventHubsError> {
        ProducerClient::builder()
            .with_custom_endpoint(self.url.clone())
            .with_retry_options(no_retries())
            .open("127.0.0.1", "telemetry", Arc::new(AnyToken))
            .await
    }

    async fn consumer(&self) -> ConsumerClient {
        self.consumer_of("$Default").await
    }

    async fn consumer_of(&self, consumer_group: &str) -> ConsumerClient {
        let opening = ConsumerClient::builder()
            .with_custom_endpoint(self.url.clone())
            .with_consumer_group(consumer_group.to_owned())
            .with_retry_options(no_retries())
            .open("127.0.0.1", "telemetry".to_owned(), Arc::new(AnyToken));
        within("opening a consumer", opening).await.unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let outcome = thread.join();
            assert!(outcome.is_ok() || std::thread::panicking(), "the endpoint's thread panicked");
        }
    }
}

/// The client's own retries would hide what the endpoint answers.
fn no_retries() -> RetryOptions {
    RetryOptions { max_retries: 0, ..RetryOptions::default() }
}

/// A credential for an endpoint that takes any token.
#[derive(Debug)]
struct AnyToken;

#[async_trait]
impl TokenCredential for AnyToken {
    async fn get_token(
        &self,
        _scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        Ok(AccessToken::new("any", OffsetDateTime::now_utc() + Duration::from_secs(3600)))
    }
}

/// Sends events with these bodies as one batch to one partition.
async fn send_batch(producer: &ProducerClient, partition: &str, bodies: impl IntoIterator<Item = String>) {
    let options = EventDataBatchOptions { partition_id: Some(partition.to_owned()), ..Default::default() };
    let batch = within("creating a batch", producer.create_batch(Some(options))).await.unwrap();
    for body in bodies {
        assert!(batch.try_add_event_data(body.as_str(), None).unwrap(), "the batch is full");
    }
    within("sending a batch", producer.send_batch(batch, None)).await.unwrap();
}

fn bodies(range: std::ops::Range<usize>) -> impl Iterator<Item = String> {
    range.map(|number| format!("event {number}"))
}

fn body(event: &ReceivedEventData) -> String {
    String::from_utf8(event.event_data().body().unwrap().to_vec()).unwrap()
}

fn numbers(events: &[ReceivedEventData]) -> Vec<i64> {
    events.iter().map(|event| event.sequence_number().unwrap()).collect()
}

async fn open_receiver(consumer: &ConsumerClient, partition: &str, location: StartLocation) -> EventReceiver {
    open_receiver_with(consumer, partition, location, false).await
}

async fn open_receiver_with(
    consumer: &ConsumerClient,
    partition: &str,
    location: StartLocation,
    inclusive: bool,
) -> EventReceiver {
    let options =
        OpenReceiverOptions { start_position: Some(StartPosition { location, inclusive }), ..Default::default() };
    let opening = consumer.open_receiver_on_partition(partition.to_owned(), Some(options));
    within("opening a receiver", opening).await.unwrap()
}

async fn take(receiver: &EventReceiver, count: usize) -> Vec<ReceivedEventData> {
    let events = receiver.stream_events().take(count).map(Result::unwrap).collect();
    within(&format!("receiving {count} events"), events).await
}

#[tokio::test]
async fn the_hub_and_a_fresh_partition_tell_their_properties() {
    let served = Served::with_partitions(3).await;
    let producer = served.producer().await;

    let hub = within("properties of the hub", producer.get_eventhub_properties()).await.unwrap();
    assert_eq!(hub.name, "telemetry");
    assert_eq!(hub.partition_ids, ["0", "1", "2"]);
    assert!(hub.created_on.unwrap() <= SystemTime::now());

    let partition = within("properties of a partition", producer.get_partition_properties("2")).await.unwrap();
    assert_eq!(partition.id, "2");
    assert_eq!(partition.eventhub, "telemetry");
    assert_eq!(partition.beginning_sequence_number, 0);
    assert_eq!(partition.last_enqueued_sequence_number, -1);
    assert_eq!(partition.last_enqueued_offset, "-1");
    assert!(partition.is_empty);
}

#[tokio::test]
async fn a_batch_to_a_partition_is_received_from_a_sequence_number_on() {
    let served = Served::with_partitions(2).await;
    let producer = served.producer().await;
    send_batch(&producer, "1", bodies(0..10)).await;

    let partition = within("properties of a partition", producer.get_partition_properties("1")).await.unwrap();
    assert_eq!((partition.beginning_sequence_number, partition.last_enqueued_sequence_number), (0, 9));
    assert!(!partition.is_empty);
    assert_eq!(served.log.status(0).unwrap().events, 0, "nothing went to the other partition");

    let consumer = served.consumer().await;
    let receiver = open_receiver(&consumer, "1", StartLocation::SequenceNumber(6)).await;
    let events = take(&receiver, 3).await;
    assert_eq!(events.iter().map(body).collect::<Vec<_>>(), ["event 7", "event 8", "event 9"]);
    assert_eq!(numbers(&events), [7, 8, 9]);
    assert_eq!(events[2].offset().as_deref(), Some(partition.last_enqueued_offset.as_str()));
    assert!(events[0].enqueued_time().unwrap() <= SystemTime::now());
}

#[tokio::test]
async fn a_client_may_begin_anywhere() {
    let served = Served::with_partitions(1).await;
    let producer = served.producer().await;
    for number in 0..3 {
        send_batch(&producer, "0", [format!("event {number}")]).await;
    }
    let consumer = served.consumer().await;
    let all = take(&open_receiver(&consumer, "0", StartLocation::Earliest).await, 3).await;
    assert_eq!(numbers(&all), [0, 1, 2]);

    let offset = || StartLocation::Offset(all[1].offset().clone().unwrap());
    let cases = [
        ("after a sequence number", StartLocation::SequenceNumber(1), false, 2),
        ("from a sequence number", StartLocation::SequenceNumber(1), true, 1),
        ("after an offset", offset(), false, 2),
        ("from an offset", offset(), true, 1),
        ("after a time long ago", StartLocation::EnqueuedTime(SystemTime::UNIX_EPOCH), false, 0),
        // Several events may share a time: the first of them it is.
        ("from the time of the first", StartLocation::EnqueuedTime(all[0].enqueued_time().unwrap()), true, 0),
    ];
    for (what, location, inclusive, first) in cases {
        // A client keeps one receiver for each partition: another position needs another client.
        let consumer = served.consumer().await;
        let receiver = open_receiver_with(&consumer, "0", location, inclusive).await;
        assert_eq!(numbers(&take(&receiver, 1).await), [first], "{what}");
    }
}

#[tokio::test]
async fn the_latest_position_passes_over_what_was_there() {
    let served = Served::with_partitions(1).await;
    let producer = served.producer().await;
    send_batch(&producer, "0", bodies(0..3)).await;
    let consumer = served.consumer().await;
    let receiver = open_receiver(&consumer, "0", StartLocation::Latest).await;
    let mut events = receiver.stream_events();
    // Nobody is told when the receiver is attached, so events are sent until one arrives.
    let sending = async {
        loop {
            send_batch(&producer, "0", ["new".to_owned()]).await;
        }
    };
    let first = within(
        "an event after the latest",
        Box::pin(async {
            tokio::select! {
                event = events.next() => event.unwrap().unwrap(),
                () = sending => unreachable!("the loop has no end"),
            }
        }),
    )
    .await;
    assert_eq!(body(&first), "new");
    assert!(first.sequence_number() >= Some(3));
}

#[tokio::test]
async fn a_key_keeps_events_together_and_turns_spread_them() {
    let served = Served::with_partitions(4).await;
    let producer = served.producer().await;
    let options = || EventDataBatchOptions { partition_key: Some("sensor-17".to_owned()), ..Default::default() };
    for _ in 0..3 {
        let batch = within("creating a batch", producer.create_batch(Some(options()))).await.unwrap();
        assert!(batch.try_add_event_data("keyed", None).unwrap());
        within("sending a batch", producer.send_batch(batch, None)).await.unwrap();
    }
    let counts: Vec<usize> = served.log.statuses().iter().map(|status| status.events).collect();
    assert_eq!(counts.iter().filter(|count| **count > 0).count(), 1, "{counts:?}");
    let partition = counts.iter().position(|count| *count == 3).unwrap();

    let consumer = served.consumer().await;
    let receiver = open_receiver(&consumer, &partition.to_string(), StartLocation::Earliest).await;
    let events = take(&receiver, 3).await;
    assert!(events.iter().all(|event| event.partition_key().as_deref() == Some("sensor-17")));

    for number in 0..4 {
        let event = EventData::builder().with_body(format!("event {number}")).build();
        within("sending an event", producer.send_event(event, None)).await.unwrap();
    }
    let after: Vec<usize> = served.log.statuses().iter().map(|status| status.events).collect();
    assert!(after.iter().zip(&counts).all(|(after, before)| after - before == 1), "{counts:?} then {after:?}");
}

#[tokio::test]
async fn an_event_keeps_its_properties_and_large_ones_their_bytes() {
    let served = Served::with_partitions(1).await;
    let producer = served.producer().await;
    // Larger than a frame, so that it travels in several transfers each way.
    let large: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let event = EventData::builder()
        .with_body(large.clone())
        .with_content_type("application/octet-stream".to_owned())
        .add_property("kind".to_owned(), "large")
        .build();
    let to_partition_0 = SendEventOptions { partition_id: Some("0".to_owned()) };
    within("sending a large event", producer.send_event(event, Some(to_partition_0))).await.unwrap();
    let consumer = served.consumer().await;
    let received = take(&open_receiver(&consumer, "0", StartLocation::Earliest).await, 1).await.remove(0);
    assert_eq!(received.event_data().body().unwrap(), large);
    assert_eq!(received.event_data().content_type(), Some("application/octet-stream"));
    assert!(received.event_data().properties().unwrap().contains_key("kind"));
}

#[tokio::test]
async fn many_events_flow_through_credit_and_windows() {
    const EVENTS: usize = 5000;
    let served = Served::with_partitions(1).await;
    let producer = served.producer().await;
    for start in (0..EVENTS).step_by(500) {
        send_batch(&producer, "0", bodies(start..start + 500)).await;
    }
    let consumer = served.consumer().await;
    let events = take(&open_receiver(&consumer, "0", StartLocation::Earliest).await, EVENTS).await;
    assert!(events.iter().enumerate().all(|(number, event)| body(event) == format!("event {number}")));
}

#[tokio::test]
async fn retention_moves_the_beginning_and_a_receiver_before_it_resumes_there() {
    let options = EventHubsOptions { partitions: 1, retention_bytes: 20_000, ..EventHubsOptions::default() };
    let served = Served::start(options).await;
    let producer = served.producer().await;
    for start in (0..1000).step_by(100) {
        send_batch(&producer, "0", bodies(start..start + 100)).await;
    }
    let status = served.log.status(0).unwrap();
    assert!(status.bytes <= 20_000);
    assert_eq!(status.last.0, 999);
    let properties = within("properties", producer.get_partition_properties("0")).await.unwrap();
    assert!(properties.beginning_sequence_number > 0);
    assert_eq!(properties.beginning_sequence_number, status.earliest.0);

    let consumer = served.consumer().await;
    let first = take(&open_receiver(&consumer, "0", StartLocation::SequenceNumber(0)).await, 1).await.remove(0);
    assert_eq!(first.sequence_number(), Some(status.earliest.0));
    assert_eq!(body(&first), format!("event {}", status.earliest.0));
}

/// What a receiver's stream ends with.
async fn failure(receiver: &EventReceiver) -> EventHubsError {
    let failing = async {
        let mut events = receiver.stream_events();
        loop {
            match events.next().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return error,
                None => panic!("the stream ended without an error"),
            }
        }
    };
    within("a receiver's failure", failing).await
}

#[tokio::test]
async fn what_does_not_exist_is_named_in_the_refusal() {
    let options = EventHubsOptions { consumer_groups: vec!["readers".to_owned()], ..EventHubsOptions::default() };
    let served = Served::start(options).await;
    let producer = served.producer().await;
    send_batch(&producer, "0", bodies(0..1)).await;
    let known = served.consumer_of("readers").await;
    take(&open_receiver(&known, "0", StartLocation::Earliest).await, 1).await;

    let unknown = served.consumer_of("nobody").await;
    let error = failure(&open_receiver(&unknown, "0", StartLocation::Earliest).await).await;
    assert!(format!("{error:?}").contains("no consumer group 'nobody'"), "{error:?}");

    let error = within("properties", producer.get_partition_properties("17")).await.unwrap_err();
    assert!(format!("{error:?}").contains("partition '17'"), "{error:?}");
}

#[tokio::test]
async fn an_event_too_large_is_refused_and_the_connection_lives() {
    let served = Served::with_partitions(1).await;
    let producer = served.producer().await;
    let event = EventData::builder().with_body(vec![0; 2_000_000]).build();
    let outcome = within("sending a huge event", producer.send_event(event, None)).await;
    assert!(format!("{:?}", outcome.unwrap_err()).contains("larger than the 1048576 bytes"));
    within("properties", producer.get_eventhub_properties()).await.unwrap();
    assert!(served.log.status(0).unwrap().is_empty());
    send_batch(&served.producer().await, "0", bodies(0..1)).await;
}

#[tokio::test]
async fn throttling_is_told_and_passes() {
    let served = Served::with_partitions(1).await;
    let producer = served.producer().await;
    send_batch(&producer, "0", bodies(0..1)).await;
    served.faults.set(Fault::Throttle);
    let options = EventDataBatchOptions { partition_id: Some("0".to_owned()), ..Default::default() };
    let batch = within("creating a batch", producer.create_batch(Some(options))).await.unwrap();
    assert!(batch.try_add_event_data("throttled", None).unwrap());
    let error = within("a throttled send", producer.send_batch(batch, None)).await.unwrap_err();
    assert!(format!("{error:?}").contains("ServerBusy"), "{error:?}");
    let error = within("throttled properties", producer.get_eventhub_properties()).await.unwrap_err();
    assert!(format!("{error:?}").contains("503"), "{error:?}");

    served.faults.clear();
    send_batch(&producer, "0", bodies(1..2)).await;
    within("properties", producer.get_eventhub_properties()).await.unwrap();
    assert_eq!(served.log.status(0).unwrap().last.0, 1);
}

#[tokio::test]
async fn a_wrong_reply_is_an_error_and_passes() {
    let served = Served::with_partitions(1).await;
    let producer = served.producer().await;
    within("properties", producer.get_eventhub_properties()).await.unwrap();
    served.faults.set(Fault::WrongReply);
    assert!(within("wrong properties", producer.get_eventhub_properties()).await.is_err());
    served.faults.clear();
    within("properties", producer.get_eventhub_properties()).await.unwrap();
}

#[tokio::test]
async fn refusal_concerns_new_connections_and_a_cut_all() {
    let served = Served::with_partitions(1).await;
    let standing = served.producer().await;
    send_batch(&standing, "0", bodies(0..1)).await;

    served.faults.set(Fault::Refuse);
    send_batch(&standing, "0", bodies(1..2)).await;
    let opening = served.open_producer();
    assert!(within("a refused opening", opening).await.is_err());

    served.faults.set(Fault::Cut);
    let event = EventData::builder().with_body("lost").build();
    assert!(within("a send that is cut", standing.send_event(event, None)).await.is_err());
    assert!(within("an opening that is cut", served.open_producer()).await.is_err());

    served.faults.clear();
    send_batch(&served.producer().await, "0", bodies(2..3)).await;
    assert_eq!(served.log.status(0).unwrap().last.0, 2);
}

#[tokio::test]
async fn delayed_answers_come_all_the_same_and_in_order() {
    let served = Served::with_partitions(1).await;
    served.faults.set(Fault::Delay(Duration::from_millis(5)));
    let producer = served.producer().await;
    send_batch(&producer, "0", bodies(0..10)).await;
    let consumer = served.consumer().await;
    let events = take(&open_receiver(&consumer, "0", StartLocation::Earliest).await, 10).await;
    assert_eq!(numbers(&events), (0..10).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_endpoint_serves_from_several_threads_as_well() {
    let options = EventHubsOptions { hub: "telemetry".to_owned(), ..EventHubsOptions::default() };
    let endpoint = EventHubsEndpoint::start(options).await.unwrap();
    let address = endpoint.address();
    // The client gets a thread of its own.
    let client = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let opening = ProducerClient::builder()
                .with_custom_endpoint(format!("amqp://{address}"))
                .with_retry_options(no_retries())
                .open("127.0.0.1", "telemetry", Arc::new(AnyToken));
            let producer = within("opening a producer", opening).await.unwrap();
            send_batch(&producer, "0", bodies(0..10)).await;
        });
    });
    let joined = within("the client", tokio::task::spawn_blocking(|| client.join())).await.unwrap();
    assert!(joined.is_ok());
    assert_eq!(endpoint.log().status(0).unwrap().events, 10);
    within("the shutdown", endpoint.shutdown()).await;
}

#[tokio::test]
async fn the_end_frees_the_port_and_a_taken_one_is_explained() {
    let endpoint = EventHubsEndpoint::start(EventHubsOptions::default()).await.unwrap();
    let options = EventHubsOptions { listen: endpoint.address(), ..EventHubsOptions::default() };
    let error = EventHubsEndpoint::start(options.clone()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "port {} on 127.0.0.1 is taken: choose another with --eventhubs-port, or leave it out for any free one",
            endpoint.address().port()
        )
    );
    within("the shutdown", endpoint.shutdown()).await;
    EventHubsEndpoint::start(options).await.unwrap();

    for (partitions, hub) in [(0, "events"), (2049, "events"), (1, ""), (1, "a hub"), (1, "a/b")] {
        let options = EventHubsOptions { partitions, hub: hub.to_owned(), ..EventHubsOptions::default() };
        assert!(EventHubsEndpoint::start(options).await.is_err(), "{partitions} partitions, hub {hub:?}");
    }
}

#[tokio::test]
async fn the_connection_string_says_all_that_a_client_needs() {
    let endpoint = EventHubsEndpoint::start(EventHubsOptions::default()).await.unwrap();
    let text = endpoint.connection_string();
    assert!(text.starts_with(&format!("Endpoint=sb://127.0.0.1:{};", endpoint.address().port())), "{text}");
    assert!(text.ends_with(";UseDevelopmentEmulator=true;EntityPath=events"), "{text}");
}
