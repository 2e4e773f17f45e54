use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use db_proxy::store::{
    AppendOutcome, ClientKey, Conversation, Counterpart, MessageKind, MessagePolicy, NewMessage,
    NewUser, PageLimit, Profile, ReadMark, Store, StoredMessage, UnixMillis,
};
use db_proxy::store::{Inserted, UnreadList};
use proto::ids::{MessageId, UserId};

/// A database that only this test knows.
#[async_trait]
pub(crate) trait Database: Send + Sync {
    /// One more store on it, as another process would open one.
    async fn open(&self) -> Arc<dyn Store>;

    /// A statement past the store, for states that take too long to reach.
    async fn execute(&self, sql: &'static str);
}

/// An empty store, and verbs that make a test read as a scenario.
pub(crate) struct Bed {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) database: Box<dyn Database>,
}

pub(crate) const EVERYTHING: PageLimit = PageLimit {
    rows: usize::MAX,
    bytes: usize::MAX,
};

impl Bed {
    pub(crate) async fn new(database: impl Database + 'static) -> Self {
        Self {
            store: database.open().await,
            database: Box::new(database),
        }
    }

    /// As after a restart.
    pub(crate) async fn reopen(&mut self) {
        self.store = self.database.open().await;
    }

    pub(crate) async fn users<const N: usize>(&self) -> [UserId; N] {
        let new: Vec<_> = (1..=N).map(|n| new_user(&format!("user{n}"))).collect();
        let inserted = self.store.insert_users(&new).await.unwrap();
        std::array::from_fn(|n| match inserted[n] {
            Inserted::Created(id) => id,
            Inserted::NameTaken => panic!("user{n} exists"),
        })
    }

    pub(crate) async fn append(&self, batch: &[NewMessage]) -> Vec<AppendOutcome> {
        self.store.append(batch).await.unwrap()
    }

    /// Sends texts one by one, each a second after the one before, from second 1 on by the sender's clock.
    pub(crate) async fn say(&self, from: UserId, to: UserId, texts: &[&str]) {
        let latest = self.store.latest_id(from, between(from, to)).await.unwrap();
        let start = latest.map_or(0, |id| i64::from(id.get()));
        for (text, second) in texts.iter().zip(start + 1..) {
            let message = text_at(from, to, text, second * 1000);
            self.append(&[message]).await[0].unwrap();
        }
    }

    /// The texts of a conversation, oldest first, after checking that its ids have no gap.
    pub(crate) async fn texts(&self, a: UserId, b: UserId) -> Vec<String> {
        let mut history = self.history(a, b).await;
        history.reverse();
        for (message, id) in history.iter().zip(1..) {
            assert_eq!(message.id.get(), id, "a gap or a double");
        }
        history.iter().map(text_of).collect()
    }

    pub(crate) async fn history(&self, a: UserId, b: UserId) -> Vec<StoredMessage> {
        let history = self.store.history(a, between(a, b), None, EVERYTHING);
        history.await.unwrap()
    }

    pub(crate) async fn read(&self, user: UserId, peer: UserId, up_to: u32) {
        self.store
            .mark_read(&[mark(user, peer, up_to)])
            .await
            .unwrap();
    }

    pub(crate) async fn hide(&self, user: UserId, peer: UserId) -> bool {
        self.store.hide(user, between(user, peer)).await.unwrap()
    }

    pub(crate) async fn unread_list(&self, user: UserId) -> UnreadList {
        self.store.unread(user, EVERYTHING).await.unwrap()
    }

    /// Peers with the number of their unread messages, newest conversation first.
    pub(crate) async fn unread(&self, user: UserId) -> Vec<(UserId, u32)> {
        let list = self.unread_list(user).await;
        list.conversations
            .iter()
            .filter_map(|entry| Some((peer(entry.with)?, entry.unread)))
            .collect()
    }

    /// Peers on the user's list, newest first.
    pub(crate) async fn recent(&self, user: UserId, since_seconds: u32) -> Vec<UserId> {
        let recent = self.store.recent(user, since_seconds, EVERYTHING);
        let recent = recent.await.unwrap();
        recent.iter().filter_map(|entry| peer(entry.with)).collect()
    }

    /// As if every conversation's latest message were from that long ago; what comes next is newer.
    pub(crate) async fn long_ago(&self) {
        self.database
            .execute(
                "UPDATE conversations SET last_message_at_ms =
                 CASE WHEN last_message_at_ms > 1000 THEN 1000 ELSE last_message_at_ms END",
            )
            .await;
    }
}

/// The other user; groups are not looked at.
fn peer(with: Counterpart) -> Option<UserId> {
    match with {
        Counterpart::User(peer) => Some(peer),
        Counterpart::Group(_) => None,
    }
}

pub(crate) fn new_user(name: &str) -> NewUser {
    NewUser {
        profile: Profile {
            name: name.to_owned(),
            ..Profile::default()
        },
        password: "hash".to_owned(),
    }
}

pub(crate) fn between(a: UserId, b: UserId) -> Conversation {
    Conversation::between(a, b).unwrap()
}

pub(crate) fn text(from: UserId, to: UserId, text: &str) -> NewMessage {
    text_at(from, to, text, 1000)
}

pub(crate) fn text_at(from: UserId, to: UserId, text: &str, at: i64) -> NewMessage {
    NewMessage {
        conversation: between(from, to),
        sender: from,
        kind: MessageKind(1),
        body: Bytes::copy_from_slice(text.as_bytes()),
        created_at: UnixMillis(at),
        client_key: None,
        policy: MessagePolicy::Everyone,
        references: None,
    }
}

pub(crate) fn keyed(mut message: NewMessage, key: &[u8]) -> NewMessage {
    message.client_key = ClientKey::explicit(key);
    message
}

pub(crate) fn text_of(message: &StoredMessage) -> String {
    String::from_utf8(message.body.to_vec()).unwrap()
}

pub(crate) fn mark(user: UserId, peer: UserId, up_to: u32) -> ReadMark {
    ReadMark {
        user,
        conversation: between(user, peer),
        up_to: id(up_to),
        shown: false,
    }
}

pub(crate) fn id(raw: u32) -> MessageId {
    MessageId::new(raw).unwrap()
}

pub(crate) fn ids(outcomes: &[AppendOutcome]) -> Vec<u32> {
    outcomes
        .iter()
        .map(|outcome| outcome.unwrap().message_id.get())
        .collect()
}
