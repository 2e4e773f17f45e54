use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Examples that are kept of each finding; of users with another name, all the first hundreds, since somebody has to
/// tell them.
const EXAMPLES: usize = 5;
const RENAMED_EXAMPLES: usize = 500;

/// Which rows of a source a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Origin {
    Departments,
    Users,
    Groups,
    Members,
    Relations,
    Messages,
    GroupMessages,
    Sessions,
}

/// What a finding means for the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Class {
    /// Carried, but not as it was.
    Repaired,
    /// It said what another row says, and became one with it.
    Merged,
    /// Not carried.
    Left,
    /// Nobody knows what became of rows of it: the transfer has failed.
    Lost,
}

macro_rules! reasons {
    ($($name:ident: $origin:ident, $class:ident, $text:literal;)+) => {
        /// Why a row was not carried as it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Reason {
            $($name,)+
        }

        impl Reason {
            /// Which rows it is said of, and what became of them.
            pub fn about(self) -> (Origin, Class) {
                match self {
                    $(Self::$name => (Origin::$origin, Class::$class),)+
                }
            }

            /// For people; continues "N rows: ".
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

reasons! {
    DepartmentId: Departments, Left, "departments with an id that is none, or beyond 4000000000";
    DepartmentStatus: Departments, Left, "departments of a status that TeamTalk passes over";
    DepartmentName: Departments, Repaired, "departments without a usable name got one";
    DepartmentText: Departments, Repaired, "departments with a name longer than 512 characters: cut";
    DepartmentParent: Departments, Repaired, "departments below nothing or themselves are at the top now";
    DepartmentTime: Departments, Repaired, "departments changed in the future are changed now";
    UserId: Users, Left, "users with an id that is none, or beyond 4000000000: new users would get none";
    UserRenamed: Users, Repaired, "users whose name another user has got another one";
    UserName: Users, Repaired, "users without a usable name got one";
    UserPassword: Users, Repaired, "users with a password nobody can type: set one with `ferrotalk user passwd`";
    UserText: Users, Repaired, "users with a text longer than 512 characters: cut";
    UserDepartment: Users, Repaired, "users of a department that is not there are in none now";
    UserStatus: Users, Repaired, "users without a status, whom TeamTalk does not let in: nor does this server";
    UserGone: Users, Repaired, "writers who are no users any more: there as deleted-ID, so that their messages are";
    UserTime: Users, Repaired, "users changed in the future are changed now";
    GroupId: Groups, Left, "groups with an id that is none, or beyond 4000000000";
    GroupRemoved: Groups, Left, "groups that are deleted";
    GroupName: Groups, Repaired, "groups without a usable name got one";
    GroupText: Groups, Repaired, "groups with a text longer than 1024 characters: cut";
    GroupKind: Groups, Repaired, "groups of an unknown type are temporary now";
    GroupCreator: Groups, Repaired, "groups of a creator who is not there belong to the system now";
    GroupTime: Groups, Repaired, "groups changed in the future are changed now";
    MemberLeft: Members, Left, "members who left their group";
    MemberGroup: Members, Left, "members of a group that is deleted or not there";
    MemberUser: Members, Left, "members who are no users";
    MemberDouble: Members, Merged, "members who were in a group twice";
    RelationSelf: Relations, Left, "relations of a user with himself";
    RelationUser: Relations, Left, "relations with somebody who is no user and in which nothing was written, or whose id is none";
    RelationSilent: Relations, Left, "relations in which nothing was written";
    RelationDouble: Relations, Merged, "further relations of two users: their messages are in one conversation now, in the order of time";
    RelationSwapped: Relations, Repaired, "relations with their users in the wrong order";
    RelationGaps: Relations, Repaired, "conversations whose message ids had gaps: numbered anew in the same order";
    RelationIds: Relations, Repaired, "conversations with message ids of zero or twice the same: numbered anew in the order of time";
    RelationRestart: Relations, Repaired, "conversations whose message ids began again while the first ones are gone: numbered anew in the order of time";
    RelationRows: Relations, Lost, "conversations of which not as many messages were read as counted";
    MessageDeleted: Messages, Left, "messages that are deleted";
    MessageRelation: Messages, Left, "messages of a relation that is left or not there";
    MessageType: Messages, Left, "messages of an unknown type";
    MessageEmpty: Messages, Left, "messages without content";
    MessageSender: Messages, Left, "messages whose sender is neither of the two";
    MessageTime: Messages, Repaired, "messages of the future are of now";
    MessageSound: Messages, Repaired, "voice messages whose sound was not found: carried with their duration alone";
    GroupGaps: GroupMessages, Repaired, "groups whose message ids had gaps: numbered anew in the same order";
    GroupIds: GroupMessages, Repaired, "groups with message ids of zero or twice the same: numbered anew in the order of time";
    GroupRestart: GroupMessages, Repaired, "groups whose message ids began again while the first ones are gone: numbered anew in the order of time";
    GroupRows: GroupMessages, Lost, "groups of which not as many messages were read as counted";
    GroupMessageDeleted: GroupMessages, Left, "group messages that are deleted";
    GroupMessageGroup: GroupMessages, Left, "messages of a group that is deleted or not there";
    GroupMessageType: GroupMessages, Left, "group messages of an unknown type";
    GroupMessageEmpty: GroupMessages, Left, "group messages without content";
    GroupMessageSender: GroupMessages, Left, "group messages whose sender has an id that is none";
    GroupMessageTime: GroupMessages, Repaired, "group messages of the future are of now";
    GroupMessageSound: GroupMessages, Repaired, "group voice messages whose sound was not found: carried with their duration alone";
    SessionNothing: Sessions, Left, "entries of conversation lists for a conversation that is not carried";
    SessionDouble: Sessions, Merged, "entries of a conversation list that were there twice";
}

/// What became of the rows of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Rows of the source that are in the target now, repaired ones too.
    pub carried: BTreeMap<Origin, u64>,
    pub findings: BTreeMap<Reason, Finding>,
}

/// How often something was found, and where first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub count: u64,
    pub examples: Vec<String>,
}

/// Whether every row of a source is either carried, merged or left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    pub origin: Origin,
    pub rows: u64,
    pub carried: u64,
    pub merged: u64,
    pub left: u64,
}

impl Account {
    /// No row is missing and none is counted twice.
    pub fn balances(&self) -> bool {
        self.rows == self.carried + self.merged + self.left
    }
}

impl Origin {
    pub const ALL: [Self; 8] = [
        Self::Departments,
        Self::Users,
        Self::Groups,
        Self::Members,
        Self::Relations,
        Self::Messages,
        Self::GroupMessages,
        Self::Sessions,
    ];

    /// The tables of the source, as its administrators know them.
    pub fn name(self) -> &'static str {
        match self {
            Self::Departments => "IMDepart",
            Self::Users => "IMUser",
            Self::Groups => "IMGroup",
            Self::Members => "IMGroupMember",
            Self::Relations => "IMRelationShip",
            Self::Messages => "IMMessage_*",
            Self::GroupMessages => "IMGroupMessage_*",
            Self::Sessions => "IMRecentSession",
        }
    }
}

impl Report {
    pub(super) fn carry(&mut self, origin: Origin, rows: u64) {
        if rows > 0 {
            *self.carried.entry(origin).or_default() += rows;
        }
    }

    pub(super) fn find(&mut self, reason: Reason, example: impl FnOnce() -> String) {
        let finding = self.findings.entry(reason).or_default();
        finding.count += 1;
        if finding.examples.len() < examples(reason) {
            finding.examples.push(example());
        }
    }

    /// Finds the same about many rows.
    pub(super) fn find_many(
        &mut self,
        reason: Reason,
        count: u64,
        example: impl FnOnce() -> String,
    ) {
        if count > 0 {
            self.find(reason, example);
            if let Some(finding) = self.findings.get_mut(&reason) {
                finding.count += count - 1;
            }
        }
    }

    /// Adds what another part of the source led to.
    pub fn add(&mut self, other: &Self) {
        for (origin, rows) in &other.carried {
            self.carry(*origin, *rows);
        }
        for (reason, more) in &other.findings {
            let finding = self.findings.entry(*reason).or_default();
            finding.count += more.count;
            let room = examples(*reason).saturating_sub(finding.examples.len());
            let examples = more.examples.iter().take(room).cloned();
            finding.examples.extend(examples);
        }
    }

    /// How many rows of `origin` met this fate.
    pub fn sum(&self, origin: Origin, class: Class) -> u64 {
        let findings = self.findings.iter();
        let about = findings.filter(|(reason, _)| reason.about() == (origin, class));
        about.map(|(_, finding)| finding.count).sum()
    }

    pub(super) fn account(&self, origin: Origin, rows: u64) -> Account {
        Account {
            origin,
            rows,
            carried: self.carried.get(&origin).copied().unwrap_or(0),
            merged: self.sum(origin, Class::Merged),
            left: self.sum(origin, Class::Left),
        }
    }
}

fn examples(reason: Reason) -> usize {
    match reason {
        Reason::UserRenamed => RENAMED_EXAMPLES,
        _ => EXAMPLES,
    }
}
