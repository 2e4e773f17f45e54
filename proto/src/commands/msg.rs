//! Service 3: messages, acknowledgements, unread counts, history.

use crate::im::base_define::SessionType;
use crate::im::ext::message::{
    ImEditReq, ImMessageRevised, ImMissedReq, ImMissedRsp, ImReachReq, ImReachRsp, ImReadBy,
    ImReadersReq, ImReadersRsp, ImRecallReq, ImReviseRsp, ImSyncHint, ImSyncReq, ImSyncRsp,
    ImTyping, ImTypingReq,
};
use crate::im::message::{
    ImClientTimeReq, ImClientTimeRsp, ImGetLatestMsgIdReq, ImGetLatestMsgIdRsp, ImGetMsgByIdReq,
    ImGetMsgByIdRsp, ImGetMsgListReq, ImGetMsgListRsp, ImMsgData, ImMsgDataAck, ImMsgDataReadAck,
    ImMsgDataReadNotify, ImUnreadMsgCntReq, ImUnreadMsgCntRsp,
};

commands! {
    /// A chat message, from the sender to the store and on to every device.
    0x0301 CID_MSG_DATA ImMsgData = "IM.Message.IMMsgData" {
        path: [
            Client => MsgServer,
            MsgServer => DbProxy,
            DbProxy => MsgServer,
            MsgServer => RouteServer,
            RouteServer => MsgServer,
            MsgServer => Client,
        ],
        owner: from_user_id,
        attach: attach_data,
        reply: ImMsgDataAck,
        refusal: |req| ImMsgDataAck {
            user_id: req.from_user_id,
            session_id: req.to_session_id,
            msg_id: 0,
            session_type: if req.msg_type & 0x10 == 0 { SessionType::Single } else { SessionType::Group } as i32,
        },
    }
    /// The message is stored under this id; 0 says that it is not known to be. From a client: it has arrived.
    0x0302 CID_MSG_DATA_ACK ImMsgDataAck = "IM.Message.IMMsgDataAck" {
        path: [MsgServer => Client, Client => MsgServer],
        owner: user_id,
    }
    /// Everything up to this message was read.
    0x0303 CID_MSG_READ_ACK ImMsgDataReadAck = "IM.Message.IMMsgDataReadAck" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
    }
    /// Tells a user's other devices how far was read.
    0x0304 CID_MSG_READ_NOTIFY ImMsgDataReadNotify = "IM.Message.IMMsgDataReadNotify" {
        path: [MsgServer => Client, MsgServer => RouteServer, RouteServer => MsgServer],
    }
    /// Asks for the server's clock.
    0x0305 CID_MSG_TIME_REQUEST ImClientTimeReq = "IM.Message.IMClientTimeReq" {
        path: [Client => MsgServer],
        reply: ImClientTimeRsp,
    }
    /// Unix seconds.
    0x0306 CID_MSG_TIME_RESPONSE ImClientTimeRsp = "IM.Message.IMClientTimeRsp" {
        path: [MsgServer => Client],
    }
    /// Asks for the unread counts of all conversations.
    0x0307 CID_MSG_UNREAD_CNT_REQUEST ImUnreadMsgCntReq = "IM.Message.IMUnreadMsgCntReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImUnreadMsgCntRsp,
    }
    /// Conversations with unread messages, and the sum.
    0x0308 CID_MSG_UNREAD_CNT_RESPONSE ImUnreadMsgCntRsp = "IM.Message.IMUnreadMsgCntRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
    }
    /// A page of history, newest first, ending at a message id; 0 is the newest.
    0x0309 CID_MSG_LIST_REQUEST ImGetMsgListReq = "IM.Message.IMGetMsgListReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImGetMsgListRsp,
    }
    /// That page.
    0x030a CID_MSG_LIST_RESPONSE ImGetMsgListRsp = "IM.Message.IMGetMsgListRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
    }
    /// Asks for the newest message id of a conversation.
    0x030b CID_MSG_GET_LATEST_MSG_ID_REQ ImGetLatestMsgIdReq = "IM.Message.IMGetLatestMsgIdReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImGetLatestMsgIdRsp,
    }
    /// That id, 0 if there is none.
    0x030c CID_MSG_GET_LATEST_MSG_ID_RSP ImGetLatestMsgIdRsp = "IM.Message.IMGetLatestMsgIdRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
    }
    /// Fetches messages by id.
    0x030d CID_MSG_GET_BY_MSG_ID_REQ ImGetMsgByIdReq = "IM.Message.IMGetMsgByIdReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImGetMsgByIdRsp,
    }
    /// Those messages, at most 100.
    0x030e CID_MSG_GET_BY_MSG_ID_RES ImGetMsgByIdRsp = "IM.Message.IMGetMsgByIdRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
    }
    /// Asks for everything that changed since a cursor.
    0x0380 CID_EXT_SYNC_REQUEST ImSyncReq = "IM.Ext.Message.IMSyncReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImSyncRsp,
        refusal: |req| ImSyncRsp { user_id: req.user_id, result_code: 1, ..Default::default() },
    }
    /// A page of that, with the next cursor.
    0x0381 CID_EXT_SYNC_RESPONSE ImSyncRsp = "IM.Ext.Message.IMSyncRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
    }
    /// Tells a client that understands it to ask what changed.
    0x0382 CID_EXT_SYNC_HINT ImSyncHint = "IM.Ext.Message.IMSyncHint" {
        path: [MsgServer => Client],
    }
    /// Asks for messages that may have got lost between servers.
    0x0383 CID_EXT_MISSED_REQUEST ImMissedReq = "IM.Ext.Message.IMMissedReq" {
        path: [MsgServer => DbProxy],
        attach: attach_data,
        reply: ImMissedRsp,
        refusal: |_req| ImMissedRsp { result_code: 1, ..Default::default() },
    }
    /// Those messages.
    0x0384 CID_EXT_MISSED_RESPONSE ImMissedRsp = "IM.Ext.Message.IMMissedRsp" {
        path: [DbProxy => MsgServer],
        attach: attach_data,
    }
    /// Takes a message back.
    0x0385 CID_EXT_RECALL_REQUEST ImRecallReq = "IM.Ext.Message.IMRecallReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImReviseRsp,
        refusal: |req| ImReviseRsp { user_id: req.user_id, result_code: 1, ..Default::default() },
    }
    /// Gives a text message another text.
    0x0386 CID_EXT_EDIT_REQUEST ImEditReq = "IM.Ext.Message.IMEditReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImReviseRsp,
        refusal: |req| ImReviseRsp { user_id: req.user_id, result_code: 1, ..Default::default() },
    }
    /// Outcome of either.
    0x0387 CID_EXT_REVISE_RESPONSE ImReviseRsp = "IM.Ext.Message.IMReviseRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
        reason: reason,
    }
    /// A message was recalled or edited.
    0x0388 CID_EXT_MESSAGE_REVISED ImMessageRevised = "IM.Ext.Message.IMMessageRevised" {
        path: [MsgServer => Client],
    }
    /// A user begins or ceases to write.
    0x0389 CID_EXT_TYPING_REQUEST ImTypingReq = "IM.Ext.Message.IMTypingReq" {
        path: [Client => MsgServer],
        owner: user_id,
    }
    /// Tells the others of a conversation that somebody does.
    0x038a CID_EXT_TYPING ImTyping = "IM.Ext.Message.IMTyping" {
        path: [MsgServer => Client],
    }
    /// Asks how far the others of a conversation have read.
    0x038b CID_EXT_READERS_REQUEST ImReadersReq = "IM.Ext.Message.IMReadersReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImReadersRsp,
        refusal: |req| ImReadersRsp { user_id: req.user_id, result_code: 1, ..Default::default() },
    }
    /// Those who have shown it, and how far.
    0x038c CID_EXT_READERS_RESPONSE ImReadersRsp = "IM.Ext.Message.IMReadersRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
        reason: reason,
    }
    /// Tells the others of a conversation how far somebody has read.
    0x038d CID_EXT_READ_BY ImReadBy = "IM.Ext.Message.IMReadBy" {
        path: [MsgServer => Client],
    }
    /// Asks whether what a user does in a conversation, without writing, reaches the others.
    0x038e CID_EXT_REACH_REQUEST ImReachReq = "IM.Ext.Message.IMReachReq" {
        path: [MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImReachRsp,
        refusal: |req| ImReachRsp { user_id: req.user_id, result_code: 1, ..Default::default() },
    }
    /// Whether it does.
    0x038f CID_EXT_REACH_RESPONSE ImReachRsp = "IM.Ext.Message.IMReachRsp" {
        path: [DbProxy => MsgServer],
        attach: attach_data,
        reason: reason,
    }
}
