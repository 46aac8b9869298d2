//! Golden frames: what a person sees, at three sizes, in the situations that matter.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod pipeline;

use std::time::Duration;

use pipeline::Pipeline;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use streamgauge::model::observation::{
    Checkpoint, CheckpointForm, ConsumerGroup, Fact, Groups, IngestCapacity, Latencies, Observation, PartitionPosition,
    ProbeFigures, Provisioned, Station, StationState, Stored,
};
use streamgauge::model::units::{PartitionId, RequestUnits};
use streamgauge::ui::state::{
    GroupList, Mode, Panel, PlaybackSign, ProcessorSwitch, RecordingSign, Sort, ViewState, Zoom,
};
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

/// What to do about it stands at the end of a sentence that is longer than a line.
#[test]
fn what_is_away_says_the_whole_of_it() {
    let mut pipeline = Pipeline::new(8, 1_000.0, 2_000.0);
    pipeline.run(60).away = vec![Station::Checkpoints];
    let reason = "Blob storage at https://contosostorage.blob.core.windows.net/azure-webjobs-eventhub refuses the \
                  credential; it takes the role Storage Blob Data Reader, or the right key";
    let refuses = |pipeline: &mut Pipeline| {
        let at = pipeline.now();
        let state = StationState::Retrying { reason: reason.into(), next_attempt: at };
        pipeline.session.apply(&Observation { at, fact: Fact::Station(Station::Checkpoints, state) });
    };
    refuses(&mut pipeline);
    refuses(pipeline.run(12));
    for size in SIZES {
        let words = |zoom| {
            let frame = frame(&pipeline, &ViewState { zoom, ..view_state(&pipeline) }, size);
            let words = frame.split(|c: char| c.is_whitespace() || c == '│').filter(|word| !word.is_empty());
            words.collect::<Vec<_>>().join(" ")
        };
        let (overview, log) = (words(Zoom::Overview), words(Zoom::Panel(Panel::Log)));
        assert!(overview.contains("the role Storage Blob Data Reader"), "{size:?}: {overview}");
        assert!(log.contains(reason), "{size:?}: {log}");
    }
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

/// A pipeline as `attach` watches it: checkpoints of two forms, an owner that changed, costs, limits, other consumer groups.
fn attached() -> Pipeline {
    let mut pipeline = Pipeline::new(4, 5_700.0, 8_000.0);
    for second in 0..60_u32 {
        pipeline.run(1);
        let now = pipeline.now();
        let probe = |station, calls, charge| ProbeFigures {
            station,
            round: Duration::from_millis(if station == Station::Ingest { 4_000 } else { 250 }),
            calls: u64::from(second) * calls,
            calls_limit: (station == Station::Ingest).then_some(40.0),
            charge: RequestUnits(f64::from(second) * charge),
            charge_limit: (station == Station::Store).then_some(RequestUnits(200.0)),
            throttled: 3,
        };
        let mut facts = vec![
            Fact::Group("cosmos".into()),
            Fact::IngestCapacity(IngestCapacity::ThroughputUnits(6)),
            Fact::Provisioned(Provisioned::Autoscale { most: RequestUnits(20_000.0) }),
            Fact::Probe(probe(Station::Ingest, 32, 0.0)),
            Fact::Probe(probe(Station::Store, 8, 12.0)),
        ];
        for id in 0..4 {
            let (form, note) = match id {
                1 => (None, Some("the checkpoint ns/hub/cosmos/checkpoint/1 can't be used: its sequence number is empty; delete it, or let its processor write it again".into())),
                3 => (Some(CheckpointForm::Functions), None),
                _ => (Some(CheckpointForm::Metadata), None),
            };
            facts.push(Fact::Checkpoint(Checkpoint { partition: PartitionId(id), form, hold: None, note }));
        }
        let owner = if second < 40 { "functions-7d8f" } else { "functions-a1c2e3d4-5f60-4718-92a3" };
        for (id, partition) in &pipeline.session.partitions {
            let (position, written_at) = (partition.position(), partition.written_at());
            facts.push(Fact::Position(PartitionPosition {
                partition: *id,
                position,
                written_at,
                owner: Some(owner.into()),
            }));
        }
        for fact in facts {
            pipeline.session.apply(&Observation { at: now, fact });
        }
    }
    let (now, histogram) = (pipeline.now(), {
        let mut histogram = Latencies::histogram();
        histogram.record_n(900_000, 20).unwrap();
        Latencies(std::sync::Arc::new(histogram))
    });
    let resolution = Some(Duration::from_secs(1));
    let stored = Fact::Stored(Stored { items: 10, latency: histogram, resolution, charge: RequestUnits(3.0) });
    let group = |name: &str, forms: &[CheckpointForm], partitions, ago| ConsumerGroup {
        name: name.into(),
        forms: forms.iter().copied().collect(),
        partitions,
        written_at: Some(now.before(Duration::from_secs(ago))),
    };
    let groups = Groups {
        groups: vec![
            group("$Default", &[CheckpointForm::Functions], 2, 86_400 * 3),
            group("a-group-with-quite-a-long-name-for-billing", &[CheckpointForm::Dapr], 4, 61),
            group("Cosmos", &[CheckpointForm::Metadata, CheckpointForm::Functions], 4, 2),
            ConsumerGroup { name: "new".into(), forms: [].into(), partitions: 1, written_at: None },
        ],
        complete: true,
    };
    for fact in [stored, Fact::Groups(groups)] {
        pipeline.session.apply(&Observation { at: now, fact });
    }
    pipeline
}

#[test]
fn what_is_known_of_a_deployed_scenario_has_its_place_in_the_larger_views() {
    let pipeline = attached();
    let views = [
        ("overview", Zoom::Overview),
        ("ingest", Zoom::Panel(Panel::Ingest)),
        ("lag", Zoom::Panel(Panel::Lag)),
        ("serve", Zoom::Panel(Panel::Serve)),
        ("partition", Zoom::Partition(PartitionId(1))),
    ];
    for (name, zoom) in views {
        let state = ViewState { zoom, processor: ProcessorSwitch::NotOurs, ..view_state(&pipeline) };
        for size in SIZES {
            let frame = frame(&pipeline, &state, size);
            insta::assert_snapshot!(format!("attached-{name}-{}x{}", size.0, size.1), frame);
        }
    }
}

/// Where positions are read in turn, the larger views say how old they are.
#[test]
fn positions_that_are_read_in_turn_say_how_old_they_are() {
    let mut pipeline = attached();
    let figures = |calls| ProbeFigures {
        station: Station::Checkpoints,
        round: Duration::from_millis(5_500),
        calls,
        calls_limit: Some(200.0),
        charge: RequestUnits(0.0),
        charge_limit: None,
        throttled: 0,
    };
    let now = pipeline.now();
    for (at, calls) in [(now.before(Duration::from_secs(2)), 0), (now, 390)] {
        pipeline.session.apply(&Observation { at, fact: Fact::Probe(figures(calls)) });
    }
    let said = |zoom, size| frame(&pipeline, &ViewState { zoom, ..view_state(&pipeline) }, size);
    let lag = said(Zoom::Panel(Panel::Lag), (200, 60));
    assert!(lag.contains("each read every 5.5 s") && lag.contains("watching: 195 of 200 calls/s"), "{lag}");
    let lag = said(Zoom::Panel(Panel::Lag), (80, 24));
    assert!(lag.contains("each read every 5.5 s"), "{lag}");
    for size in [(80, 24), (200, 60)] {
        let partition = said(Zoom::Partition(PartitionId(0)), size);
        assert!(partition.contains("as of "), "{partition}");
    }
}

#[test]
fn the_consumer_groups_stand_over_the_panels() {
    let pipeline = attached();
    let mut state = ViewState { groups: GroupList::Closed, ..view_state(&pipeline) };
    state.open_groups(&pipeline.session);
    assert_eq!(state.groups.pointed(), Some("Cosmos"), "the one that is watched");
    for size in SIZES {
        insta::assert_snapshot!(format!("groups-{}x{}", size.0, size.1), frame(&pipeline, &state, size));
    }
    // What is drawn at a place is what a click there means.
    let area = Rect::new(0, 0, 80, 24);
    let text = frame(&pipeline, &state, (80, 24));
    let row = text.lines().position(|line| line.contains("$Default")).expect("its row");
    let hit = |x, y| view::hit(area, (x, y), &pipeline.session, &state);
    assert_eq!(hit(20, u16::try_from(row).unwrap()), Some(Hit::Group("$Default".into())));
    assert_eq!((hit(1, 10), hit(20, 1)), (None, None), "nothing behind the list is hit");
}

#[test]
fn what_the_scenario_does_not_say_is_said_to_be_not_watched() {
    let mut pipeline = Pipeline::new(4, 1_000.0, 2_000.0);
    pipeline.away = vec![Station::Checkpoints, Station::Store, Station::Processor];
    pipeline.run(20);
    for station in [Station::Checkpoints, Station::Store] {
        let fact = Fact::Station(station, StationState::Unwatched);
        pipeline.session.apply(&Observation { at: pipeline.now(), fact });
    }
    golden("unwatched", &pipeline);
}
