//! Load: what is sent, when it is due, and what became of it.
//!
//! - [`payload`]: what an event says
//! - [`plan`]: which event is due when (pure)
//! - [`lane`]: which events go to which partition, in which order (pure)
//! - [`driver`]: sends what is due, and tells what became of it
//! - [`sink`]: where the events go

pub mod driver;
pub mod lane;
pub mod payload;
pub mod plan;
pub mod sink;

pub use driver::{LoadError, LoadHandle, LoadOptions};
