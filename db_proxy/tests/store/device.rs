//! A device as a client's author would write it: what it was told, put together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use db_proxy::cache::MemoryGroups;
use db_proxy::logic::group::{GroupLimits, Groups};
use db_proxy::logic::sync::{Question, Sync, SyncLimits, SyncPage, SyncedConversation};
use db_proxy::store::{
    Contact, ContactState, Conversation, Counterpart, Department, DepartmentId, PageLimit, Profile,
    StoredMessage,
};
use proto::ids::{GroupId, UserId};

use crate::bed::{Bed, EVERYTHING, id};

/// What a device shows of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) messages: BTreeMap<u32, Bytes>,
    pub(crate) latest: u32,
    pub(crate) read: u32,
    pub(crate) unread: u32,
    pub(crate) hidden: bool,
    /// Nothing is missing up to this message.
    pub(crate) complete: u32,
}

/// A group's version, members, name, and whether it is muted.
pub(crate) type ShownGroup = (u32, Vec<UserId>, String, bool);

/// Somebody's device, and its picture of the world.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) user: UserId,
    pub(crate) cursor: Option<Vec<u8>>,
    pub(crate) talks: BTreeMap<Counterpart, Shown>,
    pub(crate) groups: BTreeMap<GroupId, ShownGroup>,
    pub(crate) users: BTreeMap<UserId, Profile>,
    pub(crate) departments: BTreeMap<DepartmentId, Department>,
    pub(crate) contacts: BTreeMap<UserId, Contact>,
    /// How often it had to begin anew.
    pub(crate) resets: usize,
}

/// How a device asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) limits: SyncLimits,
    /// Most messages of one conversation.
    pub(crate) messages: u32,
    /// Whether it says what it has.
    pub(crate) tells: bool,
    /// Whether it wants to hear of contacts.
    pub(crate) contacts: bool,
}

impl Manner {
    /// As a server is set up; but what was committed is seen at once, where nothing else goes on.
    pub(crate) fn usual() -> Self {
        Self {
            limits: SyncLimits {
                overlap: Duration::ZERO,
                ..SyncLimits::default()
            },
            messages: 0,
            tells: false,
            contacts: true,
        }
    }

    pub(crate) fn small(rows: usize, bytes: usize, conversations: usize, messages: u32) -> Self {
        let usual = Self::usual();
        Self {
            limits: SyncLimits {
                page: PageLimit { rows, bytes },
                conversations,
                ..usual.limits
            },
            messages,
            ..usual
        }
    }
}

impl Device {
    pub(crate) fn of(user: UserId) -> Self {
        Self {
            user,
            cursor: None,
            talks: BTreeMap::new(),
            groups: BTreeMap::new(),
            users: BTreeMap::new(),
            departments: BTreeMap::new(),
            contacts: BTreeMap::new(),
            resets: 0,
        }
    }

    /// Asks for one page.
    pub(crate) async fn page(&self, bed: &Bed, manner: &Manner) -> SyncPage {
        let limits = GroupLimits {
            details_bytes: manner.limits.page.bytes,
            ..GroupLimits::default()
        };
        let groups = Groups::new(bed.store.clone(), Arc::new(MemoryGroups::default()), limits);
        let sync = Sync::new(bed.store.clone(), groups, manner.limits);
        let known = self.talks.iter().filter(|_| manner.tells);
        let question = Question {
            cursor: self.cursor.as_deref(),
            known: known.map(|(with, shown)| (*with, shown.complete)).collect(),
            messages: manner.messages,
            contacts: manner.contacts,
            revisions: true,
            references: true,
        };
        sync.page(self.user, &question).await.unwrap()
    }

    /// Asks for one page and takes it over; whether there is more.
    pub(crate) async fn step(&mut self, bed: &Bed, manner: &Manner) -> bool {
        let page = self.page(bed, manner).await;
        let more = page.more;
        self.take(bed, page).await;
        more
    }

    /// Asks until there is no more; how many pages it took.
    pub(crate) async fn sync(&mut self, bed: &Bed, manner: &Manner) -> usize {
        let mut pages = 1;
        while self.step(bed, manner).await {
            pages += 1;
            assert!(pages < 10_000, "no end of pages");
        }
        pages
    }

    async fn take(&mut self, bed: &Bed, page: SyncPage) {
        self.cursor = Some(page.cursor);
        if page.reset {
            self.talks.clear();
            self.groups.clear();
            self.users.clear();
            self.departments.clear();
            self.contacts.clear();
            self.resets += 1;
        }
        for left in page.left {
            self.groups.remove(&left);
            self.talks.remove(&left.into());
        }
        for (group, members) in page.groups {
            let shown = (members.version, members.members, group.name, group.muted);
            self.groups.insert(group.id, shown);
        }
        for conversation in page.conversations {
            self.take_conversation(bed, conversation).await;
        }
        for user in page.users {
            self.users.insert(user.id, user.profile);
        }
        for department in page.departments {
            self.departments.insert(department.id, department);
        }
        for contact in page.contacts {
            match contact.blocked || contact.state != ContactState::Nothing {
                true => self.contacts.insert(contact.other, contact),
                false => self.contacts.remove(&contact.other),
            };
        }
    }

    async fn take_conversation(&mut self, bed: &Bed, told: SyncedConversation) {
        let talk = Conversation::of(self.user, told.with).unwrap();
        let shown = self.talks.entry(told.with).or_default();
        let ids: Vec<u32> = told.messages.iter().map(|m| m.id.get()).collect();
        let mut end = shown.complete;
        if let (Some(first), Some(last)) = (ids.first(), ids.last()) {
            let all: Vec<_> = (*first..=*last).map(id).collect();
            let seen = bed.store.messages(self.user, talk, &all, EVERYTHING);
            let seen = seen.await.unwrap().into_iter().rev();
            assert!(
                seen.map(|m| m.id.get()).eq(ids.iter().copied()),
                "a gap in {ids:?}"
            );
            assert!(*last <= told.latest);
            end = end.max(*last);
        }
        if let Some(from) = told.missing_from {
            // without a list, everything up to the latest one
            let behind = ids.first().copied().unwrap_or(told.latest + 1);
            assert!(from < behind, "nothing is missing from {from} to {behind}");
            let history = bed
                .store
                .history(self.user, talk, Some(id(behind - 1)), EVERYTHING);
            let history = history.await.unwrap().into_iter();
            for message in history.filter(|message| message.id.get() >= from) {
                shown.messages.insert(message.id.get(), message.body);
            }
        }
        if told.latest == 0 {
            shown.messages.clear();
        }
        for StoredMessage { id, body, .. } in told.messages {
            shown.messages.insert(id.get(), body);
        }
        shown.latest = told.latest;
        shown.read = told.read;
        shown.unread = told.unread;
        shown.hidden = told.hidden;
        shown.complete = end;
    }

    /// A message that reached the device when it was sent.
    pub(crate) fn hears(&mut self, with: Counterpart, id: u32, body: &Bytes) {
        let shown = self.talks.entry(with).or_default();
        shown.messages.insert(id, body.clone());
        if shown.complete + 1 == id {
            shown.complete = id;
        }
    }
}
