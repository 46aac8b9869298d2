//! How long one frame takes to draw: cells from a session, at three sizes, with 8 to 2,048 partitions; each larger view at
//! 200 x 60; and to bring a frame down to fewer colours.
//!
//! `cargo bench --bench draw`

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    reason = "a program that prints its figures"
)]

#[path = "../tests/pipeline/mod.rs"]
mod pipeline;

use std::hint::black_box;
use std::time::{Duration, Instant};

use pipeline::Pipeline;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use streamgauge::model::units::PartitionId;
use streamgauge::ui::state::{Panel, ViewState, Zoom};
use streamgauge::ui::theme::Theme;
use streamgauge::ui::theme::rendition::{Depth, Glyphs, Rendition};
use streamgauge::ui::view;

/// Frames are drawn for so long for each figure.
const SPAN: Duration = Duration::from_millis(800);

fn main() {
    println!("{:>10} {:>8} {:>10} {:>10} {:>10}", "partitions", "size", "view", "median", "p99");
    for partitions in [8, 32, 2_048] {
        let mut pipeline = Pipeline::new(partitions, 4_000.0, 2_350.0);
        // Ten minutes of history: every chart and sparkline is full.
        pipeline.run(600);
        for size in [(80, 24), (120, 36), (200, 60)] {
            measure(&pipeline, size, "overview", Zoom::Overview);
        }
        if partitions > 8 {
            for (name, zoom) in [
                ("ingest", Zoom::Panel(Panel::Ingest)),
                ("lag", Zoom::Panel(Panel::Lag)),
                ("serve", Zoom::Panel(Panel::Serve)),
                ("timeline", Zoom::Panel(Panel::Timeline)),
                ("log", Zoom::Panel(Panel::Log)),
                ("partition", Zoom::Partition(PartitionId(3))),
            ] {
                measure(&pipeline, (200, 60), name, zoom);
            }
        }
    }
    reduce();
}

fn measure(pipeline: &Pipeline, (width, height): (u16, u16), view: &str, zoom: Zoom) {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    let state = ViewState { load_control: true, zoom, ..ViewState::new("bench", pipeline.now()) };
    let theme = Theme::dark();
    let (median, p99) = times(|| {
        buffer.reset();
        view::draw(area, &mut buffer, black_box(&pipeline.session), &state, &theme);
    });
    println!(
        "{:>10} {:>8} {view:>10} {median:>7.0} us {p99:>7.0} us",
        pipeline.partitions,
        format!("{width}x{height}")
    );
}

/// Median and 99th percentile in microseconds.
fn times(mut once: impl FnMut()) -> (f64, f64) {
    let mut times = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < SPAN {
        let start = Instant::now();
        once();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e6;
    (at(50), at(99))
}

/// A frame of 200 x 60 brought down to what a terminal can show.
fn reduce() {
    let mut pipeline = Pipeline::new(32, 4_000.0, 2_350.0);
    pipeline.run(120);
    let area = Rect::new(0, 0, 200, 60);
    let mut frame = Buffer::empty(area);
    view::draw(area, &mut frame, &pipeline.session, &ViewState::new("bench", pipeline.now()), &Theme::dark());
    for (name, depth, glyphs) in [
        ("256 colours", Depth::Indexed, Glyphs::Unicode),
        ("16 colours", Depth::Sixteen, Glyphs::Unicode),
        ("16, ASCII", Depth::Sixteen, Glyphs::Ascii),
    ] {
        let rendition = Rendition { depth, glyphs };
        let (copy, _) = times(|| drop(black_box(frame.clone())));
        let (median, p99) = times(|| {
            let mut frame = black_box(frame.clone());
            rendition.apply(&mut frame);
        });
        println!("{name:>30} {:>7.0} us {:>7.0} us beside the copy", median - copy, p99 - copy);
    }
}
