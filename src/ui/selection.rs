//! Which rows a person sees and in what order, and which of them is selected: the same for the keys and for the panels.

use std::cmp::Reverse;

use super::state::{Sort, ViewState};
use crate::model::lag::Lag;
use crate::model::partition::Partition;
use crate::model::session::Session;
use crate::model::status::Status;
use crate::model::units::{PartitionId, RangeId, Time};

/// What a typed filter asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    /// Everything.
    All,
    /// Partitions of these numbers, both ends included.
    Numbers(u32, u32),
    /// Partitions with more events waiting than this.
    MoreThan(u64),
    /// A word: of the status, or in the owner's name.
    Word(String),
}

impl Wanted {
    /// Reads what was typed: `7`, `8-15`, `>1000`, or a word.
    fn of(filter: &str) -> Self {
        let filter = filter.trim();
        if filter.is_empty() {
            return Self::All;
        }
        if let Ok(number) = filter.parse() {
            return Self::Numbers(number, number);
        }
        if let Some((from, to)) = filter.split_once('-')
            && let (Ok(from), Ok(to)) = (from.trim().parse(), to.trim().parse())
        {
            return Self::Numbers(from, to);
        }
        if let Some(events) = filter.strip_prefix('>')
            && let Ok(events) = events.trim().replace(',', "").parse()
        {
            return Self::MoreThan(events);
        }
        Self::Word(filter.to_lowercase())
    }

    fn has(&self, id: PartitionId, partition: &Partition, now: Time) -> bool {
        match self {
            Self::All => true,
            Self::Numbers(from, to) => (*from..=*to).contains(&id.0),
            Self::MoreThan(events) => partition.lag().and_then(Lag::events).is_some_and(|waiting| waiting > *events),
            Self::Word(word) => {
                partition.status(now).word().contains(word.as_str())
                    || partition.owner().is_some_and(|owner| owner.to_lowercase().contains(word.as_str()))
            }
        }
    }
}

/// The partitions that the filter lets through, in the order that was asked for.
pub fn partitions<'a>(session: &'a Session, state: &ViewState) -> Vec<(PartitionId, &'a Partition)> {
    let wanted = Wanted::of(&state.filter);
    let now = state.now;
    let mut rows: Vec<(PartitionId, &Partition)> = session
        .partitions
        .iter()
        .filter(|(id, partition)| wanted.has(**id, partition, now))
        .map(|(id, partition)| (*id, partition))
        .collect();
    let events = |partition: &Partition| partition.lag().and_then(Lag::events);
    match state.sort {
        Sort::Number => {}
        Sort::Worst => rows.sort_by_cached_key(|(id, partition)| {
            let status = partition.status(now);
            // Little lags change places at every look; only what matters is brought to the top.
            let events = if status == Status::Ok { 0 } else { events(partition).unwrap_or(0) };
            (Reverse(status), Reverse(events), *id)
        }),
        Sort::Events => rows.sort_by_cached_key(|(id, partition)| (Reverse(events(partition)), *id)),
        Sort::Time => rows.sort_by_cached_key(|(id, partition)| {
            (Reverse(partition.time_lag().map(crate::model::lag::TimeLag::at_least)), *id)
        }),
        Sort::Rate => rows.sort_by(|(a_id, a), (b_id, b)| {
            let rate = |partition: &Partition| partition.ingest.rate(now).unwrap_or(-1.0);
            rate(b).total_cmp(&rate(a)).then(a_id.cmp(b_id))
        }),
    }
    rows
}

/// The partition so many rows below the one that is selected; the first one where none is.
pub fn next_partition(session: &Session, state: &ViewState, rows: isize) -> Option<PartitionId> {
    let ids: Vec<PartitionId> = partitions(session, state).into_iter().map(|(id, _)| id).collect();
    step(&ids, state.selected.as_ref(), rows)
}

/// The physical partition of the store so many rows below the one that is selected; the first one where none is.
pub fn next_range(session: &Session, state: &ViewState, rows: isize) -> Option<RangeId> {
    let ids: Vec<RangeId> = session.ranges.keys().cloned().collect();
    step(&ids, state.selected_range.as_ref(), rows)
}

/// The row so many rows from the selected one, no further than the list goes; the first where none is selected.
pub(super) fn step<T: Clone + PartialEq>(rows: &[T], selected: Option<&T>, by: isize) -> Option<T> {
    let at = selected.and_then(|selected| rows.iter().position(|row| row == selected));
    let to = at.map_or(0, |at| at.saturating_add_signed(by).min(rows.len().saturating_sub(1)));
    rows.get(to).cloned()
}

/// The first row to draw so that the row at `selected` is among the `shown`, with the list moved as little as may be.
pub fn first_row(rows: usize, shown: usize, selected: Option<usize>) -> usize {
    let last = rows.saturating_sub(shown);
    selected.map_or(0, |selected| (selected + 1).saturating_sub(shown)).min(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_filter_says() {
        let table = [
            ("", Wanted::All),
            (" 7 ", Wanted::Numbers(7, 7)),
            ("8-15", Wanted::Numbers(8, 15)),
            (">1,000", Wanted::MoreThan(1_000)),
            ("Stalled", Wanted::Word("stalled".into())),
            (">many", Wanted::Word(">many".into())),
        ];
        for (typed, expected) in table {
            assert_eq!(Wanted::of(typed), expected, "{typed:?}");
        }
    }

    #[test]
    fn the_selection_stays_on_the_list() {
        let rows = [1, 2, 3];
        assert_eq!(step(&rows, None, 1), Some(1), "the first step selects the first row");
        assert_eq!(step(&rows, Some(&1), 1), Some(2));
        assert_eq!(step(&rows, Some(&3), 1), Some(3));
        assert_eq!(step(&rows, Some(&1), -1), Some(1));
        assert_eq!(step(&rows, Some(&9), 1), Some(1), "a row that is gone");
        assert_eq!(step::<u32>(&[], None, 1), None);
    }

    #[test]
    fn the_selected_row_is_drawn() {
        assert_eq!(first_row(100, 10, None), 0);
        assert_eq!(first_row(100, 10, Some(9)), 0);
        assert_eq!(first_row(100, 10, Some(10)), 1);
        assert_eq!(first_row(100, 10, Some(99)), 90);
        assert_eq!(first_row(5, 10, Some(4)), 0);
    }
}
