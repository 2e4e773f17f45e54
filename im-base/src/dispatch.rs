//! From a received command to its handler and back: decoding, who acts, timing, counting, refusals, in one place.

pub mod error;
pub mod router;
pub mod serve;

pub use error::HandlerError;
pub use router::{Answer, Router};
pub use serve::serve;
