//! What SQLite's result codes mean for a caller.

use crate::store::trouble::Trouble;

/// Result codes: <https://sqlite.org/rescode.html>. The low byte is the primary code.
pub(in crate::store) fn of_code(code: u32) -> Trouble {
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
}
