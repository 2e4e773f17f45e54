//! What the error numbers of MySQL and MariaDB mean for a caller.

use crate::store::trouble::Trouble;

/// Error numbers: <https://mariadb.com/kb/en/mariadb-error-code-reference/>. Both servers use the same below 1900.
pub(in crate::store) fn of_number(number: u16) -> Trouble {
    match number {
        // lock wait timeout, deadlock, lock table full, record changed since it was read
        1205 | 1213 | 1206 | 1020 => Trouble::Conflict,
        // wrong password or no right: to connect, to a database, a table, a column, a privilege, an expired password
        1044 | 1045 | 1698 | 1142 | 1143 | 1227 | 1370 | 1820 | 1862 => Trouble::Denied,
        // unknown or no database
        1049 | 1046 => Trouble::NoDatabase,
        // --read-only, a read-only transaction, InnoDB read-only
        1290 | 1792 | 1836 | 1874 => Trouble::Unwritable,
        // disk full, table full, error from the storage engine (28: no space), cannot write a file
        1021 | 1114 | 1030 | 1026 => Trouble::Full,
        // no such table, column or index: not what this release made; crashed table
        1146 | 1054 | 1176 | 1194 | 1195 | 1034 | 1035 => Trouble::Corrupt,
        // syntax: this program and that server don't understand each other
        1064 | 1149 | 1235 | 1305 => Trouble::Corrupt,
        // duplicate key, NULL, too long, out of range, wrong value, bad string, CHECK, packet too large
        1062 | 1048 | 1406 | 1264 | 1292 | 1366 | 1300 | 3819 | 4025 | 1153 | 1301 | 1364 => {
            Trouble::Refused
        }
        // too many connections, shutting down, network, out of memory, killed, node not ready, timeouts, and what is
        // not known: somebody should look, but the same may succeed later
        _ => Trouble::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_mean_what_a_caller_can_do() {
        for (number, meaning) in [
            (1213, Trouble::Conflict),
            (1045, Trouble::Denied),
            (1049, Trouble::NoDatabase),
            (1290, Trouble::Unwritable),
            (1114, Trouble::Full),
            (1146, Trouble::Corrupt),
            (1062, Trouble::Refused),
            (1053, Trouble::Unavailable),
        ] {
            assert_eq!(of_number(number), meaning, "{number}");
        }
    }
}
