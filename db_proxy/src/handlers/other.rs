//! Service 7: logins, heartbeats.

use std::net::IpAddr;
use std::sync::Arc;

use im_base::dispatch::HandlerError;
use proto::Pdu;
use proto::ids::UserId;
use proto::im::base_define::GroupVersionInfo;
use proto::im::server::{ImValidateReq, ImValidateRsp};
use tracing::warn;

use super::buddy::user_info;
use super::group::version_info;
use crate::logic::login::LoginRefusal;
use crate::server::DbProxy;
use crate::store::StoreError;

const WRONG: u32 = 1;
/// No verdict: the login could not be checked. The original has no such number; its msg_server treats all alike.
const UNAVAILABLE: u32 = 3;
const TOO_MANY_FAILURES: u32 = 6;

/// Keeps the connection alive by having arrived.
pub(super) fn heartbeat(_proxy: &Arc<DbProxy>, _pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    Ok(None)
}

pub(super) async fn validate(
    proxy: Arc<DbProxy>,
    request: ImValidateReq,
) -> Result<ImValidateRsp, HandlerError> {
    // Without the extension every client counts as one source.
    let source = request
        .client_address
        .as_deref()
        .and_then(|text| text.parse::<IpAddr>().ok());
    let verdict = proxy
        .login
        .validate(&request.user_name, &request.password, source)
        .await;
    let verdict = match verdict {
        Ok(user) => match surroundings(&proxy, user.id).await {
            Ok(surroundings) => Ok((user, surroundings)),
            Err(error) => Err(LoginRefusal::from(error)),
        },
        Err(refusal) => Err(refusal),
    };
    let (result_code, text, user) = match verdict {
        Ok(user) => (0, String::new(), Some(user)),
        Err(refusal) => {
            let code = match &refusal {
                LoginRefusal::WrongNameOrPassword => WRONG,
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
    let (user, surroundings) = user.unzip();
    let Surroundings { groups, contacts } = surroundings.unwrap_or_default();
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
    })
}

/// What a msg_server has to know of a user to deliver to him.
#[derive(Default)]
struct Surroundings {
    groups: Vec<GroupVersionInfo>,
    /// Whom he follows, if not everybody.
    contacts: Option<Vec<u32>>,
}

async fn surroundings(proxy: &DbProxy, user: UserId) -> Result<Surroundings, StoreError> {
    let groups = proxy.groups.of_user(user, None).await?;
    let contacts = proxy.contacts.of_user(user).await?;
    Ok(Surroundings {
        groups: groups.into_iter().map(version_info).collect(),
        contacts: contacts.map(|contacts| contacts.into_iter().map(UserId::get).collect()),
    })
}
