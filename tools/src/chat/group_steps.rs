//! What members do to their group, and how others come in.

use proto::im::ext::group::{
    GroupDetails, GroupRequest, GroupRequestState, ImGroupChanged, ImGroupMemberSetReq,
    ImGroupSetReq,
};

use super::command::{GroupStep, Setting};
use super::reasons;
use super::talk::Talk;
use crate::client::Conversation;
use crate::client::messenger::StepError;

impl Talk {
    /// Takes a step; false when somebody named is not known and `last_chance` is still to come.
    pub(super) async fn in_group(&mut self, step: GroupStep, last_chance: bool) -> bool {
        match step {
            GroupStep::Join { group, greeting } => self.join(group, &greeting).await,
            GroupStep::Requests => self.list_requests(),
            GroupStep::Answer { number, accept } => self.answer(number, accept).await,
            step => {
                let Some(Conversation::Group(group)) = self.partner else {
                    self.fail("this is for groups: choose one with /to #GROUP");
                    return true;
                };
                return self.in_present_group(group, step, last_chance).await;
            }
        }
        true
    }

    async fn in_present_group(&mut self, group: u32, step: GroupStep, last_chance: bool) -> bool {
        let messenger = self.messenger.clone();
        let name = self.people.group_name(group);
        let (taken, done) = match step {
            GroupStep::Invite { names, greeting } => {
                let Some(users) = self.everybody_named(&names, last_chance) else {
                    return last_chance;
                };
                let taken = messenger.invite_to_group(group, users, &greeting).await;
                (taken, format!("invited into {name}: {}", names.join(", ")))
            }
            GroupStep::Transfer(to) => {
                let Some(user) = self.somebody_named(&to, last_chance) else {
                    return last_chance;
                };
                let taken = messenger.transfer_group(group, user).await;
                (taken, format!("{to} owns {name} from now on"))
            }
            GroupStep::Admin { name: who, admin } => {
                let Some(member_user_id) = self.somebody_named(&who, last_chance) else {
                    return last_chance;
                };
                let change = ImGroupMemberSetReq {
                    group_id: group,
                    member_user_id,
                    admin: Some(admin),
                    ..Default::default()
                };
                let word = if admin { "is an" } else { "is no" };
                let done = format!("{who} {word} admin of {name} from now on");
                (messenger.set_group_member(change).await, done)
            }
            GroupStep::Mute {
                name: Some(who),
                seconds,
            } => {
                let Some(member_user_id) = self.somebody_named(&who, last_chance) else {
                    return last_chance;
                };
                let change = ImGroupMemberSetReq {
                    group_id: group,
                    member_user_id,
                    muted_seconds: Some(seconds),
                    ..Default::default()
                };
                let done = match seconds {
                    0 => format!("{who} may write in {name}"),
                    _ => format!("{who} is muted in {name}"),
                };
                (messenger.set_group_member(change).await, done)
            }
            GroupStep::Mute {
                name: None,
                seconds,
            } => {
                let change = ImGroupSetReq {
                    group_id: group,
                    muted_seconds: Some(seconds),
                    ..Default::default()
                };
                let done = match seconds {
                    0 => format!("all may write in {name}"),
                    _ => format!("only admins may write in {name} for now"),
                };
                (messenger.set_group(change).await, done)
            }
            GroupStep::Nick {
                name: who,
                nickname,
            } => {
                let user = match &who {
                    Some(who) => self.somebody_named(who, last_chance),
                    None => Some(self.me),
                };
                let Some(member_user_id) = user else {
                    return last_chance;
                };
                let change = ImGroupMemberSetReq {
                    group_id: group,
                    member_user_id,
                    nickname: Some(nickname.clone()),
                    ..Default::default()
                };
                let who = who.unwrap_or_else(|| "you".to_owned());
                let done = match nickname.as_str() {
                    "" => format!("no other name in {name} any more: {who}"),
                    nickname => format!("called {nickname} in {name} from now on: {who}"),
                };
                (messenger.set_group_member(change).await, done)
            }
            GroupStep::Set(setting) => {
                let taken = messenger.set_group(changed_by(group, setting)).await;
                (taken, format!("{name} is changed"))
            }
            GroupStep::Leave => {
                let left = messenger.leave_group(group).await;
                self.gone(group, left);
                return true;
            }
            GroupStep::Disband => {
                let ended = messenger.disband_group(group).await;
                self.gone(group, ended);
                return true;
            }
            // the rest needs no present group, but for this
            _ => {
                self.info(group).await;
                return true;
            }
        };
        match taken {
            Ok(details) => {
                self.learn_group(group).await;
                self.view.note("group", &done);
                if let Some(details) = details {
                    self.learn_details(details);
                }
            }
            Err(error) => self.fail(&format!("{name} is as it was: {}", reasons::group(&error))),
        }
        true
    }

    async fn join(&mut self, group: u32, greeting: &str) {
        match self.messenger.join_group(group, greeting).await {
            Ok(Some(details)) => self.came_in(details).await,
            Ok(None) => {
                let text = format!("asked to come into group {group}; an admin answers");
                self.view.note("group", &text);
            }
            Err(error) => {
                let why = reasons::group(&error);
                self.fail(&format!("not in group {group}: {why}"));
            }
        }
    }

    async fn came_in(&mut self, details: GroupDetails) {
        let group = details.group_id;
        self.learn_group(group).await;
        self.learn_details(details);
        self.partner = Some(Conversation::Group(group));
        let name = self.people.group_name(group);
        let text = format!("you are in {name}; writing to it");
        self.view.note("group", &text);
    }

    async fn answer(&mut self, number: Option<u32>, accept: bool) {
        let request = match number {
            Some(number) => self.requests.numbered(number),
            None => self.requests.only_one(self.me),
        };
        let Some(mut request) = request.cloned() else {
            return self.fail(match number {
                Some(_) => "no request has this number; /group requests shows them",
                None => "not one request waits for your answer, or several: /group requests shows them with their numbers",
            });
        };
        match self.messenger.answer_group_request(&request, accept).await {
            Ok(details) => {
                let invited = request.user_id == self.me;
                request.state = match accept {
                    true => GroupRequestState::Accepted,
                    false => GroupRequestState::Refused,
                } as i32;
                self.request_is(request);
                match details.filter(|_| accept) {
                    Some(details) if invited => self.came_in(details).await,
                    Some(details) => {
                        self.learn_group(details.group_id).await;
                        self.learn_details(details);
                    }
                    None => {}
                }
            }
            Err(error) => {
                let why = reasons::group(&error);
                self.fail(&format!("not answered: {why}"));
            }
        }
    }

    fn list_requests(&mut self) {
        let waiting: Vec<(u32, GroupRequest)> = self
            .requests
            .waiting()
            .map(|(number, request)| (number, request.clone()))
            .collect();
        if waiting.is_empty() {
            self.view.note("requests", "nobody waits for an answer");
        }
        for (number, request) in waiting {
            self.view
                .group_request(&self.people, self.me, number, &request);
        }
    }

    /// A request is as it says; shown if that is news.
    pub(super) fn request_is(&mut self, request: GroupRequest) {
        if let Some(number) = self.requests.learn(request.clone()) {
            self.view
                .group_request(&self.people, self.me, number, &request);
        }
    }

    /// A group is as it says, and so are these members.
    pub(super) fn group_is(&mut self, changed: ImGroupChanged) {
        let before = self.details.get(&changed.group.group_id);
        self.view.group_is(&self.people, before, &changed);
        let (group, name) = (changed.group.group_id, &changed.group.name);
        if !self.people.rename_group(group, name) {
            // what it is called else is on its way
            self.names_come(true);
        }
        self.renamed = true;
        self.learn_details(changed.group);
    }

    fn learn_details(&mut self, details: GroupDetails) {
        self.details.insert(details.group_id, details);
    }

    async fn info(&mut self, group: u32) {
        match self.messenger.group_details(group).await {
            Ok((details, members)) => {
                self.view.group_info(&self.people, &details, &members);
                self.learn_details(details);
            }
            Err(error) => self.fail(&reasons::group(&error)),
        }
    }

    fn gone(&mut self, group: u32, gone: Result<(), StepError>) {
        match gone {
            Ok(()) => self.left(group),
            Err(error) => {
                let why = reasons::group(&error);
                self.fail(&format!("you are still in it: {why}"));
            }
        }
    }

    fn somebody_named(&mut self, name: &str, last_chance: bool) -> Option<u32> {
        let named = self.everybody_named(&[name.to_owned()], last_chance)?;
        named.first().copied()
    }
}

fn changed_by(group_id: u32, setting: Setting) -> ImGroupSetReq {
    let mut change = ImGroupSetReq {
        group_id,
        ..Default::default()
    };
    match setting {
        Setting::Name(name) => change.name = Some(name),
        Setting::Avatar(avatar) => change.avatar = Some(avatar),
        Setting::Announcement(text) => change.announcement = Some(text),
        Setting::Joining(joining) => change.joining = Some(joining as i32),
        Setting::Inviting(inviting) => change.inviting = Some(inviting as i32),
        Setting::Limit(limit) => change.member_limit = Some(limit),
    }
    change
}
