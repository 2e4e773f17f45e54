//! Groups: making one, bringing others in, saying who is there.

use super::talk::Talk;
use crate::client::Conversation;

impl Talk {
    /// Makes a group and goes on with it; false when somebody named is not known and `last_chance` is still to come.
    pub(super) async fn make_group(
        &mut self,
        name: String,
        members: &[String],
        last_chance: bool,
    ) -> bool {
        let Some(mut users) = self.everybody_named(members, last_chance) else {
            return last_chance;
        };
        users.push(self.session.user_id());
        match self.session.create_group(&name, users).await {
            Ok(Some(group)) => {
                self.people.learn_group(group, name);
                self.partner = Some(Conversation::Group(group));
                let text = format!(
                    "made {}, number {group}; writing to it",
                    self.people.group_name(group)
                );
                self.view.note("group", &text);
            }
            Ok(None) => self.fail("the server does not make this group"),
            Err(error) => self.fail(&format!("no group: {error}")),
        }
        true
    }

    /// Brings users into the present group; false as with [`make_group`](Self::make_group).
    pub(super) async fn add(&mut self, names: &[String], last_chance: bool) -> bool {
        let Some(Conversation::Group(group)) = self.partner else {
            self.fail("/add is for groups: choose one with /to #GROUP");
            return true;
        };
        let Some(users) = self.everybody_named(names, last_chance) else {
            return last_chance;
        };
        match self.session.add_members(group, users).await {
            Ok(answer) if answer.result_code == 0 => {
                let text = format!(
                    "{} now has {} members",
                    self.people.group_name(group),
                    answer.cur_user_id_list.len()
                );
                self.view.note("group", &text);
            }
            Ok(_) => self.fail("the server adds nobody: they are in it already, or you are not"),
            Err(error) => self.fail(&format!("nobody added: {error}")),
        }
        true
    }

    pub(super) async fn choose_group(&mut self, name: &str) {
        if self.people.find_group(name).is_none() {
            self.learn_my_groups().await;
        }
        match self.people.find_group(name) {
            Some(group) => {
                self.partner = Some(Conversation::Group(group));
                let name = self.people.group_name(group);
                self.view.note("partner", &format!("writing to {name}"));
            }
            None => self.fail(&format!("you are in no group {name}; /groups lists yours")),
        }
    }

    pub(super) async fn groups(&mut self) {
        let groups = self.learn_my_groups().await;
        if groups.is_empty() {
            self.view
                .note("groups", "no groups; /group NAME: ANN, BOB makes one");
        }
        for group in groups {
            let text = format!("{group:>8}  {}", self.people.group_name(group));
            self.view.note("group", &text);
        }
    }

    pub(super) async fn members(&mut self) {
        let Some(Conversation::Group(group)) = self.partner else {
            return self.fail("/members is for groups: choose one with /to #GROUP");
        };
        match self.session.groups_info(vec![group]).await {
            Ok(groups) => match groups.first() {
                Some(info) => {
                    let members = info.group_member_list.iter();
                    let names: Vec<String> = members.map(|id| self.people.name(*id)).collect();
                    let text = format!("{} members: {}", names.len(), names.join(", "));
                    self.view.note("members", &text);
                }
                None => self.fail("you are not in this group any more"),
            },
            Err(error) => self.fail(&format!("cannot ask who is in it: {error}")),
        }
    }

    /// Temporary groups are among the recent conversations, permanent ones in a list of their own.
    async fn learn_my_groups(&mut self) -> Vec<u32> {
        let mut groups = Vec::new();
        if let Ok(recent) = self.session.recent_sessions(0).await {
            let conversations = recent
                .iter()
                .map(|entry| Conversation::from_wire(entry.session_id, entry.session_type));
            groups.extend(conversations.filter_map(|conversation| match conversation {
                Conversation::Group(group) => Some(group),
                Conversation::User(_) => None,
            }));
        }
        if let Ok(normal) = self.session.normal_groups().await {
            groups.extend(normal.iter().map(|group| group.group_id));
        }
        groups.sort_unstable();
        groups.dedup();
        self.learn_groups(groups.clone()).await;
        groups
    }

    /// Fetches the names of groups that are not known yet.
    pub(super) async fn learn_groups(&mut self, mut groups: Vec<u32>) {
        groups.retain(|group| !self.people.knows_group(*group));
        if !groups.is_empty()
            && let Ok(groups) = self.session.groups_info(groups).await
        {
            for group in groups {
                self.people.learn_group(group.group_id, group.group_name);
            }
        }
    }

    /// The users of these names; `None` when one is not known, which is said at the last chance.
    fn everybody_named(&mut self, names: &[String], last_chance: bool) -> Option<Vec<u32>> {
        let mut users = Vec::with_capacity(names.len());
        for name in names {
            match self.people.find(name) {
                Some(user) => users.push(user),
                None => {
                    if last_chance {
                        self.fail(&format!("nobody is called {name}; /users lists the names"));
                    }
                    return None;
                }
            }
        }
        Some(users)
    }
}
