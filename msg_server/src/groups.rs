//! Messages and changes of groups, on their way to the members who are here.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use im_base::telemetry::metrics::GROUP_FETCHES;
use metrics::counter;
use parking_lot::Mutex;
use proto::Pdu;
use proto::ids::{GroupId, UserId};
use proto::im::base_define::{GroupModifyType, GroupVersionInfo};
use proto::im::ext::group::{
    ImGroupChanged, ImGroupMembers, ImGroupMembersReq, ImUserGroupsReq, ImUserGroupsRsp,
};
use proto::im::group::ImGroupChangeMemberNotify;
use proto::im::message::ImMsgData;
use tokio::time::Instant;
use tracing::debug;

use crate::fanout::{Frames, Source};
use crate::handlers::msg::ConversationKey;
use crate::links::raw_ids;
use crate::members::{Member, Members, Membership, Told, ascending};
use crate::server::MsgServer;
use crate::trace;

/// In a larger group members do not see each other come and go by being in it.
const MAX_ACQUAINTED: usize = 500;

/// Messages of one group, and notices behind them, that may wait until it is known who is in it; those beyond go to whom is known.
const MAX_WAITING: usize = 4_096;

/// A stored message of a group.
pub(crate) struct Parcel {
    pub(crate) group: GroupId,
    /// The group's version when it was stored; 0 if a server without this extension sent it.
    pub(crate) version: u32,
    pub(crate) message: ImMsgData,
    /// As clients get it.
    pub(crate) frames: Frames,
    pub(crate) from: Origin,
}

/// Where a message came from.
pub(crate) enum Origin {
    /// This session, which has had its acknowledgement. The frame is for the other msg_servers.
    Here { session: u64, relay: Bytes },
    /// Another msg_server.
    Elsewhere,
    /// The store, see [`Source::Store`].
    Store { since: Instant },
}

/// The groups of the users here. What is new about a group is fetched while its messages wait, in their order.
#[derive(Default)]
pub(crate) struct Groups {
    pub(crate) members: Members,
    waiting: Mutex<HashMap<GroupId, VecDeque<Waiting>, ahash::RandomState>>,
}

/// What waits until it is known who is in a group.
enum Waiting {
    Message(Box<Parcel>),
    /// What is told behind the messages before it.
    Notice(Box<dyn FnOnce(&MsgServer) + Send>),
}

impl MsgServer {
    /// Delivers a message to the members here, and sends it on if it came from here. At once, unless somebody may have
    /// joined or left without a word reaching us.
    pub(crate) fn group_message(self: &Arc<Self>, parcel: Parcel) {
        let group = parcel.group;
        let mut waiting = self.groups.waiting.lock();
        let is_behind = || self.groups.members.complete_as_of(group) < parcel.version;
        match waiting.get_mut(&group) {
            Some(queue) if queue.len() < MAX_WAITING => {
                queue.push_back(Waiting::Message(Box::new(parcel)));
            }
            None if is_behind() => {
                waiting.insert(group, VecDeque::from([Waiting::Message(Box::new(parcel))]));
                drop(waiting);
                let server = self.clone();
                let fetch = async move { server.catch_up(group).await };
                // Among what has to be done before the links end: an acknowledged message is passed on.
                self.shutdown.sessions().spawn("group members", fetch);
            }
            _ => {
                drop(waiting);
                self.hand_out(&parcel);
            }
        }
    }

    /// Tells something behind the messages of a group that wait: at once, most of the time.
    pub(crate) fn behind_messages(
        &self,
        group: GroupId,
        tell: impl FnOnce(&Self) + Send + 'static,
    ) {
        let mut waiting = self.groups.waiting.lock();
        match waiting.get_mut(&group) {
            Some(queue) if queue.len() < MAX_WAITING => {
                queue.push_back(Waiting::Notice(Box::new(tell)));
            }
            _ => {
                drop(waiting);
                tell(self);
            }
        }
    }

    /// Delivers what waits for a group, after fetching who is in it: again, if a message waits that is newer than what
    /// was fetched. When it cannot be fetched, the messages go to whom is known.
    async fn catch_up(self: &Arc<Self>, group: GroupId) {
        while self.fetch_members(group).await == Fetched::Yes {
            if self.hand_out_waiting(group) {
                return;
            }
        }
        while !self.hand_out_waiting(group) {
            let mut waiting = self.groups.waiting.lock();
            let next = waiting.get_mut(&group).and_then(VecDeque::pop_front);
            drop(waiting);
            if let Some(next) = next {
                self.pass_on(next);
            }
        }
    }

    /// Fetches who is in a group. Other msg_servers are told as well if one of the messages that wait is from here: who
    /// made the change may not have lived to do it.
    async fn fetch_members(&self, group: GroupId) -> Fetched {
        let request = ImGroupMembersReq {
            group_id: group.get(),
            attach_data: None,
        };
        let key = ConversationKey::group(group);
        let before = self.groups.members.complete_as_of(group);
        let answer = self.db.call::<_, ImGroupMembers>(key, &request).await;
        let (fetched, outcome) = match &answer {
            Ok(members) if members.version > 0 => {
                let sent_here = |waiting: &Waiting| match waiting {
                    Waiting::Message(parcel) => matches!(parcel.from, Origin::Here { .. }),
                    Waiting::Notice(_) => false,
                };
                let waiting = self.groups.waiting.lock();
                let tell = waiting
                    .get(&group)
                    .is_some_and(|queue| queue.iter().any(sent_here));
                drop(waiting);
                self.group_members(members);
                if tell {
                    self.routes.relay_message(key, members);
                }
                // An answer that brings nothing new is not asked for again.
                match members.version > before {
                    true => (Fetched::Yes, "fetched"),
                    false => (Fetched::No, "nothing_new"),
                }
            }
            Ok(_) => (Fetched::No, "no_such_group"),
            Err(error) => (Fetched::No, error.reason()),
        };
        counter!(GROUP_FETCHES, "outcome" => outcome).increment(1);
        debug!(%group, outcome, "asked who is in a group");
        fetched
    }

    /// Hands out what waits for a group, as far as it is not newer than what is known of it. True if nothing waits any
    /// more.
    fn hand_out_waiting(&self, group: GroupId) -> bool {
        loop {
            let mut waiting = self.groups.waiting.lock();
            let Some(queue) = waiting.get_mut(&group) else {
                return true;
            };
            // Nobody here is nobody to be wrong about.
            let known = match self.groups.members.local(group).is_empty() {
                true => u32::MAX,
                false => self.groups.members.complete_as_of(group),
            };
            match queue.pop_front() {
                None => {
                    waiting.remove(&group);
                    return true;
                }
                Some(Waiting::Message(parcel)) if parcel.version > known => {
                    queue.push_front(Waiting::Message(parcel));
                    return false;
                }
                Some(next) => {
                    drop(waiting);
                    self.pass_on(next);
                }
            }
        }
    }

    fn pass_on(&self, waited: Waiting) {
        match waited {
            Waiting::Message(parcel) => self.hand_out(&parcel),
            Waiting::Notice(tell) => tell(self),
        }
    }

    fn hand_out(&self, parcel: &Parcel) {
        let source = match parcel.from {
            Origin::Here { session, .. } => Source::Session(session),
            Origin::Elsewhere => Source::Relay,
            Origin::Store { since } => Source::Store { since },
        };
        let members = self.groups.members.local(parcel.group);
        // From the store it has the group's version of now, which says nothing about who was in it then.
        let was_in = |member: &Member| match source {
            Source::Store { since } => member.was_in_at(since),
            Source::Session(_) | Source::Relay => true,
        };
        let for_whom = members.iter().filter(|member| member.sees(parcel.version));
        let for_whom = for_whom.filter(|member| was_in(member));
        let users = for_whom.map(|member| member.user);
        self.fanout
            .message(&parcel.message, users, &parcel.frames, source);
        match &parcel.from {
            Origin::Here { relay, .. } => {
                let key = ConversationKey::group(parcel.group);
                let link = self.routes.relay(key, relay.clone());
                trace::relayed(&parcel.message, link);
            }
            // Whoever sent it on takes us for somebody with a member.
            Origin::Elsewhere if members.is_empty() => {
                self.groups.members.if_nobody(parcel.group, || {
                    self.routes.interest(&[], &[parcel.group.get()]);
                });
            }
            Origin::Elsewhere | Origin::Store { .. } => {}
        }
    }

    /// Somebody tells who is in a group.
    pub(crate) fn group_members(&self, told: &ImGroupMembers) {
        if let Some(group) = GroupId::new(told.group_id) {
            let told = Membership::new(group, told.version, &told.member_id);
            if self.learn(&told) != Told::Old {
                self.acquaint_group(told.members(), told.members());
            }
        }
    }

    /// A group has another version, and the same members as before.
    pub(crate) fn group_noted(&self, changed: &ImGroupChanged) {
        if let Some(group) = GroupId::new(changed.group.group_id) {
            self.groups.members.noted(group, changed.group.version);
        }
    }

    fn learn(&self, told: &Membership) -> Told {
        let ended = |group: GroupId| self.routes.interest(&[], &[group.get()]);
        let if_here = |user: UserId, act: &mut dyn FnMut()| self.users.if_here(user, act);
        let news = self.groups.members.told(told, if_here, ended);
        if news == Told::Begun {
            self.routes.interest(&[told.group.get()], &[]);
        }
        news
    }

    /// Members of a group came or went: noted, and told to them and to the others who are here, each once, but not to
    /// the session that did it.
    pub(crate) fn group_changed(&self, notice: &ImGroupChangeMemberNotify, except: Option<u64>) {
        let Some(group) = GroupId::new(notice.group_id) else {
            return;
        };
        let added = notice.change_type == GroupModifyType::Add as i32;
        let version = notice.group_version.unwrap_or(0);
        let mut now = Membership::new(group, version, &notice.cur_user_id_list);
        let mut changed = ascending(&notice.chg_user_id_list);
        if version > 0 {
            if added {
                now = now.with_joined(&notice.chg_user_id_list);
            }
            self.learn(&now);
            if !self.fanout.delivered.first_notice(group, version) {
                return;
            }
            // Overtaken by a later change, clients are told of it what that has left of it.
            if let Some(newer) = self.groups.members.newer(&now) {
                changed.retain(|user| newer.contains(*user) == added);
                now = newer;
            }
        }
        if changed.is_empty() {
            return;
        }
        if added {
            self.acquaint_group(now.members(), &changed);
        }
        let to_client = ImGroupChangeMemberNotify {
            cur_user_id_list: raw_ids(Some(now.members())),
            chg_user_id_list: raw_ids(Some(&changed)),
            group_version: None,
            ..*notice
        };
        let frame = Pdu::new(&to_client, 0).to_frame();
        let gone = changed.iter().filter(|user| !now.contains(**user));
        for user in now.members().iter().chain(gone) {
            self.users.send(*user, &frame, except);
        }
    }

    /// In a large directory the members of a group see each other come and go, unless it is too large for that itself.
    /// Both in ascending order.
    fn acquaint_group(&self, all: &[UserId], newcomers: &[UserId]) {
        if all.len() > MAX_ACQUAINTED {
            return;
        }
        for user in all {
            let is_new = newcomers.binary_search(user).is_ok();
            let others = if is_new { all } else { newcomers };
            self.users.each_of(*user, |session| {
                let others = others.iter().filter(|other| *other != user);
                session.circle.add_fellows(others.copied());
            });
        }
    }

    /// In a large directory the two of a conversation see each other come and go from its first message on.
    pub(crate) fn acquaint(&self, one: UserId, other: UserId) {
        for (user, other) in [(one, other), (other, one)] {
            self.users
                .each_of(user, |session| session.circle.add(other));
        }
    }

    /// Asks again which groups the users here are in: changes of which we were told nothing while a link was away for
    /// long are lost with it.
    pub(crate) async fn ask_for_groups(self: &Arc<Self>) {
        let mut users = Vec::new();
        self.users.each(|user, _| users.push(user));
        for user in users {
            let asked_at = Instant::now();
            let request = ImUserGroupsReq {
                user_id: user.get(),
                attach_data: None,
            };
            let answer = self.db.call::<_, ImUserGroupsRsp>(user, &request).await;
            let Some(answer) = answer.ok().filter(|answer| answer.user_id == user.get()) else {
                continue;
            };
            let groups = group_versions(&answer.group_version_list);
            let mut begun = Vec::new();
            self.users.if_here(user, || {
                begun = self.groups.members.come(user, &groups, asked_at);
            });
            if !begun.is_empty() {
                let begun: Vec<u32> = begun.into_iter().map(GroupId::get).collect();
                self.routes.interest(&begun, &[]);
            }
        }
    }
}

/// Groups with their versions, as db_proxy tells them of a user.
pub(crate) fn group_versions(list: &[GroupVersionInfo]) -> Vec<(GroupId, u32)> {
    let groups = list.iter();
    groups
        .filter_map(|group| Some((GroupId::new(group.group_id)?, group.version)))
        .collect()
}

/// Whether something was fetched that was not known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fetched {
    Yes,
    No,
}
