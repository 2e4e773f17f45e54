//! What every Ferrotalk process shares: sockets, links to peers, dispatch, shutdown, configuration, telemetry.
//!
//! It knows no command, no SQL and no server's name. Read in this order: [`app`] (how a process lives),
//! [`net`] (a connection), [`dispatch`] (a received command), [`peer`] (a link to another process).

#![warn(missing_docs)]

pub mod admin;
pub mod answer;
pub mod app;
pub mod causes;
pub mod config;
pub mod dispatch;
pub mod net;
pub mod peer;
pub mod ratelimit;
pub mod shutdown;
pub mod task;
pub mod telemetry;
pub mod testkit;
