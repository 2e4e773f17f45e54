//! The rules: what may be stored, who may log in. No SQL, no wire types.

/// Messages: sending, reading, what is unread.
pub mod message;

/// Messages that are recalled or edited.
pub mod revision;

/// Whom it reaches that somebody is typing, and how far others have read.
pub mod audience;

/// Messages that a msg_server may have missed.
pub mod missed;

/// What changed since a device was last here.
pub mod sync;

/// Profiles, and who exists.
pub mod user;

/// Groups: who is in them, and who may change that.
pub mod group;

/// Friends, requests to be friends, blocked users.
pub mod contact;

/// Whose presence a user follows where there are too many to follow all.
pub mod circle;

/// Departments of the organisation.
pub mod department;

/// Tokens for push notifications.
pub mod device;

/// Who is let in.
pub mod login;

/// What users do with their own accounts.
pub mod account;

/// Who may make an account.
pub mod registration;

/// Codes that allow it.
pub mod invite;

/// Who logs in again without a password.
pub mod resume;

/// What the command line does with accounts.
pub mod admin;

mod gather;
pub mod group_commit;
pub mod limiter;
pub mod password;
pub(crate) mod told;
mod trace;
