pub mod step;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use proto::ids::{GroupId, UserId};

use super::gather::Gather;
use crate::cache::GroupCache;
use crate::store::{
    Direction, Group, GroupChange, GroupKind, GroupMembers, GroupRefusal, GroupVersion,
    MemberChange, NewGroup, RequestKey, Store, StoreError,
};

/// Longest name of a group and longest address of its avatar, in characters.
pub const MAX_NAME: usize = 256;
pub const MAX_AVATAR: usize = 255;

/// Bounds of a group, and of what one answer carries.
#[derive(Clone, Copy, Debug)]
pub struct GroupLimits {
    /// Most members of a group, and most users of one request.
    pub members: usize,
    /// Groups a user may be in; beyond them nobody but the system brings him into one.
    pub per_user: usize,
    /// Most groups of one list.
    pub list_rows: usize,
    /// Most groups one request may ask details of; for those beyond the asker is told where to go on.
    pub details_wanted: usize,
    /// Bytes of details after which an answer ends; the first always fits.
    pub details_bytes: usize,
}

impl Default for GroupLimits {
    fn default() -> Self {
        Self {
            members: 10_000,
            per_user: 1_000,
            list_rows: 10_000,
            details_wanted: 1_000,
            details_bytes: 256 * 1024,
        }
    }
}

/// Why a group was not made or changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum GroupError {
    #[error(
        "a group's name has 1 to {MAX_NAME} characters, not all of them blank, and no control characters"
    )]
    Name,
    #[error(
        "the address of an avatar has at most {MAX_AVATAR} characters and no control characters"
    )]
    Avatar,
    #[error("only the system makes normal groups")]
    Kind,
    #[error("no user is named")]
    Empty,
    #[error("more than {limit} users are named")]
    TooMany { limit: usize },
    #[error(transparent)]
    Refused(#[from] GroupRefusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A group as somebody wishes for it. `creator` comes from a session; `None` is the system.
#[derive(Clone, Debug)]
pub struct Founding {
    pub kind: GroupKind,
    pub name: String,
    pub avatar_url: String,
    pub creator: Option<UserId>,
    pub members: Vec<u32>,
    pub request: Option<RequestKey>,
}

/// A change of members as somebody wishes for it. `actor` comes from a session; `None` is the system.
#[derive(Clone, Debug)]
pub struct Wish {
    pub group_id: GroupId,
    pub actor: Option<UserId>,
    pub direction: Direction,
    pub users: Vec<u32>,
    pub request: Option<RequestKey>,
}

/// Details of groups, in the order asked.
#[derive(Clone, Debug, Default)]
pub struct Details {
    pub groups: Vec<(Group, GroupMembers)>,
    /// The place in the question's list to go on from; `None`: that was all.
    pub next: Option<usize>,
}

/// Groups: who is in them, and who may change that.
#[derive(Clone)]
pub struct Groups {
    store: Arc<dyn Store>,
    cache: Arc<dyn GroupCache>,
    limits: GroupLimits,
    of_users: Arc<Gather<UserId, Vec<GroupVersion>>>,
}

impl Groups {
    pub fn new(store: Arc<dyn Store>, cache: Arc<dyn GroupCache>, limits: GroupLimits) -> Self {
        Self {
            store,
            cache,
            limits,
            of_users: Arc::default(),
        }
    }

    /// Makes a group. Whoever makes it is a member only if he is named.
    pub async fn create(&self, founding: Founding) -> Result<GroupChange, GroupError> {
        if founding.kind == GroupKind::Normal && founding.creator.is_some() {
            return Err(GroupError::Kind);
        }
        check_texts(&founding.name, &founding.avatar_url)?;
        let new = NewGroup {
            kind: founding.kind,
            name: founding.name,
            avatar_url: founding.avatar_url,
            creator: founding.creator,
            members: self.distinct(&founding.members)?,
            groups_per_user: self.limits.per_user,
            request: founding.request,
        };
        Ok(self.store.create_group(&new).await??)
    }

    /// Adds or removes members.
    pub async fn change(&self, wish: Wish) -> Result<GroupChange, GroupError> {
        let change = MemberChange {
            group_id: wish.group_id,
            actor: wish.actor,
            direction: wish.direction,
            users: self.distinct(&wish.users)?,
            limit: self.limits.members,
            groups_per_user: self.limits.per_user,
            request: wish.request,
        };
        Ok(self.store.change_members(&change).await??)
    }

    /// The users named, ascending, each once. However many were sent, no more are kept than a group may have.
    fn distinct(&self, named: &[u32]) -> Result<Vec<UserId>, GroupError> {
        let limit = self.limits.members;
        let mut users = HashSet::new();
        for id in named {
            users.insert(UserId::new(*id).ok_or(GroupRefusal::NoSuchUser)?);
            if users.len() > limit {
                return Err(GroupError::TooMany { limit });
            }
        }
        if users.is_empty() {
            return Err(GroupError::Empty);
        }
        let mut users = Vec::from_iter(users);
        users.sort_unstable();
        Ok(users)
    }

    /// Sets whether the user hears of messages in the group; `false` if he is no member of it.
    pub async fn mute(
        &self,
        user: UserId,
        group: GroupId,
        muted: bool,
    ) -> Result<bool, StoreError> {
        self.store.mute_group(user, group, muted).await
    }

    /// The user's groups of that kind, the latest changed first.
    pub async fn of_user(
        &self,
        user: UserId,
        kind: GroupKind,
    ) -> Result<Vec<GroupVersion>, StoreError> {
        let limit = self.limits.list_rows;
        self.store.groups_of(user, Some(kind), limit).await
    }

    /// All groups of a user, the latest changed first; looked up together with those of others.
    pub async fn all_of_user(&self, user: UserId) -> Result<Vec<GroupVersion>, StoreError> {
        let limit = self.limits.list_rows;
        let all = |users: Vec<_>| async move { self.store.groups_of_each(&users, limit).await };
        self.of_users.ask(user, all).await
    }

    /// Details of those groups that `reader` is a member of (`None`, the system: of all) and whose version is newer
    /// than the one named with them; version 0 is older than any.
    pub async fn details(
        &self,
        reader: Option<UserId>,
        asked: &[(u32, u32)],
    ) -> Result<Details, StoreError> {
        let looked_at = &asked[..asked.len().min(self.limits.details_wanted)];
        let mut found = self.newer(reader, looked_at).await?;
        let mut cached = self.cached(found.values()).await;
        let mut details = Details::default();
        let mut bytes = 0;
        for (place, (raw, _)) in looked_at.iter().enumerate() {
            let Some(mut group) = GroupId::new(*raw).and_then(|id| found.remove(&id)) else {
                continue;
            };
            let members = match cached.remove(&group.id) {
                Some(members) => Some(members),
                None => self.fetch(group.id).await?,
            };
            let Some(members) = members else {
                continue;
            };
            if reader.is_some_and(|reader| members.members.binary_search(&reader).is_err()) {
                continue;
            }
            bytes += size(&group, &members);
            if bytes > self.limits.details_bytes && !details.groups.is_empty() {
                details.next = Some(place);
                return Ok(details);
            }
            group.version = members.version;
            details.groups.push((group, members));
        }
        details.next = (looked_at.len() < asked.len()).then_some(looked_at.len());
        Ok(details)
    }

    /// Members as of the versions that the store has just named.
    async fn cached(&self, groups: impl Iterator<Item = &Group>) -> HashMap<GroupId, GroupMembers> {
        let wanted: Vec<_> = groups.map(|group| (group.id, group.version)).collect();
        if wanted.is_empty() {
            return HashMap::new();
        }
        self.cache.get(&wanted).await.into_iter().collect()
    }

    async fn fetch(&self, group: GroupId) -> Result<Option<GroupMembers>, StoreError> {
        let members = self.store.group_members(group).await?;
        if let Some(members) = &members {
            self.cache.put(&[(group, members.clone())]).await;
        }
        Ok(members)
    }

    async fn newer(
        &self,
        reader: Option<UserId>,
        asked: &[(u32, u32)],
    ) -> Result<HashMap<GroupId, Group>, StoreError> {
        // the first place of several counts
        let mut known: HashMap<GroupId, u32> = HashMap::new();
        for (id, version) in asked {
            if let Some(id) = GroupId::new(*id) {
                known.entry(id).or_insert(*version);
            }
        }
        let ids: Vec<GroupId> = known.keys().copied().collect();
        let groups = self.store.groups(reader, &ids).await?;
        Ok(groups
            .into_iter()
            .filter(|group| {
                known
                    .get(&group.id)
                    .is_some_and(|seen| group.version > *seen)
            })
            .map(|group| (group.id, group))
            .collect())
    }

    /// Who is in a group, whoever asks; `None` if there is no such group. A msg_server that holds a message back until it
    /// knows asks this, so it is the store's word and waits for nothing else.
    pub async fn members(&self, group: GroupId) -> Result<Option<GroupMembers>, StoreError> {
        self.store.group_members(group).await
    }
}

/// About what the details of a group take on the wire, rather more than less.
pub(super) fn size(group: &Group, members: &GroupMembers) -> usize {
    64 + group.name.len() + group.avatar_url.len() + 6 * members.members.len()
}

fn check_texts(name: &str, avatar_url: &str) -> Result<(), GroupError> {
    let controls = |text: &str| text.chars().any(char::is_control);
    if name.trim().is_empty() || name.chars().count() > MAX_NAME || controls(name) {
        return Err(GroupError::Name);
    }
    if avatar_url.chars().count() > MAX_AVATAR || controls(avatar_url) {
        return Err(GroupError::Avatar);
    }
    Ok(())
}
