//! Recordings that come with the program: the embedded scenario in five situations, to look at with nothing deployed.
//!
//! They are made by `benches/samples.rs`; `recordings/README.md` tells more of each.

use super::error::ReadError;
use super::player::Player;
use super::reader::Recording;

/// A recording that comes with the program.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What to look at in it.
    pub sentence: &'static str,
    /// The file.
    pub bytes: &'static [u8],
}

/// All of them, in the order in which they are best looked at.
pub const ALL: [Sample; 5] = [
    Sample {
        name: "steady",
        sentence: "an even load of 80 events/s on 8 partitions, and a processor that keeps up with it",
        bytes: include_bytes!("../../recordings/steady.jsonl.zst"),
    },
    Sample {
        name: "throttled",
        sentence: "the load climbs until the store throttles and the backlog grows; when the load goes down, it drains",
        bytes: include_bytes!("../../recordings/throttled.jsonl.zst"),
    },
    Sample {
        name: "restart",
        sentence: "the processor is killed and started again, twice: what it did since its checkpoints is done again, nothing is lost",
        bytes: include_bytes!("../../recordings/restart.jsonl.zst"),
    },
    Sample {
        name: "stuck",
        sentence: "one partition of 32 is stuck for 70 s while the others keep up, which a total alone would hide",
        bytes: include_bytes!("../../recordings/stuck.jsonl.zst"),
    },
    Sample {
        name: "outage",
        sentence: "Event Hubs, Blob Storage and Cosmos DB go away one after another, 12 s each, and come back",
        bytes: include_bytes!("../../recordings/outage.jsonl.zst"),
    },
];

impl Sample {
    /// The sample of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|sample| sample.name == name)
    }

    /// Opens it.
    pub fn open(&self) -> Result<Recording, ReadError> {
        Recording::from_pipe(self.bytes, self.name)
    }

    /// Plays it.
    pub fn play(&self) -> Result<Player, ReadError> {
        Player::of(self.open()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_opens_by_its_name() {
        for sample in ALL {
            let found = Sample::named(sample.name).unwrap();
            assert_eq!(found.sentence, sample.sentence);
            let recording = found.open().unwrap();
            assert_eq!(recording.place(), sample.name);
            let player = found.play().unwrap();
            let (first, last) = player.span();
            assert!(recording.ends_at() == Some(last) && first < last);
        }
        assert!(Sample::named("absent").is_none());
    }
}
