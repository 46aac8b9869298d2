//! streamgauge: a terminal live monitor for streaming pipelines on Azure.
//!
//! The map of the crate, in the order in which a fact travels:
//!
//! - [`scenario`]: what is attached to: the scenario file, the catalogue, and the probes that watch it
//! - [`local`]: the embedded scenario: Event Hubs, Blob and Cosmos DB endpoints on loopback
//! - [`azure`]: what several parts share to reach Azure: addresses, credentials, clients
//! - [`load`]: drives events into the ingest log, open loop
//! - [`process`]: the stream processor: reads partitions, writes to the store, checkpoints
//! - [`probe`]: looks at running services and yields observations
//! - [`model`]: what the observations add up to
//! - [`recording`]: what was observed, as a file: written always, replayed anywhere
//! - [`ui`]: the screen
//! - [`demo`]: scripts for a talk, performed on the embedded scenario
//! - [`report`]: the session in words and pictures
//! - [`figures`]: figures as text, the same everywhere
//! - [`wrap`]: text in lines of a width
//! - [`toml_file`]: files that people write, and sentences about their mistakes
//! - `span`: a span of time, as a person types it
//! - `typed`: what somebody typed, made fit to stand in a sentence
//! - [`wall_clock`]: now, as observations are dated
//! - [`config`]: settings: flag, environment, file, default
//! - [`cli`]: commands and flags

pub mod azure;
pub mod cli;
pub mod config;
pub mod demo;
pub mod figures;
pub mod load;
pub mod local;
pub mod model;
pub mod probe;
pub mod process;
pub mod recording;
pub mod report;
pub mod scenario;
mod span;
pub mod toml_file;
mod typed;
pub mod ui;
pub mod wall_clock;
pub mod wrap;
