//! Service 3: messages and read marks on their way to other msg_servers.

use im_base::dispatch::HandlerError;
use im_base::telemetry::trace::{self, Conversation, Record, Step};
use proto::Pdu;
use proto::ids::GroupId;
use proto::im::message::{ImMsgData, ImMsgDataReadNotify};

use crate::presence::PeerId;
use crate::relay::{Lasting, Receivers};
use crate::route::Peer;

/// A stored message goes to every other msg_server that has a device of its sender or of its receiver, if it is not withheld
/// from him; a group's, to every other that has a member online.
pub(super) fn deliver(peer: &Peer, pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    let message: ImMsgData = pdu
        .decode()
        .map_err(|_| HandlerError::Refused("unreadable"))?;
    let receivers = if message.msg_type & 0x10 != 0 {
        Receivers::Members(group_id(message.to_session_id)?)
    } else if message.withheld() {
        Receivers::users([message.from_user_id])
    } else {
        Receivers::users([message.from_user_id, message.to_session_id])
    };
    let copies = peer
        .route
        .pass_on::<ImMsgData>(peer.id, receivers, pdu, Lasting::Yes);
    note(peer.id, &message, &copies);
    Ok(None)
}

/// For whoever asks later what became of the message.
fn note(from: PeerId, message: &ImMsgData, copies: &[PeerId]) {
    let (sender, to) = (message.from_user_id, message.to_session_id);
    let conversation = Conversation::of_message(sender, to, message.msg_type);
    let nobody = Step::NobodyElse { from: from.0 };
    let record = Record::now(conversation, message.msg_id, nobody);
    if copies.is_empty() {
        trace::ring().push(record);
    }
    for to in copies {
        let (from, to) = (from.0, to.0);
        trace::ring().push(record.and(Step::PassedOn { from, to }));
    }
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
