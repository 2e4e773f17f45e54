//! Service 2: users, presence, recent sessions, departments.

use crate::im::buddy::{
    ImAllUserReq, ImAllUserRsp, ImAvatarChangedNotify, ImChangeAvatarReq, ImChangeAvatarRsp,
    ImChangeSignInfoReq, ImChangeSignInfoRsp, ImDepartmentReq, ImDepartmentRsp,
    ImRecentContactSessionReq, ImRecentContactSessionRsp, ImRemoveSessionNotify,
    ImRemoveSessionReq, ImRemoveSessionRsp, ImSignInfoChangedNotify, ImUserStatNotify,
    ImUsersInfoReq, ImUsersInfoRsp, ImUsersStatReq, ImUsersStatRsp, ImpcLoginStatusNotify,
};
use crate::im::ext::buddy::{
    ImBlockReq, ImChangeProfileReq, ImChangeProfileRsp, ImContactChanged, ImContactStepRsp,
    ImContactsReq, ImContactsRsp, ImFriendAnswerReq, ImFriendAskReq, ImFriendRemoveReq,
    ImUserChanged,
};

commands! {
    /// Lists the conversations that changed after a time.
    0x0201 CID_BUDDY_LIST_RECENT_CONTACT_SESSION_REQUEST ImRecentContactSessionReq = "IM.Buddy.IMRecentContactSessionReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImRecentContactSessionRsp,
    }
    /// Those conversations, newest first, at most 100.
    0x0202 CID_BUDDY_LIST_RECENT_CONTACT_SESSION_RESPONSE ImRecentContactSessionRsp = "IM.Buddy.IMRecentContactSessionRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
    }
    /// Somebody came online or went offline.
    0x0203 CID_BUDDY_LIST_STATUS_NOTIFY ImUserStatNotify = "IM.Buddy.IMUserStatNotify" {
        path: [RouteServer => MsgServer, MsgServer => Client],
    }
    /// Fetches profiles by id.
    0x0204 CID_BUDDY_LIST_USER_INFO_REQUEST ImUsersInfoReq = "IM.Buddy.IMUsersInfoReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImUsersInfoRsp,
    }
    /// The profiles that exist.
    0x0205 CID_BUDDY_LIST_USER_INFO_RESPONSE ImUsersInfoRsp = "IM.Buddy.IMUsersInfoRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
    }
    /// Takes a conversation off the recent list and marks it read.
    0x0206 CID_BUDDY_LIST_REMOVE_SESSION_REQ ImRemoveSessionReq = "IM.Buddy.IMRemoveSessionReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImRemoveSessionRsp,
        refusal: |req| ImRemoveSessionRsp {
            user_id: req.user_id,
            result_code: 1,
            session_type: req.session_type,
            session_id: req.session_id,
            attach_data: req.attach_data.clone(),
        },
    }
    /// Outcome of that.
    0x0207 CID_BUDDY_LIST_REMOVE_SESSION_RES ImRemoveSessionRsp = "IM.Buddy.IMRemoveSessionRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
    }
    /// The address book since a time.
    0x0208 CID_BUDDY_LIST_ALL_USER_REQUEST ImAllUserReq = "IM.Buddy.IMAllUserReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImAllUserRsp,
    }
    /// Users that changed, and the time to ask with next.
    0x0209 CID_BUDDY_LIST_ALL_USER_RESPONSE ImAllUserRsp = "IM.Buddy.IMAllUserRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
    }
    /// Asks which of some users are online.
    0x020a CID_BUDDY_LIST_USERS_STATUS_REQUEST ImUsersStatReq = "IM.Buddy.IMUsersStatReq" {
        path: [Client => MsgServer, MsgServer => RouteServer],
        owner: user_id,
        attach: attach_data,
        reply: ImUsersStatRsp,
    }
    /// An answer for each user that was asked about, in that order.
    0x020b CID_BUDDY_LIST_USERS_STATUS_RESPONSE ImUsersStatRsp = "IM.Buddy.IMUsersStatRsp" {
        path: [RouteServer => MsgServer, MsgServer => Client],
        attach: attach_data,
    }
    /// Changes one's avatar.
    0x020c CID_BUDDY_LIST_CHANGE_AVATAR_REQUEST ImChangeAvatarReq = "IM.Buddy.IMChangeAvatarReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImChangeAvatarRsp,
        refusal: |req| ImChangeAvatarRsp { user_id: req.user_id, result_code: 1, attach_data: None },
    }
    /// Outcome of that.
    0x020d CID_BUDDY_LIST_CHANGE_AVATAR_RESPONSE ImChangeAvatarRsp = "IM.Buddy.IMChangeAvatarRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
    }
    /// Tells a user's phones that a desktop came or that the last one left.
    0x020e CID_BUDDY_LIST_PC_LOGIN_STATUS_NOTIFY ImpcLoginStatusNotify = "IM.Buddy.IMPCLoginStatusNotify" {
        path: [MsgServer => Client],
    }
    /// Tells a user's other devices that a conversation was taken off the list.
    0x020f CID_BUDDY_LIST_REMOVE_SESSION_NOTIFY ImRemoveSessionNotify = "IM.Buddy.IMRemoveSessionNotify" {
        path: [MsgServer => Client, MsgServer => RouteServer, RouteServer => MsgServer],
    }
    /// Departments since a time.
    0x0210 CID_BUDDY_LIST_DEPARTMENT_REQUEST ImDepartmentReq = "IM.Buddy.IMDepartmentReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImDepartmentRsp,
    }
    /// Departments that changed, and the time to ask with next.
    0x0211 CID_BUDDY_LIST_DEPARTMENT_RESPONSE ImDepartmentRsp = "IM.Buddy.IMDepartmentRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
    }
    /// Somebody's avatar changed.
    0x0212 CID_BUDDY_LIST_AVATAR_CHANGED_NOTIFY ImAvatarChangedNotify = "IM.Buddy.IMAvatarChangedNotify" {
        path: [MsgServer => RouteServer, RouteServer => MsgServer, MsgServer => Client],
    }
    /// Changes one's signature, at most 128 bytes.
    0x0213 CID_BUDDY_LIST_CHANGE_SIGN_INFO_REQUEST ImChangeSignInfoReq = "IM.Buddy.IMChangeSignInfoReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImChangeSignInfoRsp,
        refusal: |req| ImChangeSignInfoRsp { user_id: req.user_id, result_code: 1, ..Default::default() },
    }
    /// Outcome of that.
    0x0214 CID_BUDDY_LIST_CHANGE_SIGN_INFO_RESPONSE ImChangeSignInfoRsp = "IM.Buddy.IMChangeSignInfoRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
    }
    /// Somebody's signature changed.
    0x0215 CID_BUDDY_LIST_SIGN_INFO_CHANGED_NOTIFY ImSignInfoChangedNotify = "IM.Buddy.IMSignInfoChangedNotify" {
        path: [MsgServer => RouteServer, RouteServer => MsgServer, MsgServer => Client],
    }
    /// Asks somebody to be friends.
    0x0280 CID_EXT_FRIEND_ASK_REQ ImFriendAskReq = "IM.Ext.Buddy.IMFriendAskReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImContactStepRsp,
        refusal: |req| ImContactStepRsp { user_id: req.user_id, result_code: 1, ..Default::default() },
    }
    /// Outcome of that, and of the next three.
    0x0281 CID_EXT_CONTACT_STEP_RSP ImContactStepRsp = "IM.Ext.Buddy.IMContactStepRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
        reason: reason,
    }
    /// Grants somebody's request to be friends, or refuses it.
    0x0282 CID_EXT_FRIEND_ANSWER_REQ ImFriendAnswerReq = "IM.Ext.Buddy.IMFriendAnswerReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImContactStepRsp,
        refusal: |req| ImContactStepRsp { user_id: req.user_id, result_code: 1, ..Default::default() },
    }
    /// Ends a friendship, or takes an own request back.
    0x0284 CID_EXT_FRIEND_REMOVE_REQ ImFriendRemoveReq = "IM.Ext.Buddy.IMFriendRemoveReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImContactStepRsp,
        refusal: |req| ImContactStepRsp { user_id: req.user_id, result_code: 1, ..Default::default() },
    }
    /// Blocks somebody, or does not any more.
    0x0286 CID_EXT_BLOCK_REQ ImBlockReq = "IM.Ext.Buddy.IMBlockReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImContactStepRsp,
        refusal: |req| ImContactStepRsp { user_id: req.user_id, result_code: 1, ..Default::default() },
    }
    /// Asks for contacts that changed.
    0x0288 CID_EXT_CONTACTS_REQ ImContactsReq = "IM.Ext.Buddy.IMContactsReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImContactsRsp,
        refusal: |req| ImContactsRsp { user_id: req.user_id, result_code: 1, ..Default::default() },
    }
    /// Those contacts.
    0x0289 CID_EXT_CONTACTS_RSP ImContactsRsp = "IM.Ext.Buddy.IMContactsRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
        reason: reason,
    }
    /// A contact of the user changed.
    0x028a CID_EXT_CONTACT_CHANGED ImContactChanged = "IM.Ext.Buddy.IMContactChanged" {
        path: [MsgServer => Client],
    }
    /// Changes one's own profile.
    0x028b CID_EXT_CHANGE_PROFILE_REQUEST ImChangeProfileReq = "IM.Ext.Buddy.IMChangeProfileReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImChangeProfileRsp,
        refusal: |req| ImChangeProfileRsp { user_id: req.user_id, result_code: 1, ..Default::default() },
    }
    /// Outcome of that, with the profile as it is then.
    0x028c CID_EXT_CHANGE_PROFILE_RESPONSE ImChangeProfileRsp = "IM.Ext.Buddy.IMChangeProfileRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
        reason: reason,
    }
    /// Somebody's profile changed.
    0x028d CID_EXT_USER_CHANGED ImUserChanged = "IM.Ext.Buddy.IMUserChanged" {
        path: [MsgServer => Client],
    }
}
