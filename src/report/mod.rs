//! The session outside the screen: in words, and as pictures of what the screen shows.

pub mod cast;
pub mod frames;
pub mod palette;
pub mod picture;
pub mod summary;
