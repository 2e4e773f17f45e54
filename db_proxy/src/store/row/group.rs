//! Groups that their members run.

use super::{
    Columns, flag, group_id, group_kind, int, out_of_range, somebody, text, time, user_id,
};
use crate::store::group_rule::{Counts, Subject};
use crate::store::membership::Membership;
use crate::store::{
    Announcement, GroupDetails, GroupInviting, GroupJoining, GroupMember, GroupRequest,
    GroupRequestKind, GroupRequestState, GroupRole, GroupView, StoreError, UnixMillis,
};

/// A group and its members, with what says who may change them.
pub(in crate::store) fn membership(
    group: &impl Columns,
    members: &[impl Columns],
) -> Result<Membership, StoreError> {
    let kind = group_kind(group)?;
    let inviting = int(group, "inviting")?;
    let creator = somebody(group, "creator_id")?;
    let mut admins = Vec::new();
    let mut ids = Vec::with_capacity(members.len());
    for member in members {
        let user = user_id(member, "user_id")?;
        ids.push(user);
        if int::<i64>(member, "role")? > 0 && creator != Some(user) {
            admins.push(user);
        }
    }
    Ok(Membership {
        kind,
        creator,
        version: int(group, "version")?,
        members: ids,
        admins,
        inviting: GroupInviting::from_number(inviting, kind)
            .ok_or_else(|| out_of_range("inviting", inviting))?,
        member_limit: int(group, "member_limit")?,
    })
}

/// The columns a group is read from as its members see it, of the table `g`.
pub(in crate::store) const GROUP_DETAILS: &str = "g.id, g.version, g.kind, g.name, g.avatar_url, g.creator_id, g.status, \
     g.announcement, g.announced_by, g.announced_at_ms, g.joining, g.inviting, g.member_limit, g.muted_until_ms, \
     (SELECT count(*) FROM group_members AS x WHERE x.group_id = g.id) AS size, \
     EXISTS (SELECT 1 FROM group_members AS y WHERE y.group_id = g.id AND y.user_id = g.creator_id) AS owned";

pub(in crate::store) fn group_details(row: &impl Columns) -> Result<GroupDetails, StoreError> {
    let kind = group_kind(row)?;
    let (joining, inviting) = (int(row, "joining")?, int(row, "inviting")?);
    let creator = somebody(row, "creator_id")?;
    let announced = text(row, "announcement")?;
    let announcement = (!announced.is_empty()).then_some(Announcement {
        text: announced,
        by: somebody(row, "announced_by")?,
        at: time(row, "announced_at_ms")?,
    });
    Ok(GroupDetails {
        id: group_id(row, "id")?,
        version: int(row, "version")?,
        kind,
        name: text(row, "name")?,
        avatar_url: text(row, "avatar_url")?,
        creator,
        owner: creator.filter(|_| matches!(flag(row, "owned"), Ok(true))),
        announcement,
        joining: GroupJoining::from_number(joining)
            .ok_or_else(|| out_of_range("joining", joining))?,
        inviting: GroupInviting::from_number(inviting, kind)
            .ok_or_else(|| out_of_range("inviting", inviting))?,
        member_limit: int(row, "member_limit")?,
        muted_until: some_time(row, "muted_until_ms")?,
        size: int(row, "size")?,
    })
}

/// The columns a member of a group is read from, of the tables `m` and `g`.
pub(in crate::store) const GROUP_MEMBER: &str =
    "m.user_id, m.role, m.nickname, m.muted_until_ms, m.joined_at_ms, g.creator_id";

pub(in crate::store) fn group_member(row: &impl Columns) -> Result<GroupMember, StoreError> {
    let user = user_id(row, "user_id")?;
    let role = match (somebody(row, "creator_id")?, int::<i64>(row, "role")?) {
        (Some(creator), _) if creator == user => GroupRole::Owner,
        (_, 0) => GroupRole::Member,
        _ => GroupRole::Admin,
    };
    Ok(GroupMember {
        user,
        role,
        nickname: text(row, "nickname")?,
        muted_until: some_time(row, "muted_until_ms")?,
        joined_at: time(row, "joined_at_ms")?,
    })
}

/// The columns a request to come into a group is read from, of the tables `r` and `g`.
pub(in crate::store) const GROUP_REQUEST: &str =
    "r.group_id, r.user_id, r.by_user_id, r.kind, r.state, r.greeting, r.created_at_ms, g.name";

pub(in crate::store) fn group_request(row: &impl Columns) -> Result<GroupRequest, StoreError> {
    let (kind, state) = (int(row, "kind")?, int(row, "state")?);
    Ok(GroupRequest {
        group: group_id(row, "group_id")?,
        group_name: text(row, "name")?,
        user: user_id(row, "user_id")?,
        by: user_id(row, "by_user_id")?,
        kind: GroupRequestKind::from_number(kind).ok_or_else(|| out_of_range("kind", kind))?,
        greeting: text(row, "greeting")?,
        created_at: time(row, "created_at_ms")?,
        state: GroupRequestState::from_number(state).ok_or_else(|| out_of_range("state", state))?,
    })
}

pub(in crate::store) fn group_view(row: &impl Columns) -> Result<GroupView, StoreError> {
    Ok(GroupView {
        details: group_details(row)?,
        is_member: flag(row, "member")?,
        is_invited: flag(row, "invited")?,
    })
}

/// Somebody who may come into a group.
pub(in crate::store) fn subject(row: &impl Columns) -> Result<Subject, StoreError> {
    Ok(Subject {
        user: user_id(row, "id")?,
        groups: count(row, "memberships")?,
        invitations: count(row, "invitations")?,
        applications: count(row, "applications")?,
        blocks: flag(row, "blocks")?,
    })
}

/// How many there are of what is bounded in a group.
pub(in crate::store) fn counts(row: &impl Columns) -> Result<Counts, StoreError> {
    Ok(Counts {
        admins: count(row, "admins")?,
        applications: count(row, "applications")?,
        invitations: count(row, "invitations")?,
    })
}

fn count(row: &impl Columns, column: &str) -> Result<usize, StoreError> {
    int(row, column)
}

/// Zero is no moment.
fn some_time(row: &impl Columns, column: &str) -> Result<Option<UnixMillis>, StoreError> {
    Ok(Some(time(row, column)?).filter(|at| at.0 > 0))
}
