//! Load: what is sent, when it is due, and what became of it.
//!
//! - [`payload`]: what an event says
//! - [`plan`]: which event is due when (pure)
//! - [`plan_steps`]: a plan as a person writes it (pure); [`search`]: for the highest rate that is kept up with (pure)
//! - [`lane`]: which events go to which partition, in which order (pure)
//! - [`driver`]: sends what is due, and tells what became of it
//! - [`sink`]: where the events go

pub mod driver;
pub mod lane;
pub mod payload;
pub mod plan;
pub mod plan_steps;
pub mod search;
pub mod sink;

pub use driver::{LoadError, LoadHandle, LoadOptions};
