//! What can be wrong with received bytes.

use thiserror::Error;

/// A length that no frame may have. The stream behind it cannot be trusted: the connection has to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Shorter than the header itself.
    #[error("frame announces {length} bytes, less than its own header of 16")]
    TooShort {
        /// The announced length.
        length: u32,
    },
    /// Above the decoder's maximum.
    #[error("frame announces {length} bytes, more than the limit of {max}")]
    TooLong {
        /// The announced length.
        length: u32,
        /// The decoder's maximum, in bytes.
        max: u32,
    },
}

impl FrameError {
    /// A short constant word for a metric's label.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooShort { .. } => "frame_too_short",
            Self::TooLong { .. } => "frame_too_long",
        }
    }
}

/// A field whose value means nothing: 0 or an unknown number where the protocol has a fixed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("field {field} has no valid value")]
pub struct FieldError {
    /// The field's name in the `.proto` file.
    pub field: &'static str,
}

/// Reads an enum field, refusing 0 and unknown numbers unless the enum has them.
pub fn read_enum<E: TryFrom<i32>>(raw: i32, field: &'static str) -> Result<E, FieldError> {
    E::try_from(raw).map_err(|_| FieldError { field })
}
