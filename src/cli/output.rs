//! Files that a command writes: whole or not at all, under a name or on standard output.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Why a file was not written: one sentence.
#[derive(Debug, thiserror::Error)]
pub(super) enum OutputError {
    #[error("{} is a folder; name a file in it", .0.display())]
    Folder(PathBuf),
    #[error("there is no folder {}; make it first, or name another file", .0.display())]
    NoFolder(PathBuf),
    #[error("can't write {place} ({reason}); check the folder, its permissions and the space on the disk")]
    Unwritable { place: String, reason: io::Error },
}

impl OutputError {
    pub(super) fn unwritable(path: &Path, reason: io::Error) -> Self {
        let place = if is_standard_output(path) { "standard output".to_owned() } else { path.display().to_string() };
        Self::Unwritable { place, reason }
    }
}

fn is_standard_output(path: &Path) -> bool {
    path == Path::new("-")
}

/// Whether what is read is the ordinary file that is to be written, by whatever name; `-` is standard input here, and
/// standard output there.
pub(super) fn is_the_same(read: &Path, written: &Path) -> bool {
    let read = if read == Path::new("-") { Path::new("/dev/stdin") } else { read };
    if is_standard_output(written) {
        return false;
    }
    let (Ok(of_read), Ok(of_written)) = (fs::metadata(read), fs::metadata(written)) else { return false };
    of_read.is_file() && of_written.is_file() && is_one_file(read, &of_read, written, &of_written)
}

/// By what the system calls it: that is one for all of a file's names.
#[cfg(unix)]
fn is_one_file(_: &Path, a: &fs::Metadata, _: &Path, b: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// By where its name leads to.
#[cfg(not(unix))]
fn is_one_file(a: &Path, _: &fs::Metadata, b: &Path, _: &fs::Metadata) -> bool {
    fs::canonicalize(a).ok().zip(fs::canonicalize(b).ok()).is_some_and(|(a, b)| a == b)
}

/// Writes a file by what `write` does; `-` is standard output.
///
/// What is written waits beside the file and takes its place when it is whole, so that nothing half done ever stands
/// under its name. Only what is no ordinary file, such as a pipe, is written at once.
pub(super) fn write<E: From<OutputError>>(
    path: &Path,
    write: impl FnOnce(&mut (dyn Write + Send)) -> Result<(), E>,
) -> Result<(), E> {
    let unwritable = |reason| E::from(OutputError::unwritable(path, reason));
    if is_standard_output(path) {
        let mut output = BufWriter::new(io::stdout());
        write(&mut output)?;
        return output.flush().map_err(unwritable);
    }
    // A link stays one: what it leads to is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let present = fs::metadata(&path).ok();
    if present.as_ref().is_some_and(fs::Metadata::is_dir) {
        return Err(OutputError::Folder(path).into());
    }
    if present.as_ref().is_some_and(|present| !present.is_file()) {
        let mut output = BufWriter::new(fs::OpenOptions::new().write(true).open(&path).map_err(unwritable)?);
        write(&mut output)?;
        return output.flush().map_err(unwritable);
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(OutputError::NoFolder(folder.to_owned()).into());
    }
    let beside = beside(folder, present.as_ref()).map_err(unwritable)?;
    let _unfinished = Unfinished::new(beside.path());
    // Not the library's own writer: what that says of a full disk names the file beside, which nobody asked for.
    let mut output = BufWriter::new(beside.as_file());
    write(&mut output)?;
    output.flush().map_err(unwritable)?;
    drop(output);
    beside.as_file().sync_all().map_err(unwritable)?;
    beside.persist(&path).map_err(|error| unwritable(error.error))?;
    Ok(())
}

/// Files that are being written beside those whose place they are to take.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes what is unfinished, before the program ends without whoever writes it: nothing else would.
pub(super) fn remove_unfinished() {
    for path in UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        // It may have gone, or be in its place by now.
        drop(fs::remove_file(path));
    }
}

/// That a file is unfinished, as long as this lives.
struct Unfinished(PathBuf);

impl Unfinished {
    fn new(path: &Path) -> Self {
        UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
        Self(path.to_owned())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).retain(|path| *path != self.0);
    }
}

/// What the system said, without the name that the library puts to it.
fn plain(error: &io::Error) -> io::Error {
    let said = error.get_ref().and_then(|named| named.source()).and_then(|said| said.downcast_ref::<io::Error>());
    match said.unwrap_or(error).raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// A file beside the one to be written, with the permissions that it has or a new one would get. It goes away unless it
/// is put in its place.
fn beside(folder: &Path, present: Option<&fs::Metadata>) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".streamgauge-").suffix(".part");
    #[cfg(unix)]
    let anybody = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(anybody);
    let file = builder.tempfile_in(folder).map_err(|error| plain(&error))?;
    if let Some(present) = present {
        file.as_file().set_permissions(present.permissions())?;
    }
    Ok(file)
}
