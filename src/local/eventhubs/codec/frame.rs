//! Frames: the envelope of everything that follows the protocol header (section 2.3).

use bytes::{BufMut, BytesMut};

/// What a connection says first: `AMQP`, the protocol, and version 1.0.0 (section 2.2).
pub(crate) const PROTOCOL_HEADER_LENGTH: usize = 8;
pub(crate) const AMQP_HEADER: [u8; PROTOCOL_HEADER_LENGTH] = *b"AMQP\x00\x01\x00\x00";
pub(crate) const SASL_HEADER: [u8; PROTOCOL_HEADER_LENGTH] = *b"AMQP\x03\x01\x00\x00";

/// Size, data offset, type and channel.
pub(crate) const FRAME_HEADER_LENGTH: usize = 8;

/// No peer may ask for smaller frames than this (section 2.4.1).
pub(crate) const MIN_MAX_FRAME_SIZE: u32 = 512;

/// The two types of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameType {
    Amqp,
    Sasl,
}

/// One whole frame in the read buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: FrameType,
    pub(crate) channel: u16,
    /// A performative and its payload; empty in a heartbeat.
    pub(crate) body: &'a [u8],
    /// Header and body: how much of the buffer the frame takes.
    pub(crate) length: usize,
}

/// Why bytes are not a frame; nothing that follows can be trusted then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("a frame of {size} bytes, where {limit} was the most agreed")]
    TooLarge { size: u32, limit: u32 },
    #[error("a frame that says it is {0} bytes long, less than its own header")]
    TooSmall(u32),
    #[error("a data offset of {0} words points outside of the frame")]
    WrongDataOffset(u8),
    #[error("frame type {0} is not known")]
    UnknownType(u8),
}

/// The first frame in `buffer`, or none while it has not wholly arrived.
///
/// A heartbeat is `00000008 02 00 0000`: eight bytes in all, the body begins after two words of four bytes, type
/// AMQP, channel 0, no body.
pub(crate) fn read(buffer: &[u8], limit: u32) -> Result<Option<Frame<'_>>, FrameError> {
    let Some((&[s0, s1, s2, s3, data_offset, type_code, c0, c1], _)) =
        buffer.split_first_chunk::<FRAME_HEADER_LENGTH>()
    else {
        return Ok(None);
    };
    let size = u32::from_be_bytes([s0, s1, s2, s3]);
    if size > limit {
        return Err(FrameError::TooLarge { size, limit });
    }
    let length = size as usize;
    if length < FRAME_HEADER_LENGTH {
        return Err(FrameError::TooSmall(size));
    }
    let body_start = usize::from(data_offset) * 4;
    if body_start < FRAME_HEADER_LENGTH || body_start > length {
        return Err(FrameError::WrongDataOffset(data_offset));
    }
    let kind = match type_code {
        0 => FrameType::Amqp,
        1 => FrameType::Sasl,
        unknown => return Err(FrameError::UnknownType(unknown)),
    };
    let channel = u16::from_be_bytes([c0, c1]);
    Ok(buffer.get(body_start..length).map(|body| Frame { kind, channel, body, length }))
}

/// Writes a frame whose body is written by `body`.
pub(crate) fn write(out: &mut BytesMut, frame_type: FrameType, channel: u16, body: impl FnOnce(&mut BytesMut)) {
    let start = begin(out, frame_type, channel);
    body(out);
    end(out, start);
}

/// Writes the header of a frame and gives where it stands, for [`end`].
pub(crate) fn begin(out: &mut BytesMut, frame_type: FrameType, channel: u16) -> usize {
    let start = out.len();
    let type_code = match frame_type {
        FrameType::Amqp => 0,
        FrameType::Sasl => 1,
    };
    out.put_slice(&[0, 0, 0, 0, 2, type_code]);
    out.put_u16(channel);
    start
}

/// Fills in the size of the frame that begins at `start`; it counts itself.
pub(crate) fn end(out: &mut BytesMut, start: usize) {
    super::encode::fill_in_length(start, 0, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_heartbeat_is_an_empty_frame() {
        let mut out = BytesMut::new();
        write(&mut out, FrameType::Amqp, 0, |_| {});
        assert_eq!(&out[..], [0, 0, 0, 8, 2, 0, 0, 0]);
        let frame = read(&out, 512).unwrap().unwrap();
        assert!(frame.body.is_empty());
        assert_eq!(frame.length, 8);
    }

    #[test]
    fn a_frame_that_has_not_wholly_arrived_is_waited_for() {
        let mut out = BytesMut::new();
        write(&mut out, FrameType::Amqp, 3, |out| out.put_slice(b"body"));
        for cut in 0..out.len() {
            assert_eq!(read(&out[..cut], 512), Ok(None), "cut at {cut}");
        }
        let frame = read(&out, 512).unwrap().unwrap();
        assert_eq!((frame.channel, frame.body), (3, &b"body"[..]));
    }

    #[test]
    fn wrong_headers_are_refused_before_the_body_arrives() {
        let cases: [(&[u8], FrameError); 5] = [
            (&[0, 0, 2, 1, 2, 0, 0, 0], FrameError::TooLarge { size: 513, limit: 512 }),
            (&[0, 0, 0, 7, 2, 0, 0, 0], FrameError::TooSmall(7)),
            (&[0, 0, 0, 8, 1, 0, 0, 0], FrameError::WrongDataOffset(1)),
            (&[0, 0, 0, 8, 3, 0, 0, 0], FrameError::WrongDataOffset(3)),
            (&[0, 0, 0, 8, 2, 9, 0, 0], FrameError::UnknownType(9)),
        ];
        for (bytes, error) in cases {
            assert_eq!(read(bytes, 512), Err(error), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_frame_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(Some(frame)) = read(&bytes, 512) {
                prop_assert!(frame.length <= bytes.len());
            }
        }
    }
}
