//! The client that remembers: its local history by itself, and all of it against a server that each test scripts by hand.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(
    dead_code,
    reason = "shared with other tests, each of which uses a part"
)]
#[path = "client/fake.rs"]
mod fake;

#[path = "messenger/order.rs"]
mod order;

#[path = "messenger/stock.rs"]
mod stock;

#[path = "messenger/line.rs"]
mod line;

#[path = "messenger/store.rs"]
mod store;

#[path = "messenger/short.rs"]
mod short;
