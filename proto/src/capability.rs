//! Extensions that a client announces at its login and the server grants, a bit each (PROTOCOL.md, "Extensions").

/// Resume tokens: a login without the password.
pub const RESUME: u64 = 1;
