//! Service 1: login, logout, kicks, push settings.

pub(crate) mod account;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use im_base::dispatch::HandlerError;
use im_base::net::CloseReason;
use im_base::peer::CallError;
use proto::device::DeviceType;
use proto::error::read_enum;
use proto::ids::{GroupId, UserId};
use proto::im::base_define::{KickReasonType, ResultType, UserStatType};
use proto::im::ext::login::{ImResumeRevokeReq, ImResumeRevokeRsp};
use proto::im::login::{
    ImDeviceTokenReq, ImDeviceTokenRsp, ImKickPcClientReq, ImKickPcClientRsp, ImLoginReq,
    ImLoginRes, ImLogoutReq, ImLogoutRsp, ImPushShieldReq, ImPushShieldRsp, ImQueryPushShieldReq,
    ImQueryPushShieldRsp,
};
use proto::im::server::{
    ImServerKickUser, ImServerPcLoginStatusNotify, ImValidateReq, ImValidateRsp,
};
use proto::{NoReply, Pdu, capability};
use tokio::time::Instant;
use tracing::debug;

use super::other::{ask, user_ids};
use crate::clock;
use crate::groups::group_versions;
use crate::links::Pushed;
use crate::presence::Circle;
use crate::server::MsgServer;
use crate::session::{Session, kick};

/// A login that db_proxy accepted.
pub(crate) struct Login {
    pub(crate) user_id: UserId,
    pub(crate) device: DeviceType,
    pub(crate) address: IpAddr,
    /// The extensions that are granted, a bit each.
    pub(crate) capabilities: u64,
    /// The groups he is in, with the versions as of which that is so.
    pub(crate) groups: Vec<(GroupId, u32)>,
    pub(crate) circle: Circle,
    /// When db_proxy was asked for all this.
    pub(crate) asked_at: Instant,
    pub(crate) answer: ImLoginRes,
    pub(crate) seq_num: u16,
}

/// A login that is refused; the connection is closed behind the answer (PROTOCOL.md, "Login").
pub(crate) struct LoginRefusal {
    code: ResultType,
    text: String,
    /// It is only the resume token that is no good.
    token_refused: bool,
    /// The metric's label.
    pub(crate) outcome: &'static str,
}

impl LoginRefusal {
    fn new(code: ResultType, outcome: &'static str, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            token_refused: false,
            outcome,
        }
    }

    pub(crate) fn answer(&self) -> ImLoginRes {
        ImLoginRes {
            server_time: clock::unix_seconds(),
            result_code: self.code as i32,
            result_string: Some(self.text.clone()),
            resume_refused: self.token_refused.then_some(true),
            ..Default::default()
        }
    }
}

impl From<CallError> for LoginRefusal {
    fn from(error: CallError) -> Self {
        Self::new(
            ResultType::RefuseReasonNoDbServer,
            error.reason(),
            "no database right now, try again",
        )
    }
}

/// Checks a login request. login_server is not needed for it.
pub(crate) async fn check(
    server: &Arc<MsgServer>,
    pdu: &Pdu,
    address: SocketAddr,
) -> Result<Login, LoginRefusal> {
    let bad = |outcome, text: &str| {
        LoginRefusal::new(ResultType::RefuseReasonDbValidateFailed, outcome, text)
    };
    let request: ImLoginReq = pdu
        .decode()
        .map_err(|_| bad("unreadable", "the login request is not readable"))?;
    let device = DeviceType::parse(request.client_type)
        .map_err(|_| bad("bad_field", "unknown client_type"))?;
    let status: UserStatType = read_enum(request.online_status, "online_status")
        .map_err(|_| bad("bad_field", "unknown online_status"))?;
    if !server.db.is_up() {
        return Err(CallError::NotConnected.into());
    }
    if !server.routes.is_up() {
        let text = "no connection to other servers right now, try again";
        return Err(LoginRefusal::new(
            ResultType::RefuseReasonNoRouteServer,
            "no_route_server",
            text,
        ));
    }
    if server.users.len() >= server.limits.connections {
        return Err(LoginRefusal::new(
            ResultType::RefuseReasonMsgServerFull,
            "full",
            "this server is full",
        ));
    }

    // Who does not announce it is sent nothing of it, whatever else he writes.
    let announced = request.capabilities() & capability::ALL;
    let wants_resume = announced & capability::RESUME != 0;
    let question = ImValidateReq {
        user_name: request.user_name,
        password: request.password,
        attach_data: None,
        client_address: Some(address.ip().to_string()),
        client_type: wants_resume.then_some(device.raw()),
        wants_resume: wants_resume.then_some(true),
        resume_token: request.resume_token.filter(|_| wants_resume),
    };
    let shows_token = question.resume_token.is_some();
    let asked_at = Instant::now();
    let verdict: ImValidateRsp = server.db.call(&question.user_name, &question).await?;
    let text = verdict.result_string.unwrap_or_default();
    if verdict.result_code == STORE_UNAVAILABLE {
        return Err(LoginRefusal::new(
            ResultType::RefuseReasonNoDbServer,
            "store_unavailable",
            text,
        ));
    }
    let user_info = verdict.user_info.filter(|_| verdict.result_code == 0);
    let Some((user_info, user_id)) =
        user_info.and_then(|info| UserId::new(info.user_id).map(|id| (info, id)))
    else {
        let code = ResultType::RefuseReasonDbValidateFailed;
        let mut refusal = LoginRefusal::new(code, "refused", text);
        if shows_token && verdict.result_code == BAD_TOKEN {
            refusal.token_refused = true;
            refusal.outcome = "token_refused";
        }
        return Err(refusal);
    };
    let resume_token = verdict.resume_token.filter(|_| wants_resume);
    // who was let in by a token and is given no other keeps that one
    let resumable = resume_token.is_some() || shows_token;
    let capabilities = match resumable {
        true => announced,
        false => announced & !capability::RESUME,
    };
    let answer = ImLoginRes {
        server_time: clock::unix_seconds(),
        result_code: ResultType::RefuseReasonNone as i32,
        result_string: Some(text),
        online_status: Some(status as i32),
        user_info: Some(user_info),
        capabilities: (announced != 0).then_some(capabilities),
        resume_token,
        resume_refused: None,
    };
    let circle = match verdict.by_contact.unwrap_or_default() {
        true => Circle::only(user_ids(&verdict.contact_id)),
        false => Circle::EVERYBODY,
    };
    Ok(Login {
        user_id,
        device,
        address: address.ip(),
        capabilities,
        groups: group_versions(&verdict.group_version_list),
        circle,
        asked_at,
        answer,
        seq_num: pdu.seq_num(),
    })
}

/// What db_proxy answers when it could not look: no verdict on name and password.
const STORE_UNAVAILABLE: u32 = 3;

/// What db_proxy answers to a resume token that is no good: no verdict on the password.
const BAD_TOKEN: u32 = 100;

/// A second login on one connection is refused and changes nothing.
pub(super) fn again(_session: &Session, _request: ImLoginReq) -> Result<ImLoginRes, HandlerError> {
    Err(HandlerError::Refused("logged_in_already"))
}

/// A phone that logs out gets no notifications any more, and a device with a resume token needs its password the next
/// time. Whether that could be noted or not, the session ends.
pub(super) async fn logout(
    session: Session,
    _request: ImLogoutReq,
) -> Result<ImLogoutRsp, HandlerError> {
    if session.device.is_mobile() {
        let forget = ImDeviceTokenReq {
            user_id: session.user_id().get(),
            ..Default::default()
        };
        if let Err(error) = device_token(session.clone(), forget).await {
            debug!(reason = error.reason(), "token of a logged-out phone stays");
        }
    }
    if session.can(capability::RESUME)
        && let Err(error) = revoke_resumes(&session, session.device).await
    {
        debug!(
            reason = error.reason(),
            "resume token of a logged-out device stays"
        );
    }
    session.end(CloseReason("logout"));
    Ok(ImLogoutRsp { result_code: 0 })
}

/// A phone registers for notifications. The answer has no field to say no with: clients get it in any case.
pub(super) async fn device_token(
    session: Session,
    request: ImDeviceTokenReq,
) -> Result<ImDeviceTokenRsp, HandlerError> {
    if !session.device.is_mobile() {
        return Err(HandlerError::Refused("not_a_phone"));
    }
    session.take_allowance()?;
    let request = ImDeviceTokenReq {
        client_type: Some(session.device.raw()),
        ..request
    };
    ask(&session, request).await
}

/// Devices of that class, this user's, don't come back without the password.
async fn revoke_resumes(session: &Session, device: DeviceType) -> Result<(), HandlerError> {
    let request = ImResumeRevokeReq {
        user_id: session.user_id().get(),
        client_type: device.raw(),
        attach_data: None,
    };
    let answer: ImResumeRevokeRsp = ask(session, request).await?;
    match answer.result_code {
        0 => Ok(()),
        _ => Err(HandlerError::Unavailable("not_revoked")),
    }
}

/// A phone displaces its user's desktops, wherever they are, and takes their resume tokens away. If that fails the phone
/// is told, so that it asks again.
pub(super) async fn kick_desktop(
    session: Session,
    request: ImKickPcClientReq,
) -> Result<ImKickPcClientRsp, HandlerError> {
    if !session.device.is_mobile() {
        return Err(HandlerError::Refused("not_a_phone"));
    }
    session.take_allowance()?;
    let server = &session.server;
    let user_id = session.user_id();
    let now = clock::login_stamp();
    let desktop = DeviceType::MAC;
    let desktops = server.users.displace(user_id, desktop, now, &**server);
    kick(&desktops, KickReasonType::KickReasonMobileKick);
    server
        .routes
        .displace_elsewhere(user_id, desktop, now, KickReasonType::KickReasonMobileKick);
    revoke_resumes(&session, desktop).await?;
    Ok(ImKickPcClientRsp {
        user_id: request.user_id,
        result_code: 0,
    })
}

pub(super) async fn push_shield(
    session: Session,
    request: ImPushShieldReq,
) -> Result<ImPushShieldRsp, HandlerError> {
    session.take_allowance()?;
    ask(&session, request).await
}

pub(super) async fn query_push_shield(
    session: Session,
    request: ImQueryPushShieldReq,
) -> Result<ImQueryPushShieldRsp, HandlerError> {
    ask(&session, request).await
}

/// A login on another msg_server displaces sessions here, or a phone there the desktops here.
pub(super) fn kick_elsewhere(
    pushed: &Pushed,
    request: ImServerKickUser,
) -> Result<NoReply, HandlerError> {
    let user_id = UserId::new(request.user_id).ok_or(HandlerError::Refused("bad_user_id"))?;
    let device = DeviceType::parse(request.client_type)?;
    let reason = i32::try_from(request.reason).unwrap_or(0);
    let reason: KickReasonType = read_enum(reason, "reason")?;
    // A server that stamps nothing means everybody who is there.
    let stamp = request.login_stamp.unwrap_or(u64::MAX);
    let server = &pushed.server;
    let displaced = server.users.displace(user_id, device, stamp, &**server);
    kick(&displaced, reason);
    // route_server passes a kick on to where it knows the user to be by then. Two logins at the same moment may cross
    // on their way to it so that the later one's kick finds nobody; the earlier one's comes here, and is answered.
    if reason == KickReasonType::KickReasonDuplicateUser
        && let Some(later) = server.users.login_after(user_id, device, stamp)
    {
        server
            .routes
            .displace_elsewhere(user_id, device, later, reason);
    }
    Ok(NoReply)
}

/// A desktop of a user came somewhere, or the last one went: the user's phones here are told.
pub(super) fn own_desktop(
    pushed: &Pushed,
    notice: ImServerPcLoginStatusNotify,
) -> Result<NoReply, HandlerError> {
    let user_id = UserId::new(notice.user_id).ok_or(HandlerError::Refused("bad_user_id"))?;
    pushed
        .server
        .fanout
        .own_desktop(user_id, notice.login_status == 1);
    Ok(NoReply)
}
