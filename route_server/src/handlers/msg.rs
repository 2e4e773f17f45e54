//! Service 3: messages and read marks on their way to other msg_servers.

use im_base::dispatch::HandlerError;
use proto::Pdu;
use proto::ids::UserId;
use proto::im::message::{ImMsgData, ImMsgDataReadNotify};

use crate::relay::{Lasting, Receivers};
use crate::route::Peer;

/// A stored message goes to every other msg_server that has a device of its sender or of its receiver.
pub(super) fn deliver(peer: &Peer, pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    let message: ImMsgData = pdu
        .decode()
        .map_err(|_| HandlerError::Refused("unreadable"))?;
    if message.msg_type & 0x10 != 0 {
        return Err(HandlerError::Refused("group_message"));
    }
    let users = receivers([message.from_user_id, message.to_session_id]);
    peer.route
        .pass_on::<ImMsgData>(peer.id, users, pdu, Lasting::Yes);
    Ok(None)
}

/// A user read a conversation on one device: the others are told.
pub(super) fn read(peer: &Peer, pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    let notice: ImMsgDataReadNotify = pdu
        .decode()
        .map_err(|_| HandlerError::Refused("unreadable"))?;
    peer.route.pass_on::<ImMsgDataReadNotify>(
        peer.id,
        receivers([notice.user_id]),
        pdu,
        Lasting::Yes,
    );
    Ok(None)
}

/// The users among these ids; zero is none.
pub(super) fn receivers(ids: impl IntoIterator<Item = u32>) -> Receivers {
    ids.into_iter().filter_map(UserId::new).collect()
}
