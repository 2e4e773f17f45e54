//! What msg_servers ask us, one file per service: wire to domain and back, nothing else.
//!
//! Every answer repeats the note a msg_server attached to its request (PROTOCOL.md, "attach_data").

mod buddy;
mod group;
mod login;
mod msg;
mod other;

use std::sync::Arc;

use im_base::dispatch::{HandlerError, Router};
use im_base::telemetry::metrics::STORE_FAILURES;
use metrics::counter;
use parking_lot::Mutex;
use proto::im::message::ImMsgDataReadNotify;
use proto::im::other::ImHeartBeat;
use proto::{Body, Request, Role};

use crate::logic::group_commit::WriteError;
use crate::logic::told::Told;
use crate::server::DbProxy;
use crate::store::StoreError;

/// The table: from a msg_server to us.
pub(crate) fn router() -> Router<Arc<DbProxy>> {
    Router::new(Role::MsgServer, Role::DbProxy)
        .on_with(login::account::register, refused)
        .on_with(login::account::change_password, refused)
        .on_with(login::account::delete, refused)
        .on_with(login::device_token, login::token_noted)
        .on_with(login::push_shield, refused)
        .on_with(login::query_push_shield, refused)
        .on_with(login::revoke_resumes, refused)
        .on_with(buddy::recent_sessions, nobodys)
        .on_with(buddy::users_info, nobodys)
        .on_with(buddy::remove_session, refused)
        .on_with(buddy::all_users, nobodys)
        .on_with(buddy::change_avatar, refused)
        .on_with(buddy::departments, nobodys)
        .on_with(buddy::change_sign_info, refused)
        .on_with(buddy::contacts::ask, refused)
        .on_with(buddy::contacts::answer, refused)
        .on_with(buddy::contacts::remove, refused)
        .on_with(buddy::contacts::block, refused)
        .on_with(buddy::contacts::list, refused)
        .on_with(buddy::change_profile, refused)
        .on_with(msg::store, msg::not_stored)
        .on_with(msg::read, |_| Some(ImMsgDataReadNotify::default()))
        .on_with(msg::unread, nobodys)
        .on_with(msg::history, nobodys)
        .on_with(msg::latest_id, nobodys)
        .on_with(msg::by_ids, nobodys)
        .on_with(msg::sync::sync, refused)
        .on_with(msg::missed::missed, refused)
        .on_with(msg::revision::recall, refused)
        .on_with(msg::revision::edit, refused)
        .on_with(msg::audience::readers, refused)
        .on_with(msg::audience::reach, refused)
        .on_with(group::normal_list, nobodys)
        .on_with(group::info_list, nobodys)
        .on_with(group::create, refused)
        .on_with(group::change_member, refused)
        .on_with(group::shield, refused)
        .on_with(group::step::join, refused)
        .on_with(group::step::invite, refused)
        .on_with(group::step::answer, refused)
        .on_with(group::step::leave, refused)
        .on_with(group::step::disband, refused)
        .on_with(group::step::transfer, refused)
        .on_with(group::step::set, refused)
        .on_with(group::step::set_member, refused)
        .on_with(group::step::details, refused)
        .on_with(group::step::requests, refused)
        .on_with(group::members, nobodys)
        .on_with(group::user_groups, nobodys)
        .on_pdu::<ImHeartBeat>(other::heartbeat)
        .on_with(other::validate, refused)
}

/// The command's own way of saying no, with the note that came with the request.
fn refused<Q>(request: &Q) -> Option<Q::Reply>
where
    Q: Request + Clone,
    Q::Reply: Body,
{
    let mut answer = request.refusal()?;
    answer.attach(request.clone().detach());
    Some(answer)
}

/// The answer of a request that has no field to say no with: nobody's, with nothing in it (PROTOCOL.md, "Links"). It
/// ends the asker's wait and frees the request's number; no client ever sees it.
fn nobodys<Q>(request: &Q) -> Option<Q::Reply>
where
    Q: Request + Clone,
    Q::Reply: Body,
{
    let mut answer = Q::Reply::default();
    answer.attach(request.clone().detach());
    Some(answer)
}

/// The store failed to read. A request that failed is never answered as if it had worked.
fn store_failed(error: &StoreError) -> HandlerError {
    /// Locked for a line of the log.
    static TOLD: Mutex<Told> = Mutex::new(Told::NOTHING);
    TOLD.lock().of_failure("not read", error);
    count_failure(error)
}

fn write_failed(error: &WriteError) -> HandlerError {
    match error {
        // Logged by the writer, once for the batch.
        WriteError::Store(error) => count_failure(error),
        WriteError::Busy => HandlerError::Unavailable("write_queue_full"),
        WriteError::Stopped => HandlerError::Unavailable("stopping"),
    }
}

/// Begins to count failures of the store. A series that began with its first failure would hide that one from whoever looks
/// at how much it grew.
pub(crate) fn begin_counting() {
    for retryable in ["yes", "no"] {
        counter!(STORE_FAILURES, "retryable" => retryable).increment(0);
    }
}

fn count_failure(error: &StoreError) -> HandlerError {
    let retryable = if error.is_retryable() { "yes" } else { "no" };
    counter!(STORE_FAILURES, "retryable" => retryable).increment(1);
    HandlerError::Unavailable("store_failed")
}
