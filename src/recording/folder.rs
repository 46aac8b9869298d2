//! Where recordings are kept unless a file is named: the user's state folder, the newest of them.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use etcetera::BaseStrategy;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::error::WriteError;
use crate::model::units::Time;

/// What a recording is called after its name.
const SUFFIX: &str = ".jsonl.zst";

/// A name that sorts by time, is one word in a shell and a file on any system: `2026-11-22T14-05-09Z`.
const NAME: &[BorrowedFormatItem<'static>] = format_description!("[year]-[month]-[day]T[hour]-[minute]-[second]Z");

/// How much is kept. The oldest recordings go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cap {
    /// Recordings, at most.
    pub count: usize,
    /// Bytes of all together, at most.
    pub bytes: u64,
}

impl Default for Cap {
    fn default() -> Self {
        Self { count: 50, bytes: 2 << 30 }
    }
}

/// A recording that was changed so lately may be another instance's that is being written: a live session appends each
/// second, and at the least each time it asks a silent service again.
const BEING_WRITTEN: Duration = Duration::from_secs(600);

/// A folder of recordings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    path: PathBuf,
}

/// A recording in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it is.
    pub path: PathBuf,
    /// How long it is.
    pub bytes: u64,
    /// When something was last written to it.
    pub modified: SystemTime,
}

impl Folder {
    /// The user's: `$XDG_STATE_HOME/streamgauge` or `~/.local/state/streamgauge`; on Windows in the user's local data.
    pub fn of_user() -> Result<Self, WriteError> {
        let places = etcetera::choose_base_strategy().map_err(|_| WriteError::NoHome)?;
        let state = places.state_dir().unwrap_or_else(|| places.cache_dir());
        Ok(Self::at(state.join("streamgauge")))
    }

    /// A folder at a path; it is made when the first recording is.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path for a recording that begins now, in a folder that is there. Two in one second get `-2`, `-3` behind.
    pub fn new_recording(&self, now: Time) -> Result<PathBuf, WriteError> {
        std::fs::create_dir_all(&self.path)
            .map_err(|reason| WriteError::Unwritable { place: self.path.display().to_string(), reason })?;
        let moment = OffsetDateTime::from_unix_timestamp(now.as_micros().div_euclid(1_000_000));
        let name = moment.ok().and_then(|moment| moment.format(NAME).ok()).unwrap_or_else(|| "undated".into());
        let numbered = (2..).map(|number| self.path.join(format!("{name}-{number}{SUFFIX}")));
        let mut candidates = std::iter::once(self.path.join(format!("{name}{SUFFIX}"))).chain(numbered);
        Ok(candidates.find(|path| !path.exists()).unwrap_or_default())
    }

    /// The path of a recording that is kept under a name. What has a name is never removed.
    pub fn kept(&self, name: &str) -> Result<PathBuf, WriteError> {
        let name = name.strip_suffix(SUFFIX).unwrap_or(name);
        // Beginning with a letter, it can't be taken for one of ours, which begin with a year.
        let fits = name.starts_with(|first: char| first.is_alphabetic())
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
            && name.len() <= 100;
        if !fits {
            return Err(WriteError::Name { name: name.chars().take(100).collect() });
        }
        Ok(self.path.join(format!("{name}{SUFFIX}")))
    }

    /// All recordings, kept ones too, by name: those that were not kept under a name stand in the order of time.
    pub fn recordings(&self) -> Vec<Entry> {
        let mut found: Vec<Entry> = std::fs::read_dir(&self.path)
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let found = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
                let named = path.file_name()?.to_str()?.ends_with(SUFFIX);
                named.then_some(Entry { bytes: found.len(), modified: found.modified().ok()?, path })
            })
            .collect();
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found
    }

    /// Removes the oldest recordings until the rest fits the cap, with room for one more. What is kept under a name
    /// stays and does not count, and so does one that may be being written now. What can't be removed stays: it is no
    /// reason not to record.
    pub fn make_room(&self, cap: Cap, now: SystemTime) -> Vec<PathBuf> {
        let ours: Vec<Entry> = self.recordings().into_iter().filter(|entry| is_dated(&entry.path)).collect();
        let mut count = ours.len() + 1;
        let mut bytes: u64 = ours.iter().map(|entry| entry.bytes).sum();
        let mut removed = Vec::new();
        for entry in ours {
            if count <= cap.count && bytes <= cap.bytes {
                break;
            }
            // A time ahead of ours is as recent as can be.
            let idle = now.duration_since(entry.modified).unwrap_or_default();
            if idle >= BEING_WRITTEN && std::fs::remove_file(&entry.path).is_ok() {
                count -= 1;
                bytes = bytes.saturating_sub(entry.bytes);
                removed.push(entry.path);
            }
        }
        removed
    }
}

/// Whether a recording has a name that we gave it.
fn is_dated(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(SUFFIX));
    name.is_some_and(|name| {
        let (date, number) = name.split_at_checked(20).unwrap_or((name, ""));
        let numbered = number.strip_prefix('-').is_some_and(|n| n.chars().all(|digit| digit.is_ascii_digit()));
        time::PrimitiveDateTime::parse(date, NAME).is_ok() && (number.is_empty() || numbered)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Time = Time::from_millis(1_795_348_800_000);

    fn names(paths: &[PathBuf]) -> Vec<&str> {
        paths.iter().filter_map(|path| path.file_name()?.to_str()).collect()
    }

    #[test]
    fn names_sort_by_time_and_two_in_a_second_differ() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::at(temporary.path().join("streamgauge"));
        let first = folder.new_recording(NOON).unwrap();
        std::fs::write(&first, b"x").unwrap();
        let second = folder.new_recording(NOON).unwrap();
        let expected = ["2026-11-22T12-00-00Z.jsonl.zst", "2026-11-22T12-00-00Z-2.jsonl.zst"];
        assert_eq!(names(&[first, second.clone()]), expected);
        assert!(is_dated(&second));
    }

    /// What is there, with its size, and what goes when there may be three of 30 bytes.
    #[test]
    fn the_oldest_go_first_and_never_a_kept_one_or_one_that_is_being_written() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::at(temporary.path());
        let write = |name: &str, bytes: usize| std::fs::write(temporary.path().join(name), vec![0; bytes]).unwrap();
        for day in 1..=5 {
            write(&format!("2026-11-0{day}T12-00-00Z.jsonl.zst"), 10);
        }
        write("before-the-change.jsonl.zst", 1_000);
        write("2026-11-01T12-00-00Z.txt", 1_000);
        let cap = Cap { count: 3, bytes: 30 };
        let now = SystemTime::now();
        assert_eq!(folder.make_room(cap, now), [] as [PathBuf; 0], "all were written just now");
        let later = now + BEING_WRITTEN * 2;
        let expected =
            ["2026-11-01T12-00-00Z.jsonl.zst", "2026-11-02T12-00-00Z.jsonl.zst", "2026-11-03T12-00-00Z.jsonl.zst"];
        assert_eq!(names(&folder.make_room(cap, later)), expected);
        assert_eq!(folder.make_room(Cap { count: 9, bytes: 15 }, later).len(), 1, "bytes count too");
        assert_eq!(folder.recordings().len(), 2, "the newest, and the one under a name");
    }

    #[test]
    fn a_name_is_a_file_in_the_folder() {
        let folder = Folder::at("F");
        assert_eq!(folder.kept("before-the-change").unwrap(), Path::new("F/before-the-change.jsonl.zst"));
        for name in ["", "../x", "a/b", "2026-11-01T12-00-00Z", "a b", ".hidden"] {
            let sentence = folder.kept(name).unwrap_err().to_string();
            assert!(
                sentence.starts_with(&format!("{name:?} can't be the name of a recording; use letters")),
                "{sentence}"
            );
        }
    }
}
