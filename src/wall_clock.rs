//! The wall clock.

use std::time::SystemTime;

use crate::model::units::Time;

/// Now, as observations are dated.
pub fn wall_clock() -> Time {
    SystemTime::now().into()
}
