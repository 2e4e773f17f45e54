//! Contacts: asking to be friends, answering, blocking, and who they are.

use bytes::Bytes;
use proto::im::ext::buddy::{
    Contact, ImBlockReq, ImContactStepRsp, ImContactsReq, ImFriendAnswerReq, ImFriendAskReq,
    ImFriendRemoveReq,
};

use super::error::RequestError;
use super::session::Session;

/// No contact came of it.
#[derive(Debug, thiserror::Error)]
pub enum ContactError {
    /// The request or its answer got lost.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The server said no, with one of its words for why.
    #[error("the server refuses: {0}")]
    Refused(String),
}

/// A part of the contacts that changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContactsPage {
    /// What the device has is to be dropped first: this is the beginning of everything.
    pub reset: bool,
    /// Those that are nothing any more too.
    pub contacts: Vec<Contact>,
    /// To ask with the next time.
    pub cursor: Bytes,
    /// There is more to be asked for right now.
    pub more: bool,
}

/// How the server answers a step.
fn taken(reply: ImContactStepRsp) -> Result<Contact, ContactError> {
    match (reply.result_code, reply.contact) {
        (0, Some(contact)) => Ok(contact),
        _ => Err(ContactError::Refused(reply.reason.unwrap_or_default())),
    }
}

impl Session {
    /// Asks somebody to be friends; whoever has asked is a friend from then on. Gives the contact as it is then.
    pub async fn ask_to_be_friends(
        &self,
        user: u32,
        greeting: &str,
    ) -> Result<Contact, ContactError> {
        let request = ImFriendAskReq {
            user_id: self.user_id(),
            to_user_id: user,
            greeting: Some(greeting.to_owned()).filter(|greeting| !greeting.is_empty()),
            attach_data: None,
        };
        taken(self.request(request).await?)
    }

    /// Grants somebody's request to be friends, or refuses it.
    pub async fn answer_request(&self, user: u32, accept: bool) -> Result<Contact, ContactError> {
        let request = ImFriendAnswerReq {
            user_id: self.user_id(),
            from_user_id: user,
            accept,
            attach_data: None,
        };
        taken(self.request(request).await?)
    }

    /// Ends a friendship, or takes an own request back.
    pub async fn remove_friend(&self, user: u32) -> Result<Contact, ContactError> {
        let request = ImFriendRemoveReq {
            user_id: self.user_id(),
            other_user_id: user,
            attach_data: None,
        };
        taken(self.request(request).await?)
    }

    /// Blocks somebody, or does not any more.
    pub async fn block(&self, user: u32, blocked: bool) -> Result<Contact, ContactError> {
        let request = ImBlockReq {
            user_id: self.user_id(),
            other_user_id: user,
            blocked,
            attach_data: None,
        };
        taken(self.request(request).await?)
    }

    /// One page of the contacts that changed since a cursor; without one, of all.
    pub async fn contacts(&self, cursor: Option<Bytes>) -> Result<ContactsPage, ContactError> {
        let request = ImContactsReq {
            user_id: self.user_id(),
            cursor,
            attach_data: None,
        };
        let reply = self.request(request).await?;
        if reply.result_code != 0 {
            return Err(ContactError::Refused(reply.reason.unwrap_or_default()));
        }
        Ok(ContactsPage {
            reset: reply.reset(),
            more: reply.more(),
            cursor: reply.cursor.unwrap_or_default(),
            contacts: reply.contact,
        })
    }
}
