//! Gaps: which messages are known to be somewhere and are not here, and messages that are here in an older form.

use std::collections::BTreeSet;

use super::timeline::{Timeline, ids_behind, revise};
use super::{Entry, LocalStore, StoreError};
use crate::client::message::{Conversation, Message};

/// As many as a server gives at once.
const MOST: usize = 100;

impl LocalStore {
    /// Conversations in which something is missing before a message that was heard of.
    pub async fn gaps(&self) -> Result<Vec<Conversation>, StoreError> {
        let rows: Vec<(i32, u32)> =
            sqlx::query_as("SELECT kind, peer FROM conversations WHERE upto < latest")
                .fetch_all(&self.pool)
                .await?;
        Ok(rows
            .into_iter()
            .map(|(kind, peer)| Conversation::from_wire(peer, kind))
            .collect())
    }

    /// The oldest ids that are missing in a conversation, ascending, at most 100. Nothing: it is complete.
    pub async fn missing(&self, conversation: Conversation) -> Result<Vec<u32>, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(timeline) = Timeline::load(&mut transaction, conversation).await? else {
            return Ok(Vec::new());
        };
        let here = ids_behind(&mut transaction, conversation, timeline.upto).await?;
        let here: BTreeSet<u32> = here.into_iter().collect();
        let ids = timeline.upto.saturating_add(1)..=timeline.latest;
        Ok(ids.filter(|id| !here.contains(id)).take(MOST).collect())
    }

    /// Takes in what was found of ids that were [`missing`](Self::missing): the rest of them does not exist.
    pub async fn found(
        &self,
        conversation: Conversation,
        asked: &[u32],
        found: &[Message],
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let Some(mut timeline) = Timeline::load(&mut transaction, conversation).await? else {
            return Ok(());
        };
        for message in found {
            timeline.put(&mut transaction, message, None).await?;
        }
        let upto = match (asked.first(), asked.last()) {
            (Some(first), Some(last)) if *first <= timeline.upto.saturating_add(1) => *last,
            _ => timeline.upto,
        };
        timeline
            .complete_to(&mut transaction, conversation, upto)
            .await?;
        timeline.save(&mut transaction, conversation).await?;
        Ok(transaction.commit().await?)
    }

    /// A conversation has messages up to this one.
    pub(in crate::client::messenger) async fn heard_of(
        &self,
        conversation: Conversation,
        latest: u32,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE conversations SET latest = max(latest, ?) WHERE kind = ? AND peer = ?")
            .bind(latest)
            .bind(conversation.session_type())
            .bind(conversation.id())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Messages of one conversation that changed and were not fetched since, at most 100; nothing when there are none.
    pub async fn stale(&self) -> Result<Option<(Conversation, Vec<u32>)>, StoreError> {
        let mut transaction = self.begin().await?;
        let first: Option<(i32, u32)> = sqlx::query_as("SELECT kind, peer FROM stale LIMIT 1")
            .fetch_optional(&mut *transaction)
            .await?;
        let Some((kind, peer)) = first else {
            return Ok(None);
        };
        let ids = sqlx::query_scalar(
            "SELECT id FROM stale WHERE kind = ? AND peer = ? ORDER BY id DESC LIMIT 100",
        )
        .bind(kind)
        .bind(peer)
        .fetch_all(&mut *transaction)
        .await?;
        Ok(Some((Conversation::from_wire(peer, kind), ids)))
    }

    /// What those are now. Of one that was not asked for any more something newer is here. Gives those that the application
    /// was told of in their old form.
    pub async fn refreshed(
        &self,
        conversation: Conversation,
        settled: &[u32],
        found: &[Message],
    ) -> Result<Vec<Entry>, StoreError> {
        let mut transaction = self.begin().await?;
        let timeline = Timeline::load(&mut transaction, conversation).await?;
        let told = timeline.map_or(0, |timeline| timeline.told);
        let mut revised = Vec::new();
        for id in settled {
            let gone = sqlx::query("DELETE FROM stale WHERE kind = ? AND peer = ? AND id = ?")
                .bind(conversation.session_type())
                .bind(conversation.id())
                .bind(id)
                .execute(&mut *transaction)
                .await?;
            let message = found.iter().find(|message| message.id == *id);
            if let (1, Some(message)) = (gone.rows_affected(), message) {
                revised.extend(revise(&mut transaction, message).await?);
            }
        }
        transaction.commit().await?;
        revised.retain(|entry| entry.message.id <= told);
        Ok(revised)
    }
}
