//! Random operations on a store and on the simplest thing that could be right.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;

use db_proxy::store::{Appended, ClientKey, Conversation, Counterpart, NewMessage, UnixMillis};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use proto::ids::{MessageId, UserId};

use crate::bed::{Bed, between, id, text_at};

const USERS: usize = 4;

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<Draft>),
    MarkRead(usize, usize, u32),
    Hide(usize, usize),
    Reopen,
}

#[derive(Clone, Debug)]
struct Draft {
    from: usize,
    to: usize,
    key: Option<u32>,
    local: bool,
    minutes_later: i64,
}

fn pair() -> impl Strategy<Value = (usize, usize)> {
    (0..USERS, 1..USERS).prop_map(|(a, step)| (a, (a + step) % USERS))
}

fn draft() -> impl Strategy<Value = Draft> {
    let key = prop_oneof![Just(None), (0..3u32).prop_map(Some)];
    (pair(), key, any::<bool>(), 0..40i64).prop_map(|((from, to), key, local, minutes_later)| {
        Draft {
            from,
            to,
            key,
            local,
            minutes_later,
        }
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(draft(), 1..6).prop_map(Step::Append),
        4 => (pair(), 1..15u32).prop_map(|((user, peer), up_to)| Step::MarkRead(user, peer, up_to)),
        2 => pair().prop_map(|(user, peer)| Step::Hide(user, peer)),
        1 => Just(Step::Reopen),
    ]
}

#[derive(Default)]
struct Model {
    conversations: HashMap<Conversation, Vec<(NewMessage, Option<ClientKey>)>>,
    read: HashMap<(UserId, Conversation), usize>,
    hidden: HashMap<(UserId, Conversation), usize>,
}

impl Model {
    fn append(&mut self, message: &NewMessage) -> Appended {
        let conversation = self.conversations.entry(message.conversation).or_default();
        if let Some(key) = &message.client_key {
            let holder = conversation.iter_mut().position(|(old, holds)| {
                old.sender == message.sender && holds.as_ref() == Some(key)
            });
            if let Some(holder) = holder {
                let local = *key != ClientKey::explicit(&[number_of(message)]).unwrap();
                let first = conversation[holder].0.created_at;
                if !local || message.created_at.since(first) < ClientKey::LOCAL_LIFETIME {
                    return Appended {
                        message_id: id(holder as u32 + 1),
                        created_at: first,
                        duplicate: true,
                        group_version: None,
                    };
                }
                conversation[holder].1 = None;
            }
        }
        conversation.push((message.clone(), message.client_key.clone()));
        Appended {
            message_id: id(conversation.len() as u32),
            created_at: message.created_at,
            duplicate: false,
            group_version: None,
        }
    }

    fn last(&self, conversation: Conversation) -> usize {
        self.conversations.get(&conversation).map_or(0, Vec::len)
    }

    fn mark_read(&mut self, user: UserId, conversation: Conversation, up_to: u32) {
        let up_to = self.last(conversation).min(up_to as usize);
        let read = self.read.entry((user, conversation)).or_default();
        *read = up_to.max(*read);
    }

    fn is_visible(&self, user: UserId, conversation: Conversation) -> bool {
        let hidden = self.hidden.get(&(user, conversation));
        self.last(conversation) > hidden.copied().unwrap_or(0)
    }

    fn hide(&mut self, user: UserId, conversation: Conversation) -> bool {
        let visible = self.is_visible(user, conversation);
        let last = self.last(conversation);
        self.hidden.insert((user, conversation), last);
        self.read.insert((user, conversation), last);
        visible
    }

    fn unread(&self, user: UserId, conversation: Conversation) -> usize {
        let read = self.read.get(&(user, conversation)).copied().unwrap_or(0);
        let messages = self.conversations.get(&conversation);
        let unread = messages.into_iter().flatten().skip(read);
        unread.filter(|(message, _)| message.sender != user).count()
    }
}

/// The draft's number is its body's first byte.
fn number_of(message: &NewMessage) -> u8 {
    message.body[0]
}

impl Draft {
    fn message(&self, users: &[UserId; USERS], clock: &mut i64) -> NewMessage {
        *clock += self.minutes_later * 60_000;
        let number = self.key.unwrap_or(9) as u8;
        let body = char::from(number).to_string();
        let mut message = text_at(users[self.from], users[self.to], &body, *clock);
        message.client_key = self.key.and_then(|key| {
            if self.local {
                Some(ClientKey::local(key, message.kind, &message.body))
            } else {
                ClientKey::explicit(&[number])
            }
        });
        message
    }
}

pub(crate) fn check(bed: impl Fn() -> Pin<Box<dyn Future<Output = Bed>>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let config = Config {
        cases: 32,
        failure_persistence: None,
        ..Config::default()
    };
    let steps = prop::collection::vec(step(), 1..25);
    TestRunner::new(config)
        .run(&steps, |steps| {
            runtime.block_on(async {
                run(bed().await, steps).await;
            });
            Ok(())
        })
        .unwrap();
}

async fn run(mut bed: Bed, steps: Vec<Step>) {
    let users: [UserId; USERS] = bed.users().await;
    let mut model = Model::default();
    let mut clock = 1_000;
    for step in steps {
        match step {
            Step::Append(drafts) => {
                let batch: Vec<_> = drafts
                    .iter()
                    .map(|d| d.message(&users, &mut clock))
                    .collect();
                let stored = bed.append(&batch).await;
                for (stored, message) in stored.iter().zip(&batch) {
                    assert_eq!(stored.unwrap(), model.append(message));
                }
            }
            Step::MarkRead(user, peer, up_to) => {
                bed.read(users[user], users[peer], up_to).await;
                model.mark_read(users[user], between(users[user], users[peer]), up_to);
            }
            Step::Hide(user, peer) => {
                let hidden = bed.hide(users[user], users[peer]).await;
                let expected = model.hide(users[user], between(users[user], users[peer]));
                assert_eq!(hidden, expected);
            }
            Step::Reopen => bed.reopen().await,
        }
        for user in users {
            compare(&bed, &model, &users, user).await;
        }
    }
}

async fn compare(bed: &Bed, model: &Model, users: &[UserId; USERS], user: UserId) {
    let mut unread = BTreeMap::new();
    let mut recent: Vec<(UnixMillis, UserId)> = Vec::new();
    for peer in users.iter().copied().filter(|peer| *peer != user) {
        let conversation = between(user, peer);
        let messages = model
            .conversations
            .get(&conversation)
            .map_or(&[][..], Vec::as_slice);
        let bodies: Vec<_> = messages
            .iter()
            .rev()
            .map(|(message, _)| &message.body)
            .collect();
        let history = bed.history(user, peer).await;
        assert_eq!(history.iter().map(|m| &m.body).collect::<Vec<_>>(), bodies);
        let latest = bed.store.latest_id(user, conversation).await.unwrap();
        assert_eq!(latest.map_or(0, MessageId::get) as usize, messages.len());
        let count = model.unread(user, conversation) as u32;
        if count > 0 {
            unread.insert(Counterpart::User(peer), count);
        }
        if model.is_visible(user, conversation) {
            recent.push((messages[messages.len() - 1].0.created_at, peer));
        }
    }
    let list = bed.unread_list(user).await;
    assert_eq!(
        list.total,
        unread.values().map(|n| u64::from(*n)).sum::<u64>()
    );
    let stored = list.conversations.iter().map(|e| (e.with, e.unread));
    assert_eq!(stored.collect::<BTreeMap<_, _>>(), unread);

    recent.sort_unstable();
    let mut stored: Vec<_> = bed.recent(user, 0).await;
    stored.sort_unstable();
    let mut peers: Vec<_> = recent.into_iter().map(|(_, peer)| peer).collect();
    peers.sort_unstable();
    assert_eq!(stored, peers);
}
