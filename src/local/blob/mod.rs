//! The blob endpoint of the embedded scenario.
