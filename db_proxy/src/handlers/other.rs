//! Service 7: logins, heartbeats.

use std::sync::Arc;

use bytes::Bytes;
use im_base::dispatch::HandlerError;
use im_base::telemetry::metrics::RESUMES;
use metrics::counter;
use proto::Pdu;
use proto::device::DeviceType;
use proto::ids::UserId;
use proto::im::base_define::GroupVersionInfo;
use proto::im::server::{ImValidateReq, ImValidateRsp};
use tracing::warn;

use super::buddy::user_info;
use super::group::version_info;
use super::login::address;
use crate::logic::login::LoginRefusal;
use crate::server::DbProxy;
use crate::store::{Account, StoreError, User};

const WRONG: u32 = 1;
/// No verdict: the login could not be checked. The original has no such number; its msg_server treats all alike.
const UNAVAILABLE: u32 = 3;
const TOO_MANY_FAILURES: u32 = 6;
/// No verdict on the password: the resume token is no good. Only who showed one is told.
const BAD_TOKEN: u32 = 100;

/// Keeps the connection alive by having arrived.
pub(super) fn heartbeat(_proxy: &Arc<DbProxy>, _pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    Ok(None)
}

pub(super) async fn validate(
    proxy: Arc<DbProxy>,
    request: ImValidateReq,
) -> Result<ImValidateRsp, HandlerError> {
    let (result_code, text, admitted) = match admit(&proxy, &request).await {
        Ok(admitted) => (0, String::new(), Some(admitted)),
        Err(refusal) => {
            let code = match &refusal {
                LoginRefusal::WrongNameOrPassword => WRONG,
                LoginRefusal::Token => BAD_TOKEN,
                LoginRefusal::TooManyFailures => TOO_MANY_FAILURES,
                LoginRefusal::Unavailable(trouble) => {
                    warn!(
                        error = trouble as &dyn std::error::Error,
                        "login cannot be checked"
                    );
                    UNAVAILABLE
                }
            };
            (code, refusal.to_string(), None)
        }
    };
    let (user, surroundings, resume_token) = match admitted {
        Some(admitted) => (Some(admitted.user), admitted.surroundings, admitted.token),
        None => Default::default(),
    };
    let Surroundings { groups, contacts } = surroundings;
    Ok(ImValidateRsp {
        user_name: request.user_name,
        result_code,
        result_string: Some(text),
        // Somebody who may log in is shown as employed (PROTOCOL.md, "Login").
        user_info: user.map(user_info),
        attach_data: request.attach_data,
        group_version_list: groups,
        by_contact: contacts.is_some().then_some(true),
        contact_id: contacts.unwrap_or_default(),
        resume_token,
    })
}

/// Somebody who is let in.
struct Admitted {
    user: User,
    surroundings: Surroundings,
    token: Option<Bytes>,
}

async fn admit(proxy: &DbProxy, request: &ImValidateReq) -> Result<Admitted, LoginRefusal> {
    let (account, token) = identify(proxy, request).await?;
    let surroundings = surroundings(proxy, account.user.id).await?;
    Ok(Admitted {
        user: account.user,
        surroundings,
        token,
    })
}

/// Who it is, by token or password, and what he shows the next time.
async fn identify(
    proxy: &DbProxy,
    request: &ImValidateReq,
) -> Result<(Account, Option<Bytes>), LoginRefusal> {
    let source = address(request.client_address.as_deref());
    let name = &request.user_name;
    // A msg_server that does not say which device it is gets no token.
    let device_type = request.client_type.map(DeviceType::parse);
    let resumes = proxy.resumes.as_ref();
    let resumes = resumes.zip(device_type.and_then(Result::ok));
    if let Some(token) = &request.resume_token {
        let Some((resumes, device_type)) = resumes else {
            return Err(LoginRefusal::Token);
        };
        let login = &proxy.login;
        let resumed = login.resume(resumes, name, device_type, token).await;
        let outcome = if resumed.is_ok() {
            "accepted"
        } else {
            "refused"
        };
        counter!(RESUMES, "outcome" => outcome).increment(1);
        return resumed;
    }
    let account = proxy
        .login
        .validate(name, &request.password, source)
        .await?;
    let token = match resumes {
        Some((resumes, device_type)) if request.wants_resume() => {
            resumes.issue(&account, device_type).await
        }
        _ => None,
    };
    Ok((account, token))
}

/// What a msg_server has to know of a user to deliver to him.
#[derive(Default)]
struct Surroundings {
    groups: Vec<GroupVersionInfo>,
    /// Whom he follows, if not everybody.
    contacts: Option<Vec<u32>>,
}

async fn surroundings(proxy: &DbProxy, user: UserId) -> Result<Surroundings, StoreError> {
    let groups = proxy.groups.all_of_user(user).await?;
    let contacts = proxy.circles.of_user(user, !groups.is_empty()).await?;
    Ok(Surroundings {
        groups: groups.into_iter().map(version_info).collect(),
        contacts: contacts.map(|contacts| contacts.into_iter().map(UserId::get).collect()),
    })
}
