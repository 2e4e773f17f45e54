//! Service 3: messages, read marks, unread counts, history.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use im_base::dispatch::HandlerError;
use proto::error::read_enum;
use proto::ids::{MessageId, UserId};
use proto::im::base_define::{MsgInfo, MsgType, SessionType, UnreadInfo};
use proto::im::message::{
    ImGetLatestMsgIdReq, ImGetLatestMsgIdRsp, ImGetMsgByIdReq, ImGetMsgByIdRsp, ImGetMsgListReq,
    ImGetMsgListRsp, ImMsgData, ImMsgDataReadAck, ImMsgDataReadNotify, ImUnreadMsgCntReq,
    ImUnreadMsgCntRsp,
};
use proto::text;

use super::{store_failed, write_failed};
use crate::logic::message::{Outgoing, SendError};
use crate::server::DbProxy;
use crate::store::{
    AppendRefusal, ClientKey, MessageKind, StoredMessage, UnixMillis, UnreadConversation,
};

/// Stores a message; the answer is the message with its id. Polled first in the order of arrival, which is the order
/// of the ids.
pub(super) async fn store(
    proxy: Arc<DbProxy>,
    message: ImMsgData,
) -> Result<ImMsgData, HandlerError> {
    let outgoing = outgoing(&message)?;
    let (sender, receiver) = (outgoing.sender, outgoing.receiver);
    let appended = proxy
        .messages
        .send(outgoing)
        .await
        .map_err(|error| refused(&error))?;
    let mut stored = ImMsgData {
        msg_id: appended.message_id.get(),
        create_time: appended.created_at.seconds(),
        ..message
    };
    if appended.duplicate {
        // Whatever came under the key this time: the message is what was stored first.
        let first = proxy
            .messages
            .by_ids(sender, receiver, &[appended.message_id])
            .await
            .map_err(|error| store_failed(&error))?;
        if let Some(first) = first.into_iter().next() {
            stored.msg_type = first.kind.0.into();
            stored.msg_data = first.body;
        }
    }
    Ok(stored)
}

/// The answer for what is not stored: message 0 (PROTOCOL.md, "Messages").
pub(super) fn not_stored(message: &ImMsgData) -> Option<ImMsgData> {
    Some(ImMsgData {
        msg_id: 0,
        ..message.clone()
    })
}

fn outgoing(message: &ImMsgData) -> Result<Outgoing, HandlerError> {
    let kind = u8::try_from(message.msg_type)
        .ok()
        .filter(|kind| *kind != 0 && kind & 0x10 == 0)
        .map(MessageKind)
        .ok_or(HandlerError::Refused("bad_field"))?;
    let client_key = match &message.client_msg_id {
        Some(key) => {
            let key = ClientKey::explicit(key);
            Some(key.ok_or(HandlerError::Refused("bad_client_key"))?)
        }
        None if message.msg_id != 0 => {
            Some(ClientKey::local(message.msg_id, kind, &message.msg_data))
        }
        None => None,
    };
    Ok(Outgoing {
        sender: user_id(message.from_user_id)?,
        receiver: user_id(message.to_session_id)?,
        kind,
        body: message.msg_data.clone(),
        created_at: UnixMillis::now(),
        client_key,
    })
}

fn refused(error: &SendError) -> HandlerError {
    match error {
        SendError::ToSelf => HandlerError::Refused("to_oneself"),
        SendError::Empty => HandlerError::Refused("empty"),
        SendError::TooLarge { .. } => HandlerError::Refused("too_large"),
        SendError::Refused(AppendRefusal::NoSuchUser) => HandlerError::Refused("no_such_user"),
        SendError::Refused(AppendRefusal::ConversationFull) => {
            HandlerError::Refused("conversation_full")
        }
        SendError::Write(error) => write_failed(error),
    }
}

/// Moves a read position; answered with the notice for the user's other devices, so that a msg_server knows that it
/// is stored. Message 0 stands for everything there is.
pub(super) async fn read(
    proxy: Arc<DbProxy>,
    request: ImMsgDataReadAck,
) -> Result<ImMsgDataReadNotify, HandlerError> {
    let user = user_id(request.user_id)?;
    if let Some(peer) = peer(request.session_type, request.session_id)? {
        let up_to = MessageId::new(request.msg_id);
        let marked = proxy.messages.mark_read(user, peer, up_to).await;
        marked.map_err(|error| write_failed(&error))?;
    }
    Ok(ImMsgDataReadNotify {
        user_id: request.user_id,
        session_id: request.session_id,
        msg_id: request.msg_id,
        session_type: request.session_type,
    })
}

pub(super) async fn unread(
    proxy: Arc<DbProxy>,
    request: ImUnreadMsgCntReq,
) -> Result<ImUnreadMsgCntRsp, HandlerError> {
    let unread = proxy.messages.unread(user_id(request.user_id)?).await;
    let unread = unread.map_err(|error| store_failed(&error))?;
    Ok(ImUnreadMsgCntRsp {
        user_id: request.user_id,
        total_cnt: u32::try_from(unread.total).unwrap_or(u32::MAX),
        unreadinfo_list: unread.conversations.into_iter().map(unread_info).collect(),
        attach_data: request.attach_data,
    })
}

fn unread_info(conversation: UnreadConversation) -> UnreadInfo {
    UnreadInfo {
        session_id: conversation.peer.get(),
        session_type: SessionType::Single as i32,
        unread_cnt: conversation.unread,
        latest_msg_id: conversation.latest.id.get(),
        latest_msg_data: shown_in_list(&conversation.latest),
        latest_msg_type: conversation.latest.kind.0.into(),
        latest_msg_from_user_id: conversation.latest.sender.get(),
    }
}

pub(super) async fn history(
    proxy: Arc<DbProxy>,
    request: ImGetMsgListReq,
) -> Result<ImGetMsgListRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let mut page = Vec::new();
    if let Some(peer) = peer(request.session_type, request.session_id)? {
        let begin = MessageId::new(request.msg_id_begin);
        let count = usize::try_from(request.msg_cnt).unwrap_or(usize::MAX);
        page = proxy
            .messages
            .history(user, peer, begin, count)
            .await
            .map_err(|error| store_failed(&error))?;
    }
    Ok(ImGetMsgListRsp {
        user_id: request.user_id,
        session_type: request.session_type,
        session_id: request.session_id,
        msg_id_begin: request.msg_id_begin,
        msg_list: page.into_iter().map(msg_info).collect(),
        attach_data: request.attach_data,
    })
}

pub(super) async fn latest_id(
    proxy: Arc<DbProxy>,
    request: ImGetLatestMsgIdReq,
) -> Result<ImGetLatestMsgIdRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let mut latest = None;
    if let Some(peer) = peer(request.session_type, request.session_id)? {
        latest = proxy
            .messages
            .latest_id(user, peer)
            .await
            .map_err(|error| store_failed(&error))?;
    }
    Ok(ImGetLatestMsgIdRsp {
        user_id: request.user_id,
        session_type: request.session_type,
        session_id: request.session_id,
        latest_msg_id: latest.map_or(0, MessageId::get),
        attach_data: request.attach_data,
    })
}

pub(super) async fn by_ids(
    proxy: Arc<DbProxy>,
    request: ImGetMsgByIdReq,
) -> Result<ImGetMsgByIdRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let mut found = Vec::new();
    if let Some(peer) = peer(request.session_type, request.session_id)? {
        let ids: Vec<MessageId> = request
            .msg_id_list
            .iter()
            .copied()
            .filter_map(MessageId::new)
            .collect();
        found = proxy
            .messages
            .by_ids(user, peer, &ids)
            .await
            .map_err(|error| store_failed(&error))?;
    }
    Ok(ImGetMsgByIdRsp {
        user_id: request.user_id,
        session_type: request.session_type,
        session_id: request.session_id,
        msg_list: found.into_iter().map(msg_info).collect(),
        attach_data: request.attach_data,
    })
}

fn msg_info(message: StoredMessage) -> MsgInfo {
    MsgInfo {
        msg_id: message.id.get(),
        from_session_id: message.sender.get(),
        create_time: message.created_at.seconds(),
        msg_type: message.kind.0.into(),
        msg_data: message.body,
    }
}

/// The other user of a conversation; `None` for nobody and for groups, of which there are none: nothing was ever said
/// there.
fn peer(session_type: i32, session_id: u32) -> Result<Option<UserId>, HandlerError> {
    Ok(match read_enum(session_type, "session_type")? {
        SessionType::Single => UserId::new(session_id),
        SessionType::Group => None,
    })
}

/// What a list of conversations shows of a message: its content, or for a voice message the text that stands for one,
/// as clients decrypt what they find there (PROTOCOL.md, "Recent sessions").
pub(super) fn shown_in_list(message: &StoredMessage) -> Bytes {
    static VOICE: LazyLock<Bytes> =
        LazyLock::new(|| text::encrypt("[语音]", text::DEFAULT_KEY).into());
    if i32::from(message.kind.0) == MsgType::SingleAudio as i32 {
        return VOICE.clone();
    }
    message.body.clone()
}

pub(super) fn user_id(raw: u32) -> Result<UserId, HandlerError> {
    UserId::new(raw).ok_or(HandlerError::Refused("bad_user_id"))
}
