//! The screen: keys in, frames out.

pub mod figures;
pub mod keymap;
pub mod state;
pub mod theme;
pub mod view;
