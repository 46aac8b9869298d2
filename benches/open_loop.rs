//! How open the loop is: how long after it was due the sending of each event begins, with the embedded endpoint in a
//! process of its own. The budget is 2 ms at the 99th percentile, at 10,000 events a second, while the endpoint keeps up.
//!
//! ```text
//! cargo bench --bench open_loop        # SECONDS=5 each
//! ```

#![allow(clippy::print_stdout, clippy::expect_used, clippy::unwrap_used, reason = "a program that prints a table")]

#[path = "endpoint/mod.rs"]
mod endpoint;
#[path = "machine/mod.rs"]
mod machine;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hdrhistogram::Histogram;
use streamgauge::load::sink::Sink;
use streamgauge::load::{LoadHandle, LoadOptions};
use streamgauge::model::ledger::Ledger;
use streamgauge::model::observation::{Fact, Observation, Target};
use streamgauge::model::units::EventRate;
use tokio::sync::mpsc;

use self::endpoint::Endpoint;
use self::machine::cpu_of;

/// The load runs so long before it is measured: the links are open then.
const WARM_UP: Duration = Duration::from_secs(1);

fn main() {
    if endpoint::serve_if_asked() {
        return;
    }
    let seconds = std::env::var("SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5.0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        println!("send begins - due, in milliseconds");
        println!(
            "{:>10} {:>10} {:>9} {:>8} {:>8} {:>8} {:>8} {:>23} {:>10} {:>12}",
            "events/s",
            "partitions",
            "events",
            "p50",
            "p99",
            "p99.9",
            "max",
            "due to acknowledged p99",
            "client CPU",
            "endpoint CPU"
        );
        for (rate, partitions) in [(1.0, 4), (100.0, 4), (1_000.0, 4), (10_000.0, 4), (10_000.0, 32)] {
            measure(rate, partitions, Duration::from_secs_f64(seconds)).await;
        }
    });
}

async fn measure(rate: f64, partitions: u32, time: Duration) {
    let endpoint = Endpoint::start(partitions);
    let options = LoadOptions {
        target: Target::Rate(EventRate::new(rate)),
        ..LoadOptions::new(Sink::EventHubs(endpoint.address.clone()))
    };
    let (to, mut observations) = mpsc::channel(1_000);
    let load = LoadHandle::start(options, Arc::new(Mutex::new(Ledger::default())), to).expect("a load");
    while load.figures().acknowledged == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(WARM_UP).await;
    while observations.try_recv().is_ok() {}
    let (before, client, served) = (load.lateness(), cpu_of("self"), endpoint.cpu());
    tokio::time::sleep(time).await;
    let (after, client, served) = (load.lateness(), cpu_of("self") - client, endpoint.cpu() - served);
    load.stop().await.expect("an end");
    let mut late: Histogram<u64> = (*after.0).clone();
    late.subtract(&*before.0).expect("an earlier histogram of the same shape");
    let mut through: Option<Histogram<u64>> = None;
    while let Ok(Observation { fact, .. }) = observations.try_recv() {
        if let Fact::Load(figures) = fact {
            match &mut through {
                Some(sum) => sum.add(&*figures.from_due.0).expect("the same shape"),
                None => through = Some((*figures.from_due.0).clone()),
            }
        }
    }
    let share = |cpu: Duration| cpu.as_secs_f64() / time.as_secs_f64() * 100.0;
    let millis = |micros: u64| micros as f64 / 1e3;
    println!(
        "{rate:>10} {partitions:>10} {:>9} {:>8.3} {:>8.3} {:>8.3} {:>8.3} {:>23.3} {:>9.1}% {:>11.1}%",
        late.len(),
        millis(late.value_at_quantile(0.5)),
        millis(late.value_at_quantile(0.99)),
        millis(late.value_at_quantile(0.999)),
        millis(late.max()),
        through.map_or(0.0, |sum| millis(sum.value_at_quantile(0.99))),
        share(client),
        share(served),
    );
}
