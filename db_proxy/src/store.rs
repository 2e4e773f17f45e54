//! Where state is durable: a trait per entity, and the databases that implement them.
//!
//! Only an implementation knows row numbers of conversations; the traits speak of users and their conversations.
//! Any number of stores, in one process or several, may be open on one database at the same time: nothing that
//! another writer can change is kept in memory.

mod conversation;
mod message;
mod participant;
mod user;

mod error;
mod meta;
mod open;
mod plan;
mod sqlite;
mod time;

pub use conversation::{Conversation, Pair};
pub use error::{Cause, OpenError, StoreError};
pub use message::{
    AppendOutcome, AppendRefusal, Appended, ClientKey, MessageKind, MessageStore, NewMessage,
    PageLimit, StoredMessage,
};
pub use meta::MetaStore;
pub use open::open;
pub use participant::{
    ParticipantStore, ReadMark, RecentConversation, UnreadConversation, UnreadList,
};
pub use sqlite::SqliteStore;
pub use time::UnixMillis;
pub use user::{Account, Inserted, NewUser, Profile, User, UserCursor, UserStatus, UserStore};

/// Everything a database must be able to do.
pub trait Store: UserStore + MessageStore + ParticipantStore + MetaStore {}

impl<T: UserStore + MessageStore + ParticipantStore + MetaStore> Store for T {}
