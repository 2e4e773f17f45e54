//! Service 3: messages, read marks, unread counts, history.

use bytes::Bytes;
use im_base::dispatch::HandlerError;
use proto::error::read_enum;
use proto::ids::{MessageId, UserId};
use proto::im::base_define::{MsgType, SessionType};
use proto::im::message::{
    ImClientTimeReq, ImClientTimeRsp, ImGetLatestMsgIdReq, ImGetLatestMsgIdRsp, ImGetMsgByIdReq,
    ImGetMsgByIdRsp, ImGetMsgListReq, ImGetMsgListRsp, ImMsgData, ImMsgDataAck, ImMsgDataReadAck,
    ImMsgDataReadNotify, ImUnreadMsgCntReq, ImUnreadMsgCntRsp,
};
use proto::{NoReply, Pdu};

use super::buddy::other_devices;
use super::other::ask;
use crate::clock;
use crate::links::Pushed;
use crate::session::Session;

/// Bytes of the key by which a client knows its own message again.
const MAX_CLIENT_KEY: usize = 64;

/// A client's message: checked, stored, acknowledged, handed out. What is acknowledged is stored; an acknowledgement of
/// message 0 says that it is not known to be, and a resend with the same key finds out.
pub(super) async fn send(
    session: Session,
    request: ImMsgData,
) -> Result<ImMsgDataAck, HandlerError> {
    let receiver = check(&session, &request)?;
    let server = &session.server;
    let conversation = conversation(session.user_id(), receiver);
    let mut request = request;
    request.create_time = clock::unix_seconds();
    if request.client_msg_id.is_none() && request.msg_id == 0 {
        request.client_msg_id = Some(server.db.fresh_key());
    }

    let stored: ImMsgData = server.db.call(conversation, &request).await?;
    let msg_id = MessageId::new(stored.msg_id).ok_or(HandlerError::Refused("not_stored"))?;
    let ack = ImMsgDataAck {
        user_id: session.user_id().get(),
        session_id: receiver.get(),
        msg_id: msg_id.get(),
        session_type: SessionType::Single as i32,
    };

    let delivery = ImMsgData {
        attach_data: None,
        client_msg_id: None,
        ..stored
    };
    let frame = Pdu::new(&delivery, 0).to_frame();
    server.fanout.message(&delivery, &frame, session.id);
    server.routes.relay(conversation, frame);
    Ok(ack)
}

/// What has to hold before a message goes to the store. Its sender is the session's user already.
fn check(session: &Session, request: &ImMsgData) -> Result<UserId, HandlerError> {
    let limits = &session.server.limits;
    let largest = match read_enum(request.msg_type, "msg_type")? {
        MsgType::SingleText => limits.text_bytes,
        MsgType::SingleAudio => limits.audio_bytes,
        MsgType::GroupText | MsgType::GroupAudio => return Err(HandlerError::Refused("no_groups")),
    };
    let receiver =
        UserId::new(request.to_session_id).ok_or(HandlerError::Refused("no_receiver"))?;
    if receiver == session.user_id() {
        return Err(HandlerError::Refused("to_oneself"));
    }
    if request.msg_data.is_empty() {
        return Err(HandlerError::Refused("empty"));
    }
    if request.msg_data.len() > largest {
        return Err(HandlerError::Refused("too_large"));
    }
    if request
        .client_msg_id
        .as_ref()
        .is_some_and(|key| key.is_empty() || key.len() > MAX_CLIENT_KEY)
    {
        return Err(HandlerError::Refused("bad_client_key"));
    }
    session
        .allowance
        .lock()
        .take()
        .map_err(|_wait| HandlerError::Refused("too_fast"))?;
    Ok(receiver)
}

/// What chooses the db_proxy and the route_server of a conversation: its two users in any order.
fn conversation(one: UserId, other: UserId) -> (UserId, UserId) {
    (one.min(other), one.max(other))
}

/// A message from another msg_server, for devices here.
pub(super) fn deliver(pushed: &Pushed, pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    let message: ImMsgData = pdu
        .decode()
        .map_err(|_| HandlerError::Refused("unreadable"))?;
    let frame = deliverable(pdu, &message);
    pushed.routes.fanout.relayed_message(&message, &frame);
    Ok(None)
}

/// The frame for clients: as it came, unless it carries what is not for them.
fn deliverable(pdu: &Pdu, message: &ImMsgData) -> Bytes {
    if pdu.seq_num() == 0 && message.attach_data.is_none() && message.client_msg_id.is_none() {
        return pdu.to_frame();
    }
    let stripped = ImMsgData {
        attach_data: None,
        client_msg_id: None,
        ..message.clone()
    };
    Pdu::new(&stripped, 0).to_frame()
}

/// A client has a message. Nothing depends on it: what it missed it finds in its unread list and history.
pub(super) fn received(_session: &Session, _ack: ImMsgDataAck) -> Result<NoReply, HandlerError> {
    Ok(NoReply)
}

/// A client has read a conversation up to a message: stored, then the user's other devices are told.
pub(super) async fn read(
    session: Session,
    request: ImMsgDataReadAck,
) -> Result<NoReply, HandlerError> {
    let _known: SessionType = read_enum(request.session_type, "session_type")?;
    // Our db_proxy answers with the notice, where the original's answers nothing.
    let notice: ImMsgDataReadNotify = session.server.db.call(session.user_id(), &request).await?;
    if notice == ImMsgDataReadNotify::default() {
        return Err(HandlerError::Unavailable("no_answer"));
    }
    other_devices(&session, &notice);
    Ok(NoReply)
}

/// Read on a device at another msg_server.
pub(super) fn read_elsewhere(pushed: &Pushed, pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    let notice: ImMsgDataReadNotify = pdu
        .decode()
        .map_err(|_| HandlerError::Refused("unreadable"))?;
    let user_id = UserId::new(notice.user_id).ok_or(HandlerError::Refused("bad_user_id"))?;
    pushed.routes.fanout.notice(user_id, &notice, None);
    Ok(None)
}

pub(super) fn time(
    _session: &Session,
    _request: ImClientTimeReq,
) -> Result<ImClientTimeRsp, HandlerError> {
    Ok(server_time())
}

/// The server's clock, which needs no login.
pub(crate) fn server_time() -> ImClientTimeRsp {
    ImClientTimeRsp {
        server_time: clock::unix_seconds(),
    }
}

pub(super) async fn unread(
    session: Session,
    request: ImUnreadMsgCntReq,
) -> Result<ImUnreadMsgCntRsp, HandlerError> {
    ask(&session, request).await
}

pub(super) async fn history(
    session: Session,
    request: ImGetMsgListReq,
) -> Result<ImGetMsgListRsp, HandlerError> {
    let _known: SessionType = read_enum(request.session_type, "session_type")?;
    ask(&session, request).await
}

pub(super) async fn latest_id(
    session: Session,
    request: ImGetLatestMsgIdReq,
) -> Result<ImGetLatestMsgIdRsp, HandlerError> {
    let _known: SessionType = read_enum(request.session_type, "session_type")?;
    ask(&session, request).await
}

pub(super) async fn by_ids(
    session: Session,
    request: ImGetMsgByIdReq,
) -> Result<ImGetMsgByIdRsp, HandlerError> {
    let _known: SessionType = read_enum(request.session_type, "session_type")?;
    ask(&session, request).await
}
