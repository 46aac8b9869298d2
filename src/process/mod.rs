//! The stream processor: reads its share of the partitions, writes to the store, checkpoints what is stored.
//!
//! ```text
//! sharing (a task)                  says which partitions are held, among others of the consumer group
//!   -> reader (a thread of its own) receives their events, makes each a document
//!   -> lanes (tasks)                write documents to the store; a device always takes the same lane
//!   -> watermark (per partition)    knows up to where everything is stored, without a gap
//!   -> checkpointer (a task)        writes the watermarks to Blob storage
//! ```
//!
//! A checkpoint never passes an event that is not stored. A restart, and another instance that takes a partition over,
//! therefore repeat some events and lose none; the repeats overwrite themselves, since a document's id is its event's.
//!
//! - [`balance`]: which partitions an instance should claim (pure)
//! - [`document`]: from an event to what the store keeps (pure)
//! - [`watermark`]: up to where everything is stored (pure)
//! - [`processor`]: start, stop, kill, hold a partition

pub mod balance;
mod blobs;
mod checkpoints;
pub mod document;
mod figures;
pub mod processor;
mod reader;
mod sharing;
mod tenures;
pub mod watermark;
mod writer;

pub use processor::{Processor, ProcessorError, ProcessorHandle, ProcessorOptions};
