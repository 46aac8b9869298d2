//! The session outside the screen: in words, in figures, and as pictures of what the screen shows.
//!
//! - [`account`]: a session from beginning to end, added up
//! - [`verdict`]: whether it kept the rules; [`search`]: the verdict of a search for the highest rate
//! - [`document`]: both as one value; [`text`] and [`markdown`] are what people read of it
//! - [`comparison`]: two of them side by side
//! - [`lines`]: a line each second while it runs; [`metrics`]: the same moment for Prometheus
//! - [`reading`]: a recording, read once
//! - [`rows`], [`parquet_rows`]: partitions each second as a table; [`latency_log`]: latencies for `HdrHistogram`'s tools

pub mod account;
pub mod cast;
pub mod comparison;
pub mod document;
pub mod frames;
pub mod latency_log;
pub mod lines;
pub mod markdown;
pub mod metrics;
pub mod palette;
pub mod parquet_rows;
pub mod picture;
pub mod reading;
pub mod rows;
pub mod search;
pub mod summary;
mod table;
pub mod text;
pub mod verdict;
