//! What a process tells about itself: logs, the metrics it keeps, and the fates of the last messages.

pub mod logging;
pub mod metrics;
pub mod trace;
