//! Upstream's solutions by name.
