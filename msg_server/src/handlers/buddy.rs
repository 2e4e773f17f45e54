//! Service 2: users, presence, recent sessions.

pub(super) mod contacts;

use im_base::dispatch::HandlerError;
use prost::Message as _;
use proto::error::read_enum;
use proto::ids::UserId;
use proto::im::base_define::{SessionType, UserStatType};
use proto::im::buddy::{
    ImAllUserReq, ImAllUserRsp, ImAvatarChangedNotify, ImChangeAvatarReq, ImChangeAvatarRsp,
    ImChangeSignInfoReq, ImChangeSignInfoRsp, ImDepartmentReq, ImDepartmentRsp,
    ImRecentContactSessionReq, ImRecentContactSessionRsp, ImRemoveSessionNotify,
    ImRemoveSessionReq, ImRemoveSessionRsp, ImSignInfoChangedNotify, ImUserStatNotify,
    ImUsersInfoReq, ImUsersInfoRsp, ImUsersStatReq, ImUsersStatRsp,
};
use proto::im::ext::buddy::{ImChangeProfileReq, ImChangeProfileRsp, ImUserChanged};
use proto::{Body, NoReply, Pdu, capability};

use super::other::{ANSWER_BYTES, ask, user_ids};
use crate::links::{Pushed, raw_ids};
use crate::notice::Told;
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
    session.take_allowance()?;
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
        if book.encoded_len() + page.encoded_len() > ANSWER_BYTES && !book.user_list.is_empty() {
            session
                .answer_part(&std::mem::take(&mut book), seq_num)
                .await?;
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

pub(super) async fn departments(
    session: Session,
    request: ImDepartmentReq,
) -> Result<ImDepartmentRsp, HandlerError> {
    ask(&session, request).await
}

/// Whoever sees the user is told. Many are, so it counts as a message for the limit on messages.
pub(super) async fn change_avatar(
    session: Session,
    request: ImChangeAvatarReq,
) -> Result<ImChangeAvatarRsp, HandlerError> {
    session.take_allowance()?;
    let avatar_url = request.avatar_url.clone();
    let answer = ask(&session, request).await?;
    if answer.result_code == 0 {
        tell_avatar(&session, &avatar_url);
    }
    Ok(answer)
}

/// As with the avatar.
pub(super) async fn change_signature(
    session: Session,
    request: ImChangeSignInfoReq,
) -> Result<ImChangeSignInfoRsp, HandlerError> {
    session.take_allowance()?;
    let sign_info = request.sign_info.clone();
    let answer = ask(&session, request).await?;
    if answer.result_code == 0 {
        tell_signature(&session, &sign_info);
    }
    Ok(answer)
}

/// As with the avatar, for several details at once. Clients that know nothing of this hear of avatar and signature as ever.
pub(super) async fn change_profile(
    session: Session,
    request: ImChangeProfileReq,
) -> Result<ImChangeProfileRsp, HandlerError> {
    session.take_allowance()?;
    let (avatar, sign_info) = (request.avatar.clone(), request.sign_info.clone());
    let answer: ImChangeProfileRsp = ask(&session, request).await?;
    let Some(user) = answer.user.clone().filter(|_| answer.result_code == 0) else {
        return Ok(answer);
    };
    if let Some(avatar_url) = avatar {
        tell_avatar(&session, &avatar_url);
    }
    if let Some(sign_info) = sign_info {
        tell_signature(&session, &sign_info);
    }
    let told = those_who_see(&session);
    let server = &session.server;
    server.tell(&told, capability::ACCOUNT, &ImUserChanged { user }, None);
    Ok(answer)
}

/// Those who see the user come and go, and himself.
pub(super) fn those_who_see(session: &Session) -> Told {
    match session.circle.audience() {
        None => Told::Everybody,
        Some(mut users) => {
            let user_id = session.user_id();
            users.retain(|user| *user != user_id);
            users.push(user_id);
            Told::Users(users)
        }
    }
}

fn tell_avatar(session: &Session, avatar_url: &str) {
    profile_changed(session, |audience, by_contact| ImAvatarChangedNotify {
        changed_user_id: session.user_id().get(),
        avatar_url: avatar_url.to_owned(),
        audience,
        by_contact,
    });
}

fn tell_signature(session: &Session, sign_info: &str) {
    profile_changed(session, |audience, by_contact| ImSignInfoChangedNotify {
        changed_user_id: session.user_id().get(),
        sign_info: sign_info.to_owned(),
        audience,
        by_contact,
    });
}

/// Tells those who see the user, here and elsewhere. `notice` makes the notice with what only servers are told: for
/// whom it is.
fn profile_changed<M: Body>(session: &Session, notice: impl Fn(Vec<u32>, Option<bool>) -> M) {
    let (server, user_id) = (&session.server, session.user_id());
    let audience = session.circle.audience();
    let to_clients = notice(Vec::new(), None);
    server
        .fanout
        .profile(user_id, audience.as_deref(), &to_clients);
    let by_contact = audience.is_some().then_some(true);
    let to_servers = notice(raw_ids(audience.as_deref()), by_contact);
    server.routes.relay_message(user_id, &to_servers);
}

/// Changed at another msg_server.
pub(super) fn avatar_changed(
    pushed: &Pushed,
    notice: ImAvatarChangedNotify,
) -> Result<NoReply, HandlerError> {
    let user_id =
        UserId::new(notice.changed_user_id).ok_or(HandlerError::Refused("bad_user_id"))?;
    let audience = audience(notice.by_contact, &notice.audience);
    let to_clients = ImAvatarChangedNotify {
        audience: Vec::new(),
        by_contact: None,
        ..notice
    };
    let fanout = &pushed.server.fanout;
    fanout.profile(user_id, audience.as_deref(), &to_clients);
    Ok(NoReply)
}

/// Changed at another msg_server.
pub(super) fn signature_changed(
    pushed: &Pushed,
    notice: ImSignInfoChangedNotify,
) -> Result<NoReply, HandlerError> {
    let user_id =
        UserId::new(notice.changed_user_id).ok_or(HandlerError::Refused("bad_user_id"))?;
    let audience = audience(notice.by_contact, &notice.audience);
    let to_clients = ImSignInfoChangedNotify {
        audience: Vec::new(),
        by_contact: None,
        ..notice
    };
    let fanout = &pushed.server.fanout;
    fanout.profile(user_id, audience.as_deref(), &to_clients);
    Ok(NoReply)
}

/// Who is to hear of something, as another msg_server says; `None` for everybody.
fn audience(by_contact: Option<bool>, users: &[u32]) -> Option<Vec<UserId>> {
    by_contact.unwrap_or_default().then(|| user_ids(users))
}

/// A route_server tells that somebody came online or went offline.
pub(super) fn presence(pushed: &Pushed, notice: ImUserStatNotify) -> Result<NoReply, HandlerError> {
    let stat = notice.user_stat;
    let user_id = UserId::new(stat.user_id).ok_or(HandlerError::Refused("bad_user_id"))?;
    let status: UserStatType = read_enum(stat.status, "status")?;
    let server = &pushed.server;
    server.routes.heard(
        pushed.link,
        user_id,
        status == UserStatType::UserStatusOnline,
        audience(notice.by_contact, &notice.audience),
        &server.presence,
    );
    Ok(NoReply)
}

/// A conversation was taken off the list on a device at another msg_server.
pub(super) fn session_removed(pushed: &Pushed, pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    let notice: ImRemoveSessionNotify = pdu
        .decode()
        .map_err(|_| HandlerError::Refused("unreadable"))?;
    let user_id = UserId::new(notice.user_id).ok_or(HandlerError::Refused("bad_user_id"))?;
    pushed.server.fanout.notice(user_id, &notice, None);
    Ok(None)
}

/// Sends a notice to the user's other devices, here and elsewhere.
pub(super) fn other_devices<M: Body>(session: &Session, notice: &M) {
    let server = &session.server;
    server
        .fanout
        .notice(session.user_id(), notice, Some(session.id));
    server.routes.relay_message(session.user_id(), notice);
}
