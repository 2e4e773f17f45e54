//! Accounts: made before the login, given another password and deleted after it.

use std::net::SocketAddr;
use std::sync::Arc;

use im_base::dispatch::HandlerError;
use im_base::net::CloseReason;
use im_base::telemetry::metrics::REGISTRATIONS;
use metrics::counter;
use proto::device::DeviceType;
use proto::ids::{GroupId, UserId};
use proto::im::base_define::{GroupModifyType, GroupVersionInfo, KickReasonType};
use proto::im::ext::buddy::ImUserChanged;
use proto::im::ext::group::{ImGroupMembers, ImGroupMembersReq};
use proto::im::ext::login::{
    ImChangePasswordReq, ImChangePasswordRsp, ImDeleteAccountReq, ImDeleteAccountRsp,
};
use proto::im::group::ImGroupChangeMemberNotify;
use proto::im::login::{ImRegistReq, ImRegistRes};
use proto::{Pdu, capability};
use tracing::debug;

use crate::clock;
use crate::handlers::buddy::those_who_see;
use crate::handlers::msg::ConversationKey;
use crate::handlers::other::ask;
use crate::server::MsgServer;
use crate::session::{Session, kick};

/// Makes an account for somebody who is not logged in. He logs in afterwards like anybody else.
pub(crate) async fn register(
    server: &Arc<MsgServer>,
    pdu: &Pdu,
    address: SocketAddr,
) -> ImRegistRes {
    let Ok(request) = pdu.decode::<ImRegistReq>() else {
        let text = "the request is not readable";
        return refused(String::new(), "unreadable", text);
    };
    let user_name = request.user_name.clone();
    let question = ImRegistReq {
        attach_data: None,
        client_address: Some(address.ip().to_string()),
        request_key: Some(server.db.fresh_key()),
        ..request
    };
    let answer: Result<ImRegistRes, _> = server.db.call(&user_name, &question).await;
    match answer {
        Ok(mut answer) => {
            let outcome = match answer.result_code {
                0 => "accepted",
                _ => "refused",
            };
            counter!(REGISTRATIONS, "outcome" => outcome).increment(1);
            answer.attach_data = None;
            answer
        }
        Err(error) => {
            let text = "no account can be made right now, try again";
            refused(user_name, error.reason(), text)
        }
    }
}

fn refused(user_name: String, reason: &'static str, text: &str) -> ImRegistRes {
    counter!(REGISTRATIONS, "outcome" => reason).increment(1);
    ImRegistRes {
        user_name,
        result_code: 1,
        result_string: Some(text.to_owned()),
        user_id: None,
        attach_data: None,
        reason: Some(reason.to_owned()),
    }
}

/// Who is logged in has an account.
pub(in crate::handlers) fn register_again(
    _session: &Session,
    _request: ImRegistReq,
) -> Result<ImRegistRes, HandlerError> {
    Err(HandlerError::Refused("logged_in_already"))
}

/// The user's other devices are sent away, and need the new password; the one that asks stays.
pub(in crate::handlers) async fn change_password(
    session: Session,
    request: ImChangePasswordReq,
) -> Result<ImChangePasswordRsp, HandlerError> {
    session.take_allowance()?;
    let resumes = session.can(capability::RESUME);
    let request = ImChangePasswordReq {
        client_address: Some(session.address.to_string()),
        client_type: resumes.then_some(session.device.raw()),
        wants_resume: resumes.then_some(true),
        ..request
    };
    let answer: ImChangePasswordRsp = ask(&session, request).await?;
    if answer.result_code == 0 {
        kick_others(&session);
    }
    Ok(ImChangePasswordRsp {
        resume_token: answer.resume_token.filter(|_| resumes),
        ..answer
    })
}

/// The account ends, and with it every session of the user, this one behind the answer. Groups that he was in and those who
/// see him are told.
pub(in crate::handlers) async fn delete(
    session: Session,
    request: ImDeleteAccountReq,
) -> Result<ImDeleteAccountRsp, HandlerError> {
    session.take_allowance()?;
    let request = ImDeleteAccountReq {
        client_address: Some(session.address.to_string()),
        ..request
    };
    let mut answer: ImDeleteAccountRsp = ask(&session, request).await?;
    let left = std::mem::take(&mut answer.left_group);
    let user = answer.user.take();
    let passed_on = std::mem::take(&mut answer.group_news);
    if answer.result_code != 0 {
        return Ok(answer);
    }
    kick_others(&session);
    let server = session.server.clone();
    if let Some(user) = user {
        let told = those_who_see(&session);
        server.tell(&told, capability::ACCOUNT, &ImUserChanged { user }, None);
    }
    let (telling, user_id) = (server.clone(), session.user_id());
    // Among what has to be done before the links end: it is stored, and others are to know.
    server.shutdown.sessions().spawn("left groups", async move {
        for group in left {
            tell_group(&telling, user_id, group).await;
        }
        for news in passed_on {
            let changed = news.changed.as_ref();
            let group = changed.and_then(|changed| GroupId::new(changed.group.group_id));
            if let Some(group) = group {
                telling.tell_group_news(group, news, None);
            }
        }
    });
    session.end(CloseReason("account_deleted"));
    Ok(answer)
}

/// Ends all of the user's sessions, wherever they are, but this one.
fn kick_others(session: &Session) {
    let server = &session.server;
    let user_id = session.user_id();
    let reason = KickReasonType::KickReasonMobileKick;
    let now = clock::login_stamp();
    for device in DeviceType::ONE_OF_EACH_CLASS {
        // Of its own class nobody who logged in later is left but itself.
        let stamp = match device.same_class(session.device) {
            true => session.login_stamp,
            false => now,
        };
        let displaced = server.users.displace(user_id, device, stamp, &**server);
        kick(&displaced, reason);
        server
            .routes
            .displace_elsewhere(user_id, device, stamp, reason);
    }
}

/// A group that the user has left as of a version: who is there is told as if he had done so himself. If it cannot be known
/// who that is, they learn of it with the group's next message.
async fn tell_group(server: &Arc<MsgServer>, user: UserId, left: GroupVersionInfo) {
    let Some(group) = GroupId::new(left.group_id) else {
        return;
    };
    let key = ConversationKey::group(group);
    let request = ImGroupMembersReq {
        group_id: left.group_id,
        attach_data: None,
    };
    let now: ImGroupMembers = match server.db.call(key, &request).await {
        Ok(members) => members,
        Err(error) => {
            debug!(%group, %error, "nobody is told that a deleted account has left");
            return;
        }
    };
    // Of a later version msg_servers hear by the change that made it.
    let group_version = (now.version == left.version).then_some(left.version);
    let notice = ImGroupChangeMemberNotify {
        user_id: user.get(),
        change_type: GroupModifyType::Del as i32,
        group_id: left.group_id,
        cur_user_id_list: now.member_id,
        chg_user_id_list: vec![user.get()],
        group_version,
    };
    server.group_changed(&notice, None);
    server.routes.relay_message(key, &notice);
}
