//! Moving everything: from TeamTalk, between databases, into a backup and out of it.

#![expect(clippy::unwrap_used, reason = "an error is a failed test")]

mod bed;
mod teamtalk;

mod import;
mod interrupted;
mod migrate;
mod order;
mod refused;
mod sounds;

mod backup;
