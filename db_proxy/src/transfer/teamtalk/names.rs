//! Login names are unique here; in TeamTalk nothing keeps two users from having the same.

use std::collections::HashMap;

use crate::logic::user::MAX_NAME;

/// Finds out who keeps his name. Asked of every user, in any order; then [`Names::judge`] says who has to change it.
#[derive(Default)]
pub(super) struct Names {
    holders: HashMap<String, Holder>,
    /// Those who lost their name, with what is left of it.
    losers: Vec<(u32, String)>,
    /// Those whose name was not usable as it was.
    mended: HashMap<u32, String>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Holder {
    as_written: bool,
    /// TeamTalk lets in the last one who may log in.
    may_log_in: bool,
    id: u32,
}

/// The users whose name is not what it was.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Renamed {
    /// Somebody else has their name.
    pub(super) doubled: HashMap<u32, String>,
    /// They had none that can be typed.
    pub(super) mended: HashMap<u32, String>,
}

impl Names {
    pub(super) fn add(&mut self, id: u32, name: &str, may_log_in: bool) {
        let usable = usable(name, id);
        let as_written = usable == name;
        let holder = Holder {
            as_written,
            may_log_in,
            id,
        };
        if !as_written {
            self.mended.insert(id, usable.clone());
        }
        let held = self.holders.entry(usable.clone()).or_insert(holder);
        if *held != holder {
            let loser = (*held).min(holder).id;
            *held = (*held).max(holder);
            self.losers.push((loser, usable));
        }
    }

    pub(super) fn judge(mut self) -> Renamed {
        self.losers.sort_unstable();
        let mut renamed = Renamed::default();
        for (id, name) in self.losers {
            let name = (1..)
                .map(|attempt| with_id(&name, id, attempt))
                .find(|name| !self.holders.contains_key(name))
                .unwrap_or_default();
            let holder = Holder {
                as_written: true,
                may_log_in: true,
                id,
            };
            self.holders.insert(name.clone(), holder);
            self.mended.remove(&id);
            renamed.doubled.insert(id, name);
        }
        renamed.mended = self.mended;
        renamed
    }
}

/// What can be typed: no control characters, no spaces around it, not empty, not too long.
fn usable(name: &str, id: u32) -> String {
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    let name = cut(name.trim(), MAX_NAME);
    if name.is_empty() {
        format!("user{id}")
    } else {
        name
    }
}

fn with_id(name: &str, id: u32, attempt: u32) -> String {
    let suffix = match attempt {
        1 => format!("~{id}"),
        attempt => format!("~{id}~{attempt}"),
    };
    let room = MAX_NAME - suffix.len();
    format!("{}{suffix}", cut(name, room))
}

fn cut(name: &str, chars: usize) -> String {
    let cut: String = name.chars().take(chars).collect();
    cut.trim_end().to_owned()
}

/// Characters that every database keeps of a text about somebody, and of one about a group.
pub(super) const TEXT: usize = 512;
pub(super) const GROUP_TEXT: usize = 1024;

/// A text that is kept everywhere, cut if it has to be; then `too_long` is set.
pub(super) fn fit(text: String, most: usize, too_long: &mut bool) -> String {
    match text.char_indices().nth(most) {
        None => text,
        Some((end, _)) => {
            *too_long = true;
            text[..end].to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn judged(users: &[(u32, &str, bool)]) -> Renamed {
        let mut names = Names::default();
        for (id, name, may_log_in) in users {
            names.add(*id, name, *may_log_in);
        }
        names.judge()
    }

    #[test]
    fn whom_teamtalk_lets_in_keeps_the_name() {
        let renamed = judged(&[
            (1, "anna", true),
            (2, "anna", true),
            (3, "anna", false),
            (4, "Anna", true),
        ]);
        let expected = [(1, "anna~1"), (3, "anna~3")];
        let expected = expected.map(|(id, name)| (id, name.to_owned()));
        assert_eq!(renamed.doubled, expected.into());
        assert!(renamed.mended.is_empty());
    }

    #[test]
    fn a_name_that_was_made_is_not_somebody_elses() {
        let renamed = judged(&[(1, "a", true), (2, "a", true), (3, "a~1", true)]);
        assert_eq!(renamed.doubled[&1], "a~1~2");
    }

    #[test]
    fn what_nobody_can_type_is_mended() {
        let renamed = judged(&[(1, "", true), (2, " bert\t", true), (3, "bert", true)]);
        assert_eq!(renamed.mended, [(1, "user1".to_owned())].into());
        assert_eq!(renamed.doubled, [(2, "bert~2".to_owned())].into());
    }

    proptest! {
        #[test]
        fn names_are_unique_whatever_they_were(
            names in prop::collection::vec(("[ab~1-3 \t]{0,4}|a{60,70}", any::<bool>()), 0..40)
        ) {
            let ids = 1..=names.len() as u32;
            let users: Vec<_> = ids.zip(&names).map(|(id, (name, may))| (id, name.as_str(), *may)).collect();
            let renamed = judged(&users);
            let mut seen = HashSet::new();
            for (id, name, _) in &users {
                let renamed = renamed.doubled.get(id).or(renamed.mended.get(id));
                let name = renamed.map_or(*name, String::as_str);
                prop_assert!((1..=MAX_NAME).contains(&name.chars().count()));
                prop_assert_eq!(name.trim(), name);
                prop_assert!(seen.insert(name.to_owned()), "{} twice", name);
            }
            let mut backwards = users.clone();
            backwards.reverse();
            prop_assert_eq!(judged(&backwards), renamed);
        }
    }
}
