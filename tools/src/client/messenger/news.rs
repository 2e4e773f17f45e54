//! What an application is told, in one stream.

use proto::im::base_define::{GroupInfo, UserInfo};
use proto::im::ext::buddy::Contact;
use proto::im::ext::group::{GroupRequest, ImGroupChanged};
use proto::im::group::ImGroupChangeMemberNotify;
use thiserror::Error;
use tokio::sync::mpsc;

use super::store::{Draft, DraftId, Entry, StoreError};
use crate::client::message::Conversation;
use crate::client::{CloseReason, Event, LoginError};

/// News that wait for their reader. Messages beyond it wait in the local history; of the rest see [`News::Lagged`].
pub(super) const CAPACITY: usize = 256;

/// Something happened.
#[derive(Clone, Debug)]
pub enum News {
    /// There is a connection. What happened meanwhile is fetched; [`CaughtUp`](Self::CaughtUp) follows.
    Connected,
    /// Everything up to the connection is in the local history, and its messages were told of.
    CaughtUp,
    /// The connection is lost; another one is tried for.
    Disconnected {
        /// Why, in words.
        reason: String,
    },
    /// A message by somebody else, or by the user from another device. With those of [`Sent`](Self::Sent) the messages of a
    /// conversation come in the order of their ids, each once.
    Message(Entry),
    /// A message that was written here is stored.
    Sent {
        /// Its number in the outbox, where it is not any more.
        draft: DraftId,
        /// As it stands in the history.
        entry: Entry,
    },
    /// A message that was written here is refused, and not in the outbox any more.
    NotSent {
        /// What was written.
        draft: Draft,
        /// One of the server's words for why, or nothing.
        reason: String,
    },
    /// A message that the application was told of was edited or recalled.
    Revised(Entry),
    /// The user has read up to a message, perhaps elsewhere.
    Read {
        /// Where.
        conversation: Conversation,
        /// Up to which.
        id: u32,
    },
    /// Profiles that are new or changed; those who left have status 3.
    Users(Vec<UserInfo>),
    /// Somebody came or went. Told to desktops only.
    Presence {
        /// Who.
        user_id: u32,
        /// Whether somebody is there now.
        online: bool,
    },
    /// A contact is from now on as it says; state none and not blocked is nothing any more.
    Contact(Contact),
    /// A group is new or changed.
    Group(GroupInfo),
    /// Members of a group came or went, and who did it.
    Members(ImGroupChangeMemberNotify),
    /// A group has other rules, another name, or members with other roles. A [`Group`](Self::Group) follows.
    GroupIs(ImGroupChanged),
    /// An invitation, or a request to come into a group, is from now on as it says. Those that wait are told of after each login,
    /// and again when something may have been missed.
    GroupRequest(GroupRequest),
    /// The user is not in this group any more; its conversation is gone.
    Left(u32),
    /// The server had the local history dropped; everything that follows is anew. What was not sent yet stays.
    Cleared,
    /// What the library keeps nothing of.
    Event(Event),
    /// The reader was too slow: so many news, none of them messages, were dropped. The local history has what they said.
    Lagged {
        /// How many.
        lost: u64,
    },
    /// It is over; nothing follows.
    Ended(EndReason),
}

/// Why there will be no other connection.
#[derive(Clone, Debug, Error)]
pub enum EndReason {
    /// It was closed from here.
    #[error("closed")]
    Closed,
    /// Another device took its place, or the user sent it away.
    #[error(transparent)]
    Kicked(CloseReason),
    /// The server does not let the user in.
    #[error("login {0}")]
    Refused(std::sync::Arc<LoginError>),
    /// The token is no good any more, and there is no password.
    #[error("the password is needed")]
    PasswordNeeded,
    /// The local history cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The news, in the order in which they happened.
#[derive(Debug)]
pub struct NewsStream {
    pub(super) queue: mpsc::Receiver<News>,
    pub(super) ended: bool,
}

impl NewsStream {
    /// The next one; after [`News::Ended`] there is none. Cancel-safe.
    pub async fn next(&mut self) -> Option<News> {
        if self.ended {
            return None;
        }
        let news = self.queue.recv().await;
        // a sender that is gone without a word is a task that panicked, which is reported elsewhere
        let news = news.unwrap_or(News::Ended(EndReason::Closed));
        self.ended = matches!(news, News::Ended(_));
        Some(news)
    }
}
