//! Golden frames: what a person sees, at three sizes, in the situations that matter.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod pipeline;

use std::time::Duration;

use pipeline::Pipeline;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use streamgauge::model::observation::Station;
use streamgauge::model::units::PartitionId;
use streamgauge::ui::state::{Mode, Panel, PlaybackSign, ProcessorSwitch, RecordingSign, Sort, ViewState, Zoom};
use streamgauge::ui::theme::Theme;
use streamgauge::ui::view::{self, Hit};

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

/// Beyond 32 partitions a cell stands for each, and beyond what fits for several; the worst stand below.
#[test]
fn many_partitions_are_a_heat_map() {
    for partitions in [64, 256, 2_048] {
        let mut pipeline = Pipeline::new(partitions, 20_000.0, 40_000.0);
        pipeline.run(20).stuck = Some(17);
        pipeline.run(25);
        golden(&format!("heat-{partitions}"), &pipeline);
    }
    let mut pipeline = Pipeline::new(256, 20_000.0, 40_000.0);
    pipeline.run(20).stuck = Some(17);
    pipeline.run(25);
    let state = ViewState {
        zoom: Zoom::Panel(Panel::Lag),
        selected: Some(PartitionId(17)),
        sort: Sort::Events,
        ..view_state(&pipeline)
    };
    insta::assert_snapshot!("heat-256-zoomed-120x36", frame(&pipeline, &state, (120, 36)));
    let state = ViewState { filter: "stalled".into(), ..state };
    insta::assert_snapshot!("heat-256-filtered-80x24", frame(&pipeline, &state, (80, 24)));
}

/// What is drawn at a place is what a click there means: every row and every cell of the heat map.
#[test]
fn a_click_selects_what_is_drawn_there() {
    for partitions in [8, 256] {
        let mono = Theme::mono();
        let mut pipeline = Pipeline::new(partitions, 1_000.0, 2_000.0);
        pipeline.run(20);
        for size in [SIZES[0], SIZES[1]] {
            let area = Rect::new(0, 0, size.0, size.1);
            let mut clicked = 0;
            for (x, y) in (0..size.1).flat_map(|y| (y % 7..size.0).step_by(7).map(move |x| (x, y))) {
                let mut state = view_state(&pipeline);
                let hit = |state: &ViewState| view::hit(area, (x, y), &pipeline.session, state);
                let Some(Hit::Partition(id)) = hit(&state) else { continue };
                clicked += 1;
                state.click(Hit::Partition(id));
                assert_eq!((state.focus, state.selected), (Panel::Lag, Some(id)));
                let mut buffer = Buffer::empty(area);
                view::draw(area, &mut buffer, &pipeline.session, &state, &mono);
                let lit = buffer[(x, y)].modifier.contains(ratatui::style::Modifier::REVERSED);
                // The list may have moved to show the selected row; where it did not, the place is lit.
                assert!(lit || hit(&state) != Some(Hit::Partition(id)), "{id} at {x}, {y} of {size:?}");
            }
            assert!(clicked > 20, "{partitions} partitions at {size:?}");
        }
    }
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
    let mut state = ViewState { help: true, recording: RecordingSign::Writing(1), ..view_state(&pipeline) };
    for size in SIZES {
        insta::assert_snapshot!(format!("help-{}x{}", size.0, size.1), frame(&pipeline, &state, size));
    }
    // Looking back while live, every key does something.
    state.mode = Mode::Playback(PlaybackSign {
        elapsed: Duration::from_secs(10),
        span: Duration::from_secs(20),
        playing: false,
        speed: "1x".into(),
        looping: false,
        behind_live: Some(Duration::from_secs(10)),
        reading: false,
    });
    for size in SIZES {
        let frame = frame(&pipeline, &state, size);
        assert!(frame.contains("quit") && !frame.contains("more: streamgauge man"), "it fits: {frame}");
        insta::assert_snapshot!(format!("help-past-{}x{}", size.0, size.1), frame);
    }
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

/// The README's picture is this frame; `STREAMGAUGE_PICTURE=write cargo test --test frames` makes it anew.
#[test]
fn the_readme_shows_the_screen_as_it_is() {
    let mut pipeline = Pipeline::new(8, 1_000.0, 2_350.0);
    pipeline.run(50).rate = 4_000.0;
    pipeline.run(16).stuck = Some(7);
    pipeline.run(14);
    let area = Rect::new(0, 0, 120, 36);
    let mut buffer = Buffer::empty(area);
    view::draw(area, &mut buffer, &pipeline.session, &view_state(&pipeline), &Theme::dark());
    let picture = streamgauge::report::picture::svg(&buffer);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/screen.svg");
    if std::env::var_os("STREAMGAUGE_PICTURE").is_some() {
        std::fs::write(file, &picture).expect("the picture is written");
    }
    assert!(std::fs::read_to_string(file).expect("the picture") == picture, "the screen has changed; see above");
}
