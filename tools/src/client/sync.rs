//! Everything that changed since a device was last here.

use std::collections::BTreeMap;

use bytes::Bytes;
use proto::im::base_define::{DepartInfo, GroupInfo, UserInfo};
use proto::im::ext::buddy::Contact;
use proto::im::ext::message::{ImSyncReq, ImSyncRsp, KnownConversation, SyncConversation};

use super::error::RequestError;
use super::message::{Conversation, Message};
use super::session::Session;

/// Conversations that one question may name; those beyond are left out, and then something comes again.
const MAX_KNOWN: usize = 2_000;

/// No page came.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The question or its answer got lost.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The server has no answer now; ask again.
    #[error("the server cannot tell now what changed")]
    NotNow,
}

/// A part of what changed. Take it over in the order of the fields, then keep the cursor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SyncPage {
    /// What the device has is to be dropped first: this is the beginning of everything.
    pub reset: bool,
    /// Groups the user is not in any more; their conversations go with them.
    pub left: Vec<u32>,
    /// Groups that are new or changed.
    pub groups: Vec<GroupInfo>,
    /// Conversations with news, the ones that changed longest ago first.
    pub conversations: Vec<SyncedConversation>,
    /// Messages that were edited or recalled, if the client announced that it understands it; [`Session::by_ids`] has what
    /// they are now.
    pub revised: Vec<(Conversation, Vec<u32>)>,
    /// Contacts that changed, if the client announced that it understands them; those that are nothing any more too.
    pub contacts: Vec<Contact>,
    /// Departments that are new or changed, removed ones too.
    pub departments: Vec<DepartInfo>,
    /// Users who are new or changed, those who left too.
    pub users: Vec<UserInfo>,
    /// To ask with the next time.
    pub cursor: Bytes,
    /// There is more to be asked for right now.
    pub more: bool,
}

/// A conversation as the user has it on all of his devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncedConversation {
    /// Which one.
    pub conversation: Conversation,
    /// The newest message's id; 0: none that the user may see.
    pub latest: u32,
    /// Up to where the user has read.
    pub read: u32,
    /// What others wrote behind that.
    pub unread: u32,
    /// The user took it off the list.
    pub hidden: bool,
    /// The newest messages, ascending.
    pub messages: Vec<Message>,
    /// Messages from this id up to the first one of the list were left out; history has them.
    pub missing_from: Option<u32>,
    /// The newest unread message that mentions the user, if the client announced that it understands it.
    pub mentioned: Option<u32>,
}

impl From<SyncConversation> for SyncedConversation {
    fn from(told: SyncConversation) -> Self {
        let conversation = Conversation::from_wire(told.session_id, told.session_type);
        let messages = told.msg_list.into_iter();
        Self {
            conversation,
            latest: told.latest_msg_id,
            read: told.read_msg_id,
            unread: told.unread_cnt,
            hidden: told.hidden.unwrap_or(false),
            messages: messages
                .map(|info| Message::from_history(conversation, info))
                .collect(),
            missing_from: told.missing_from_msg_id,
            mentioned: told.mentioned_msg_id,
        }
    }
}

impl TryFrom<ImSyncRsp> for SyncPage {
    type Error = SyncError;

    fn try_from(answer: ImSyncRsp) -> Result<Self, SyncError> {
        if answer.result_code != 0 {
            return Err(SyncError::NotNow);
        }
        let revised = answer.revised.into_iter().map(|revised| {
            let conversation = Conversation::from_wire(revised.session_id, revised.session_type);
            (conversation, revised.msg_id)
        });
        Ok(Self {
            reset: answer.reset.unwrap_or(false),
            left: answer.left_group_id,
            groups: answer.group,
            conversations: answer.conversation.into_iter().map(Into::into).collect(),
            revised: revised.collect(),
            contacts: answer.contact,
            departments: answer.department,
            users: answer.user,
            cursor: answer.cursor.unwrap_or_default(),
            more: answer.more.unwrap_or(false),
        })
    }
}

impl Session {
    /// One page of what changed since a cursor; without one, of everything. `known` are conversations with the message up
    /// to which the device has each; `messages` is how many of one conversation it wants at most, 0 for 100.
    pub async fn sync(
        &self,
        cursor: Option<Bytes>,
        known: impl IntoIterator<Item = (Conversation, u32)>,
        messages: u32,
    ) -> Result<SyncPage, SyncError> {
        let known = known
            .into_iter()
            .map(|(conversation, msg_id)| KnownConversation {
                session_type: conversation.session_type(),
                session_id: conversation.id(),
                msg_id,
            });
        let request = ImSyncReq {
            user_id: self.user_id(),
            cursor,
            known: known.take(MAX_KNOWN).collect(),
            messages: Some(messages),
            ..Default::default()
        };
        self.request(request).await?.try_into()
    }

    /// All pages of what changed since a cursor.
    pub fn changes(&self, cursor: Option<Bytes>) -> Sync {
        Sync {
            session: self.clone(),
            cursor,
            known: BTreeMap::new(),
            messages: 0,
            more: true,
        }
    }
}

/// The pages of what changed, one after the other.
#[derive(Debug)]
pub struct Sync {
    session: Session,
    cursor: Option<Bytes>,
    known: BTreeMap<Conversation, u32>,
    messages: u32,
    more: bool,
}

impl Sync {
    /// The device has this conversation up to a message. Otherwise it gets again what came since the cursor.
    #[must_use]
    pub fn knowing(mut self, conversation: impl Into<Conversation>, msg_id: u32) -> Self {
        self.known.insert(conversation.into(), msg_id);
        self
    }

    /// Most messages of one conversation.
    #[must_use]
    pub fn with_messages(mut self, messages: u32) -> Self {
        self.messages = messages;
        self
    }

    /// The next page; `None` behind the last one. A page that did not come may be asked for again.
    ///
    /// Dropping the future is safe: the same page is asked for the next time.
    pub async fn next(&mut self) -> Result<Option<SyncPage>, SyncError> {
        if !self.more {
            return Ok(None);
        }
        let known: Vec<_> = self.known.iter().map(|(with, id)| (*with, *id)).collect();
        let page = self.session.sync(self.cursor.clone(), known, self.messages);
        let page = page.await?;
        if page.reset {
            self.known.clear();
        }
        for told in &page.conversations {
            if let Some(last) = told.messages.last() {
                self.known.insert(told.conversation, last.id);
            }
        }
        self.cursor = Some(page.cursor.clone());
        self.more = page.more;
        Ok(Some(page))
    }

    /// What to ask with the next time, when nothing is left; before that, where these pages go on.
    pub fn cursor(&self) -> Option<&Bytes> {
        self.cursor.as_ref()
    }
}
