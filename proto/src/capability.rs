//! Extensions that a client announces at its login and the server grants, a bit each (PROTOCOL.md, "Extensions").

/// Resume tokens: a login without the password.
pub const RESUME: u64 = 1;

/// Refusals with a reason and a time after which to ask again, instead of the command's own answer.
pub const NAK: u64 = 2;

/// Being told to go to another msg_server before this one stops.
pub const RECONNECT: u64 = 4;

/// Asking for everything that changed, and hints to do so.
pub const SYNC: u64 = 8;

/// Being told of profiles as they change.
pub const ACCOUNT: u64 = 16;

/// Being told of one's contacts: of changes, and of all of them with what changed.
pub const CONTACTS: u64 = 32;

/// Being told of groups: of their names, rules and roles, and of who may come in.
pub const GROUPS: u64 = 64;

/// Messages that are edited and recalled.
pub const REVISIONS: u64 = 128;

/// Messages that mention users and answer others.
pub const REFERENCES: u64 = 256;

/// Being told who is typing.
pub const TYPING: u64 = 512;

/// Seeing how far others have read, and showing it.
pub const READERS: u64 = 1024;

/// All of them.
pub const ALL: u64 = RESUME
    | NAK
    | RECONNECT
    | SYNC
    | ACCOUNT
    | CONTACTS
    | GROUPS
    | REVISIONS
    | REFERENCES
    | TYPING
    | READERS;
