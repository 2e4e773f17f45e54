//! The part of an answer that is about conversations and groups.

use std::collections::HashSet;

use proto::ids::{GroupId, MessageId};

use super::border::Border;
use super::cursor::{BEGINNING, Stage};
use super::{Asked, Sync, SyncedConversation};
use crate::logic::group;
use crate::store::{
    ChangedConversation, Changes, Conversation, Group, GroupMembers, MessageRange, PageLimit,
    Place, StoreError, StoredMessage,
};

/// What fits into one answer.
pub(super) struct Talk {
    pub(super) conversations: Vec<SyncedConversation>,
    pub(super) groups: Vec<(Group, GroupMembers)>,
    pub(super) bytes: usize,
    pub(super) next: Stage,
}

/// A conversation that is to be told of.
struct Wanted {
    row: ChangedConversation,
    /// Messages from `first` to `last`: none, if it is greater.
    first: u32,
    last: u32,
    missing_from: Option<u32>,
}

impl Wanted {
    fn count(&self) -> u32 {
        if self.first > self.last {
            return 0;
        }
        self.last - self.first + 1
    }

    /// Whether nothing of it is left for another page.
    fn is_whole(&self) -> bool {
        self.count() == 0 || self.last >= self.row.last
    }
}

impl Sync {
    /// Conversations with changes behind `after`. Of one that was begun, messages go on where they ended.
    pub(super) async fn talk(
        &self,
        asked: &Asked,
        after: Option<Place>,
        begun: Option<(u64, u32)>,
    ) -> Result<Talk, StoreError> {
        let changes = Changes {
            since: asked.since,
            after,
            messages: asked.messages,
            limit: self.limits.conversations,
        };
        let rows = self
            .store
            .changed_conversations(asked.user, &changes)
            .await?;
        let count = rows.len();
        let mut wanted = self.wanted(asked, rows, begun).await?;
        let groups = self.changed_groups(asked, &mut wanted).await?;
        let mut bytes: usize = groups
            .iter()
            .map(|(group, members)| group::size(group, members))
            .sum();
        let ranges: Vec<MessageRange> = wanted
            .iter()
            .filter(|wanted| wanted.count() > 0)
            .map(|wanted| MessageRange {
                conversation: wanted.row.conversation,
                first: wanted.first,
                last: wanted.last,
            })
            .collect();
        let limit = PageLimit {
            rows: self.limits.page.rows.max(1),
            bytes: self.limits.page.bytes.saturating_sub(bytes),
        };
        let messages = self.store.ranges(&ranges, limit).await?;
        let messages_bytes = messages.iter().map(|(_, m)| 24 + m.body.len());
        bytes += messages_bytes.sum::<usize>();

        let mut told = Told::new(after, begun);
        let mut messages = messages.into_iter().peekable();
        for wanted in &wanted {
            let conversation = wanted.row.conversation;
            let mut own = Vec::new();
            while let Some((_, message)) = messages.next_if(|(of, _)| *of == conversation) {
                own.push(message);
            }
            if !told.add(asked, wanted, own) {
                break;
            }
        }
        bytes += 32 * told.conversations.len();
        let all = told.whole == count && count < self.limits.conversations;
        Ok(Talk {
            groups: groups
                .into_iter()
                .filter(|(group, _)| told.kept.contains(&Conversation::Group(group.id)))
                .collect(),
            bytes,
            next: if all {
                Stage::Contacts { after: None }
            } else {
                Stage::Talk {
                    after: told.after,
                    begun: told.begun,
                }
            },
            conversations: told.conversations,
        })
    }

    /// Which messages of which conversations: as many as one answer may have.
    async fn wanted(
        &self,
        asked: &Asked,
        rows: Vec<ChangedConversation>,
        begun: Option<(u64, u32)>,
    ) -> Result<Vec<Wanted>, StoreError> {
        let mut room = u32::try_from(self.limits.page.rows.max(1)).unwrap_or(u32::MAX);
        let mut all = Vec::with_capacity(rows.len());
        for row in rows {
            let mut wanted = Wanted {
                first: 1,
                last: 0,
                missing_from: None,
                row,
            };
            if row.talk_changed {
                let mut lower = self.lower(asked, &row).await?;
                if let Some((number, reached)) = begun
                    && number == row.conversation.number()
                {
                    lower = lower.max(reached);
                }
                let newest = row.last.saturating_sub(asked.messages);
                if lower < row.last {
                    wanted.first = lower.max(newest) + 1;
                    wanted.last = row.last;
                    wanted.missing_from = (lower < newest).then(|| lower + 1);
                }
            }
            let count = wanted.count();
            if count > 0 && room == 0 {
                break;
            }
            if count > room {
                wanted.last = wanted.first + (room - 1);
            }
            room = room.saturating_sub(count);
            all.push(wanted);
        }
        Ok(all)
    }

    /// The client has every message up to this one, or will never see it.
    async fn lower(&self, asked: &Asked, row: &ChangedConversation) -> Result<u32, StoreError> {
        let unseen = row.visible_after;
        if let Some(known) = asked.known.get(&row.conversation.number()) {
            return Ok(unseen.max(*known));
        }
        if asked.since == BEGINNING {
            return Ok(unseen);
        }
        let looked_at = row.last.saturating_sub(asked.messages);
        if row.old > 0 || looked_at <= unseen {
            return Ok(unseen.max(row.old));
        }
        // more of them are new than are told of
        let mut border = Border::between(unseen, looked_at);
        while let Some(id) = border.probe() {
            let message = MessageId::new(id);
            let stored_at = match message {
                Some(id) => self.store.stored_at(row.conversation, id).await?,
                None => None,
            };
            border.tell(id, stored_at.is_none_or(|at| at < asked.since));
        }
        Ok(border.last_old())
    }

    /// The groups that changed. Conversations from the first group on that does not fit are taken off the list.
    async fn changed_groups(
        &self,
        asked: &Asked,
        wanted: &mut Vec<Wanted>,
    ) -> Result<Vec<(Group, GroupMembers)>, StoreError> {
        let mut places = Vec::new();
        let mut groups: Vec<(u32, u32)> = Vec::new();
        for (place, wanted) in wanted.iter().enumerate() {
            if let Some(group) = changed_group(&wanted.row) {
                places.push(place);
                groups.push((group.get(), 0));
            }
        }
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        let details = self.groups.details(Some(asked.user), &groups).await?;
        if let Some(place) = details.next.and_then(|next| places.get(next)) {
            wanted.truncate(*place);
        }
        Ok(details.groups)
    }
}

fn changed_group(row: &ChangedConversation) -> Option<GroupId> {
    match row.conversation {
        Conversation::Group(group) if row.group_changed => Some(group),
        Conversation::Group(_) | Conversation::Single(_) => None,
    }
}

/// The conversations of an answer, and where the next one begins.
struct Told {
    conversations: Vec<SyncedConversation>,
    /// How many changes were told of to their end.
    whole: usize,
    after: Option<Place>,
    begun: Option<(u64, u32)>,
    /// Whose changes were told of, to their end or not.
    kept: HashSet<Conversation>,
}

impl Told {
    fn new(after: Option<Place>, begun: Option<(u64, u32)>) -> Self {
        Self {
            conversations: Vec::new(),
            whole: 0,
            after,
            begun,
            kept: HashSet::new(),
        }
    }

    /// Adds a conversation with those of its messages that fitted; whether another one fits behind it.
    fn add(&mut self, asked: &Asked, wanted: &Wanted, messages: Vec<StoredMessage>) -> bool {
        let row = &wanted.row;
        let is_first = self.whole == 0;
        let reached = messages.last().map(|last| last.id.get());
        // the first one that fits nothing more of itself has lost messages to somebody else
        let ended = match reached {
            Some(reached) => reached >= wanted.last,
            None => wanted.count() == 0 || is_first,
        };
        if !ended && reached.is_none() {
            return false;
        }
        self.kept.insert(row.conversation);
        if row.talk_changed
            && let Some(with) = row.conversation.counterpart_of(asked.user)
        {
            self.conversations.push(SyncedConversation {
                with,
                latest: if row.last > row.visible_after {
                    row.last
                } else {
                    0
                },
                read: row.read,
                unread: row.unread,
                hidden: row.hidden,
                messages: messages
                    .into_iter()
                    .filter(|message| message.withheld_from != Some(asked.user))
                    .collect(),
                missing_from: wanted.missing_from,
                mentioned: None,
            });
        }
        if ended && wanted.is_whole() {
            self.whole += 1;
            self.after = Some(row.place());
            let number = row.conversation.number();
            self.begun = self.begun.filter(|(begun, _)| *begun != number);
            return true;
        }
        self.begun = reached.map(|reached| (row.conversation.number(), reached));
        false
    }
}
