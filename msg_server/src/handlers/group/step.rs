//! What members do to their group, and how others come in. Each step costs as much as a message, an invitation one more for
//! every ten who are invited.
//!
//! Members who come or go are told of as everybody is, by the notice that every client knows. Whatever else changed, devices
//! that understand it are told as it is then, but for the session that did it, which has it in its answer.

use im_base::dispatch::HandlerError;
use proto::capability::GROUPS;
use proto::ids::GroupId;
use proto::im::ext::group::{
    GroupComings, GroupNews, ImGroupAnswerReq, ImGroupDetailsReq, ImGroupDetailsRsp,
    ImGroupDisbandReq, ImGroupInviteReq, ImGroupJoinReq, ImGroupLeaveReq, ImGroupMemberSetReq,
    ImGroupRequestChanged, ImGroupRequestsReq, ImGroupRequestsRsp, ImGroupSetReq, ImGroupStepRsp,
    ImGroupTransferReq,
};
use proto::im::group::ImGroupChangeMemberNotify;
use proto::{Body, Request};

use crate::handlers::msg::ConversationKey;
use crate::handlers::other::{ask, user_ids};
use crate::notice::Told;
use crate::server::MsgServer;
use crate::session::Session;

pub(in crate::handlers) async fn join(
    session: Session,
    request: ImGroupJoinReq,
) -> Result<ImGroupStepRsp, HandlerError> {
    let request_key = Some(session.server.db.fresh_key());
    let request = ImGroupJoinReq {
        request_key,
        ..request
    };
    take(&session, request.group_id, request).await
}

pub(in crate::handlers) async fn invite(
    session: Session,
    request: ImGroupInviteReq,
) -> Result<ImGroupStepRsp, HandlerError> {
    let request_key = Some(session.server.db.fresh_key());
    let invited = request.invited_user_id.len();
    let request = ImGroupInviteReq {
        request_key,
        ..request
    };
    let answer = take(&session, request.group_id, request).await?;
    session.charge(invited as f64 / 10.0);
    Ok(answer)
}

pub(in crate::handlers) async fn answer(
    session: Session,
    request: ImGroupAnswerReq,
) -> Result<ImGroupStepRsp, HandlerError> {
    let request_key = Some(session.server.db.fresh_key());
    let request = ImGroupAnswerReq {
        request_key,
        ..request
    };
    take(&session, request.group_id, request).await
}

pub(in crate::handlers) async fn leave(
    session: Session,
    request: ImGroupLeaveReq,
) -> Result<ImGroupStepRsp, HandlerError> {
    let request_key = Some(session.server.db.fresh_key());
    let request = ImGroupLeaveReq {
        request_key,
        ..request
    };
    take(&session, request.group_id, request).await
}

pub(in crate::handlers) async fn disband(
    session: Session,
    request: ImGroupDisbandReq,
) -> Result<ImGroupStepRsp, HandlerError> {
    let request_key = Some(session.server.db.fresh_key());
    let request = ImGroupDisbandReq {
        request_key,
        ..request
    };
    take(&session, request.group_id, request).await
}

pub(in crate::handlers) async fn transfer(
    session: Session,
    request: ImGroupTransferReq,
) -> Result<ImGroupStepRsp, HandlerError> {
    let request_key = Some(session.server.db.fresh_key());
    let request = ImGroupTransferReq {
        request_key,
        ..request
    };
    take(&session, request.group_id, request).await
}

pub(in crate::handlers) async fn set(
    session: Session,
    request: ImGroupSetReq,
) -> Result<ImGroupStepRsp, HandlerError> {
    let request_key = Some(session.server.db.fresh_key());
    let request = ImGroupSetReq {
        request_key,
        ..request
    };
    take(&session, request.group_id, request).await
}

pub(in crate::handlers) async fn set_member(
    session: Session,
    request: ImGroupMemberSetReq,
) -> Result<ImGroupStepRsp, HandlerError> {
    let request_key = Some(session.server.db.fresh_key());
    let request = ImGroupMemberSetReq {
        request_key,
        ..request
    };
    take(&session, request.group_id, request).await
}

pub(in crate::handlers) async fn details(
    session: Session,
    request: ImGroupDetailsReq,
) -> Result<ImGroupDetailsRsp, HandlerError> {
    session.take_allowance()?;
    ask(&session, request).await
}

pub(in crate::handlers) async fn requests(
    session: Session,
    request: ImGroupRequestsReq,
) -> Result<ImGroupRequestsRsp, HandlerError> {
    session.take_allowance()?;
    ask(&session, request).await
}

/// Asks the db_proxy that has the group, so that its steps keep an order.
async fn take<Q>(session: &Session, group: u32, request: Q) -> Result<ImGroupStepRsp, HandlerError>
where
    Q: Request<Reply = ImGroupStepRsp>,
{
    let group = GroupId::new(group).ok_or(HandlerError::Refused("no_such_group"))?;
    session.take_allowance()?;
    let server = &session.server;
    let taken = server
        .db
        .call::<_, ImGroupStepRsp>(ConversationKey::group(group), &request)
        .await;
    let mut answer = server.noted(taken)?;
    answer.detach();
    if answer == ImGroupStepRsp::default() {
        return Err(HandlerError::Unavailable("no_answer"));
    }
    if let Some(news) = answer.news.take() {
        server.tell_group_news(group, news, Some(session.id));
    }
    Ok(answer)
}

impl MsgServer {
    /// Tells the devices that are to hear of a step, here and on other msg_servers, but for one session.
    pub(crate) fn tell_group_news(&self, group: GroupId, news: GroupNews, except: Option<u64>) {
        if let Some(comings) = news.comings {
            let notice = member_notice(comings);
            self.group_changed(&notice, except);
            let key = ConversationKey::group(group);
            self.routes.relay_message(key, &notice);
        }
        if let Some(changed) = news.changed {
            self.group_noted(&changed);
            self.tell(&Told::Members(group), GROUPS, &changed, except);
        }
        for told in news.request {
            let users = Told::Users(user_ids(&told.user_id));
            let request = told.request;
            self.tell(&users, GROUPS, &ImGroupRequestChanged { request }, except);
        }
    }
}

fn member_notice(comings: GroupComings) -> ImGroupChangeMemberNotify {
    ImGroupChangeMemberNotify {
        user_id: comings.user_id,
        change_type: comings.change_type,
        group_id: comings.group_id,
        cur_user_id_list: comings.cur_user_id,
        chg_user_id_list: comings.chg_user_id,
        group_version: Some(comings.version),
    }
}
