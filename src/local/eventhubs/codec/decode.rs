//! Bytes to values: a cursor that never reads past its end.

use super::types::constructor as c;
use super::types::{Array, Value};

/// How deep values may nest. What clients send nests four deep (a source, its filters, a described filter, its
/// text); deeper is refused before it can exhaust the stack.
pub(crate) const NESTING_LIMIT: u8 = 16;

/// How many elements an array may have whose elements take no bytes (null, true, zero): their number costs the
/// sender nothing, so it must not cost the receiver memory.
const EMPTY_ELEMENTS_LIMIT: usize = 1024;

/// Why bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("the bytes end inside a value")]
    Truncated,
    #[error("0x{0:02x} does not begin a value")]
    UnknownConstructor(u8),
    #[error("a value of encoding 0x{found:02x} stands where {expected} is due")]
    WrongType { expected: &'static str, found: u8 },
    #[error("a text is not UTF-8, or a symbol not ASCII")]
    NotText,
    #[error("a char is not a Unicode scalar value")]
    NotAChar,
    #[error("values nest deeper than {NESTING_LIMIT}")]
    TooDeep,
    #[error("a list, map or array says a size or count that its content does not bear out")]
    WrongSize,
    #[error("descriptor 0x{0:x} is not known here")]
    UnknownDescriptor(u64),
    #[error("a mandatory field is missing: {0}")]
    MissingField(&'static str),
}

type Result<T> = std::result::Result<T, DecodeError>;

/// A cursor over encoded values.
#[derive(Debug, Clone)]
pub(crate) struct Decoder<'a> {
    rest: &'a [u8],
    depth: u8,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, depth: 0 }
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8> {
        self.bytes::<1>().map(|[byte]| byte)
    }

    fn length8(&mut self) -> Result<usize> {
        self.byte().map(usize::from)
    }

    fn length32(&mut self) -> Result<usize> {
        let length = u32::from_be_bytes(self.bytes()?);
        usize::try_from(length).map_err(|_| DecodeError::WrongSize)
    }

    /// A cursor over part of this one's bytes, one level deeper.
    fn nested(&self, bytes: &'a [u8]) -> Result<Self> {
        if self.depth >= NESTING_LIMIT {
            return Err(DecodeError::TooDeep);
        }
        Ok(Self { rest: bytes, depth: self.depth + 1 })
    }

    /// Passes over one value without decoding it.
    pub(crate) fn skip(&mut self) -> Result<()> {
        let constructor = self.byte()?;
        if constructor == c::DESCRIBED {
            let mut inner = self.nested(self.rest)?;
            inner.skip()?;
            inner.skip()?;
            self.rest = inner.rest;
            return Ok(());
        }
        let length = match constructor >> 4 {
            0x4 => 0,
            0x5 => 1,
            0x6 => 2,
            0x7 => 4,
            0x8 => 8,
            0x9 => 16,
            0xA | 0xC | 0xE => self.length8()?,
            0xB | 0xD | 0xF => self.length32()?,
            _ => return Err(DecodeError::UnknownConstructor(constructor)),
        };
        self.take(length).map(|_| ())
    }

    /// Reads one value of any type.
    pub(crate) fn value(&mut self) -> Result<Value> {
        let constructor = self.byte()?;
        if constructor == c::DESCRIBED {
            let mut inner = self.nested(self.rest)?;
            let descriptor = inner.value()?;
            let value = inner.value()?;
            self.rest = inner.rest;
            return Ok(Value::described(descriptor, value));
        }
        self.value_of(constructor)
    }

    /// Reads what follows a constructor other than [`c::DESCRIBED`].
    fn value_of(&mut self, constructor: u8) -> Result<Value> {
        Ok(match constructor {
            c::NULL => Value::Null,
            c::TRUE => Value::Boolean(true),
            c::FALSE => Value::Boolean(false),
            c::BOOLEAN => Value::Boolean(self.byte()? != 0),
            c::UBYTE => Value::Ubyte(self.byte()?),
            c::USHORT => Value::Ushort(u16::from_be_bytes(self.bytes()?)),
            c::UINT_ZERO => Value::Uint(0),
            c::UINT_SMALL => Value::Uint(self.byte()?.into()),
            c::UINT => Value::Uint(u32::from_be_bytes(self.bytes()?)),
            c::ULONG_ZERO => Value::Ulong(0),
            c::ULONG_SMALL => Value::Ulong(self.byte()?.into()),
            c::ULONG => Value::Ulong(u64::from_be_bytes(self.bytes()?)),
            c::BYTE => Value::Byte(i8::from_be_bytes(self.bytes()?)),
            c::SHORT => Value::Short(i16::from_be_bytes(self.bytes()?)),
            c::INT_SMALL => Value::Int(i8::from_be_bytes(self.bytes()?).into()),
            c::INT => Value::Int(i32::from_be_bytes(self.bytes()?)),
            c::LONG_SMALL => Value::Long(i8::from_be_bytes(self.bytes()?).into()),
            c::LONG => Value::Long(i64::from_be_bytes(self.bytes()?)),
            c::FLOAT => Value::Float(f32::from_be_bytes(self.bytes()?)),
            c::DOUBLE => Value::Double(f64::from_be_bytes(self.bytes()?)),
            c::DECIMAL32 => Value::Decimal32(self.bytes()?),
            c::DECIMAL64 => Value::Decimal64(self.bytes()?),
            c::DECIMAL128 => Value::Decimal128(self.bytes()?),
            c::CHAR => {
                let scalar = u32::from_be_bytes(self.bytes()?);
                Value::Char(char::from_u32(scalar).ok_or(DecodeError::NotAChar)?)
            }
            c::TIMESTAMP => Value::Timestamp(i64::from_be_bytes(self.bytes()?)),
            c::UUID => Value::Uuid(self.bytes()?),
            c::BINARY8 | c::BINARY32 => Value::Binary(self.variable(constructor)?.to_vec()),
            c::STRING8 | c::STRING32 => Value::String(text(self.variable(constructor)?)?.to_owned()),
            c::SYMBOL8 | c::SYMBOL32 => Value::Symbol(ascii(self.variable(constructor)?)?.to_owned()),
            c::LIST_EMPTY => Value::List(Vec::new()),
            c::LIST8 | c::LIST32 => {
                let (mut content, count) = self.compound(constructor)?;
                let values = (0..count).map(|_| content.value()).collect::<Result<_>>()?;
                content.ended()?;
                Value::List(values)
            }
            c::MAP8 | c::MAP32 => {
                let (mut content, count) = self.compound(constructor)?;
                if count % 2 != 0 {
                    return Err(DecodeError::WrongSize);
                }
                let pairs = (0..count / 2).map(|_| Ok((content.value()?, content.value()?))).collect::<Result<_>>()?;
                content.ended()?;
                Value::Map(pairs)
            }
            c::ARRAY8 | c::ARRAY32 => Value::Array(self.array(constructor)?),
            unknown => return Err(DecodeError::UnknownConstructor(unknown)),
        })
    }

    /// The content of a value of variable width.
    fn variable(&mut self, constructor: u8) -> Result<&'a [u8]> {
        let length = if constructor >> 4 == 0xA { self.length8()? } else { self.length32()? };
        self.take(length)
    }

    /// The content of a list, map or array, and how many values it says it holds.
    ///
    /// The list `[true, 5]` is `c0 04 02 41 52 05`: the constructor, the size of all that follows the size, the
    /// count, and the two values.
    fn compound(&mut self, constructor: u8) -> Result<(Self, usize)> {
        let wide = matches!(constructor >> 4, 0xD | 0xF);
        let size = if wide { self.length32()? } else { self.length8()? };
        let bytes = self.take(size)?;
        let mut content = self.nested(bytes)?;
        let count = if wide { content.length32()? } else { content.length8()? };
        // Each value of a list or map takes a byte at least, so a greater count is a lie: no memory is set aside.
        let is_array = matches!(constructor >> 4, 0xE | 0xF);
        if !is_array && count > content.rest.len() {
            return Err(DecodeError::WrongSize);
        }
        Ok((content, count))
    }

    fn array(&mut self, constructor: u8) -> Result<Array> {
        let (mut content, count) = self.compound(constructor)?;
        if count == 0 && content.is_empty() {
            // Strictly a constructor is due even here, but not every encoder writes one.
            return Ok(Array::strings([]));
        }
        let mut element = content.byte()?;
        let descriptor = if element == c::DESCRIBED {
            let mut inner = content.nested(content.rest)?;
            let descriptor = inner.value()?;
            content.rest = inner.rest;
            element = content.byte()?;
            Some(descriptor)
        } else {
            None
        };
        let widest = if element >> 4 == 0x4 { EMPTY_ELEMENTS_LIMIT } else { content.rest.len() };
        if count > widest {
            return Err(DecodeError::WrongSize);
        }
        let elements = (0..count).map(|_| content.value_of(element)).collect::<Result<_>>()?;
        content.ended()?;
        Array::new(descriptor, elements).ok_or(DecodeError::WrongSize)
    }

    fn ended(&self) -> Result<()> {
        if self.is_empty() { Ok(()) } else { Err(DecodeError::WrongSize) }
    }

    /// Reads the descriptor of a described type that the standard itself defines, such as a performative.
    ///
    /// An attach begins `00 53 12`: described, a small ulong, 0x12. Longer encodings of the same number are read
    /// too; descriptors as symbols (`amqp:attach:list`) are not used by any client of Event Hubs.
    pub(crate) fn descriptor(&mut self) -> Result<u64> {
        match self.byte()? {
            c::DESCRIBED => {}
            found => return Err(DecodeError::WrongType { expected: "a described type", found }),
        }
        match self.byte()? {
            c::ULONG_ZERO => Ok(0),
            c::ULONG_SMALL => self.byte().map(u64::from),
            c::ULONG => Ok(u64::from_be_bytes(self.bytes()?)),
            found => Err(DecodeError::WrongType { expected: "a numeric descriptor", found }),
        }
    }

    /// Reads the beginning of a list and gives its fields one by one.
    pub(crate) fn fields(&mut self) -> Result<Fields<'a>> {
        match self.byte()? {
            c::LIST_EMPTY => Ok(Fields { content: self.nested(&[])?, remaining: 0 }),
            constructor @ (c::LIST8 | c::LIST32) => {
                let (content, remaining) = self.compound(constructor)?;
                Ok(Fields { content, remaining })
            }
            found => Err(DecodeError::WrongType { expected: "a list", found }),
        }
    }

    /// Reads the beginning of a map: its content, and the number of keys and values in it.
    pub(crate) fn map(&mut self) -> Result<(Self, usize)> {
        match self.byte()? {
            constructor @ (c::MAP8 | c::MAP32) => self.compound(constructor),
            found => Err(DecodeError::WrongType { expected: "a map", found }),
        }
    }

    /// Reads a binary without copying it.
    pub(crate) fn binary(&mut self) -> Result<&'a [u8]> {
        match self.byte()? {
            constructor @ (c::BINARY8 | c::BINARY32) => self.variable(constructor),
            found => Err(DecodeError::WrongType { expected: "a binary", found }),
        }
    }

    /// Reads a string or symbol without copying it; none for a value of another type, which is passed over.
    pub(crate) fn text_or_skip(&mut self) -> Result<Option<&'a str>> {
        match self.rest.first() {
            Some(&constructor @ (c::STRING8 | c::STRING32 | c::SYMBOL8 | c::SYMBOL32)) => {
                self.byte()?;
                text(self.variable(constructor)?).map(Some)
            }
            _ => self.skip().map(|()| None),
        }
    }
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| DecodeError::NotText)
}

fn ascii(bytes: &[u8]) -> Result<&str> {
    if bytes.is_ascii() { text(bytes) } else { Err(DecodeError::NotText) }
}

/// The fields of a composite type in their order. A field that is null, or past the end of a trimmed list, is none.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    content: Decoder<'a>,
    remaining: usize,
}

impl<'a> Fields<'a> {
    /// The constructor of the next field, where the field is there.
    fn constructor(&mut self) -> Result<Option<u8>> {
        if self.remaining == 0 {
            return Ok(None);
        }
        self.remaining -= 1;
        match self.content.byte()? {
            c::NULL => Ok(None),
            constructor => Ok(Some(constructor)),
        }
    }

    pub(crate) fn boolean(&mut self) -> Result<Option<bool>> {
        match self.constructor()? {
            None => Ok(None),
            Some(c::TRUE) => Ok(Some(true)),
            Some(c::FALSE) => Ok(Some(false)),
            Some(c::BOOLEAN) => Ok(Some(self.content.byte()? != 0)),
            Some(found) => Err(DecodeError::WrongType { expected: "a boolean", found }),
        }
    }

    pub(crate) fn ubyte(&mut self) -> Result<Option<u8>> {
        match self.constructor()? {
            None => Ok(None),
            Some(c::UBYTE) => self.content.byte().map(Some),
            Some(found) => Err(DecodeError::WrongType { expected: "a ubyte", found }),
        }
    }

    pub(crate) fn ushort(&mut self) -> Result<Option<u16>> {
        match self.constructor()? {
            None => Ok(None),
            Some(c::USHORT) => Ok(Some(u16::from_be_bytes(self.content.bytes()?))),
            Some(found) => Err(DecodeError::WrongType { expected: "a ushort", found }),
        }
    }

    pub(crate) fn uint(&mut self) -> Result<Option<u32>> {
        match self.constructor()? {
            None => Ok(None),
            Some(c::UINT_ZERO) => Ok(Some(0)),
            Some(c::UINT_SMALL) => Ok(Some(self.content.byte()?.into())),
            Some(c::UINT) => Ok(Some(u32::from_be_bytes(self.content.bytes()?))),
            Some(found) => Err(DecodeError::WrongType { expected: "a uint", found }),
        }
    }

    pub(crate) fn ulong(&mut self) -> Result<Option<u64>> {
        match self.constructor()? {
            None => Ok(None),
            Some(c::ULONG_ZERO) => Ok(Some(0)),
            Some(c::ULONG_SMALL) => Ok(Some(self.content.byte()?.into())),
            Some(c::ULONG) => Ok(Some(u64::from_be_bytes(self.content.bytes()?))),
            Some(found) => Err(DecodeError::WrongType { expected: "a ulong", found }),
        }
    }

    pub(crate) fn binary(&mut self) -> Result<Option<&'a [u8]>> {
        match self.constructor()? {
            None => Ok(None),
            Some(constructor @ (c::BINARY8 | c::BINARY32)) => self.content.variable(constructor).map(Some),
            Some(found) => Err(DecodeError::WrongType { expected: "a binary", found }),
        }
    }

    /// A string or a symbol.
    pub(crate) fn text(&mut self) -> Result<Option<&'a str>> {
        match self.constructor()? {
            None => Ok(None),
            Some(constructor @ (c::STRING8 | c::STRING32 | c::SYMBOL8 | c::SYMBOL32)) => {
                text(self.content.variable(constructor)?).map(Some)
            }
            Some(found) => Err(DecodeError::WrongType { expected: "a string or symbol", found }),
        }
    }

    pub(crate) fn value(&mut self) -> Result<Option<Value>> {
        if self.remaining == 0 {
            return Ok(None);
        }
        self.remaining -= 1;
        Ok(match self.content.value()? {
            Value::Null => None,
            value => Some(value),
        })
    }

    /// A field that is itself a described type, to be read with the cursor that is given.
    pub(crate) fn described(&mut self) -> Result<Option<Decoder<'a>>> {
        if self.remaining == 0 {
            return Ok(None);
        }
        self.remaining -= 1;
        let field = self.content.clone();
        self.content.skip()?;
        Ok(if field.rest.first() == Some(&c::NULL) { None } else { Some(field) })
    }

    pub(crate) fn skip(&mut self, count: usize) -> Result<()> {
        for _ in 0..count.min(self.remaining) {
            self.remaining -= 1;
            self.content.skip()?;
        }
        Ok(())
    }
}
