//! Service 1: which msg_server to go to.

use std::sync::Arc;

use im_base::dispatch::router::Actor;
use im_base::dispatch::{HandlerError, Router};
use im_base::telemetry::metrics::HANDOUTS;
use metrics::counter;
use proto::im::base_define::ResultType;
use proto::im::login::{ImMsgServReq, ImMsgServRsp};
use tokio::time::Instant;

use crate::directory::{Address, Directory, Nobody};

/// Whoever asks: somebody who is not known yet and needs not be.
#[derive(Clone)]
pub struct Inquirer {
    /// What the answer is taken from.
    pub directory: Arc<Directory>,
}

impl Actor for Inquirer {}

pub(super) fn routes(router: Router<Inquirer>) -> Router<Inquirer> {
    router.on_sync(find_msg_server)
}

/// Chooses a msg_server, and counts the answer as given over `transport`.
pub(crate) fn choose(directory: &Directory, transport: &'static str) -> Result<Address, Nobody> {
    let choice = directory.hand_out(Instant::now());
    let outcome = match &choice {
        Ok(_) => "ok",
        Err(Nobody::Registered) => "none_registered",
        Err(Nobody::Free) => "all_full",
    };
    counter!(HANDOUTS, "transport" => transport, "outcome" => outcome).increment(1);
    choice
}

/// The same answer as over HTTP (PROTOCOL.md, "Finding a msg_server").
fn find_msg_server(
    inquirer: &Inquirer,
    _request: ImMsgServReq,
) -> Result<ImMsgServRsp, HandlerError> {
    let refused = |reason: ResultType| ImMsgServRsp {
        result_code: reason.into(),
        ..Default::default()
    };
    Ok(match choose(&inquirer.directory, "tcp") {
        Ok(address) => ImMsgServRsp {
            result_code: ResultType::RefuseReasonNone.into(),
            prior_ip: Some(address.ip1),
            backip_ip: Some(address.ip2),
            port: Some(address.port.into()),
            tls_port: (address.tls_port != 0).then(|| address.tls_port.into()),
        },
        Err(Nobody::Registered) => refused(ResultType::RefuseReasonNoMsgServer),
        Err(Nobody::Free) => refused(ResultType::RefuseReasonMsgServerFull),
    })
}
