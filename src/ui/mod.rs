//! The screen: keys in, frames out.

pub mod ground;
pub mod keymap;
pub mod live;
pub mod look;
pub mod playback;
pub mod replay;
pub mod selection;
pub mod state;
pub mod terminal;
pub mod theme;
pub mod view;
