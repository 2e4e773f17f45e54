//! Service 3: messages and read marks on their way to other msg_servers.

use im_base::dispatch::HandlerError;
use proto::Pdu;
use proto::ids::GroupId;
use proto::im::message::{ImMsgData, ImMsgDataReadNotify};

use crate::relay::{Lasting, Receivers};
use crate::route::Peer;

/// A stored message goes to every other msg_server that has a device of its sender or of its receiver; a group's, to
/// every other that has a member online.
pub(super) fn deliver(peer: &Peer, pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    let message: ImMsgData = pdu
        .decode()
        .map_err(|_| HandlerError::Refused("unreadable"))?;
    let receivers = if message.msg_type & 0x10 != 0 {
        Receivers::Members(group_id(message.to_session_id)?)
    } else {
        Receivers::users([message.from_user_id, message.to_session_id])
    };
    peer.route
        .pass_on::<ImMsgData>(peer.id, receivers, pdu, Lasting::Yes);
    Ok(None)
}

/// A user read a conversation on one device: the others are told.
pub(super) fn read(peer: &Peer, pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    let notice: ImMsgDataReadNotify = pdu
        .decode()
        .map_err(|_| HandlerError::Refused("unreadable"))?;
    peer.route.pass_on::<ImMsgDataReadNotify>(
        peer.id,
        Receivers::users([notice.user_id]),
        pdu,
        Lasting::Yes,
    );
    Ok(None)
}

pub(super) fn group_id(raw: u32) -> Result<GroupId, HandlerError> {
    GroupId::new(raw).ok_or(HandlerError::Refused("bad_group_id"))
}
