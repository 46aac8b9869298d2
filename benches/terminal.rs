//! What a screen costs: bytes sent to the terminal each second, live and in a quick replay; and the processor time of the
//! whole program while nothing flows.
//!
//! `cargo bench --bench terminal`

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    reason = "a program that prints its figures"
)]

#[path = "machine/mod.rs"]
mod machine;
#[path = "../tests/pipeline/mod.rs"]
mod pipeline;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use machine::cpu_of;
use pipeline::Pipeline;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use streamgauge::ui::state::ViewState;
use streamgauge::ui::theme::Theme;
use streamgauge::ui::view;

/// Looks a second, in the made-up pipeline as in the program.
const LOOKS: u32 = 4;

/// A terminal that counts.
#[derive(Clone, Default)]
struct Counted(Arc<AtomicU64>);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn main() {
    bytes();
    idle();
}

/// Each look is a frame: 4 a second live, 30 a second in a replay at 7.5 times the speed.
fn bytes() {
    println!(
        "{:>8} {:>11} {:>12} {:>10} {:>12} {:>12}",
        "size", "partitions", "whole frame", "a frame", "at 4 Hz", "at 30 Hz"
    );
    for size in [(80, 24), (120, 36), (200, 60)] {
        for partitions in [32, 2_048] {
            let mut pipeline = Pipeline::new(partitions, 4_000.0, 2_350.0);
            pipeline.run(60);
            let counted = Counted::default();
            let area = Rect::new(0, 0, size.0, size.1);
            let options = TerminalOptions { viewport: Viewport::Fixed(area) };
            let mut terminal =
                Terminal::with_options(CrosstermBackend::new(counted.clone()), options).expect("a terminal");
            let theme = Theme::dark();
            let mut draw = |pipeline: &Pipeline| {
                let before = counted.0.load(Ordering::Relaxed);
                let state = ViewState { load_control: true, ..ViewState::new("bench", pipeline.now()) };
                terminal
                    .draw(|frame| view::draw(frame.area(), frame.buffer_mut(), &pipeline.session, &state, &theme))
                    .expect("a frame");
                counted.0.load(Ordering::Relaxed) - before
            };
            let whole = draw(&pipeline);
            let mut sum = 0;
            let frames = 30 * LOOKS;
            for _ in 0..frames {
                pipeline.look();
                sum += draw(&pipeline);
            }
            let each = sum as f64 / f64::from(frames);
            println!(
                "{:>8} {partitions:>11} {whole:>10} B {each:>8.0} B {:>9.1} kB/s {:>7.1} kB/s",
                format!("{}x{}", size.0, size.1),
                each * 4.0 / 1e3,
                each * 30.0 / 1e3,
            );
        }
    }
}

/// Processor time of the program over some seconds: with the embedded scenario up and no load, and with a replay that is
/// paused.
fn idle() {
    println!("\n{:>40} {:>14}", "200x60, for 20 s", "of a core");
    for (what, arguments, keys) in [
        ("the scenario up, no load, 32 partitions", &["--rate", "0", "--partitions", "32", "--no-record"][..], ""),
        ("a replay, playing", &["replay", "steady", "--loop"][..], ""),
        ("a replay, paused", &["replay", "steady"][..], " "),
    ] {
        let share = share_of_a_core(arguments, keys);
        println!("{what:>40} {share:>12.2} %");
    }
}

fn share_of_a_core(arguments: &[&str], keys: &str) -> f64 {
    const SPAN: Duration = Duration::from_secs(20);
    let size = PtySize { rows: 60, cols: 200, pixel_width: 0, pixel_height: 0 };
    let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_streamgauge"));
    command.args(arguments);
    command.env("TERM", "xterm-256color");
    command.env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"));
    let mut child = pair.slave.spawn_command(command).expect("the program starts");
    drop(pair.slave);
    let mut output = pair.master.try_clone_reader().expect("its output");
    std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    let mut input = pair.master.take_writer().expect("its input");
    std::thread::sleep(Duration::from_secs(5));
    input.write_all(keys.as_bytes()).and_then(|()| input.flush()).expect("keys");
    std::thread::sleep(Duration::from_secs(2));
    let id = child.process_id().expect("it runs").to_string();
    let before = cpu_of(&id);
    std::thread::sleep(SPAN);
    let spent = (cpu_of(&id) - before).as_secs_f64();
    child.kill().and_then(|()| child.wait()).expect("it ends");
    spent / SPAN.as_secs_f64() * 100.0
}
