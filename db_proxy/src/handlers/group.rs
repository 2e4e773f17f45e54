//! Service 4: groups. User 0 is the system, which may do more than any user.

pub(super) mod step;

use std::sync::Arc;

use im_base::dispatch::HandlerError;
use proto::error::read_enum;
use proto::ids::{GroupId, UserId};
use proto::im::base_define::{GroupInfo, GroupModifyType, GroupType, GroupVersionInfo};
use proto::im::ext::group::{ImGroupMembers, ImGroupMembersReq, ImUserGroupsReq, ImUserGroupsRsp};
use proto::im::group::{
    ImGroupChangeMemberReq, ImGroupChangeMemberRsp, ImGroupCreateReq, ImGroupCreateRsp,
    ImGroupInfoListReq, ImGroupInfoListRsp, ImGroupShieldReq, ImGroupShieldRsp,
    ImNormalGroupListReq, ImNormalGroupListRsp,
};

use super::login::switch;
use super::msg::user_id;
use super::store_failed;
use crate::logic::group::{Founding, GroupError, Wish};
use crate::server::DbProxy;
use crate::store::{
    Direction, Group, GroupKind, GroupMembers, GroupRefusal, GroupVersion, RequestKey,
};

/// It could not be tried, which is another thing than a refusal: msg_server tells a back office so. Clients get 1.
const UNAVAILABLE: u32 = 3;

pub(super) async fn normal_list(
    proxy: Arc<DbProxy>,
    request: ImNormalGroupListReq,
) -> Result<ImNormalGroupListRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let groups = proxy.groups.of_user(user, GroupKind::Normal).await;
    let groups = groups.map_err(|error| store_failed(&error))?;
    Ok(ImNormalGroupListRsp {
        user_id: request.user_id,
        group_version_list: groups.into_iter().map(version_info).collect(),
        attach_data: request.attach_data,
    })
}

pub(super) fn version_info(group: GroupVersion) -> GroupVersionInfo {
    GroupVersionInfo {
        group_id: group.group_id.get(),
        version: group.version,
    }
}

pub(super) async fn info_list(
    proxy: Arc<DbProxy>,
    request: ImGroupInfoListReq,
) -> Result<ImGroupInfoListRsp, HandlerError> {
    let asked: Vec<(u32, u32)> = request
        .group_version_list
        .iter()
        .map(|asked| (asked.group_id, asked.version))
        .collect();
    let reader = UserId::new(request.user_id);
    let details = proxy.groups.details(reader, &asked).await;
    let details = details.map_err(|error| store_failed(&error))?;
    Ok(ImGroupInfoListRsp {
        user_id: request.user_id,
        group_info_list: details.groups.into_iter().map(group_info).collect(),
        attach_data: request.attach_data,
        next_index: details.next.and_then(|next| u32::try_from(next).ok()),
    })
}

pub(super) fn group_info((group, members): (Group, GroupMembers)) -> GroupInfo {
    let kind = match group.kind {
        GroupKind::Normal => GroupType::Normal,
        GroupKind::Temporary => GroupType::Tmp,
    };
    GroupInfo {
        group_id: group.id.get(),
        version: group.version,
        group_name: group.name,
        group_avatar: group.avatar_url,
        group_creator_id: group.creator.map_or(0, UserId::get),
        group_type: kind as i32,
        shield_status: group.muted.into(),
        group_member_list: ids(members.members),
    }
}

pub(super) async fn create(
    proxy: Arc<DbProxy>,
    request: ImGroupCreateReq,
) -> Result<ImGroupCreateRsp, HandlerError> {
    let creator = UserId::new(request.user_id);
    let founding = Founding {
        kind: match read_enum(request.group_type, "group_type")? {
            GroupType::Normal => GroupKind::Normal,
            GroupType::Tmp => GroupKind::Temporary,
        },
        name: request.group_name.clone(),
        avatar_url: request.group_avatar,
        creator,
        members: request.member_id_list,
        request: key(request.request_key.as_deref(), |key| {
            RequestKey::of_creation(creator, key)
        })?,
    };
    let created = match proxy.groups.create(founding).await {
        Ok(created) => created,
        Err(GroupError::Store(error)) => {
            let _counted = store_failed(&error);
            return Ok(ImGroupCreateRsp {
                user_id: request.user_id,
                result_code: UNAVAILABLE,
                group_name: request.group_name,
                attach_data: request.attach_data,
                ..Default::default()
            });
        }
        Err(error) => return Err(refused(&error)),
    };
    Ok(ImGroupCreateRsp {
        user_id: request.user_id,
        result_code: 0,
        group_id: Some(created.group_id.get()),
        group_name: request.group_name,
        user_id_list: ids(created.members),
        attach_data: request.attach_data,
        group_version: Some(created.version),
    })
}

pub(super) async fn change_member(
    proxy: Arc<DbProxy>,
    request: ImGroupChangeMemberReq,
) -> Result<ImGroupChangeMemberRsp, HandlerError> {
    let actor = UserId::new(request.user_id);
    let wish = Wish {
        group_id: group_id(request.group_id)?,
        actor,
        direction: match read_enum(request.change_type, "change_type")? {
            GroupModifyType::Add => Direction::Join,
            GroupModifyType::Del => Direction::Leave,
        },
        users: request.member_id_list,
        request: key(request.request_key.as_deref(), |key| {
            RequestKey::of_change(actor, key)
        })?,
    };
    let changed = match proxy.groups.change(wish).await {
        Ok(changed) => changed,
        Err(GroupError::Store(error)) => {
            let _counted = store_failed(&error);
            return Ok(ImGroupChangeMemberRsp {
                user_id: request.user_id,
                change_type: request.change_type,
                result_code: UNAVAILABLE,
                group_id: request.group_id,
                attach_data: request.attach_data,
                ..Default::default()
            });
        }
        Err(error) => return Err(refused(&error)),
    };
    Ok(ImGroupChangeMemberRsp {
        user_id: request.user_id,
        change_type: request.change_type,
        result_code: 0,
        group_id: request.group_id,
        cur_user_id_list: ids(changed.members),
        chg_user_id_list: ids(changed.changed),
        attach_data: request.attach_data,
        group_version: Some(changed.version),
        news: changed
            .inherited
            .map(|inherited| step::inherited(request.user_id, inherited)),
    })
}

pub(super) async fn shield(
    proxy: Arc<DbProxy>,
    request: ImGroupShieldReq,
) -> Result<ImGroupShieldRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let group = group_id(request.group_id)?;
    let muted = switch(request.shield_status)?;
    let set = proxy.groups.mute(user, group, muted).await;
    if !set.map_err(|error| store_failed(&error))? {
        return Err(HandlerError::Refused("not_a_member"));
    }
    Ok(ImGroupShieldRsp {
        user_id: request.user_id,
        group_id: request.group_id,
        result_code: 0,
        attach_data: request.attach_data,
    })
}

/// Who is in a group, for a msg_server that delivers its messages.
pub(super) async fn members(
    proxy: Arc<DbProxy>,
    request: ImGroupMembersReq,
) -> Result<ImGroupMembers, HandlerError> {
    let members = proxy.groups.members(group_id(request.group_id)?).await;
    let members = members.map_err(|error| store_failed(&error))?;
    let (version, members) =
        members.map_or((0, Vec::new()), |found| (found.version, ids(found.members)));
    Ok(ImGroupMembers {
        group_id: request.group_id,
        version,
        member_id: members,
        attach_data: request.attach_data,
    })
}

/// Which groups a user is in, for a msg_server that may have missed changes.
pub(super) async fn user_groups(
    proxy: Arc<DbProxy>,
    request: ImUserGroupsReq,
) -> Result<ImUserGroupsRsp, HandlerError> {
    let groups = proxy.groups.all_of_user(user_id(request.user_id)?).await;
    let groups = groups.map_err(|error| store_failed(&error))?;
    Ok(ImUserGroupsRsp {
        user_id: request.user_id,
        group_version_list: groups.into_iter().map(version_info).collect(),
        attach_data: request.attach_data,
    })
}

fn ids(users: Vec<UserId>) -> Vec<u32> {
    users.into_iter().map(UserId::get).collect()
}

fn group_id(raw: u32) -> Result<GroupId, HandlerError> {
    GroupId::new(raw).ok_or(HandlerError::Refused("bad_group_id"))
}

/// A key that is no key is refused, rather than carried out twice.
fn key(
    bytes: Option<&[u8]>,
    parse: impl FnOnce(&[u8]) -> Option<RequestKey>,
) -> Result<Option<RequestKey>, HandlerError> {
    bytes
        .map(|bytes| parse(bytes).ok_or(HandlerError::Refused("bad_request_key")))
        .transpose()
}

fn refused(error: &GroupError) -> HandlerError {
    match error {
        GroupError::Name | GroupError::Avatar | GroupError::Empty => {
            HandlerError::Refused("bad_field")
        }
        GroupError::Kind => HandlerError::Refused("bad_group_type"),
        GroupError::TooMany { .. } => HandlerError::Refused("too_many_members"),
        GroupError::Refused(refusal) => HandlerError::Refused(match refusal {
            GroupRefusal::NoSuchUser => "no_such_user",
            GroupRefusal::NoSuchGroup => "no_such_group",
            GroupRefusal::NotPermitted => "not_permitted",
            GroupRefusal::NothingToChange => "nothing_to_change",
            GroupRefusal::TooManyMembers => "too_many_members",
            GroupRefusal::TooManyGroups => "too_many_groups",
            GroupRefusal::VersionsUsedUp => "versions_used_up",
        }),
        GroupError::Store(error) => store_failed(error),
    }
}
