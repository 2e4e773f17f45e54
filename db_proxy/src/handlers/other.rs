//! Service 7: logins, heartbeats.

use std::net::IpAddr;
use std::sync::Arc;

use im_base::dispatch::HandlerError;
use proto::Pdu;
use proto::im::server::{ImValidateReq, ImValidateRsp};
use tracing::warn;

use super::buddy::user_info;
use crate::logic::login::LoginRefusal;
use crate::server::DbProxy;

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
    Ok(ImValidateRsp {
        user_name: request.user_name,
        result_code,
        result_string: Some(text),
        // Somebody who may log in is shown as employed (PROTOCOL.md, "Login").
        user_info: user.map(user_info),
        attach_data: request.attach_data,
        ..Default::default()
    })
}
