//! A recording survives its writer: `kill -9` loses at most the last second. And other programs read the file.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that can't go on has to fail"
)]

mod recording;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use recording::{NOON, Pipeline, header};
use streamgauge::model::observation::Observation;
use streamgauge::model::units::Time;
use streamgauge::recording::format::{LatenciesAre, Skipped};
use streamgauge::recording::reader::Recording;
use streamgauge::recording::writer::Writer;

/// Where the child records to.
const PLACE: &str = "RECORDING_UNDER_TEST";

/// The child: records second after second until it is killed, and says each second that was seen.
#[test]
#[ignore = "run by the test below, as a process of its own"]
fn records_until_it_is_killed() {
    let Some(path) = std::env::var_os(PLACE) else { return };
    let writer = Writer::create(Path::new(&path), &header()).expect("a writer");
    let survey = writer.survey();
    let mut pipeline = Pipeline::new(4, 400.0);
    let mut handed: Vec<Observation> = Vec::new();
    for second in 0_u64.. {
        let seen = pipeline.seconds(1);
        for observation in &seen {
            writer.record(observation);
        }
        handed.extend(seen);
        // As in a live session, the next second does not come before this one is over: what is older has its frame.
        let over = handed.last().map(|last| last.at.before(SECOND));
        let safe = handed.iter().map(|observation| observation.at).take_while(|at| Some(*at) <= over).last();
        while survey.lock().expect("a survey").latest() < safe {
            std::thread::yield_now();
        }
        println!("\nsecond {second}");
    }
}

const SECOND: Duration = Duration::from_secs(1);

fn all(path: &Path) -> Vec<Observation> {
    let recording = Recording::open(path).expect("a recording");
    let (mut frames, mut seen) = (recording.frames_from(0), Vec::new());
    while let Some((_, observations)) =
        frames.next_frame(LatenciesAre::Read, &mut Skipped::default()).expect("it can be read")
    {
        seen.extend(observations);
    }
    seen
}

#[test]
fn a_killed_monitor_loses_at_most_the_last_second() {
    let folder = tempfile::tempdir().expect("a folder");
    for (run, seconds) in [1_u64, 5, 40].into_iter().enumerate() {
        let path = folder.path().join(format!("{run}.jsonl.zst"));
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "records_until_it_is_killed", "--ignored", "--nocapture"])
            .env(PLACE, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a child");
        let said = BufReader::new(child.stdout.take().expect("its output"));
        let wanted = format!("second {seconds}");
        assert!(said.lines().map_while(Result::ok).any(|line| line == wanted), "it records");
        child.kill().expect("it is killed");
        child.wait().expect("it is gone");

        let seen = all(&path);
        let lost_from = NOON.after(Duration::from_secs(seconds));
        let expected: Vec<_> = Pipeline::new(4, 400.0)
            .seconds(u32::try_from(seconds).unwrap())
            .into_iter()
            .filter(|o| o.at < lost_from)
            .collect();
        assert!(seen.starts_with(&expected), "{} of {} at the least", seen.len(), expected.len());
    }
}

/// The commands of the documentation.
#[test]
#[ignore = "needs zstd and jq"]
fn zstdcat_and_jq_read_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.jsonl.zst");
    let writer = Writer::create(&path, &header()).expect("a writer");
    let observations = Pipeline::new(4, 400.0).seconds(10);
    for observation in &observations {
        writer.record_patiently(observation);
    }
    writer.finish();
    let run = |filter: &str| {
        let command = format!("zstdcat '{}' | jq -c '{filter}'", path.display());
        let output = Command::new("sh").args(["-c", &command]).output().expect("a shell");
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    assert_eq!(run("select(.streamgauge) | .scenario.title"), "\"test\"\n");
    assert_eq!(run("select(.log_end) | .log_end.partition | length").lines().count(), 40);
    let last: Time = observations.last().expect("some").at;
    assert_eq!(run("select(.load) | .at").lines().last(), Some(last.as_micros().to_string().as_str()));
}
