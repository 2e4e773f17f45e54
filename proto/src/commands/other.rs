//! Service 7: heartbeat, and what server processes say to each other.

use crate::im::ext::other::{ImFramesLost, ImNak, ImNotice, ImPace, ImPeerLost};
use crate::im::other::ImHeartBeat;
use crate::im::server::{
    ImFileServerIpReq, ImFileServerIpRsp, ImFileTransferReq, ImFileTransferRsp,
    ImGetDeviceTokenReq, ImGetDeviceTokenRsp, ImGroupGetShieldReq, ImGroupGetShieldRsp,
    ImMsgServInfo, ImOnlineUserInfo, ImPushToUserReq, ImPushToUserRsp, ImRoleSet, ImServerKickUser,
    ImServerPcLoginStatusNotify, ImStopReceivePacket, ImUserCntUpdate, ImUserStatusUpdate,
    ImValidateReq, ImValidateRsp,
};

commands! {
    /// Keeps a connection alive; a client gets an exact copy back.
    0x0701 CID_OTHER_HEARTBEAT ImHeartBeat = "IM.Other.IMHeartBeat" {
        path: [
            Client => MsgServer,
            MsgServer => Client,
            Client => FileServer,
            FileServer => Client,
            MsgServer => DbProxy,
            DbProxy => MsgServer,
            MsgServer => RouteServer,
            RouteServer => MsgServer,
            MsgServer => LoginServer,
            LoginServer => MsgServer,
            MsgServer => FileServer,
            FileServer => MsgServer,
            MsgServer => PushServer,
            PushServer => MsgServer,
            HttpMsgServer => DbProxy,
            DbProxy => HttpMsgServer,
            HttpMsgServer => RouteServer,
            RouteServer => HttpMsgServer,
        ],
        reply: ImHeartBeat,
    }
    /// db_proxy is about to stop and takes nothing more.
    0x0702 CID_OTHER_STOP_RECV_PACKET ImStopReceivePacket = "IM.Server.IMStopReceivePacket" {
        path: [DbProxy => MsgServer, DbProxy => HttpMsgServer],
    }
    /// Checks a name and a password.
    0x0703 CID_OTHER_VALIDATE_REQ ImValidateReq = "IM.Server.IMValidateReq" {
        path: [MsgServer => DbProxy],
        attach: attach_data,
        reply: ImValidateRsp,
        refusal: |req| ImValidateRsp { user_name: req.user_name.clone(), result_code: 2, ..Default::default() },
    }
    /// Outcome of that, with the profile on success.
    0x0704 CID_OTHER_VALIDATE_RSP ImValidateRsp = "IM.Server.IMValidateRsp" {
        path: [DbProxy => MsgServer],
        attach: attach_data,
    }
    /// Asks for push tokens.
    0x0705 CID_OTHER_GET_DEVICE_TOKEN_REQ ImGetDeviceTokenReq = "IM.Server.IMGetDeviceTokenReq" {
        path: [MsgServer => DbProxy],
        attach: attach_data,
        reply: ImGetDeviceTokenRsp,
    }
    /// Push tokens with badge counts.
    0x0706 CID_OTHER_GET_DEVICE_TOKEN_RSP ImGetDeviceTokenRsp = "IM.Server.IMGetDeviceTokenRsp" {
        path: [DbProxy => MsgServer],
        attach: attach_data,
    }
    /// Marks the route_server that a msg_server uses for requests.
    0x0707 CID_OTHER_ROLE_SET ImRoleSet = "IM.Server.IMRoleSet" {
        path: [MsgServer => RouteServer, HttpMsgServer => RouteServer],
    }
    /// Everybody who is connected to a msg_server, sent on connecting to a route_server.
    0x0708 CID_OTHER_ONLINE_USER_INFO ImOnlineUserInfo = "IM.Server.IMOnlineUserInfo" {
        path: [MsgServer => RouteServer],
    }
    /// Addresses, capacity and load of a msg_server, sent on connecting to a login_server.
    0x0709 CID_OTHER_MSG_SERV_INFO ImMsgServInfo = "IM.Server.IMMsgServInfo" {
        path: [MsgServer => LoginServer],
    }
    /// A user's device came or went.
    0x070a CID_OTHER_USER_STATUS_UPDATE ImUserStatusUpdate = "IM.Server.IMUserStatusUpdate" {
        path: [MsgServer => RouteServer],
    }
    /// The load of a msg_server changed by one.
    0x070b CID_OTHER_USER_CNT_UPDATE ImUserCntUpdate = "IM.Server.IMUserCntUpdate" {
        path: [MsgServer => LoginServer],
    }
    /// Displaces a user's connections of one class on other msg_servers.
    0x070d CID_OTHER_SERVER_KICK_USER ImServerKickUser = "IM.Server.IMServerKickUser" {
        path: [MsgServer => RouteServer, RouteServer => MsgServer],
    }
    /// A user's desktop came, or the last one left.
    0x070e CID_OTHER_LOGIN_STATUS_NOTIFY ImServerPcLoginStatusNotify = "IM.Server.IMServerPCLoginStatusNotify" {
        path: [RouteServer => MsgServer],
    }
    /// Hands a notification to push_server.
    0x070f CID_OTHER_PUSH_TO_USER_REQ ImPushToUserReq = "IM.Server.IMPushToUserReq" {
        path: [MsgServer => PushServer],
        reply: ImPushToUserRsp,
    }
    /// Outcome per token.
    0x0710 CID_OTHER_PUSH_TO_USER_RSP ImPushToUserRsp = "IM.Server.IMPushToUserRsp" {
        path: [PushServer => MsgServer],
    }
    /// Asks which members muted a group.
    0x0711 CID_OTHER_GET_SHIELD_REQ ImGroupGetShieldReq = "IM.Server.IMGroupGetShieldReq" {
        path: [MsgServer => DbProxy],
        attach: attach_data,
        reply: ImGroupGetShieldRsp,
    }
    /// Their settings.
    0x0712 CID_OTHER_GET_SHIELD_RSP ImGroupGetShieldRsp = "IM.Server.IMGroupGetShieldRsp" {
        path: [DbProxy => MsgServer],
        attach: attach_data,
    }
    /// Creates a transfer.
    0x0731 CID_OTHER_FILE_TRANSFER_REQ ImFileTransferReq = "IM.Server.IMFileTransferReq" {
        path: [MsgServer => FileServer],
        attach: attach_data,
        reply: ImFileTransferRsp,
    }
    /// Outcome of that.
    0x0732 CID_OTHER_FILE_TRANSFER_RSP ImFileTransferRsp = "IM.Server.IMFileTransferRsp" {
        path: [FileServer => MsgServer],
        attach: attach_data,
    }
    /// Asks for the file_server's addresses.
    0x0733 CID_OTHER_FILE_SERVER_IP_REQ ImFileServerIpReq = "IM.Server.IMFileServerIPReq" {
        path: [MsgServer => FileServer],
        reply: ImFileServerIpRsp,
    }
    /// Those addresses.
    0x0734 CID_OTHER_FILE_SERVER_IP_RSP ImFileServerIpRsp = "IM.Server.IMFileServerIPRsp" {
        path: [FileServer => MsgServer],
    }
    /// A request was refused, and why: to whoever announced that he understands it.
    0x0780 CID_EXT_NAK ImNak = "IM.Ext.Other.IMNak" {
        path: [MsgServer => Client, DbProxy => MsgServer, RouteServer => MsgServer, LoginServer => MsgServer],
    }
    /// A msg_server was lost, and perhaps messages that it had stored and not sent on.
    0x0781 CID_EXT_PEER_LOST ImPeerLost = "IM.Ext.Other.IMPeerLost" {
        path: [RouteServer => MsgServer],
    }
    /// A msg_server had to drop frames for others.
    0x0782 CID_EXT_FRAMES_LOST ImFramesLost = "IM.Ext.Other.IMFramesLost" {
        path: [MsgServer => RouteServer, RouteServer => MsgServer],
    }
    /// Says on a link between servers how often heartbeats come at least.
    0x0783 CID_EXT_PACE ImPace = "IM.Ext.Other.IMPace" {
        path: [
            MsgServer => DbProxy,
            DbProxy => MsgServer,
            MsgServer => RouteServer,
            RouteServer => MsgServer,
            MsgServer => LoginServer,
            LoginServer => MsgServer,
        ],
    }
    /// A notice of an extension for the devices that have it in use.
    0x0784 CID_EXT_NOTICE ImNotice = "IM.Ext.Other.IMNotice" {
        path: [MsgServer => RouteServer, RouteServer => MsgServer],
    }
}
