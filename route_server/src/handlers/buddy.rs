//! Service 2: who is online; notices between a user's devices.

use im_base::dispatch::HandlerError;
use proto::Pdu;
use proto::im::buddy::{ImRemoveSessionNotify, ImUsersStatReq, ImUsersStatRsp};

use super::msg::receivers;
use crate::relay::Lasting;
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
        receivers([notice.user_id]),
        pdu,
        Lasting::Yes,
    );
    Ok(None)
}
