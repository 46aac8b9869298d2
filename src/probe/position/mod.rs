//! Probes of the processor's position: how far it is on each partition.

pub mod checkpoint;
pub mod eventhubs_blob;
