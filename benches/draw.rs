//! How long one frame takes to draw: cells from a session, at three sizes, with 8 to 2,048 partitions.
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
use streamgauge::ui::state::ViewState;
use streamgauge::ui::theme::Theme;
use streamgauge::ui::view;

/// Frames are drawn for so long for each figure.
const SPAN: Duration = Duration::from_millis(800);

fn main() {
    println!("{:>10} {:>8} {:>10} {:>10}", "partitions", "size", "median", "p99");
    for partitions in [8, 32, 2_048] {
        let mut pipeline = Pipeline::new(partitions, 4_000.0, 2_350.0);
        // Ten minutes of history: every chart and sparkline is full.
        pipeline.run(600);
        for (width, height) in [(80, 24), (120, 36), (200, 60)] {
            let area = Rect::new(0, 0, width, height);
            let mut buffer = Buffer::empty(area);
            let state = ViewState { load_control: true, ..ViewState::new("bench", pipeline.now()) };
            let theme = Theme::dark();
            let mut times = Vec::new();
            let begun = Instant::now();
            while begun.elapsed() < SPAN {
                let start = Instant::now();
                buffer.reset();
                view::draw(area, &mut buffer, black_box(&pipeline.session), &state, &theme);
                times.push(start.elapsed());
            }
            times.sort_unstable();
            let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e6;
            println!("{partitions:>10} {:>8} {:>7.0} us {:>7.0} us", format!("{width}x{height}"), at(50), at(99));
        }
    }
}
