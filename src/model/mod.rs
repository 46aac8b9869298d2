//! The model: what the observations add up to. Pure: no clock, no I/O, no environment.

pub mod capacity;
pub mod distribution;
pub mod health;
pub mod lag;
pub mod latency;
pub mod ledger;
pub mod log;
pub mod observation;
pub mod ownership;
pub mod partition;
pub mod remark;
pub mod series;
pub mod session;
pub mod status;
pub mod units;
