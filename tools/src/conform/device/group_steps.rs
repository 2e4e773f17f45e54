//! Steps in groups that their members run.

use proto::Request;
use proto::capability;
use proto::im::base_define::ClientType;
use proto::im::ext::group::{
    GroupDetails, GroupMember, GroupRequest, GroupRequestState, ImGroupAnswerReq, ImGroupChanged,
    ImGroupDetailsReq, ImGroupDisbandReq, ImGroupInviteReq, ImGroupJoinReq, ImGroupLeaveReq,
    ImGroupMemberSetReq, ImGroupRequestChanged, ImGroupRequestsReq, ImGroupSetReq, ImGroupStepRsp,
    ImGroupTransferReq,
};

use super::Device;
use crate::client::Conversation;
use crate::conform::case::Outcome;
use crate::conform::ctx::{Ctx, Who};
use crate::conform::expect::{fail, holds, same};

/// The end of a step: how the group is to the one who took it, or the reason why not.
pub(crate) type Taken = Result<Option<GroupDetails>, String>;

/// Logs in with a client that understands groups.
pub(crate) async fn able(ctx: &Ctx, who: Who, kind: ClientType, server: usize) -> Outcome<Device> {
    let mut device = ctx.connect(server).await?;
    let mut request = ctx.login_request(who, kind as i32);
    request.capabilities = Some(capability::GROUPS);
    let answer = device.log_in(&request).await?;
    same("result_code of the login", answer.result_code, 0)?;
    same("what is granted", answer.capabilities(), capability::GROUPS)?;
    Ok(device)
}

/// What was refused.
pub(crate) fn refused(reason: &str) -> Taken {
    Err(reason.to_owned())
}

/// A step that is taken; how the group is then, if one is in it.
pub(crate) fn done(taken: Taken) -> Outcome<Option<GroupDetails>> {
    match taken {
        Ok(group) => Ok(group),
        Err(reason) => fail("a step that is taken", reason),
    }
}

impl Device {
    pub(crate) async fn steps<Q>(&mut self, request: &Q) -> Outcome<Taken>
    where
        Q: Request<Reply = ImGroupStepRsp> + Clone,
    {
        let answer = self.ask(request).await?;
        same("user_id", answer.user_id, self.id)?;
        holds("no news", answer.news.is_none(), &answer)?;
        match (answer.result_code, answer.reason) {
            (0, None) => {
                let version = answer.group.as_ref().map(|group| group.version);
                same("version", answer.version, version)?;
                Ok(Ok(answer.group))
            }
            (1, Some(reason)) => Ok(Err(reason)),
            (code, reason) => fail("code 0, or 1 with a reason", format!("{code}, {reason:?}")),
        }
    }

    pub(crate) async fn joins(&mut self, group: Conversation, greeting: &str) -> Outcome<Taken> {
        let request = ImGroupJoinReq {
            group_id: group.id(),
            greeting: Some(greeting.to_owned()),
            ..Default::default()
        };
        self.steps(&request).await
    }

    pub(crate) async fn invites(&mut self, group: Conversation, users: &[u32]) -> Outcome<Taken> {
        let request = ImGroupInviteReq {
            group_id: group.id(),
            invited_user_id: users.to_vec(),
            ..Default::default()
        };
        self.steps(&request).await
    }

    /// Answers an own invitation, or the request of an applicant.
    pub(crate) async fn decides(
        &mut self,
        group: Conversation,
        applicant: Option<u32>,
        accept: bool,
    ) -> Outcome<Taken> {
        let request = ImGroupAnswerReq {
            group_id: group.id(),
            applicant_user_id: applicant,
            accept,
            ..Default::default()
        };
        self.steps(&request).await
    }

    pub(crate) async fn quits(&mut self, group: Conversation) -> Outcome<Taken> {
        let request = ImGroupLeaveReq {
            group_id: group.id(),
            ..Default::default()
        };
        self.steps(&request).await
    }

    pub(crate) async fn ends(&mut self, group: Conversation) -> Outcome<Taken> {
        let request = ImGroupDisbandReq {
            group_id: group.id(),
            ..Default::default()
        };
        self.steps(&request).await
    }

    pub(crate) async fn hands_over(&mut self, group: Conversation, to: u32) -> Outcome<Taken> {
        let request = ImGroupTransferReq {
            group_id: group.id(),
            to_user_id: to,
            ..Default::default()
        };
        self.steps(&request).await
    }

    pub(crate) async fn sets(
        &mut self,
        group: Conversation,
        change: ImGroupSetReq,
    ) -> Outcome<Taken> {
        let request = ImGroupSetReq {
            group_id: group.id(),
            ..change
        };
        self.steps(&request).await
    }

    pub(crate) async fn sets_member(
        &mut self,
        group: Conversation,
        member: u32,
        change: ImGroupMemberSetReq,
    ) -> Outcome<Taken> {
        let request = ImGroupMemberSetReq {
            group_id: group.id(),
            member_user_id: member,
            ..change
        };
        self.steps(&request).await
    }

    /// The group with all its members, or why it is not shown.
    pub(crate) async fn looks_at(
        &mut self,
        group: Conversation,
    ) -> Outcome<Result<(GroupDetails, Vec<GroupMember>), String>> {
        let mut request = ImGroupDetailsReq {
            group_id: group.id(),
            ..Default::default()
        };
        let mut members = Vec::new();
        loop {
            let answer = self.ask(&request).await?;
            same("user_id", answer.user_id, self.id)?;
            let more = answer.more();
            let details = match (answer.result_code, answer.reason, answer.group) {
                (0, None, Some(details)) => details,
                (1, Some(reason), None) => return Ok(Err(reason)),
                other => return fail("a group, or a reason", format!("{other:?}")),
            };
            members.extend(answer.member);
            if !more {
                return Ok(Ok((details, members)));
            }
            holds("a cursor for more", answer.cursor.is_some(), more)?;
            request.cursor = answer.cursor;
        }
    }

    /// What waits in that group, as far as it concerns the user.
    pub(crate) async fn waits_in(&mut self, group: Conversation) -> Outcome<Vec<GroupRequest>> {
        let mut request = ImGroupRequestsReq::default();
        let mut found = Vec::new();
        loop {
            let answer = self.ask(&request).await?;
            same("result_code", answer.result_code, 0)?;
            let more = answer.more();
            found.extend(answer.request);
            if !more {
                found.retain(|one| one.group_id == group.id());
                return Ok(found);
            }
            holds("a cursor for more", answer.cursor.is_some(), more)?;
            request.cursor = answer.cursor;
        }
    }

    /// A notice that somebody's request has that state.
    pub(crate) async fn hears_of(
        &mut self,
        group: Conversation,
        user: u32,
        state: GroupRequestState,
    ) -> Outcome<GroupRequest> {
        let what = format!("a notice that the request of {user} is {state:?}");
        let fits = |notice: &ImGroupRequestChanged| {
            let request = &notice.request;
            (request.group_id, request.user_id, request.state) == (group.id(), user, state as i32)
        };
        let (frame, notice) = self.frame::<ImGroupRequestChanged>(&what, fits).await?;
        same("number of the notice", frame.seq_num(), 0)?;
        Ok(notice.request)
    }

    /// A notice that a group has that version.
    pub(crate) async fn sees_version(
        &mut self,
        group: Conversation,
        version: u32,
    ) -> Outcome<ImGroupChanged> {
        let what = format!("a notice that the group has version {version}");
        let fits = |notice: &ImGroupChanged| {
            (notice.group.group_id, notice.group.version) == (group.id(), version)
        };
        let (frame, notice) = self.frame::<ImGroupChanged>(&what, fits).await?;
        same("number of the notice", frame.seq_num(), 0)?;
        Ok(notice)
    }
}
