//! The screen: keys in, frames out.

pub mod keymap;
pub mod live;
pub mod playback;
pub mod replay;
pub mod selection;
pub mod state;
pub mod terminal;
pub mod theme;
pub mod view;
