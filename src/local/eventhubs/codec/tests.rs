//! What holds for every value: it survives the wire, and nothing that arrives can harm the reader.

use bytes::BytesMut;
use proptest::prelude::*;

use super::decode::{DecodeError, Decoder, NESTING_LIMIT};
use super::encode;
use super::message::{self, Request, Sections};
use super::performatives::Performative;
use super::sasl;
use super::types::{Array, Value};

pub(crate) fn encoded(value: &Value) -> BytesMut {
    let mut out = BytesMut::new();
    encode::value(value, &mut out);
    out
}

/// A value of any type that is not made of others. Floats that are not numbers are left out: they equal nothing.
fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        any::<u8>().prop_map(Value::Ubyte),
        any::<u16>().prop_map(Value::Ushort),
        prop_oneof![0..300_u32, any::<u32>()].prop_map(Value::Uint),
        prop_oneof![0..300_u64, any::<u64>()].prop_map(Value::Ulong),
        any::<i8>().prop_map(Value::Byte),
        any::<i16>().prop_map(Value::Short),
        any::<i32>().prop_map(Value::Int),
        any::<i64>().prop_map(Value::Long),
        (-1e30_f32..1e30).prop_map(Value::Float),
        (-1e300_f64..1e300).prop_map(Value::Double),
        any::<[u8; 4]>().prop_map(Value::Decimal32),
        any::<[u8; 8]>().prop_map(Value::Decimal64),
        any::<[u8; 16]>().prop_map(Value::Decimal128),
        any::<char>().prop_map(Value::Char),
        any::<i64>().prop_map(Value::Timestamp),
        any::<[u8; 16]>().prop_map(Value::Uuid),
        // Lengths around 255 decide between the short and the long encoding.
        proptest::collection::vec(any::<u8>(), 0..8).prop_map(Value::Binary),
        proptest::collection::vec(any::<u8>(), 254..258).prop_map(Value::Binary),
        prop_oneof!["\\PC{0,8}", "[a-z]{254,258}"].prop_map(Value::String),
        "[ -~]{0,8}".prop_map(Value::Symbol),
    ]
}

fn array(element: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    (element, 0..4_usize, proptest::option::of(any::<u64>().prop_map(Value::Ulong))).prop_map(
        |(element, count, descriptor)| {
            let elements = vec![element; count];
            // Of an array without elements nothing but its emptiness is kept.
            let descriptor = descriptor.filter(|_| count > 0);
            Array::new(descriptor, elements).map_or(Value::Null, Value::Array)
        },
    )
}

/// A value of any type, a few levels deep.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            proptest::collection::vec((inner.clone(), inner.clone()), 0..4).prop_map(Value::Map),
            (inner.clone(), inner.clone()).prop_map(|(descriptor, value)| Value::described(descriptor, value)),
            array(inner),
        ]
    })
}

proptest! {
    #[test]
    fn every_value_survives_the_wire(value in value()) {
        let bytes = encoded(&value);
        let mut decoder = Decoder::new(&bytes);
        prop_assert_eq!(decoder.value(), Ok(value));
        prop_assert!(decoder.is_empty());
    }

    #[test]
    fn skipping_a_value_leads_as_far_as_reading_it(value in value()) {
        let mut bytes = encoded(&value);
        bytes.extend_from_slice(b"next");
        let mut decoder = Decoder::new(&bytes);
        prop_assert_eq!(decoder.skip(), Ok(()));
        prop_assert_eq!(decoder.rest(), b"next");
    }

    #[test]
    fn a_value_that_is_cut_is_an_error(value in value(), cut in any::<prop::sample::Index>()) {
        let bytes = encoded(&value);
        let cut = cut.index(bytes.len());
        prop_assert!(Decoder::new(&bytes[..cut]).value().is_err());
        prop_assert!(Decoder::new(&bytes[..cut]).skip().is_err());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        read_every_way(&bytes);
    }

    /// Random bytes rarely begin like anything; a value with a byte changed mostly does.
    #[test]
    fn a_value_with_a_byte_changed_is_read_or_refused(
        value in value(), place in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = encoded(&value);
        let place = place.index(bytes.len());
        bytes[place] = byte;
        read_every_way(&bytes);
    }
}

/// Whether the outcome is a value or an error, it must be one of the two.
fn read_every_way(bytes: &[u8]) {
    let mut decoder = Decoder::new(bytes);
    while decoder.value().is_ok() && !decoder.is_empty() {}
    let mut decoder = Decoder::new(bytes);
    while decoder.skip().is_ok() && !decoder.is_empty() {}
    let _performative = Performative::decode(bytes);
    let _login = sasl::decode(bytes);
    let _request = Request::decode(bytes);
    let _split = message::split(bytes);
    let _annotation = message::annotation(bytes, "x-opt-partition-key");
    let mut sections = Sections::new(bytes);
    while let Ok(Some(section)) = sections.next() {
        assert!(section.range.end <= bytes.len());
    }
}

#[test]
fn numbers_and_texts_take_the_shortest_form() {
    let cases: [(Value, &[u8]); 8] = [
        (Value::Uint(0), &[0x43]),
        (Value::Uint(255), &[0x52, 255]),
        (Value::Uint(256), &[0x70, 0, 0, 1, 0]),
        (Value::Ulong(0), &[0x44]),
        (Value::Ulong(0x12), &[0x53, 0x12]),
        (Value::string("hub"), &[0xA1, 3, b'h', b'u', b'b']),
        (Value::symbol("k"), &[0xA3, 1, b'k']),
        (Value::Boolean(true), &[0x41]),
    ];
    for (value, bytes) in cases {
        assert_eq!(&encoded(&value)[..], bytes, "{value:?}");
    }
}

#[test]
fn the_short_forms_that_others_write_are_read() {
    let cases: [(&[u8], Value); 6] = [
        (&[0x54, 0xFF], Value::Int(-1)),
        (&[0x55, 0x80], Value::Long(-128)),
        (&[0x56, 0x01], Value::Boolean(true)),
        (&[0x45], Value::List(vec![])),
        (&[0xC0, 0x04, 0x02, 0x41, 0x52, 0x05], Value::List(vec![Value::Boolean(true), Value::Uint(5)])),
        (
            &[0xE0, 0x06, 0x02, 0xA1, 0x01, b'0', 0x01, b'1'],
            Value::Array(Array::strings(["0".to_owned(), "1".to_owned()])),
        ),
    ];
    for (bytes, value) in cases {
        assert_eq!(Decoder::new(bytes).value(), Ok(value), "{bytes:02x?}");
    }
}

#[test]
fn nesting_has_an_end() {
    let nested = |depth: u8| {
        let mut value = Value::Null;
        for _ in 0..depth {
            value = Value::List(vec![value]);
        }
        encoded(&value)
    };
    assert!(Decoder::new(&nested(NESTING_LIMIT)).value().is_ok());
    assert_eq!(Decoder::new(&nested(NESTING_LIMIT + 1)).value(), Err(DecodeError::TooDeep));
    // A descriptor of a descriptor of a descriptor: one byte a level, so a frame could hold tens of thousands.
    let descriptors = vec![0; 60_000];
    assert_eq!(Decoder::new(&descriptors).value(), Err(DecodeError::TooDeep));
    assert_eq!(Decoder::new(&descriptors).skip(), Err(DecodeError::TooDeep));
}

#[test]
fn what_costs_the_sender_nothing_costs_the_reader_nothing() {
    let four_billion_nulls = [0xF0, 0, 0, 0, 5, 0xFF, 0xFF, 0xFF, 0xFF, 0x40];
    assert_eq!(Decoder::new(&four_billion_nulls).value(), Err(DecodeError::WrongSize));
    let list_of_four_billion = [0xD0, 0, 0, 0, 5, 0xFF, 0xFF, 0xFF, 0xFF, 0x40];
    assert_eq!(Decoder::new(&list_of_four_billion).value(), Err(DecodeError::WrongSize));
}

#[test]
fn what_is_not_well_formed_is_named() {
    let cases: [(&[u8], DecodeError); 7] = [
        (&[], DecodeError::Truncated),
        (&[0x3F], DecodeError::UnknownConstructor(0x3F)),
        (&[0xA1, 2, 0xC3, 0x28], DecodeError::NotText),
        (&[0xA3, 2, 0xC3, 0xA4], DecodeError::NotText),
        (&[0x73, 0, 0, 0xD8, 0], DecodeError::NotAChar),
        (&[0xC1, 0x02, 0x01, 0x41], DecodeError::WrongSize),
        (&[0xC0, 0x03, 0x01, 0x41, 0x41], DecodeError::WrongSize),
    ];
    for (bytes, error) in cases {
        assert_eq!(Decoder::new(bytes).value(), Err(error), "{bytes:02x?}");
    }
}

/// A message of an annotation, a property and a body, as a client writes it.
fn message_with_annotation() -> BytesMut {
    let mut out = BytesMut::new();
    let annotations = Value::Map(vec![(Value::symbol("x-opt-partition-key"), Value::string("sensor-17"))]);
    for (code, value) in [
        (message::section::HEADER, Value::List(vec![Value::Boolean(true)])),
        (message::section::DELIVERY_ANNOTATIONS, Value::Map(vec![])),
        (message::section::MESSAGE_ANNOTATIONS, annotations),
        (message::section::DATA, Value::Binary(b"21.5".to_vec())),
    ] {
        encode::descriptor(code, &mut out);
        encode::value(&value, &mut out);
    }
    out
}

#[test]
fn a_message_is_cut_at_its_annotations() {
    let message = message_with_annotation();
    let split = message::split(&message).unwrap();
    assert_eq!(split.header[..3], [0x00, 0x53, 0x70]);
    assert_eq!(message::annotation(split.annotations, "x-opt-partition-key"), Ok(Some("sensor-17")));
    assert_eq!(message::annotation(split.annotations, "x-opt-other"), Ok(None));
    assert_eq!(split.tail, b"\x00\x53\x75\xA0\x0421.5");

    let bare = message::split(split.tail).unwrap();
    assert_eq!((bare.header, bare.annotations, bare.tail), (&[][..], &[][..], split.tail));
}

#[test]
fn a_message_that_cannot_be_walked_over_is_not_stored() {
    let message = message_with_annotation();
    assert_eq!(message::check(&message), Ok(()));
    for cut in 0..message.len() {
        let ends_with_a_section = {
            let mut sections = Sections::new(&message);
            std::iter::from_fn(|| sections.next().unwrap()).any(|section| section.range.end == cut)
        };
        assert_eq!(message::check(&message[..cut]).is_ok(), ends_with_a_section, "cut at {cut}");
    }
    assert_eq!(message::check(b"\x00\x53\x10\x45"), Err(DecodeError::UnknownDescriptor(0x10)));
}
