//! Service 7: presence as msg_servers report it, kicks, heartbeats.

use im_base::dispatch::HandlerError;
use proto::device::DeviceType;
use proto::ids::UserId;
use proto::im::base_define::UserStatType;
use proto::im::ext::other::{ImFramesLost, ImNotice};
use proto::im::server::{ImOnlineUserInfo, ImRoleSet, ImServerKickUser, ImUserStatusUpdate};
use proto::{NoReply, Pdu};

use super::msg::group_id;
use crate::relay::{Lasting, Receivers};
use crate::route::{Audience, Peer};

/// Keeps the connection alive by having arrived.
pub(super) fn heartbeat(_peer: &Peer, _pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    Ok(None)
}

/// Users that a msg_server has, from its announcement on connecting.
pub(super) fn online_users(
    peer: &Peer,
    announced: ImOnlineUserInfo,
) -> Result<NoReply, HandlerError> {
    for stat in announced.user_stat_list {
        let user = user_id(stat.user_id)?;
        let device = DeviceType::parse(stat.client_type)?;
        let arrived = stat.status != UserStatType::UserStatusOffline as i32;
        peer.route
            .update(peer.id, user, device, arrived, Audience::default());
    }
    Ok(NoReply)
}

/// The announcement is complete: a msg_server says so behind it.
pub(super) fn role_set(peer: &Peer, _role: ImRoleSet) -> Result<NoReply, HandlerError> {
    peer.route.announced(peer.id);
    Ok(NoReply)
}

/// A user's device came or went.
pub(super) fn user_status(
    peer: &Peer,
    update: ImUserStatusUpdate,
) -> Result<NoReply, HandlerError> {
    let user = user_id(update.user_id)?;
    let device = DeviceType::parse(update.client_type)?;
    let arrived = update.user_status != UserStatType::UserStatusOffline as u32;
    let audience = Audience {
        users: update.audience,
        by_contact: update.by_contact,
    };
    peer.route.update(peer.id, user, device, arrived, audience);
    Ok(NoReply)
}

/// A login displaces connections of its class on other msg_servers.
pub(super) fn kick(peer: &Peer, pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    let kick: ImServerKickUser = pdu
        .decode()
        .map_err(|_| HandlerError::Refused("unreadable"))?;
    peer.route.pass_on::<ImServerKickUser>(
        peer.id,
        Receivers::users([kick.user_id]),
        pdu,
        Lasting::Yes,
    );
    Ok(None)
}

/// A msg_server could not pass on what it should have: all the others are told.
pub(super) fn frames_lost(peer: &Peer, pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    peer.route
        .pass_on::<ImFramesLost>(peer.id, Receivers::Everybody, pdu, Lasting::Yes);
    Ok(None)
}

/// A notice of an extension goes to every other msg_server that has a device of one of its users, or a member of its group.
pub(super) fn notice(peer: &Peer, pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    let notice: ImNotice = pdu
        .decode()
        .map_err(|_| HandlerError::Refused("unreadable"))?;
    let receivers = match notice.group_id {
        Some(group) => Receivers::Members(group_id(group)?),
        None if notice.user_id.is_empty() => Receivers::Everybody,
        None => Receivers::users(notice.user_id),
    };
    let lasting = match notice.fleeting {
        Some(true) => Lasting::No,
        Some(false) | None => Lasting::Yes,
    };
    peer.route
        .pass_on::<ImNotice>(peer.id, receivers, pdu, lasting);
    Ok(None)
}

fn user_id(raw: u32) -> Result<UserId, HandlerError> {
    UserId::new(raw).ok_or(HandlerError::Refused("bad_user_id"))
}
