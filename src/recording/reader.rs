//! Opens a recording and reads it frame after frame: `.jsonl.zst` or `.jsonl`, from a file or a pipe, whole or not.

use std::io;
use std::path::Path;

use super::error::ReadError;
use super::format::{Header, LatenciesAre, Skipped, Version, read_line, read_line_again};
use super::frame::{self, Begins, LARGEST_FRAME, LARGEST_TEXT};
use super::source::Source;
use crate::model::observation::{Fact, Observation};
use crate::model::units::Time;

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// Of a file without compression, so much text is one frame: about a second of 32 partitions.
const PLAIN_FRAME: usize = 1 << 15;

/// How the lines are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    /// Frames of zstd.
    Zstd,
    /// Lines as they are.
    Plain,
}

/// Where a frame stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FramePlace {
    /// Its first byte.
    pub at: u64,
    /// Its length in bytes.
    pub length: u32,
}

impl FramePlace {
    /// The byte after its last.
    pub fn end(self) -> u64 {
        self.at + u64::from(self.length)
    }
}

/// How the part that can be read ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With the file.
    Whole,
    /// In the middle of a frame: the writer is still at it, or was killed, or the copy was cut off.
    Cut {
        /// What follows the last whole frame begins here.
        at: u64,
    },
    /// Before bytes that are not what was written.
    Damaged {
        /// Where.
        at: u64,
        /// What is wrong, as in a sentence.
        reason: &'static str,
    },
    /// Before another recording: somebody put two into one file. What follows is of another session.
    Another {
        /// Where it begins, or the frame in which it does.
        at: u64,
        /// Whether the file can be cut there.
        can_be_cut: bool,
    },
}

impl Ending {
    /// What there is to say of an end before the file's, with what comes of it for what was read; `None` for a whole one.
    pub fn sentence(self) -> Option<String> {
        match self {
            Self::Whole => None,
            Self::Cut { at } => Some(format!("the recording is cut off at byte {at}: what came after is not known")),
            Self::Damaged { at, reason } => {
                Some(format!("the recording is damaged at byte {at} ({reason}): what comes after was not read"))
            }
            Self::Another { at, can_be_cut: true } => Some(format!(
                "a second recording begins at byte {at} and was not read; cut the file there to have both"
            )),
            Self::Another { at, can_be_cut: false } => Some(format!(
                "a second recording begins in the frame at byte {at} and was not read; decompress the file with `zstd -d` \
                 and open the .jsonl instead"
            )),
        }
    }
}

/// An open recording. Clones read the same file.
#[derive(Debug, Clone)]
pub struct Recording {
    source: Source,
    packing: Packing,
    header: Header,
    /// Where the frame begins that has the header in it: other programs may have put something before it.
    first_frame: u64,
}

impl Recording {
    /// Opens a file; `-` is standard input, read to its end.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        if path == Path::new("-") {
            return Self::from_pipe(io::stdin().lock(), "standard input");
        }
        Self::of(Source::open(path)?)
    }

    /// Reads a pipe to its end and opens what came out of it; `place` is its name in messages.
    pub fn from_pipe(pipe: impl io::Read, place: &str) -> Result<Self, ReadError> {
        Self::of(Source::of_pipe(pipe, place)?)
    }

    fn of(source: Source) -> Result<Self, ReadError> {
        let place = || source.place().to_owned();
        let mut begin = Vec::new();
        source.read_at(0, 8, &mut begin)?;
        let packing = match begin.as_slice() {
            [] => return Err(ReadError::Empty { place: place() }),
            [b'{', ..] => Packing::Plain,
            bytes if frame::begins(bytes) != Begins::Nothing => Packing::Zstd,
            _ => return Err(ReadError::NotARecording { place: place() }),
        };
        let mut frames = Frames::from(source.clone(), packing, 0, 0);
        let Some((first, text)) = frames.next_text()? else {
            return Err(match (frames.ending(), packing) {
                // Text without a single line end, and not the beginning of a first line, is something else.
                (Ending::Cut { .. }, Packing::Plain) if !begin.starts_with(b"{\"stream") => {
                    ReadError::NotARecording { place: place() }
                }
                (Ending::Damaged { at, reason }, _) => ReadError::Damaged { place: place(), at, reason },
                _ => ReadError::CutAtOnce { place: place() },
            });
        };
        let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let header = Header::from_line(line).ok_or_else(|| ReadError::NotARecording { place: place() })?;
        if header.version.major > Version::OURS.major {
            return Err(ReadError::Newer { place: place(), found: header.version });
        }
        debug_assert_eq!(first.at + u64::from(first.length), frames.at);
        Ok(Self { source, packing, header, first_frame: first.at })
    }

    /// The first line.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What the file is called, for messages.
    pub fn place(&self) -> &str {
        self.source.place()
    }

    /// How many bytes it has now.
    pub fn length(&self) -> Result<u64, ReadError> {
        self.source.length()
    }

    /// The frames from a place on. Frames are found by their headers; nothing is decompressed before it is asked for.
    pub fn frames_from(&self, at: u64) -> Frames {
        Frames::from(self.source.clone(), self.packing, at, self.first_frame)
    }

    /// The observations of one frame that [`Frames`] found.
    pub fn read_frame(&self, place: FramePlace, latencies: LatenciesAre) -> Result<Vec<Observation>, ReadError> {
        let mut bytes = Vec::new();
        self.source.read_at(place.at, place.length as usize, &mut bytes)?;
        let text = match self.packing {
            Packing::Plain => bytes,
            Packing::Zstd => frame::unpack(&bytes).map_err(|reason| {
                let place_name = self.source.place().to_owned();
                ReadError::Damaged { place: place_name, at: place.at, reason }
            })?,
        };
        let again = |line: &[u8], seen: &mut _| read_line_again(line, latencies, seen);
        Ok(observations(&text, place.at == self.first_frame, again).0)
    }

    /// When the last observation was seen, found from the end of the file and without reading what comes before; `None`
    /// if the end is damaged. What is found first of a recording: how long it is.
    pub fn ends_at(&self) -> Option<Time> {
        let length = self.source.length().ok()?;
        let most = (LARGEST_FRAME as u64).min(length);
        // The last second is a few kilobytes; look there first, then in more and more.
        let mut window = (64 << 10).min(most);
        loop {
            if let Some(time) = self.last_time_within(length - window) {
                return Some(time);
            }
            if window == most {
                return None;
            }
            window = (window * 8).min(most);
        }
    }

    fn last_time_within(&self, begin: u64) -> Option<Time> {
        let mut tail = Vec::new();
        self.source.read_at(begin, LARGEST_FRAME, &mut tail).ok()?;
        let candidates: Vec<usize> = match self.packing {
            Packing::Zstd => (0..tail.len()).filter(|at| frame::is_magic(&tail[*at..])).collect(),
            Packing::Plain => {
                tail.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect()
            }
        };
        candidates.into_iter().rev().find_map(|at| {
            let text = match (self.packing, frame::begins(&tail[at..])) {
                (Packing::Zstd, Begins::Frame(length)) => frame::unpack(&tail[at..at + length]).ok()?,
                (Packing::Zstd, _) => return None,
                (Packing::Plain, _) => tail[at..].split_inclusive(|byte| *byte == b'\n').next()?.to_vec(),
            };
            let again = |line: &[u8], seen: &mut _| read_line_again(line, LatenciesAre::PassedOver, seen);
            let (seen, _) = observations(&text, false, again);
            seen.iter().map(|observation| observation.at).max()
        })
    }
}

/// Histograms in a frame, at most: a second of a live session has a dozen, and each takes 27 KB however short its text.
const MOST_HISTOGRAMS: usize = 512;

/// How the first line of a recording begins. No other text can be that: within one the quotes would have strokes before
/// them.
const HEADER: &[u8] = b"{\"streamgauge\":";

/// The observations of a frame's text, read line by line, up to where another recording begins in it, and that place. The
/// first line of a file is no observation.
fn observations(
    text: &[u8],
    first: bool,
    mut read: impl FnMut(&[u8], &mut Vec<Observation>),
) -> (Vec<Observation>, Option<usize>) {
    let mut seen = Vec::new();
    let mut histograms = 0;
    let mut next = 0;
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let at = next;
        next += line.len() + 1;
        if first && number == 0 {
            continue;
        }
        if line.starts_with(HEADER) {
            return (seen, Some(at));
        }
        let before = seen.len();
        read(line, &mut seen);
        // Where the one before it was cut off, another begins within a line, of which nothing can be read then.
        if seen.len() == before
            && let Some(within) = line.windows(HEADER.len()).position(|bytes| bytes == HEADER)
        {
            return (seen, Some(at + within));
        }
        histograms += seen[before..].iter().map(histograms_of).sum::<usize>();
        if histograms > MOST_HISTOGRAMS && seen[before..].iter().any(|seen| histograms_of(seen) > 0) {
            seen.truncate(before);
        }
    }
    (seen, None)
}

fn histograms_of(observation: &Observation) -> usize {
    match &observation.fact {
        Fact::Stored(stored) => usize::from(!stored.latency.0.is_empty()),
        Fact::Load(load) => usize::from(!load.from_due.0.is_empty()) + usize::from(!load.from_send.0.is_empty()),
        _ => 0,
    }
}

/// Goes through a recording frame by frame, reading ahead in chunks. It stops for good at damage and where another
/// recording begins, and for now at the end: what is appended afterwards is found by asking again.
#[derive(Debug)]
pub struct Frames {
    source: Source,
    packing: Packing,
    /// Where the next frame begins in the file, and in the chunk.
    at: u64,
    chunk: Vec<u8>,
    used: usize,
    ending: Ending,
    /// See [`Recording`].
    first_frame: u64,
}

impl Frames {
    fn from(source: Source, packing: Packing, at: u64, first_frame: u64) -> Self {
        Self { source, packing, at, chunk: Vec::new(), used: 0, ending: Ending::Whole, first_frame }
    }

    /// The next frame and its observations; `None` at the end of what can be read, see [`Self::ending`].
    pub fn next_frame(
        &mut self,
        latencies: LatenciesAre,
        skipped: &mut Skipped,
    ) -> Result<Option<(FramePlace, Vec<Observation>)>, ReadError> {
        let Some((place, text)) = self.next_text()? else { return Ok(None) };
        let read = |line: &[u8], seen: &mut _| read_line(line, latencies, seen, skipped);
        let (seen, another) = observations(&text, place.at == self.first_frame, read);
        if let Some(within) = another {
            self.ending = match self.packing {
                Packing::Plain => Ending::Another { at: place.at + within as u64, can_be_cut: true },
                Packing::Zstd => Ending::Another { at: place.at, can_be_cut: within == 0 },
            };
            if within == 0 {
                return Ok(None);
            }
        }
        Ok(Some((place, seen)))
    }

    /// How the part that can be read ends, once [`Self::next_frame`] gave `None`.
    pub fn ending(&self) -> Ending {
        self.ending
    }

    fn next_text(&mut self) -> Result<Option<(FramePlace, Vec<u8>)>, ReadError> {
        if let Ending::Damaged { .. } | Ending::Another { .. } = self.ending {
            return Ok(None);
        }
        loop {
            let Some(length) = self.next_length()? else { return Ok(None) };
            let begin = self.used;
            self.used += length;
            let place = FramePlace { at: self.at, length: u32::try_from(length).unwrap_or(u32::MAX) };
            let bytes = &self.chunk[begin..self.used];
            let text = match self.packing {
                Packing::Plain => Ok(bytes.to_vec()),
                Packing::Zstd if matches!(frame::begins(bytes), Begins::Passed(_)) => {
                    self.at = place.end();
                    continue;
                }
                Packing::Zstd => frame::unpack(bytes),
            };
            match text {
                Ok(text) => {
                    self.at = place.end();
                    return Ok(Some((place, text)));
                }
                Err(reason) => {
                    self.ending = Ending::Damaged { at: self.at, reason };
                    return Ok(None);
                }
            }
        }
    }

    /// The length of the next frame, with all its bytes in the chunk.
    fn next_length(&mut self) -> Result<Option<usize>, ReadError> {
        loop {
            let rest = &self.chunk[self.used..];
            match self.look(rest) {
                Begins::Frame(length) | Begins::Passed(length) if length <= rest.len() => return Ok(Some(length)),
                Begins::Nothing if !rest.is_empty() => {
                    let reason = "no frame begins where one should";
                    self.ending = Ending::Damaged { at: self.at, reason };
                    return Ok(None);
                }
                _ => {}
            }
            // More bytes are needed: the next chunk is as long as what is there already, so that a large frame does
            // not have its headers walked again and again.
            self.chunk.drain(..self.used);
            self.used = 0;
            let from = self.at + self.chunk.len() as u64;
            let most = CHUNK.max(self.chunk.len());
            if self.source.read_at(from, most, &mut self.chunk)? == 0 {
                self.ending = if self.chunk.is_empty() { Ending::Whole } else { Ending::Cut { at: self.at } };
                // Not kept: when the file has grown, the bytes are read anew.
                self.chunk.clear();
                return Ok(None);
            }
        }
    }

    /// What begins here. Of plain text, lines up to [`PLAIN_FRAME`] bytes are one frame.
    fn look(&self, rest: &[u8]) -> Begins {
        if self.packing == Packing::Zstd {
            return if rest.is_empty() { Begins::Unfinished } else { frame::begins(rest) };
        }
        let within = &rest[..rest.len().min(PLAIN_FRAME)];
        let end = within.iter().rposition(|byte| *byte == b'\n');
        let end = end.or_else(|| rest.iter().position(|byte| *byte == b'\n'));
        match end {
            Some(end) => Begins::Frame(end + 1),
            None if rest.len() > LARGEST_TEXT => Begins::Nothing,
            None => Begins::Unfinished,
        }
    }
}
