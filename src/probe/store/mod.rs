//! Probes of the store: what was written, and how long it took to get there.

pub mod cosmos;
