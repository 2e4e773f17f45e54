//! What clients ask us and what other servers push to us, one file per service.

mod buddy;
mod file;
pub(crate) mod group;
pub(crate) mod login;
pub(crate) mod msg;
pub(crate) mod other;
mod switch;

use im_base::dispatch::Router;
use proto::Role;
use proto::im::buddy::ImRemoveSessionNotify;
use proto::im::message::{ImMsgData, ImMsgDataReadNotify};
use proto::im::other::ImHeartBeat;
use proto::im::switch_service::Imp2pCmdMsg;

use crate::links::Pushed;
use crate::session::Session;

/// The table: from a logged-in client to us. Every command that the protocol lets a client send is in it.
pub(crate) fn client_router() -> Router<Session> {
    Router::new(Role::Client, Role::MsgServer)
        .on_sync(login::again)
        .on(login::logout)
        .on_sync(login::account::register_again)
        .on(login::account::change_password)
        .on(login::account::delete)
        .on(login::device_token)
        .on(login::kick_desktop)
        .on(login::push_shield)
        .on(login::query_push_shield)
        .on(buddy::recent_sessions)
        .on(buddy::users_info)
        .on(buddy::remove_session)
        .on_numbered(buddy::all_users)
        .on(buddy::users_status)
        .on(buddy::change_avatar)
        .on(buddy::departments)
        .on(buddy::change_signature)
        .on(buddy::contacts::ask)
        .on(buddy::contacts::answer)
        .on(buddy::contacts::remove)
        .on(buddy::contacts::block)
        .on(buddy::contacts::list)
        .on(buddy::change_profile)
        .on_numbered(msg::send)
        .on_sync(msg::received)
        .on_hold(msg::read)
        .on_sync(msg::time)
        .on(msg::unread)
        .on(msg::history)
        .on(msg::latest_id)
        .on(msg::by_ids)
        .on(msg::sync)
        .on(msg::revision::recall)
        .on(msg::revision::edit)
        .on(msg::typing::typing)
        .on(msg::readers::readers)
        .on(group::normal_list)
        .on_numbered(group::info)
        .on(group::create)
        .on(group::change_members)
        .on(group::shield)
        .on(group::step::join)
        .on(group::step::invite)
        .on(group::step::answer)
        .on(group::step::leave)
        .on(group::step::disband)
        .on(group::step::transfer)
        .on(group::step::set)
        .on(group::step::set_member)
        .on(group::step::details)
        .on(group::step::requests)
        .on_sync(file::offer)
        .on_sync(file::waiting)
        .on_sync(file::brought)
        .on_sync(file::fetched)
        .on(switch::signal)
        .on_pdu::<ImHeartBeat>(other::heartbeat)
}

/// The table: from a route_server to us.
pub(crate) fn route_router() -> Router<Pushed> {
    Router::new(Role::RouteServer, Role::MsgServer)
        .on_sync(buddy::presence)
        .on_pdu::<ImRemoveSessionNotify>(buddy::session_removed)
        .on_sync(buddy::avatar_changed)
        .on_sync(buddy::signature_changed)
        .on_pdu::<ImMsgData>(msg::deliver)
        .on_pdu::<ImMsgDataReadNotify>(msg::read_elsewhere)
        .on_sync(group::changed_elsewhere)
        .on_sync(group::members)
        .on_pdu::<Imp2pCmdMsg>(switch::deliver)
        .on_sync(login::kick_elsewhere)
        .on_sync(login::own_desktop)
        .on_sync(other::peer_lost)
        .on_sync(other::frames_lost)
        .on_sync(other::notice)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proto::commands;

    use super::*;

    #[test]
    fn every_command_a_client_may_send_is_handled() {
        let handled: BTreeSet<_> = client_router().commands().collect();
        let wanted: BTreeSet<_> = commands::all()
            .filter(|command| command.allows(Role::Client, Role::MsgServer))
            .map(|command| command.id)
            .collect();
        assert_eq!(handled, wanted);
    }
}
