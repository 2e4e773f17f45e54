//! What is found of a group before a step, what the step does, and what is told of it.

use proto::ids::UserId;

use crate::store::{
    Direction, GroupComings, GroupDetails, GroupMember, GroupRequest, GroupRequestKind,
    GroupRequestState, GroupStep, GroupStepRefusal, GroupStepped, GroupWish, UnixMillis,
};

/// A group as one transaction found it, as far as a step concerns it.
#[derive(Clone, Debug)]
pub(in crate::store) struct Found {
    pub(in crate::store) details: GroupDetails,
    /// Nobody is in it any more, for good.
    pub(in crate::store) is_disbanded: bool,
    /// Of those whom the step concerns, who are in it.
    pub(in crate::store) members: Vec<GroupMember>,
    /// Their requests, but for those that have expired.
    pub(in crate::store) requests: Vec<GroupRequest>,
    /// Those who may come in by the step or be asked to, and exist.
    pub(in crate::store) subjects: Vec<Subject>,
    pub(in crate::store) counts: Counts,
    /// The one who takes the step was in it.
    pub(in crate::store) was_member: bool,
    pub(in crate::store) now: UnixMillis,
}

/// Somebody who may come in.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Subject {
    pub(in crate::store) user: UserId,
    /// Groups he is in.
    pub(in crate::store) groups: usize,
    /// What waits for him or of him.
    pub(in crate::store) invitations: usize,
    pub(in crate::store) applications: usize,
    /// He blocks the one who takes the step.
    pub(in crate::store) blocks: bool,
}

/// How many there are of what is bounded in a group.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::store) struct Counts {
    pub(in crate::store) admins: usize,
    pub(in crate::store) applications: usize,
    pub(in crate::store) invitations: usize,
}

/// What a step does.
#[derive(Clone, Debug)]
pub(in crate::store) struct Effects {
    /// The group from then on. Its size and its version are those of before.
    pub(in crate::store) details: GroupDetails,
    pub(in crate::store) joins: Vec<UserId>,
    pub(in crate::store) leaves: Leaves,
    /// Rows of members as they are from then on.
    pub(in crate::store) members: Vec<GroupMember>,
    /// Requests as they are from then on. Those that are accepted are kept no more.
    pub(in crate::store) requests: Vec<GroupRequest>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Leaves {
    Nobody,
    One(UserId),
    /// And the group is no more.
    Everybody,
}

impl GroupStep {
    /// Those whom it concerns besides the one who takes it.
    pub(in crate::store) fn named(&self) -> Vec<UserId> {
        match self {
            Self::Invite { users, .. } => users.clone(),
            Self::Decide { applicant, .. } => vec![*applicant],
            Self::Transfer { to } => vec![*to],
            Self::SetMember { member, .. } => vec![*member],
            Self::Join { .. }
            | Self::Answer { .. }
            | Self::Leave
            | Self::Disband
            | Self::Set(_) => Vec::new(),
        }
    }

    /// Those who may come in by it, or be asked to.
    pub(in crate::store) fn subjects(&self, user: UserId) -> Vec<UserId> {
        match self {
            Self::Join { .. } | Self::Answer { accept: true } => vec![user],
            Self::Invite { users, .. } => users.clone(),
            Self::Decide {
                applicant,
                accept: true,
            } => vec![*applicant],
            _ => Vec::new(),
        }
    }

    /// Which way those go who come or go by it.
    pub(in crate::store) fn direction(&self) -> Direction {
        match self {
            Self::Leave | Self::Disband => Direction::Leave,
            _ => Direction::Join,
        }
    }

    /// Of whom the requests are told again when the step is asked for again.
    pub(in crate::store) fn requesting(&self, user: UserId) -> Vec<UserId> {
        match self {
            Self::Join { .. } | Self::Answer { .. } => vec![user],
            Self::Invite { users, .. } => users.clone(),
            Self::Decide { applicant, .. } => vec![*applicant],
            _ => Vec::new(),
        }
    }
}

impl Effects {
    /// Whether the members are to hear of it: the version rises.
    pub(in crate::store) fn is_change(&self, found: &Found) -> bool {
        self.alters(found) || !self.joins.is_empty() || self.leaves != Leaves::Nobody
    }

    /// The same, of the group itself and those who stay.
    pub(in crate::store) fn alters(&self, found: &Found) -> bool {
        self.details != found.details || !self.members.is_empty()
    }

    /// Whether somebody is in the group then.
    pub(in crate::store) fn has(&self, found: &Found, user: UserId) -> bool {
        match self.leaves {
            Leaves::Everybody => false,
            Leaves::One(gone) if gone == user => false,
            _ => found.member(user).is_some() || self.joins.contains(&user),
        }
    }
}

/// What a database read when the effects were written.
#[derive(Debug)]
pub(in crate::store) struct After {
    pub(in crate::store) details: GroupDetails,
    /// Who left, ascending.
    pub(in crate::store) gone: Vec<UserId>,
    /// Who is in the group, ascending; read if somebody came or went.
    pub(in crate::store) members: Vec<UserId>,
    /// The owner and the admins.
    pub(in crate::store) admins: Vec<UserId>,
    /// Requests that ended with the group.
    pub(in crate::store) ended: Vec<GroupRequest>,
}

impl After {
    /// Before anything is read.
    pub(in crate::store) fn of(effects: &Effects) -> Self {
        Self {
            details: effects.details.clone(),
            gone: Vec::new(),
            members: Vec::new(),
            admins: Vec::new(),
            ended: Vec::new(),
        }
    }

    pub(in crate::store) fn told(
        self,
        found: &Found,
        wish: &GroupWish,
        effects: &Effects,
    ) -> GroupStepped {
        let alters = effects.alters(found) && effects.leaves != Leaves::Everybody;
        let (direction, users) = match effects.leaves {
            Leaves::Nobody => (Direction::Join, effects.joins.clone()),
            Leaves::One(_) | Leaves::Everybody => (Direction::Leave, self.gone),
        };
        let comings = (!users.is_empty()).then_some(GroupComings {
            by: wish.user,
            direction,
            users,
            members: self.members,
        });
        let requests = effects.requests.iter().chain(&self.ended);
        let requests = requests
            .map(|request| (request.clone(), request.audience(&self.admins)))
            .collect();
        GroupStepped {
            is_member: effects.has(found, wish.user),
            changed: alters.then(|| effects.members.clone()),
            comings,
            requests,
            details: self.details,
        }
    }
}

impl GroupRequest {
    pub(super) fn waits(&self, kind: GroupRequestKind) -> bool {
        self.kind == kind && self.state == GroupRequestState::Waiting
    }

    pub(super) fn becomes(&self, state: GroupRequestState) -> Self {
        Self {
            state,
            ..self.clone()
        }
    }

    pub(in crate::store) fn is_application(&self) -> bool {
        self.kind == GroupRequestKind::Application
    }

    /// With its group gone.
    pub(in crate::store) fn ended(&self) -> Self {
        self.becomes(GroupRequestState::Ended)
    }

    /// Whose devices are to hear of it.
    pub(in crate::store) fn audience(&self, admins: &[UserId]) -> Vec<UserId> {
        let mut told = vec![self.user];
        match (self.kind, self.state) {
            (GroupRequestKind::Application, _) => told.extend(admins),
            (GroupRequestKind::Invitation, GroupRequestState::Waiting) => {}
            (GroupRequestKind::Invitation, _) => told.push(self.by),
        }
        told.sort_unstable();
        told.dedup();
        told
    }
}

impl Found {
    pub(in crate::store) fn member(&self, user: UserId) -> Option<&GroupMember> {
        self.members.iter().find(|member| member.user == user)
    }

    pub(in crate::store) fn request(&self, user: UserId) -> Option<&GroupRequest> {
        self.requests.iter().find(|request| request.user == user)
    }

    /// The group's version when these are written; `None`: there is none left.
    pub(in crate::store) fn version_after(&self, effects: &Effects) -> Option<u32> {
        match effects.is_change(self) {
            true => self.details.version.checked_add(1),
            false => Some(self.details.version),
        }
    }

    pub(super) fn subject(&self, user: UserId) -> Result<&Subject, GroupStepRefusal> {
        let mut subjects = self.subjects.iter();
        subjects
            .find(|subject| subject.user == user)
            .ok_or(GroupStepRefusal::NoSuchUser)
    }
}
