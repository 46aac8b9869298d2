//! Effective partition keys: where in the container's key space a partition key value lies.
//!
//! A container with hash partitioning, version 2, spreads its items over the numbers below 2^126. Clients compute the
//! same number to route by themselves, so ours must agree to the bit. Worked example, the key `"redmond"`:
//!
//! 1. bytes to hash: `08` (a string), the UTF-8 bytes `72 65 64 6D 6F 6E 64`, then `FF`;
//! 2. `MurmurHash3` of 128 bits over them;
//! 3. the two top bits cleared: `22E342F38A486A088463DFF7838A5963`, 32 upper-case hexadecimal digits.
//!
//! Source of format and vectors: the public vectors in the SDKs' own tests (`azure_data_cosmos_driver`, azure-cosmos
//! for Python and Java: `PartitionKeyHashBaselineTest`).

use std::fmt;

use serde_json::Value;

use super::murmur::hash_128;

/// One value that an item is partitioned by.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PartitionKeyValue {
    /// The item has no such property.
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
}

/// A partition key that no container can have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a partition key value is a string, a number, a boolean or null, not an array or an object")]
pub(super) struct NotAKey;

impl PartitionKeyValue {
    /// The value as JSON has it. In a header an empty object stands for "undefined".
    pub(super) fn of(value: &Value) -> Result<Self, NotAKey> {
        match value {
            Value::Null => Ok(Self::Null),
            Value::Bool(value) => Ok(Self::Bool(*value)),
            Value::Number(value) => value.as_f64().map(Self::Number).ok_or(NotAKey),
            Value::String(value) => Ok(Self::Text(value.clone())),
            Value::Object(members) if members.is_empty() => Ok(Self::Undefined),
            Value::Array(_) | Value::Object(_) => Err(NotAKey),
        }
    }

    fn hashed_bytes(&self) -> Vec<u8> {
        match self {
            Self::Undefined => vec![0x00],
            Self::Null => vec![0x01],
            Self::Bool(false) => vec![0x02],
            Self::Bool(true) => vec![0x03],
            Self::Number(value) => [&[0x05], &value.to_le_bytes()[..]].concat(),
            Self::Text(text) => [&[0x08], text.as_bytes(), &[0xFF]].concat(),
        }
    }
}

/// A place in the key space. Their order as numbers is the order of their hexadecimal forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct EffectivePartitionKey(u128);

/// Two bits are cleared, so this many keys exist.
const KEYS: u128 = 1 << 126;

impl EffectivePartitionKey {
    /// The lowest key; ranges write it as the empty string.
    pub(super) const LOWEST: Self = Self(0);
    /// Above every key; ranges write it as `FF`.
    pub(super) const ABOVE_ALL: Self = Self(0xFF << 120);

    /// The place of a key with this one value.
    pub(super) fn of(value: &PartitionKeyValue) -> Self {
        // The hash's bytes count from its low end, so turned round it is the number itself, high byte first.
        Self(hash_128(&value.hashed_bytes()) & (KEYS - 1))
    }

    /// Reads the hexadecimal form; digits that are left out at the end are zeros.
    pub(super) fn from_hex(text: &str) -> Option<Self> {
        if text.len() > 32 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(&format!("{text:0<32}"), 16).ok().map(Self)
    }

    /// The lower bounds of so many equal shares of the key space.
    pub(super) fn equal_shares(count: u32) -> impl Iterator<Item = Self> {
        let share = KEYS / u128::from(count.max(1));
        (0..count.max(1)).map(move |index| Self(share * u128::from(index)))
    }
}

impl fmt::Display for EffectivePartitionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::LOWEST => Ok(()),
            Self::ABOVE_ALL => formatter.write_str("FF"),
            Self(number) => write!(formatter, "{number:032X}"),
        }
    }
}

/// A share of the key space, without its upper bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyRange {
    pub(super) min: EffectivePartitionKey,
    pub(super) max: EffectivePartitionKey,
}

impl KeyRange {
    /// The whole key space.
    pub(super) const ALL: Self = Self { min: EffectivePartitionKey::LOWEST, max: EffectivePartitionKey::ABOVE_ALL };

    /// The range of one key alone.
    pub(super) fn only(key: EffectivePartitionKey) -> Self {
        Self { min: key, max: EffectivePartitionKey(key.0.saturating_add(1)) }
    }

    pub(super) fn contains(self, key: EffectivePartitionKey) -> bool {
        self.min <= key && key < self.max
    }

    pub(super) fn overlaps(self, other: Self) -> bool {
        self.min < other.max && other.min < self.max
    }

    /// Its lower and its upper half.
    pub(super) fn halves(self) -> [Self; 2] {
        let top = self.max.0.min(KEYS);
        let middle = EffectivePartitionKey(self.min.0 + (top - self.min.0) / 2);
        [Self { max: middle, ..self }, Self { min: middle, ..self }]
    }

    /// The whole key space cut into equal ranges.
    pub(super) fn cut(count: u32) -> Vec<Self> {
        let mins: Vec<_> = EffectivePartitionKey::equal_shares(count).collect();
        let maxes = mins.iter().copied().skip(1).chain([EffectivePartitionKey::ABOVE_ALL]);
        mins.iter().copied().zip(maxes).map(|(min, max)| Self { min, max }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The vectors that every Cosmos DB SDK tests itself with.
    #[test]
    fn agrees_with_the_clients() {
        use PartitionKeyValue::{Bool, Null, Number, Text, Undefined};
        for (value, expected) in [
            (Text(String::new()), "32E9366E637A71B4E710384B2F4970A0"),
            (Text("partitionKey".into()), "013AEFCF77FA271571CF665A58C933F1"),
            (Text("a".repeat(1024)), "332BDF5512AE49615F32C7D98C2DB86C"),
            (Text("redmond".into()), "22E342F38A486A088463DFF7838A5963"),
            (Text("customer42".into()), "19819C94CE42A1654CCC8110539D9589"),
            (Undefined, "11622DAA78F835834610ABE56EFF5CB5"),
            (Null, "378867E4430E67857ACE5C908374FE16"),
            (Bool(true), "0E711127C5B5A8E4726AC6DD306A3E59"),
            (Bool(false), "2FE1BE91E90A3439635E0E9E37361EF2"),
            (Number(-128.0), "01DAEDABF913540367FE219B2AD06148"),
            (Number(127.0), "0C507ACAC853ECA7977BF4CEFB562A25"),
            (Number(f64::MAX), "31424D996457102634591FF245DBCC4D"),
            (Number(5.0), "19C08621B135968252FB34B4CF66F811"),
            (Number(5.123_124_190_509_124), "0EF2E2D82460884AF0F6440BE4F726A8"),
        ] {
            assert_eq!(EffectivePartitionKey::of(&value).to_string(), expected, "{value:?}");
        }
    }

    #[test]
    fn two_ranges_meet_in_the_middle() {
        let ranges = KeyRange::cut(2);
        let written: Vec<_> = ranges.iter().map(|range| (range.min.to_string(), range.max.to_string())).collect();
        let middle = "20000000000000000000000000000000".to_owned();
        assert_eq!(written, [(String::new(), middle.clone()), (middle, "FF".to_owned())]);
    }

    #[test]
    fn hexadecimal_forms_may_leave_out_zeros_at_the_end() {
        assert_eq!(EffectivePartitionKey::from_hex(""), Some(EffectivePartitionKey::LOWEST));
        assert_eq!(EffectivePartitionKey::from_hex("ff"), Some(EffectivePartitionKey::ABOVE_ALL));
        assert_eq!(EffectivePartitionKey::from_hex("2"), EffectivePartitionKey::from_hex(&format!("2{:031}", 0)));
        for bad in ["+1", "0x1", " ", "é", &"0".repeat(33)] {
            assert_eq!(EffectivePartitionKey::from_hex(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_key_lies_in_exactly_one_range(text in ".*", count in 1_u32..40) {
            let key = EffectivePartitionKey::of(&PartitionKeyValue::Text(text));
            prop_assert!(KeyRange::only(key).contains(key));
            prop_assert_eq!(KeyRange::cut(count).iter().filter(|range| range.contains(key)).count(), 1);
            prop_assert_eq!(EffectivePartitionKey::from_hex(&key.to_string()), Some(key));
        }
    }
}
