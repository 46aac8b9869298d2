//! From what a resource group holds to a scenario: what of it can be watched, which of several things was meant, and the
//! scenario file that names them. Nothing is guessed: one candidate alone is taken, several are put to the person.
//!
//! - [`look`]: asks the management API; [`choice`]: narrows candidates down; [`file`]: writes the scenario file

pub mod choice;
pub mod file;
pub mod look;

pub use choice::{Candidate, Choice, DiscoveryError, Kind, NONE, names_of, narrow};
pub use file::Selection;
pub use look::{CheckpointsFound, Found, HubFound, StoreFound};
