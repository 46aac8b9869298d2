//! streamgauge: a terminal live monitor for streaming pipelines on Azure.
//!
//! The map of the crate, in the order in which a fact travels:
//!
//! - [`local`]: the embedded scenario: Event Hubs, Blob and Cosmos DB endpoints on loopback
//! - [`load`]: drives events into the ingest log, open loop
//! - [`process`]: the stream processor: reads partitions, writes to the store, checkpoints

pub mod load;
pub mod local;
pub mod process;
