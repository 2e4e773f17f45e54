//! Devices that miss whatever chance wants, and know everything after they have asked.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use db_proxy::store::{
    Contact, ContactChanges, ContactState, ContactStep, ContactWish, Conversation, Counterpart,
    DepartmentId, Direction, MessageKind, NewDepartment, ProfileChange, ReadMark, UnixMillis,
    UserStatus,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use proto::ids::{GroupId, UserId};

use crate::bed::{Bed, EVERYTHING, between, id, new_user, text};
use crate::circle::new_group;
use crate::device::{Device, Manner};

const USERS: usize = 4;
const DEVICES: usize = 5;

#[derive(Clone, Debug)]
enum Step {
    /// Who writes to whom, how long a text, and which devices hear of it at once.
    Say(usize, Target, usize, [bool; DEVICES]),
    Read(usize, Target, u32),
    Hide(usize, Target),
    Found(Vec<usize>),
    Change(usize, Direction, Vec<usize>),
    Mute(usize, usize, bool),
    Profile(usize, u8),
    Employ,
    Department(bool),
    /// Who does something about whom.
    Contact(usize, usize, ContactStep),
    /// A device asks for some pages.
    Ask(usize, usize, Way),
    Reopen,
}

#[derive(Clone, Copy, Debug)]
enum Target {
    /// The user so many places further on.
    Peer(usize),
    Group(usize),
}

#[derive(Clone, Copy, Debug)]
struct Way {
    rows: usize,
    bytes: usize,
    conversations: usize,
    messages: u32,
    tells: bool,
}

impl Way {
    fn manner(self) -> Manner {
        let small = Manner::small(self.rows, self.bytes, self.conversations, self.messages);
        Manner {
            tells: self.tells,
            ..small
        }
    }
}

fn way() -> impl Strategy<Value = Way> {
    let parts = (1..9usize, 0..400usize, 1..4usize, 1..9u32, any::<bool>());
    parts.prop_map(|(rows, bytes, conversations, messages, tells)| Way {
        rows,
        bytes,
        conversations,
        messages,
        tells,
    })
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        (1..USERS).prop_map(Target::Peer),
        (0..3usize).prop_map(Target::Group)
    ]
}

fn contact_step() -> impl Strategy<Value = ContactStep> {
    let ask = "[a-z]{0,40}".prop_map(|greeting| ContactStep::Ask { greeting });
    let others = [
        ContactStep::Accept,
        ContactStep::Refuse,
        ContactStep::Remove,
        ContactStep::Block,
        ContactStep::Unblock,
    ];
    prop_oneof![ask, prop::sample::select(others.to_vec())]
}

fn step() -> impl Strategy<Value = Step> {
    let user = || 0..USERS;
    let users = || prop::collection::vec(0..USERS, 1..3);
    let direction = prop_oneof![Just(Direction::Join), Just(Direction::Leave)];
    let hears = prop::array::uniform5(any::<bool>());
    prop_oneof![
        12 => (user(), target(), 1..60usize, hears).prop_map(|(u, to, n, h)| Step::Say(u, to, n, h)),
        4 => (user(), target(), 1..9u32).prop_map(|(user, to, up_to)| Step::Read(user, to, up_to)),
        2 => (user(), target()).prop_map(|(user, to)| Step::Hide(user, to)),
        1 => users().prop_map(Step::Found),
        4 => (0..3usize, direction, users()).prop_map(|(g, way, u)| Step::Change(g, way, u)),
        1 => (user(), 0..3usize, any::<bool>()).prop_map(|(u, g, m)| Step::Mute(u, g, m)),
        2 => (user(), any::<u8>()).prop_map(|(user, what)| Step::Profile(user, what)),
        1 => Just(Step::Employ),
        1 => any::<bool>().prop_map(Step::Department),
        4 => (user(), 1..USERS, contact_step()).prop_map(|(u, further, step)| Step::Contact(u, further, step)),
        8 => (0..DEVICES, 1..6usize, way()).prop_map(|(d, pages, way)| Step::Ask(d, pages, way)),
        1 => Just(Step::Reopen),
    ]
}

/// What is known past the store: how far everybody has read.
struct Town {
    users: [UserId; USERS],
    groups: Vec<GroupId>,
    last: HashMap<Conversation, u32>,
    read: HashMap<(UserId, Conversation), u32>,
    departments: Vec<DepartmentId>,
    employed: usize,
}

impl Town {
    fn conversation(&self, user: usize, target: Target) -> Option<Conversation> {
        Some(match target {
            Target::Peer(step) => between(self.users[user], self.users[(user + step) % USERS]),
            Target::Group(group) => Conversation::Group(*self.groups.get(group)?),
        })
    }

    async fn step(&mut self, bed: &mut Bed, devices: &mut [Device], step: Step) {
        match step {
            Step::Say(user, to, length, hears) => {
                let Some(talk) = self.conversation(user, to) else {
                    return;
                };
                let from = self.users[user];
                let mut message = text(from, self.users[(user + 1) % USERS], "");
                message.conversation = talk;
                message.body = Bytes::from("x".repeat(length));
                if matches!(talk, Conversation::Group(_)) {
                    message.kind = MessageKind(0x11);
                }
                let body = message.body.clone();
                let Ok(stored) = bed.append(&[message]).await[0] else {
                    return;
                };
                self.last.insert(talk, stored.message_id.get());
                if matches!(talk, Conversation::Group(_)) {
                    self.read.insert((from, talk), stored.message_id.get());
                }
                self.push(bed, devices, talk, stored.message_id.get(), &body, hears)
                    .await;
            }
            Step::Read(user, to, up_to) => {
                let Some(conversation) = self.conversation(user, to) else {
                    return;
                };
                let user = self.users[user];
                let mark = ReadMark {
                    user,
                    conversation,
                    up_to: id(up_to),
                    shown: false,
                };
                bed.store.mark_read(&[mark]).await.unwrap();
                let last = self.last.get(&conversation).copied().unwrap_or(0);
                let read = self.read.entry((user, conversation)).or_default();
                *read = up_to.min(last).max(*read);
            }
            Step::Hide(user, to) => {
                let Some(talk) = self.conversation(user, to) else {
                    return;
                };
                if bed.store.hide(self.users[user], talk).await.unwrap() {
                    self.read.insert((self.users[user], talk), self.last[&talk]);
                }
            }
            Step::Found(some) => {
                let members = self.some(&some);
                let group = bed.group(&members).await;
                self.groups.push(group);
            }
            Step::Change(group, direction, some) => {
                let Some(group) = self.groups.get(group).copied() else {
                    return;
                };
                let members = self.some(&some);
                if let Ok(changed) = bed.change(group, None, direction, &members).await
                    && direction == Direction::Join
                {
                    let talk = Conversation::Group(group);
                    let last = self.last.get(&talk).copied().unwrap_or(0);
                    for user in changed.changed {
                        self.read.insert((user, talk), last);
                    }
                }
            }
            Step::Mute(user, group, muted) => {
                if let Some(group) = self.groups.get(group) {
                    let muted = bed.store.mute_group(self.users[user], *group, muted);
                    muted.await.unwrap();
                }
            }
            Step::Profile(user, what) => {
                let change = ProfileChange {
                    sign_info: Some(what.to_string()),
                    status: (what % 5 == 0).then_some(UserStatus::LEFT),
                    ..ProfileChange::default()
                };
                let changed = bed.store.change_profile(self.users[user], &change);
                changed.await.unwrap().unwrap();
            }
            Step::Employ => {
                self.employed += 1;
                let names = ["a", "b"].map(|name| format!("{name}{}", self.employed));
                let new = names.map(|name| new_user(&name));
                bed.store.insert_users(&new).await.unwrap();
            }
            Step::Department(true) => {
                let new = NewDepartment {
                    name: "department".to_owned(),
                    parent: DepartmentId(0),
                    priority: 0,
                };
                let made = bed.store.insert_department(&new).await.unwrap();
                self.departments.push(made);
            }
            Step::Department(false) => {
                if let Some(department) = self.departments.pop() {
                    assert!(bed.store.remove_department(department).await.unwrap());
                }
            }
            Step::Contact(user, further, step) => {
                let wish = ContactWish {
                    user: self.users[user],
                    other: self.users[(user + further) % USERS],
                    step,
                    most: 2,
                };
                let _taken_or_refused = bed.store.take_step(&wish).await.unwrap();
            }
            Step::Ask(device, pages, way) => {
                for _ in 0..pages {
                    if !devices[device].step(bed, &way.manner()).await {
                        break;
                    }
                }
            }
            Step::Reopen => bed.reopen().await,
        }
    }

    fn some(&self, places: &[usize]) -> Vec<UserId> {
        let some: BTreeSet<UserId> = places.iter().map(|place| self.users[*place]).collect();
        some.into_iter().collect()
    }

    /// Those devices hear of a message that chance chose, if their users see it.
    async fn push(
        &self,
        bed: &Bed,
        devices: &mut [Device],
        talk: Conversation,
        message: u32,
        body: &Bytes,
        hears: [bool; DEVICES],
    ) {
        let ids = [id(message)];
        for (device, hears) in devices.iter_mut().zip(hears) {
            let seen = bed.store.messages(device.user, talk, &ids, EVERYTHING);
            if hears
                && !seen.await.unwrap().is_empty()
                && let Some(with) = talk.counterpart_of(device.user)
            {
                device.hears(with, message, body);
            }
        }
    }

    /// A device shows what the store holds.
    async fn compare(&self, bed: &Bed, device: &Device) {
        let user = device.user;
        let unread: BTreeMap<Counterpart, u32> = bed
            .unread_list(user)
            .await
            .conversations
            .iter()
            .map(|entry| (entry.with, entry.unread))
            .collect();
        let recent = bed.store.recent(user, 0, EVERYTHING).await.unwrap();
        let recent: BTreeSet<Counterpart> = recent.iter().map(|entry| entry.with).collect();
        let groups = bed.store.groups_of(user, None, 100).await.unwrap();
        let peers = self.users.iter().filter(|peer| **peer != user);
        let mut all: Vec<Counterpart> = peers.map(|peer| (*peer).into()).collect();
        all.extend(
            groups
                .iter()
                .map(|group| Counterpart::Group(group.group_id)),
        );
        for with in all {
            let talk = Conversation::of(user, with).unwrap();
            let history = bed
                .store
                .history(user, talk, None, EVERYTHING)
                .await
                .unwrap();
            let messages: BTreeMap<u32, Bytes> = history
                .into_iter()
                .map(|message| (message.id.get(), message.body))
                .collect();
            let Some(shown) = device.talks.get(&with) else {
                assert!(messages.is_empty(), "{with:?} is missing");
                continue;
            };
            // of a time in the group before this one it may keep some
            let first = messages.keys().next().copied().unwrap_or(u32::MAX);
            let kept: BTreeMap<u32, Bytes> = shown
                .messages
                .range(first..)
                .map(|(id, body)| (*id, body.clone()))
                .collect();
            assert_eq!(kept, messages, "messages with {with:?}");
            let is_group = matches!(with, Counterpart::Group(_));
            assert!(is_group || shown.messages.len() == messages.len());
            let latest = messages.keys().next_back().copied().unwrap_or(0);
            assert_eq!(shown.latest, latest, "latest with {with:?}");
            let read = self.read.get(&(user, talk)).copied().unwrap_or(0);
            assert_eq!(shown.read, read, "read with {with:?}");
            let count = unread.get(&with).copied().unwrap_or(0);
            assert_eq!(shown.unread, count, "unread with {with:?}");
            assert_eq!(shown.hidden, !recent.contains(&with), "hidden: {with:?}");
        }

        let ids: Vec<GroupId> = groups.iter().map(|group| group.group_id).collect();
        let mut stored = BTreeMap::new();
        for group in bed.store.groups(Some(user), &ids).await.unwrap() {
            let members = bed.members(group.id).await;
            let shown = (members.version, members.members, group.name, group.muted);
            stored.insert(group.id, shown);
        }
        assert_eq!(device.groups, stored);
        let stored = bed.store.list_users(None, 1000).await.unwrap();
        let stored = stored.into_iter().map(|user| (user.id, user.profile));
        assert_eq!(device.users, stored.collect());
        let beginning = UnixMillis(0);
        let stored = bed.store.departments_changed_since(beginning, 1000).await;
        let stored = stored.unwrap().into_iter();
        let stored: BTreeMap<_, _> = stored.map(|found| (found.id, found)).collect();
        assert_eq!(device.departments, stored);
        let all = ContactChanges {
            since: UnixMillis(i64::MIN),
            after: None,
            limit: 100,
        };
        let stored = bed.store.changed_contacts(user, &all).await.unwrap();
        let is_something =
            |contact: &Contact| contact.blocked || contact.state != ContactState::Nothing;
        let stored = stored.into_iter().filter(is_something);
        let stored = stored.map(|contact| (contact.other, contact));
        assert_eq!(device.contacts, stored.collect());
    }
}

pub(crate) fn check(bed: impl Fn() -> Pin<Box<dyn Future<Output = Option<Bed>>>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let config = Config {
        cases: 16,
        failure_persistence: None,
        ..Config::default()
    };
    let steps = prop::collection::vec(step(), 1..60);
    TestRunner::new(config)
        .run(&(steps, way()), |(steps, way)| {
            runtime.block_on(async {
                if let Some(bed) = bed().await {
                    run(bed, steps, way).await;
                }
            });
            Ok(())
        })
        .unwrap();
}

async fn run(mut bed: Bed, steps: Vec<Step>, last_way: Way) {
    let users: [UserId; USERS] = bed.users().await;
    let mut groups = Vec::new();
    for members in [&users[..2], &users[1..]] {
        let created = bed.store.create_group(&new_group(members)).await;
        groups.push(created.unwrap().unwrap().group_id);
    }
    let mut town = Town {
        users,
        groups,
        last: HashMap::new(),
        read: HashMap::new(),
        departments: Vec::new(),
        employed: 0,
    };
    // the first user has two devices, the last one is never asked for before the end
    let owners = [0, 0, 1, 2, 3].map(|place| users[place]);
    let mut devices = owners.map(Device::of);
    for step in steps {
        town.step(&mut bed, &mut devices, step).await;
    }
    for mut device in devices {
        // to the end of what was begun, and once more from there
        for _ in 0..2 {
            device.sync(&bed, &last_way.manner()).await;
        }
        assert_eq!(device.resets, 0);
        town.compare(&bed, &device).await;
        let mut new = Device::of(device.user);
        new.sync(&bed, &Manner::usual()).await;
        town.compare(&bed, &new).await;
    }
}
