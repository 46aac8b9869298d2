//! Contents of checkpoint blobs: the position in metadata or in a body, as each of their authors writes it.
//!
//! | form | where | what |
//! |---|---|---|
//! | Functions extension from 5 on, SDKs | metadata | `sequencenumber`, `offset`; keys come back in any case |
//! | Functions extension before 5, older .NET hosts | body | `{"Offset":"1024","SequenceNumber":41,"PartitionId":"7","Owner":"..","Token":"..","Epoch":3}` |
//! | Python's older hosts | body | `{"offset":"1024","sequence_number":41,"partition_id":"7","owner":"..",..}` |
//! | Go's first library, Dapr | body | `{"partitionId":"7","owner":"..","checkpoint":{"sequenceNumber":41,"offset":"1024"}}` |
//!
//! Offsets are positions in bytes and can't be subtracted (azure-sdk-for-net #42409): only sequence numbers count. All
//! of them name the last event that was read.
//!
//! Sources: the checkpoint store contract of the Azure SDKs; KEDA's azure-eventhub scaler and its tests.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::model::observation::Position;
use crate::model::units::SequenceNumber;

/// Why a checkpoint blob yields no position. The sentence follows "it" or "because".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// A host took the partition and read nothing yet. No fault.
    #[error("nothing was read yet")]
    NothingRead,
    /// .NET writes an empty number where it knows the offset alone; older versions wrote words.
    #[error("it tells no sequence number, and lag can't be counted from an offset")]
    NoSequenceNumber,
    /// Something else stands where the number should.
    #[error("its sequence number {0:?} is not a number")]
    NotANumber(String),
    /// No partition has such an event.
    #[error("its sequence number {0} is none that an event can have")]
    OutOfRange(i64),
    /// The body is not what any of the authors writes.
    #[error("its content is not a checkpoint")]
    NotACheckpoint,
    /// There is no body.
    #[error("it is empty")]
    Empty,
    /// It is something else, which is not downloaded.
    #[error("it is {0} bytes long, and a checkpoint has a few hundred")]
    TooLong(u64),
    /// The service did not hand it out.
    #[error("the service refuses it with status {0}")]
    Refused(u16),
}

/// What a checkpoint blob says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// How far the processor is.
    pub position: Result<Position, Unusable>,
    /// Which host holds the partition, where the body says so.
    pub owner: Option<String>,
}

impl Content {
    /// A blob that yields no position.
    pub fn unusable(why: Unusable) -> Self {
        Self { position: Err(why), owner: None }
    }
}

/// The value of a metadata key, whose case services and writers disagree on (`Sequencenumber`).
pub fn metadata_value<'a>(metadata: &'a HashMap<String, String>, key: &str) -> Option<&'a str> {
    metadata.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.trim())
}

/// Reads the metadata of a checkpoint.
pub fn from_metadata(metadata: &HashMap<String, String>) -> Content {
    let position = match metadata_value(metadata, "sequencenumber") {
        None | Some("") => Err(Unusable::NoSequenceNumber),
        Some(text) => text_number(text).and_then(position_at),
    };
    Content { position, owner: None }
}

/// Reads the body of a checkpoint, in any of the three spellings.
///
/// ```
/// use streamgauge::model::observation::Position;
/// use streamgauge::model::units::SequenceNumber;
/// use streamgauge::probe::position::checkpoint::from_body;
///
/// let go = from_body(br#"{"partitionId":"7","checkpoint":{"sequenceNumber":41}}"#);
/// assert_eq!(go.position, Ok(Position::LastRead(SequenceNumber(41))));
/// ```
pub fn from_body(body: &[u8]) -> Content {
    // Azure's own tools on Windows write a byte order mark.
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body).trim_ascii();
    if body.is_empty() {
        return Content::unusable(Unusable::Empty);
    }
    let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
        return Content::unusable(Unusable::NotACheckpoint);
    };
    let owner = match field(&fields, "owner") {
        Some(Value::String(owner)) if !owner.is_empty() => Some(owner.clone()),
        _ => None,
    };
    let position = match field(&fields, "checkpoint") {
        None => from_fields(&fields),
        Some(Value::Null) => Err(Unusable::NothingRead),
        Some(Value::Object(inner)) => from_fields(inner),
        Some(_) => Err(Unusable::NotACheckpoint),
    };
    Content { position, owner }
}

fn from_fields(fields: &Map<String, Value>) -> Result<Position, Unusable> {
    let number = field(fields, "sequencenumber");
    let begun = match field(fields, "offset") {
        // Go and Dapr may leave it out.
        None => number.is_some_and(|number| !number.is_null()),
        // "-1" and "@latest" say where reading is to begin.
        Some(Value::String(offset)) => !matches!(offset.as_str(), "" | "-1" | "@latest"),
        Some(offset) => !offset.is_null(),
    };
    match number {
        None if field(fields, "offset").is_none() => Err(Unusable::NotACheckpoint),
        // While nothing was read, a number beside it means nothing.
        _ if !begun => Err(Unusable::NothingRead),
        None | Some(Value::Null) => Err(Unusable::NoSequenceNumber),
        Some(Value::String(text)) if text.trim().is_empty() => Err(Unusable::NoSequenceNumber),
        Some(Value::String(text)) => text_number(text.trim()).and_then(position_at),
        Some(number) => match number.as_i64() {
            Some(number) => position_at(number),
            None => Err(Unusable::NotANumber(clip(&number.to_string()))),
        },
    }
}

/// A field by its name in lower case without underscores: `SequenceNumber`, `sequenceNumber` and `sequence_number` are one.
fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let is_it = |key: &str| {
        let mut letters = key.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase());
        name.bytes().all(|expected| letters.next() == Some(expected)) && letters.next().is_none()
    };
    fields.iter().find(|(key, _)| is_it(key)).map(|(_, value)| value)
}

/// A number in text. "no sequence number" and "no offset" are what older versions of .NET wrote for none.
fn text_number(text: &str) -> Result<i64, Unusable> {
    match text.parse() {
        Ok(number) => Ok(number),
        Err(_) if text.starts_with("no ") => Err(Unusable::NoSequenceNumber),
        Err(_) => Err(Unusable::NotANumber(clip(text))),
    }
}

/// The highest number that is believed: 2^53, which a partition reaches after 285 years of a million events a second.
const HIGHEST: i64 = 1 << 53;

/// -1 is the number before the first event: nothing was read, and everything waits.
fn position_at(number: i64) -> Result<Position, Unusable> {
    let believed = (-1..HIGHEST).contains(&number);
    believed.then_some(Position::LastRead(SequenceNumber(number))).ok_or(Unusable::OutOfRange(number))
}

fn clip(text: &str) -> String {
    text.chars().take(24).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "what a table row expects")]
    fn read(number: i64) -> Result<Position, Unusable> {
        Ok(Position::LastRead(SequenceNumber(number)))
    }

    #[test]
    fn metadata_in_every_form_seen() {
        let table = [
            ("sequencenumber", "41", read(41)),
            ("Sequencenumber", "41", read(41)),
            ("SEQUENCENUMBER", " 41 ", read(41)),
            ("sequencenumber", "-1", read(-1)),
            ("sequencenumber", "", Err(Unusable::NoSequenceNumber)),
            ("sequencenumber", "no sequence number", Err(Unusable::NoSequenceNumber)),
            ("sequencenumber", "no offset", Err(Unusable::NoSequenceNumber)),
            ("sequencenumber", "forty", Err(Unusable::NotANumber("forty".into()))),
            ("sequencenumber", "-2", Err(Unusable::OutOfRange(-2))),
            ("sequencenumber", "9223372036854775807", Err(Unusable::OutOfRange(i64::MAX))),
            ("epoch", "41", Err(Unusable::NoSequenceNumber)),
        ];
        for (key, value, expected) in table {
            let offset = ("offset".to_owned(), "no offset".to_owned());
            let metadata = HashMap::from([(key.to_owned(), value.to_owned()), offset]);
            assert_eq!(from_metadata(&metadata).position, expected, "{key}: {value:?}");
        }
    }

    #[test]
    fn bodies_in_every_form_seen() {
        let table = [
            (
                r#"{"Offset":"1024","SequenceNumber":41,"PartitionId":"7","Owner":"a","Token":"b","Epoch":3}"#,
                read(41),
                Some("a"),
            ),
            (r#"{"offset":"5","sequence_number":3,"partition_id":"0","owner":"b"}"#, read(3), Some("b")),
            (r#"{"partitionId":"0","checkpoint":{"sequenceNumber":9}}"#, read(9), None),
            (
                r#"{"partitionID":"0","epoch":0,"owner":"","checkpoint":{"sequenceNumber":1,"offset":"96"},"token":""}"#,
                read(1),
                None,
            ),
            ("\u{FEFF}{\"Offset\":\"1\",\"SequenceNumber\":2}", read(2), None),
            (r#"{"Offset":"1","SequenceNumber":"2"}"#, read(2), None),
            (r#"{"Offset":null,"SequenceNumber":0,"Owner":"c"}"#, Err(Unusable::NothingRead), Some("c")),
            (r#"{"Offset":"","SequenceNumber":0}"#, Err(Unusable::NothingRead), None),
            (r#"{"checkpoint":{"offset":"-1","sequenceNumber":0}}"#, Err(Unusable::NothingRead), None),
            (r#"{"checkpoint":null,"owner":"d"}"#, Err(Unusable::NothingRead), Some("d")),
            (r#"{"Offset":"1"}"#, Err(Unusable::NoSequenceNumber), None),
            (r#"{"Offset":"1","SequenceNumber":1.5}"#, Err(Unusable::NotANumber("1.5".into())), None),
            (r#"{"Offset":"1","SequenceNumber":-9}"#, Err(Unusable::OutOfRange(-9)), None),
            (r#"{"owner":"somebody"}"#, Err(Unusable::NotACheckpoint), Some("somebody")),
            (r#"{"checkpoint":7}"#, Err(Unusable::NotACheckpoint), None),
            ("[1]", Err(Unusable::NotACheckpoint), None),
            ("<xml>", Err(Unusable::NotACheckpoint), None),
            ("", Err(Unusable::Empty), None),
        ];
        for (body, position, owner) in table {
            assert_eq!(from_body(body.as_bytes()), Content { position, owner: owner.map(str::to_owned) }, "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_body_is_fatal(body: Vec<u8>, text in r#"\{"(Offset|checkpoint|sequence_number)":[0-9a-z"{}:.-]{0,20}\}"#) {
            from_body(&body);
            from_body(text.as_bytes());
        }
    }
}
