//! What msg_servers get from a db_proxy, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bed;
mod groups;
mod people;
mod sync;
