//! Where a rule is written down: the headings of docs/PROTOCOL.md that cases refer to.

/// A heading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// "Frame"
    Frame,
    /// "Sequence numbers"
    SequenceNumbers,
    /// "Sizes"
    Sizes,
    /// "Fields"
    Fields,
    /// "Ids and time"
    IdsAndTime,
    /// "Client types"
    ClientTypes,
    /// "Finding a msg_server"
    Finding,
    /// "Login"
    Login,
    /// "Accounts"
    Accounts,
    /// "Kick"
    Kick,
    /// "Presence"
    Presence,
    /// "Messages"
    Messages,
    /// "Message text"
    MessageText,
    /// "Read positions and unread"
    Reading,
    /// "Read positions of others"
    Readers,
    /// "History"
    History,
    /// "Recall and edit"
    Revisions,
    /// "Mentions and replies"
    References,
    /// "Sync"
    Sync,
    /// "Recent sessions"
    RecentSessions,
    /// "Users and the address book"
    Users,
    /// "Departments"
    Departments,
    /// "Contacts"
    Contacts,
    /// "Avatar and signature"
    Profile,
    /// "Groups"
    Groups,
    /// "Push settings"
    Push,
    /// "Signals"
    Signals,
    /// "Typing"
    Typing,
    /// "Files"
    Files,
    /// "Heartbeats"
    Heartbeats,
    /// "Refusals"
    Refusals,
}

impl Section {
    /// As in the document.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Frame => "Frame",
            Self::SequenceNumbers => "Sequence numbers",
            Self::Sizes => "Sizes",
            Self::Fields => "Fields",
            Self::IdsAndTime => "Ids and time",
            Self::ClientTypes => "Client types",
            Self::Finding => "Finding a msg_server",
            Self::Login => "Login",
            Self::Accounts => "Accounts",
            Self::Kick => "Kick",
            Self::Presence => "Presence",
            Self::Messages => "Messages",
            Self::MessageText => "Message text",
            Self::Reading => "Read positions and unread",
            Self::Readers => "Read positions of others",
            Self::History => "History",
            Self::Revisions => "Recall and edit",
            Self::References => "Mentions and replies",
            Self::Sync => "Sync",
            Self::RecentSessions => "Recent sessions",
            Self::Users => "Users and the address book",
            Self::Departments => "Departments",
            Self::Contacts => "Contacts",
            Self::Profile => "Avatar and signature",
            Self::Groups => "Groups",
            Self::Push => "Push settings",
            Self::Signals => "Signals",
            Self::Typing => "Typing",
            Self::Files => "Files",
            Self::Heartbeats => "Heartbeats",
            Self::Refusals => "Refusals",
        }
    }
}
