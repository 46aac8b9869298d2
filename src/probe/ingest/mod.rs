//! Probes of the ingest log: where each partition begins and ends.

pub mod eventhubs;
