//! What a process tells about itself: logs, and the metrics it keeps.

pub mod logging;
pub mod metrics;
