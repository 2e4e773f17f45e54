//! Moving everything there is into a store: from another store, or from a TeamTalk database.
//!
//! A [`Source`] gives rows in steps; [`copy`] writes each step together with a note of how far it came, in one
//! transaction, so that a transfer that was interrupted goes on where it stopped; [`verify`] reads both sides again and
//! compares them. Nothing here holds more than a few thousand messages at once.

mod note;
mod report;
mod source;

mod copy;
mod verify;

mod digest;

mod stored;
/// TeamTalk's own database as a source.
pub mod teamtalk;

pub use copy::{TransferError, Watch, copy, rehearse};
pub use note::{Note, Sounds};
pub use report::{Account, Class, Finding, Origin, Reason, Report};
pub use source::{Position, Source, SourceError, Step};
pub use stored::StoreSource;
pub use verify::{Comparison, Verdict, verify};
