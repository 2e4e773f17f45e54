//! Accounts: made before the login.

use std::net::SocketAddr;
use std::sync::Arc;

use im_base::dispatch::HandlerError;
use im_base::telemetry::metrics::REGISTRATIONS;
use metrics::counter;
use proto::Pdu;
use proto::im::login::{ImRegistReq, ImRegistRes};

use crate::server::MsgServer;
use crate::session::Session;

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
