//! Checkpoint blobs of Event Hubs processors, as each of their authors writes them. Pure: names and contents in,
//! positions out.
//!
//! | strategy | blob | where the position is |
//! |---|---|---|
//! | Functions extension from 5, and the .NET, JS, Python and Rust SDKs | `NS/hub/group/checkpoint/7` | metadata `sequencenumber` |
//! | Functions extension before 5 | `NS/hub/group/7` | body `{"SequenceNumber": 41, ..}` |
//!
//! Sources: the checkpoint store contract of the Azure SDKs, KEDA's azure-eventhub scaler. The contract says that names
//! are lower case; not every writer does so (azure-sdk-for-rust #5099), hence names are matched without regard to case.

use std::collections::HashMap;

use crate::model::observation::Position;
use crate::model::units::{PartitionId, SequenceNumber};

/// What a blob below `NS/hub/group/` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobKind {
    /// A checkpoint whose position stands in its metadata.
    Checkpoint(PartitionId),
    /// A checkpoint whose position stands in its body.
    LegacyCheckpoint(PartitionId),
    /// Which instance of the processor holds a partition.
    Ownership(PartitionId),
}

/// What a blob is, by its name; `None` if it is not of this group.
///
/// ```
/// use streamgauge::model::units::PartitionId;
/// use streamgauge::probe::position::checkpoint::{BlobKind, kind};
///
/// let prefix = "contoso.servicebus.windows.net/in/$default/";
/// let of = |name| kind(prefix, name);
/// assert_eq!(of("Contoso.servicebus.windows.net/in/$Default/checkpoint/7"), Some(BlobKind::Checkpoint(PartitionId(7))));
/// assert_eq!(of("contoso.servicebus.windows.net/in/$default/7"), Some(BlobKind::LegacyCheckpoint(PartitionId(7))));
/// assert_eq!(of("contoso.servicebus.windows.net/in/another/7"), None);
/// ```
pub fn kind(prefix: &str, name: &str) -> Option<BlobKind> {
    let prefix = prefix.to_lowercase();
    let name = name.to_lowercase();
    let rest = name.strip_prefix(&prefix)?;
    let (kind, id): (fn(PartitionId) -> BlobKind, &str) = match rest.split_once('/') {
        Some(("checkpoint", id)) => (BlobKind::Checkpoint, id),
        Some(("ownership", id)) => (BlobKind::Ownership, id),
        Some(_) => return None,
        None => (BlobKind::LegacyCheckpoint, rest),
    };
    id.parse().ok().map(PartitionId).map(kind)
}

/// The value of a metadata key, whose case services and writers disagree on (`Sequencenumber`).
pub fn metadata_value<'a>(metadata: &'a HashMap<String, String>, key: &str) -> Option<&'a str> {
    metadata.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
}

/// The position in the metadata of a checkpoint; `None` where the writer had none to tell: .NET can write an empty
/// `sequencenumber`, and older versions wrote `no offset` beside it.
///
/// # Errors
/// One sentence if there is something that is not a number.
pub fn from_metadata(metadata: &HashMap<String, String>) -> Result<Option<Position>, String> {
    match metadata_value(metadata, "sequencenumber").map(str::trim) {
        None | Some("") => Ok(None),
        Some(text) => match text.parse() {
            Ok(number) => Ok(Some(Position::LastRead(SequenceNumber(number)))),
            Err(_) => Err(format!("its sequence number {:?} is not a number", clip(text))),
        },
    }
}

/// The position in the body of a checkpoint of the older Functions extension:
/// `{"Offset":"1024","SequenceNumber":41,"PartitionId":"7","Owner":"..","Token":"..","Epoch":3}`. While `Offset` is
/// null, nothing was read yet and the number beside it means nothing.
///
/// # Errors
/// One sentence if the body is not such a document.
pub fn from_legacy_body(body: &[u8]) -> Result<Option<Position>, String> {
    #[derive(serde::Deserialize)]
    struct Body {
        #[serde(rename = "Offset", alias = "offset")]
        offset: Option<serde_json::Value>,
        #[serde(rename = "SequenceNumber", alias = "sequence_number", alias = "sequencenumber")]
        sequence_number: Option<i64>,
    }
    let body: Body =
        serde_json::from_slice(body).map_err(|_| String::from("its body is not a checkpoint of the older format"))?;
    let begun = body.offset.is_some_and(|offset| !offset.is_null() && offset != "");
    Ok(body.sequence_number.filter(|_| begun).map(|number| Position::LastRead(SequenceNumber(number))))
}

/// Of two checkpoints of one partition, in the two formats, the one that is further.
pub fn further(a: Option<Position>, b: Option<Position>) -> Option<Position> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if a.next() >= b.next() { a } else { b }),
        (a, b) => a.or(b),
    }
}

fn clip(text: &str) -> String {
    text.chars().take(24).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(key: &str, value: &str) -> HashMap<String, String> {
        HashMap::from([(key.to_owned(), value.to_owned()), ("offset".to_owned(), "no offset".to_owned())])
    }

    fn read(number: i64) -> Position {
        Position::LastRead(SequenceNumber(number))
    }

    #[test]
    fn metadata_in_every_form_seen() {
        assert_eq!(from_metadata(&metadata("sequencenumber", "41")), Ok(Some(read(41))));
        assert_eq!(from_metadata(&metadata("Sequencenumber", "41")), Ok(Some(read(41))), "keys come back in any case");
        assert_eq!(from_metadata(&metadata("sequencenumber", "")), Ok(None), ".NET writes it empty");
        assert_eq!(from_metadata(&HashMap::new()), Ok(None));
        let sentence = from_metadata(&metadata("sequencenumber", "forty")).unwrap_err();
        assert_eq!(sentence, "its sequence number \"forty\" is not a number");
    }

    #[test]
    fn bodies_of_the_older_format() {
        let body = br#"{"Offset":"1024","SequenceNumber":41,"PartitionId":"7","Owner":"a","Token":"b","Epoch":3}"#;
        assert_eq!(from_legacy_body(body), Ok(Some(read(41))));
        assert_eq!(from_legacy_body(br#"{"Offset":null,"SequenceNumber":0}"#), Ok(None), "nothing was read yet");
        assert_eq!(
            from_legacy_body(br#"{"offset":"5","sequence_number":3}"#),
            Ok(Some(read(3))),
            "Python's older hosts"
        );
        assert!(from_legacy_body(b"").is_err());
        assert!(from_legacy_body(b"<xml>").is_err());
    }

    #[test]
    fn where_both_formats_stand_the_further_one_counts() {
        assert_eq!(further(Some(read(5)), Some(read(9))), Some(read(9)));
        assert_eq!(further(None, Some(read(9))), Some(read(9)));
        assert_eq!(further(Some(read(5)), None), Some(read(5)));
    }
}
