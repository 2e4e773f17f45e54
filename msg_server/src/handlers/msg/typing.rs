//! Who is typing. Never stored.

use im_base::dispatch::HandlerError;
use im_base::telemetry::metrics::TYPING_DROPPED;
use metrics::counter;
use proto::im::ext::message::{ImTyping, ImTypingReq};
use proto::{NoReply, capability};

use crate::notice::{Devices, Told};
use crate::reach::Place;
use crate::session::Session;

/// To the devices of the others that understand it, if what the user writes would reach them. Said too often it is dropped.
pub(in crate::handlers) async fn typing(
    session: Session,
    request: ImTypingReq,
) -> Result<NoReply, HandlerError> {
    let place = Place::read(request.session_type, request.session_id)?;
    let place = place.ok_or(HandlerError::Refused("no_receiver"))?;
    if place == Place::With(session.user_id()) {
        return Err(HandlerError::Refused("to_oneself"));
    }
    session.take_allowance()?;
    let server = &session.server;
    if !server.reach.is_news(session.id, place, request.typing) {
        counter!(TYPING_DROPPED).increment(1);
        return Ok(NoReply);
    }
    if !server.reaches(&session, place).await? {
        return Ok(NoReply);
    }
    let (session_type, to_session_id) = place.on_the_wire();
    let notice = ImTyping {
        user_id: session.user_id().get(),
        session_type,
        to_session_id,
        typing: request.typing,
    };
    server.tell_now(
        &others(place),
        &not_mine(&session, capability::TYPING),
        &notice,
    );
    Ok(NoReply)
}

/// The others of a conversation, and perhaps the user himself.
pub(super) fn others(place: Place) -> Told {
    match place {
        Place::With(other) => Told::Users(vec![other]),
        Place::In(group) => Told::Members(group),
    }
}

/// Devices that understand it, but for the user's own.
pub(super) fn not_mine(session: &Session, capability: u64) -> Devices {
    Devices {
        with: capability,
        but: Some(session.user_id()),
        ..Default::default()
    }
}
