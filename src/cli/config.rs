//! `streamgauge config`: a sample of the configuration file, and where it is looked for.

use std::path::Path;

use super::{Exit, write_out};
use crate::config::{self, CONFIG};

/// Runs the command. `in_use` is the file that would be read now, whether or not it is there.
pub(super) fn run(in_use: Option<&Path>) -> Exit {
    let place = match in_use {
        Some(path) if path.exists() => format!("# It is read from {}.\n", path.display()),
        Some(path) => format!("# It is looked for at {}, where there is none now.\n", path.display()),
        None => format!("# Without a home folder it is looked for nowhere; name one with --config or {CONFIG}.\n"),
    };
    write_out(format!("{}{place}", config::sample()).as_bytes())
}
