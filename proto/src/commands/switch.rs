//! Service 6: signals between clients.

use crate::im::switch_service::Imp2pCmdMsg;

commands! {
    /// An opaque signal from client to client: typing, window shake.
    0x0601 CID_SWITCH_P2P_CMD Imp2pCmdMsg = "IM.SwitchService.IMP2PCmdMsg" {
        path: [Client => MsgServer, MsgServer => Client, MsgServer => RouteServer, RouteServer => MsgServer],
        owner: from_user_id,
    }
}
