//! The lines that doctor prints.

use std::error::Error;

use serde_json::json;

use crate::terminal::Paint;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Ok,
    Warn,
    Fail,
}

/// A check failed so that the next ones make no sense; the report knows.
#[derive(Debug)]
pub(super) struct Stop;

/// Prints each check as it is made, and remembers whether one failed.
pub(super) struct Report {
    json: bool,
    paint: Paint,
    failed: bool,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        Self {
            json,
            paint: Paint::stdout(),
            failed: false,
        }
    }

    pub(super) fn failed(&self) -> bool {
        self.failed
    }

    /// As it should be.
    pub(super) fn ok(&mut self, check: &str, detail: impl AsRef<str>) {
        self.line(Level::Ok, check, detail.as_ref(), None);
    }

    /// Works here, but not for everybody.
    pub(super) fn warn(&mut self, check: &str, detail: impl AsRef<str>, mend: &str) {
        self.line(Level::Warn, check, detail.as_ref(), Some(mend));
    }

    /// Does not work.
    pub(super) fn fail(&mut self, check: &str, detail: impl AsRef<str>, mend: &str) -> Stop {
        self.failed = true;
        self.line(Level::Fail, check, detail.as_ref(), Some(mend));
        Stop
    }

    fn line(&self, level: Level, check: &str, detail: &str, mend: Option<&str>) {
        let word = match level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "fail",
        };
        if self.json {
            println!(
                "{}",
                json!({"check": check, "level": word, "detail": detail, "mend": mend})
            );
            return;
        }
        let padded = format!("{word:<4}");
        let coloured = match level {
            Level::Ok => self.paint.good(&padded),
            Level::Warn => self.paint.warn(&padded),
            Level::Fail => self.paint.bad(&padded),
        };
        println!("{coloured}  {check:<10} {detail}");
        if let Some(mend) = mend {
            println!("                 {} {mend}", self.paint.dim("mend:"));
        }
    }
}

/// An error with everything below it, in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}
