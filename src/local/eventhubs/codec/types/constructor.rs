//! The byte that stands before every value and says how the value is encoded (section 1.2).
//!
//! Its upper half says how many bytes follow, so that a value can be skipped without being understood:
//!
//! | `0x4_` | `0x5_` | `0x6_` | `0x7_` | `0x8_` | `0x9_` | `0xA_` | `0xB_` | `0xC_`, `0xE_` | `0xD_`, `0xF_` |
//! |---|---|---|---|---|---|---|---|---|---|
//! | none | 1 | 2 | 4 | 8 | 16 | 1-byte length | 4-byte length | 1-byte size | 4-byte size |

pub(crate) const DESCRIBED: u8 = 0x00;
pub(crate) const NULL: u8 = 0x40;
pub(crate) const TRUE: u8 = 0x41;
pub(crate) const FALSE: u8 = 0x42;
pub(crate) const UINT_ZERO: u8 = 0x43;
pub(crate) const ULONG_ZERO: u8 = 0x44;
pub(crate) const LIST_EMPTY: u8 = 0x45;
pub(crate) const UBYTE: u8 = 0x50;
pub(crate) const BYTE: u8 = 0x51;
pub(crate) const UINT_SMALL: u8 = 0x52;
pub(crate) const ULONG_SMALL: u8 = 0x53;
pub(crate) const INT_SMALL: u8 = 0x54;
pub(crate) const LONG_SMALL: u8 = 0x55;
pub(crate) const BOOLEAN: u8 = 0x56;
pub(crate) const USHORT: u8 = 0x60;
pub(crate) const SHORT: u8 = 0x61;
pub(crate) const UINT: u8 = 0x70;
pub(crate) const INT: u8 = 0x71;
pub(crate) const FLOAT: u8 = 0x72;
pub(crate) const CHAR: u8 = 0x73;
pub(crate) const DECIMAL32: u8 = 0x74;
pub(crate) const ULONG: u8 = 0x80;
pub(crate) const LONG: u8 = 0x81;
pub(crate) const DOUBLE: u8 = 0x82;
pub(crate) const TIMESTAMP: u8 = 0x83;
pub(crate) const DECIMAL64: u8 = 0x84;
pub(crate) const DECIMAL128: u8 = 0x94;
pub(crate) const UUID: u8 = 0x98;
pub(crate) const BINARY8: u8 = 0xA0;
pub(crate) const STRING8: u8 = 0xA1;
pub(crate) const SYMBOL8: u8 = 0xA3;
pub(crate) const BINARY32: u8 = 0xB0;
pub(crate) const STRING32: u8 = 0xB1;
pub(crate) const SYMBOL32: u8 = 0xB3;
pub(crate) const LIST8: u8 = 0xC0;
pub(crate) const MAP8: u8 = 0xC1;
pub(crate) const LIST32: u8 = 0xD0;
pub(crate) const MAP32: u8 = 0xD1;
pub(crate) const ARRAY8: u8 = 0xE0;
pub(crate) const ARRAY32: u8 = 0xF0;
