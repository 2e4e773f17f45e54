//! The rules on a real store, as a handler meets them.

#![expect(clippy::unwrap_used, reason = "an error is a failed test")]

mod account;
mod admin;
mod bed;
mod circle;
mod department;
mod device;
mod group;
mod message;
mod registration;
mod resume;
mod user;
