//! Service 4: groups.

use crate::im::ext::group::{
    ImGroupInterest, ImGroupMembers, ImGroupMembersReq, ImUserGroupsReq, ImUserGroupsRsp,
};
use crate::im::group::{
    ImGroupChangeMemberNotify, ImGroupChangeMemberReq, ImGroupChangeMemberRsp, ImGroupCreateReq,
    ImGroupCreateRsp, ImGroupInfoListReq, ImGroupInfoListRsp, ImGroupShieldReq, ImGroupShieldRsp,
    ImNormalGroupListReq, ImNormalGroupListRsp,
};

commands! {
    /// Asks for ids and versions of the permanent groups one is in.
    0x0401 CID_GROUP_NORMAL_LIST_REQUEST ImNormalGroupListReq = "IM.Group.IMNormalGroupListReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImNormalGroupListRsp,
    }
    /// Those ids and versions.
    0x0402 CID_GROUP_NORMAL_LIST_RESPONSE ImNormalGroupListRsp = "IM.Group.IMNormalGroupListRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
    }
    /// Fetches groups that are newer than the versions one has.
    0x0403 CID_GROUP_INFO_REQUEST ImGroupInfoListReq = "IM.Group.IMGroupInfoListReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImGroupInfoListRsp,
    }
    /// Those groups.
    0x0404 CID_GROUP_INFO_RESPONSE ImGroupInfoListRsp = "IM.Group.IMGroupInfoListRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
    }
    /// Creates a group.
    0x0405 CID_GROUP_CREATE_REQUEST ImGroupCreateReq = "IM.Group.IMGroupCreateReq" {
        path: [Client => MsgServer, MsgServer => DbProxy, HttpMsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImGroupCreateRsp,
        refusal: |req| ImGroupCreateRsp {
            user_id: req.user_id,
            result_code: 1,
            group_name: req.group_name.clone(),
            ..Default::default()
        },
    }
    /// Outcome of that.
    0x0406 CID_GROUP_CREATE_RESPONSE ImGroupCreateRsp = "IM.Group.IMGroupCreateRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client, DbProxy => HttpMsgServer],
        attach: attach_data,
    }
    /// Adds or removes members of a group.
    0x0407 CID_GROUP_CHANGE_MEMBER_REQUEST ImGroupChangeMemberReq = "IM.Group.IMGroupChangeMemberReq" {
        path: [Client => MsgServer, MsgServer => DbProxy, HttpMsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImGroupChangeMemberRsp,
        refusal: |req| ImGroupChangeMemberRsp {
            user_id: req.user_id,
            change_type: req.change_type,
            result_code: 1,
            group_id: req.group_id,
            ..Default::default()
        },
    }
    /// Outcome of that.
    0x0408 CID_GROUP_CHANGE_MEMBER_RESPONSE ImGroupChangeMemberRsp = "IM.Group.IMGroupChangeMemberRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client, DbProxy => HttpMsgServer],
        attach: attach_data,
    }
    /// Mutes or unmutes notifications of a group.
    0x0409 CID_GROUP_SHIELD_GROUP_REQUEST ImGroupShieldReq = "IM.Group.IMGroupShieldReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImGroupShieldRsp,
        refusal: |req| ImGroupShieldRsp { user_id: req.user_id, group_id: req.group_id, result_code: 1, attach_data: None },
    }
    /// Outcome of that.
    0x040a CID_GROUP_SHIELD_GROUP_RESPONSE ImGroupShieldRsp = "IM.Group.IMGroupShieldRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
    }
    /// The members of a group changed.
    0x040b CID_GROUP_CHANGE_MEMBER_NOTIFY ImGroupChangeMemberNotify = "IM.Group.IMGroupChangeMemberNotify" {
        path: [MsgServer => Client, MsgServer => RouteServer, RouteServer => MsgServer, HttpMsgServer => RouteServer],
    }
    /// Asks who is in a group, whoever asks.
    0x0480 CID_EXT_GROUP_MEMBERS_REQUEST ImGroupMembersReq = "IM.Ext.Group.IMGroupMembersReq" {
        path: [MsgServer => DbProxy],
        attach: attach_data,
        reply: ImGroupMembers,
    }
    /// Who is in a group, as of a version; msg_servers deliver its messages by it.
    0x0481 CID_EXT_GROUP_MEMBERS ImGroupMembers = "IM.Ext.Group.IMGroupMembers" {
        path: [DbProxy => MsgServer, MsgServer => RouteServer, RouteServer => MsgServer],
        attach: attach_data,
    }
    /// Groups of which a msg_server has got a member online, or has none left.
    0x0482 CID_EXT_GROUP_INTEREST ImGroupInterest = "IM.Ext.Group.IMGroupInterest" {
        path: [MsgServer => RouteServer],
    }
    /// Asks which groups a user is in.
    0x0483 CID_EXT_USER_GROUPS_REQUEST ImUserGroupsReq = "IM.Ext.Group.IMUserGroupsReq" {
        path: [MsgServer => DbProxy],
        attach: attach_data,
        reply: ImUserGroupsRsp,
    }
    /// Those groups, with their versions.
    0x0484 CID_EXT_USER_GROUPS_RESPONSE ImUserGroupsRsp = "IM.Ext.Group.IMUserGroupsRsp" {
        path: [DbProxy => MsgServer],
        attach: attach_data,
    }
}
