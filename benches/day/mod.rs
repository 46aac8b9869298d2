//! A long recording of a made-up pipeline: 32 partitions, 1,000 events/s.

use std::io::Write;
use std::path::Path;

use streamgauge::model::observation::Observation;
use streamgauge::recording::format::LineWriter;
use streamgauge::recording::frame::Packer;

use super::recording::{Pipeline, header};

pub(crate) const PARTITIONS: u32 = 32;

/// Writes so many hours of frames as the writer does, without its thread and its waiting for the disk. Gives their bytes.
pub(crate) fn write(path: &Path, hours: u32) -> u64 {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let mut packer = Packer::new().unwrap();
    file.write_all(&packer.pack(&header().to_line()).unwrap()).unwrap();
    let mut bytes = 0;
    let mut pipeline = Pipeline::new(PARTITIONS, 1_000.0);
    for _ in 0..hours * 3_600 {
        let frame = packer.pack(&lines(&pipeline.seconds(1))).unwrap();
        bytes += frame.len() as u64;
        file.write_all(&frame).unwrap();
    }
    file.flush().unwrap();
    bytes
}

/// Observations as the lines of a recording.
pub(crate) fn lines(observations: &[Observation]) -> Vec<u8> {
    let (mut writer, mut text) = (LineWriter::default(), Vec::new());
    for observation in observations {
        writer.push(observation, &mut text);
    }
    writer.finish(&mut text);
    text
}
