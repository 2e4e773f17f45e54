//! Steps in groups that their members run; the local history keeps what the group is afterwards.

use proto::im::ext::group::{
    GroupDetails, GroupMember, GroupRequest, ImGroupMemberSetReq, ImGroupSetReq,
};

use super::Messenger;
use super::steps::StepError;
use crate::client::{GroupError, Session};

/// Pages of one list that are asked for at most: a server must not keep a client asking.
const PAGES: usize = 50;

impl From<GroupError> for StepError {
    fn from(error: GroupError) -> Self {
        match error {
            GroupError::Request(error) => error.into(),
            GroupError::Refused(reason) => Self::Refused(reason),
        }
    }
}

/// What the server answers to a step: the group, for who is in it.
type Answer = Result<Option<GroupDetails>, GroupError>;

/// All of them need a connection, and may be taken again when they failed.
impl Messenger {
    /// Asks to come into a group. `None`: an admin answers, and [`News::Group`](super::News::Group) tells when one is in.
    pub async fn join_group(
        &self,
        group: u32,
        greeting: &str,
    ) -> Result<Option<GroupDetails>, StepError> {
        let session = self.linked()?;
        let answer = session.join_group(group, greeting).await;
        self.stepped(&session, answer).await
    }

    /// Invites users into a group, at most 100.
    pub async fn invite_to_group(
        &self,
        group: u32,
        users: Vec<u32>,
        greeting: &str,
    ) -> Result<Option<GroupDetails>, StepError> {
        let session = self.linked()?;
        let answer = session.invite_to_group(group, users, greeting).await;
        self.stepped(&session, answer).await
    }

    /// Answers what waits: an invitation of one's own, or somebody's application. Refusing takes an own application, or an
    /// invitation of somebody else, back.
    pub async fn answer_group_request(
        &self,
        request: &GroupRequest,
        accept: bool,
    ) -> Result<Option<GroupDetails>, StepError> {
        let session = self.linked()?;
        let group = request.group_id;
        let answer = match request.user_id == session.user_id() {
            true => session.answer_invitation(group, accept).await,
            false => {
                let user = request.user_id;
                session.answer_applicant(group, user, accept).await
            }
        };
        self.stepped(&session, answer).await
    }

    /// Leaves a group, whose conversation is gone then. Its owner makes somebody else the owner first, unless he is alone.
    pub async fn leave_group(&self, group: u32) -> Result<(), StepError> {
        self.linked()?.leave_group(group).await?;
        Ok(self.store.leave(group).await?)
    }

    /// Ends a group that one owns, and its conversation with it.
    pub async fn disband_group(&self, group: u32) -> Result<(), StepError> {
        self.linked()?.disband_group(group).await?;
        Ok(self.store.leave(group).await?)
    }

    /// Makes another member the owner of a group that one owns.
    pub async fn transfer_group(
        &self,
        group: u32,
        to: u32,
    ) -> Result<Option<GroupDetails>, StepError> {
        let session = self.linked()?;
        let answer = session.transfer_group(group, to).await;
        self.stepped(&session, answer).await
    }

    /// Changes a group that one administers: what is set in `change`, whose `user_id` is of no importance.
    pub async fn set_group(
        &self,
        change: ImGroupSetReq,
    ) -> Result<Option<GroupDetails>, StepError> {
        let session = self.linked()?;
        let answer = session.set_group(change).await;
        self.stepped(&session, answer).await
    }

    /// Changes a member: what is set in `change`, whose `user_id` is of no importance.
    pub async fn set_group_member(
        &self,
        change: ImGroupMemberSetReq,
    ) -> Result<Option<GroupDetails>, StepError> {
        let session = self.linked()?;
        let answer = session.set_group_member(change).await;
        self.stepped(&session, answer).await
    }

    /// A group as it is now, and its members; none for somebody who is not in it. Nothing of it is kept.
    pub async fn group_details(
        &self,
        group: u32,
    ) -> Result<(GroupDetails, Vec<GroupMember>), StepError> {
        let session = self.linked()?;
        let mut page = session.group_page(group, None).await?;
        let mut members = std::mem::take(&mut page.members);
        for _ in 1..PAGES {
            let Some(next) = page.next.take() else { break };
            page = session.group_page(group, Some(next)).await?;
            members.append(&mut page.members);
        }
        Ok((page.group, members))
    }

    /// What the group is now is kept, for who is in it.
    async fn stepped(
        &self,
        session: &Session,
        answer: Answer,
    ) -> Result<Option<GroupDetails>, StepError> {
        let details = answer?;
        if let Some(details) = &details {
            self.learn_group(session, details.group_id).await?;
        }
        Ok(details)
    }
}

/// Everything that waits and concerns the user.
pub(super) async fn waiting(session: &Session) -> Result<Vec<GroupRequest>, GroupError> {
    let mut page = session.group_requests(None).await?;
    let mut requests = std::mem::take(&mut page.requests);
    for _ in 1..PAGES {
        let Some(next) = page.next.take() else { break };
        page = session.group_requests(Some(next)).await?;
        requests.append(&mut page.requests);
    }
    Ok(requests)
}
