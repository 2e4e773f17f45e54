//! Verbs for groups, so that a test with one reads as a scenario.

use db_proxy::store::{
    Conversation, Counterpart, Direction, GroupChange, GroupKind, GroupMembers, GroupOutcome,
    MemberChange, MessageKind, NewGroup, NewMessage, ReadMark, RequestKey,
};
use proto::ids::{GroupId, UserId};

use crate::bed::{Bed, EVERYTHING, id, text_of};

/// Most members of a test's group.
pub(crate) const LIMIT: usize = 500;

impl Bed {
    /// A temporary group of these users, made by the first of them.
    pub(crate) async fn group(&self, members: &[UserId]) -> GroupId {
        let created = self.store.create_group(&new_group(members)).await;
        created.unwrap().unwrap().group_id
    }

    /// A normal group.
    pub(crate) async fn system_group(&self, members: &[UserId]) -> GroupId {
        let new = NewGroup {
            kind: GroupKind::Normal,
            creator: None,
            ..new_group(members)
        };
        let created = self.store.create_group(&new).await;
        created.unwrap().unwrap().group_id
    }

    pub(crate) async fn change(
        &self,
        group: GroupId,
        actor: impl Into<Option<UserId>>,
        direction: Direction,
        users: &[UserId],
    ) -> GroupOutcome {
        let change = change(group, actor.into(), direction, users);
        self.store.change_members(&change).await.unwrap()
    }

    pub(crate) async fn join(&self, group: GroupId, users: &[UserId]) -> GroupChange {
        let joined = self.change(group, None, Direction::Join, users).await;
        joined.unwrap()
    }

    pub(crate) async fn leave(&self, group: GroupId, users: &[UserId]) -> GroupChange {
        let left = self.change(group, None, Direction::Leave, users).await;
        left.unwrap()
    }

    pub(crate) async fn members(&self, group: GroupId) -> GroupMembers {
        self.store.group_members(group).await.unwrap().unwrap()
    }

    pub(crate) async fn say_to(&self, group: GroupId, from: UserId, texts: &[&str]) {
        for text in texts {
            self.append(&[to_group(from, group, text)]).await[0].unwrap();
        }
    }

    /// What a user sees of a group, oldest first.
    pub(crate) async fn seen(&self, user: UserId, group: GroupId) -> Vec<String> {
        let conversation = Conversation::Group(group);
        let history = self
            .store
            .history(user, conversation, None, EVERYTHING)
            .await
            .unwrap();
        let texts = history.iter().rev().map(text_of).collect();
        let ids: Vec<_> = history.iter().map(|message| message.id).collect();
        let picked = self
            .store
            .messages(user, conversation, &ids, EVERYTHING)
            .await;
        assert_eq!(picked.unwrap(), history, "the same by their ids");
        let latest = self.store.latest_id(user, conversation).await.unwrap();
        assert_eq!(latest, ids.first().copied(), "the newest is the latest");
        texts
    }

    pub(crate) async fn group_unread(&self, user: UserId, group: GroupId) -> u32 {
        let list = self.unread_list(user).await;
        let entry = list
            .conversations
            .iter()
            .find(|entry| entry.with == Counterpart::Group(group));
        entry.map_or(0, |entry| entry.unread)
    }

    /// Whether the group is on the user's list.
    pub(crate) async fn lists(&self, user: UserId, group: GroupId) -> bool {
        let recent = self.store.recent(user, 0, EVERYTHING).await.unwrap();
        recent.iter().any(|entry| entry.with == group.into())
    }

    pub(crate) async fn read_group(&self, user: UserId, group: GroupId, up_to: u32) {
        let mark = ReadMark {
            user,
            conversation: Conversation::Group(group),
            up_to: id(up_to),
            shown: false,
        };
        self.store.mark_read(&[mark]).await.unwrap();
    }

    pub(crate) async fn hide_group(&self, user: UserId, group: GroupId) -> bool {
        let hidden = self.store.hide(user, Conversation::Group(group)).await;
        hidden.unwrap()
    }
}

pub(crate) fn new_group(members: &[UserId]) -> NewGroup {
    let mut sorted = members.to_vec();
    sorted.sort_unstable();
    NewGroup {
        kind: GroupKind::Temporary,
        name: "群 \u{1f642}".to_owned(),
        avatar_url: "http://example.org/g".to_owned(),
        creator: members.first().copied(),
        members: sorted,
        groups_per_user: 100,
        request: None,
    }
}

pub(crate) fn change(
    group_id: GroupId,
    actor: Option<UserId>,
    direction: Direction,
    users: &[UserId],
) -> MemberChange {
    let mut users = users.to_vec();
    users.sort_unstable();
    MemberChange {
        group_id,
        actor,
        direction,
        users,
        limit: LIMIT,
        groups_per_user: 100,
        request: None,
    }
}

pub(crate) fn to_group(sender: UserId, group: GroupId, text: &str) -> NewMessage {
    NewMessage {
        conversation: Conversation::Group(group),
        kind: MessageKind(0x11),
        ..crate::bed::text(sender, other(sender), text)
    }
}

/// Anybody else: who it is does not matter.
fn other(user: UserId) -> UserId {
    UserId::new(user.get() ^ 1)
        .or(UserId::new(2))
        .unwrap_or(user)
}

pub(crate) fn request(bytes: &[u8]) -> Option<RequestKey> {
    RequestKey::of_creation(None, bytes)
}
