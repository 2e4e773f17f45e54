//! What a database's error means for a caller.

use std::sync::Arc;

use sqlx::mysql::MySqlDatabaseError;

use super::{StoreError, mysql, sqlite};

/// The kinds of failure somebody branches on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Unavailable,
    /// Another transaction is in the way; this one was rolled back, or has to be.
    Conflict,
    Unwritable,
    Full,
    /// Wrong name or password, or no right to do this.
    Denied,
    NoDatabase,
    NotADatabase,
    Corrupt,
    Refused,
}

pub(super) fn trouble(error: &sqlx::Error) -> Trouble {
    match error {
        sqlx::Error::Database(error) => {
            if let Some(error) = error.try_downcast_ref::<MySqlDatabaseError>() {
                return mysql::error::of_number(error.number());
            }
            let code = error.code().and_then(|code| code.parse().ok());
            code.map_or(Trouble::Corrupt, sqlite::error::of_code)
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

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let trouble = trouble(&error);
        let cause = Arc::new(error);
        match trouble {
            // rights may be given back, and a server may be set to writing again
            Trouble::Unavailable | Trouble::Unwritable | Trouble::Denied | Trouble::NoDatabase => {
                Self::Unavailable(cause)
            }
            Trouble::Conflict => Self::Conflict(cause),
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
    fn only_what_may_pass_is_retryable() {
        assert!(StoreError::from(sqlx::Error::PoolTimedOut).is_retryable());
        assert!(!StoreError::from(sqlx::Error::RowNotFound).is_retryable());
    }
}
