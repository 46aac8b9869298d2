//! The session in words: for a terminal after the screen has gone, and for scripts.

pub mod picture;
pub mod summary;
