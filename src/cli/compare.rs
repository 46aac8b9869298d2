//! `streamgauge compare`: the figures of two recordings side by side.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;

use super::interrupt::{Stop, interruptible};
use super::{Exit, complain, replay, write_out};
use crate::report::account::Account;
use crate::report::comparison::Comparison;
use crate::report::document::Document;
use crate::report::reading::{self, ReadingError};
use crate::report::verdict::{Rules, Verdict};

/// Flags of a comparison.
#[derive(Debug, Args)]
pub struct CompareFlags {
    /// The first recording (.jsonl.zst or .jsonl), or the name of a sample
    a: PathBuf,
    /// The second
    b: PathBuf,
    /// One JSON document; its schema is docs/comparison.schema.json
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(flags: &CompareFlags) -> Exit {
    let (a, b) = (flags.a.clone(), flags.b.clone());
    let compared = interruptible(move |stop| -> Result<Option<Comparison>, ReadingError> {
        let (a, b) = (report(&a, stop)?, report(&b, stop)?);
        Ok((!stop.is_asked()).then(|| Comparison::of(&a, &b)))
    });
    match compared {
        Ok(Some(Ok(Some(comparison)))) if flags.json => {
            write_out((serde_json::to_string_pretty(&comparison).unwrap_or_default() + "\n").as_bytes())
        }
        Ok(Some(Ok(Some(comparison)))) => write_out(comparison.text().as_bytes()),
        Ok(Some(Ok(None)) | None) => {
            complain(&"interrupted before both were read");
            Exit::Interrupted
        }
        Ok(Some(Err(error))) => {
            complain(&error);
            Exit::Unmeasured
        }
        Err(error) => {
            complain(&format_args!("the runtime could not be started ({error}); close other programs and try again"));
            Exit::Unmeasured
        }
    }
}

fn report(file: &Path, stop: &Stop) -> Result<Document, ReadingError> {
    let recording = replay::recording(file)?;
    let rules = Rules::default();
    let mut account = Account::new(rules.warm_up);
    let origin = reading::read(&recording, |observations, _| {
        observations.iter().for_each(|observation| account.apply(observation, &mut |_, _| {}));
        if stop.is_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let verdict = Verdict::of(&account, &rules);
    Ok(Document::of(&account, &origin, verdict))
}
