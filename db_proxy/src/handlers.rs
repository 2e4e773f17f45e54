//! What msg_servers ask us, one file per service: wire to domain and back, nothing else.
//!
//! Every answer repeats the note a msg_server attached to its request (PROTOCOL.md, "attach_data").

mod buddy;
mod msg;
mod other;

use std::sync::Arc;

use im_base::dispatch::{HandlerError, Router};
use im_base::telemetry::metrics::STORE_FAILURES;
use metrics::counter;
use proto::Role;
use proto::im::other::ImHeartBeat;
use tracing::error;

use crate::logic::group_commit::WriteError;
use crate::server::DbProxy;
use crate::store::StoreError;

/// The table: from a msg_server to us.
pub(crate) fn router() -> Router<Arc<DbProxy>> {
    Router::new(Role::MsgServer, Role::DbProxy)
        .on(buddy::recent_sessions)
        .on(buddy::users_info)
        .on(buddy::remove_session)
        .on(buddy::all_users)
        .on_with(msg::store, msg::not_stored)
        .on_with(msg::read, |_| None)
        .on(msg::unread)
        .on(msg::history)
        .on(msg::latest_id)
        .on(msg::by_ids)
        .on_pdu::<ImHeartBeat>(other::heartbeat)
        .on(other::validate)
}

/// The store failed to read. A request that failed is never answered as if it had worked.
fn store_failed(error: &StoreError) -> HandlerError {
    error!(error = error as &dyn std::error::Error, "store failed");
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

fn count_failure(error: &StoreError) -> HandlerError {
    let retryable = if error.is_retryable() { "yes" } else { "no" };
    counter!(STORE_FAILURES, "retryable" => retryable).increment(1);
    HandlerError::Unavailable("store_failed")
}
