//! Links to other processes: dialled, kept, redialled; calls over them, with a deadline.

pub mod backoff;
pub mod call;
pub mod link;
pub mod pool;
pub mod recent;

pub use call::CallError;
pub use link::{Link, LinkConfig, Peer};
pub use pool::Pool;
pub use recent::Recent;
