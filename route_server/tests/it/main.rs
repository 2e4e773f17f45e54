//! What msg_servers get from a route_server, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

mod groups;
mod presence;
mod relay;
