//! The TeamTalk wire: bytes in, types out. No I/O, no async, no state beyond a decoder's buffer.
//!
//! Read in this order: [`header`] and [`pdu`] (a frame), [`decoder`] (frames out of a byte stream), [`im`] (the
//! message types, compiled from `im/*.proto`), [`command`] and [`commands`] (which number carries which message from
//! whom to whom, and how it is refused), [`capability`] (what a client may announce), [`ids`], [`text`].

#![warn(missing_docs)]

pub mod capability;
pub mod command;
pub mod commands;
pub mod decoder;
pub mod device;
pub mod error;
pub mod header;
pub mod ids;
pub mod pdu;
pub mod schema;
pub mod text;

/// The message types, one module per protobuf package.
///
/// Enum fields are plain `i32` here; read them with the enum's `try_from`, which refuses 0 and unknown numbers where
/// they are no value. Required fields are always written, zeros included, and read as zero when they are missing
/// (PROTOCOL.md, "Fields").
#[allow(
    missing_docs,
    reason = "generated; the .proto files carry the documentation"
)]
#[allow(clippy::all, reason = "generated")]
#[allow(unreachable_pub, reason = "generated")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/im.rs"));
}
pub use generated::im;

pub use command::{Body, Command, CommandId, NoReply, Reply, Request, Role};
pub use decoder::Decoder;
pub use error::{FieldError, FrameError};
pub use header::Header;
pub use pdu::Pdu;
