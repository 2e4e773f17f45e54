//! What SQLite's result codes mean for a caller.

use std::sync::Arc;

use crate::store::StoreError;

/// The kinds of failure somebody branches on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Unavailable,
    Unwritable,
    Full,
    NotADatabase,
    Corrupt,
    Refused,
}

pub(super) fn trouble(error: &sqlx::Error) -> Trouble {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().and_then(|code| code.parse().ok());
            code.map_or(Trouble::Corrupt, of_code)
        }
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::RowNotFound => Trouble::Corrupt,
        sqlx::Error::Encode(_) => Trouble::Refused,
        _ => Trouble::Unavailable,
    }
}

/// Result codes: <https://sqlite.org/rescode.html>. The low byte is the primary code.
fn of_code(code: u32) -> Trouble {
    match code & 0xff {
        // READONLY, CANTOPEN, PERM, AUTH
        8 | 14 | 3 | 23 => Trouble::Unwritable,
        // FULL
        13 => Trouble::Full,
        // NOTADB
        26 => Trouble::NotADatabase,
        // BUSY, LOCKED, NOMEM, INTERRUPT, IOERR, PROTOCOL
        5 | 6 | 7 | 9 | 10 | 15 => Trouble::Unavailable,
        // TOOBIG, CONSTRAINT, MISMATCH, RANGE
        18 | 19 | 20 | 25 => Trouble::Refused,
        // CORRUPT, and ERROR: a table or column is not what this release made
        _ => Trouble::Corrupt,
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let trouble = trouble(&error);
        let cause = Arc::new(error);
        match trouble {
            Trouble::Unavailable | Trouble::Unwritable => Self::Unavailable(cause),
            Trouble::Full => Self::Full(cause),
            Trouble::NotADatabase | Trouble::Corrupt => Self::Corrupt(cause),
            Trouble::Refused => Self::Refused(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_codes_mean_what_their_primary_does() {
        assert_eq!(of_code(5), Trouble::Unavailable);
        assert_eq!(of_code(5 | 2 << 8), Trouble::Unavailable);
        assert_eq!(of_code(19 | 6 << 8), Trouble::Refused);
        assert_eq!(of_code(13), Trouble::Full);
        assert_eq!(of_code(11), Trouble::Corrupt);
    }

    #[test]
    fn only_what_may_pass_is_retryable() {
        assert!(StoreError::from(sqlx::Error::PoolTimedOut).is_retryable());
        assert!(!StoreError::from(sqlx::Error::RowNotFound).is_retryable());
    }
}
