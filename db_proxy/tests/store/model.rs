//! Random operations on a store and on the simplest thing that could be right.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;

use db_proxy::store::{
    AppendOutcome, AppendRefusal, Appended, ClientKey, Conversation, Counterpart, Direction,
    MessageKind, NewMessage, ReadMark,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use proto::ids::{GroupId, MessageId, UserId};

use crate::bed::{Bed, EVERYTHING, between, id, text_at};

const USERS: usize = 4;
const GROUPS: usize = 2;

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<Draft>),
    MarkRead(usize, Target, u32),
    Hide(usize, Target),
    Change(usize, Direction, Vec<usize>),
    Reopen,
}

/// Whom a user writes to.
#[derive(Clone, Copy, Debug)]
enum Target {
    /// The user so many places further on.
    Peer(usize),
    Group(usize),
}

#[derive(Clone, Debug)]
struct Draft {
    from: usize,
    to: Target,
    key: Option<u32>,
    local: bool,
    minutes_later: i64,
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        (1..USERS).prop_map(Target::Peer),
        (0..GROUPS).prop_map(Target::Group)
    ]
}

fn draft() -> impl Strategy<Value = Draft> {
    let key = prop_oneof![Just(None), (0..3u32).prop_map(Some)];
    let parts = (0..USERS, target(), key, any::<bool>(), 0..40i64);
    parts.prop_map(|(from, to, key, local, minutes_later)| Draft {
        from,
        to,
        key,
        local,
        minutes_later,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let direction = prop_oneof![Just(Direction::Join), Just(Direction::Leave)];
    let some_users = prop::collection::vec(0..USERS, 1..3);
    prop_oneof![
        6 => prop::collection::vec(draft(), 1..6).prop_map(Step::Append),
        4 => (0..USERS, target(), 1..15u32).prop_map(|(user, to, up_to)| Step::MarkRead(user, to, up_to)),
        2 => (0..USERS, target()).prop_map(|(user, to)| Step::Hide(user, to)),
        3 => (0..GROUPS, direction, some_users).prop_map(|(group, way, users)| Step::Change(group, way, users)),
        1 => Just(Step::Reopen),
    ]
}

/// Who takes part: everybody with everybody, and in two groups whoever was let in.
struct Cast {
    users: [UserId; USERS],
    groups: [GroupId; GROUPS],
}

impl Cast {
    fn conversation(&self, user: usize, target: Target) -> Conversation {
        match target {
            Target::Peer(step) => between(self.users[user], self.users[(user + step) % USERS]),
            Target::Group(group) => Conversation::Group(self.groups[group]),
        }
    }

    fn conversations_of(&self, user: usize) -> impl Iterator<Item = Conversation> {
        let peers = (1..USERS).map(Target::Peer);
        let groups = (0..GROUPS).map(Target::Group);
        peers
            .chain(groups)
            .map(move |to| self.conversation(user, to))
    }
}

/// A user in a conversation; nothing of it, and he is somebody who just met the other.
#[derive(Clone, Copy, Default)]
struct Position {
    read: usize,
    hidden: usize,
    joined: usize,
}

#[derive(Default)]
struct Model {
    conversations: HashMap<Conversation, Vec<(NewMessage, Option<ClientKey>)>>,
    positions: HashMap<(UserId, Conversation), Position>,
    versions: HashMap<GroupId, u32>,
}

impl Model {
    fn append(&mut self, message: &NewMessage) -> AppendOutcome {
        let place = (message.sender, message.conversation);
        let mut group_version = None;
        let mut admitted = true;
        if let Conversation::Group(group) = message.conversation {
            admitted = self.positions.contains_key(&place);
            group_version = Some(self.versions[&group]);
        }
        let conversation = self.conversations.entry(message.conversation).or_default();
        if let Some(key) = &message.client_key {
            let holder = conversation.iter_mut().position(|(old, holds)| {
                old.sender == message.sender && holds.as_ref() == Some(key)
            });
            if let Some(holder) = holder {
                let local = *key != ClientKey::explicit(&[number_of(message)]).unwrap();
                let first = conversation[holder].0.created_at;
                if !local || message.created_at.since(first) < ClientKey::LOCAL_LIFETIME {
                    return Ok(Appended {
                        withheld: false,
                        message_id: id(holder as u32 + 1),
                        created_at: first,
                        duplicate: true,
                        altered: false,
                        group_version,
                    });
                }
                if !admitted {
                    return Err(AppendRefusal::NotAMember);
                }
                conversation[holder].1 = None;
            }
        }
        if !admitted {
            return Err(AppendRefusal::NotAMember);
        }
        conversation.push((message.clone(), message.client_key.clone()));
        let last = conversation.len();
        if group_version.is_some() {
            self.positions.entry(place).or_default().read = last;
        }
        Ok(Appended {
            withheld: false,
            message_id: id(last as u32),
            created_at: message.created_at,
            duplicate: false,
            altered: false,
            group_version,
        })
    }

    fn change(&mut self, group: GroupId, direction: Direction, users: &[UserId]) {
        let conversation = Conversation::Group(group);
        let last = self.last(conversation);
        for user in users {
            let place = (*user, conversation);
            match direction {
                Direction::Join => {
                    self.positions.entry(place).or_insert(Position {
                        read: last,
                        hidden: last,
                        joined: last,
                    });
                }
                Direction::Leave => {
                    self.positions.remove(&place);
                }
            }
        }
    }

    fn last(&self, conversation: Conversation) -> usize {
        self.conversations.get(&conversation).map_or(0, Vec::len)
    }

    /// `None` for a group the user is not in.
    fn position(&self, user: UserId, conversation: Conversation) -> Option<Position> {
        let position = self.positions.get(&(user, conversation)).copied();
        match conversation {
            Conversation::Single(_) => Some(position.unwrap_or_default()),
            Conversation::Group(_) => position,
        }
    }

    fn mark_read(&mut self, user: UserId, conversation: Conversation, up_to: u32) {
        let up_to = self.last(conversation).min(up_to as usize);
        if let Some(mut position) = self.position(user, conversation) {
            position.read = up_to.max(position.read);
            self.positions.insert((user, conversation), position);
        }
    }

    fn is_visible(&self, user: UserId, conversation: Conversation) -> bool {
        let position = self.position(user, conversation);
        position.is_some_and(|position| self.last(conversation) > position.hidden)
    }

    fn hide(&mut self, user: UserId, conversation: Conversation) -> bool {
        let visible = self.is_visible(user, conversation);
        let last = self.last(conversation);
        if let Some(mut position) = self.position(user, conversation) {
            (position.read, position.hidden) = (last, last);
            self.positions.insert((user, conversation), position);
        }
        visible
    }

    /// What the user may see, oldest first.
    fn seen(&self, user: UserId, conversation: Conversation) -> &[(NewMessage, Option<ClientKey>)] {
        let messages = self
            .conversations
            .get(&conversation)
            .map_or(&[][..], Vec::as_slice);
        let position = self.position(user, conversation);
        position.map_or(&[], |position| &messages[position.joined..])
    }

    fn unread(&self, user: UserId, conversation: Conversation) -> usize {
        let Some(position) = self.position(user, conversation) else {
            return 0;
        };
        let messages = self.conversations.get(&conversation);
        let unread = messages.into_iter().flatten().skip(position.read);
        unread.filter(|(message, _)| message.sender != user).count()
    }
}

/// The draft's number is its body's first byte.
fn number_of(message: &NewMessage) -> u8 {
    message.body[0]
}

impl Draft {
    fn message(&self, cast: &Cast, clock: &mut i64) -> NewMessage {
        *clock += self.minutes_later * 60_000;
        let number = self.key.unwrap_or(9) as u8;
        let body = char::from(number).to_string();
        let (from, next) = (self.from, (self.from + 1) % USERS);
        let mut message = text_at(cast.users[from], cast.users[next], &body, *clock);
        message.conversation = cast.conversation(from, self.to);
        if let Target::Group(_) = self.to {
            message.kind = MessageKind(0x11);
        }
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

pub(crate) fn check(bed: impl Fn() -> Pin<Box<dyn Future<Output = Option<Bed>>>>) {
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
                if let Some(bed) = bed().await {
                    run(bed, steps).await;
                }
            });
            Ok(())
        })
        .unwrap();
}

async fn run(mut bed: Bed, steps: Vec<Step>) {
    let users: [UserId; USERS] = bed.users().await;
    let groups = [bed.group(&users[..1]).await, bed.group(&users[1..]).await];
    let cast = Cast { users, groups };
    let mut model = Model {
        versions: groups.map(|group| (group, 1)).into(),
        ..Model::default()
    };
    model.change(groups[0], Direction::Join, &users[..1]);
    model.change(groups[1], Direction::Join, &users[1..]);
    let mut clock = 1_000;
    for step in steps {
        match step {
            Step::Append(drafts) => {
                let batch: Vec<_> = drafts
                    .iter()
                    .map(|d| d.message(&cast, &mut clock))
                    .collect();
                let stored = bed.append(&batch).await;
                for (stored, message) in stored.iter().zip(&batch) {
                    assert_eq!(*stored, model.append(message));
                }
            }
            Step::MarkRead(user, to, up_to) => {
                let conversation = cast.conversation(user, to);
                let mark = ReadMark {
                    user: users[user],
                    conversation,
                    up_to: id(up_to),
                    shown: false,
                };
                bed.store.mark_read(&[mark]).await.unwrap();
                model.mark_read(users[user], conversation, up_to);
            }
            Step::Hide(user, to) => {
                let conversation = cast.conversation(user, to);
                let hidden = bed.store.hide(users[user], conversation).await.unwrap();
                assert_eq!(hidden, model.hide(users[user], conversation));
            }
            Step::Change(group, direction, some) => {
                let group = groups[group];
                let mut some: Vec<_> = some.into_iter().map(|user| users[user]).collect();
                some.sort_unstable();
                some.dedup();
                if let Ok(changed) = bed.change(group, None, direction, &some).await {
                    model.change(group, direction, &some);
                    *model.versions.get_mut(&group).unwrap() += 1;
                    assert_eq!(changed.version, model.versions[&group]);
                }
            }
            Step::Reopen => bed.reopen().await,
        }
        for user in 0..USERS {
            compare(&bed, &model, &cast, user).await;
        }
    }
}

async fn compare(bed: &Bed, model: &Model, cast: &Cast, place: usize) {
    let user = cast.users[place];
    let mut unread = BTreeMap::new();
    let mut recent: Vec<Counterpart> = Vec::new();
    for conversation in cast.conversations_of(place) {
        let messages = model.seen(user, conversation);
        let bodies: Vec<_> = messages
            .iter()
            .rev()
            .map(|(message, _)| &message.body)
            .collect();
        let history = bed.store.history(user, conversation, None, EVERYTHING);
        let history = history.await.unwrap();
        assert_eq!(history.iter().map(|m| &m.body).collect::<Vec<_>>(), bodies);
        let latest = bed.store.latest_id(user, conversation).await.unwrap();
        let last = model.last(conversation);
        let expected = if messages.is_empty() { 0 } else { last };
        assert_eq!(latest.map_or(0, MessageId::get) as usize, expected);
        let with = conversation.counterpart_of(user).unwrap();
        let count = model.unread(user, conversation) as u32;
        if count > 0 {
            unread.insert(with, count);
        }
        if model.is_visible(user, conversation) {
            recent.push(with);
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
    let stored = bed.store.recent(user, 0, EVERYTHING).await.unwrap();
    let mut stored: Vec<_> = stored.iter().map(|entry| entry.with).collect();
    stored.sort_unstable();
    assert_eq!(stored, recent);
}
