//! What the format promises: any observation survives, in order, to the microsecond; what a reader does not know is
//! left out and counted.

#![allow(clippy::expect_used, reason = "a test that can't go on has to fail")]

mod recording;

use proptest::prelude::*;
use recording::{any_observations, header};
use streamgauge::model::observation::{Fact, Observation};
use streamgauge::recording::format::{Header, LatenciesAre, LineWriter, Skipped, Version, read_line};

/// The lines of some observations.
fn lines(observations: &[Observation]) -> String {
    let (mut writer, mut text) = (LineWriter::default(), Vec::new());
    for observation in observations {
        writer.push(observation, &mut text);
    }
    writer.finish(&mut text);
    String::from_utf8(text).expect("JSON is text")
}

fn read(text: &str) -> (Vec<Observation>, Skipped) {
    let (mut seen, mut skipped) = (Vec::new(), Skipped::default());
    for line in text.lines() {
        read_line(line.as_bytes(), LatenciesAre::Read, &mut seen, &mut skipped);
    }
    (seen, skipped)
}

proptest! {
    #[test]
    fn any_observations_survive(observations in any_observations(40)) {
        let text = lines(&observations);
        let (seen, skipped) = read(&text);
        prop_assert_eq!(seen, observations, "{}", text);
        prop_assert!(skipped.is_empty());
    }

    #[test]
    fn no_line_is_fatal(line: Vec<u8>, text in ".*") {
        let (mut seen, mut skipped) = (Vec::new(), Skipped::default());
        read_line(&line, LatenciesAre::Read, &mut seen, &mut skipped);
        read_line(text.as_bytes(), LatenciesAre::Read, &mut seen, &mut skipped);
    }
}

#[test]
fn the_header_comes_back() {
    let line = header().to_line();
    assert_eq!(Header::from_line(&line), Some(header()));
    assert!(line.starts_with(b"{\"streamgauge\":\"1.0\",\"program\":"));
    assert_eq!(line.last(), Some(&b'\n'));
}

#[test]
fn a_newer_minor_version_may_say_more() {
    let text =
        r#"{"streamgauge":"1.7","program":"9.0","started":5,"scenario":{"title":"t","region":"x"},"mood":"good"}"#;
    let header = Header::from_line(text.as_bytes()).expect("a header");
    assert_eq!(header.version, Version { major: 1, minor: 7 });
}

/// A line and what is left out of it, each with how many observations remain.
#[test]
fn what_is_not_known_is_left_out_and_counted() {
    type Case = (&'static str, usize, &'static [(&'static str, u64)]);
    let table: [Case; 11] = [
        (r#"{"at":1,"mark":"m"}"#, 1, &[]),
        (r#"{"at":1,"weather":{"sun":true}}"#, 0, &[("weather", 1)]),
        (r#"{"at":1,"mark":"m","by":"me"}"#, 1, &[("by", 1)]),
        (r#"{"at":1,"stored":{"items":1,"charge":0.5,"bytes":7}}"#, 1, &[("stored.?.bytes", 1)]),
        (r#"{"at":1}"#, 0, &[("lines without a fact", 1)]),
        (r#"{"at":"noon","mark":"m"}"#, 0, &[("lines that can't be read", 1)]),
        (r#"{"at":1,"mark":"m"} {"at":2}"#, 0, &[("lines that can't be read", 1)]),
        (
            r#"{"at":1,"store_range":{"range":["0","1"],"lsn":[1],"after":[0,0]}}"#,
            0,
            &[("lines that can't be read", 1)],
        ),
        (r#"{"at":9223372036854775807,"mark":"m"}"#, 0, &[("lines that can't be read", 1)]),
        (r#"{"at":1,"stored":{"items":18446744073709551615,"charge":0}}"#, 0, &[("lines that can't be read", 1)]),
        (r#"{"at":1,"stored":{"items":1,"charge":0,"latency":"AAAA"}}"#, 0, &[("lines that can't be read", 1)]),
    ];
    for (line, remain, left_out) in table {
        let (seen, skipped) = read(line);
        assert_eq!(seen.len(), remain, "{line}");
        assert_eq!(skipped.iter().collect::<Vec<_>>(), left_out, "{line}");
    }
}

#[test]
fn a_look_at_all_partitions_is_one_line() {
    use streamgauge::model::observation::LogEnd;
    use streamgauge::model::units::{PartitionId, SequenceNumber, Time};
    let log_end = |id: u32, at: i64| Observation {
        at: Time::from_micros(at),
        fact: Fact::LogEnd(LogEnd {
            partition: PartitionId(id),
            earliest: SequenceNumber(0),
            last: SequenceNumber(99 + i64::from(id)),
            last_enqueued_at: Some(Time::from_millis(997)),
        }),
    };
    assert_eq!(
        lines(&[log_end(0, 1_000_112), log_end(1, 1_000_163)]),
        "{\"at\":1000000,\"log_end\":{\"partition\":[0,1],\"earliest\":[0,0],\"last\":[99,100],\
         \"enqueued_ago\":[3000,3000],\"after\":[112,51]}}\n"
    );
}

/// A form of checkpoints that a newer version knows is none to this one; the rest of the fact stays.
#[test]
fn a_form_of_checkpoints_that_is_not_known_is_none() {
    use streamgauge::model::observation::Hold;
    let (seen, skipped) =
        read(r#"{"at":1,"checkpoint":{"partition":[0],"form":["stars"],"leased":[true],"note":["n"],"after":[0]}}"#);
    assert!(skipped.is_empty());
    let [Observation { fact: Fact::Checkpoint(checkpoint), .. }] = seen.as_slice() else { unreachable!("one fact") };
    assert_eq!((checkpoint.form, checkpoint.hold), (None, Some(Hold::Lease { stands: true })));
    assert_eq!(checkpoint.note.as_deref(), Some("n"));
}
