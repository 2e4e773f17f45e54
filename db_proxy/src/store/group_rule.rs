//! What a step does to a group, worked out without a database. Every database executes the same judgement.

mod found;

use std::time::Duration;

use proto::ids::UserId;

pub(super) use self::found::{After, Counts, Effects, Found, Leaves, Subject};
use super::{
    Announcement, GroupInviting, GroupJoining, GroupKind, GroupMember, GroupRequest,
    GroupRequestKind, GroupRequestState, GroupRole, GroupSettings, GroupStep, GroupStepRefusal,
    GroupWish, MemberSettings, UnixMillis,
};

/// What the step does. One that changes nothing because it is so already is taken.
pub(super) fn judge(found: &Found, wish: &GroupWish) -> Result<Effects, GroupStepRefusal> {
    let nothing = Effects {
        details: found.details.clone(),
        joins: Vec::new(),
        leaves: Leaves::Nobody,
        members: Vec::new(),
        requests: Vec::new(),
    };
    if found.is_disbanded {
        let again = wish.step == GroupStep::Disband && found.details.creator == Some(wish.user);
        return again.then_some(nothing).ok_or(NoSuchGroup);
    }
    let judge = Judge {
        found,
        wish,
        effects: nothing,
    };
    match &wish.step {
        GroupStep::Join { greeting } => judge.join(greeting),
        GroupStep::Invite { users, greeting } => judge.invite(users, greeting),
        GroupStep::Answer { accept } => judge.answer(*accept),
        GroupStep::Decide { applicant, accept } => judge.decide(*applicant, *accept),
        GroupStep::Leave => judge.leave(),
        GroupStep::Disband => judge.disband(),
        GroupStep::Transfer { to } => judge.transfer(*to),
        GroupStep::Set(settings) => judge.set(settings),
        GroupStep::SetMember { member, settings } => judge.set_member(*member, settings),
    }
}

use GroupRequestKind::{Application, Invitation};
use GroupRequestState::{Accepted, Ended, Refused, Waiting};
use GroupStepRefusal::{
    NoSuchGroup, NoSuchRequest, NotAMember, NotOpen, NotPermitted, OwnerMustTransfer,
    TooManyAdmins, TooManyGroups, TooManyMembers, TooManyRequests,
};

type Outcome = Result<Effects, GroupStepRefusal>;

struct Judge<'a> {
    found: &'a Found,
    wish: &'a GroupWish,
    effects: Effects,
}

impl Judge<'_> {
    fn join(mut self, greeting: &str) -> Outcome {
        let user = self.wish.user;
        if self.found.member(user).is_some() {
            return Ok(self.effects);
        }
        let request = self.found.request(user);
        if let Some(invitation) = request.filter(|request| request.waits(Invitation)) {
            return self.come_in(user, Some(invitation));
        }
        let subject = self.found.subject(user)?;
        match self.found.details.joining {
            GroupJoining::Closed => Err(NotOpen),
            GroupJoining::Open => {
                let application = request.filter(|request| request.waits(Application));
                self.come_in(user, application)
            }
            GroupJoining::Approval => {
                if request.is_some_and(|request| request.waits(Application)) {
                    return Ok(self.effects);
                }
                self.find_room(&[user])?;
                let bounds = &self.wish.bounds;
                if self.found.counts.applications >= bounds.applications
                    || subject.applications >= bounds.requests_of_user
                {
                    return Err(TooManyRequests);
                }
                let application = self.request(user, Application, greeting);
                self.effects.requests.push(application);
                Ok(self.effects)
            }
        }
    }

    fn invite(mut self, users: &[UserId], greeting: &str) -> Outcome {
        let role = self.role()?;
        let by_admin = role != GroupRole::Member;
        if !by_admin && self.found.details.inviting == GroupInviting::Admins {
            return Err(NotPermitted);
        }
        let bounds = self.wish.bounds;
        let mut invitations = self.found.counts.invitations;
        for user in users.iter().copied() {
            if self.found.member(user).is_some() {
                continue;
            }
            let subject = self.found.subject(user)?;
            let request = self.found.request(user);
            match request.filter(|request| request.state == Waiting) {
                Some(application) if by_admin && application.kind == Application => {
                    self.effects.joins.push(user);
                    let accepted = application.becomes(Accepted);
                    self.effects.requests.push(accepted);
                }
                Some(_) => {}
                None => {
                    invitations += 1;
                    // judged of him who blocks as well, so that nobody learns of it
                    if subject.invitations >= bounds.requests_of_user
                        || invitations > bounds.invitations
                    {
                        return Err(TooManyRequests);
                    }
                    if !subject.blocks {
                        let invitation = self.request(user, Invitation, greeting);
                        self.effects.requests.push(invitation);
                    }
                }
            }
        }
        let joins = std::mem::take(&mut self.effects.joins);
        self.find_room(&joins)?;
        self.effects.joins = joins;
        self.effects.joins.sort_unstable();
        Ok(self.effects)
    }

    fn answer(self, accept: bool) -> Outcome {
        let user = self.wish.user;
        if self.found.member(user).is_some() {
            // he is in, which nobody refuses any more
            return accept.then_some(self.effects).ok_or(NoSuchRequest);
        }
        let request = self.found.request(user).ok_or(NoSuchRequest)?;
        match (request.kind, request.state, accept) {
            (Invitation, Waiting, true) => self.come_in(user, Some(request)),
            (Invitation, Waiting, false) => self.settle(request, Refused),
            (Application, Waiting, false) => self.settle(request, Ended),
            (_, Refused | Ended, false) => Ok(self.effects),
            _ => Err(NoSuchRequest),
        }
    }

    fn decide(self, applicant: UserId, accept: bool) -> Outcome {
        let is_admin = self.role()? != GroupRole::Member;
        let request = self.found.request(applicant);
        let waits_for_nobody = request.is_none() && self.found.member(applicant).is_none();
        if waits_for_nobody && !accept {
            // to one who blocks, an invitation was never told: taking it back is no way to find out
            return Ok(self.effects);
        }
        let is_own = request
            .is_some_and(|request| request.kind == Invitation && request.by == self.wish.user);
        if !is_admin && (!is_own || accept) {
            return Err(NotPermitted);
        }
        if self.found.member(applicant).is_some() {
            return accept.then_some(self.effects).ok_or(NoSuchRequest);
        }
        let request = request.ok_or(NoSuchRequest)?;
        match (request.kind, request.state, accept) {
            (Application, Waiting, true) => self.come_in(applicant, Some(request)),
            (Application, Waiting, false) => self.settle(request, Refused),
            (Invitation, Waiting, false) => self.settle(request, Ended),
            (_, Refused | Ended, false) => Ok(self.effects),
            _ => Err(NoSuchRequest),
        }
    }

    fn leave(mut self) -> Outcome {
        match self.role() {
            Err(_) if self.found.was_member => Ok(self.effects),
            Err(refusal) => Err(refusal),
            Ok(GroupRole::Owner) if self.found.details.size > 1 => Err(OwnerMustTransfer),
            Ok(GroupRole::Owner) => self.end(),
            Ok(GroupRole::Member | GroupRole::Admin) => {
                self.effects.leaves = Leaves::One(self.wish.user);
                Ok(self.effects)
            }
        }
    }

    fn disband(self) -> Outcome {
        match self.role()? {
            GroupRole::Owner => self.end(),
            GroupRole::Member | GroupRole::Admin => Err(NotPermitted),
        }
    }

    fn transfer(mut self, to: UserId) -> Outcome {
        let role = self.role()?;
        let heir = self.found.member(to).ok_or(NotAMember)?;
        // it was done, and he became an admin by it
        if role == GroupRole::Admin && heir.role == GroupRole::Owner {
            return Ok(self.effects);
        }
        if role != GroupRole::Owner {
            return Err(NotPermitted);
        }
        let before = self.found.member(self.wish.user).ok_or(NotAMember)?;
        self.effects.details.creator = Some(to);
        self.effects.details.owner = Some(to);
        self.effects.members = vec![
            GroupMember {
                role: GroupRole::Admin,
                ..before.clone()
            },
            GroupMember {
                role: GroupRole::Owner,
                ..heir.clone()
            },
        ];
        Ok(self.effects)
    }

    fn set(mut self, settings: &GroupSettings) -> Outcome {
        if self.role()? == GroupRole::Member {
            return Err(NotPermitted);
        }
        let (user, now) = (self.wish.user, self.found.now);
        let details = &mut self.effects.details;
        replace(&mut details.name, settings.name.as_ref());
        replace(&mut details.avatar_url, settings.avatar_url.as_ref());
        replace(&mut details.joining, settings.joining.as_ref());
        replace(&mut details.inviting, settings.inviting.as_ref());
        if let Some(limit) = settings.member_limit {
            if limit > 0 && limit < details.size {
                return Err(TooManyMembers);
            }
            details.member_limit = limit;
        }
        if let Some(text) = &settings.announcement {
            let told = details.announcement.as_ref().map_or("", |told| &told.text);
            if text != told {
                details.announcement = (!text.is_empty()).then(|| Announcement {
                    text: text.clone(),
                    by: Some(user),
                    at: now,
                });
            }
        }
        if let Some(muted) = settings.muted {
            details.muted_until = until(now, muted, details.muted_until);
        }
        Ok(self.effects)
    }

    fn set_member(mut self, user: UserId, settings: &MemberSettings) -> Outcome {
        let role = self.role()?;
        let before = self.found.member(user).ok_or(NotAMember)?;
        let is_over = match role {
            GroupRole::Owner => before.role != GroupRole::Owner,
            GroupRole::Admin => before.role == GroupRole::Member,
            GroupRole::Member => false,
        };
        let mut after = before.clone();
        if let Some(admin) = settings.admin {
            if role != GroupRole::Owner || before.role == GroupRole::Owner {
                return Err(NotPermitted);
            }
            after.role = match admin {
                true => GroupRole::Admin,
                false => GroupRole::Member,
            };
            let is_new = admin && before.role != GroupRole::Admin;
            if is_new && self.found.counts.admins >= self.wish.bounds.admins {
                return Err(TooManyAdmins);
            }
        }
        if let Some(nickname) = &settings.nickname {
            if !is_over && user != self.wish.user {
                return Err(NotPermitted);
            }
            after.nickname.clone_from(nickname);
        }
        if let Some(muted) = settings.muted {
            if !is_over {
                return Err(NotPermitted);
            }
            after.muted_until = until(self.found.now, muted, before.muted_until);
        }
        if after != *before {
            self.effects.members.push(after);
        }
        Ok(self.effects)
    }

    /// What the one who takes the step is in the group.
    fn role(&self) -> Result<GroupRole, GroupStepRefusal> {
        let member = self.found.member(self.wish.user);
        member.map(|member| member.role).ok_or(NotAMember)
    }

    fn come_in(mut self, user: UserId, request: Option<&GroupRequest>) -> Outcome {
        self.find_room(&[user])?;
        self.effects.joins.push(user);
        let accepted = request.map(|request| request.becomes(Accepted));
        self.effects.requests.extend(accepted);
        Ok(self.effects)
    }

    fn settle(mut self, request: &GroupRequest, state: GroupRequestState) -> Outcome {
        self.effects.requests.push(request.becomes(state));
        Ok(self.effects)
    }

    fn end(mut self) -> Outcome {
        self.effects.leaves = Leaves::Everybody;
        Ok(self.effects)
    }

    /// Whether there is room for them in the group, and for the group with each of them.
    fn find_room(&self, users: &[UserId]) -> Result<(), GroupStepRefusal> {
        let details = &self.found.details;
        let bounds = &self.wish.bounds;
        let most = room(details.member_limit, bounds.members);
        let size = usize::try_from(details.size).unwrap_or(usize::MAX);
        if !users.is_empty() && size.saturating_add(users.len()) > most {
            return Err(TooManyMembers);
        }
        for user in users {
            let groups = self.found.subject(*user)?.groups;
            if details.kind == GroupKind::Temporary && groups >= bounds.per_user {
                return Err(TooManyGroups);
            }
        }
        Ok(())
    }

    fn request(&self, user: UserId, kind: GroupRequestKind, greeting: &str) -> GroupRequest {
        GroupRequest {
            group: self.found.details.id,
            group_name: self.found.details.name.clone(),
            user,
            by: self.wish.user,
            kind,
            greeting: greeting.to_owned(),
            created_at: self.found.now,
            state: Waiting,
        }
    }
}

/// Most members of a group that has this limit of its own, or none.
pub(super) fn room(member_limit: u32, deployment: usize) -> usize {
    match usize::try_from(member_limit) {
        Ok(0) | Err(_) => deployment,
        Ok(limit) => limit.min(deployment),
    }
}

/// Whether somebody may not write at that moment, and until when.
pub(super) fn muted_until(
    group: UnixMillis,
    member: UnixMillis,
    is_admin: bool,
    now: UnixMillis,
) -> Option<UnixMillis> {
    let group = if is_admin { UnixMillis(0) } else { group };
    Some(group.max(member)).filter(|until| *until > now)
}

fn replace<T: Clone>(held: &mut T, wanted: Option<&T>) {
    if let Some(wanted) = wanted {
        held.clone_from(wanted);
    }
}

/// A silence of that length from now on; what is over already is none, and stays as it is when it is lifted.
fn until(now: UnixMillis, length: Duration, before: Option<UnixMillis>) -> Option<UnixMillis> {
    let millis = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
    match millis {
        0 if before.is_some_and(|until| until <= now) => before,
        0 => None,
        millis => Some(UnixMillis(now.0.saturating_add(millis))),
    }
}
