//! Recordings broken at random, beginning with the corpus in `tests/corpus/recording`: whatever the bytes are, they open
//! up to the damage or are refused with a sentence, in bounded memory and time, and never with a panic.
//!
//! `STREAMGAUGE_FUZZ_SECONDS=60 cargo test --test recording_fuzz` goes on for a minute; without, two seconds.
//! `STREAMGAUGE_FUZZ_SEED` begins where a failure said. `STREAMGAUGE_CORPUS=write` makes the corpus' own files anew; the
//! bytes of a failure are put beside them by hand, so that they are tried first from then on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod recording;

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use recording::{Dice, Pipeline, header};
use streamgauge::model::observation::Observation;
use streamgauge::recording::format::{LatenciesAre, LineWriter, Skipped};
use streamgauge::recording::frame::{LARGEST_TEXT, Packer};
use streamgauge::recording::player::Player;
use streamgauge::recording::reader::Recording;
use streamgauge::ui::playback::Playback;
use streamgauge::ui::replay::view_of;
use streamgauge::ui::theme::Theme;
use streamgauge::ui::view;

/// An input of a few kilobytes takes milliseconds, one that claims the most a frame may hold some seconds unoptimised. One
/// that takes this long hangs.
const HANG: Duration = Duration::from_secs(120);

/// The largest input.
const LARGEST: usize = 64 << 10;

/// Memory of this process that no input may drive it beyond, in MB: a frame's text and what it becomes, and the rest.
const MOST_MEMORY: u64 = 1_500;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/recording")
}

/// The files of the corpus, in the order of their names.
fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds: Vec<_> = std::fs::read_dir(corpus())
        .expect("the corpus")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.display().to_string(), std::fs::read(&path).expect("a file")))
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "there is a corpus");
    seeds
}

/// Opens, reads, plays and draws whatever the bytes are.
fn exercise(bytes: &[u8]) {
    let recording = match Recording::from_pipe(bytes, "fuzz") {
        Ok(recording) => recording,
        Err(error) => {
            let sentence = error.to_string();
            assert!(sentence.starts_with("fuzz ") || sentence.starts_with("can't read fuzz "), "{sentence}");
            assert_eq!(sentence.lines().count(), 1, "{sentence}");
            return;
        }
    };
    let (mut frames, mut skipped, mut end) = (recording.frames_from(0), Skipped::default(), 0);
    while let Some((place, _)) = frames.next_frame(LatenciesAre::Read, &mut skipped).expect("memory can be read") {
        assert!(place.at >= end && place.length > 0, "frames go on: {place:?} after {end}");
        end = place.end();
    }
    assert!(end <= bytes.len() as u64);
    recording.ends_at();

    let mut player = Player::of(recording).expect("a player");
    let last = player.span().1;
    player.session_at(last).expect("the end");
    let (state, (first, last)) = (view_of(&player), player.span());
    let mut playback = Playback::of_file(player, false, first);
    let mut state = state;
    let area = Rect::new(0, 0, 80, 36);
    for part in [0, 2, 1, 4, 3] {
        let span = last.since(first).as_micros() / 4 * part;
        let at = first.after(Duration::from_micros(u64::try_from(span).unwrap_or(u64::MAX)));
        playback.tick(at).expect("it plays");
        state.show(&playback);
        view::draw(area, &mut Buffer::empty(area), playback.session(), &state, &Theme::dark());
    }
}

/// Breaks an input. Half of the time what is inside the frames, so that it is not the checksum that stops all.
fn mutate(seeds: &[(String, Vec<u8>)], dice: &mut Dice) -> Vec<u8> {
    let pick = |dice: &mut Dice| &seeds[index(dice, seeds.len())].1;
    let mut bytes = pick(dice).clone();
    let inside = dice.below(2) == 0;
    if inside && let Some(text) = unpack(&bytes) {
        bytes = text;
    }
    let other = pick(dice).clone();
    for _ in 0..=dice.below(6) {
        mutate_once(&mut bytes, &other, dice);
    }
    bytes.truncate(LARGEST);
    if inside && dice.below(4) > 0 {
        bytes = pack(&bytes, dice);
    }
    bytes
}

fn index(dice: &mut Dice, end: usize) -> usize {
    usize::try_from(dice.below(end as u64)).expect("it is small")
}

/// Numbers that are the last of something.
const EDGES: [&str; 12] = [
    "0",
    "-1",
    "null",
    "1e308",
    "-1e308",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "0.1",
    "[]",
    "\"\u{202e}\\u0000\"",
];

fn mutate_once(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let at = index(dice, bytes.len() + 1);
    let to = (at + index(dice, 40)).min(bytes.len());
    match dice.below(9) {
        0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
        1 if at < bytes.len() => bytes[at] = u8::try_from(dice.below(256)).expect("a byte"),
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..to)),
        4 => {
            let copy = bytes[at..to].to_vec();
            bytes.splice(at..at, copy);
        }
        5 => {
            let from = index(dice, other.len() + 1);
            let until = (from + index(dice, 400)).min(other.len());
            bytes.splice(at..to, other[from..until].iter().copied());
        }
        6 | 7 => {
            // A number for another: the next one from here on.
            let begin = bytes[at..].iter().position(u8::is_ascii_digit).map(|begin| at + begin);
            let Some(begin) = begin else { return };
            let length = bytes[begin..].iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len() - begin);
            let edge = EDGES[index(dice, EDGES.len())];
            bytes.splice(begin..begin + length, edge.bytes());
        }
        _ => {
            // Lines in another order, or one of them again.
            let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            if lines.len() > 2 {
                let (one, two) = (1 + index(dice, lines.len() - 1), 1 + index(dice, lines.len() - 1));
                if dice.below(2) == 0 {
                    lines.swap(one, two);
                } else {
                    let copy = lines[two].clone();
                    lines[one] = copy;
                }
                *bytes = lines.concat();
            }
        }
    }
}

/// The text of a recording, as far as it decompresses; `None` if it is none.
fn unpack(bytes: &[u8]) -> Option<Vec<u8>> {
    use std::io::Read;
    let mut text = Vec::new();
    let decoder = zstd::Decoder::new(bytes).ok()?;
    // What decompresses before the damage is enough.
    decoder.take(LARGEST as u64).read_to_end(&mut text).ok();
    (!text.is_empty()).then_some(text)
}

/// Frames of a few lines each, the first line alone.
fn pack(text: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut packer = Packer::new().expect("a packer");
    let (mut packed, mut frame, mut first) = (Vec::new(), Vec::new(), true);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        frame.extend_from_slice(line);
        if first || dice.below(8) == 0 {
            packed.extend(packer.pack(&frame).expect("a frame"));
            frame.clear();
            first = false;
        }
    }
    packed.extend(packer.pack(&frame).expect("a frame"));
    packed
}

/// The most memory that this process has had, in MB; `None` where the system does not say.
fn most_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1_024)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Set as soon as any thread panics.
fn note_panics() -> Arc<AtomicBool> {
    let panicked = Arc::new(AtomicBool::new(false));
    let (noted, tell) = (Arc::clone(&panicked), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        noted.store(true, Ordering::Relaxed);
        tell(panic);
    }));
    panicked
}

/// Tries one input; says what went wrong.
fn attempt(bytes: &[u8]) -> Result<(), String> {
    catch_unwind(|| exercise(bytes)).map_err(|_| "it panicked; see above".to_owned())?;
    match most_memory() {
        Some(most) if most > MOST_MEMORY => Err(format!("it took {most} MB")),
        _ => Ok(()),
    }
}

#[test]
fn broken_recordings_are_read_up_to_the_damage_or_refused() {
    if std::env::var_os("STREAMGAUGE_CORPUS").is_some() {
        write_corpus();
    }
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().map_or(default, |text| text.parse().expect("a whole number"))
    };
    let span = Duration::from_secs(number("STREAMGAUGE_FUZZ_SECONDS", 2));
    let from = number("STREAMGAUGE_FUZZ_SEED", 1);
    let (inputs, waiting) = channel::<Vec<u8>>();
    let (tell, outcomes) = channel();
    // On a thread of its own, so that a hang is seen. It ends when there are no more inputs.
    let trial = std::thread::spawn(move || {
        for input in waiting {
            if tell.send(attempt(&input)).is_err() {
                return;
            }
        }
    });
    let panicked = note_panics();
    let try_out = |name: &str, bytes: Vec<u8>| {
        let shown = hex(&bytes);
        inputs.send(bytes).expect("the thread waits");
        let begun = Instant::now();
        let outcome = loop {
            match outcomes.recv_timeout(Duration::from_millis(200)) {
                Ok(outcome) => break outcome,
                // Where a thread of the player panicked, whoever waits for it waits forever.
                Err(_) if panicked.load(Ordering::Relaxed) => break Err("it panicked; see above".into()),
                Err(_) if begun.elapsed() > HANG => break Err(format!("it hangs: {HANG:?}")),
                Err(_) => {}
            }
        };
        if let Err(reason) = outcome {
            panic!("{name}: {reason}\nfor the corpus: printf %s '{shown}' | xxd -r -p > {}/NAME", corpus().display());
        }
    };
    let seeds = seeds();
    for (name, bytes) in &seeds {
        try_out(name, bytes.clone());
    }
    let begun = Instant::now();
    let mut seed = from;
    while begun.elapsed() < span {
        try_out(&format!("STREAMGAUGE_FUZZ_SEED={seed}"), mutate(&seeds, &mut Dice::new(seed)));
        seed += 1;
    }
    drop(inputs);
    trial.join().expect("it ends");
    eprintln!("{} inputs, seeds {from} to {seed}; {:?} MB at most", seed - from, most_memory().unwrap_or(0));
}

fn lines(observations: &[Observation]) -> Vec<u8> {
    let (mut writer, mut text) = (LineWriter::default(), Vec::new());
    observations.iter().for_each(|seen| writer.push(seen, &mut text));
    writer.finish(&mut text);
    text
}

/// Small recordings, and small ones damaged in the ways that files are.
fn write_corpus() {
    let folder = corpus();
    std::fs::create_dir_all(&folder).expect("a folder");
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("a file");
    let mut packer = Packer::new().expect("a packer");
    let mut pack = |text: &[u8]| packer.pack(text).expect("a frame");

    let seconds: Vec<Vec<u8>> = {
        let mut pipeline = Pipeline::new(2, 8.0);
        (0..4).map(|_| lines(&pipeline.seconds(1))).collect()
    };
    let first = header().to_line();
    let plain = [first.clone(), seconds.concat()].concat();
    let mut whole = pack(&first);
    seconds.iter().for_each(|second| whole.extend(pack(second)));
    let header_only = pack(&first);

    // Every kind of fact, and what a newer minor version or another program might say.
    let all = br#"{"at":1795348800100000,"station":{"name":"ingest","state":"connected"}}
{"at":1795348800200000,"station":{"name":"store","state":"retrying","reason":"no answer","next_attempt":1795348801000000}}
{"at":1795348800300000,"station":{"name":"processor","state":"stopped"}}
{"at":1795348800400000,"mark":"twice the load"}
{"at":1795348800500000,"provisioned":20000.0}
{"at":1795348800600000,"weather":{"rain":true}}
{"at":1795348800700000,"log_end":{"partition":[0,1],"earliest":[0,0],"last":[99]}}
{"at":1795348800800000,"log_end":{"partition":[4294967295],"earliest":[-1],"last":[9007199254740992],"enqueued_ago":[-9007199254740992]}}
{"at":-1,"mark":"long ago"}
{"at":9007199254740992,"mark":"much later"}
not JSON at all
"#;
    let facts = [first.clone(), all.to_vec()].concat();
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xFF;
    let skippable = [&header_only[..], &[0x5A, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3], &pack(&seconds[0])].concat();
    let streamed = zstd::encode_all(plain.as_slice(), 3).expect("zstd writes it");
    let endless = [header_only.clone(), pack(&vec![b'{'; LARGEST_TEXT])].concat();

    write("whole.jsonl.zst", &whole);
    write("plain.jsonl", &plain);
    write("facts.jsonl", &facts);
    write("facts.jsonl.zst", &[header_only.clone(), pack(all)].concat());
    write("header-only.jsonl.zst", &header_only);
    write("cut.jsonl.zst", &whole[..whole.len() - 20]);
    write("cut-at-once.jsonl.zst", &header_only[..header_only.len() - 3]);
    write("damaged.jsonl.zst", &damaged);
    write("skippable.jsonl.zst", &skippable);
    write("one-frame.jsonl.zst", &streamed);
    write("sixteen-megabytes-of-braces.jsonl.zst", &endless);
    write("newer.jsonl", b"{\"streamgauge\":\"2.0\",\"program\":\"9.9.9\",\"started\":0}\n");
    write("empty.jsonl.zst", b"");
}
