//! Fetching what is missing between messages, and what messages are now that changed meanwhile.

use tokio::time::Instant;

use super::super::news::{EndReason, News};
use super::super::store::{Entry, LocalStore};
use super::Engine;
use super::catching::CatchError;
use super::jobs::Done;
use crate::client::Session;
use crate::client::message::{Conversation, Message};

/// Messages that changed, of which the application is told at once.
const CHUNK: usize = 100;

/// Conversations whose gaps are filled at the same time.
const AT_ONCE: usize = 4;

impl Engine {
    pub(super) fn fill(&mut self) {
        let Some(line) = &self.line else { return };
        let now = Instant::now();
        let due: Vec<Conversation> = self
            .gaps
            .iter()
            .filter(|(conversation, at)| **at <= now && !self.filling.contains(conversation))
            .map(|(conversation, _)| *conversation)
            .take(AT_ONCE.saturating_sub(self.filling.len()))
            .collect();
        let session = line.session.clone();
        for conversation in due {
            self.gaps.remove(&conversation);
            self.filling.insert(conversation);
            let (store, session) = (self.store.clone(), session.clone());
            self.start(async move {
                Done::Filled(conversation, fill(&store, &session, conversation).await)
            });
        }
    }

    pub(super) fn filled(
        &mut self,
        conversation: Conversation,
        outcome: Result<(), CatchError>,
    ) -> Result<(), EndReason> {
        self.filling.remove(&conversation);
        let again = match outcome {
            Ok(()) => None,
            Err(CatchError::Store(error)) => return Err(error.into()),
            Err(CatchError::NotNow) => Some(Instant::now()),
            Err(CatchError::Request(error)) => self.again(&error),
        };
        self.touched(conversation, again);
        Ok(())
    }

    pub(super) fn refresh(&mut self) {
        let due = self.refresh_at.is_some_and(|at| at <= Instant::now());
        let Some(line) = self.line.as_ref().filter(|_| due && !self.refreshing) else {
            return;
        };
        self.refresh_at = None;
        self.refreshing = true;
        let (store, session) = (self.store.clone(), line.session.clone());
        self.start(async move { Done::Refreshed(refresh(&store, &session).await) });
    }

    pub(super) fn refreshed(
        &mut self,
        revised: Result<Vec<Entry>, CatchError>,
    ) -> Result<(), EndReason> {
        self.refreshing = false;
        match revised {
            // nothing is left, or nothing that the application knows
            Ok(revised) if revised.is_empty() => {}
            Ok(revised) => {
                for entry in revised {
                    self.say(News::Revised(entry));
                }
                self.refresh_at = Some(Instant::now());
            }
            Err(CatchError::Store(error)) => return Err(error.into()),
            Err(CatchError::NotNow) => self.refresh_at = Some(Instant::now()),
            Err(CatchError::Request(error)) => self.refresh_at = self.again(&error),
        }
        Ok(())
    }
}

/// Fetches what is missing, the oldest first, so that what was fetched can be told of at once.
async fn fill(
    store: &LocalStore,
    session: &Session,
    conversation: Conversation,
) -> Result<(), CatchError> {
    loop {
        let missing = store.missing(conversation).await?;
        if missing.is_empty() {
            return Ok(());
        }
        let found = by_ids(session, conversation, missing.clone()).await?;
        store.found(conversation, &missing, &found).await?;
    }
}

/// Those of these messages that exist. A server gives the newest of them, as many as fit: what is newer than the oldest it
/// gave does not exist, what is older is to be asked again, until nothing comes.
async fn by_ids(
    session: &Session,
    conversation: Conversation,
    mut ids: Vec<u32>,
) -> Result<Vec<Message>, CatchError> {
    let mut found: Vec<Message> = Vec::new();
    while !ids.is_empty() {
        let page = session.by_ids(conversation, ids.clone()).await?;
        let Some(oldest) = page.iter().map(|message| message.id).min() else {
            break;
        };
        ids.retain(|id| *id < oldest);
        found.extend(page);
    }
    Ok(found)
}

/// What messages are now that changed, as far as the application was told of them.
async fn refresh(store: &LocalStore, session: &Session) -> Result<Vec<Entry>, CatchError> {
    let mut revised = Vec::new();
    while let Some((conversation, ids)) = store.stale().await? {
        let found = by_ids(session, conversation, ids.clone()).await?;
        revised.extend(store.refreshed(conversation, &ids, &found).await?);
        if revised.len() >= CHUNK {
            break;
        }
    }
    Ok(revised)
}
