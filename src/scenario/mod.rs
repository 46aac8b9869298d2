//! What is attached to: the description that a person writes, and what is known of upstream's deployments.
//!
//! - [`file`]: the scenario file, TOML; [`value`]: what stands in it
//! - [`event_hubs`], [`checkpoints`], [`cosmos`]: a file for each vendor thing that can be described and watched
//! - [`catalogue`]: upstream's solutions, whose names follow from a prefix
//! - [`discovery`]: what a resource group holds, and the scenario file that names it
//! - [`places`]: a scenario with its credentials, ready to be watched, and the probes that watch it: the same for the
//!   embedded scenario and for a deployed one
//! - [`attached`]: a deployed scenario while it is attached to, with the load that may go into it

pub mod attached;
pub mod catalogue;
pub mod checkpoints;
pub mod cosmos;
pub mod discovery;
pub mod event_hubs;
pub mod file;
pub mod places;
pub mod value;

pub use file::ScenarioFile;
pub use places::{Places, ScenarioError};
