//! A set of numbers, kept as intervals: compact where the numbers mostly follow each other.

/// A set of numbers as ascending intervals that neither overlap nor touch.
///
/// ```
/// use streamgauge::model::ledger::Intervals;
///
/// let mut set = Intervals::default();
/// for number in [0, 1, 2, 5, 4] {
///     assert!(set.insert(number));
/// }
/// assert!(!set.insert(2)); // it was there
/// assert_eq!(set.iter().collect::<Vec<_>>(), [(0, 2), (4, 5)]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Intervals(Vec<(u64, u64)>);

impl Intervals {
    /// Adds a number; false if it was there.
    pub fn insert(&mut self, number: u64) -> bool {
        // Nearly always the number after the last.
        match self.0.last_mut() {
            None => {
                self.0.push((number, number));
                return true;
            }
            Some((_, last)) if last.checked_add(1) == Some(number) => {
                *last = number;
                return true;
            }
            Some((_, last)) if *last < number => {
                self.0.push((number, number));
                return true;
            }
            Some(_) => {}
        }
        let next = self.0.partition_point(|(first, _)| *first <= number);
        let before = next.checked_sub(1);
        if before.is_some_and(|before| self.0[before].1 >= number) {
            return false;
        }
        let joins_before = before.filter(|before| self.0[*before].1.checked_add(1) == Some(number));
        let joins_next = self.0.get(next).is_some_and(|(first, _)| number.checked_add(1) == Some(*first));
        match (joins_before, joins_next) {
            (Some(before), true) => {
                self.0[before].1 = self.0[next].1;
                self.0.remove(next);
            }
            (Some(before), false) => self.0[before].1 = number,
            (None, true) => self.0[next].0 = number,
            (None, false) => self.0.insert(next, (number, number)),
        }
        true
    }

    /// Whether a number is in the set.
    pub fn contains(&self, number: u64) -> bool {
        let next = self.0.partition_point(|(first, _)| *first <= number);
        next.checked_sub(1).is_some_and(|before| self.0[before].1 >= number)
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The intervals, ascending: first and last number of each.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().copied()
    }

    /// The intervals of what is in this set and not in another.
    pub fn without(&self, other: &Self) -> Vec<(u64, u64)> {
        let mut left = Vec::new();
        let mut holes = other.0.iter().copied().peekable();
        for (first, last) in self.iter() {
            let mut from = Some(first);
            while let (Some(start), Some((hole_first, hole_last))) = (from, holes.peek().copied()) {
                if hole_last < start {
                    holes.next();
                    continue;
                }
                if hole_first > last {
                    break;
                }
                if hole_first > start {
                    left.push((start, hole_first - 1));
                }
                // A hole that reaches beyond this interval may cut the next one too: it stays.
                from = hole_last.checked_add(1).filter(|start| *start <= last);
            }
            left.extend(from.map(|start| (start, last)));
        }
        left
    }
}

/// From ascending intervals that neither overlap nor touch, as [`Intervals::without`] gives them.
impl FromIterator<(u64, u64)> for Intervals {
    fn from_iter<T: IntoIterator<Item = (u64, u64)>>(runs: T) -> Self {
        Self(runs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set(numbers in prop::collection::vec(0_u64..60, 0..120), removed in prop::collection::vec(0_u64..60, 0..120)) {
            let (mut set, mut plain) = (Intervals::default(), BTreeSet::new());
            for number in numbers {
                prop_assert_eq!(set.insert(number), plain.insert(number));
            }
            let (mut other, mut plain_other) = (Intervals::default(), BTreeSet::new());
            for number in removed {
                other.insert(number);
                plain_other.insert(number);
            }
            let spread = |intervals: Vec<(u64, u64)>| intervals.into_iter().flat_map(|(a, b)| a..=b).collect::<Vec<_>>();
            prop_assert_eq!(spread(set.iter().collect()), plain.iter().copied().collect::<Vec<_>>());
            prop_assert!(set.0.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            prop_assert!((0..60).all(|number| set.contains(number) == plain.contains(&number)));
            prop_assert_eq!(spread(set.without(&other)), plain.difference(&plain_other).copied().collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_largest_numbers_do_no_harm() {
        let mut set = Intervals::default();
        assert!(set.insert(u64::MAX) && set.insert(u64::MAX - 1) && !set.insert(u64::MAX));
        assert_eq!(set.iter().collect::<Vec<_>>(), [(u64::MAX - 1, u64::MAX)]);
        assert!(set.without(&set.clone()).is_empty());
    }
}
