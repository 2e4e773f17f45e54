//! Service 4: groups, their members and their settings.

pub(super) mod step;

use std::sync::Arc;

use im_base::dispatch::HandlerError;
use prost::Message as _;
use proto::NoReply;
use proto::error::read_enum;
use proto::ids::GroupId;
use proto::im::base_define::{GroupModifyType, GroupType};
use proto::im::ext::group::ImGroupMembers;
use proto::im::group::{
    ImGroupChangeMemberNotify, ImGroupChangeMemberReq, ImGroupChangeMemberRsp, ImGroupCreateReq,
    ImGroupCreateRsp, ImGroupInfoListReq, ImGroupInfoListRsp, ImGroupShieldReq, ImGroupShieldRsp,
    ImNormalGroupListReq, ImNormalGroupListRsp,
};

use super::msg::ConversationKey;
use super::other::{ANSWER_BYTES, ask};
use crate::links::Pushed;
use crate::server::MsgServer;
use crate::session::Session;

/// What db_proxy answers when it could not try.
const UNAVAILABLE: u32 = 3;

/// Groups of one question that are looked at; those beyond are left out.
const MAX_GROUPS: usize = 10_000;

pub(super) async fn normal_list(
    session: Session,
    request: ImNormalGroupListReq,
) -> Result<ImNormalGroupListRsp, HandlerError> {
    ask(&session, request).await
}

/// Groups that are too many for one frame come in several, all numbered like the request; each is right by itself.
pub(super) async fn info(
    session: Session,
    request: ImGroupInfoListReq,
    seq_num: u16,
) -> Result<ImGroupInfoListRsp, HandlerError> {
    let mut rest = request;
    rest.group_version_list.truncate(MAX_GROUPS);
    let mut answer = ImGroupInfoListRsp::default();
    loop {
        let mut page: ImGroupInfoListRsp = ask(&session, rest.clone()).await?;
        if answer.encoded_len() + page.encoded_len() > ANSWER_BYTES
            && !answer.group_info_list.is_empty()
        {
            session
                .answer_part(&std::mem::take(&mut answer), seq_num)
                .await?;
        }
        let next = page.next_index.take();
        answer.user_id = page.user_id;
        answer.group_info_list.append(&mut page.group_info_list);
        let next = next.and_then(|next| usize::try_from(next).ok());
        match next.filter(|next| (1..rest.group_version_list.len()).contains(next)) {
            Some(next) => drop(rest.group_version_list.drain(..next)),
            None => return Ok(answer),
        }
    }
}

/// Clients make temporary groups; permanent ones come from the back office.
pub(super) async fn create(
    session: Session,
    request: ImGroupCreateReq,
) -> Result<ImGroupCreateRsp, HandlerError> {
    if read_enum::<GroupType>(request.group_type, "group_type")? != GroupType::Tmp {
        return Err(HandlerError::Refused("permanent_group"));
    }
    session.take_allowance()?;
    session.charge(cost(request.member_id_list.len()));
    let request = ImGroupCreateReq {
        request_key: None,
        ..request
    };
    create_group(&session.server, request).await
}

/// As [`create`], for the back office: its groups have no creator and may be permanent. It may give a key of its own.
pub(crate) async fn create_as_system(
    server: &Arc<MsgServer>,
    request: ImGroupCreateReq,
) -> Result<ImGroupCreateRsp, HandlerError> {
    create_group(
        server,
        ImGroupCreateReq {
            user_id: 0,
            ..request
        },
    )
    .await
}

/// Only who asked is answered. Members hear of the group with its first message; msg_servers hear of it at once, so that
/// it reaches them.
async fn create_group(
    server: &Arc<MsgServer>,
    mut request: ImGroupCreateReq,
) -> Result<ImGroupCreateRsp, HandlerError> {
    let fresh = || server.db.fresh_key();
    request.request_key.get_or_insert_with(fresh);
    let created = server.db.call(request.user_id, &request).await;
    let mut answer: ImGroupCreateRsp = server.noted(created)?;
    if answer.result_code == UNAVAILABLE {
        return Err(HandlerError::Unavailable("store_failed"));
    }
    answer.attach_data = None;
    let version = answer.group_version.take().unwrap_or(1);
    let group = answer.group_id.and_then(GroupId::new);
    if let Some(group) = group.filter(|_| answer.result_code == 0) {
        let members = ImGroupMembers {
            group_id: group.get(),
            version,
            member_id: answer.user_id_list.clone(),
            attach_data: None,
        };
        server.group_members(&members);
        server
            .routes
            .relay_message(ConversationKey::group(group), &members);
    }
    Ok(answer)
}

pub(super) async fn change_members(
    session: Session,
    request: ImGroupChangeMemberReq,
) -> Result<ImGroupChangeMemberRsp, HandlerError> {
    let _known: GroupModifyType = read_enum(request.change_type, "change_type")?;
    session.take_allowance()?;
    let request = ImGroupChangeMemberReq {
        request_key: None,
        ..request
    };
    let answer = change(&session.server, request, Some(session.id)).await?;
    session.charge(cost(answer.cur_user_id_list.len()));
    Ok(answer)
}

/// What a change of a group costs besides itself, in messages for the limit on messages: each member is told of it, and
/// told of all members.
fn cost(members: usize) -> f64 {
    members as f64 / 100.0
}

/// As [`change_members`], for the back office, which may change any group and may give a key of its own.
pub(crate) async fn change_as_system(
    server: &Arc<MsgServer>,
    request: ImGroupChangeMemberReq,
) -> Result<ImGroupChangeMemberRsp, HandlerError> {
    let request = ImGroupChangeMemberReq {
        user_id: 0,
        ..request
    };
    change(server, request, None).await
}

/// Stored, then told to those who are in the group now and those who were, but for the session that did it.
async fn change(
    server: &Arc<MsgServer>,
    mut request: ImGroupChangeMemberReq,
    session: Option<u64>,
) -> Result<ImGroupChangeMemberRsp, HandlerError> {
    let group = GroupId::new(request.group_id).ok_or(HandlerError::Refused("bad_group_id"))?;
    let key = ConversationKey::group(group);
    let fresh = || server.db.fresh_key();
    request.request_key.get_or_insert_with(fresh);
    let changed = server.db.call(key, &request).await;
    let mut answer: ImGroupChangeMemberRsp = server.noted(changed)?;
    if answer.result_code == UNAVAILABLE {
        return Err(HandlerError::Unavailable("store_failed"));
    }
    answer.attach_data = None;
    let group_version = answer.group_version.take();
    let news = answer.news.take();
    if answer.result_code == 0 {
        let notice = ImGroupChangeMemberNotify {
            user_id: answer.user_id,
            change_type: answer.change_type,
            group_id: answer.group_id,
            cur_user_id_list: answer.cur_user_id_list.clone(),
            chg_user_id_list: answer.chg_user_id_list.clone(),
            group_version,
        };
        server.group_changed(&notice, session);
        server.routes.relay_message(key, &notice);
        if let Some(news) = news {
            server.tell_group_news(group, news, None);
        }
    }
    Ok(answer)
}

pub(super) async fn shield(
    session: Session,
    request: ImGroupShieldReq,
) -> Result<ImGroupShieldRsp, HandlerError> {
    session.take_allowance()?;
    ask(&session, request).await
}

/// Members came or went by way of another msg_server.
pub(super) fn changed_elsewhere(
    pushed: &Pushed,
    notice: ImGroupChangeMemberNotify,
) -> Result<NoReply, HandlerError> {
    pushed.server.group_changed(&notice, None);
    Ok(NoReply)
}

/// Another msg_server tells who is in a group.
pub(super) fn members(pushed: &Pushed, told: ImGroupMembers) -> Result<NoReply, HandlerError> {
    pushed.server.group_members(&told);
    Ok(NoReply)
}
