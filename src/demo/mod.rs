//! Demos: scripts of load changes, faults and captions, played against the embedded scenario, so that a talk can be given
//! hands-free and always looks the same.
//!
//! ```text
//! script       a TOML file, checked                        (pure)
//! progress     which steps are due at which moment         (pure)
//! performance  does them: to a stage, and as cues for the screen
//! shipped      the scripts that come with the program
//! ```

pub mod performance;
pub mod progress;
pub mod script;
pub mod shipped;

pub use performance::{Performance, Stage};
pub use script::Script;
