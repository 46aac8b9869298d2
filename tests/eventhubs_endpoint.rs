//! The Event Hubs endpoint, driven from outside by the official Rust client.
//!
//! The endpoint runs as the program runs it: on a thread of its own with a current-thread runtime. So does each
//! client, because this version of the client can lose an acknowledgement when several threads drive it. Every
//! wait has an end, after which the test fails and says for what it waited.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::time::OffsetDateTime;
use azure_messaging_eventhubs::models::{EventData, ReceivedEventData};
use azure_messaging_eventhubs::{
    ConsumerClient, EventDataBatchOptions, EventReceiver, OpenReceiverOptions, ProducerClient, RetryOptions,
    SendEventOptions, StartLocation, StartPosition,
};
use futures::StreamExt;
use streamgauge::local::eventhubs::{EventHubsEndpoint, EventHubsOptions, Log};
use streamgauge::local::fault::{Fault, FaultSwitch};
use tokio::sync::oneshot;

/// Far more than anything here takes, so that only what hangs runs into it.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a step gives, or a failure that says what was waited for in vain.
async fn within<T>(what: &str, step: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, step).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: nothing came within {PATIENCE:?}"),
    }
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
                let _ = stopped.await.is_ok();
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
        let opening = ProducerClient::builder()
            .with_custom_endpoint(self.url.clone())
            .with_retry_options(no_retries())
            .open("127.0.0.1", "telemetry", Arc::new(AnyToken));
        within("opening a producer", opening).await.unwrap()
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

impl TokenCredential for AnyToken {
    /// What `async fn` in a trait becomes for a trait object.
    fn get_token<'me, 'scopes, 'scope, 'options, 'future>(
        &'me self,
        _scopes: &'scopes [&'scope str],
        _options: Option<TokenRequestOptions<'options>>,
    ) -> Pin<Box<dyn Future<Output = azure_core::Result<AccessToken>> + Send + 'future>>
    where
        'me: 'future,
        'scopes: 'future,
        'scope: 'future,
        'options: 'future,
    {
        let expiry = OffsetDateTime::now_utc() + Duration::from_secs(3600);
        Box::pin(async move { Ok(AccessToken::new("any", expiry)) })
    }
}

/// Sends events with these bodies as one batch to one partition.
async fn send_batch(producer: &ProducerClient, partition: &str, bodies: impl IntoIterator<Item = String>) {
    let options = EventDataBatchOptions { partition_id: Some(partition.to_owned()), ..Default::default() };
    let mut batch = within("creating a batch", producer.create_batch(Some(options))).await.unwrap();
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

async fn receiver(consumer: &ConsumerClient, partition: &str, location: StartLocation) -> EventReceiver {
    receiver_with(consumer, partition, location, false, None).await
}

async fn receiver_with(
    consumer: &ConsumerClient,
    partition: &str,
    location: StartLocation,
    inclusive: bool,
    owner_level: Option<i64>,
) -> EventReceiver {
    let options = OpenReceiverOptions {
        start_position: Some(StartPosition { location, inclusive }),
        owner_level,
        ..Default::default()
    };
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
    let receiver = receiver(&consumer, "1", StartLocation::SequenceNumber(6)).await;
    let received = take(&receiver, 3).await;
    assert_eq!(received.iter().map(body).collect::<Vec<_>>(), ["event 7", "event 8", "event 9"]);
    assert_eq!(
        received.iter().map(ReceivedEventData::sequence_number).collect::<Vec<_>>(),
        [Some(7), Some(8), Some(9)]
    );
    assert_eq!(received[2].offset().as_deref(), Some(partition.last_enqueued_offset.as_str()));
    assert!(received[0].enqueued_time().unwrap() <= SystemTime::now());
}
