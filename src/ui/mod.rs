//! The screen: keys in, frames out.

pub mod compare;
pub mod controls;
pub mod ground;
pub mod groups;
pub mod keymap;
pub mod live;
pub mod look;
pub mod navigation;
pub mod playback;
pub mod prompt;
pub mod replay;
pub mod selection;
pub mod state;
pub mod terminal;
pub mod theme;
pub mod view;
