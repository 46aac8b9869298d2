//! Lines in compressed frames: each is a zstd frame of its own with a checksum, and reads without the others.

use zstd::bulk::Compressor;
use zstd::zstd_safe::{self, CParameter};

/// The text of a frame, at most. A second of 2,048 partitions is about 1 MB.
pub const LARGEST_TEXT: usize = 16 << 20;

/// A compressed frame, at most.
pub const LARGEST_FRAME: usize = LARGEST_TEXT + (1 << 17);

/// A frame takes under a millisecond at this level, a tenth less than zstd's own default needs; higher ones save nothing.
const LEVEL: i32 = 12;

/// Makes frames.
pub struct Packer(Compressor<'static>);

impl Packer {
    /// A packer. Fails only if there is no memory for it.
    pub fn new() -> std::io::Result<Self> {
        let mut compressor = Compressor::new(LEVEL)?;
        compressor.set_parameter(CParameter::ChecksumFlag(true))?;
        Ok(Self(compressor))
    }

    /// The frame of a text.
    pub fn pack(&mut self, text: &[u8]) -> std::io::Result<Vec<u8>> {
        self.0.compress(text)
    }
}

/// What stands at the beginning of some bytes of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    /// A frame of so many bytes.
    Frame(usize),
    /// Bytes that hold no text and are to be passed over: so many.
    Passed(usize),
    /// More bytes are needed to tell.
    Unfinished,
    /// No frame begins here.
    Nothing,
}

const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();

/// Whether these are the first bytes of a frame.
pub fn is_magic(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// Looks at the headers of a frame and of its blocks, without decompressing anything.
pub fn begins(bytes: &[u8]) -> Begins {
    let known = bytes.len().min(MAGIC.len());
    if bytes[..known] != MAGIC[..known] {
        return begins_to_be_passed(bytes);
    }
    match zstd_safe::find_frame_compressed_size(bytes) {
        Ok(length) if length > LARGEST_FRAME => Begins::Nothing,
        Ok(length) => Begins::Frame(length),
        // The library says "wrong size" for too few bytes; how many are needed it does not say.
        Err(_) if bytes.len() < LARGEST_FRAME => Begins::Unfinished,
        Err(_) => Begins::Nothing,
    }
}

/// zstd has frames that every reader passes over: 0x184D2A50 to 5F, then a length.
fn begins_to_be_passed(bytes: &[u8]) -> Begins {
    let known = bytes.len().min(4);
    let fits = (0_u8..16).any(|low| bytes[..known] == [0x50 + low, 0x2A, 0x4D, 0x18][..known]);
    if !fits {
        return Begins::Nothing;
    }
    match bytes.get(4..).and_then(|rest| rest.first_chunk()) {
        None => Begins::Unfinished,
        Some(length) => match usize::try_from(u32::from_le_bytes(*length)) {
            Ok(length) if length <= LARGEST_FRAME => Begins::Passed(length + 8),
            _ => Begins::Nothing,
        },
    }
}

/// Why a frame has no text.
pub const BAD_CHECKSUM: &str = "a frame does not decompress to what was written";
/// Why a frame's text is not read.
pub const TOO_LARGE: &str =
    "a frame holds more than 16 MB; decompress the file with `zstd -d` and open the .jsonl instead";

/// The text of a frame, if it is whole and of a size that a recording can have.
pub fn unpack(frame: &[u8]) -> Result<Vec<u8>, &'static str> {
    let most = match zstd_safe::get_frame_content_size(frame) {
        Ok(Some(length)) => match usize::try_from(length) {
            Ok(length) if length <= LARGEST_TEXT => length,
            _ => return Err(TOO_LARGE),
        },
        // Made by another program, which did not say: grown as needed, up to the limit.
        Ok(None) => return unpack_of_unknown_size(frame),
        Err(_) => return Err(BAD_CHECKSUM),
    };
    // A flipped bit can make the header claim megabytes; the text is never more than a block for each three bytes.
    if most > frame.len().saturating_mul(1 << 17) {
        return Err(BAD_CHECKSUM);
    }
    zstd::bulk::decompress(frame, most).map_err(|_| BAD_CHECKSUM)
}

fn unpack_of_unknown_size(frame: &[u8]) -> Result<Vec<u8>, &'static str> {
    use std::io::Read;
    let reader = zstd::Decoder::new(frame).map_err(|_| BAD_CHECKSUM)?.single_frame();
    let mut text = Vec::new();
    let read = reader.take(LARGEST_TEXT as u64 + 1).read_to_end(&mut text);
    match read {
        Ok(length) if length > LARGEST_TEXT => Err(TOO_LARGE),
        Ok(_) => Ok(text),
        Err(_) => Err(BAD_CHECKSUM),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_found_by_its_headers_and_reads_alone() {
        let mut packer = Packer::new().unwrap();
        let mut file = packer.pack(b"one\n").unwrap();
        let first = file.len();
        file.extend(packer.pack(b"two\n").unwrap());
        assert_eq!(begins(&file), Begins::Frame(first));
        assert_eq!(unpack(&file[first..]).unwrap(), b"two\n");
        for cut in 0..first {
            assert_eq!(begins(&file[..cut]), Begins::Unfinished, "cut at {cut}");
        }
    }

    #[test]
    fn a_frame_that_would_fill_the_memory_is_refused() {
        let zeros = zstd::bulk::compress(&vec![0; LARGEST_TEXT + 1], 3).unwrap();
        assert_eq!(unpack(&zeros), Err(TOO_LARGE));
        // The same from a program that does not say beforehand how much it is.
        let streamed = zstd::encode_all(vec![0; LARGEST_TEXT + 1].as_slice(), 3).unwrap();
        assert_eq!(unpack(&streamed), Err(TOO_LARGE));
    }

    #[test]
    fn bytes_of_other_programs_are_passed_over() {
        let mut skippable = vec![0x5A, 0x2A, 0x4D, 0x18, 3, 0, 0, 0];
        skippable.extend([1, 2, 3]);
        assert_eq!(begins(&skippable), Begins::Passed(11));
        assert_eq!(begins(b"PK\x03\x04"), Begins::Nothing);
    }
}
