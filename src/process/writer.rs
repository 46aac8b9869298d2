//! The writer: lanes that put documents into the store, each device always in the same lane, so that its documents keep
//! their order.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use azure_core::http::StatusCode;
use azure_data_cosmos::clients::ContainerClient;
use azure_data_cosmos::diagnostics::DiagnosticsContext;
use azure_data_cosmos::options::{ItemWriteOptions, OperationOptions, ThrottlingRetryOptions};
use tokio::sync::mpsc;

use super::document::Document;
use super::figures::{Counts, STORE};
use super::tenures::{Tenure, Tenures};
use crate::azure::backoff::Backoff;
use crate::azure::{AzureError, CosmosAddress, Service, cosmos};
use crate::model::units::SequenceNumber;

/// How long one write may take before it is tried again.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// What that is called in messages.
const WRITE: &str = "to write a document";
/// How many documents wait in front of each lane.
const QUEUE: usize = 8;

/// A document on its way, and which event it was.
pub(super) struct Work {
    pub(super) tenure: Tenure,
    pub(super) sequence: SequenceNumber,
    pub(super) document: Document,
}

/// The lanes' entrances.
#[derive(Clone)]
pub(super) struct Entrances(Arc<[mpsc::Sender<Work>]>);

impl Entrances {
    /// The lane of a device.
    pub(super) fn of(&self, device: &str) -> Option<&mpsc::Sender<Work>> {
        // FNV-1a: any hash does, since it decides nothing that outlives the process.
        let hash = device
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let lanes = u64::try_from(self.0.len()).ok()?.max(1);
        self.0.get(usize::try_from(hash % lanes).ok()?)
    }
}

/// So many lanes, each with its end to read from.
pub(super) fn lanes(count: usize) -> (Entrances, Vec<mpsc::Receiver<Work>>) {
    let (entrances, exits): (Vec<_>, Vec<_>) = (0..count.max(1)).map(|_| mpsc::channel(QUEUE)).unzip();
    (Entrances(entrances.into()), exits)
}

/// Connects to the store, for as long as it takes.
pub(super) async fn connect(address: &CosmosAddress, counts: &Counts) -> ContainerClient {
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    loop {
        match cosmos::container(address).await {
            Ok(container) => {
                counts.standing.well(STORE);
                return container;
            }
            Err(error) => {
                let wait = backoff.next_wait();
                counts.standing.trouble(STORE, error.for_writing().to_string(), wait);
                tokio::time::sleep(wait).await;
            }
        }
    }
}

/// One lane: writes its documents one after the other, each until the store has it, or until its partition is another's.
pub(super) async fn run_lane(
    mut exit: mpsc::Receiver<Work>,
    container: ContainerClient,
    tenures: Arc<Tenures>,
    counts: Arc<Counts>,
    place: Arc<str>,
) {
    let options = write_options();
    while let Some(work) = exit.recv().await {
        let is_ours = || tenures.stands(work.tenure);
        if write(&work.document, &container, &options, &counts, &place, is_ours).await {
            tenures.finish(work.tenure, work.sequence);
        }
    }
}

/// The SDK's own waiting on 429 is off: each is answered here, so that each is counted and a long one is seen.
fn write_options() -> ItemWriteOptions {
    let mut throttling = ThrottlingRetryOptions::default();
    throttling.max_retry_count = Some(0);
    let mut operation = OperationOptions::default();
    operation.throttling_retry_options = Some(throttling);
    // Sessions are for reading one's own writes; nothing is read here.
    operation.session_capturing_disabled = Some(true);
    ItemWriteOptions::default().with_operation_options(operation)
}

/// Writes a document as long as it is ours to write; whether the store has it.
async fn write(
    document: &Document,
    container: &ContainerClient,
    options: &ItemWriteOptions,
    counts: &Counts,
    place: &str,
    is_ours: impl Fn() -> bool,
) -> bool {
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
    let mut pressure = Backoff::new(Duration::from_millis(10), Duration::from_secs(1));
    let mut troubled = false;
    while is_ours() {
        let writing =
            container.upsert_item(document.device.clone(), &document.id, &document.json, Some(options.clone()));
        let wait = match tokio::time::timeout(WRITE_LIMIT, writing).await {
            Ok(Ok(response)) if response.headers().request_charge().is_none_or(|charge| charge.value() <= 0.0) => {
                // Every reply to a write says what it cost, and none is free. One that does not is no reply to this write,
                // whatever its status: the SDK does not look into it.
                counts.failed.fetch_add(1, Ordering::Relaxed);
                troubled = true;
                let wait = backoff.next_wait();
                counts.standing.trouble(STORE, format!("{place} answered with something else than asked"), wait);
                wait
            }
            Ok(Ok(response)) => {
                counts.written.fetch_add(1, Ordering::Relaxed);
                counts.charge(response.headers().request_charge().map_or(0.0, |charge| charge.value()));
                counts.throttled.fetch_add(throttles(&response.diagnostics()), Ordering::Relaxed);
                if troubled {
                    counts.standing.well(STORE);
                }
                return true;
            }
            Ok(Err(error)) => {
                let throttled = error.diagnostics().map_or(0, |diagnostics| throttles(&diagnostics));
                counts.throttled.fetch_add(throttled, Ordering::Relaxed);
                if error.status().is_throttled() {
                    counts.throttled.fetch_add(u64::from(throttled == 0), Ordering::Relaxed);
                    // What the store asks for is meant for one client; with many lanes waiting it has to grow.
                    let asked = error.response().and_then(|response| response.headers().retry_after_ms).unwrap_or(0);
                    Duration::from_millis(asked).max(pressure.next_wait())
                } else {
                    counts.failed.fetch_add(1, Ordering::Relaxed);
                    troubled = true;
                    let wait = backoff.next_wait();
                    let error = AzureError::refusing(Service::CosmosDb, place.to_owned(), WRITE, &error).for_writing();
                    counts.standing.trouble(STORE, error.to_string(), wait);
                    wait
                }
            }
            Err(_) => {
                counts.failed.fetch_add(1, Ordering::Relaxed);
                troubled = true;
                let wait = backoff.next_wait();
                let (service, address) = (Service::CosmosDb, place.to_owned());
                let error = AzureError::Timeout { service, address, call: WRITE, limit: WRITE_LIMIT };
                counts.standing.trouble(STORE, error.to_string(), wait);
                wait
            }
        };
        tokio::time::sleep(wait).await;
    }
    // Nobody else may be writing who could say how the store fares by now. A read says at least whether it answers.
    if troubled && tokio::time::timeout(WRITE_LIMIT, container.read(None)).await.is_ok_and(|read| read.is_ok()) {
        counts.standing.well(STORE);
    }
    false
}

/// How many of an operation's requests were answered with 429.
fn throttles(diagnostics: &DiagnosticsContext) -> u64 {
    let requests = diagnostics.requests();
    let throttled = |status| status == StatusCode::TooManyRequests;
    requests.iter().filter(|request| throttled(request.status().status_code())).count() as u64
}
