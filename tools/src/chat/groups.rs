//! Groups: making one, bringing others in, saying who is there.

use super::talk::Talk;
use crate::client::Conversation;
use crate::client::messenger::StepError;

impl Talk {
    /// Makes a group and goes on with it; false when somebody named is not known and `last_chance` is still to come.
    pub(super) async fn make_group(
        &mut self,
        name: &str,
        members: &[String],
        last_chance: bool,
    ) -> bool {
        let Some(users) = self.everybody_named(members, last_chance) else {
            return last_chance;
        };
        match self.messenger.create_group(name, users).await {
            Ok(group) => {
                self.learn_group(group).await;
                self.partner = Some(Conversation::Group(group));
                let text = format!(
                    "made {}, number {group}; writing to it",
                    self.people.group_name(group)
                );
                self.view.note("group", &text);
            }
            Err(StepError::Refused(_)) => self.fail("the server does not make this group"),
            Err(error) => self.fail(&format!("no group: {error}")),
        }
        true
    }

    /// Brings users into the present group, or takes them out of it; false as with [`make_group`](Self::make_group).
    pub(super) async fn change(&mut self, names: &[String], add: bool, last_chance: bool) -> bool {
        let Some(Conversation::Group(group)) = self.partner else {
            self.fail("this is for groups: choose one with /to #GROUP");
            return true;
        };
        let Some(users) = self.everybody_named(names, last_chance) else {
            return last_chance;
        };
        let changed = match add {
            true => self.messenger.add_members(group, users).await,
            false => self.messenger.remove_members(group, users).await,
        };
        match changed {
            Ok(members) => {
                self.learn_group(group).await;
                let name = self.people.group_name(group);
                let text = format!("{name} now has {} members", members.len());
                self.view.note("group", &text);
            }
            Err(StepError::Refused(_)) if add => {
                self.fail("the server adds nobody: they are in it already, or you are not");
            }
            Err(StepError::Refused(_)) => {
                self.fail("the server removes nobody: they are not in it, or you did not make it");
            }
            Err(error) => self.fail(&format!("nobody came or went: {error}")),
        }
        true
    }

    /// Goes on with a group; false as with [`make_group`](Self::make_group).
    pub(super) fn choose_group(&mut self, name: &str, last_chance: bool) -> bool {
        match self.people.find_group(name) {
            Some(group) => {
                self.partner = Some(Conversation::Group(group));
                let name = self.people.group_name(group);
                self.view.note("partner", &format!("writing to {name}"));
                true
            }
            None if last_chance => {
                self.fail(&format!("you are in no group {name}; /groups lists yours"));
                true
            }
            None => false,
        }
    }

    pub(super) fn list_groups(&mut self) {
        let groups = self.people.groups();
        let lines: Vec<String> = groups
            .map(|group| {
                let members = group.group_member_list.len();
                format!("{:>8}  #{} ({members})", group.group_id, group.group_name)
            })
            .collect();
        if lines.is_empty() {
            self.view
                .note("groups", "no groups; /group NAME: ANN, BOB makes one");
        }
        lines.iter().for_each(|line| self.view.note("group", line));
    }

    pub(super) async fn members(&mut self) {
        let Some(Conversation::Group(group)) = self.partner else {
            return self.fail("/members is for groups: choose one with /to #GROUP");
        };
        match self.messenger.store().group(group).await {
            Ok(Some(info)) => {
                let members = info.group_member_list.iter();
                let names: Vec<String> = members.map(|id| self.people.name(*id)).collect();
                let text = format!("{} members: {}", names.len(), names.join(", "));
                self.view.note("members", &text);
            }
            Ok(None) => self.fail("nothing is known of this group here"),
            Err(error) => self.fail(&error.to_string()),
        }
    }

    pub(super) async fn learn_group(&mut self, group: u32) {
        if let Ok(Some(info)) = self.messenger.store().group(group).await {
            self.people.learn_group(info);
            self.renamed = true;
        }
    }

    /// The users of these names; `None` when one is not known, which is said at the last chance.
    pub(super) fn everybody_named(
        &mut self,
        names: &[String],
        last_chance: bool,
    ) -> Option<Vec<u32>> {
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
