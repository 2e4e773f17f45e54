//! How far others have read.

use im_base::dispatch::HandlerError;
use proto::capability;
use proto::im::ext::message::{ImReadBy, ImReadersReq, ImReadersRsp};
use proto::im::message::ImMsgDataReadNotify;

use super::typing::{not_mine, others};
use crate::handlers::other::ask;
use crate::reach::Place;
use crate::session::Session;

/// How far the others of a conversation have read. Who shows nothing sees nothing.
pub(in crate::handlers) async fn readers(
    session: Session,
    request: ImReadersReq,
) -> Result<ImReadersRsp, HandlerError> {
    let place = Place::read(request.session_type, request.session_id)?;
    place.ok_or(HandlerError::Refused("no_receiver"))?;
    if !session.can(capability::READERS) {
        return Err(HandlerError::Refused("shows_nothing"));
    }
    session.take_allowance()?;
    ask(&session, request).await
}

/// Tells the others how far the user has read, as far as they see it.
pub(super) fn shown(session: &Session, notice: &mut ImMsgDataReadNotify) {
    let Some(msg_id) = notice.shown_msg_id.take() else {
        return;
    };
    let place = Place::read(notice.session_type, notice.session_id);
    if let Ok(Some(place)) = place {
        let told = ImReadBy {
            user_id: session.user_id().get(),
            session_type: notice.session_type,
            to_session_id: notice.session_id,
            msg_id,
        };
        let devices = not_mine(session, capability::READERS);
        session.server.tell_devices(&others(place), &devices, &told);
    }
}
