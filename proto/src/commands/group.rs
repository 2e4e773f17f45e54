//! Service 4: groups.

use crate::im::ext::group::{
    ImGroupAnswerReq, ImGroupChanged, ImGroupDetailsReq, ImGroupDetailsRsp, ImGroupDisbandReq,
    ImGroupInterest, ImGroupInviteReq, ImGroupJoinReq, ImGroupLeaveReq, ImGroupMemberSetReq,
    ImGroupMembers, ImGroupMembersReq, ImGroupRequestChanged, ImGroupRequestsReq,
    ImGroupRequestsRsp, ImGroupSetReq, ImGroupStepRsp, ImGroupTransferReq, ImUserGroupsReq,
    ImUserGroupsRsp,
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
    /// Asks to come into a group.
    0x0485 CID_EXT_GROUP_JOIN_REQ ImGroupJoinReq = "IM.Ext.Group.IMGroupJoinReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImGroupStepRsp,
        refusal: |req| ImGroupStepRsp { user_id: req.user_id, result_code: 1, group_id: req.group_id, ..Default::default() },
    }
    /// Invites users into a group.
    0x0486 CID_EXT_GROUP_INVITE_REQ ImGroupInviteReq = "IM.Ext.Group.IMGroupInviteReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImGroupStepRsp,
        refusal: |req| ImGroupStepRsp { user_id: req.user_id, result_code: 1, group_id: req.group_id, ..Default::default() },
    }
    /// Answers an invitation, or somebody who asks to come in.
    0x0487 CID_EXT_GROUP_ANSWER_REQ ImGroupAnswerReq = "IM.Ext.Group.IMGroupAnswerReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImGroupStepRsp,
        refusal: |req| ImGroupStepRsp { user_id: req.user_id, result_code: 1, group_id: req.group_id, ..Default::default() },
    }
    /// Leaves a group.
    0x0488 CID_EXT_GROUP_LEAVE_REQ ImGroupLeaveReq = "IM.Ext.Group.IMGroupLeaveReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImGroupStepRsp,
        refusal: |req| ImGroupStepRsp { user_id: req.user_id, result_code: 1, group_id: req.group_id, ..Default::default() },
    }
    /// Ends a group.
    0x0489 CID_EXT_GROUP_DISBAND_REQ ImGroupDisbandReq = "IM.Ext.Group.IMGroupDisbandReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImGroupStepRsp,
        refusal: |req| ImGroupStepRsp { user_id: req.user_id, result_code: 1, group_id: req.group_id, ..Default::default() },
    }
    /// Makes another member the owner.
    0x048a CID_EXT_GROUP_TRANSFER_REQ ImGroupTransferReq = "IM.Ext.Group.IMGroupTransferReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImGroupStepRsp,
        refusal: |req| ImGroupStepRsp { user_id: req.user_id, result_code: 1, group_id: req.group_id, ..Default::default() },
    }
    /// Changes name, picture, announcement and rules of a group.
    0x048b CID_EXT_GROUP_SET_REQ ImGroupSetReq = "IM.Ext.Group.IMGroupSetReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImGroupStepRsp,
        refusal: |req| ImGroupStepRsp { user_id: req.user_id, result_code: 1, group_id: req.group_id, ..Default::default() },
    }
    /// Changes a member's role, name in the group and right to write.
    0x048c CID_EXT_GROUP_MEMBER_SET_REQ ImGroupMemberSetReq = "IM.Ext.Group.IMGroupMemberSetReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImGroupStepRsp,
        refusal: |req| ImGroupStepRsp { user_id: req.user_id, result_code: 1, group_id: req.group_id, ..Default::default() },
    }
    /// Outcome of any of these.
    0x048d CID_EXT_GROUP_STEP_RSP ImGroupStepRsp = "IM.Ext.Group.IMGroupStepRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
        reason: reason,
    }
    /// Asks how a group is, and who is in it.
    0x048e CID_EXT_GROUP_DETAILS_REQ ImGroupDetailsReq = "IM.Ext.Group.IMGroupDetailsReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImGroupDetailsRsp,
        refusal: |req| ImGroupDetailsRsp { user_id: req.user_id, result_code: 1, ..Default::default() },
    }
    /// That, members in pages.
    0x048f CID_EXT_GROUP_DETAILS_RSP ImGroupDetailsRsp = "IM.Ext.Group.IMGroupDetailsRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
        reason: reason,
    }
    /// Asks for invitations, and who asks to come in.
    0x0490 CID_EXT_GROUP_REQUESTS_REQ ImGroupRequestsReq = "IM.Ext.Group.IMGroupRequestsReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImGroupRequestsRsp,
        refusal: |req| ImGroupRequestsRsp { user_id: req.user_id, result_code: 1, ..Default::default() },
    }
    /// Those requests.
    0x0491 CID_EXT_GROUP_REQUESTS_RSP ImGroupRequestsRsp = "IM.Ext.Group.IMGroupRequestsRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
        reason: reason,
    }
    /// A group changed, or members of it.
    0x0492 CID_EXT_GROUP_CHANGED ImGroupChanged = "IM.Ext.Group.IMGroupChanged" {
        path: [MsgServer => Client],
    }
    /// An invitation, or a request to come in, changed.
    0x0493 CID_EXT_GROUP_REQUEST_CHANGED ImGroupRequestChanged = "IM.Ext.Group.IMGroupRequestChanged" {
        path: [MsgServer => Client],
    }
}
