//! What members do to their group, and how others come in.

use bytes::Bytes;
use proto::im::ext::group::{
    GroupDetails, GroupMember, GroupRequest, ImGroupAnswerReq, ImGroupDetailsReq,
    ImGroupDisbandReq, ImGroupInviteReq, ImGroupJoinReq, ImGroupLeaveReq, ImGroupMemberSetReq,
    ImGroupRequestsReq, ImGroupSetReq, ImGroupStepRsp, ImGroupTransferReq,
};

use super::error::RequestError;
use super::session::Session;

/// Nothing came of a step.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// The request or its answer got lost.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The server said no, with one of its words for why.
    #[error("the server refuses: {0}")]
    Refused(String),
}

/// A group, and a part of its members.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupPage {
    /// The group.
    pub group: GroupDetails,
    /// Members, by their number; none for somebody who is not in it.
    pub members: Vec<GroupMember>,
    /// To ask with for the others; `None`: those were all.
    pub next: Option<Bytes>,
}

/// A part of the requests that concern the user.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupRequestsPage {
    /// Invitations, own applications, and applications to groups that the user administers.
    pub requests: Vec<GroupRequest>,
    /// To ask with for the others; `None`: those were all.
    pub next: Option<Bytes>,
}

/// The group as the one who took the step sees it from then on; `None` for who is not in it.
fn taken(reply: ImGroupStepRsp) -> Result<Option<GroupDetails>, GroupError> {
    match reply.result_code {
        0 => Ok(reply.group),
        _ => Err(GroupError::Refused(reply.reason.unwrap_or_default())),
    }
}

fn unless_empty(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

impl Session {
    /// Asks to come into a group. In a group with approval that is `None` until an admin has answered.
    pub async fn join_group(
        &self,
        group: u32,
        greeting: &str,
    ) -> Result<Option<GroupDetails>, GroupError> {
        let request = ImGroupJoinReq {
            user_id: self.user_id(),
            group_id: group,
            greeting: unless_empty(greeting),
            ..Default::default()
        };
        taken(self.request(request).await?)
    }

    /// Invites users into a group, at most 100; they answer themselves.
    pub async fn invite_to_group(
        &self,
        group: u32,
        users: Vec<u32>,
        greeting: &str,
    ) -> Result<Option<GroupDetails>, GroupError> {
        let request = ImGroupInviteReq {
            user_id: self.user_id(),
            group_id: group,
            invited_user_id: users,
            greeting: unless_empty(greeting),
            ..Default::default()
        };
        taken(self.request(request).await?)
    }

    /// Answers an invitation into a group; false takes an own application back.
    pub async fn answer_invitation(
        &self,
        group: u32,
        accept: bool,
    ) -> Result<Option<GroupDetails>, GroupError> {
        let request = ImGroupAnswerReq {
            user_id: self.user_id(),
            group_id: group,
            accept,
            ..Default::default()
        };
        taken(self.request(request).await?)
    }

    /// Answers somebody who asks to come into a group that one administers; false takes an invitation back.
    pub async fn answer_applicant(
        &self,
        group: u32,
        applicant: u32,
        accept: bool,
    ) -> Result<Option<GroupDetails>, GroupError> {
        let request = ImGroupAnswerReq {
            user_id: self.user_id(),
            group_id: group,
            applicant_user_id: Some(applicant),
            accept,
            ..Default::default()
        };
        taken(self.request(request).await?)
    }

    /// Leaves a group. Its owner makes somebody else the owner first, unless he is alone.
    pub async fn leave_group(&self, group: u32) -> Result<(), GroupError> {
        let request = ImGroupLeaveReq {
            user_id: self.user_id(),
            group_id: group,
            ..Default::default()
        };
        taken(self.request(request).await?).map(drop)
    }

    /// Ends a group that one owns.
    pub async fn disband_group(&self, group: u32) -> Result<(), GroupError> {
        let request = ImGroupDisbandReq {
            user_id: self.user_id(),
            group_id: group,
            ..Default::default()
        };
        taken(self.request(request).await?).map(drop)
    }

    /// Makes another member the owner of a group that one owns.
    pub async fn transfer_group(
        &self,
        group: u32,
        to: u32,
    ) -> Result<Option<GroupDetails>, GroupError> {
        let request = ImGroupTransferReq {
            user_id: self.user_id(),
            group_id: group,
            to_user_id: to,
            ..Default::default()
        };
        taken(self.request(request).await?)
    }

    /// Changes a group that one administers: what is set in `change`, whose `user_id` is of no importance.
    pub async fn set_group(
        &self,
        change: ImGroupSetReq,
    ) -> Result<Option<GroupDetails>, GroupError> {
        taken(self.request(change).await?)
    }

    /// Changes a member: what is set in `change`, whose `user_id` is of no importance.
    pub async fn set_group_member(
        &self,
        change: ImGroupMemberSetReq,
    ) -> Result<Option<GroupDetails>, GroupError> {
        taken(self.request(change).await?)
    }

    /// A group and its first members, or those behind the page that gave `next`.
    pub async fn group_page(
        &self,
        group: u32,
        next: Option<Bytes>,
    ) -> Result<GroupPage, GroupError> {
        let request = ImGroupDetailsReq {
            user_id: self.user_id(),
            group_id: group,
            cursor: next,
            ..Default::default()
        };
        let reply = self.request(request).await?;
        match (reply.result_code, reply.group) {
            (0, Some(group)) => Ok(GroupPage {
                group,
                members: reply.member,
                next: reply.cursor,
            }),
            _ => Err(GroupError::Refused(reply.reason.unwrap_or_default())),
        }
    }

    /// The first requests that concern the user, or those behind the page that gave `next`.
    pub async fn group_requests(
        &self,
        next: Option<Bytes>,
    ) -> Result<GroupRequestsPage, GroupError> {
        let request = ImGroupRequestsReq {
            user_id: self.user_id(),
            cursor: next,
            ..Default::default()
        };
        let reply = self.request(request).await?;
        if reply.result_code != 0 {
            return Err(GroupError::Refused(reply.reason.unwrap_or_default()));
        }
        Ok(GroupRequestsPage {
            requests: reply.request,
            next: reply.cursor,
        })
    }
}
