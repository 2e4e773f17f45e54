//! What clients and other servers get from a msg_server, whatever those servers say and when.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bed;

mod drain;
mod groups;
mod kick;
mod login;
mod missed;
mod notices;
mod order;
mod presence;
