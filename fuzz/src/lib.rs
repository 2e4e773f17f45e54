//! What the coverage-guided targets do with an input. A broken rule is a panic.
//!
//! Each module is one target; `tests/smoke.rs` runs them on seeds and on random inputs, so that they keep working between
//! runs of the fuzzer.

#![forbid(unsafe_code)]

pub mod body;
pub mod decoder;
pub mod seeds;
pub mod session;
pub mod text;
