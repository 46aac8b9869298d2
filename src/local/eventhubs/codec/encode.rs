//! Values to bytes, in the shortest encoding that every client reads.

use bytes::{BufMut, BytesMut};

use super::types::constructor as c;
use super::types::{Array, Value};

/// Lengths and counts are u32 on the wire. Nothing longer than a frame or a message of a few megabytes is ever
/// encoded, so the saturation is never reached.
fn length32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Text or bytes with a length before them, of one byte where that is enough.
fn variable(short: u8, long: u8, bytes: &[u8], out: &mut BytesMut) {
    if let Ok(length) = u8::try_from(bytes.len()) {
        out.put_slice(&[short, length]);
    } else {
        out.put_u8(long);
        out.put_u32(length32(bytes.len()));
    }
    out.put_slice(bytes);
}

pub(crate) fn string(text: &str, out: &mut BytesMut) {
    variable(c::STRING8, c::STRING32, text.as_bytes(), out);
}

pub(crate) fn symbol(text: &str, out: &mut BytesMut) {
    variable(c::SYMBOL8, c::SYMBOL32, text.as_bytes(), out);
}

pub(crate) fn binary(bytes: &[u8], out: &mut BytesMut) {
    variable(c::BINARY8, c::BINARY32, bytes, out);
}

pub(crate) fn uint(number: u32, out: &mut BytesMut) {
    match u8::try_from(number) {
        Ok(0) => out.put_u8(c::UINT_ZERO),
        Ok(small) => out.put_slice(&[c::UINT_SMALL, small]),
        Err(_) => {
            out.put_u8(c::UINT);
            out.put_u32(number);
        }
    }
}

pub(crate) fn ulong(number: u64, out: &mut BytesMut) {
    match u8::try_from(number) {
        Ok(0) => out.put_u8(c::ULONG_ZERO),
        Ok(small) => out.put_slice(&[c::ULONG_SMALL, small]),
        Err(_) => {
            out.put_u8(c::ULONG);
            out.put_u64(number);
        }
    }
}

/// Always eight bytes wide.
pub(crate) fn long(number: i64, out: &mut BytesMut) {
    out.put_u8(c::LONG);
    out.put_i64(number);
}

pub(crate) fn timestamp(milliseconds: i64, out: &mut BytesMut) {
    out.put_u8(c::TIMESTAMP);
    out.put_i64(milliseconds);
}

/// The three bytes that begin a type of the standard: `00 53 70` begins a header section.
///
/// Descriptors of the standard fit one byte; Python's client reads the third byte as the code, so the small form
/// is the only one that works everywhere.
pub(crate) fn descriptor(code: u8, out: &mut BytesMut) {
    out.put_slice(&[c::DESCRIBED, c::ULONG_SMALL, code]);
}

/// Any value. The depth of what is encoded is bounded, because values come from the decoder or are built here.
pub(crate) fn value(value: &Value, out: &mut BytesMut) {
    match value {
        Value::Null => out.put_u8(c::NULL),
        Value::Boolean(true) => out.put_u8(c::TRUE),
        Value::Boolean(false) => out.put_u8(c::FALSE),
        Value::Uint(number) => uint(*number, out),
        Value::Ulong(number) => ulong(*number, out),
        Value::Binary(bytes) => binary(bytes, out),
        Value::String(text) => string(text, out),
        Value::Symbol(text) => symbol(text, out),
        Value::Described(described) => {
            out.put_u8(c::DESCRIBED);
            self::value(&described.0, out);
            self::value(&described.1, out);
        }
        other => {
            out.put_u8(wide_constructor(other));
            wide_content(other, out);
        }
    }
}

/// The constructor of the widest encoding of a value: the one that fits all values of its type, as an array needs.
fn wide_constructor(value: &Value) -> u8 {
    match value {
        Value::Null => c::NULL,
        Value::Boolean(_) => c::BOOLEAN,
        Value::Ubyte(_) => c::UBYTE,
        Value::Ushort(_) => c::USHORT,
        Value::Uint(_) => c::UINT,
        Value::Ulong(_) => c::ULONG,
        Value::Byte(_) => c::BYTE,
        Value::Short(_) => c::SHORT,
        Value::Int(_) => c::INT,
        Value::Long(_) => c::LONG,
        Value::Float(_) => c::FLOAT,
        Value::Double(_) => c::DOUBLE,
        Value::Decimal32(_) => c::DECIMAL32,
        Value::Decimal64(_) => c::DECIMAL64,
        Value::Decimal128(_) => c::DECIMAL128,
        Value::Char(_) => c::CHAR,
        Value::Timestamp(_) => c::TIMESTAMP,
        Value::Uuid(_) => c::UUID,
        Value::Binary(_) => c::BINARY32,
        Value::String(_) => c::STRING32,
        Value::Symbol(_) => c::SYMBOL32,
        Value::List(_) => c::LIST32,
        Value::Map(_) => c::MAP32,
        Value::Array(_) => c::ARRAY32,
        Value::Described(_) => c::DESCRIBED,
    }
}

/// What follows [`wide_constructor`].
fn wide_content(value: &Value, out: &mut BytesMut) {
    match value {
        Value::Null => {}
        Value::Boolean(truth) => out.put_u8((*truth).into()),
        Value::Ubyte(number) => out.put_u8(*number),
        Value::Ushort(number) => out.put_u16(*number),
        Value::Uint(number) => out.put_u32(*number),
        Value::Ulong(number) => out.put_u64(*number),
        Value::Byte(number) => out.put_i8(*number),
        Value::Short(number) => out.put_i16(*number),
        Value::Int(number) => out.put_i32(*number),
        Value::Long(number) | Value::Timestamp(number) => out.put_i64(*number),
        Value::Float(number) => out.put_f32(*number),
        Value::Double(number) => out.put_f64(*number),
        Value::Decimal32(bytes) => out.put_slice(bytes),
        Value::Decimal64(bytes) => out.put_slice(bytes),
        Value::Decimal128(bytes) | Value::Uuid(bytes) => out.put_slice(bytes),
        Value::Char(scalar) => out.put_u32(u32::from(*scalar)),
        Value::Binary(bytes) => sized_bytes(bytes, out),
        Value::String(text) | Value::Symbol(text) => sized_bytes(text.as_bytes(), out),
        Value::List(values) => {
            compound(values.len(), out, |out| values.iter().for_each(|item| self::value(item, out)));
        }
        Value::Map(pairs) => compound(pairs.len() * 2, out, |out| {
            for (key, item) in pairs {
                self::value(key, out);
                self::value(item, out);
            }
        }),
        Value::Array(array) => array_content(array, out),
        Value::Described(described) => {
            self::value(&described.0, out);
            self::value(&described.1, out);
        }
    }
}

fn sized_bytes(bytes: &[u8], out: &mut BytesMut) {
    out.put_u32(length32(bytes.len()));
    out.put_slice(bytes);
}

/// The array `["0", "1"]` of strings is `f0 0000000f 00000002 b1 00000001 30 00000001 31`: size, count, then the
/// constructor once, and each element without it.
fn array_content(array: &Array, out: &mut BytesMut) {
    compound(array.elements().len(), out, |out| {
        if let Some(descriptor) = array.descriptor() {
            out.put_u8(c::DESCRIBED);
            value(descriptor, out);
        }
        out.put_u8(array.elements().first().map_or(c::STRING32, wide_constructor));
        array.elements().iter().for_each(|element| wide_content(element, out));
    });
}

/// Size and count of four bytes each, the size filled in when the content is written.
fn compound(count: usize, out: &mut BytesMut, content: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_u32(0);
    out.put_u32(length32(count));
    content(out);
    fill_in_length(start, 4, out);
}

/// Writes at `start` how many bytes stand behind it, not counting the first `uncounted` of them.
pub(crate) fn fill_in_length(start: usize, uncounted: usize, out: &mut BytesMut) {
    let length = length32(out.len().saturating_sub(start + uncounted)).to_be_bytes();
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&length);
    }
}

/// A map of four-byte size whose pairs are written by `pairs`, which gives how many keys and values it wrote.
pub(crate) fn map(out: &mut BytesMut, pairs: impl FnOnce(&mut BytesMut) -> usize) {
    out.put_u8(c::MAP32);
    let start = out.len();
    out.put_u64(0);
    let count = pairs(out);
    fill_in_length(start, 4, out);
    if let Some(place) = out.get_mut(start + 4..start + 8) {
        place.copy_from_slice(&length32(count).to_be_bytes());
    }
}

/// Writes the fields of a composite type, each in its turn, null for none.
pub(crate) struct FieldsWriter<'a> {
    out: &'a mut BytesMut,
    start: usize,
    count: u32,
}

impl<'a> FieldsWriter<'a> {
    pub(crate) fn new(code: u8, out: &'a mut BytesMut) -> Self {
        descriptor(code, out);
        out.put_u8(c::LIST32);
        let start = out.len();
        out.put_u64(0);
        Self { out, start, count: 0 }
    }

    fn field<T>(&mut self, field: Option<T>, write: impl FnOnce(T, &mut BytesMut)) -> &mut Self {
        self.count += 1;
        match field {
            Some(field) => write(field, self.out),
            None => self.out.put_u8(c::NULL),
        }
        self
    }

    pub(crate) fn boolean(&mut self, field: impl Into<Option<bool>>) -> &mut Self {
        self.field(field.into(), |truth, out| out.put_u8(if truth { c::TRUE } else { c::FALSE }))
    }

    pub(crate) fn ubyte(&mut self, field: impl Into<Option<u8>>) -> &mut Self {
        self.field(field.into(), |number, out| out.put_slice(&[c::UBYTE, number]))
    }

    pub(crate) fn ushort(&mut self, field: impl Into<Option<u16>>) -> &mut Self {
        self.field(field.into(), |number, out| {
            out.put_u8(c::USHORT);
            out.put_u16(number);
        })
    }

    pub(crate) fn uint(&mut self, field: impl Into<Option<u32>>) -> &mut Self {
        self.field(field.into(), uint)
    }

    pub(crate) fn ulong(&mut self, field: impl Into<Option<u64>>) -> &mut Self {
        self.field(field.into(), ulong)
    }

    pub(crate) fn binary(&mut self, field: Option<&[u8]>) -> &mut Self {
        self.field(field, binary)
    }

    pub(crate) fn string(&mut self, field: Option<&str>) -> &mut Self {
        self.field(field, string)
    }

    pub(crate) fn symbol(&mut self, field: Option<&str>) -> &mut Self {
        self.field(field, symbol)
    }

    pub(crate) fn value(&mut self, field: Option<&Value>) -> &mut Self {
        self.field(field, value)
    }

    /// A field written by the caller.
    pub(crate) fn with(&mut self, field: Option<impl FnOnce(&mut BytesMut)>) -> &mut Self {
        self.field(field, |write, out| write(out))
    }

    pub(crate) fn nulls(&mut self, count: u32) -> &mut Self {
        (0..count).for_each(|_| self.out.put_u8(c::NULL));
        self.count += count;
        self
    }
}

impl Drop for FieldsWriter<'_> {
    /// Fills in size and count, so that no list can be left without them.
    fn drop(&mut self) {
        fill_in_length(self.start, 4, self.out);
        if let Some(place) = self.out.get_mut(self.start + 4..self.start + 8) {
            place.copy_from_slice(&self.count.to_be_bytes());
        }
    }
}
