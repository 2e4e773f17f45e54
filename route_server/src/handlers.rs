//! What msg_servers send us, one file per service.

mod buddy;
mod group;
mod msg;
mod other;
mod switch;

use im_base::dispatch::Router;
use proto::Role;
use proto::im::buddy::{ImAvatarChangedNotify, ImRemoveSessionNotify, ImSignInfoChangedNotify};
use proto::im::ext::group::ImGroupMembers;
use proto::im::ext::other::{ImFramesLost, ImNotice};
use proto::im::group::ImGroupChangeMemberNotify;
use proto::im::message::{ImMsgData, ImMsgDataReadNotify};
use proto::im::other::ImHeartBeat;
use proto::im::server::ImServerKickUser;
use proto::im::switch_service::Imp2pCmdMsg;

use crate::route::Peer;

/// The table: from a msg_server to us.
pub(crate) fn router() -> Router<Peer> {
    Router::new(Role::MsgServer, Role::RouteServer)
        .on_sync(buddy::users_status)
        .on_pdu::<ImRemoveSessionNotify>(buddy::session_removed)
        .on_pdu::<ImAvatarChangedNotify>(buddy::profile_changed::<ImAvatarChangedNotify>)
        .on_pdu::<ImSignInfoChangedNotify>(buddy::profile_changed::<ImSignInfoChangedNotify>)
        .on_pdu::<ImMsgData>(msg::deliver)
        .on_pdu::<ImMsgDataReadNotify>(msg::read)
        .on_pdu::<ImGroupChangeMemberNotify>(group::changed)
        .on_pdu::<ImGroupMembers>(group::members)
        .on_sync(group::interest)
        .on_pdu::<Imp2pCmdMsg>(switch::signal)
        .on_pdu::<ImHeartBeat>(other::heartbeat)
        .on_sync(other::role_set)
        .on_sync(other::online_users)
        .on_sync(other::user_status)
        .on_pdu::<ImServerKickUser>(other::kick)
        .on_pdu::<ImFramesLost>(other::frames_lost)
        .on_pdu::<ImNotice>(other::notice)
}
