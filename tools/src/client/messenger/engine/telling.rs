//! What the application is told: messages out of the store, as fast as it takes them, and everything else.

use tokio::sync::mpsc::error::TrySendError;

use super::super::news::{CAPACITY, EndReason, News};
use super::super::store::{LocalStore, StoreError};
use super::jobs::{Done, Learned};
use super::{Engine, Order};
use crate::client::Session;
use crate::client::message::Conversation;

/// Messages that are taken out of the store at once.
const CHUNK: u32 = 64;

/// Other news that wait besides; more are counted and dropped.
const BESIDES: usize = 4 * CAPACITY;

/// Users that are asked for at once.
const MOST_LEARNED: usize = 100;

impl Engine {
    /// Something that is no message.
    pub(super) fn say(&mut self, news: News) {
        if self.queue.len() >= BESIDES {
            self.lost += 1;
            return;
        }
        if self.lost > 0 {
            let lost = std::mem::take(&mut self.lost);
            self.queue.push_back(News::Lagged { lost });
        }
        self.queue.push_back(news);
    }

    /// Gives the application what it has room for. If nobody listens, what happens is written down all the same.
    pub(super) fn hand_out(&mut self, listens: bool) {
        if !listens {
            self.queue.clear();
        }
        while let Some(news) = self.queue.pop_front() {
            if let Err(TrySendError::Full(news)) = self.reins.news.try_send(news) {
                self.queue.push_front(news);
                return;
            }
        }
    }

    /// Messages that are to be told of, while there is room.
    pub(super) async fn tell(&mut self) -> Result<(), StoreError> {
        let me = self.me;
        while self.queue.len() < CAPACITY
            && let Some(conversation) = self.untold.pop_first()
        {
            if self.asks_for_names(conversation).await? {
                self.unnamed.insert(conversation);
                continue;
            }
            let entries = self.store.tell(conversation, me, CHUNK).await?;
            if entries.len() == CHUNK as usize {
                self.untold.insert(conversation);
            }
            for entry in entries {
                self.queue.push_back(match entry.draft {
                    Some(draft) => News::Sent { draft, entry },
                    None => News::Message(entry),
                });
            }
        }
        let level = self.level
            && !self.syncing
            && self.sync_at.is_none()
            && self.gaps.is_empty()
            && self.filling.is_empty()
            && !self.refreshing
            && self.refresh_at.is_none()
            && !self.requesting
            && self.requests_at.is_none()
            && self.untold.is_empty()
            && self.unnamed.is_empty();
        if level && !self.caught_up {
            self.caught_up = true;
            self.say(News::CaughtUp);
        }
        Ok(())
    }

    /// Whether somebody wrote, or a group is written in, whose name is still to be asked for.
    async fn asks_for_names(&mut self, conversation: Conversation) -> Result<bool, StoreError> {
        if self.line.is_none() {
            return Ok(false);
        }
        let mut asks = false;
        for user in self.store.strangers(conversation).await? {
            if !self.unknowable.contains(&(false, user)) {
                self.to_learn.0.insert(user);
                asks = true;
            }
        }
        if let Conversation::Group(group) = conversation
            && !self.unknowable.contains(&(true, group))
            && self.store.group(group).await?.is_none()
        {
            self.to_learn.1.insert(group);
            asks = true;
        }
        Ok(asks)
    }

    pub(super) fn learn(&mut self) {
        let (users, groups) = &mut self.to_learn;
        if self.learning || (users.is_empty() && groups.is_empty()) {
            return;
        }
        let Some(line) = &self.line else { return };
        let asked: (Vec<u32>, Vec<u32>) = (
            users.iter().copied().take(MOST_LEARNED).collect(),
            groups.iter().copied().take(MOST_LEARNED).collect(),
        );
        users.retain(|user| !asked.0.contains(user));
        groups.retain(|group| !asked.1.contains(group));
        self.learning = true;
        let (store, session) = (self.store.clone(), line.session.clone());
        self.start(async move { Done::Learned(learn(&store, &session, asked).await) });
    }

    pub(super) fn learned(
        &mut self,
        learned: Result<Learned, StoreError>,
    ) -> Result<(), StoreError> {
        self.learning = false;
        let learned = learned?;
        // what was asked for and did not come is not asked for again
        let users = learned.asked.0.iter().map(|user| (false, *user));
        let groups = learned.asked.1.iter().map(|group| (true, *group));
        self.unknowable.extend(users.chain(groups));
        if !learned.users.is_empty() {
            self.say(News::Users(learned.users));
        }
        for group in learned.groups {
            self.say(News::Group(group));
        }
        let named = std::mem::take(&mut self.unnamed);
        self.untold.extend(named);
        Ok(())
    }

    /// The news that still wait, and why there will be none. Waits for the application, unless it is what ended this.
    pub(super) async fn last_words(mut self, reason: EndReason) {
        self.queue.push_back(News::Ended(reason));
        let order = *self.reins.orders.borrow();
        for news in self.queue {
            if order != Order::Go {
                // Whoever closes does not have to listen.
                if self.reins.news.try_send(news).is_err() {
                    return;
                }
                continue;
            }
            tokio::select! {
                told = self.reins.news.send(news) => if told.is_err() {
                    return;
                },
                // closed, or nobody is left that could read
                _ = self.reins.orders.changed() => return,
            }
        }
    }
}

/// A message without its writer's name is better than none: what does not come is done without.
async fn learn(
    store: &LocalStore,
    session: &Session,
    asked: (Vec<u32>, Vec<u32>),
) -> Result<Learned, StoreError> {
    let mut learned = Learned {
        asked,
        users: Vec::new(),
        groups: Vec::new(),
    };
    let (users, groups) = &learned.asked;
    if !users.is_empty()
        && let Ok(found) = session.users_info(users.clone()).await
    {
        store.keep_users(&found).await?;
        learned.users = found;
    }
    if !groups.is_empty()
        && let Ok(found) = session.groups_info(groups.clone()).await
    {
        store.keep_groups(&found).await?;
        learned.groups = found;
    }
    Ok(learned)
}
