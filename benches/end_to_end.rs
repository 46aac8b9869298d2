//! What the embedded scenario carries from load to store on this machine, and what it costs: rate, lag, CPU, memory.
//!
//! `cargo bench --bench end_to_end` climbs a ladder of rates, 15 s on each. `-- soak 5000 600` holds 5,000 events/s for
//! 600 s and prints memory every 30 s. Linux only: CPU and memory are read from `/proc`.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    reason = "a program that prints its figures"
)]

#[path = "machine/mod.rs"]
mod machine;

use std::time::{Duration, Instant};

use machine::{cpu_of, memory_of};
use streamgauge::local::scenario::{Ports, Scenario, ScenarioOptions};
use streamgauge::model::health::Health;
use streamgauge::model::observation::{Observation, Target};
use streamgauge::model::session::Session;
use streamgauge::model::units::EventRate;
use streamgauge::report::summary;
use streamgauge::wall_clock::wall_clock;
use tokio::sync::mpsc;

/// The store carries anything: what is measured is this machine.
const REQUEST_UNITS: u32 = 1_000_000;

struct Running {
    scenario: Scenario,
    observations: mpsc::Receiver<Observation>,
    session: Session,
}

impl Running {
    async fn start(rate: f64) -> Self {
        let (tell, observations) = mpsc::channel(16_384);
        let options = ScenarioOptions {
            partitions: 8,
            target: Target::Rate(EventRate::new(rate)),
            seed: 0,
            duplicate_every: 1_000,
            request_units: REQUEST_UNITS,
            process: true,
            ports: Ports::default(),
            tls: None,
        };
        let scenario = Scenario::start(options, tell, wall_clock).await.expect("the scenario comes up");
        Self { scenario, observations, session: Session::new() }
    }

    async fn run(&mut self, span: Duration) {
        let take_in = async {
            while let Some(observation) = self.observations.recv().await {
                self.session.apply(&observation);
            }
        };
        assert!(tokio::time::timeout(span, take_in).await.is_err(), "the scenario ended by itself");
    }

    fn stored(&self) -> f64 {
        self.session.ranges.values().map(|range| range.lsn.0 as f64).sum()
    }

    /// Stops the load and waits until all is accounted for.
    async fn settle(mut self) -> Vec<String> {
        self.scenario.pause_load();
        let begun = Instant::now();
        while !summary::is_settled(&self.session) && begun.elapsed() < Duration::from_secs(60) {
            self.run(Duration::from_millis(250)).await;
        }
        let drain = async { while self.observations.recv().await.is_some() {} };
        tokio::select! {
            stopped = self.scenario.stop() => stopped.expect("it stops"),
            () = drain => {}
        }
        summary::lines(&self.session)
    }
}

async fn ladder() {
    println!("one process: load, endpoints, processor, probes; 8 partitions, {REQUEST_UNITS} RU/s");
    println!("{:>8} {:>10} {:>10} {:>12} {:>8}  health", "asked/s", "stored/s", "lag", "CPU (cores)", "MB");
    for rate in [1_000.0, 2_500.0, 5_000.0, 7_500.0, 10_000.0, 15_000.0] {
        let mut running = Running::start(rate).await;
        running.run(Duration::from_secs(5)).await;
        let (stored, used, begun) = (running.stored(), cpu_of("self"), Instant::now());
        running.run(Duration::from_secs(15)).await;
        let seconds = begun.elapsed().as_secs_f64();
        println!(
            "{rate:>8.0} {:>10.0} {:>10} {:>12.2} {:>8.0}  {}",
            (running.stored() - stored) / seconds,
            running.session.lag_events().unwrap_or(0),
            (cpu_of("self") - used).as_secs_f64() / seconds,
            memory_of("self").unwrap_or(0.0),
            Health::of(&running.session, wall_clock()).word.text(),
        );
        for line in running.settle().await {
            println!("{:>8} {line}", "");
        }
    }
}

async fn soak(rate: f64, span: Duration) {
    let mut running = Running::start(rate).await;
    let begun = Instant::now();
    println!("{:>6} {:>10} {:>8} {:>8}  health", "s", "stored/s", "lag", "MB");
    while begun.elapsed() < span {
        let (stored, looked) = (running.stored(), Instant::now());
        running.run(Duration::from_secs(30)).await;
        println!(
            "{:>6.0} {:>10.0} {:>8} {:>8.0}  {}",
            begun.elapsed().as_secs_f64(),
            (running.stored() - stored) / looked.elapsed().as_secs_f64(),
            running.session.lag_events().unwrap_or(0),
            memory_of("self").unwrap_or(0.0),
            Health::of(&running.session, wall_clock()).word.text(),
        );
    }
    for line in running.settle().await {
        println!("{line}");
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number =
        |place: usize, default: f64| arguments.get(place).and_then(|text| text.parse().ok()).unwrap_or(default);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        if arguments.get(1).is_some_and(|word| word == "soak") {
            soak(number(2, 5_000.0), Duration::from_secs_f64(number(3, 600.0))).await;
        } else {
            ladder().await;
        }
    });
}
