//! Service 3: messages, read marks, unread counts, history.

pub(super) mod readers;
pub(super) mod revision;
pub(super) mod typing;

use im_base::dispatch::HandlerError;
use proto::error::read_enum;
use proto::ids::{GroupId, MessageId, UserId};
use proto::im::base_define::{MsgType, SessionType};
use proto::im::ext::message::{ImSyncReq, ImSyncRsp};
use proto::im::message::{
    ImClientTimeReq, ImClientTimeRsp, ImGetLatestMsgIdReq, ImGetLatestMsgIdRsp, ImGetMsgByIdReq,
    ImGetMsgByIdRsp, ImGetMsgListReq, ImGetMsgListRsp, ImMsgData, ImMsgDataAck, ImMsgDataReadAck,
    ImMsgDataReadNotify, ImUnreadMsgCntReq, ImUnreadMsgCntRsp,
};
use proto::{NoReply, Pdu, capability};

use super::buddy::other_devices;
use super::other::ask;
use crate::clock;
use crate::fanout::{Frames, Source, refers};
use crate::groups::{Origin, Parcel};
use crate::links::Pushed;
use crate::session::Session;
use crate::trace::{Sending, acknowledged, arrived, relayed};
use revision::Understood as _;

/// Bytes of the key by which a client knows its own message again.
const MAX_CLIENT_KEY: usize = 64;

/// Conversations that a client may say it knows, in one question.
const MAX_KNOWN: usize = 2_000;

/// A client's message: checked, stored, acknowledged, handed out. What is acknowledged is stored; an acknowledgement of
/// message 0 says that it is not known to be, and a resend with the same key finds out.
pub(super) async fn send(
    session: Session,
    request: ImMsgData,
    seq_num: u16,
) -> Result<ImMsgDataAck, HandlerError> {
    let sending = Sending::received(&session, &request, seq_num);
    let outcome = store_and_hand_out(session, request, sending).await;
    if let Err(error) = outcome {
        sending.refused(error.reason());
    }
    outcome
}

async fn store_and_hand_out(
    session: Session,
    request: ImMsgData,
    sending: Sending,
) -> Result<ImMsgDataAck, HandlerError> {
    let addressee = check(&session, &request)?;
    let server = &session.server;
    let conversation = addressee.conversation_with(session.user_id());
    let mut request = request;
    request.create_time = clock::unix_seconds();
    if request.client_msg_id.is_none() && request.msg_id == 0 {
        request.client_msg_id = Some(server.db.fresh_key());
    }

    let on_its_way = session.begin_sending();
    let lane = &session.lane;
    let stored = server.db.call_in_order(lane, conversation, &request);
    let stored: ImMsgData = server.noted(stored.await)?;
    let msg_id = MessageId::new(stored.msg_id).ok_or(HandlerError::Refused("not_stored"))?;
    sending.stored(msg_id);
    let ack = ImMsgDataAck {
        user_id: session.user_id().get(),
        session_id: stored.to_session_id,
        msg_id: msg_id.get(),
        session_type: addressee.session_type() as i32,
    };
    let group_version = stored.group_version;
    let withheld = stored.withheld;
    let delivery = for_clients(stored);
    let frames = Frames::of(&delivery);
    match addressee {
        Addressee::User(_) if withheld.unwrap_or_default() => {
            let users = [session.user_id()];
            let source = Source::Session(session.id);
            server.fanout.message(&delivery, users, &frames, source);
            let relay = ImMsgData {
                withheld,
                ..delivery.clone()
            };
            let frame = Pdu::new(&relay, 0).to_frame();
            relayed(&delivery, server.routes.relay(conversation, frame));
        }
        Addressee::User(receiver) => {
            let users = [session.user_id(), receiver];
            if msg_id == MessageId::FIRST {
                server.acquaint(session.user_id(), receiver);
            }
            server
                .fanout
                .message(&delivery, users, &frames, Source::Session(session.id));
            relayed(&delivery, server.routes.relay(conversation, frames.whole()));
        }
        Addressee::Group(group) => {
            let relay = ImMsgData {
                group_version,
                ..delivery.clone()
            };
            server.group_message(Parcel {
                group,
                version: group_version.unwrap_or(0),
                message: delivery,
                frames,
                from: Origin::Here {
                    session: session.id,
                    relay: Pdu::new(&relay, 0).to_frame(),
                },
            });
        }
    }
    drop(on_its_way);
    Ok(ack)
}

/// To whom a message is.
#[derive(Clone, Copy)]
enum Addressee {
    User(UserId),
    Group(GroupId),
}

impl Addressee {
    fn session_type(self) -> SessionType {
        match self {
            Self::User(_) => SessionType::Single,
            Self::Group(_) => SessionType::Group,
        }
    }

    fn conversation_with(self, user: UserId) -> ConversationKey {
        match self {
            Self::User(other) => ConversationKey::between(user, other),
            Self::Group(group) => ConversationKey::group(group),
        }
    }
}

/// What chooses the db_proxy and the route_server of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ConversationKey(u32, u32);

impl ConversationKey {
    /// Two users, in any order.
    pub(crate) fn between(one: UserId, other: UserId) -> Self {
        Self(one.min(other).get(), one.max(other).get())
    }

    /// A group, and everything that concerns its members.
    pub(crate) fn group(group: GroupId) -> Self {
        Self(0, group.get())
    }
}

/// What has to hold before a message goes to the store. Its sender is the session's user already.
fn check(session: &Session, request: &ImMsgData) -> Result<Addressee, HandlerError> {
    let limits = &session.server.limits;
    let msg_type = read_enum(request.msg_type, "msg_type")?;
    let addressee = match msg_type {
        MsgType::SingleText | MsgType::SingleAudio => {
            UserId::new(request.to_session_id).map(Addressee::User)
        }
        MsgType::GroupText | MsgType::GroupAudio => {
            GroupId::new(request.to_session_id).map(Addressee::Group)
        }
    };
    let addressee = addressee.ok_or(HandlerError::Refused("no_receiver"))?;
    if matches!(addressee, Addressee::User(receiver) if receiver == session.user_id()) {
        return Err(HandlerError::Refused("to_oneself"));
    }
    let (smallest, largest) = match msg_type {
        MsgType::SingleText | MsgType::GroupText => (1, limits.text_bytes),
        // The seconds it lasts, and a sound.
        MsgType::SingleAudio | MsgType::GroupAudio => (5, limits.audio_bytes),
    };
    if request.msg_data.len() < smallest {
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
    session.take_allowance()?;
    Ok(addressee)
}

/// A message from another msg_server, for devices here.
pub(super) fn deliver(pushed: &Pushed, pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    let message: ImMsgData = pdu
        .decode()
        .map_err(|_| HandlerError::Refused("unreadable"))?;
    let frames = deliverable(pdu, &message);
    let server = &pushed.server;
    arrived(&message, pushed.link);
    if message.msg_type & 0x10 != 0 {
        let group =
            GroupId::new(message.to_session_id).ok_or(HandlerError::Refused("bad_group_id"))?;
        server.group_message(Parcel {
            group,
            version: message.group_version.unwrap_or(0),
            message,
            frames,
            from: Origin::Elsewhere,
        });
        return Ok(None);
    }
    let mut users = [message.from_user_id, message.to_session_id].map(UserId::new);
    if message.withheld() {
        // who is blocked writes to himself alone
        users[1] = None;
    }
    if message.msg_id == MessageId::FIRST.get()
        && let [Some(one), Some(other)] = users
    {
        server.acquaint(one, other);
    }
    let users = users.into_iter().flatten();
    server
        .fanout
        .message(&message, users, &frames, Source::Relay);
    Ok(None)
}

/// The frames for clients: as it came, unless it carries what is not for them, or not for all.
fn deliverable(pdu: &Pdu, message: &ImMsgData) -> Frames {
    let notes = [&message.attach_data, &message.client_msg_id];
    if pdu.seq_num() == 0
        && notes.into_iter().all(Option::is_none)
        && message.group_version.is_none()
        && message.withheld.is_none()
        && !refers(message)
    {
        return Frames::plain(pdu.to_frame());
    }
    Frames::of(&for_clients(message.clone()))
}

/// Without what is between servers.
fn for_clients(message: ImMsgData) -> ImMsgData {
    ImMsgData {
        attach_data: None,
        client_msg_id: None,
        group_version: None,
        withheld: None,
        ..message
    }
}

/// A client has a message. Nothing depends on it: what it missed it finds in its unread list and history.
pub(super) fn received(session: &Session, ack: ImMsgDataAck) -> Result<NoReply, HandlerError> {
    acknowledged(session, &ack);
    Ok(NoReply)
}

/// A client has read a conversation up to a message: stored, then the user's other devices are told.
pub(super) async fn read(
    session: Session,
    request: ImMsgDataReadAck,
) -> Result<NoReply, HandlerError> {
    let _known: SessionType = read_enum(request.session_type, "session_type")?;
    let request = ImMsgDataReadAck {
        shown: session.can(capability::READERS).then_some(true),
        ..request
    };
    // Our db_proxy answers with the notice, where the original's answers nothing.
    let mut notice: ImMsgDataReadNotify =
        session.server.db.call(session.user_id(), &request).await?;
    if notice == ImMsgDataReadNotify::default() {
        return Err(HandlerError::Unavailable("no_answer"));
    }
    readers::shown(&session, &mut notice);
    other_devices(&session, &notice);
    Ok(NoReply)
}

/// Read on a device at another msg_server.
pub(super) fn read_elsewhere(pushed: &Pushed, pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    let notice: ImMsgDataReadNotify = pdu
        .decode()
        .map_err(|_| HandlerError::Refused("unreadable"))?;
    let user_id = UserId::new(notice.user_id).ok_or(HandlerError::Refused("bad_user_id"))?;
    pushed.server.fanout.notice(user_id, &notice, None);
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
    Ok(ask(&session, request).await?.understood(&session))
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
    Ok(ask(&session, request).await?.understood(&session))
}

/// Everything that changed since a device was last here (PROTOCOL.md, "Sync"). It costs as much as a message.
pub(super) async fn sync(session: Session, request: ImSyncReq) -> Result<ImSyncRsp, HandlerError> {
    if request.known.len() > MAX_KNOWN {
        return Err(HandlerError::Refused("too_many_known"));
    }
    for known in &request.known {
        let _known: SessionType = read_enum(known.session_type, "session_type")?;
    }
    session.take_allowance()?;
    let request = ImSyncReq {
        capabilities: Some(session.capabilities),
        ..request
    };
    Ok(ask(&session, request).await?.understood(&session))
}
