//! The rules: what may be stored, who may log in. No SQL, no wire types.

/// Messages: sending, reading, what is unread.
pub mod message;

/// Profiles, and who exists.
pub mod user;

/// Who is let in.
pub mod login;

/// What the command line does with accounts.
pub mod admin;

pub mod group_commit;
pub mod limiter;
pub mod password;
