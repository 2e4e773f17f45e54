//! Groups are made by their first members, one after the other, before the load.

use proto::im::base_define::{GroupType, MsgType};
use proto::im::group::{ImGroupCreateReq, ImGroupCreateRsp};

use super::super::super::outcome::Counter;
use super::Worker;
use super::asked::Question;
use super::seat::State;
use super::stage::Stage;
use super::talk::{Manner, Peer};

/// The groups of a worker.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// By number; 0 until it is made.
    ids: Vec<u32>,
    /// The next one to be made.
    next: u32,
    /// Members of each, and those of them who stay online.
    size: u32,
    online: u32,
}

impl Groups {
    /// The group's id, 0 until it is made.
    pub(super) fn id(&self, group: u32) -> u32 {
        self.ids[group as usize]
    }

    fn members(&self, group: u32) -> std::ops::Range<u32> {
        group * self.size..(group + 1) * self.size
    }
}

impl Worker<'_> {
    /// Conversations and writers of all groups; only who stays online has a place in them.
    pub(super) fn prepare_groups(&mut self) {
        let Some(group) = &self.scenario().group else {
            return;
        };
        let count = self.scenario().groups();
        self.groups = Groups {
            ids: vec![0; count as usize],
            next: 0,
            size: group.size,
            online: self.scenario().online_of_group(),
        };
        let mut voices = Vec::new();
        for number in 0..count {
            let first = self.groups.members(number).start;
            let online = first..first + self.groups.online;
            let conversation = self.add_conversation(online);
            for member in 0..group.senders {
                voices.push((
                    first + member,
                    Peer::Group(number),
                    conversation,
                    member as usize,
                ));
            }
        }
        let manner = Manner {
            window: group.window,
            rate: group.rate,
            messages: group.messages,
            body: group.body,
            msg_type: MsgType::GroupText,
            is_prefill: false,
        };
        self.add_talk(manner, voices);
    }

    /// Asks for the next group. False if all are made.
    pub(super) fn make_next_group(&mut self) -> bool {
        let group = self.groups.next;
        if group as usize >= self.groups.ids.len() {
            return false;
        }
        self.groups.next += 1;
        let members = self.groups.members(group);
        let maker = members.start;
        let ids = members.map(|seat| self.seats[seat as usize].user_id);
        let request = ImGroupCreateReq {
            user_id: self.seats[maker as usize].user_id,
            group_type: GroupType::Tmp as i32,
            group_name: format!("load {group}"),
            member_id_list: ids.filter(|id| *id != 0).collect(),
            ..Default::default()
        };
        if self.seats[maker as usize].state != State::Online {
            self.fail(format!(
                "group {group} cannot be made: {} is not online",
                self.user_name(maker)
            ));
            return true;
        }
        let question = Question::Group { group };
        let (seq_num, _) = self.seats[maker as usize].asked.push(question);
        self.write(maker, &request, seq_num);
        true
    }

    /// The answer of somebody who made a group.
    pub(super) fn on_group(&mut self, seat: u32, seq_num: u16, body: &[u8]) {
        let Some(Question::Group { group }) = self.seats[seat as usize].asked.take(seq_num) else {
            return;
        };
        let answer = <ImGroupCreateRsp as prost::Message>::decode(body);
        let id = answer.ok().filter(|answer| answer.result_code == 0);
        let Some(id) = id.and_then(|answer| answer.group_id) else {
            self.count(Counter::RequestFailed);
            self.fail(format!(
                "group {group} of {} members is refused",
                self.groups.size
            ));
            return;
        };
        self.groups.ids[group as usize] = id;
        if matches!(self.stage, Stage::MakeGroups { .. }) && !self.make_next_group() {
            self.groups_are_made();
        }
    }

    /// Who is not to be online in the load leaves.
    pub(super) fn send_absentees_home(&mut self) {
        let Groups { size, online, .. } = self.groups;
        for group in 0..self.groups.ids.len() as u32 {
            for seat in group * size + online..(group + 1) * size {
                if self.seats[seat as usize].state == State::Online {
                    self.leave(seat);
                }
            }
        }
    }
}
