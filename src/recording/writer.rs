//! Writes a recording: observations in, a frame appended each second, on a thread of its own.
//!
//! The monitor never waits for the disk. Observations go through a bounded channel; if the disk is full, fails, or falls
//! so far behind that the channel fills up, the recording stops, says why in one sentence, and the monitor goes on. What
//! was written until then stays readable: a recording is always the beginning of what the session saw, without holes.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::error::WriteError;
use super::format::{Header, LineWriter};
use super::frame::Packer;
use super::reader::FramePlace;
use super::survey::{Survey, Surveyor};
use crate::model::observation::Observation;
use crate::model::units::Time;

/// A frame holds the observations of so long.
const FRAME_SPAN: Duration = Duration::from_secs(1);

/// A frame's text is cut at so many bytes, however short its time: well within what a reader takes.
const FRAME_TEXT: usize = 4 << 20;

/// Observations that may wait for the disk: about a minute of 32 partitions, or a second of 2,048.
const WAITING: usize = 16_384;

/// How often the disk is asked to make sure. A killed program loses a second at most, a power cut this much.
const SYNC_EVERY: Duration = Duration::from_secs(5);

/// A disk that does not answer for so long is given up when the program ends.
const GOODBYE: Duration = Duration::from_secs(5);

/// How a recording is doing, for the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriterState {
    /// It is being written.
    Recording {
        /// So long it is by now.
        bytes: u64,
        /// Why a copy that was kept elsewhere ([`Writer::keep`]) is not written any more, in one sentence.
        lost_copy: Option<String>,
    },
    /// It is not being written any more. What was written until then is there.
    Stopped {
        /// One sentence.
        reason: String,
    },
    /// It came to its end and is on the disk.
    Finished {
        /// So long it is.
        bytes: u64,
        /// As in [`Self::Recording`].
        lost_copy: Option<String>,
    },
}

/// What reaches the thread.
enum Order {
    Record(Observation),
    Copy(PathBuf, SyncSender<Result<(), WriteError>>),
}

/// Writes one recording. Dropping it finishes the recording, as [`Self::finish`] does.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    /// Gone once the recording is to be finished: the thread then writes what is left.
    orders: Option<SyncSender<Order>>,
    /// Closed by the thread as it ends.
    ended: Receiver<()>,
    state: Arc<Mutex<WriterState>>,
    survey: Arc<Mutex<Survey>>,
}

impl Writer {
    /// Begins a recording at a path where no file is yet. A device or a named pipe is taken too.
    pub fn create(path: &Path, header: &Header) -> Result<Self, WriteError> {
        let place = path.display().to_string();
        let unwritable = |reason| WriteError::Unwritable { place: place.clone(), reason };
        let special = path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir());
        let mut file = if special { OpenOptions::new().write(true).open(path) } else { File::create_new(path) }
            .map_err(|reason| match reason.kind() {
                io::ErrorKind::AlreadyExists => WriteError::Exists { place: place.clone() },
                _ => unwritable(reason),
            })?;
        let mut packer = Packer::new().map_err(unwritable)?;
        // The first line is a frame of its own, on the disk before anything happens: a recording is one from the start.
        let first = packer.pack(&header.to_line()).map_err(unwritable)?;
        file.write_all(&first).map_err(unwritable)?;
        let bytes = first.len() as u64;
        let state = Arc::new(Mutex::new(WriterState::Recording { bytes, lost_copy: None }));
        let survey = Arc::new(Mutex::new(Survey::of_live(header.started)));
        let (orders, received) = sync_channel(WAITING);
        let (ending, ended) = channel();
        let worker = Worker {
            path: path.to_owned(),
            file,
            copies: Vec::new(),
            lost_copy: None,
            packer,
            lines: LineWriter::default(),
            text: Vec::new(),
            gathered: Vec::new(),
            opened: None,
            bytes,
            synced: Instant::now(),
            state: Arc::clone(&state),
            surveyor: Surveyor::of(Arc::clone(&survey)),
            _ending: ending,
        };
        std::thread::Builder::new()
            .name("recording".into())
            .spawn(move || worker.run(&received))
            .map_err(|reason| WriteError::Unwritable { place: path.display().to_string(), reason })?;
        Ok(Self { path: path.to_owned(), orders: Some(orders), ended, state, survey })
    }

    /// Records an observation. Never waits.
    pub fn record(&self, observation: &Observation) {
        // A thread that stopped has said why.
        let sent = self.orders.as_ref().map(|orders| orders.try_send(Order::Record(observation.clone())));
        if let Some(Err(TrySendError::Full(_))) = sent {
            let path = self.path.display();
            stop(&self.state, format!("the disk does not keep up with the recording {path}"));
        }
    }

    /// Records an observation and waits while the disk is busy: for a program that makes a recording of something other
    /// than a live session.
    pub fn record_patiently(&self, observation: &Observation) {
        // A thread that stopped has said why.
        self.orders.as_ref().map(|orders| orders.send(Order::Record(observation.clone())));
    }

    /// How it is doing.
    pub fn state(&self) -> WriterState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is known of the recording so far, kept up to date as it grows: for looking back, see
    /// [`super::player::Player::of_live`].
    pub fn survey(&self) -> Arc<Mutex<Survey>> {
        Arc::clone(&self.survey)
    }

    /// Keeps the recording under a second path, all of it: what was written and what will be. On the same file system that
    /// is a second name, at once; on another it is a copy that is written alongside.
    pub fn keep(&self, path: &Path) -> Result<(), WriteError> {
        let place = || path.display().to_string();
        match std::fs::hard_link(&self.path, path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(WriteError::Exists { place: place() });
            }
            Err(_) => {}
        }
        let stopped = || WriteError::Stopped {
            place: self.path.display().to_string(),
            reason: match self.state() {
                WriterState::Stopped { reason } => reason,
                _ => "it is finished".into(),
            },
        };
        let (answer, answered) = sync_channel(1);
        let asked = self.orders.as_ref().and_then(|orders| orders.try_send(Order::Copy(path.to_owned(), answer)).ok());
        asked.ok_or_else(stopped)?;
        match answered.recv_timeout(GOODBYE) {
            Ok(done) => done,
            Err(RecvTimeoutError::Disconnected) => Err(stopped()),
            Err(RecvTimeoutError::Timeout) => {
                let reason = io::Error::new(io::ErrorKind::TimedOut, "it is still being copied");
                Err(WriteError::Unwritable { place: place(), reason })
            }
        }
    }

    /// Writes what is left, makes sure that it is on the disk, and says how it went. Waits for a few seconds at most.
    pub fn finish(mut self) -> WriterState {
        self.end();
        self.state()
    }

    fn end(&mut self) {
        // One that stopped has ended, or hangs in a disk that does not answer: there is nothing to wait for.
        let going = matches!(self.state(), WriterState::Recording { .. });
        if self.orders.take().is_some()
            && going
            && let Err(RecvTimeoutError::Timeout) = self.ended.recv_timeout(GOODBYE)
        {
            stop(&self.state, format!("the disk does not answer; the end of {} may be missing", self.path.display()));
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

/// The first reason to stop stands.
fn stop(state: &Mutex<WriterState>, reason: String) {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    if matches!(*state, WriterState::Recording { .. }) {
        *state = WriterState::Stopped { reason };
    }
}

/// A copy on another file system that is kept up to date.
struct Copy {
    path: PathBuf,
    file: File,
}

/// What runs on the thread.
struct Worker {
    path: PathBuf,
    file: File,
    copies: Vec<Copy>,
    /// Why the last copy that can't be written any more can't.
    lost_copy: Option<String>,
    packer: Packer,
    lines: LineWriter,
    text: Vec<u8>,
    /// The observations in `text`.
    gathered: Vec<Observation>,
    /// When the open frame began: by the clock of the observations, and by ours.
    opened: Option<(Time, Instant)>,
    bytes: u64,
    synced: Instant,
    state: Arc<Mutex<WriterState>>,
    surveyor: Surveyor,
    /// Dropped with the worker: that is how its end is known.
    _ending: Sender<()>,
}

impl Worker {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let wait = self.opened.map_or(FRAME_SPAN, |(_, begun)| FRAME_SPAN.saturating_sub(begun.elapsed()));
            let done = match orders.recv_timeout(wait) {
                Ok(Order::Record(observation)) => self.take(observation),
                Ok(Order::Copy(path, answer)) => {
                    // Whoever asked and went away needs no answer.
                    answer.send(self.copy(&path)).ok();
                    Ok(())
                }
                Err(RecvTimeoutError::Timeout) => self.cut(),
                Err(RecvTimeoutError::Disconnected) => {
                    match self.cut().and_then(|()| self.sync()) {
                        Ok(()) => {
                            let lost_copy = self.lost_copy.clone();
                            self.say(WriterState::Finished { bytes: self.bytes, lost_copy });
                        }
                        Err(reason) => self.stop(&reason),
                    }
                    return;
                }
            };
            if let Err(reason) = done {
                return self.stop(&reason);
            }
            if matches!(*self.state.lock().unwrap_or_else(PoisonError::into_inner), WriterState::Stopped { .. }) {
                return;
            }
        }
    }

    fn take(&mut self, observation: Observation) -> io::Result<()> {
        let over = self
            .opened
            .is_some_and(|(first, begun)| observation.at.since(first) >= FRAME_SPAN || begun.elapsed() >= FRAME_SPAN);
        if over || self.text.len() >= FRAME_TEXT {
            self.cut()?;
        }
        self.opened.get_or_insert_with(|| (observation.at, Instant::now()));
        self.lines.push(&observation, &mut self.text);
        self.gathered.push(observation);
        Ok(())
    }

    /// Appends the open frame.
    fn cut(&mut self) -> io::Result<()> {
        self.opened = None;
        self.lines.finish(&mut self.text);
        if self.text.is_empty() {
            return Ok(());
        }
        let frame = self.packer.pack(&self.text)?;
        self.file.write_all(&frame).inspect_err(|_| {
            // Half a frame at the end would read as a cut. Where it can't be taken back, it does just that.
            self.file.set_len(self.bytes).ok();
        })?;
        self.copies_do(|copy| copy.write_all(&frame));
        let place = FramePlace { at: self.bytes, length: u32::try_from(frame.len()).unwrap_or(u32::MAX) };
        self.surveyor.take(place, &self.gathered);
        self.bytes += frame.len() as u64;
        self.text.clear();
        self.gathered.clear();
        if self.synced.elapsed() >= SYNC_EVERY {
            self.sync()?;
        }
        self.say(WriterState::Recording { bytes: self.bytes, lost_copy: self.lost_copy.clone() });
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.synced = Instant::now();
        self.copies_do(|copy| copy.sync_data());
        match self.file.sync_data() {
            // A pipe or a device can't be asked.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            done => done,
        }
    }

    /// A copy that can't be written is let go: it ends there, and the recording goes on.
    fn copies_do(&mut self, mut act: impl FnMut(&mut File) -> io::Result<()>) {
        self.copies.retain_mut(|copy| match act(&mut copy.file) {
            Ok(()) => true,
            Err(reason) => {
                let path = copy.path.display();
                self.lost_copy = Some(format!("the copy {path} ends here ({reason}); the recording itself goes on"));
                false
            }
        });
    }

    /// Copies what was written, and writes the copy alongside from here on.
    fn copy(&mut self, path: &Path) -> Result<(), WriteError> {
        let copied = File::create_new(path).and_then(|mut copy| {
            let mut written = io::Read::take(File::open(&self.path)?, self.bytes);
            io::copy(&mut written, &mut copy).map(|_| copy)
        });
        let file = copied.map_err(|reason| WriteError::Unwritable { place: path.display().to_string(), reason })?;
        self.copies.push(Copy { path: path.to_owned(), file });
        Ok(())
    }

    fn say(&self, state: WriterState) {
        let mut said = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*said, WriterState::Stopped { .. }) {
            *said = state;
        }
    }

    fn stop(&self, reason: &io::Error) {
        stop(
            &self.state,
            format!("can't write {} ({reason}); free some space or record elsewhere", self.path.display()),
        );
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::model::observation::Fact;

    #[test]
    fn a_copy_that_can_not_be_written_is_let_go_and_the_recording_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recording");
        let full = Path::new("/dev/full");
        let (ending, ended) = channel();
        let state = Arc::new(Mutex::new(WriterState::Recording { bytes: 0, lost_copy: None }));
        let worker = Worker {
            path: path.clone(),
            file: File::create_new(&path).unwrap(),
            copies: vec![Copy { path: full.to_owned(), file: OpenOptions::new().write(true).open(full).unwrap() }],
            lost_copy: None,
            packer: Packer::new().unwrap(),
            lines: LineWriter::default(),
            text: Vec::new(),
            gathered: Vec::new(),
            opened: None,
            bytes: 0,
            synced: Instant::now(),
            state: Arc::clone(&state),
            surveyor: Surveyor::of(Arc::new(Mutex::new(Survey::of_live(Time::from_millis(0))))),
            _ending: ending,
        };
        let (orders, received) = sync_channel(WAITING);
        for second in 0..3 {
            let at = Time::from_millis(second * 1_000);
            let fact = Fact::Mark("here".into());
            orders.send(Order::Record(Observation { at, fact })).unwrap();
        }
        drop(orders);
        worker.run(&received);
        assert!(ended.try_recv().is_err());
        let bytes = path.metadata().unwrap().len();
        let lost_copy = Some(
            "the copy /dev/full ends here (No space left on device (os error 28)); the recording itself goes on".into(),
        );
        assert_eq!(*state.lock().unwrap(), WriterState::Finished { bytes, lost_copy });
        assert!(bytes > 0);
    }
}
