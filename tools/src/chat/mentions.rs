//! `@name` in a group's messages.

use super::people::People;
use crate::client::{Conversation, Outgoing};

/// What stands for everybody, where nobody is called so.
const EVERYBODY: [&str; 2] = ["all", "everybody"];

/// A text as it is sent: whoever of the group is named behind an `@` is mentioned. Other names are text like any other.
pub(super) fn composed(people: &People, to: Conversation, text: &str) -> Outgoing {
    let mut outgoing = Outgoing::text(to, text);
    let Conversation::Group(group) = to else {
        return outgoing;
    };
    let Some(group) = people.group(group) else {
        return outgoing;
    };
    let references = &mut outgoing.references;
    for name in named(text) {
        let member = people.find(name);
        match member.filter(|user| group.group_member_list.contains(user)) {
            Some(user) => references.mentions.push(user),
            None => references.everybody |= EVERYBODY.contains(&name.to_lowercase().as_str()),
        }
    }
    references.mentions.sort_unstable();
    references.mentions.dedup();
    outgoing
}

/// The words behind an `@` that begins a word, without what ends the sentence.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split_whitespace();
    words.filter_map(|word| {
        let name = word.trim_start_matches(|c: char| c != '@' && !c.is_alphanumeric());
        let name = name.strip_prefix('@')?;
        let name = name.trim_end_matches(|c: char| !c.is_alphanumeric());
        Some(name).filter(|name| !name.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use proto::im::base_define::{GroupInfo, UserInfo};

    use super::*;

    fn people() -> People {
        let mut people = People::default();
        people.learn(
            [(1, "ann"), (2, "Bob Miller"), (3, "cat")].map(|(user_id, name)| UserInfo {
                user_id,
                user_nick_name: name.into(),
                ..Default::default()
            }),
        );
        people.learn_group(GroupInfo {
            group_id: 7,
            group_member_list: vec![1, 2],
            ..Default::default()
        });
        people
    }

    fn mentions(to: Conversation, text: &str) -> (Vec<u32>, bool) {
        let references = composed(&people(), to, text).references;
        (references.mentions, references.everybody)
    }

    #[test]
    fn members_of_the_group_are_mentioned_once() {
        let group = Conversation::Group(7);
        let text = "@bobmiller, (@ann) and @Ann: look!";
        assert_eq!(mentions(group, text), (vec![1, 2], false));
        assert_eq!(mentions(group, "@all: look"), (vec![], true));
    }

    #[test]
    fn other_names_are_text() {
        let group = Conversation::Group(7);
        for text in ["@cat", "@nobody @", "ann@all bob@ann", "ann"] {
            assert_eq!(mentions(group, text), (vec![], false), "{text}");
        }
        assert_eq!(mentions(Conversation::Group(8), "@ann"), (vec![], false));
        assert_eq!(
            mentions(Conversation::User(1), "@ann @all"),
            (vec![], false)
        );
    }
}
