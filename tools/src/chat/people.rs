//! Names for numbers and numbers for names.

use std::collections::{BTreeMap, HashMap};

use proto::im::base_define::{GroupInfo, UserInfo};
use proto::im::ext::buddy::{Contact, ContactState};

use super::complete::Names;

/// The wire's status of somebody who has left.
const LEFT: u32 = 3;

/// Everybody this client has heard of.
#[derive(Debug, Default)]
pub(super) struct People {
    by_id: HashMap<u32, Person>,
    by_name: HashMap<String, u32>,
    groups: BTreeMap<u32, GroupInfo>,
    /// Friends, requests, and who is blocked.
    contacts: BTreeMap<u32, Contact>,
}

#[derive(Debug)]
struct Person {
    name: String,
    /// To log in with, and without spaces.
    login: String,
    here: bool,
    online: bool,
}

impl People {
    /// Adds or replaces profiles; those who have left keep their names and cannot be found by them.
    pub(super) fn learn(&mut self, profiles: impl IntoIterator<Item = UserInfo>) {
        for profile in profiles {
            let id = profile.user_id;
            if profile.status != LEFT {
                for name in [
                    &profile.user_domain,
                    &profile.user_real_name,
                    &profile.user_nick_name,
                ] {
                    if !name.is_empty() {
                        self.by_name.insert(key(name), id);
                    }
                }
            }
            let online = self.by_id.get(&id).is_some_and(|person| person.online);
            let person = Person {
                login: profile.user_real_name.clone(),
                here: profile.status != LEFT,
                name: display_name(profile),
                online,
            };
            self.by_id.insert(id, person);
        }
    }

    /// What to call somebody.
    pub(super) fn name(&self, id: u32) -> String {
        match self.by_id.get(&id) {
            Some(person) => person.name.clone(),
            None => format!("user {id}"),
        }
    }

    /// Adds a group, or changes it.
    pub(super) fn learn_group(&mut self, group: GroupInfo) {
        self.groups.insert(group.group_id, group);
    }

    /// A group has this name from now on; false if it is not known.
    pub(super) fn rename_group(&mut self, group: u32, name: &str) -> bool {
        let known = self.groups.get_mut(&group);
        known
            .map(|group| name.clone_into(&mut group.group_name))
            .is_some()
    }

    /// The user is not in it any more.
    pub(super) fn forget_group(&mut self, group: u32) {
        self.groups.remove(&group);
    }

    /// The groups, by number.
    pub(super) fn groups(&self) -> impl Iterator<Item = &GroupInfo> {
        self.groups.values()
    }

    /// A group, if the user is in it.
    pub(super) fn group(&self, id: u32) -> Option<&GroupInfo> {
        self.groups.get(&id)
    }

    /// What to call a group.
    pub(super) fn group_name(&self, id: u32) -> String {
        match self.groups.get(&id) {
            Some(group) => format!("#{}", group.group_name),
            None => format!("group {id}"),
        }
    }

    /// Notes what somebody is to the user; what was before is given back.
    pub(super) fn learn_contact(&mut self, contact: Contact) -> Option<Contact> {
        let nothing = contact.state == ContactState::ContactNone as i32 && !contact.blocked();
        match nothing {
            true => self.contacts.remove(&contact.user_id),
            false => self.contacts.insert(contact.user_id, contact),
        }
    }

    /// Everybody who is something to the user, by number.
    pub(super) fn contacts(&self) -> impl Iterator<Item = &Contact> {
        self.contacts.values()
    }

    /// Nobody and nothing is known any more.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// What Tab completes.
    pub(super) fn names(&self) -> Names {
        let people = self.by_id.values().filter(|person| person.here);
        let mut users: Vec<String> = people
            .map(|person| match person.login.is_empty() {
                true => person.name.replace(char::is_whitespace, ""),
                false => person.login.clone(),
            })
            .collect();
        users.sort_unstable();
        users.dedup();
        let groups = self.groups.values().map(|group| group.group_name.clone());
        Names {
            users,
            groups: groups.collect(),
        }
    }

    /// The group of this name, spelled as in [`find`](Self::find), the newest if there are several; or of this number.
    pub(super) fn find_group(&self, name: &str) -> Option<u32> {
        let mut groups = self.groups.iter().rev();
        let named = groups.find(|(_, other)| key(&other.group_name) == key(name));
        let numbered = || name.parse().ok().filter(|id| self.groups.contains_key(id));
        named.map(|(id, _)| *id).or_else(numbered)
    }

    /// Who has this name, in any case and with or without spaces; a number is a user's number.
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        let numbered = || name.parse().ok().filter(|id| self.by_id.contains_key(id));
        self.by_name.get(&key(name)).copied().or_else(numbered)
    }

    /// Notes that somebody came or went; true when that is news.
    pub(super) fn set_online(&mut self, id: u32, online: bool) -> bool {
        match self.by_id.get_mut(&id) {
            Some(person) => std::mem::replace(&mut person.online, online) != online,
            None => true,
        }
    }

    /// Ids of everybody known, in order.
    pub(super) fn ids(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = self.by_id.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// Names that contain a text, with their ids and whether they are online, by id.
    pub(super) fn matching(&self, text: &str) -> Vec<(u32, &str, bool)> {
        let text = key(text);
        let mut found: Vec<_> = self
            .by_id
            .iter()
            .filter(|(_, person)| key(&person.name).contains(&text))
            .map(|(id, person)| (*id, person.name.as_str(), person.online))
            .collect();
        found.sort_unstable_by_key(|(id, _, _)| *id);
        found
    }
}

fn key(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect()
}

fn display_name(profile: UserInfo) -> String {
    [
        profile.user_nick_name,
        profile.user_real_name,
        profile.user_domain,
    ]
    .into_iter()
    .find(|name| !name.is_empty())
    .unwrap_or_else(|| format!("user {}", profile.user_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(user_id: u32, nick: &str, status: u32) -> UserInfo {
        UserInfo {
            user_id,
            user_nick_name: nick.into(),
            status,
            ..Default::default()
        }
    }

    #[test]
    fn a_name_is_found_in_any_spelling_and_a_number_too() {
        let mut people = People::default();
        people.learn([profile(7, "Demo 7", 0), profile(8, "Gone", LEFT)]);
        assert_eq!(people.find("demo7"), Some(7));
        assert_eq!(people.find("7"), Some(7));
        assert_eq!(people.find("9"), None);
        assert_eq!(people.find("gone"), None);
        assert_eq!(
            (people.name(8), people.name(9)),
            ("Gone".into(), "user 9".into())
        );
    }

    #[test]
    fn presence_is_news_once() {
        let mut people = People::default();
        people.learn([profile(7, "bob", 0)]);
        assert!(people.set_online(7, true));
        assert!(!people.set_online(7, true));
        people.learn([profile(7, "Bob", 0)]);
        assert!(!people.set_online(7, true));
    }
}
