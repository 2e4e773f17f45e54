//! What msg_servers ask.

use std::sync::Arc;
use std::time::Duration;

use im_base::dispatch::{HandlerError, Router};
use proto::Role;
use proto::im::base_define::{
    ContactSessionInfo, GroupVersionInfo, SessionStatusType, UnreadInfo, UserInfo,
};
use proto::im::buddy::{ImRecentContactSessionReq, ImRecentContactSessionRsp};
use proto::im::ext::group::{ImGroupMembers, ImGroupMembersReq, ImUserGroupsReq, ImUserGroupsRsp};
use proto::im::ext::login::{ImResumeRevokeReq, ImResumeRevokeRsp};
use proto::im::ext::message::{ImMissedReq, ImMissedRsp, MissedMessage};
use proto::im::message::{
    ImGetLatestMsgIdReq, ImGetLatestMsgIdRsp, ImGetMsgByIdReq, ImGetMsgByIdRsp, ImGetMsgListReq,
    ImGetMsgListRsp, ImMsgData, ImMsgDataReadAck, ImMsgDataReadNotify, ImUnreadMsgCntReq,
    ImUnreadMsgCntRsp,
};
use proto::im::other::ImHeartBeat;
use proto::im::server::{ImValidateReq, ImValidateRsp};

use super::Model;
use super::store::Stored;
use crate::conversation::Conversation;

type Handled<R> = Result<R, HandlerError>;

/// The table: from a msg_server to us.
pub(super) fn router() -> Router<Arc<Model>> {
    Router::new(Role::MsgServer, Role::DbProxy)
        .on(validate)
        .on(revoke_resumes)
        .on_with(store, |message| {
            Some(ImMsgData {
                msg_id: 0,
                ..message.clone()
            })
        })
        .on_with(read, |_| Some(ImMsgDataReadNotify::default()))
        .on(unread)
        .on(recent)
        .on(history)
        .on(latest_id)
        .on(by_ids)
        .on(group_members)
        .on(user_groups)
        .on(missed)
        .on_pdu::<ImHeartBeat>(|_, _| Ok(None))
}

/// Users are named by their ids, and every password is right.
async fn validate(model: Arc<Model>, request: ImValidateReq) -> Handled<ImValidateRsp> {
    let user = request.user_name.parse().unwrap_or(0);
    let group_version_list = versions(&model, user);
    model.work().await;
    Ok(ImValidateRsp {
        user_name: request.user_name,
        result_code: u32::from(user == 0),
        user_info: Some(UserInfo {
            user_id: user,
            ..Default::default()
        }),
        attach_data: request.attach_data,
        group_version_list,
        ..Default::default()
    })
}

async fn revoke_resumes(
    model: Arc<Model>,
    request: ImResumeRevokeReq,
) -> Handled<ImResumeRevokeRsp> {
    model.work().await;
    Ok(ImResumeRevokeRsp {
        user_id: request.user_id,
        result_code: 0,
        attach_data: request.attach_data,
    })
}

/// Commits, then answers: a crash in between loses the answer only.
async fn store(model: Arc<Model>, message: ImMsgData) -> Handled<ImMsgData> {
    model.work().await;
    let stored = Stored {
        sender: message.from_user_id,
        to: message.to_session_id,
        msg_type: message.msg_type,
        body: message.msg_data.clone(),
        at: turmoil::sim_elapsed().unwrap_or_default(),
        group_version: None,
    };
    let (msg_id, group_version) = {
        let mut store = model.store.lock();
        let group_version = store.version_for(stored.to, stored.msg_type);
        let stored = Stored {
            group_version,
            ..stored
        };
        (
            store.append(stored, message.client_msg_id.clone()),
            group_version,
        )
    };
    model.work().await;
    Ok(ImMsgData {
        msg_id: msg_id.ok_or(HandlerError::Refused("not_a_member"))?,
        group_version,
        ..message
    })
}

async fn read(model: Arc<Model>, request: ImMsgDataReadAck) -> Handled<ImMsgDataReadNotify> {
    let conversation =
        Conversation::with(request.user_id, request.session_id, request.session_type);
    let (user, msg_id) = (request.user_id, request.msg_id);
    model.store.lock().mark_read(user, conversation, msg_id);
    model.work().await;
    Ok(ImMsgDataReadNotify {
        user_id: request.user_id,
        session_id: request.session_id,
        msg_id: request.msg_id,
        session_type: request.session_type,
        shown_msg_id: None,
    })
}

async fn unread(model: Arc<Model>, request: ImUnreadMsgCntReq) -> Handled<ImUnreadMsgCntRsp> {
    model.work().await;
    let store = model.store.lock();
    let user = request.user_id;
    let unread = |(conversation, messages): (Conversation, &[Stored])| {
        let unread_cnt = store.unread(user, conversation);
        let (session_id, session_type) = conversation.as_seen_by(user);
        let latest = messages.last().filter(|_| unread_cnt > 0)?;
        Some(UnreadInfo {
            session_id,
            session_type: session_type as i32,
            unread_cnt,
            latest_msg_id: messages.len() as u32,
            latest_msg_data: latest.body.clone(),
            latest_msg_type: latest.msg_type,
            latest_msg_from_user_id: latest.sender,
        })
    };
    let unreadinfo_list: Vec<_> = store.of_user(user).filter_map(unread).collect();
    Ok(ImUnreadMsgCntRsp {
        user_id: user,
        total_cnt: unreadinfo_list.iter().map(|info| info.unread_cnt).sum(),
        unreadinfo_list,
        attach_data: request.attach_data,
    })
}

async fn recent(
    model: Arc<Model>,
    request: ImRecentContactSessionReq,
) -> Handled<ImRecentContactSessionRsp> {
    model.work().await;
    let user = request.user_id;
    let contact = |(conversation, messages): (Conversation, &[Stored])| {
        let latest = messages.last()?;
        let (session_id, session_type) = conversation.as_seen_by(user);
        Some(ContactSessionInfo {
            session_id,
            session_type: session_type as i32,
            session_status: SessionStatusType::SessionStatusOk as i32,
            updated_time: 1,
            latest_msg_id: messages.len() as u32,
            latest_msg_data: latest.body.clone(),
            latest_msg_type: latest.msg_type,
            latest_msg_from_user_id: latest.sender,
        })
    };
    let contact_session_list = model
        .store
        .lock()
        .of_user(user)
        .filter_map(contact)
        .collect();
    model.work().await;
    Ok(ImRecentContactSessionRsp {
        user_id: user,
        contact_session_list,
        attach_data: request.attach_data,
    })
}

async fn history(model: Arc<Model>, request: ImGetMsgListReq) -> Handled<ImGetMsgListRsp> {
    model.work().await;
    let store = model.store.lock();
    let conversation =
        Conversation::with(request.user_id, request.session_id, request.session_type);
    let messages = store.messages(conversation);
    let messages = (1..=messages.len())
        .rev()
        .map(|id| (id as u32, &messages[id - 1]));
    let page = messages
        .skip_while(|(id, _)| request.msg_id_begin != 0 && *id > request.msg_id_begin)
        .take(request.msg_cnt as usize);
    Ok(ImGetMsgListRsp {
        user_id: request.user_id,
        session_type: request.session_type,
        session_id: request.session_id,
        msg_id_begin: request.msg_id_begin,
        msg_list: page.map(|(id, message)| message.info(id)).collect(),
        attach_data: request.attach_data,
    })
}

async fn latest_id(
    model: Arc<Model>,
    request: ImGetLatestMsgIdReq,
) -> Handled<ImGetLatestMsgIdRsp> {
    model.work().await;
    let conversation =
        Conversation::with(request.user_id, request.session_id, request.session_type);
    Ok(ImGetLatestMsgIdRsp {
        user_id: request.user_id,
        session_type: request.session_type,
        session_id: request.session_id,
        latest_msg_id: model.store.lock().messages(conversation).len() as u32,
        attach_data: request.attach_data,
    })
}

async fn by_ids(model: Arc<Model>, request: ImGetMsgByIdReq) -> Handled<ImGetMsgByIdRsp> {
    model.work().await;
    let store = model.store.lock();
    let conversation =
        Conversation::with(request.user_id, request.session_id, request.session_type);
    let messages = store.messages(conversation);
    let find = |id: &u32| {
        let at = usize::try_from(*id).ok()?.checked_sub(1)?;
        Some(messages.get(at)?.info(*id))
    };
    Ok(ImGetMsgByIdRsp {
        user_id: request.user_id,
        session_type: request.session_type,
        session_id: request.session_id,
        msg_list: request.msg_id_list.iter().filter_map(find).collect(),
        attach_data: request.attach_data,
    })
}

async fn group_members(model: Arc<Model>, request: ImGroupMembersReq) -> Handled<ImGroupMembers> {
    let group = model.store.lock().groups.get(&request.group_id).cloned();
    model.work().await;
    Ok(ImGroupMembers {
        group_id: request.group_id,
        version: group.as_ref().map_or(0, |group| group.version),
        member_id: group.map_or_else(Vec::new, |group| group.members.into_iter().collect()),
        attach_data: request.attach_data,
    })
}

async fn user_groups(model: Arc<Model>, request: ImUserGroupsReq) -> Handled<ImUserGroupsRsp> {
    let group_version_list = versions(&model, request.user_id);
    model.work().await;
    Ok(ImUserGroupsRsp {
        user_id: request.user_id,
        group_version_list,
        attach_data: request.attach_data,
    })
}

/// Messages of the last moments that these users see, the oldest of each conversation first.
async fn missed(model: Arc<Model>, request: ImMissedReq) -> Handled<ImMissedRsp> {
    model.work().await;
    let now = turmoil::sim_elapsed().unwrap_or_default();
    let since = now.saturating_sub(Duration::from_millis(request.max_age_ms.into()));
    let store = model.store.lock();
    let concerns = |conversation: Conversation| {
        let users = &request.user_id;
        users.iter().any(|user| store.sees(*user, conversation))
    };
    let conversations = store.conversations.iter();
    let message = conversations
        .filter(|(conversation, _)| concerns(**conversation))
        .flat_map(|(_, messages)| (1..).zip(messages))
        .filter(|(_, message)| message.at >= since)
        .map(|(id, message)| MissedMessage {
            to_session_id: message.to,
            message: message.info(id),
            group_version: message.group_version,
            age_ms: u32::try_from(now.saturating_sub(message.at).as_millis()).unwrap_or(u32::MAX),
            withheld: None,
        })
        .collect();
    Ok(ImMissedRsp {
        result_code: 0,
        message,
        next_page: None,
        attach_data: request.attach_data,
    })
}

fn versions(model: &Model, user: u32) -> Vec<GroupVersionInfo> {
    let store = model.store.lock();
    let groups = store.groups_of(user);
    groups
        .map(|(group_id, version)| GroupVersionInfo { group_id, version })
        .collect()
}
