//! The watermark of a partition: up to where everything is stored, without a gap. Pure.

use std::collections::VecDeque;

use crate::model::units::SequenceNumber;

/// A place in a partition: what a checkpoint holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The number of the event.
    pub sequence: SequenceNumber,
    /// The service's own name for the place, which some readers want beside the number.
    pub offset: Option<String>,
}

/// Events of one partition that are under way, and the place up to which all are done.
///
/// ```
/// use streamgauge::model::units::SequenceNumber;
/// use streamgauge::process::watermark::{Place, Watermark};
///
/// let place = |number| Place { sequence: SequenceNumber(number), offset: None };
/// let mut watermark = Watermark::default();
/// (5..8).for_each(|number| watermark.begin(place(number)));
/// watermark.finish(SequenceNumber(6)); // done, but 5 is not: a restart must repeat from 5
/// assert_eq!(watermark.done(), None);
/// watermark.finish(SequenceNumber(5));
/// assert_eq!(watermark.done(), Some(&place(6)));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watermark {
    /// Ascending; the flag says that the event is done.
    under_way: VecDeque<(Place, bool)>,
    begun: Option<SequenceNumber>,
    done: Option<Place>,
}

impl Watermark {
    /// An event is taken on. Events must begin in the log's order; one that has begun already is passed over.
    pub fn begin(&mut self, place: Place) {
        if self.begun.is_none_or(|begun| place.sequence > begun) {
            self.begun = Some(place.sequence);
            self.under_way.push_back((place, false));
        }
    }

    /// An event is stored, or never will be.
    pub fn finish(&mut self, sequence: SequenceNumber) {
        if let Ok(index) = self.under_way.binary_search_by_key(&sequence, |(place, _)| place.sequence)
            && let Some((_, done)) = self.under_way.get_mut(index)
        {
            *done = true;
        }
        while self.under_way.front().is_some_and(|(_, done)| *done) {
            self.done = self.under_way.pop_front().map(|(place, _)| place);
        }
    }

    /// The last event that was taken on: reading goes on after it.
    pub const fn begun(&self) -> Option<SequenceNumber> {
        self.begun
    }

    /// The last event up to which all are done.
    pub const fn done(&self) -> Option<&Place> {
        self.done.as_ref()
    }

    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_never_passes_an_event_that_is_not_done(
            gaps in prop::collection::vec(1_i64..4, 1..40), order in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let numbers: Vec<i64> = gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) }).collect();
            let mut watermark = Watermark::default();
            for number in &numbers {
                watermark.begin(Place { sequence: SequenceNumber(*number), offset: None });
            }
            let mut finished = std::collections::BTreeSet::new();
            for index in order {
                let number = *index.get(&numbers);
                finished.insert(number);
                watermark.finish(SequenceNumber(number));
                let expected = numbers.iter().take_while(|number| finished.contains(number)).last().copied();
                prop_assert_eq!(watermark.done().map(|place| place.sequence.0), expected);
            }
        }
    }
}
