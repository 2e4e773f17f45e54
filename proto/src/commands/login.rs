//! Service 1: address, login, logout, kick, push settings.

use crate::im::base_define::ResultType;
use crate::im::ext::login::{
    ImChangePasswordReq, ImChangePasswordRsp, ImDeleteAccountReq, ImDeleteAccountRsp, ImReconnect,
    ImResumeRevokeReq, ImResumeRevokeRsp, ImServersReq, ImServersRsp,
};
use crate::im::login::{
    ImDeviceTokenReq, ImDeviceTokenRsp, ImKickPcClientReq, ImKickPcClientRsp, ImKickUser,
    ImLoginReq, ImLoginRes, ImLogoutReq, ImLogoutRsp, ImMsgServReq, ImMsgServRsp, ImPushShieldReq,
    ImPushShieldRsp, ImQueryPushShieldReq, ImQueryPushShieldRsp, ImRegistReq, ImRegistRes,
};

commands! {
    /// Asks over TCP for the least loaded msg_server.
    0x0101 CID_LOGIN_REQ_MSGSERVER ImMsgServReq = "IM.Login.IMMsgServReq" {
        path: [Client => LoginServer],
        reply: ImMsgServRsp,
    }
    /// Names a msg_server, or says why there is none; the connection is closed behind it.
    0x0102 CID_LOGIN_RES_MSGSERVER ImMsgServRsp = "IM.Login.IMMsgServRsp" {
        path: [LoginServer => Client],
    }
    /// Logs a connection in; due within 15 s of connecting.
    0x0103 CID_LOGIN_REQ_USERLOGIN ImLoginReq = "IM.Login.IMLoginReq" {
        path: [Client => MsgServer],
        reply: ImLoginRes,
        refusal: |_req| ImLoginRes {
            result_code: ResultType::RefuseReasonDbValidateFailed as i32,
            ..Default::default()
        },
    }
    /// Outcome of a login; a refused connection is closed behind it.
    0x0104 CID_LOGIN_RES_USERLOGIN ImLoginRes = "IM.Login.IMLoginRes" {
        path: [MsgServer => Client],
    }
    /// Ends the session.
    0x0105 CID_LOGIN_REQ_LOGINOUT ImLogoutReq = "IM.Login.IMLogoutReq" {
        path: [Client => MsgServer],
        reply: ImLogoutRsp,
    }
    /// The session is over; the server closes behind it.
    0x0106 CID_LOGIN_RES_LOGINOUT ImLogoutRsp = "IM.Login.IMLogoutRsp" {
        path: [MsgServer => Client],
    }
    /// Tells a connection that it was displaced.
    0x0107 CID_LOGIN_KICK_USER ImKickUser = "IM.Login.IMKickUser" {
        path: [MsgServer => Client],
    }
    /// Registers a phone for push notifications.
    0x0108 CID_LOGIN_REQ_DEVICETOKEN ImDeviceTokenReq = "IM.Login.IMDeviceTokenReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImDeviceTokenRsp,
        refusal: |req| ImDeviceTokenRsp { user_id: req.user_id, attach_data: None },
    }
    /// The push token was taken note of.
    0x0109 CID_LOGIN_RES_DEVICETOKEN ImDeviceTokenRsp = "IM.Login.IMDeviceTokenRsp" {
        path: [MsgServer => Client, DbProxy => MsgServer],
        attach: attach_data,
    }
    /// A phone displaces its user's own desktop.
    0x010a CID_LOGIN_REQ_KICKPCCLIENT ImKickPcClientReq = "IM.Login.IMKickPCClientReq" {
        path: [Client => MsgServer],
        owner: user_id,
        reply: ImKickPcClientRsp,
        refusal: |req| ImKickPcClientRsp { user_id: req.user_id, result_code: 1 },
    }
    /// Outcome of that.
    0x010b CID_LOGIN_RES_KICKPCCLIENT ImKickPcClientRsp = "IM.Login.IMKickPCClientRsp" {
        path: [MsgServer => Client],
    }
    /// Switches night-time silence on or off.
    0x010c CID_LOGIN_REQ_PUSH_SHIELD ImPushShieldReq = "IM.Login.IMPushShieldReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImPushShieldRsp,
        refusal: |req| ImPushShieldRsp { user_id: req.user_id, result_code: 1, ..Default::default() },
    }
    /// Outcome of that.
    0x010d CID_LOGIN_RES_PUSH_SHIELD ImPushShieldRsp = "IM.Login.IMPushShieldRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
    }
    /// Asks for the night-time silence setting.
    0x010e CID_LOGIN_REQ_QUERY_PUSH_SHIELD ImQueryPushShieldReq = "IM.Login.IMQueryPushShieldReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImQueryPushShieldRsp,
        refusal: |req| ImQueryPushShieldRsp { user_id: req.user_id, result_code: 1, ..Default::default() },
    }
    /// The setting.
    0x010f CID_LOGIN_RES_QUERY_PUSH_SHIELD ImQueryPushShieldRsp = "IM.Login.IMQueryPushShieldRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
    }
    /// Makes an account, on a connection that is not logged in; off unless the operator allows it.
    0x0110 CID_LOGIN_REQ_REGISTER ImRegistReq = "IM.Login.IMRegistReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        attach: attach_data,
        reply: ImRegistRes,
        refusal: |req| ImRegistRes {
            user_name: req.user_name.clone(),
            result_code: 1,
            attach_data: None,
            ..Default::default()
        },
    }
    /// Outcome of that; the connection goes on to its login.
    0x0111 CID_LOGIN_RES_REGISTER ImRegistRes = "IM.Login.IMRegistRes" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
        reason: reason,
    }
    /// Takes resume tokens of a user away: a device logged out, or was logged out by another one.
    0x0180 CID_EXT_RESUME_REVOKE_REQUEST ImResumeRevokeReq = "IM.Ext.Login.IMResumeRevokeReq" {
        path: [MsgServer => DbProxy],
        attach: attach_data,
        reply: ImResumeRevokeRsp,
        refusal: |req| ImResumeRevokeRsp { user_id: req.user_id, result_code: 1, attach_data: None },
    }
    /// Outcome of that.
    0x0181 CID_EXT_RESUME_REVOKE_RESPONSE ImResumeRevokeRsp = "IM.Ext.Login.IMResumeRevokeRsp" {
        path: [DbProxy => MsgServer],
        attach: attach_data,
    }
    /// Tells a client that understands it to go to another msg_server: this one is about to stop.
    0x0182 CID_EXT_RECONNECT ImReconnect = "IM.Ext.Login.IMReconnect" {
        path: [MsgServer => Client],
    }
    /// Asks where the clients of a msg_server that stops could go.
    0x0183 CID_EXT_SERVERS_REQUEST ImServersReq = "IM.Ext.Login.IMServersReq" {
        path: [MsgServer => LoginServer],
        reply: ImServersRsp,
    }
    /// Msg_servers with room.
    0x0184 CID_EXT_SERVERS_RESPONSE ImServersRsp = "IM.Ext.Login.IMServersRsp" {
        path: [LoginServer => MsgServer],
    }
    /// Changes one's password.
    0x0185 CID_EXT_CHANGE_PASSWORD_REQUEST ImChangePasswordReq = "IM.Ext.Login.IMChangePasswordReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImChangePasswordRsp,
        refusal: |req| ImChangePasswordRsp { user_id: req.user_id, result_code: 1, ..Default::default() },
    }
    /// Outcome of that.
    0x0186 CID_EXT_CHANGE_PASSWORD_RESPONSE ImChangePasswordRsp = "IM.Ext.Login.IMChangePasswordRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
        reason: reason,
    }
    /// Deletes one's account.
    0x0187 CID_EXT_DELETE_ACCOUNT_REQUEST ImDeleteAccountReq = "IM.Ext.Login.IMDeleteAccountReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImDeleteAccountRsp,
        refusal: |req| ImDeleteAccountRsp { user_id: req.user_id, result_code: 1, ..Default::default() },
    }
    /// Outcome of that; after a success the server closes behind it.
    0x0188 CID_EXT_DELETE_ACCOUNT_RESPONSE ImDeleteAccountRsp = "IM.Ext.Login.IMDeleteAccountRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
        reason: reason,
    }
}
