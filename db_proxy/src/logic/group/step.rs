//! What members do to their group, and how others come in.

use std::sync::Arc;

use proto::ids::{GroupId, UserId};

use super::{MAX_AVATAR, MAX_NAME, check_texts};
use crate::logic::group::GroupError;
use crate::store::{
    GroupBounds, GroupDetails, GroupJoining, GroupMember, GroupRequest, GroupSettings, GroupStep,
    GroupStepRefusal, GroupStepped, GroupWish, MemberSettings, RequestKey, Store, StoreError,
    UnixMillis,
};

/// Longest texts, in characters.
pub const MAX_GREETING: usize = 256;
pub const MAX_NICKNAME: usize = 64;
pub const MAX_ANNOUNCEMENT: usize = 2_000;

/// Most users that one request invites.
pub const MAX_INVITED: usize = 100;

/// Bounds of groups that their members run, and of answers.
#[derive(Clone, Copy, Debug)]
pub struct StepLimits {
    pub bounds: GroupBounds,
    /// Most members of one answer.
    pub members_page: usize,
    /// Most requests of one answer.
    pub requests_page: usize,
}

impl Default for StepLimits {
    fn default() -> Self {
        Self {
            bounds: GroupBounds::default(),
            members_page: 500,
            requests_page: 100,
        }
    }
}

/// Why a step was not taken, or a group is not shown.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StepError {
    #[error("that is meant for somebody else")]
    ToSelf,
    #[error("nobody is named")]
    Nobody,
    #[error("more than {MAX_INVITED} users are named")]
    TooManyNamed,
    #[error("a greeting has at most {MAX_GREETING} characters and no control characters")]
    Greeting,
    #[error("a group's name has 1 to {MAX_NAME} characters and no control characters")]
    Name,
    #[error("an avatar's address has at most {MAX_AVATAR} characters and no control characters")]
    Avatar,
    #[error("an announcement has at most {MAX_ANNOUNCEMENT} characters")]
    Announcement,
    #[error("a name in a group has at most {MAX_NICKNAME} characters and is not blank")]
    Nickname,
    #[error("no group has that many members")]
    Limit,
    #[error(transparent)]
    Refused(#[from] GroupStepRefusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A group as somebody may see it, with some of its members.
#[derive(Clone, Debug)]
pub struct Roll {
    pub details: GroupDetails,
    /// Ascending; none for somebody who is not in it.
    pub members: Vec<GroupMember>,
    /// There are more behind the last one.
    pub more: bool,
}

/// As many requests as fit into one answer.
#[derive(Clone, Debug)]
pub struct RequestsPage {
    pub requests: Vec<GroupRequest>,
    /// There are more behind this one.
    pub more: Option<(GroupId, UserId)>,
}

/// Groups that their members run. `user` is always the one who asks.
#[derive(Clone)]
pub struct GroupSteps {
    store: Arc<dyn Store>,
    limits: StepLimits,
}

impl GroupSteps {
    pub fn new(store: Arc<dyn Store>, limits: StepLimits) -> Self {
        Self { store, limits }
    }

    /// Takes a step. What holds already is answered as if it had just been done.
    pub async fn take(
        &self,
        user: UserId,
        group: GroupId,
        step: GroupStep,
        request: Option<RequestKey>,
    ) -> Result<GroupStepped, StepError> {
        let wish = GroupWish {
            user,
            group,
            step: self.checked(user, step)?,
            bounds: self.limits.bounds,
            request,
        };
        Ok(self.store.take_group_step(&wish).await??)
    }

    /// The group, with members behind that one: all to a member; to somebody who may come in, what he decides by.
    pub async fn roll(
        &self,
        user: UserId,
        group: GroupId,
        after: Option<UserId>,
    ) -> Result<Roll, StepError> {
        let view = self.store.group_view(user, group, self.waiting_since());
        let view = view.await?.ok_or(GroupStepRefusal::NoSuchGroup)?;
        let mut details = view.details;
        if !view.is_member {
            if !view.is_invited && details.joining == GroupJoining::Closed {
                return Err(GroupStepRefusal::NotAMember.into());
            }
            details.announcement = None;
            return Ok(Roll {
                details,
                members: Vec::new(),
                more: false,
            });
        }
        let page = self.limits.members_page;
        // one more, which tells whether there is more
        let members = self.store.group_roll(group, after, page.saturating_add(1));
        let mut members = members.await?;
        let more = members.len() > page;
        members.truncate(page);
        Ok(Roll {
            details,
            members,
            more,
        })
    }

    /// The requests that concern the user, behind that one.
    pub async fn requests(
        &self,
        user: UserId,
        after: Option<(GroupId, UserId)>,
    ) -> Result<RequestsPage, StoreError> {
        let page = self.limits.requests_page;
        let since = self.waiting_since();
        let found = self
            .store
            .group_requests(user, since, after, page.saturating_add(1));
        let mut requests = found.await?;
        let is_more = requests.len() > page;
        requests.truncate(page);
        let last = requests.last().map(|last| (last.group, last.user));
        Ok(RequestsPage {
            requests,
            more: last.filter(|_| is_more),
        })
    }

    fn waiting_since(&self) -> UnixMillis {
        UnixMillis::now().before(self.limits.bounds.waiting)
    }

    /// The step, if its texts and names are as they have to be.
    fn checked(&self, user: UserId, step: GroupStep) -> Result<GroupStep, StepError> {
        match step {
            GroupStep::Join { greeting } => {
                check_greeting(&greeting)?;
                Ok(GroupStep::Join { greeting })
            }
            GroupStep::Invite {
                mut users,
                greeting,
            } => {
                check_greeting(&greeting)?;
                users.sort_unstable();
                users.dedup();
                match users.len() {
                    0 => Err(StepError::Nobody),
                    _ if users.binary_search(&user).is_ok() => Err(StepError::ToSelf),
                    named if named > MAX_INVITED => Err(StepError::TooManyNamed),
                    _ => Ok(GroupStep::Invite { users, greeting }),
                }
            }
            GroupStep::Transfer { to } if to == user => Err(StepError::ToSelf),
            GroupStep::Set(settings) => {
                self.check_settings(&settings)?;
                Ok(GroupStep::Set(settings))
            }
            GroupStep::SetMember { member, settings } => {
                check_nickname(&settings)?;
                Ok(GroupStep::SetMember { member, settings })
            }
            step @ (GroupStep::Answer { .. }
            | GroupStep::Decide { .. }
            | GroupStep::Leave
            | GroupStep::Disband
            | GroupStep::Transfer { .. }) => Ok(step),
        }
    }

    fn check_settings(&self, settings: &GroupSettings) -> Result<(), StepError> {
        let name = settings.name.as_deref().unwrap_or("name");
        let avatar = settings.avatar_url.as_deref().unwrap_or_default();
        match check_texts(name, avatar) {
            Err(GroupError::Name) => return Err(StepError::Name),
            Err(_) => return Err(StepError::Avatar),
            Ok(()) => {}
        }
        let announcement = settings.announcement.as_deref().unwrap_or_default();
        let unreadable = |of: char| of.is_control() && !matches!(of, '\n' | '\r' | '\t');
        if announcement.chars().count() > MAX_ANNOUNCEMENT || announcement.chars().any(unreadable) {
            return Err(StepError::Announcement);
        }
        let limit = settings
            .member_limit
            .and_then(|limit| usize::try_from(limit).ok());
        if limit.is_some_and(|limit| limit > self.limits.bounds.members) {
            return Err(StepError::Limit);
        }
        Ok(())
    }
}

fn check_greeting(greeting: &str) -> Result<(), StepError> {
    if greeting.chars().count() > MAX_GREETING || greeting.chars().any(char::is_control) {
        return Err(StepError::Greeting);
    }
    Ok(())
}

fn check_nickname(settings: &MemberSettings) -> Result<(), StepError> {
    let nickname = settings.nickname.as_deref().unwrap_or_default();
    let is_blank = !nickname.is_empty() && nickname.trim().is_empty();
    if is_blank || nickname.chars().count() > MAX_NICKNAME || nickname.chars().any(char::is_control)
    {
        return Err(StepError::Nickname);
    }
    Ok(())
}
