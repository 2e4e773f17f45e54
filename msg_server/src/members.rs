//! Which users here are members of which group, so that a group message needs no look-up.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use parking_lot::Mutex;
use proto::ids::{GroupId, UserId};
use smallvec::SmallVec;
use tokio::time::Instant;

/// Who is in a group, as of a version of it. Told by whoever changed it, or fetched.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    pub(crate) group: GroupId,
    pub(crate) version: u32,
    /// Everybody, here or not, in ascending order.
    members: Arc<[UserId]>,
    /// Those who came with this version, in ascending order.
    joined: Arc<[UserId]>,
}

impl Membership {
    /// `ids` in any order; zero is nobody.
    pub(crate) fn new(group: GroupId, version: u32, ids: &[u32]) -> Self {
        Self {
            group,
            version,
            members: ascending(ids).into(),
            joined: Arc::default(),
        }
    }

    /// Those who came with this version: what was written before is not for them.
    pub(crate) fn with_joined(self, ids: &[u32]) -> Self {
        Self {
            joined: ascending(ids).into(),
            ..self
        }
    }

    /// The version as of which messages are for the user; 0 for one who may have been in the group from the beginning.
    fn since(&self, user: UserId) -> u32 {
        match self.joined.binary_search(&user) {
            Ok(_) => self.version,
            Err(_) => 0,
        }
    }

    pub(crate) fn contains(&self, user: UserId) -> bool {
        self.members.binary_search(&user).is_ok()
    }

    pub(crate) fn members(&self) -> &[UserId] {
        &self.members
    }

    fn member(&self, user: UserId) -> Member {
        let since = self.since(user);
        Member {
            user,
            as_of: self.version,
            since,
            joined_at: (since > 0).then(Instant::now),
        }
    }
}

/// The users among these ids, in ascending order, each once; zero is nobody.
pub(crate) fn ascending(ids: &[u32]) -> Vec<UserId> {
    let mut users: Vec<UserId> = ids.iter().copied().filter_map(UserId::new).collect();
    users.sort_unstable();
    users.dedup();
    users
}

/// Members of one group who have a session here, in ascending order.
pub(crate) type Local = Arc<Vec<Member>>;

/// A member, and the version of the group as of which that is known. What is older does not take him out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) user: UserId,
    as_of: u32,
    since: u32,
    /// When it was told that he had joined; `None` for one who may have been in the group from the beginning.
    joined_at: Option<Instant>,
}

impl Member {
    /// Whether a message that was stored when the group had that version is for him; 0 if that is not known.
    pub(crate) fn sees(self, version: u32) -> bool {
        version == 0 || self.since <= version
    }

    /// Whether he was in the group already when a message was stored of whose version nothing is known.
    pub(crate) fn was_in_at(self, stored: Instant) -> bool {
        self.joined_at.is_none_or(|joined| joined <= stored)
    }
}

/// The members of each group who have a session here: taken from their logins, kept by the changes that are told
/// afterwards.
///
/// A user's place in [`Users`](crate::users::Users) is locked while his memberships come and go with his sessions, and never the other way
/// round: nothing here asks for a user's place with a group locked.
///
/// A change can be lost with the process that made it. So each group message carries the group's version, and one
/// that is newer than what is known here makes [`Groups`](crate::groups::Groups) fetch who is in the group.
#[derive(Default)]
pub(crate) struct Members {
    groups: DashMap<GroupId, Group, ahash::RandomState>,
    by_user: DashMap<UserId, SmallVec<[GroupId; 4]>, ahash::RandomState>,
    lately: Mutex<Lately>,
    telling: Mutex<()>,
}

#[derive(Default)]
struct Group {
    /// The version as of which nobody here is missing; 0 while nobody has told.
    complete_as_of: u32,
    members: Local,
}

/// Changes of the last moments. A login learns the user's groups from the database some time before his session
/// begins; what changes in between is looked up here.
#[derive(Default)]
struct Lately {
    changes: VecDeque<(Instant, Membership)>,
    ids: usize,
}

/// Longer than any login takes, and than frames are kept to be sent again.
const LATELY: Duration = Duration::from_secs(60);

/// Most changes and most members of them that are kept.
const MAX_CHANGES: usize = 4_096;
const MAX_IDS: usize = 2 * 1024 * 1024;

impl Members {
    /// A session of the user begins, and the database was asked at `asked_at` or later which groups he is in. Call it
    /// with the user's place locked. Returns the groups that have a member here now and had none.
    pub(crate) fn come(
        &self,
        user: UserId,
        groups: &[(GroupId, u32)],
        asked_at: Instant,
    ) -> Vec<GroupId> {
        // Held to the end: a change that is told meanwhile finds the user here.
        let lately = self.lately.lock();
        let known = |(group, as_of): &(GroupId, u32)| {
            let member = Member {
                user,
                as_of: *as_of,
                since: 0,
                joined_at: None,
            };
            (*group, Some(member))
        };
        let mut now: HashMap<GroupId, Option<Member>> = groups.iter().map(known).collect();
        for change in lately.since(asked_at) {
            let known = now.get(&change.group).copied().flatten();
            if known.is_none_or(|member| member.as_of < change.version) {
                now.insert(
                    change.group,
                    change.contains(user).then(|| change.member(user)),
                );
            }
        }
        now.into_iter()
            .filter_map(|(group, member)| member.map(|member| (group, member)))
            .filter(|(group, member)| self.add(*group, *member))
            .map(|(group, _)| group)
            .collect()
    }

    /// The user's last session here is over. Call it with the user's place locked. `ended` hears of groups that have no
    /// member here any more.
    pub(crate) fn go(&self, user: UserId, mut ended: impl FnMut(GroupId)) {
        if let Some((_, groups)) = self.by_user.remove(&user) {
            for group in groups {
                self.remove(group, user, u32::MAX, &mut ended);
            }
        }
    }

    /// Who is in a group has been told. `if_here` does something with a user's place locked if he has a session here.
    /// `ended` hears of it if nobody here is in the group any more.
    pub(crate) fn told(
        &self,
        told: &Membership,
        if_here: impl Fn(UserId, &mut dyn FnMut()),
        mut ended: impl FnMut(GroupId),
    ) -> Told {
        // One at a time, so that what is known of a group only gets newer.
        let _telling = self.telling.lock();
        let (group, version) = (told.group, told.version);
        let known = self.lately.lock().keep(told);
        if known > version || self.complete_as_of(group) >= version {
            return Told::Old;
        }
        let mut begun = false;
        for user in told.members() {
            if_here(*user, &mut || begun |= self.add(group, told.member(*user)));
        }
        for member in self.local(group).iter() {
            if !told.contains(member.user) {
                self.remove(group, member.user, version, &mut ended);
            }
        }
        if let Some(mut place) = self.groups.get_mut(&group) {
            place.complete_as_of = version;
        }
        if begun { Told::Begun } else { Told::News }
    }

    /// The group has this version, and whoever made it took nobody in or out. Noted only by who knows the version just before:
    /// what he missed he may have missed of its members.
    pub(crate) fn noted(&self, group: GroupId, version: u32) {
        if let Some(mut place) = self.groups.get_mut(&group)
            && place.complete_as_of > 0
            && place.complete_as_of.checked_add(1) == Some(version)
        {
            place.complete_as_of = version;
        }
    }

    /// The newest that was told of a group in the last moments, if it is newer than this.
    pub(crate) fn newer(&self, than: &Membership) -> Option<Membership> {
        let lately = self.lately.lock();
        let newer =
            |change: &&Membership| change.group == than.group && change.version > than.version;
        let changes = lately.changes.iter().map(|(_, change)| change);
        changes
            .filter(newer)
            .max_by_key(|change| change.version)
            .cloned()
    }

    /// Does something while it is sure that the group has no member here, if it has none: nobody can come meanwhile.
    pub(crate) fn if_nobody(&self, group: GroupId, act: impl FnOnce()) {
        if let Entry::Vacant(_place) = self.groups.entry(group) {
            act();
        }
    }

    /// The members here.
    pub(crate) fn local(&self, group: GroupId) -> Local {
        let place = self.groups.get(&group);
        place.map(|place| place.members.clone()).unwrap_or_default()
    }

    /// The version as of which nobody here is missing; 0 if that is not known of any.
    pub(crate) fn complete_as_of(&self, group: GroupId) -> u32 {
        let place = self.groups.get(&group);
        place.map_or(0, |place| place.complete_as_of)
    }

    /// The groups that have a member here.
    pub(crate) fn groups(&self) -> Vec<u32> {
        self.groups.iter().map(|place| place.key().get()).collect()
    }

    /// Returns whether he is the group's first member here.
    fn add(&self, group: GroupId, member: Member) -> bool {
        let mut place = self.groups.entry(group).or_default();
        let members = Arc::make_mut(&mut place.members);
        let begun = members.is_empty();
        match members.binary_search_by_key(&member.user, |member| member.user) {
            Ok(at) => members[at].as_of = members[at].as_of.max(member.as_of),
            Err(at) => {
                members.insert(at, member);
                let mut groups = self.by_user.entry(member.user).or_default();
                groups.push(group);
            }
        }
        begun
    }

    /// Takes a member out unless he is known to be one as of that version or a later one.
    fn remove(&self, group: GroupId, user: UserId, version: u32, ended: &mut impl FnMut(GroupId)) {
        let Entry::Occupied(mut place) = self.groups.entry(group) else {
            return;
        };
        let members = &mut place.get_mut().members;
        let found = members.binary_search_by_key(&user, |member| member.user);
        let Some(at) = found.ok().filter(|at| members[*at].as_of < version) else {
            return;
        };
        Arc::make_mut(members).remove(at);
        let is_empty = members.is_empty();
        if let Entry::Occupied(mut groups) = self.by_user.entry(user) {
            groups.get_mut().retain(|other| *other != group);
            if groups.get().is_empty() {
                groups.remove();
            }
        }
        if is_empty {
            ended(group);
            place.remove();
        }
    }
}

/// What became of a word about a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It was known already, or something newer.
    Old,
    News,
    /// News, by which the group has a member here and had none.
    Begun,
}

impl Lately {
    /// Keeps a change. Returns the latest version of the group that was told before; 0 if none was.
    fn keep(&mut self, change: &Membership) -> u32 {
        let of_group = |(_, other): &&(Instant, Membership)| other.group == change.group;
        let versions = self.changes.iter().filter(of_group);
        let known = versions.map(|(_, other)| other.version).max().unwrap_or(0);
        if known >= change.version {
            return known;
        }
        self.changes.push_back((Instant::now(), change.clone()));
        self.ids += change.members.len();
        while let Some((at, oldest)) = self.changes.front()
            && (at.elapsed() > LATELY || self.changes.len() > MAX_CHANGES || self.ids > MAX_IDS)
        {
            self.ids -= oldest.members.len();
            self.changes.pop_front();
        }
        known
    }

    fn since(&self, time: Instant) -> impl Iterator<Item = &Membership> {
        let is_since = move |(at, _): &&(Instant, Membership)| *at >= time;
        self.changes
            .iter()
            .filter(is_since)
            .map(|(_, change)| change)
    }
}

#[cfg(test)]
mod tests;
