//! Probes of the processor's position: how far it is on each partition.
//!
//! - [`eventhubs_blob`]: checkpoints of Event Hubs processors in Blob storage, looked at again and again
//! - [`name`], [`checkpoint`]: what their names and their contents say, in each of the forms; pure
//! - [`search`]: which consumer groups there are, in which forms and spellings

mod bodies;
pub mod checkpoint;
mod container;
pub mod eventhubs_blob;
mod found;
pub mod name;
pub mod search;
