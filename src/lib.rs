//! streamgauge: a terminal live monitor for streaming pipelines on Azure.
//!
//! The map of the crate, in the order in which a fact travels:
//!
//! - [`local`]: the embedded scenario: Event Hubs, Blob and Cosmos DB endpoints on loopback
//! - [`azure`]: what several parts share to reach Azure: addresses, credentials, clients
//! - [`load`]: drives events into the ingest log, open loop
//! - [`process`]: the stream processor: reads partitions, writes to the store, checkpoints
//! - [`model`]: what the observations add up to
//! - [`ui`]: the screen

pub mod azure;
pub mod load;
pub mod local;
pub mod model;
pub mod process;
pub mod ui;
