//! The cosmos endpoint of the embedded scenario.
