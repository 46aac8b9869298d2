//! What was found for one partition, put together from all blobs that speak of it.

use super::checkpoint::{Content, Unusable};
use crate::model::observation::{Checkpoint, CheckpointForm, Hold, PartitionPosition, Position};
use crate::model::units::{PartitionId, Time};

/// Characters of a blob's name in a sentence, at most.
const LONGEST_NAME: usize = 160;

/// What was found for one partition.
#[derive(Debug, Default)]
pub(super) struct Found {
    best: Option<Best>,
    /// Of an ownership blob, the newest if there are several spellings.
    ownership: Option<Owned>,
    /// Of a body, where there is no ownership blob.
    body_owner: Option<(String, Hold)>,
    unusable: Option<UnusableBlob>,
    /// A blob that changed was not read in this look.
    is_unread: bool,
}

#[derive(Debug)]
struct Best {
    /// What decides: a name that says the group goes before one that does not, then the position that is further.
    rank: (bool, i64),
    position: Position,
    form: CheckpointForm,
    written_at: Option<Time>,
}

/// A blob that yields no position.
#[derive(Debug)]
struct UnusableBlob {
    /// Which one is told: one that is surely this group's goes first, then a fault before a mere beginning.
    rank: (bool, bool),
    sentence: String,
}

#[derive(Debug)]
struct Owned {
    renewed_at: Option<Time>,
    owner: Option<String>,
}

impl Found {
    /// Takes a checkpoint. Where several stand, the larger sequence number wins: the Functions extension goes on from
    /// either form, and a processor that was replaced leaves its checkpoints behind. Only the blobs of Go's first
    /// library, which say neither hub nor group, never win over one that does: they may be another group's.
    pub(super) fn checkpoint(
        &mut self,
        name: &str,
        form: CheckpointForm,
        written_at: Option<Time>,
        is_leased: bool,
        content: &Content,
    ) {
        let names_group = form != CheckpointForm::Go;
        match &content.position {
            Ok(position) => {
                let rank = (names_group, position.next().0);
                if self.best.as_ref().is_none_or(|best| rank > best.rank) {
                    self.best = Some(Best { rank, position: *position, form, written_at });
                    self.body_owner = None;
                    self.body_owner(content.owner.as_deref(), is_leased);
                }
            }
            Err(why) => {
                let rank = (names_group, *why != Unusable::NothingRead);
                if self.unusable.as_ref().is_none_or(|known| rank > known.rank) {
                    self.unusable = Some(UnusableBlob { rank, sentence: sentence(name, why) });
                }
                if self.best.is_none() {
                    self.body_owner(content.owner.as_deref(), is_leased);
                }
            }
        }
    }

    fn body_owner(&mut self, owner: Option<&str>, is_leased: bool) {
        if let Some(owner) = owner {
            self.body_owner = Some((owner.to_owned(), Hold::Lease { stands: is_leased }));
        }
    }

    /// Takes an ownership blob. One that was let go has no owner.
    pub(super) fn ownership(&mut self, owner: Option<&str>, renewed_at: Option<Time>) {
        if self.ownership.as_ref().is_none_or(|known| renewed_at >= known.renewed_at) {
            self.ownership = Some(Owned { renewed_at, owner: owner.map(str::to_owned) });
        }
    }

    /// A blob changed and was not read in this look.
    pub(super) fn unread(&mut self) {
        self.is_unread = true;
    }

    /// The two facts; `None` while something is still to be read.
    pub(super) fn facts(self, partition: PartitionId) -> Option<(Checkpoint, PartitionPosition)> {
        if self.is_unread {
            return None;
        }
        let (owner, hold) = match (self.ownership, self.body_owner) {
            (Some(Owned { owner: Some(owner), renewed_at }), _) => (Some(owner), renewed_at.map(Hold::Renewed)),
            (Some(Owned { owner: None, .. }), _) | (None, None) => (None, None),
            (None, Some((owner, hold))) => (Some(owner), Some(hold)),
        };
        // Beside a position, only a fault is worth a word, and only that of a blob that is as surely this group's.
        let matters = |unusable: &UnusableBlob| match &self.best {
            Some(best) => unusable.rank >= (best.rank.0, true),
            None => true,
        };
        let note = self.unusable.filter(matters).map(|unusable| unusable.sentence);
        let form = self.best.as_ref().map(|best| best.form);
        let position = self.best.as_ref().map(|best| best.position);
        let written_at = self.best.and_then(|best| best.written_at);
        Some((Checkpoint { partition, form, hold, note }, PartitionPosition { partition, position, written_at, owner }))
    }
}

/// What is said of a blob that yields no position.
fn sentence(name: &str, why: &Unusable) -> String {
    let name: String = name.chars().take(LONGEST_NAME).collect();
    match why {
        Unusable::NothingRead => format!("its processor has read nothing yet, says the checkpoint {name}"),
        why => format!("the checkpoint {name} can't be used: {why}; delete it, or let its processor write it again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::units::SequenceNumber;

    fn at(number: i64) -> Content {
        Content { position: Ok(Position::LastRead(SequenceNumber(number))), owner: Some(format!("host-{number}")) }
    }

    type Case<'a> = (&'a str, Vec<(CheckpointForm, Content)>, Option<i64>, Option<CheckpointForm>);

    fn of(blobs: &[(CheckpointForm, Content)]) -> (Checkpoint, PartitionPosition) {
        let mut found = Found::default();
        for (form, content) in blobs {
            found.checkpoint("blob", *form, Some(Time::from_millis(1)), true, content);
        }
        found.facts(PartitionId(0)).expect("all is read")
    }

    #[test]
    fn the_further_one_wins_in_whichever_order_they_are_listed() {
        use CheckpointForm::{Functions, Go, Metadata};
        let nothing = Content::unusable(Unusable::NothingRead);
        let table: [Case; 5] = [
            ("the older form is ahead", vec![(Metadata, at(5)), (Functions, at(9))], Some(9), Some(Functions)),
            ("the newer form is ahead", vec![(Metadata, at(9)), (Functions, at(5))], Some(9), Some(Metadata)),
            ("Go's names no group", vec![(Metadata, at(5)), (Go, at(9))], Some(5), Some(Metadata)),
            ("Go's alone", vec![(Go, at(9))], Some(9), Some(Go)),
            ("nothing read by one", vec![(Functions, nothing), (Metadata, at(5))], Some(5), Some(Metadata)),
        ];
        for (case, mut blobs, number, form) in table {
            for _ in 0..2 {
                let (checkpoint, position) = of(&blobs);
                let expected = number.map(|number| Position::LastRead(SequenceNumber(number)));
                assert_eq!((position.position, checkpoint.form), (expected, form), "{case}");
                assert_eq!(checkpoint.note, None, "{case}");
                assert_eq!(position.owner, number.map(|number| format!("host-{number}")), "{case}");
                blobs.reverse();
            }
        }
    }

    #[test]
    fn an_ownership_blob_goes_before_the_owner_in_a_body() {
        let (old, new) = (Time::from_millis(1_000), Time::from_millis(2_000));
        let mut found = Found::default();
        found.checkpoint("blob", CheckpointForm::Functions, None, false, &at(5));
        found.ownership(Some("new"), Some(new));
        found.ownership(Some("old"), Some(old));
        let (checkpoint, position) = found.facts(PartitionId(0)).expect("all is read");
        assert_eq!((position.owner.as_deref(), checkpoint.hold), (Some("new"), Some(Hold::Renewed(new))));
    }

    #[test]
    fn what_is_not_read_is_not_told() {
        let mut found = Found::default();
        found.checkpoint("blob", CheckpointForm::Metadata, None, false, &at(5));
        found.unread();
        assert_eq!(found.facts(PartitionId(0)), None);
    }
}
