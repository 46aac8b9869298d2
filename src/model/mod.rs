//! The model: what the observations add up to. Pure: no clock, no I/O, no environment.

pub mod ledger;
pub mod observation;
pub mod units;
