//! Copies that may be flushed at any moment: nothing is lost by it, and nothing wrong is answered.

mod memory;
#[cfg(test)]
mod suite;
mod user;

pub use memory::MemoryCache;
pub use user::UserCache;
