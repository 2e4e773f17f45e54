//! What members do to their group, and how others come in: wire to domain and back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use im_base::dispatch::HandlerError;
use proto::error::read_enum;
use proto::ids::{GroupId, UserId};
use proto::im::base_define::{GroupModifyType, GroupType};
use proto::im::ext::group::{
    GroupComings as Comings, GroupDetails as Details, GroupInviting as Inviting,
    GroupJoining as Joining, GroupMember as Member, GroupNews, GroupRequest as RequestInfo,
    GroupRequestNews, ImGroupAnswerReq, ImGroupChanged, ImGroupDetailsReq, ImGroupDetailsRsp,
    ImGroupDisbandReq, ImGroupInviteReq, ImGroupJoinReq, ImGroupLeaveReq, ImGroupMemberSetReq,
    ImGroupRequestsReq, ImGroupRequestsRsp, ImGroupSetReq, ImGroupStepRsp, ImGroupTransferReq,
};

use super::{group_id, ids, key};
use crate::handlers::msg::user_id;
use crate::handlers::store_failed;
use crate::logic::group::step::StepError;
use crate::server::DbProxy;
use crate::store::{
    Direction, GroupComings, GroupDetails, GroupInviting, GroupJoining, GroupKind, GroupMember,
    GroupRequest, GroupSettings, GroupStep, GroupStepRefusal, GroupStepped, Inherited,
    MemberSettings, RequestKey, UnixMillis,
};

pub(in crate::handlers) async fn join(
    proxy: Arc<DbProxy>,
    request: ImGroupJoinReq,
) -> Result<ImGroupStepRsp, HandlerError> {
    let step = GroupStep::Join {
        greeting: request.greeting.unwrap_or_default(),
    };
    let asked = (request.user_id, request.group_id, request.request_key);
    take(&proxy, asked, step, request.attach_data).await
}

pub(in crate::handlers) async fn invite(
    proxy: Arc<DbProxy>,
    request: ImGroupInviteReq,
) -> Result<ImGroupStepRsp, HandlerError> {
    let users = request.invited_user_id.iter().copied().map(somebody);
    let step = GroupStep::Invite {
        users: users.collect::<Result<_, _>>()?,
        greeting: request.greeting.unwrap_or_default(),
    };
    let asked = (request.user_id, request.group_id, request.request_key);
    take(&proxy, asked, step, request.attach_data).await
}

pub(in crate::handlers) async fn answer(
    proxy: Arc<DbProxy>,
    request: ImGroupAnswerReq,
) -> Result<ImGroupStepRsp, HandlerError> {
    let accept = request.accept;
    let step = match request.applicant_user_id {
        Some(applicant) => GroupStep::Decide {
            applicant: somebody(applicant)?,
            accept,
        },
        None => GroupStep::Answer { accept },
    };
    let asked = (request.user_id, request.group_id, request.request_key);
    take(&proxy, asked, step, request.attach_data).await
}

pub(in crate::handlers) async fn leave(
    proxy: Arc<DbProxy>,
    request: ImGroupLeaveReq,
) -> Result<ImGroupStepRsp, HandlerError> {
    let asked = (request.user_id, request.group_id, request.request_key);
    take(&proxy, asked, GroupStep::Leave, request.attach_data).await
}

pub(in crate::handlers) async fn disband(
    proxy: Arc<DbProxy>,
    request: ImGroupDisbandReq,
) -> Result<ImGroupStepRsp, HandlerError> {
    let asked = (request.user_id, request.group_id, request.request_key);
    take(&proxy, asked, GroupStep::Disband, request.attach_data).await
}

pub(in crate::handlers) async fn transfer(
    proxy: Arc<DbProxy>,
    request: ImGroupTransferReq,
) -> Result<ImGroupStepRsp, HandlerError> {
    let step = GroupStep::Transfer {
        to: somebody(request.to_user_id)?,
    };
    let asked = (request.user_id, request.group_id, request.request_key);
    take(&proxy, asked, step, request.attach_data).await
}

pub(in crate::handlers) async fn set(
    proxy: Arc<DbProxy>,
    request: ImGroupSetReq,
) -> Result<ImGroupStepRsp, HandlerError> {
    let joining = request
        .joining
        .map(|joining| read_enum(joining, "joining"))
        .transpose()?;
    let inviting = request
        .inviting
        .map(|inviting| read_enum(inviting, "inviting"))
        .transpose()?;
    let step = GroupStep::Set(GroupSettings {
        name: request.name,
        avatar_url: request.avatar,
        announcement: request.announcement,
        joining: joining.map(|joining| match joining {
            Joining::Closed => GroupJoining::Closed,
            Joining::Approval => GroupJoining::Approval,
            Joining::Open => GroupJoining::Open,
        }),
        inviting: inviting.map(|inviting| match inviting {
            Inviting::Members => GroupInviting::Members,
            Inviting::Admins => GroupInviting::Admins,
        }),
        member_limit: request.member_limit,
        muted: request.muted_seconds.map(seconds),
    });
    let asked = (request.user_id, request.group_id, request.request_key);
    take(&proxy, asked, step, request.attach_data).await
}

pub(in crate::handlers) async fn set_member(
    proxy: Arc<DbProxy>,
    request: ImGroupMemberSetReq,
) -> Result<ImGroupStepRsp, HandlerError> {
    let step = GroupStep::SetMember {
        member: somebody(request.member_user_id)?,
        settings: MemberSettings {
            admin: request.admin,
            nickname: request.nickname,
            muted: request.muted_seconds.map(seconds),
        },
    };
    let asked = (request.user_id, request.group_id, request.request_key);
    take(&proxy, asked, step, request.attach_data).await
}

pub(in crate::handlers) async fn details(
    proxy: Arc<DbProxy>,
    request: ImGroupDetailsReq,
) -> Result<ImGroupDetailsRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let after = request.cursor.as_deref().and_then(number);
    let roll = proxy.group_steps.roll(
        user,
        group_id(request.group_id)?,
        after.and_then(UserId::new),
    );
    let roll = roll.await.map_err(|error| not_taken(&error))?;
    let last = roll.members.last().filter(|_| roll.more);
    Ok(ImGroupDetailsRsp {
        user_id: request.user_id,
        result_code: 0,
        reason: None,
        group: Some(group_details(roll.details)),
        cursor: last.map(|last| cursor(&[last.user.get()])),
        member: roll.members.into_iter().map(member).collect(),
        more: Some(roll.more),
        attach_data: request.attach_data,
    })
}

pub(in crate::handlers) async fn requests(
    proxy: Arc<DbProxy>,
    request: ImGroupRequestsReq,
) -> Result<ImGroupRequestsRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let page = proxy
        .group_steps
        .requests(user, request.cursor.as_deref().and_then(place));
    let page = page.await.map_err(|error| store_failed(&error))?;
    Ok(ImGroupRequestsRsp {
        user_id: request.user_id,
        result_code: 0,
        reason: None,
        request: page.requests.into_iter().map(request_info).collect(),
        cursor: page
            .more
            .map(|(group, user)| cursor(&[group.get(), user.get()])),
        more: Some(page.more.is_some()),
        attach_data: request.attach_data,
    })
}

/// Who asks, about which group, and the key of the request.
type Asked = (u32, u32, Option<Bytes>);

async fn take(
    proxy: &DbProxy,
    (user, group, request_key): Asked,
    step: GroupStep,
    attach_data: Option<Bytes>,
) -> Result<ImGroupStepRsp, HandlerError> {
    let actor = user_id(user)?;
    let request_key = key(request_key.as_deref(), |key| {
        RequestKey::of_step(actor, key)
    })?;
    let group = GroupId::new(group).ok_or(HandlerError::Refused("no_such_group"))?;
    let taken = proxy.group_steps.take(actor, group, step, request_key);
    let taken = taken.await.map_err(|error| not_taken(&error))?;
    let news = news(&taken);
    let (version, is_member) = (taken.details.version, taken.is_member);
    Ok(ImGroupStepRsp {
        user_id: user,
        result_code: 0,
        reason: None,
        group_id: group.get(),
        version: is_member.then_some(version),
        group: is_member.then(|| group_details(taken.details)),
        attach_data,
        news: (news != GroupNews::default())
            .then_some(news)
            .map(|news| GroupNews {
                changed: news.changed.map(|changed| ImGroupChanged {
                    user_id: user,
                    ..changed
                }),
                ..news
            }),
    })
}

fn not_taken(error: &StepError) -> HandlerError {
    use GroupStepRefusal::{
        NoSuchGroup, NoSuchRequest, NoSuchUser, NotAMember, NotOpen, NotPermitted,
        OwnerMustTransfer, TooManyAdmins, TooManyGroups, TooManyMembers, TooManyRequests,
        VersionsUsedUp,
    };
    HandlerError::Refused(match error {
        StepError::ToSelf => "to_oneself",
        StepError::Nobody => "nobody_named",
        StepError::TooManyNamed => "too_many_named",
        StepError::Greeting => "bad_greeting",
        StepError::Name => "bad_name",
        StepError::Avatar => "bad_avatar",
        StepError::Announcement => "bad_announcement",
        StepError::Nickname => "bad_nickname",
        StepError::Limit => "bad_limit",
        StepError::Refused(NoSuchGroup) => "no_such_group",
        StepError::Refused(NoSuchUser) => "no_such_user",
        StepError::Refused(NotAMember) => "not_a_member",
        StepError::Refused(NotPermitted) => "not_permitted",
        StepError::Refused(NotOpen) => "not_open",
        StepError::Refused(NoSuchRequest) => "no_request",
        StepError::Refused(OwnerMustTransfer) => "owner_must_transfer",
        StepError::Refused(TooManyMembers) => "too_many_members",
        StepError::Refused(TooManyGroups) => "too_many_groups",
        StepError::Refused(TooManyAdmins) => "too_many_admins",
        StepError::Refused(TooManyRequests) => "too_many_requests",
        StepError::Refused(VersionsUsedUp) => "versions_used_up",
        StepError::Store(error) => return store_failed(error),
    })
}

/// What is to be told; who did it is left open.
fn news(taken: &GroupStepped) -> GroupNews {
    let changed = taken.changed.clone().map(|members| ImGroupChanged {
        user_id: 0,
        group: group_details(taken.details.clone()),
        member: members.into_iter().map(member).collect(),
    });
    let told = |(request, users): &(GroupRequest, Vec<UserId>)| GroupRequestNews {
        request: request_info(request.clone()),
        user_id: ids(users.clone()),
    };
    GroupNews {
        changed,
        comings: taken
            .comings
            .clone()
            .map(|comings| coming(&taken.details, comings)),
        request: taken.requests.iter().map(told).collect(),
    }
}

/// What is to be told of a group whose owner left by what that user did.
pub(in crate::handlers) fn inherited(by: u32, inherited: Inherited) -> GroupNews {
    GroupNews {
        changed: Some(ImGroupChanged {
            user_id: by,
            group: group_details(inherited.details),
            member: vec![member(inherited.owner)],
        }),
        ..GroupNews::default()
    }
}

fn coming(details: &GroupDetails, comings: GroupComings) -> Comings {
    let change_type = match comings.direction {
        Direction::Join => GroupModifyType::Add,
        Direction::Leave => GroupModifyType::Del,
    };
    Comings {
        user_id: comings.by.get(),
        change_type: change_type as i32,
        group_id: details.id.get(),
        version: details.version,
        cur_user_id: ids(comings.members),
        chg_user_id: ids(comings.users),
    }
}

fn group_details(details: GroupDetails) -> Details {
    let group_type = match details.kind {
        GroupKind::Normal => GroupType::Normal,
        GroupKind::Temporary => GroupType::Tmp,
    };
    let joining = match details.joining {
        GroupJoining::Closed => Joining::Closed,
        GroupJoining::Approval => Joining::Approval,
        GroupJoining::Open => Joining::Open,
    };
    let inviting = match details.inviting {
        GroupInviting::Members => Inviting::Members,
        GroupInviting::Admins => Inviting::Admins,
    };
    let announced = details.announcement;
    let announced_by = announced.as_ref().and_then(|told| told.by);
    Details {
        group_id: details.id.get(),
        version: details.version,
        name: details.name,
        avatar: details.avatar_url,
        owner_user_id: details.owner.map_or(0, UserId::get),
        group_type: group_type as i32,
        announced_by: announced_by.map(UserId::get),
        announced_at: announced.as_ref().map(|told| told.at.seconds()),
        announcement: announced.map(|told| told.text),
        joining: joining as i32,
        inviting: inviting as i32,
        member_limit: details.member_limit,
        muted_until: details.muted_until.map_or(0, UnixMillis::seconds),
        member_cnt: details.size,
    }
}

fn member(member: GroupMember) -> Member {
    Member {
        user_id: member.user.get(),
        role: member.role as i32,
        nickname: Some(member.nickname).filter(|nickname| !nickname.is_empty()),
        muted_until: member.muted_until.map_or(0, UnixMillis::seconds),
        joined_at: member.joined_at.seconds(),
    }
}

fn request_info(request: GroupRequest) -> RequestInfo {
    RequestInfo {
        group_id: request.group.get(),
        user_id: request.user.get(),
        by_user_id: request.by.get(),
        kind: request.kind as i32,
        greeting: Some(request.greeting).filter(|greeting| !greeting.is_empty()),
        created_at: request.created_at.seconds(),
        state: request.state as i32,
        group_name: Some(request.group_name),
    }
}

fn somebody(raw: u32) -> Result<UserId, HandlerError> {
    UserId::new(raw).ok_or(HandlerError::Refused("no_such_user"))
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

/// Numbers of four bytes, big-endian.
fn cursor(numbers: &[u32]) -> Bytes {
    let bytes = numbers.iter().flat_map(|number| number.to_be_bytes());
    bytes.collect()
}

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

/// A cursor that is none begins at the beginning.
fn place(bytes: &[u8]) -> Option<(GroupId, UserId)> {
    let (group, user) = bytes.split_at_checked(4)?;
    Some((GroupId::new(number(group)?)?, UserId::new(number(user)?)?))
}
