//! Where state is durable: a trait per entity, and the databases that implement them.
//!
//! Only an implementation knows row numbers of conversations; the traits speak of users and their conversations.
//! Any number of stores, in one process or several, may be open on one database at the same time: nothing that
//! another writer can change is kept in memory.

mod audience;
mod conversation;
mod message;
mod participant;
mod reference;
mod revision;
mod user;

mod account;
mod invite;

mod group;
mod group_rule;
mod group_step;
mod request;

mod contact;

mod sync;

mod department;
mod device;
mod resume;

mod archive;

mod admission;
mod each;
mod error;
mod membership;
mod meta;
mod mysql;
mod open;
mod plan;
mod relation;
mod row;
mod shown;
mod sqlite;
mod time;
mod trouble;

pub use account::{AccountStore, Closed, RegisterOutcome, RegisterRefusal, Registration};
pub use archive::{Archive, Batch, Cursor, Page, Row, Table, Value};
pub use audience::{Audience, AudienceStore};
pub use contact::{
    Contact, ContactChanges, ContactOutcome, ContactPlace, ContactRefusal, ContactSides,
    ContactState, ContactStep, ContactStore, ContactWish, MAX_GREETING,
};
pub use conversation::{Conversation, Counterpart, Pair};
pub use department::{Department, DepartmentId, DepartmentStore, NewDepartment};
pub use device::{Device, DeviceStore, MAX_DEVICES};
pub use error::{Cause, OpenError, StoreError};
pub use group::{
    Direction, Group, GroupChange, GroupKind, GroupMembers, GroupOutcome, GroupRefusal, GroupStore,
    GroupVersion, MemberChange, NewGroup,
};
pub use group_step::{
    Announcement, GroupBounds, GroupComings, GroupDetails, GroupInviting, GroupJoining,
    GroupMember, GroupRequest, GroupRequestKind, GroupRequestState, GroupRole, GroupSettings,
    GroupStep, GroupStepOutcome, GroupStepRefusal, GroupStepStore, GroupStepped, GroupView,
    GroupWish, Inherited, MemberSettings,
};
pub use invite::{Invite, InviteHash, InviteRefusal, InviteStore};
pub use message::{
    AppendOutcome, AppendRefusal, Appended, ClientKey, MessageKind, MessagePolicy, MessageStore,
    NewMessage, PageLimit, StoredMessage,
};
pub use meta::MetaStore;
pub use mysql::MySqlStore;
pub(crate) use mysql::archive::next_id;
pub use open::{is_url, open, open_archive, open_archive_alone, open_with, shown, sqlite_path};
pub use participant::{
    ParticipantStore, ReadMark, RecentConversation, ShownRead, UnreadConversation, UnreadList,
};
pub use reference::References;
pub use request::RequestKey;
pub use resume::{
    MAX_RESUMES, ResumeHash, ResumeLook, ResumeOutcome, ResumeStore, ResumeToken, ResumeWrite,
    ShownToken,
};
pub use revision::{
    NewRevision, Revised, Revision, RevisionOutcome, RevisionRefusal, RevisionStore,
};
pub use sqlite::SqliteStore;
pub use sqlite::backup::{BackupError, Copied, backup, refuse_in_use, restore};
pub use sync::{
    ActiveConversation, ChangedConversation, Changes, MessageRange, Moment, Place, SyncStore,
    UNSETTLED,
};
pub use time::UnixMillis;
pub use user::{
    Account, Inserted, NewUser, Profile, ProfileChange, User, UserCursor, UserStatus, UserStore,
};

/// Everything a database must be able to do.
pub trait Store:
    UserStore
    + AccountStore
    + InviteStore
    + MessageStore
    + ParticipantStore
    + AudienceStore
    + GroupStore
    + GroupStepStore
    + ContactStore
    + DepartmentStore
    + DeviceStore
    + ResumeStore
    + MetaStore
    + SyncStore
    + RevisionStore
{
}

impl<T> Store for T where
    T: UserStore
        + AccountStore
        + InviteStore
        + MessageStore
        + ParticipantStore
        + AudienceStore
        + GroupStore
        + GroupStepStore
        + ContactStore
        + DepartmentStore
        + DeviceStore
        + ResumeStore
        + MetaStore
        + SyncStore
        + RevisionStore
{
}
