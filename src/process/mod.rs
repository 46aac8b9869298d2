//! The stream processor: reads every partition, writes to the store, checkpoints what is stored.
//!
//! ```text
//! reader (a thread of its own)      receives events of all partitions, makes each a document
//!   -> lanes (tasks)                write documents to the store; a device always takes the same lane
//!   -> watermark (per partition)    knows up to where everything is stored, without a gap
//!   -> checkpointer (a task)        writes the watermarks to Blob storage
//! ```
//!
//! A checkpoint never passes an event that is not stored. A restart therefore repeats some events and loses none; the
//! repeats overwrite themselves, since a document's id is its event's.
//!
//! - [`document`]: from an event to what the store keeps (pure)
//! - [`watermark`]: up to where everything is stored (pure)
//! - [`processor`]: start, stop, kill, hold a partition

mod checkpoints;
pub mod document;
mod figures;
pub mod processor;
mod reader;
pub mod watermark;
mod writer;

pub use processor::{Processor, ProcessorError, ProcessorHandle, ProcessorOptions};
