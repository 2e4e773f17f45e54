//! Service 7 as clients see it, and what handlers of every service share.

use std::time::Duration;

use im_base::dispatch::HandlerError;
use im_base::net::Outbox;
use proto::ids::UserId;
use proto::im::ext::other::{ImFramesLost, ImNotice, ImPeerLost};
use proto::{Body, NoReply, Pdu, Request};
use tokio::time::Instant;

use crate::links::Pushed;
use crate::session::Session;

/// Older messages are not looked for, whatever another server says it lost.
const MAX_LOSS: Duration = Duration::from_secs(3600);

/// A client gets its heartbeat back byte for byte (PROTOCOL.md, "Heartbeats").
pub(super) fn heartbeat(_session: &Session, pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    Ok(Some(pdu.clone()))
}

/// Bytes of an answer in one frame, which stock clients take up to 400 KiB. What is more comes in several.
pub(super) const ANSWER_BYTES: usize = 320 * 1024;

/// Passes a request on to the db_proxy that has the session's user now, and its answer back without the servers' own
/// note (PROTOCOL.md, "Links").
pub(super) async fn ask<Q>(session: &Session, request: Q) -> Result<Q::Reply, HandlerError>
where
    Q: Request,
    Q::Reply: Body,
{
    let mut answer: Q::Reply = session.server.db.call(session.user_id(), &request).await?;
    answer.detach();
    // Every answer names the user who asked; one that names nobody says that db_proxy has none.
    if answer == Q::Reply::default() {
        return Err(HandlerError::Unavailable("no_answer"));
    }
    Ok(answer)
}

/// The users among these ids; zero is nobody.
pub(super) fn user_ids(ids: &[u32]) -> Vec<UserId> {
    ids.iter().copied().filter_map(UserId::new).collect()
}

/// Queues a frame for a client. One that cannot take it is being closed, which its own task notices.
pub(crate) fn send(outbox: &Outbox, pdu: &Pdu) {
    let _closing = outbox.send_pdu(pdu);
}

/// Another msg_server died, and may have stored messages that it had not passed on.
pub(super) fn peer_lost(pushed: &Pushed, lost: ImPeerLost) -> Result<NoReply, HandlerError> {
    suspect(pushed, lost.silent_ms());
    Ok(NoReply)
}

/// Another msg_server could not pass on what it should have.
pub(super) fn frames_lost(pushed: &Pushed, lost: ImFramesLost) -> Result<NoReply, HandlerError> {
    suspect(pushed, lost.max_age_ms);
    Ok(NoReply)
}

/// A notice of an extension from another msg_server, for devices here.
pub(super) fn notice(pushed: &Pushed, notice: ImNotice) -> Result<NoReply, HandlerError> {
    match pushed.server.told_elsewhere(notice) {
        true => Ok(NoReply),
        false => Err(HandlerError::Refused("bad_notice")),
    }
}

/// What should have come here in these last milliseconds may not have.
fn suspect(pushed: &Pushed, age_ms: u32) {
    let now = Instant::now();
    let age = Duration::from_millis(age_ms.into()).min(MAX_LOSS);
    let since = now.checked_sub(age).unwrap_or(now);
    pushed.server.missed.suspect(since);
}
