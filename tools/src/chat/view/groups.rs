//! Groups as the chat shows them: how they are, what changes, who is to come in.

use proto::im::ext::group::{
    GroupDetails, GroupInviting, GroupJoining, GroupMember, GroupRequest, GroupRequestKind,
    GroupRequestState, GroupRole, ImGroupChanged,
};
use serde_json::{Value, json};

use super::{View, printable};
use crate::chat::people::People;

impl View {
    /// Somebody is to come into a group, or it is decided.
    pub(in crate::chat) fn group_request(
        &mut self,
        people: &People,
        me: u32,
        number: u32,
        request: &GroupRequest,
    ) {
        let invitation = request.kind == GroupRequestKind::Invitation as i32;
        let state = GroupRequestState::try_from(request.state);
        if self.json {
            let state = match state {
                Ok(GroupRequestState::Waiting) => "waiting",
                Ok(GroupRequestState::Accepted) => "accepted",
                Ok(GroupRequestState::Refused) => "refused",
                _ => "ended",
            };
            self.object(json!({
                "event": "group_request", "number": number, "group": request.group_id,
                "name": request.group_name, "user": request.user_id, "by": request.by_user_id,
                "kind": if invitation { "invitation" } else { "application" },
                "state": state, "greeting": request.greeting,
            }));
            return;
        }
        let group = match &request.group_name {
            Some(name) => format!("#{name}"),
            None => people.group_name(request.group_id),
        };
        let (user, by) = (
            people.name(request.user_id),
            people.name(request.by_user_id),
        );
        let mine = request.user_id == me;
        let wish = match (invitation, mine) {
            (true, true) => format!("{by} invites you into {group}"),
            (true, false) => format!("{by} invites {user} into {group}"),
            (false, true) => format!("you ask to come into {group}"),
            (false, false) => format!("{user} asks to come into {group}"),
        };
        let outcome = match state {
            Ok(GroupRequestState::Waiting) if mine == invitation => {
                format!(" (/group accept {number} or refuse {number})")
            }
            Ok(GroupRequestState::Waiting) => format!(" (/group refuse {number} takes it back)"),
            Ok(GroupRequestState::Accepted) => ": accepted".to_owned(),
            Ok(GroupRequestState::Refused) => ": refused".to_owned(),
            _ => ": over".to_owned(),
        };
        let greeting = match request.greeting.as_deref() {
            Some(greeting) if !greeting.is_empty() => format!(": {greeting}"),
            _ => String::new(),
        };
        let text = printable(&format!("{wish}{greeting}{outcome}"));
        self.line(&self.paint.dim(&text));
    }

    /// A group changed, from what it was when it was last heard of.
    pub(in crate::chat) fn group_is(
        &mut self,
        people: &People,
        before: Option<&GroupDetails>,
        changed: &ImGroupChanged,
    ) {
        let group = &changed.group;
        if self.json {
            let mut object = details(group);
            object["event"] = "group_changed".into();
            object["by"] = changed.user_id.into();
            object["members"] = changed.member.iter().map(member).collect();
            self.object(object);
            return;
        }
        let mut changes: Vec<String> = Vec::new();
        for one in &changed.member {
            changes.push(self.about(people, one));
        }
        match before {
            Some(before) => changes.extend(self.differences(before, group)),
            None if changes.is_empty() => {
                changes.push("it has other rules (/group info)".to_owned());
            }
            None => {}
        }
        let by = match changed.user_id {
            0 => String::new(),
            user => format!(", by {}", people.name(user)),
        };
        let name = people.group_name(group.group_id);
        let text = printable(&format!("{name}: {}{by}", changes.join(", ")));
        self.line(&self.paint.dim(&text));
    }

    /// All there is to know of a group.
    pub(in crate::chat) fn group_info(
        &mut self,
        people: &People,
        group: &GroupDetails,
        members: &[GroupMember],
    ) {
        if self.json {
            let mut object = details(group);
            object["event"] = "group_info".into();
            object["members"] = members.iter().map(member).collect();
            self.object(object);
            return;
        }
        let owner = match group.owner_user_id {
            0 => "nobody".to_owned(),
            owner => people.name(owner),
        };
        let limit = match group.member_limit {
            0 => String::new(),
            limit => format!(" of {limit}"),
        };
        let mut lines = vec![
            format!("#{}, number {}", group.name, group.group_id),
            format!("  {}{limit} members, owner: {owner}", group.member_cnt),
            format!("  {}; {}", joining(group.joining), inviting(group.inviting)),
        ];
        if !group.avatar.is_empty() {
            lines.push(format!("  picture: {}", group.avatar));
        }
        if let Some(text) = group.announcement.as_ref().filter(|text| !text.is_empty()) {
            let by = group
                .announced_by
                .map_or(String::new(), |by| format!(", by {}", people.name(by)));
            lines.push(format!("  announced{by}: {text}"));
        }
        if is_to_come(group.muted_until) {
            let until = self.time(group.muted_until);
            lines.push(format!("  only admins write, until {until}"));
        }
        for one in members {
            lines.push(format!("  {}", self.about(people, one)));
        }
        for line in lines {
            self.note("group_info", &printable(&line));
        }
    }

    fn about(&self, people: &People, member: &GroupMember) -> String {
        let mut text = people.name(member.user_id);
        if let Some(nickname) = member.nickname.as_ref().filter(|name| !name.is_empty()) {
            text = format!("{text} (called {nickname} here)");
        }
        text = format!("{text} is {}", role(member.role));
        match is_to_come(member.muted_until) {
            true => format!("{text}, muted until {}", self.time(member.muted_until)),
            false => text,
        }
    }

    fn differences(&self, before: &GroupDetails, after: &GroupDetails) -> Vec<String> {
        let mut changes = Vec::new();
        if before.name != after.name {
            changes.push(format!("called #{} from now on", after.name));
        }
        if before.avatar != after.avatar {
            changes.push("another picture".to_owned());
        }
        if before.announcement != after.announcement {
            changes.push(match after.announcement.as_deref() {
                None | Some("") => "no announcement any more".to_owned(),
                Some(text) => format!("announced: {text}"),
            });
        }
        if before.joining != after.joining {
            changes.push(joining(after.joining).to_owned());
        }
        if before.inviting != after.inviting {
            changes.push(inviting(after.inviting).to_owned());
        }
        if before.member_limit != after.member_limit {
            changes.push(match after.member_limit {
                0 => "no limit of its own any more".to_owned(),
                limit => format!("at most {limit} members"),
            });
        }
        if before.muted_until != after.muted_until {
            changes.push(match is_to_come(after.muted_until) {
                true => format!("only admins write, until {}", self.time(after.muted_until)),
                false => "all may write".to_owned(),
            });
        }
        changes
    }
}

/// Servers say 0 or a time, which may be over.
fn is_to_come(time: u32) -> bool {
    i64::from(time) > jiff::Timestamp::now().as_second()
}

fn role(role: i32) -> &'static str {
    match GroupRole::try_from(role) {
        Ok(GroupRole::Owner) => "the owner",
        Ok(GroupRole::Admin) => "an admin",
        _ => "a member",
    }
}

fn joining(joining: i32) -> &'static str {
    match GroupJoining::try_from(joining) {
        Ok(GroupJoining::Open) => "anybody may join",
        Ok(GroupJoining::Approval) => "who wants to join asks an admin",
        _ => "closed to who is not invited",
    }
}

fn inviting(inviting: i32) -> &'static str {
    match GroupInviting::try_from(inviting) {
        Ok(GroupInviting::Admins) => "admins invite",
        _ => "members invite",
    }
}

fn details(group: &GroupDetails) -> Value {
    let joining = match GroupJoining::try_from(group.joining) {
        Ok(GroupJoining::Open) => "open",
        Ok(GroupJoining::Approval) => "approval",
        _ => "closed",
    };
    let inviting = match GroupInviting::try_from(group.inviting) {
        Ok(GroupInviting::Admins) => "admins",
        _ => "members",
    };
    json!({
        "group": group.group_id, "name": group.name, "avatar": group.avatar,
        "owner": group.owner_user_id, "announcement": group.announcement,
        "joining": joining, "inviting": inviting, "member_limit": group.member_limit,
        "muted_until": group.muted_until, "member_count": group.member_cnt,
    })
}

fn member(member: &GroupMember) -> Value {
    let role = match GroupRole::try_from(member.role) {
        Ok(GroupRole::Owner) => "owner",
        Ok(GroupRole::Admin) => "admin",
        _ => "member",
    };
    json!({
        "user": member.user_id, "role": role, "nickname": member.nickname,
        "muted_until": member.muted_until,
    })
}
