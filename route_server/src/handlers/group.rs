//! Service 4: who is in a group, and which msg_servers need its messages.

use im_base::dispatch::HandlerError;
use proto::ids::GroupId;
use proto::im::ext::group::{ImGroupInterest, ImGroupMembers};
use proto::im::group::ImGroupChangeMemberNotify;
use proto::{NoReply, Pdu};

use super::msg::group_id;
use crate::route::Peer;

/// A msg_server has got a first member of a group online, or lost the last one.
pub(super) fn interest(peer: &Peer, said: ImGroupInterest) -> Result<NoReply, HandlerError> {
    let groups =
        |ids: Vec<u32>| -> Vec<GroupId> { ids.into_iter().filter_map(GroupId::new).collect() };
    peer.route
        .interest(peer.id, &groups(said.begun), &groups(said.ended));
    Ok(NoReply)
}

/// Members came or went: every msg_server is told, for its clients and for the messages to come.
pub(super) fn changed(peer: &Peer, pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    let notice: ImGroupChangeMemberNotify = pdu
        .decode()
        .map_err(|_| HandlerError::Refused("unreadable"))?;
    peer.route.members::<ImGroupChangeMemberNotify>(
        peer.id,
        group_id(notice.group_id)?,
        &notice.cur_user_id_list,
        pdu,
    );
    Ok(None)
}

/// Who is in a group that is new, or about which somebody had missed something.
pub(super) fn members(peer: &Peer, pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    let group: ImGroupMembers = pdu
        .decode()
        .map_err(|_| HandlerError::Refused("unreadable"))?;
    peer.route
        .members::<ImGroupMembers>(peer.id, group_id(group.group_id)?, &group.member_id, pdu);
    Ok(None)
}
