//! How a run is shown: progress while it lasts, then a table, JSON, or a page.
//!
//! Read in this order: [`Figures`] (what follows from an outcome: rates, CPU for each message, memory for each connection),
//! [`quantities`] (how numbers are written), then what shows them: [`Progress`], [`table`], [`json`], [`page`].

mod figures;
pub mod quantities;

pub(in crate::fuzzer) mod columns;
mod document;
mod html;
mod progress;
mod text;

mod args;

pub use args::ReportArgs;
pub use document::json;
pub use figures::{Figures, Servers, Unit};
pub use html::page;
pub use progress::Progress;
pub use text::table;

use std::path::Path;

use anyhow::Context;

use super::outcome::Outcome;
use super::streams::{print, say};
use crate::terminal::Paint;

/// Shows a whole run: the page is written if one was asked for; on standard output goes the table, or the JSON object instead
/// of it.
///
/// # Errors
/// The page's file, or standard output, cannot be written; the page is written all the same if only the latter fails.
/// Standard output that nobody reads any more is no error.
pub fn show(outcome: &Outcome, args: &ReportArgs) -> anyhow::Result<()> {
    let text = if args.json {
        json(outcome)?
    } else {
        table(outcome, Paint::stdout())
    };
    let printed = print(&text);
    if let Some(file) = &args.html {
        write_page(outcome, file)?;
        if !args.quiet {
            say(&format!("the page is in {}", file.display()));
        }
    }
    printed
}

/// Writes the page of a run into a file.
///
/// # Errors
/// The file cannot be written.
pub fn write_page(outcome: &Outcome, file: &Path) -> anyhow::Result<()> {
    std::fs::write(file, page(outcome)?).with_context(|| args::cannot_be_written(file))
}
