//! Everything that changed for a user since a device of his was last here, in pages.

mod border;
mod cursor;
mod talk;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use proto::ids::{GroupId, MessageId, UserId};

pub(super) use self::cursor::BEGINNING;
use self::cursor::{Cursor, Round, Stage};
use super::contact;
use super::group::Groups;
use crate::store::{
    Contact, ContactPlace, Conversation, Counterpart, Department, Group, GroupMembers, Moment,
    PageLimit, Store, StoreError, StoredMessage, UNSETTLED, UnixMillis, User,
};

/// How old a cursor may be. Shorter than a store keeps who left a group, and who is nobody's contact any more.
pub(super) const LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Groups that somebody may have left since his cursor; whoever left more begins anew.
const MAX_LEFT: usize = 5_000;

/// Messages that may have been edited or recalled since a cursor; whoever missed more begins anew.
const MAX_REVISED: usize = 5_000;

/// Most users, most departments and most contacts of one page.
const PEOPLE: usize = 500;

/// Bounds of a question and its answer.
#[derive(Clone, Copy, Debug)]
pub struct SyncLimits {
    /// Messages of one answer, and its bytes: of messages, groups, users and departments together.
    pub page: PageLimit,
    /// Conversations of one answer.
    pub conversations: usize,
    /// Messages of one conversation, for who does not say how many.
    pub messages: u32,
    /// Conversations that one question may name as known; those beyond are as if they were not.
    pub known: usize,
    /// How far before its own moment a round asks the next one to begin: what is changed then may not be seen yet.
    pub overlap: Duration,
}

impl Default for SyncLimits {
    fn default() -> Self {
        Self {
            page: PageLimit {
                rows: 500,
                bytes: 256 * 1024,
            },
            conversations: 200,
            messages: 100,
            known: 2_000,
            overlap: UNSETTLED,
        }
    }
}

/// What a client has and wants.
#[derive(Clone, Debug, Default)]
pub struct Question<'a> {
    /// From the answer before; `None` for a device that has nothing.
    pub cursor: Option<&'a [u8]>,
    /// Conversations, and the message up to which the client has each.
    pub known: Vec<(Counterpart, u32)>,
    /// Most messages of one conversation; 0: as many as usual.
    pub messages: u32,
    /// Contacts are told of.
    pub contacts: bool,
    /// Whether the client understands messages that are edited and recalled.
    pub revisions: bool,
    /// Unread messages that mention the user are told of.
    pub references: bool,
}

/// As much of what changed as fits into one answer.
#[derive(Clone, Debug, Default)]
pub struct SyncPage {
    pub cursor: Vec<u8>,
    pub more: bool,
    /// The cursor was of no use: this is the beginning of everything.
    pub reset: bool,
    /// In the order of their changes.
    pub conversations: Vec<SyncedConversation>,
    pub users: Vec<User>,
    pub departments: Vec<Department>,
    pub groups: Vec<(Group, GroupMembers)>,
    /// Groups that the user is not in any more.
    pub left: Vec<GroupId>,
    /// Messages that were edited or recalled.
    pub revised: Vec<(Counterpart, Vec<MessageId>)>,
    pub contacts: Vec<Contact>,
}

/// A conversation as the user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncedConversation {
    pub with: Counterpart,
    /// The newest message's id; 0 if he sees none.
    pub latest: u32,
    pub read: u32,
    pub unread: u32,
    pub hidden: bool,
    /// Ascending. Up to the newest, or the next page goes on.
    pub messages: Vec<StoredMessage>,
    /// Messages from here up to the first one of the list were left out.
    pub missing_from: Option<u32>,
    /// The newest unread one that mentions the user.
    pub mentioned: Option<MessageId>,
}

/// Tells devices what they missed. `user` is always the one who asks.
#[derive(Clone)]
pub struct Sync {
    store: Arc<dyn Store>,
    groups: Groups,
    limits: SyncLimits,
}

/// What an answer is made for.
struct Asked {
    user: UserId,
    /// Up to which message the client has a conversation, by its number.
    known: HashMap<u64, u32>,
    /// Most of one conversation.
    messages: u32,
    since: UnixMillis,
}

impl Sync {
    pub fn new(store: Arc<dyn Store>, groups: Groups, limits: SyncLimits) -> Self {
        Self {
            store,
            groups,
            limits,
        }
    }

    /// The next page of what changed since the cursor. It never leaves out a change that was committed before it was
    /// asked for first; what changed a few seconds earlier may come again.
    pub async fn page(
        &self,
        user: UserId,
        question: &Question<'_>,
    ) -> Result<SyncPage, StoreError> {
        let moment = self.store.moment().await?;
        let mut cursor = question
            .cursor
            .and_then(Cursor::from_bytes)
            .filter(|cursor| is_good(cursor, moment, question.contacts))
            .unwrap_or(Cursor::new(moment.epoch));
        let fresh = Cursor::new(moment.epoch);
        let mut page = SyncPage::default();
        if cursor.round.is_none() && cursor != fresh {
            page.left = self
                .store
                .left_groups(user, cursor.since, MAX_LEFT + 1)
                .await?;
            let revised = match question.revisions {
                true => {
                    let most = MAX_REVISED + 1;
                    let since = cursor.since;
                    self.store.revised_messages(user, since, most).await?
                }
                // whoever sees no difference is not to begin anew for one
                false => Vec::new(),
            };
            if page.left.len() > MAX_LEFT || revised.len() > MAX_REVISED {
                page.left.clear();
                cursor = fresh;
            } else {
                page.revised = by_conversation(user, revised);
            }
        }
        page.reset = question.cursor.is_some() && cursor == fresh;
        let round = cursor.round.unwrap_or(Round {
            settled: moment.now.before(self.limits.overlap),
            stage: Stage::Talk {
                after: None,
                begun: None,
            },
        });
        let asked = self.asked(user, question, &cursor, page.reset);
        let mut room = self.limits.page.bytes;
        let stage = match round.stage {
            Stage::Talk { after, begun } => {
                let talk = self.talk(&asked, after, begun).await?;
                room = room.saturating_sub(talk.bytes);
                (page.conversations, page.groups) = (talk.conversations, talk.groups);
                if question.references {
                    self.mentions(user, &mut page.conversations).await?;
                }
                talk.next
            }
            stage => stage,
        };
        // who is in a group again when this is read has not left it
        page.left
            .retain(|left| page.groups.iter().all(|(group, _)| group.id != *left));
        let mut stage = match stage {
            Stage::Contacts { .. } if !question.contacts => Stage::People,
            stage => stage,
        };
        if let Stage::Contacts { after } = stage
            && (room > 0 || round.stage == stage)
        {
            let since = cursor.contacts;
            let mut rest = Room::of(room);
            stage = self
                .contacts(user, since, after, &mut rest, &mut page)
                .await?;
            if stage == Stage::People {
                cursor.contacts = round.settled;
            }
            room = rest.left;
        }
        let mut done = false;
        if stage == Stage::People && (room > 0 || round.stage == Stage::People) {
            done = self.people(&mut cursor, room, &mut page).await?;
        }
        if done {
            (cursor.since, cursor.round) = (round.settled, None);
        } else {
            cursor.round = Some(Round { stage, ..round });
        }
        page.more = !done;
        page.cursor = cursor.to_bytes();
        Ok(page)
    }

    fn asked(&self, user: UserId, question: &Question<'_>, cursor: &Cursor, reset: bool) -> Asked {
        let number = |with| Conversation::of(user, with).map(Conversation::number);
        // ids that were known before a reset may be others' now
        let count = if reset { 0 } else { self.limits.known };
        let known = question.known.iter().take(count);
        let most = u32::try_from(self.limits.page.rows).unwrap_or(u32::MAX);
        let messages = match question.messages {
            0 => self.limits.messages,
            messages => messages,
        };
        Asked {
            user,
            known: known
                .filter_map(|(with, id)| Some((number(*with)?, *id)))
                .collect(),
            messages: messages.clamp(1, most.max(1)),
            since: cursor.since,
        }
    }

    /// Notes in which groups something unread mentions the user.
    async fn mentions(
        &self,
        user: UserId,
        conversations: &mut [SyncedConversation],
    ) -> Result<(), StoreError> {
        let unread = conversations.iter().filter(|of| of.unread > 0);
        let wanted: Vec<(GroupId, u32)> = unread
            .filter_map(|of| match of.with {
                Counterpart::Group(group) => Some((group, of.read)),
                Counterpart::User(_) => None,
            })
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let newest = self.store.newest_mentions(user, &wanted).await?;
        let newest: HashMap<Counterpart, MessageId> = newest
            .into_iter()
            .map(|(group, id)| (Counterpart::Group(group), id))
            .collect();
        for conversation in conversations {
            conversation.mentioned = newest.get(&conversation.with).copied();
        }
        Ok(())
    }

    /// Adds contacts, at least one of what is left; what comes next.
    async fn contacts(
        &self,
        user: UserId,
        since: UnixMillis,
        after: Option<ContactPlace>,
        room: &mut Room,
        page: &mut SyncPage,
    ) -> Result<Stage, StoreError> {
        let changed = contact::changed(&*self.store, user, since, after, PEOPLE).await?;
        let mut after = after;
        for contact in changed.contacts {
            if !room.take(32 + contact.greeting.len()) {
                return Ok(Stage::Contacts { after });
            }
            after = Some(contact.place());
            page.contacts.push(contact);
        }
        Ok(match changed.next {
            Some(after) => Stage::Contacts { after: Some(after) },
            None => Stage::People,
        })
    }

    /// Adds departments and users; whether that was all of them. At least one of what is left is added.
    async fn people(
        &self,
        cursor: &mut Cursor,
        room: usize,
        page: &mut SyncPage,
    ) -> Result<bool, StoreError> {
        // two changes of departments never share a moment
        let since = UnixMillis(cursor.departments.0.saturating_add(1));
        let departments = self.store.departments_changed_since(since, PEOPLE).await?;
        let mut room = Room::of(room);
        let all = departments.len() < PEOPLE;
        for department in departments {
            if !room.take(32 + department.name.len()) {
                return Ok(false);
            }
            cursor.departments = department.updated_at;
            page.departments.push(department);
        }
        if !all {
            return Ok(false);
        }
        let users = self
            .store
            .users_changed_since(None, cursor.users, PEOPLE)
            .await?;
        let all = users.len() < PEOPLE;
        for user in users {
            if !room.take(size(&user)) {
                return Ok(false);
            }
            cursor.users = Some(user.cursor());
            page.users.push(user);
        }
        Ok(all)
    }
}

/// Whether what a cursor says still holds.
/// Messages of the same conversation together, ascending.
fn by_conversation(
    user: UserId,
    revised: Vec<(Conversation, MessageId)>,
) -> Vec<(Counterpart, Vec<MessageId>)> {
    let mut ids: BTreeMap<u64, (Conversation, Vec<MessageId>)> = BTreeMap::new();
    for (conversation, id) in revised {
        let of = ids.entry(conversation.number());
        of.or_insert((conversation, Vec::new())).1.push(id);
    }
    let told = |(conversation, mut ids): (Conversation, Vec<MessageId>)| {
        ids.sort_unstable();
        Some((conversation.counterpart_of(user)?, ids))
    };
    ids.into_values().filter_map(told).collect()
}

fn is_good(cursor: &Cursor, moment: Moment, contacts: bool) -> bool {
    let oldest = moment.now.before(LIFETIME);
    // a clock that was set back has stamped changes that a cursor from before it takes to be old
    let is_young = |time| (oldest..=moment.now).contains(&time);
    let since = cursor.since == BEGINNING && cursor.round.is_some() || is_young(cursor.since);
    let settled = cursor.round.is_none_or(|round| is_young(round.settled));
    let contacts = !contacts || cursor.contacts == BEGINNING || is_young(cursor.contacts);
    cursor.epoch == moment.epoch && since && settled && contacts
}

/// Bytes that are left; the first thing always fits.
struct Room {
    left: usize,
    used: bool,
}

impl Room {
    fn of(bytes: usize) -> Self {
        Self {
            left: bytes,
            used: false,
        }
    }

    fn take(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.left || !self.used;
        self.used = true;
        self.left = self.left.saturating_sub(bytes);
        fits
    }
}

/// About what a profile takes on the wire, rather more than less.
fn size(user: &User) -> usize {
    let profile = &user.profile;
    let details = [
        &profile.name,
        &profile.nick_name,
        &profile.avatar_url,
        &profile.email,
        &profile.tel,
        &profile.domain,
        &profile.sign_info,
    ];
    48 + details.iter().map(|detail| detail.len()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_ninety_days_and_one_store() {
        const DAY: i64 = 24 * 60 * 60 * 1000;
        let moment = Moment {
            epoch: 7,
            now: UnixMillis(1_000 * DAY),
        };
        let days_ago = |days: i64| UnixMillis(moment.now.0 - days * DAY);
        let cursor = |since, round: Option<UnixMillis>| Cursor {
            since,
            round: round.map(|settled| Round {
                settled,
                stage: Stage::People,
            }),
            ..Cursor::new(7)
        };
        assert!(is_good(&cursor(days_ago(90), None), moment, true));
        assert!(!is_good(&cursor(days_ago(91), None), moment, true));
        assert!(is_good(
            &cursor(days_ago(90), Some(days_ago(1))),
            moment,
            true
        ));
        assert!(!is_good(
            &cursor(days_ago(1), Some(days_ago(91))),
            moment,
            true
        ));
        // a new device's, between two pages
        assert!(is_good(
            &cursor(BEGINNING, Some(days_ago(90))),
            moment,
            true
        ));
        assert!(!is_good(
            &cursor(BEGINNING, Some(days_ago(91))),
            moment,
            true
        ));
        assert!(!is_good(&cursor(BEGINNING, None), moment, true));
        let told = |at| Cursor {
            contacts: at,
            ..cursor(days_ago(1), None)
        };
        assert!(is_good(&told(days_ago(90)), moment, true));
        assert!(!is_good(&told(days_ago(91)), moment, true));
        assert!(is_good(&told(days_ago(91)), moment, false));
        assert!(is_good(&cursor(days_ago(0), None), moment, true));
        assert!(!is_good(&cursor(days_ago(-1), None), moment, true));
        let other = Cursor {
            epoch: 8,
            ..cursor(days_ago(1), None)
        };
        assert!(!is_good(&other, moment, true));
    }
}
