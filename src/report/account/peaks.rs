//! The heights that a figure reached, and when each was reached first.

use crate::model::units::Time;

/// The highest value so far, and when each height was first reached: a limit's first crossing is found in it.
#[derive(Debug, Clone)]
pub struct Peaks<T> {
    rising: Vec<(Time, T)>,
}

impl<T> Default for Peaks<T> {
    fn default() -> Self {
        Self { rising: Vec::new() }
    }
}

impl<T: Copy + PartialOrd> Peaks<T> {
    /// So many heights are kept; then each second one goes, and never the highest.
    const MOST: usize = 4_096;

    /// A figure, and when it was seen.
    pub fn push(&mut self, at: Time, value: T) {
        if self.rising.last().is_some_and(|(_, highest)| value <= *highest) {
            return;
        }
        if self.rising.len() >= Self::MOST {
            let mut place = 0;
            self.rising.retain(|_| {
                place += 1;
                place % 2 == 0
            });
        }
        self.rising.push((at, value));
    }

    /// The highest, and when it was first reached.
    pub fn highest(&self) -> Option<(Time, T)> {
        self.rising.last().copied()
    }

    /// The first moment above a limit.
    pub fn first_above(&self, limit: T) -> Option<Time> {
        self.rising.iter().find(|(_, value)| *value > limit).map(|(at, _)| *at)
    }
}
