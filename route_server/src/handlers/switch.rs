//! Service 6: signals between clients.

use im_base::dispatch::HandlerError;
use proto::Pdu;
use proto::im::switch_service::Imp2pCmdMsg;

use crate::relay::{Lasting, Receivers};
use crate::route::Peer;

/// A signal goes where a message between the two would go.
pub(super) fn signal(peer: &Peer, pdu: &Pdu) -> Result<Option<Pdu>, HandlerError> {
    let signal: Imp2pCmdMsg = pdu
        .decode()
        .map_err(|_| HandlerError::Refused("unreadable"))?;
    peer.route.pass_on::<Imp2pCmdMsg>(
        peer.id,
        Receivers::users([signal.from_user_id, signal.to_user_id]),
        pdu,
        Lasting::No,
    );
    Ok(None)
}
