//! Service 3: messages, read marks, unread counts, history.

pub(super) mod audience;
pub(super) mod missed;
pub(super) mod revision;
pub(super) mod sync;

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use im_base::dispatch::HandlerError;
use proto::error::read_enum;
use proto::ids::{GroupId, MessageId, UserId};
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
    AppendRefusal, ClientKey, Counterpart, MessageKind, References, Revision, StoredMessage,
    UnixMillis, UnreadConversation,
};

/// Stores a message; the answer is the message with its id. Polled first in the order of arrival, which is the order
/// of the ids.
pub(super) async fn store(
    proxy: Arc<DbProxy>,
    message: ImMsgData,
) -> Result<ImMsgData, HandlerError> {
    let outgoing = outgoing(&message)?;
    let (sender, to) = (outgoing.sender, outgoing.to);
    let appended = proxy
        .messages
        .send(outgoing)
        .await
        .map_err(|error| refused(&error))?;
    let mut stored = ImMsgData {
        msg_id: appended.message_id.get(),
        create_time: appended.created_at.seconds(),
        group_version: appended.group_version,
        withheld: appended.withheld.then_some(true),
        ..message
    };
    // as it is read again
    stored.mention_user_id.sort_unstable();
    stored.mention_user_id.dedup();
    stored.mention_all = stored.mention_all.filter(|all| *all);
    stored.reply_to_msg_id = stored.reply_to_msg_id.filter(|id| *id > 0);
    if appended.altered {
        // Whatever came under the key this time: the message is what was stored first.
        let first = proxy
            .messages
            .by_ids(sender, to, &[appended.message_id])
            .await
            .map_err(|error| store_failed(&error))?;
        // Somebody who left the group and came back doesn't see it any more, and others get nothing else under its id.
        let first = first.into_iter().next();
        let first = first.ok_or(HandlerError::Refused("not_visible"))?;
        let first = msg_info(first);
        stored.msg_type = first.msg_type;
        stored.msg_data = first.msg_data;
        stored.mention_user_id = first.mention_user_id;
        stored.mention_all = first.mention_all;
        stored.reply_to_msg_id = first.reply_to_msg_id;
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
        .filter(|kind| *kind != 0)
        .map(MessageKind)
        .ok_or(HandlerError::Refused("bad_field"))?;
    let to = if kind.is_for_group() {
        GroupId::new(message.to_session_id).map(Counterpart::Group)
    } else {
        UserId::new(message.to_session_id).map(Counterpart::User)
    };
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
        to: to.ok_or(HandlerError::Refused("bad_session_id"))?,
        kind,
        body: message.msg_data.clone(),
        created_at: UnixMillis::now(),
        client_key,
        references: references(message)?,
    })
}

/// Whom a message mentions and which one it answers. A list that is too long stays so, to be refused.
fn references(message: &ImMsgData) -> Result<Option<Box<References>>, HandlerError> {
    let mentioned = &message.mention_user_id;
    let mentioned = mentioned
        .iter()
        .map(|id| UserId::new(*id))
        .collect::<Option<_>>();
    Ok(References::new(
        mentioned.ok_or(HandlerError::Refused("mentions_no_member"))?,
        message.mention_all(),
        message.reply_to_msg_id.and_then(MessageId::new),
    ))
}

fn refused(error: &SendError) -> HandlerError {
    match error {
        SendError::ToSelf => HandlerError::Refused("to_oneself"),
        SendError::Empty => HandlerError::Refused("empty"),
        SendError::WrongKind => HandlerError::Refused("bad_field"),
        SendError::TooLarge { .. } => HandlerError::Refused("too_large"),
        SendError::TooManyMentions => HandlerError::Refused("too_many_mentions"),
        SendError::Refused(AppendRefusal::MentionsInNoGroup) => {
            HandlerError::Refused("mentions_in_no_group")
        }
        SendError::Refused(AppendRefusal::MentionsNoMember) => {
            HandlerError::Refused("mentions_no_member")
        }
        SendError::Refused(AppendRefusal::NotPermitted) => HandlerError::Refused("not_permitted"),
        SendError::Refused(AppendRefusal::NoSuchMessage) => {
            HandlerError::Refused("no_such_message")
        }
        SendError::Refused(AppendRefusal::NoSuchUser) => HandlerError::Refused("no_such_user"),
        SendError::Refused(AppendRefusal::NoSuchGroup) => HandlerError::Refused("no_such_group"),
        SendError::Refused(AppendRefusal::NotAMember) => HandlerError::Refused("not_a_member"),
        SendError::Refused(AppendRefusal::Muted { until }) => {
            HandlerError::TooSoon("muted", until.since(UnixMillis::now()))
        }
        SendError::Refused(AppendRefusal::NotFriends) => HandlerError::Refused("not_friends"),
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
    let mut shown_msg_id = None;
    if let Some(with) = counterpart(request.session_type, request.session_id)? {
        let up_to = MessageId::new(request.msg_id);
        let shown = request.shown() && proxy.audiences.shows_read();
        let marked = proxy.messages.mark_read(user, with, up_to, shown).await;
        let shown = marked.map_err(|error| write_failed(&error))?;
        if let Some(shown) = shown {
            let told = proxy.audiences.is_told(user, with).await;
            let told = told.map_err(|error| store_failed(&error))?;
            shown_msg_id = told.then_some(shown.get());
        }
    }
    Ok(ImMsgDataReadNotify {
        user_id: request.user_id,
        session_id: request.session_id,
        msg_id: request.msg_id,
        session_type: request.session_type,
        shown_msg_id,
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
    let (session_type, session_id) = session(conversation.with);
    UnreadInfo {
        session_id,
        session_type,
        unread_cnt: conversation.unread,
        latest_msg_id: conversation.latest.id.get(),
        latest_msg_data: shown_in_list(&conversation.latest),
        latest_msg_type: shown_type(&conversation.latest),
        latest_msg_from_user_id: conversation.latest.sender.get(),
    }
}

pub(super) async fn history(
    proxy: Arc<DbProxy>,
    request: ImGetMsgListReq,
) -> Result<ImGetMsgListRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let mut page = Vec::new();
    if let Some(with) = counterpart(request.session_type, request.session_id)? {
        let begin = MessageId::new(request.msg_id_begin);
        let count = usize::try_from(request.msg_cnt).unwrap_or(usize::MAX);
        page = proxy
            .messages
            .history(user, with, begin, count)
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
    if let Some(with) = counterpart(request.session_type, request.session_id)? {
        latest = proxy
            .messages
            .latest_id(user, with)
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
    if let Some(with) = counterpart(request.session_type, request.session_id)? {
        let ids: Vec<MessageId> = request
            .msg_id_list
            .iter()
            .copied()
            .filter_map(MessageId::new)
            .collect();
        found = proxy
            .messages
            .by_ids(user, with, &ids)
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
    let revision = message.revision;
    let references = message.references.as_deref();
    MsgInfo {
        msg_id: message.id.get(),
        from_session_id: message.sender.get(),
        create_time: message.created_at.seconds(),
        msg_type: shown_type(&message),
        revision: (revision != Revision::Original).then_some(revision as u32),
        msg_data: match revision {
            Revision::Recalled => RECALLED.clone(),
            Revision::Original | Revision::Edited => message.body,
        },
        mention_all: references.and_then(|of| of.everybody.then_some(true)),
        reply_to_msg_id: references.and_then(|of| of.answers).map(MessageId::get),
        mention_user_id: references.map_or_else(Vec::new, |of| {
            of.mentioned.iter().map(|user| user.get()).collect()
        }),
    }
}

/// What stands in place of a message that was recalled, for clients that don't know that there is such a thing.
static RECALLED: LazyLock<Bytes> =
    LazyLock::new(|| text::encrypt("[message recalled]", text::DEFAULT_KEY).into());

/// A message's type on the wire: of a recalled one, that of the text in its place.
pub(super) fn shown_type(message: &StoredMessage) -> i32 {
    let shown = match (message.revision, message.kind.is_for_group()) {
        (Revision::Recalled, true) => MsgType::GroupText,
        (Revision::Recalled, false) => MsgType::SingleText,
        (Revision::Original | Revision::Edited, _) => return message.kind.0.into(),
    };
    shown as i32
}

/// The other side of a conversation; `None` for nobody: nothing was ever said there.
pub(super) fn counterpart(
    session_type: i32,
    session_id: u32,
) -> Result<Option<Counterpart>, HandlerError> {
    Ok(match read_enum(session_type, "session_type")? {
        SessionType::Single => UserId::new(session_id).map(Counterpart::User),
        SessionType::Group => GroupId::new(session_id).map(Counterpart::Group),
    })
}

/// Type and id of a conversation on the wire.
pub(super) fn session(with: Counterpart) -> (i32, u32) {
    match with {
        Counterpart::User(peer) => (SessionType::Single as i32, peer.get()),
        Counterpart::Group(group) => (SessionType::Group as i32, group.get()),
    }
}

/// What a list of conversations shows of a message: its content, or for a voice message the text that stands for one,
/// as clients decrypt what they find there (PROTOCOL.md, "Recent sessions").
pub(super) fn shown_in_list(message: &StoredMessage) -> Bytes {
    static VOICE: LazyLock<Bytes> =
        LazyLock::new(|| text::encrypt("[语音]", text::DEFAULT_KEY).into());
    if message.revision == Revision::Recalled {
        return RECALLED.clone();
    }
    if message.kind.is_voice() {
        return VOICE.clone();
    }
    message.body.clone()
}

pub(super) fn user_id(raw: u32) -> Result<UserId, HandlerError> {
    UserId::new(raw).ok_or(HandlerError::Refused("bad_user_id"))
}
