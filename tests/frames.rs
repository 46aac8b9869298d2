//! Golden frames: what a person sees, at three sizes, in the situations that matter.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod pipeline;

use pipeline::Pipeline;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use streamgauge::model::observation::Station;
use streamgauge::ui::state::{ProcessorSwitch, ViewState};
use streamgauge::ui::theme::Theme;
use streamgauge::ui::view;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 36), (200, 60)];

fn view_state(pipeline: &Pipeline) -> ViewState {
    ViewState {
        load_control: true,
        processor: ProcessorSwitch::Running,
        ..ViewState::new("local · eventhubs-process-cosmosdb", pipeline.now())
    }
}

fn frame(pipeline: &Pipeline, state: &ViewState, (width, height): (u16, u16)) -> String {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    view::draw(area, &mut buffer, &pipeline.session, state, &Theme::dark());
    let cells = buffer.content();
    let rows =
        cells.chunks(usize::from(width.max(1))).map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect());
    rows.map(|row: String| row.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn golden(name: &str, pipeline: &Pipeline) {
    for size in SIZES {
        let frame = frame(pipeline, &view_state(pipeline), size);
        insta::assert_snapshot!(format!("{name}-{}x{}", size.0, size.1), frame);
    }
}

#[test]
fn before_the_first_look() {
    golden("starting", &Pipeline::new(8, 1_000.0, 2_000.0));
}

#[test]
fn keeping_up() {
    let mut pipeline = Pipeline::new(8, 1_000.0, 2_000.0);
    golden("keeping-up", pipeline.run(90));
}

#[test]
fn falling_behind_since_the_store_throttles_then_draining() {
    let mut pipeline = Pipeline::new(8, 1_000.0, 2_350.0);
    pipeline.run(60).rate = 4_000.0;
    golden("falling-behind", pipeline.run(45));
    pipeline.rate = 500.0;
    golden("draining", pipeline.run(20));
}

#[test]
fn one_partition_of_32_is_stuck() {
    let mut pipeline = Pipeline::new(32, 2_000.0, 4_000.0);
    pipeline.run(60).stuck = Some(17);
    golden("stuck", pipeline.run(40));
}

#[test]
fn the_checkpoints_are_away() {
    let mut pipeline = Pipeline::new(8, 1_000.0, 2_000.0);
    pipeline.run(60).away = vec![Station::Checkpoints];
    golden("blind", pipeline.run(12));
}

#[test]
fn help_stands_over_the_panels() {
    let mut pipeline = Pipeline::new(8, 1_000.0, 2_000.0);
    pipeline.run(20);
    let state = ViewState { help: true, ..view_state(&pipeline) };
    insta::assert_snapshot!("help-80x24", frame(&pipeline, &state, (80, 24)));
}

#[test]
fn a_small_terminal_gets_the_word_and_what_it_needs() {
    let mut pipeline = Pipeline::new(8, 1_000.0, 2_000.0);
    pipeline.run(20);
    insta::assert_snapshot!("small-40x8", frame(&pipeline, &view_state(&pipeline), (40, 8)));
    for (width, height) in [(0, 0), (1, 1), (79, 24), (80, 23), (3, 200)] {
        frame(&pipeline, &view_state(&pipeline), (width, height));
    }
}
