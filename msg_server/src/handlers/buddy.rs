//! Service 2: users, presence, recent sessions.

use im_base::dispatch::HandlerError;
use prost::Message as _;
use proto::error::read_enum;
use proto::ids::UserId;
use proto::im::base_define::{SessionType, UserStatType};
use proto::im::buddy::{
    ImAllUserReq, ImAllUserRsp, ImChangeAvatarReq, ImChangeAvatarRsp, ImChangeSignInfoReq,
    ImChangeSignInfoRsp, ImDepartmentReq, ImDepartmentRsp, ImRecentContactSessionReq,
    ImRecentContactSessionRsp, ImRemoveSessionNotify, ImRemoveSessionReq, ImRemoveSessionRsp,
    ImUserStatNotify, ImUsersInfoReq, ImUsersInfoRsp, ImUsersStatReq, ImUsersStatRsp,
};
use proto::{NoReply, Pdu};

use super::other::ask;
use crate::links::Pushed;
use crate::session::Session;

pub(super) async fn recent_sessions(
    session: Session,
    request: ImRecentContactSessionReq,
) -> Result<ImRecentContactSessionRsp, HandlerError> {
    ask(&session, request).await
}

pub(super) async fn users_info(
    session: Session,
    request: ImUsersInfoReq,
) -> Result<ImUsersInfoRsp, HandlerError> {
    ask(&session, request).await
}

/// The user's other devices are told, for conversations of two only (PROTOCOL.md, "Recent sessions").
pub(super) async fn remove_session(
    session: Session,
    request: ImRemoveSessionReq,
) -> Result<ImRemoveSessionRsp, HandlerError> {
    let session_type: SessionType = read_enum(request.session_type, "session_type")?;
    let answer = ask(&session, request).await?;
    if answer.result_code == 0 && session_type == SessionType::Single {
        let notice = ImRemoveSessionNotify {
            user_id: answer.user_id,
            session_type: answer.session_type,
            session_id: answer.session_id,
        };
        other_devices(&session, &notice);
    }
    Ok(answer)
}

/// Bytes of users in one frame: what stock clients take.
const BOOK_BYTES: usize = 320 * 1024;

/// An address book that is too large for one frame comes in several, all numbered like the request; each is right by
/// itself: it carries the time up to which it goes.
pub(super) async fn all_users(
    session: Session,
    request: ImAllUserReq,
    seq_num: u16,
) -> Result<ImAllUserRsp, HandlerError> {
    let mut request = request;
    (request.after_user_id, request.after_time_ms) = (None, None);
    let mut book = ImAllUserRsp::default();
    loop {
        let mut page: ImAllUserRsp = ask(&session, request.clone()).await?;
        (request.after_user_id, request.after_time_ms) =
            (page.next_user_id.take(), page.next_time_ms.take());
        if book.encoded_len() + page.encoded_len() > BOOK_BYTES && !book.user_list.is_empty() {
            let full = std::mem::take(&mut book);
            session
                .outbox
                .send(&full, seq_num)
                .map_err(|_| HandlerError::Refused("closed"))?;
        }
        book.user_list.append(&mut page.user_list);
        page.user_list = book.user_list;
        book = page;
        if request.after_user_id.is_none() {
            return Ok(book);
        }
    }
}

/// Users of one question that are answered; those beyond are left out. The answer fits into a client's frame.
const MAX_USERS: usize = 20_000;

pub(super) async fn users_status(
    session: Session,
    request: ImUsersStatReq,
) -> Result<ImUsersStatRsp, HandlerError> {
    let mut request = request;
    request.user_id_list.truncate(MAX_USERS);
    let mut answer = session.server.routes.users_status(request).await;
    answer.attach_data = None;
    Ok(answer)
}

pub(super) fn change_avatar(
    _: &Session,
    _request: ImChangeAvatarReq,
) -> Result<ImChangeAvatarRsp, HandlerError> {
    Err(HandlerError::Refused("not_available"))
}

/// There are no departments: nothing has changed since any time.
pub(super) fn departments(
    _: &Session,
    request: ImDepartmentReq,
) -> Result<ImDepartmentRsp, HandlerError> {
    Ok(ImDepartmentRsp {
        user_id: request.user_id,
        latest_update_time: request.latest_update_time,
        dept_list: Vec::new(),
        attach_data: None,
    })
}

pub(super) fn change_signature(
    _: &Session,
    _request: ImChangeSignInfoReq,
) -> Result<ImChangeSignInfoRsp, HandlerError> {
    Err(HandlerError::Refused("not_available"))
}

/// A route_server tells that somebody came online or went offline.
pub(super) fn presence(pushed: &Pushed, notice: ImUserStatNotify) -> Result<NoReply, HandlerError> {
    let stat = notice.user_stat;
    let user_id = UserId::new(stat.user_id).ok_or(HandlerError::Refused("bad_user_id"))?;
    let status: UserStatType = read_enum(stat.status, "status")?;
    pushed.routes.heard(
        pushed.link,
        user_id,
        status == UserStatType::UserStatusOnline,
    );
    Ok(NoReply)
}

/// A conversation was taken off the list on a device at another msg_server.
pub(super) fn session_removed(pushed: &Pushed, pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    let notice: ImRemoveSessionNotify = pdu
        .decode()
        .map_err(|_| HandlerError::Refused("unreadable"))?;
    let user_id = UserId::new(notice.user_id).ok_or(HandlerError::Refused("bad_user_id"))?;
    pushed.routes.fanout.notice(user_id, &notice, None);
    Ok(None)
}

/// Sends a notice to the user's other devices, here and elsewhere.
pub(super) fn other_devices<M: proto::Body>(session: &Session, notice: &M) {
    let server = &session.server;
    server
        .fanout
        .notice(session.user_id(), notice, Some(session.id));
    server.routes.relay_message(session.user_id(), notice);
}
