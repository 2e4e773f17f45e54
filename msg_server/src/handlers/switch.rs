//! Service 6: signals between clients. Never stored, never acknowledged.

use im_base::dispatch::HandlerError;
use proto::ids::UserId;
use proto::im::switch_service::Imp2pCmdMsg;
use proto::{NoReply, Pdu};

use crate::links::Pushed;
use crate::notice::{Devices, Told};
use crate::reach::Place;
use crate::session::Session;

/// Largest signal, in bytes of text: typing, a shake of the window. A stream of larger ones would fill others' queues.
const MAX_SIGNAL: usize = 4 * 1024;

/// To the sender's other devices and the receiver's, here and elsewhere, if what the sender writes would reach the receiver.
/// To one who blocks him it goes to his own devices alone. The sender is the session's user.
pub(super) async fn signal(session: Session, signal: Imp2pCmdMsg) -> Result<NoReply, HandlerError> {
    let receiver = UserId::new(signal.to_user_id).ok_or(HandlerError::Refused("no_receiver"))?;
    if signal.cmd_msg_data.len() > MAX_SIGNAL {
        return Err(HandlerError::Refused("too_large"));
    }
    session.take_allowance()?;
    let server = &session.server;
    let user = session.user_id();
    if receiver != user && !server.reaches(&session, Place::With(receiver)).await? {
        let devices = Devices {
            except: Some(session.id),
            ..Default::default()
        };
        server.tell_now(&Told::Users(vec![user]), &devices, &signal);
        return Ok(NoReply);
    }
    let frame = Pdu::new(&signal, 0).to_frame();
    server.users.send(user, &frame, Some(session.id));
    if receiver != user {
        server.users.send(receiver, &frame, None);
    }
    server.routes.relay_once(session.user_id(), &frame);
    Ok(NoReply)
}

/// A signal from another msg_server.
pub(super) fn deliver(pushed: &Pushed, pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    let signal: Imp2pCmdMsg = pdu
        .decode()
        .map_err(|_| HandlerError::Refused("unreadable"))?;
    let frame = Pdu::from_body(pdu.command(), 0, pdu.body.clone()).to_frame();
    let users = [
        Some(signal.from_user_id),
        (signal.to_user_id != signal.from_user_id).then_some(signal.to_user_id),
    ];
    for user in users.into_iter().flatten().filter_map(UserId::new) {
        pushed.server.users.send(user, &frame, None);
    }
    Ok(None)
}
