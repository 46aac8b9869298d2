//! Recordings: what a session saw, written always and replayed anywhere.
//!
//! In the order in which a fact travels:
//!
//! - [`format`]: observations as JSON lines, and back
//! - [`frame`]: lines in independent compressed frames
//! - [`writer`]: takes observations on a thread of its own and appends a frame each second
//! - [`reader`]: opens a recording, whole or damaged, and reads frame after frame
//! - [`survey`]: what is known of a recording as far as it was read: frames, moments, snapshots of the session

pub mod error;
pub mod format;
pub mod frame;
pub mod reader;
mod source;
pub mod survey;
pub mod writer;
