//! Service 2: who is online; notices between a user's devices.

use im_base::dispatch::HandlerError;
use proto::im::buddy::{ImRemoveSessionNotify, ImUsersStatReq, ImUsersStatRsp};
use proto::{Body, Pdu};

use crate::relay::{Lasting, Receivers};
use crate::route::Peer;

/// Which of some users are online; an answer for each, unknown ones offline.
pub(super) fn users_status(
    peer: &Peer,
    request: ImUsersStatReq,
) -> Result<ImUsersStatRsp, HandlerError> {
    Ok(ImUsersStatRsp {
        user_id: request.user_id,
        user_stat_list: peer.route.status(&request.user_id_list),
        attach_data: request.attach_data,
    })
}

/// A user took a conversation off the list on one device: the others are told.
pub(super) fn session_removed(peer: &Peer, pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    let notice: ImRemoveSessionNotify = pdu
        .decode()
        .map_err(|_| HandlerError::Refused("unreadable"))?;
    peer.route.pass_on::<ImRemoveSessionNotify>(
        peer.id,
        Receivers::users([notice.user_id]),
        pdu,
        Lasting::Yes,
    );
    Ok(None)
}

/// A user's avatar or signature changed: whom it concerns the msg_servers know.
pub(super) fn profile_changed<M: Body>(
    peer: &Peer,
    pdu: &Pdu,
) -> Result<Option<Pdu>, HandlerError> {
    peer.route
        .pass_on::<M>(peer.id, Receivers::Everybody, pdu, Lasting::Yes);
    Ok(None)
}
