//! Steps whose outcome the local history keeps: friends, groups, messages that are taken back.

use proto::im::ext::buddy::Contact;
use thiserror::Error;

use super::Messenger;
use super::store::{Entry, StoreError};
use crate::client::message::{Conversation, Message};
use crate::client::{ContactError, RequestError, RevisionError, Session};

/// A step was not taken.
#[derive(Debug, Error)]
pub enum StepError {
    /// There is no connection now.
    #[error("there is no connection")]
    NotConnected,
    /// The server said no, with one of its words for why, or nothing.
    #[error("{}", refusal(.0))]
    Refused(String),
    /// The request or its answer got lost; whether the step was taken is not known.
    #[error(transparent)]
    Request(RequestError),
    /// The local history cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn refusal(reason: &str) -> String {
    match reason {
        "" => "the server refuses".to_owned(),
        reason => format!("the server refuses: {reason}"),
    }
}

impl From<RequestError> for StepError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Nak {
                reason,
                retry_after: None,
                ..
            } => Self::Refused(reason),
            error => Self::Request(error),
        }
    }
}

impl From<ContactError> for StepError {
    fn from(error: ContactError) -> Self {
        match error {
            ContactError::Request(error) => error.into(),
            ContactError::Refused(reason) => Self::Refused(reason),
        }
    }
}

impl From<RevisionError> for StepError {
    fn from(error: RevisionError) -> Self {
        match error {
            RevisionError::Request(error) => error.into(),
            RevisionError::Refused(reason) => Self::Refused(reason),
        }
    }
}

/// All of them need a connection, and may be taken again when they failed.
impl Messenger {
    /// The connection there is now.
    pub(super) fn linked(&self) -> Result<Session, StepError> {
        self.session().ok_or(StepError::NotConnected)
    }

    /// Asks somebody to be friends; whoever has asked is a friend from then on.
    pub async fn ask_to_be_friends(&self, user: u32, greeting: &str) -> Result<Contact, StepError> {
        let contact = self.linked()?.ask_to_be_friends(user, greeting).await?;
        self.keep(contact).await
    }

    /// Grants somebody's request to be friends, or refuses it.
    pub async fn answer_request(&self, user: u32, accept: bool) -> Result<Contact, StepError> {
        let contact = self.linked()?.answer_request(user, accept).await?;
        self.keep(contact).await
    }

    /// Ends a friendship, or takes an own request back.
    pub async fn remove_friend(&self, user: u32) -> Result<Contact, StepError> {
        let contact = self.linked()?.remove_friend(user).await?;
        self.keep(contact).await
    }

    /// Blocks somebody, or does not any more.
    pub async fn block(&self, user: u32, blocked: bool) -> Result<Contact, StepError> {
        let contact = self.linked()?.block(user, blocked).await?;
        self.keep(contact).await
    }

    async fn keep(&self, contact: Contact) -> Result<Contact, StepError> {
        self.store.keep_contact(&contact).await?;
        Ok(contact)
    }

    /// Takes a message back. Gives it as it is from then on.
    pub async fn recall(
        &self,
        conversation: impl Into<Conversation>,
        id: u32,
    ) -> Result<Entry, StepError> {
        let message = self.linked()?.recall(conversation, id).await?;
        self.revised(message).await
    }

    /// Gives a message of one's own another text.
    pub async fn edit(
        &self,
        conversation: impl Into<Conversation>,
        id: u32,
        text: &str,
    ) -> Result<Entry, StepError> {
        let message = self.linked()?.edit(conversation, id, text).await?;
        self.revised(message).await
    }

    async fn revised(&self, message: Message) -> Result<Entry, StepError> {
        let here = self.store.refresh(&message).await?;
        Ok(here.unwrap_or(Entry {
            message,
            draft: None,
        }))
    }

    /// Makes a temporary group of these users and oneself, and gives its number.
    pub async fn create_group(&self, name: &str, mut members: Vec<u32>) -> Result<u32, StepError> {
        let session = self.linked()?;
        members.push(session.user_id());
        members.sort_unstable();
        members.dedup();
        let group = session.create_group(name, members).await?;
        let group = group.ok_or_else(|| StepError::Refused(String::new()))?;
        self.learn_group(&session, group).await?;
        Ok(group)
    }

    /// Adds members to a group, and gives everybody who is in it then.
    pub async fn add_members(&self, group: u32, users: Vec<u32>) -> Result<Vec<u32>, StepError> {
        let reply = self.linked()?.add_members(group, users).await?;
        self.members(group, reply.result_code, reply.cur_user_id_list)
            .await
    }

    /// Takes members out of a group, and gives everybody who is in it then.
    pub async fn remove_members(&self, group: u32, users: Vec<u32>) -> Result<Vec<u32>, StepError> {
        let reply = self.linked()?.remove_members(group, users).await?;
        self.members(group, reply.result_code, reply.cur_user_id_list)
            .await
    }

    async fn members(
        &self,
        group: u32,
        result_code: u32,
        members: Vec<u32>,
    ) -> Result<Vec<u32>, StepError> {
        if result_code != 0 {
            return Err(StepError::Refused(String::new()));
        }
        self.store.keep_members(group, &members).await?;
        Ok(members)
    }

    /// What the server says of a group is kept; nothing if one is not in it.
    pub(super) async fn learn_group(&self, session: &Session, group: u32) -> Result<(), StepError> {
        let groups = session.groups_info(vec![group]).await?;
        self.store.keep_groups(&groups).await?;
        Ok(())
    }
}
