//! Service 7: msg_servers announce themselves and count their clients, none of which is answered; and one that stops asks where
//! its clients could go.

use std::sync::Arc;

use im_base::dispatch::router::Actor;
use im_base::dispatch::{HandlerError, Router};
use im_base::net::CloseReason;
use proto::im::ext::login::{ImServersReq, ImServersRsp, ServerAddress};
use proto::im::other::ImHeartBeat;
use proto::im::server::{ImMsgServInfo, ImUserCntUpdate};
use proto::{NoReply, Pdu};
use tracing::{info, warn};

use crate::directory::{Address, MsgServer, NotAnnounced, Registration};

/// A msg_server clients could not be sent to. Closed, so that its operator sees it there as well.
const BAD_ANNOUNCEMENT: CloseReason = CloseReason("bad_announcement");

/// `user_action` of a client that came; anything else is one that went (PROTOCOL.md, "Load").
const CAME: u32 = 1;

/// A msg_server on its registration connection.
#[derive(Clone)]
pub struct Announcer {
    /// Its place in the directory.
    pub registration: Arc<Registration>,
}

impl Actor for Announcer {}

pub(super) fn routes(router: Router<Announcer>) -> Router<Announcer> {
    router
        .on_sync(announce)
        .on_sync(count)
        .on_sync(elsewhere)
        .on_pdu::<ImHeartBeat>(heartbeat)
}

/// Enters or replaces the entry of this connection.
fn announce(announcer: &Announcer, info: ImMsgServInfo) -> Result<NoReply, HandlerError> {
    let host = info.host_name.clone();
    let (load, capacity) = (info.cur_conn_cnt, info.max_conn_cnt);
    let Some(address) = read_address(info) else {
        warn!(
            host,
            "msg_server announces no usable address, check its configuration"
        );
        return Err(HandlerError::Close(BAD_ANNOUNCEMENT));
    };
    info!(
        host,
        ip1 = address.ip1,
        port = address.port,
        tls_port = address.tls_port,
        load,
        capacity,
        "msg_server announced"
    );
    announcer.registration.announce(MsgServer {
        address,
        capacity,
        load,
    });
    Ok(NoReply)
}

/// The address clients get. A missing second one is the first: clients try both.
fn read_address(info: ImMsgServInfo) -> Option<Address> {
    let port = u16::try_from(info.port).ok()?;
    let tls_port = u16::try_from(info.tls_port()).ok()?;
    if port == 0 && tls_port == 0 || info.ip1.is_empty() {
        return None;
    }
    let ip2 = if info.ip2.is_empty() {
        info.ip1.clone()
    } else {
        info.ip2
    };
    Some(Address {
        ip1: info.ip1,
        ip2,
        port,
        tls_port,
    })
}

/// Counts one client that came or went.
fn count(announcer: &Announcer, update: ImUserCntUpdate) -> Result<NoReply, HandlerError> {
    let counted = if update.user_action == CAME {
        announcer.registration.client_came()
    } else {
        announcer.registration.client_went()
    };
    match counted {
        Ok(()) => Ok(NoReply),
        Err(NotAnnounced) => Err(HandlerError::Refused("not_announced")),
    }
}

/// The other msg_servers with room.
fn elsewhere(announcer: &Announcer, request: ImServersReq) -> Result<ImServersRsp, HandlerError> {
    let most = usize::try_from(request.most).unwrap_or(usize::MAX);
    let servers = announcer.registration.elsewhere(most).into_iter();
    let server = servers.map(|address| ServerAddress {
        ip1: address.ip1,
        ip2: address.ip2,
        port: address.port.into(),
        tls_port: (address.tls_port != 0).then(|| address.tls_port.into()),
    });
    Ok(ImServersRsp {
        server: server.collect(),
    })
}

/// That it came is all there is to it: both sides send heartbeats, neither answers one.
fn heartbeat(_announcer: &Announcer, _pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    Ok(None)
}
