//! The bytes of a recording: a file, or a pipe that was read to its end into an unnamed file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::error::ReadError;

/// Bytes that can be read at any place. Clones read the same file; the place to read is given each time.
#[derive(Debug, Clone)]
pub(super) struct Source {
    file: Arc<Mutex<File>>,
    place: Arc<str>,
}

impl Source {
    /// Opens a file; anything that can't seek, such as a named pipe, is read to its end first.
    pub(super) fn open(path: &Path) -> Result<Self, ReadError> {
        let place = path.display().to_string();
        let fail = |reason| ReadError::Unreadable { place: place.clone(), reason };
        if path.is_dir() {
            return Err(ReadError::Folder { place });
        }
        let file = File::open(path).map_err(fail)?;
        if file.metadata().map_err(fail)?.is_file() { Ok(Self::of(file, &place)) } else { Self::of_pipe(file, &place) }
    }

    /// Reads a pipe to its end. Memory stays small: the bytes wait in a file that goes away with the program.
    pub(super) fn of_pipe(mut pipe: impl Read, place: &str) -> Result<Self, ReadError> {
        let fail = |reason| ReadError::Unreadable { place: place.to_owned(), reason };
        let mut file = tempfile::tempfile().map_err(fail)?;
        io::copy(&mut pipe, &mut file).map_err(fail)?;
        Ok(Self::of(file, place))
    }

    fn of(file: File, place: &str) -> Self {
        Self { file: Arc::new(Mutex::new(file)), place: place.into() }
    }

    /// What it is called, for messages.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) fn fail(&self, reason: io::Error) -> ReadError {
        ReadError::Unreadable { place: self.place().to_owned(), reason }
    }

    /// How long it is now: a recording that is being written grows.
    pub(super) fn length(&self) -> Result<u64, ReadError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::End(0)).map_err(|reason| self.fail(reason))
    }

    /// Adds up to `most` bytes from a place on to `to`; fewer only at the end.
    pub(super) fn read_at(&self, at: u64, most: usize, to: &mut Vec<u8>) -> Result<usize, ReadError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.seek(SeekFrom::Start(at)).and_then(|_| (&mut *file).take(most as u64).read_to_end(to));
        read.map_err(|reason| self.fail(reason))
    }
}
