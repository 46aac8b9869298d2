//! Recordings: what a session saw, written always and replayed anywhere.
//!
//! In the order in which a fact travels:
//!
//! - [`format`]: observations as JSON lines, and back
//! - [`frame`]: lines in independent compressed frames
//! - [`writer`]: takes observations on a thread of its own and appends a frame each second
//! - [`folder`]: where recordings are kept by default, their names, and how many of them
//! - [`reader`]: opens a recording, whole or damaged, and reads frame after frame
//! - [`survey`]: what is known of a recording as far as it was read: frames, moments, snapshots of the session
//! - [`player`]: the session at any moment of a recording
//! - [`trace`]: the figures of all of it, second by second
//! - [`clock`]: the moment that a replay shows: play, pause, speed, steps; [`jump`]: the places a person can type
//! - [`samples`]: recordings that come with the program

pub mod clock;
pub mod error;
pub mod folder;
pub mod format;
pub mod frame;
pub mod jump;
pub mod player;
pub mod reader;
pub mod samples;
mod source;
pub mod survey;
pub mod trace;
pub mod writer;
