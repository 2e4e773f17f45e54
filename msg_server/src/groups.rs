//! Messages and changes of groups, on their way to the members who are here.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use im_base::telemetry::metrics::GROUP_FETCHES;
use metrics::counter;
use parking_lot::Mutex;
use proto::Pdu;
use proto::ids::{GroupId, UserId};
use proto::im::base_define::GroupModifyType;
use proto::im::ext::group::{ImGroupMembers, ImGroupMembersReq};
use proto::im::group::ImGroupChangeMemberNotify;
use proto::im::message::ImMsgData;
use tracing::debug;

use crate::handlers::msg::ConversationKey;
use crate::members::{Members, Membership};
use crate::server::MsgServer;

/// Messages of one group that may wait until it is known who is in it; those beyond go to whom is known.
const MAX_WAITING: usize = 4_096;

/// A stored message of a group.
pub(crate) struct Parcel {
    pub(crate) group: GroupId,
    /// The group's version when it was stored; 0 if a server without this extension sent it.
    pub(crate) version: u32,
    pub(crate) message: ImMsgData,
    /// As clients get it.
    pub(crate) frame: Bytes,
    pub(crate) from: Origin,
}

/// Where a message came from.
pub(crate) enum Origin {
    /// This session, which has had its acknowledgement. The frame is for the other msg_servers.
    Here { session: u64, relay: Bytes },
    /// Another msg_server.
    Elsewhere,
}

/// The groups of the users here. What is new about a group is fetched while its messages wait, in their order.
#[derive(Default)]
pub(crate) struct Groups {
    pub(crate) members: Members,
    waiting: Mutex<HashMap<GroupId, VecDeque<Parcel>, ahash::RandomState>>,
}

impl MsgServer {
    /// Delivers a message to the members here, and sends it on if it came from here. At once, unless somebody may have
    /// joined or left without a word reaching us.
    pub(crate) fn group_message(self: &Arc<Self>, parcel: Parcel) {
        let group = parcel.group;
        let mut waiting = self.groups.waiting.lock();
        let is_behind = || self.groups.members.complete_as_of(group) < parcel.version;
        match waiting.get_mut(&group) {
            Some(queue) if queue.len() < MAX_WAITING => queue.push_back(parcel),
            None if is_behind() => {
                waiting.insert(group, VecDeque::from([parcel]));
                drop(waiting);
                let server = self.clone();
                let fetch = async move { server.catch_up(group).await };
                self.shutdown.background().spawn("group members", fetch);
            }
            _ => {
                drop(waiting);
                self.hand_out(&parcel);
            }
        }
    }

    /// Fetches who is in a group, then delivers what waits for it. Other msg_servers are told as well if one of the
    /// messages is from here: who made the change may not have lived to do it.
    async fn catch_up(self: &Arc<Self>, group: GroupId) {
        let request = ImGroupMembersReq {
            group_id: group.get(),
            attach_data: None,
        };
        let key = ConversationKey::group(group);
        let fetched = self.db.call::<_, ImGroupMembers>(key, &request).await;
        let outcome = match &fetched {
            Ok(members) if members.version > 0 => {
                let sent_here = |parcel: &Parcel| matches!(parcel.from, Origin::Here { .. });
                let waiting = self.groups.waiting.lock();
                let tell = waiting
                    .get(&group)
                    .is_some_and(|queue| queue.iter().any(sent_here));
                drop(waiting);
                self.group_members(members);
                if tell {
                    self.routes.relay_message(key, members);
                }
                "fetched"
            }
            Ok(_) => "no_such_group",
            Err(error) => error.reason(),
        };
        counter!(GROUP_FETCHES, "outcome" => outcome).increment(1);
        debug!(%group, outcome, "asked who is in a group");
        loop {
            let mut waiting = self.groups.waiting.lock();
            let Some(parcel) = waiting.get_mut(&group).and_then(VecDeque::pop_front) else {
                waiting.remove(&group);
                return;
            };
            drop(waiting);
            self.hand_out(&parcel);
        }
    }

    fn hand_out(&self, parcel: &Parcel) {
        let except = match &parcel.from {
            Origin::Here { session, .. } => Some(*session),
            Origin::Elsewhere => None,
        };
        let members = self.groups.members.local(parcel.group);
        let users = members.iter().map(|member| member.user);
        self.fanout
            .message(&parcel.message, users, &parcel.frame, except);
        match &parcel.from {
            Origin::Here { relay, .. } => {
                let key = ConversationKey::group(parcel.group);
                self.routes.relay(key, relay.clone());
            }
            // Whoever sent it on takes us for somebody with a member.
            Origin::Elsewhere if members.is_empty() => {
                self.routes.interest(&[], &[parcel.group.get()]);
            }
            Origin::Elsewhere => {}
        }
    }

    /// Somebody tells who is in a group.
    pub(crate) fn group_members(&self, told: &ImGroupMembers) {
        if let Some(group) = GroupId::new(told.group_id) {
            let told = Membership::new(group, told.version, &told.member_id);
            self.learn(&told);
            self.acquaint(told.members(), told.members());
        }
    }

    fn learn(&self, told: &Membership) {
        let ended = |group: GroupId| self.routes.interest(&[], &[group.get()]);
        let if_here = |user: UserId, act: &mut dyn FnMut()| self.users.if_here(user, act);
        if self.groups.members.told(told, if_here, ended) {
            self.routes.interest(&[told.group.get()], &[]);
        }
    }

    /// Members of a group came or went: noted, and told to them and to the others who are here, each once, but not to
    /// the session that did it.
    pub(crate) fn group_changed(&self, notice: &ImGroupChangeMemberNotify, except: Option<u64>) {
        let Some(group) = GroupId::new(notice.group_id) else {
            return;
        };
        let version = notice.group_version.unwrap_or(0);
        let now = Membership::new(group, version, &notice.cur_user_id_list);
        let changed = Membership::new(group, version, &notice.chg_user_id_list);
        if version > 0 {
            self.learn(&now);
            if !self.fanout.delivered.first_notice(group, version) {
                return;
            }
        }
        if notice.change_type == GroupModifyType::Add as i32 {
            self.acquaint(now.members(), changed.members());
        }
        let to_client = ImGroupChangeMemberNotify {
            group_version: None,
            ..notice.clone()
        };
        let frame = Pdu::new(&to_client, 0).to_frame();
        let gone = changed
            .members()
            .iter()
            .filter(|user| !now.contains(**user));
        for user in now.members().iter().chain(gone) {
            self.users.send(*user, &frame, except);
        }
    }

    /// In a large directory the members of a group, and the two of a conversation, see each other come and go.
    pub(crate) fn acquaint(&self, all: &[UserId], newcomers: &[UserId]) {
        for user in all {
            let is_new = newcomers.binary_search(user).is_ok();
            let others = if is_new { all } else { newcomers };
            self.users.each_of(*user, |session| {
                let others = others.iter().filter(|other| *other != user);
                session.contacts.add(others.copied());
            });
        }
    }
}
