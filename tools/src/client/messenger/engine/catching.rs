//! Getting level with the server: by what changed where it grants that, otherwise by the lists that stock clients ask for.

use std::time::Duration;

use bytes::Bytes;
use proto::im::base_define::ContactSessionInfo;
use thiserror::Error;
use tokio::time::Instant;

use super::super::news::{EndReason, News};
use super::super::store::{LocalStore, StoreError, Taken};
use super::Engine;
use super::jobs::Done;
use crate::client::message::{Conversation, Message};
use crate::client::{RequestError, Session, SyncError};

/// Messages of one conversation that a page has at most; the rest is fetched as any other gap.
const MESSAGES: u32 = 100;

/// Messages of a conversation that a new device fetches where there is no sync, if fewer are unread.
const GLIMPSE: u32 = 20;

/// Before sync is asked again that could not answer.
const NOT_NOW: Duration = Duration::from_secs(1);

/// The server could not be asked, or what it said not be kept.
#[derive(Debug, Error)]
pub(super) enum CatchError {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("not now")]
    NotNow,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<SyncError> for CatchError {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Request(error) => Self::Request(error),
            SyncError::NotNow => Self::NotNow,
        }
    }
}

impl Engine {
    /// Something may have happened that no push tells of.
    pub(super) fn sync_by(&mut self, at: Instant) {
        self.sync_at = Some(self.sync_at.map_or(at, |before| before.min(at)));
    }

    pub(super) fn catch_up(&mut self) {
        let due = self.sync_at.is_some_and(|at| at <= Instant::now());
        let Some(line) = self.line.as_ref().filter(|_| due && !self.syncing) else {
            return;
        };
        self.sync_at = None;
        self.syncing = true;
        let (store, session) = (self.store.clone(), line.session.clone());
        if self.can_sync() {
            self.start(async move { Done::CaughtUp(page(&store, &session).await) });
        } else {
            self.start(async move { Done::CaughtUp(look(&store, &session).await) });
        }
    }

    pub(super) fn took(&mut self, taken: Result<Taken, CatchError>) -> Result<(), EndReason> {
        self.syncing = false;
        if !taken.as_ref().is_ok_and(|taken| taken.more) {
            self.asked = true;
            self.sending.look = true;
        }
        let taken = match taken {
            Ok(taken) => taken,
            Err(CatchError::Store(error)) => return Err(error.into()),
            Err(CatchError::NotNow) => {
                self.sync_by(Instant::now() + NOT_NOW);
                return Ok(());
            }
            Err(CatchError::Request(error)) => {
                if let Some(at) = self.again(&error) {
                    self.sync_by(at);
                }
                return Ok(());
            }
        };
        let now = Instant::now();
        if taken.reset {
            self.untold.clear();
            self.gaps.clear();
            self.say(News::Cleared);
        }
        if !taken.users.is_empty() {
            self.say(News::Users(taken.users));
        }
        for group in taken.left {
            self.say(News::Left(group));
        }
        for group in taken.groups {
            self.say(News::Group(group));
        }
        for contact in taken.contacts {
            self.say(News::Contact(contact));
        }
        for conversation in taken.conversations {
            // no message is on its way that the server has told of
            self.touched(conversation, Some(now));
        }
        self.refresh_at = Some(now);
        if taken.more {
            self.sync_by(now);
        } else {
            self.level = true;
        }
        Ok(())
    }
}

/// One page of what changed, and its cursor.
async fn page(store: &LocalStore, session: &Session) -> Result<Taken, CatchError> {
    let known = store.known().await?;
    let cursor: Option<Bytes> = store.cursor().await?;
    let asked = known.iter().map(|(with, id)| (*with, *id));
    let page = session.sync(cursor, asked, MESSAGES).await?;
    Ok(store.take(page, &known).await?)
}

/// What stock clients ask after a login.
async fn look(store: &LocalStore, session: &Session) -> Result<Taken, CatchError> {
    let since = store.users_since().await?;
    let book = session.all_users(since).await?;
    store.keep_users(&book.user_list).await?;
    store.keep_users_since(book.latest_update_time).await?;
    let recent = session.recent_sessions(0).await?;
    let unread = session.unread().await?;

    let mut groups: Vec<u32> = Vec::new();
    if let Ok(normal) = session.normal_groups().await {
        groups.extend(normal.iter().map(|group| group.group_id));
    }
    let mut conversations = Vec::new();
    for info in &recent {
        let conversation = Conversation::from_wire(info.session_id, info.session_type);
        let unread = unread.unreadinfo_list.iter().find(|unread| {
            Conversation::from_wire(unread.session_id, unread.session_type) == conversation
        });
        let unread = unread.map_or(0, |unread| unread.unread_cnt);
        if store.conversation(conversation).await?.is_some() {
            store.heard_of(conversation, info.latest_msg_id).await?;
        } else {
            glimpse(store, session, info, unread).await?;
        }
        if let Conversation::Group(group) = conversation {
            groups.push(group);
        }
        conversations.push(conversation);
    }
    groups.sort_unstable();
    groups.dedup();
    let groups = match groups.is_empty() {
        true => Vec::new(),
        false => session.groups_info(groups).await?,
    };
    store.keep_groups(&groups).await?;
    Ok(Taken {
        conversations,
        groups,
        users: book.user_list,
        ..Taken::default()
    })
}

/// The end of a conversation that was not known: what is unread of it is told, the rest is history.
async fn glimpse(
    store: &LocalStore,
    session: &Session,
    info: &ContactSessionInfo,
    unread: u32,
) -> Result<(), CatchError> {
    let conversation = Conversation::from_wire(info.session_id, info.session_type);
    let me = session.user_id();
    let mut page: Vec<Message> = Vec::new();
    let by_others = |page: &[Message]| page.iter().filter(|message| message.from != me).count();
    let mut begin = 0;
    loop {
        let still = u32::try_from(by_others(&page)).map_or(0, |have| unread.saturating_sub(have));
        let more = session
            .history(conversation, begin, still.clamp(GLIMPSE, MESSAGES))
            .await?;
        let Some(oldest) = more.last().map(|message| message.id) else {
            break;
        };
        page.extend(more);
        let enough = u32::try_from(by_others(&page)).is_ok_and(|have| have >= unread);
        if enough || oldest <= 1 {
            break;
        }
        begin = oldest - 1;
    }
    let of_others = page.iter().filter(|message| message.from != me);
    let first_unread = of_others.take(unread as usize).last();
    let told = first_unread.map_or(info.latest_msg_id, |first| first.id.saturating_sub(1));
    store.begin_at(conversation, &page, told).await?;
    Ok(())
}
