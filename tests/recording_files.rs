//! A recording as a file: what was written is read; cut, damaged or wrong files give what they have, or one sentence.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that can't go on has to fail")]

mod recording;

use std::path::{Path, PathBuf};

use recording::{Dice, Pipeline, header};
use streamgauge::model::observation::{Fact, Observation};
use streamgauge::recording::error::ReadError;
use streamgauge::recording::format::{LatenciesAre, Skipped};
use streamgauge::recording::reader::{Ending, FramePlace, Recording};
use streamgauge::recording::writer::{Writer, WriterState};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Records observations into a file.
fn record(path: &Path, observations: &[Observation]) {
    let writer = Writer::create(path, &header()).expect("a writer");
    for observation in observations {
        // A test feeds an hour in a moment: it may have to wait for the disk, as a live session never does.
        writer.record_patiently(observation);
    }
    let state = writer.finish();
    assert!(matches!(state, WriterState::Finished { .. }), "{state:?}");
}

/// All that can be read of a recording.
fn read(recording: &Recording) -> (Vec<FramePlace>, Vec<Observation>, Ending) {
    let (mut frames, mut places, mut seen) = (recording.frames_from(0), Vec::new(), Vec::new());
    while let Some((place, observations)) =
        frames.next_frame(LatenciesAre::Read, &mut Skipped::default()).expect("the file can be read")
    {
        places.push(place);
        seen.extend(observations);
    }
    (places, seen, frames.ending())
}

/// A recording of some seconds: its path, its bytes and what was recorded.
fn sample(folder: &Path, seconds: u32) -> (PathBuf, Vec<u8>, Vec<Observation>) {
    let path = folder.join("sample.jsonl.zst");
    let observations = Pipeline::new(4, 400.0).seconds(seconds);
    record(&path, &observations);
    let bytes = std::fs::read(&path).expect("the file");
    (path, bytes, observations)
}

fn open_bytes(bytes: &[u8]) -> Result<Recording, ReadError> {
    Recording::from_pipe(bytes, "standard input")
}

#[test]
fn what_was_written_is_read_packed_and_plain_from_a_file_and_from_a_pipe() {
    let folder = folder();
    let (path, bytes, observations) = sample(folder.path(), 20);
    let packed = Recording::open(&path).expect("a recording");
    assert_eq!(packed.header(), &header());
    let (places, seen, ending) = read(&packed);
    assert_eq!(seen, observations);
    assert_eq!(ending, Ending::Whole);
    assert!((20..=23).contains(&places.len()), "the header, and a frame each second: {}", places.len());
    assert_eq!(packed.ends_at(), observations.last().map(|last| last.at));

    let piped = open_bytes(&bytes).expect("a recording");
    assert_eq!(read(&piped).1, observations);

    let text = zstd::decode_all(bytes.as_slice()).expect("zstd reads it");
    let plain = folder.path().join("sample.jsonl");
    std::fs::write(&plain, text).expect("a file");
    let plain = Recording::open(&plain).expect("a recording");
    assert_eq!(read(&plain).1, observations);
    assert_eq!(plain.ends_at(), observations.last().map(|last| last.at));
}

#[test]
fn each_frame_reads_without_the_others() {
    let folder = folder();
    let (path, _, observations) = sample(folder.path(), 5);
    let recording = Recording::open(&path).expect("a recording");
    let mut seen = Vec::new();
    for place in read(&recording).0 {
        seen.extend(recording.read_frame(place, LatenciesAre::Read).expect("a frame"));
    }
    assert_eq!(seen, observations);
}

#[test]
fn cut_at_any_byte_it_loads_up_to_its_last_whole_frame() {
    let folder = folder();
    let (path, bytes, observations) = sample(folder.path(), 12);
    let (places, ..) = read(&Recording::open(&path).expect("a recording"));
    let mut dice = Dice::new(1);
    for _ in 0..1_000 {
        let cut = dice.below(bytes.len() as u64);
        let whole: Vec<_> = places.iter().filter(|place| place.end() <= cut).collect();
        match open_bytes(&bytes[..usize::try_from(cut).unwrap()]) {
            Ok(recording) => {
                let (found, seen, ending) = read(&recording);
                assert_eq!(found.len(), whole.len(), "cut at {cut}");
                assert!(observations.starts_with(&seen), "cut at {cut}");
                let end = found.last().map_or(0, |last| last.end());
                let expected = if end == cut { Ending::Whole } else { Ending::Cut { at: end } };
                assert_eq!(ending, expected, "cut at {cut}");
            }
            Err(ReadError::Empty { .. }) => assert_eq!(cut, 0),
            Err(ReadError::CutAtOnce { .. }) => assert!(whole.is_empty(), "cut at {cut}"),
            Err(other) => panic!("cut at {cut}: {other}"),
        }
    }
}

#[test]
fn a_flipped_byte_is_read_up_to_or_refused_with_a_sentence() {
    let folder = folder();
    let (_, bytes, observations) = sample(folder.path(), 12);
    let mut dice = Dice::new(2);
    for _ in 0..1_000 {
        let mut flipped = bytes.clone();
        let at = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
        flipped[at] ^= u8::try_from(1 + dice.below(255)).unwrap();
        match open_bytes(&flipped) {
            Ok(recording) => {
                let (_, seen, ending) = read(&recording);
                // What is read was written: a frame is taken whole or not at all.
                assert!(observations.starts_with(&seen), "byte {at}");
                assert!(seen.len() < observations.len() && ending != Ending::Whole, "byte {at}: {ending:?}");
            }
            Err(error) => assert!(error.to_string().contains("; "), "{error}"),
        }
        // From the end, it is either the time or not known.
        if let Ok(recording) = open_bytes(&flipped) {
            assert!(recording.ends_at().is_none_or(|end| Some(end) <= observations.last().map(|last| last.at)));
        }
    }
}

#[test]
fn a_plain_file_of_noise_is_no_panic_either() {
    let (_, bytes, observations) = sample(folder().path(), 3);
    let text = zstd::decode_all(bytes.as_slice()).expect("zstd reads it");
    let mut dice = Dice::new(3);
    for _ in 0..300 {
        let mut noisy = text.clone();
        for _ in 0..20 {
            let at = usize::try_from(dice.below(text.len() as u64)).unwrap();
            noisy[at] = u8::try_from(dice.below(256)).unwrap();
        }
        if let Ok(recording) = open_bytes(&noisy) {
            assert!(read(&recording).1.len() <= observations.len());
        }
    }
}

/// A bad file and the sentence for it.
#[test]
fn wrong_files_get_their_own_sentences() {
    let folder = folder();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    };
    let packed = |text: &[u8]| zstd::bulk::compress(text, 3).expect("zstd writes it");
    let newer = br#"{"streamgauge":"2.0","program":"9.9.9","started":0}"#;
    let whole = zstd::bulk::compress(&header().to_line(), 3).expect("zstd writes it");
    let table: [(PathBuf, &str); 12] = [
        (
            folder.path().join("absent.jsonl.zst"),
            "can't read F/absent.jsonl.zst (No such file or directory (os error 2)); check the path and its permissions",
        ),
        (folder.path().to_owned(), "F is a folder, not a recording; name a .jsonl.zst file in it"),
        (
            file("empty.jsonl.zst", b""),
            "F/empty.jsonl.zst is empty: nothing was recorded, or the copy was cut off; try the original",
        ),
        (
            file("photo.jpg", b"\xFF\xD8\xFF\xE0abc"),
            "F/photo.jpg is not a recording: it does not begin as one; try a .jsonl.zst or .jsonl file that streamgauge wrote",
        ),
        (
            file("other.zst", &packed(b"some text\n")),
            "F/other.zst is not a recording: it does not begin as one; try a .jsonl.zst or .jsonl file that streamgauge wrote",
        ),
        (
            file("other.json", b"{\n\"a\": 1\n}\n"),
            "F/other.json is not a recording: it does not begin as one; try a .jsonl.zst or .jsonl file that streamgauge wrote",
        ),
        (
            file("one-line.json", b"{\"a\":1}"),
            "F/one-line.json is not a recording: it does not begin as one; try a .jsonl.zst or .jsonl file that streamgauge wrote",
        ),
        (
            file("empty-frame.zst", &packed(b"")),
            "F/empty-frame.zst is not a recording: it does not begin as one; try a .jsonl.zst or .jsonl file that streamgauge wrote",
        ),
        (
            file("newer.jsonl", &[newer, b"\n".as_slice()].concat()),
            "F/newer.jsonl has format 2.0, this program reads 1.x; replay it with a newer streamgauge",
        ),
        (
            file("newer.jsonl.zst", &packed(newer)),
            "F/newer.jsonl.zst has format 2.0, this program reads 1.x; replay it with a newer streamgauge",
        ),
        (
            file("cut.jsonl.zst", &whole[..whole.len() - 3]),
            "F/cut.jsonl.zst is cut off within its first second, nothing can be read; try the original",
        ),
        (
            file("huge.zst", &packed(&vec![b'x'; 20 << 20])),
            "F/huge.zst is damaged at byte 0 (a frame holds more than 16 MB; decompress the file with `zstd -d` and open the .jsonl instead); what comes before can be read",
        ),
    ];
    for (path, expected) in table {
        let sentence = Recording::open(&path).expect_err(expected).to_string();
        let sentence = sentence.replace(&folder.path().display().to_string(), "F");
        assert_eq!(sentence, expected);
    }
}

#[test]
fn an_existing_file_is_not_written_over() {
    let folder = folder();
    let (path, ..) = sample(folder.path(), 1);
    let error = Writer::create(&path, &header()).expect_err("it exists").to_string();
    assert!(error.ends_with("sample.jsonl.zst exists already; give another name, or remove it first"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_the_recording_with_a_sentence_and_nothing_else() {
    let error = Writer::create(Path::new("/dev/full"), &header()).expect_err("no space").to_string();
    assert_eq!(
        error,
        "can't write /dev/full (No space left on device (os error 28)); check the folder, its permissions and the space \
         on the disk"
    );
}

/// A pipe stands for a disk here: it takes a little, and then fails or does not answer.
#[cfg(target_os = "linux")]
fn with_a_pipe(then: impl FnOnce(&Path, std::fs::File)) {
    let folder = folder();
    let path = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
    // Opened for both ends, so that neither open waits for the other.
    let end = std::fs::File::options().read(true).write(true).open(&path).expect("a pipe");
    then(&path, end);
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fails_stops_the_recording_with_a_sentence() {
    with_a_pipe(|path, end| {
        let writer = Writer::create(path, &header()).expect("a writer");
        assert!(matches!(writer.state(), WriterState::Recording { .. }));
        drop(end);
        for observation in Pipeline::new(4, 400.0).seconds(10) {
            writer.record(&observation);
        }
        let place = path.display();
        let reason = format!("can't write {place} (Broken pipe (os error 32)); free some space or record elsewhere");
        assert_eq!(writer.finish(), WriterState::Stopped { reason });
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_does_not_answer_stops_the_recording_and_not_the_monitor() {
    with_a_pipe(|path, _end| {
        let writer = Writer::create(path, &header()).expect("a writer");
        // Nobody reads: the pipe fills up, then the channel. The monitor goes on all the same.
        for observation in Pipeline::new(32, 1_000.0).seconds(150) {
            writer.record(&observation);
        }
        let reason = format!("the disk does not keep up with the recording {}", path.display());
        assert_eq!(writer.state(), WriterState::Stopped { reason: reason.clone() });
        assert_eq!(writer.finish(), WriterState::Stopped { reason }, "and it does not keep the program from ending");
    });
}

#[test]
fn a_recording_is_kept_under_a_name_while_it_goes_on() {
    let folder = folder();
    let (path, kept) = (folder.path().join("a.jsonl.zst"), folder.path().join("b.jsonl.zst"));
    let mut pipeline = Pipeline::new(4, 400.0);
    let (before, after) = (pipeline.seconds(3), pipeline.seconds(3));
    let writer = Writer::create(&path, &header()).expect("a writer");
    for observation in &before {
        writer.record(observation);
    }
    writer.keep(&kept).expect("it is kept");
    let again = writer.keep(&kept).expect_err("it is there").to_string();
    assert!(again.ends_with("b.jsonl.zst exists already; give another name, or remove it first"), "{again}");
    for observation in &after {
        writer.record(observation);
    }
    writer.finish();
    std::fs::remove_file(&path).expect("the first name goes");
    let (_, seen, ending) = read(&Recording::open(&kept).expect("a recording"));
    assert_eq!(seen, [before, after].concat());
    assert_eq!(ending, Ending::Whole);
}

#[test]
fn marks_stand_in_the_file_as_text() {
    let folder = folder();
    let path = folder.path().join("a.jsonl.zst");
    let at = recording::NOON;
    record(&path, &[Observation { at, fact: Fact::Mark("twice the load".into()) }]);
    let text = zstd::decode_all(std::fs::read(&path).expect("the file").as_slice()).expect("zstd reads it");
    let text = String::from_utf8(text).expect("text");
    assert_eq!(text.lines().nth(1), Some(r#"{"at":1795348800000000,"mark":"twice the load"}"#));
}

/// Two recordings in one file are two sessions: the second is not added to the first, however they were put together.
#[test]
fn reading_stops_where_a_second_recording_begins() {
    let folder = folder();
    let (_, first, observations) = sample(folder.path(), 5);
    let other = tempfile::tempdir().expect("a folder");
    let (_, second, _) = sample(other.path(), 3);
    let unpack = |bytes: &[u8]| zstd::decode_all(bytes).expect("whole frames");
    let (plain, plain_second) = (unpack(&first), unpack(&second));
    let both = |first: &[u8], second: &[u8]| [first, second].concat();
    // Of the last line of this one half is missing, and the line end with it.
    let cut = &plain[..plain.len() - 20];
    let one_frame = zstd::encode_all(both(&plain, &plain_second).as_slice(), 3).expect("a frame");
    let cases = [
        ("frames", both(&first, &second), Ending::Another { at: first.len() as u64, can_be_cut: true }),
        ("lines", both(&plain, &plain_second), Ending::Another { at: plain.len() as u64, can_be_cut: true }),
        ("a cut line", both(cut, &plain_second), Ending::Another { at: cut.len() as u64, can_be_cut: true }),
        ("packed anew as one", one_frame, Ending::Another { at: 0, can_be_cut: false }),
    ];
    for (how, bytes, expected) in cases {
        let recording = open_bytes(&bytes).expect("a recording");
        let (places, seen, ending) = read(&recording);
        assert_eq!(ending, expected, "{how}");
        let whole = if how == "a cut line" { &observations[..observations.len() - 1] } else { &observations[..] };
        assert!(seen.len() >= whole.len() && observations.starts_with(&seen), "{how}: {} of them", seen.len());
        // What is read again, as by a replay that goes back, ends there as well.
        let again: usize =
            places.iter().map(|place| recording.read_frame(*place, LatenciesAre::Read).expect("the frame").len()).sum();
        assert_eq!(again, seen.len(), "{how}");
    }
}

/// Something of another program before the first frame makes no second recording of the first.
#[test]
fn what_is_passed_over_before_a_recording_changes_nothing() {
    let folder = folder();
    let (_, bytes, observations) = sample(folder.path(), 3);
    let passed_over = [&[0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3], bytes.as_slice()].concat();
    let (_, seen, ending) = read(&open_bytes(&passed_over).expect("a recording"));
    assert_eq!((seen, ending), (observations, Ending::Whole));
}
