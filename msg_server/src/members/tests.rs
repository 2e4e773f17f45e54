use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const USERS: u32 = 4;
const GROUPS: u32 = 2;

fn user(id: u32) -> UserId {
    UserId::new(id).unwrap()
}

fn group(id: u32) -> GroupId {
    GroupId::new(id).unwrap()
}

/// Who, which groups the database told, and when it was asked.
type Login = (u32, Vec<(GroupId, u32)>, Instant);

/// The database, the sessions, and everything that is on its way.
#[derive(Default)]
struct World {
    members: Members,
    stored: BTreeMap<u32, (u32, BTreeSet<u32>)>,
    here: BTreeMap<u32, u32>,
    logins: Vec<Login>,
    told: Vec<Membership>,
    interest: RefCell<BTreeSet<u32>>,
}

impl World {
    /// Somebody joins or leaves a group; word of it is on its way.
    fn change(&mut self, id: u32, who: u32) {
        let (version, members) = self.stored.entry(id).or_default();
        *version += 1;
        if !members.remove(&who) {
            members.insert(who);
        }
        let ids: Vec<u32> = members.iter().copied().collect();
        self.told.push(Membership::new(group(id), *version, &ids));
    }

    fn hear(&mut self, at: usize, again: bool) {
        if self.told.is_empty() {
            return;
        }
        let at = at % self.told.len();
        let told = if again {
            self.told[at].clone()
        } else {
            self.told.remove(at)
        };
        let here = &self.here;
        let if_here = |user: UserId, act: &mut dyn FnMut()| {
            if here.contains_key(&user.get()) {
                act();
            }
        };
        let news = self.members.told(&told, if_here, |group| {
            self.interest.borrow_mut().remove(&group.get());
        });
        if news == Told::Begun {
            self.interest.borrow_mut().insert(told.group.get());
        }
    }

    /// A login asks the database.
    fn ask(&mut self, who: u32) {
        let asked_at = Instant::now();
        let groups = self.stored.iter();
        let groups = groups
            .filter(|(_, (_, members))| members.contains(&who))
            .map(|(id, (version, _))| (group(*id), *version))
            .collect();
        self.logins.push((who, groups, asked_at));
    }

    /// Its session begins.
    fn come(&mut self, at: usize) {
        if self.logins.is_empty() {
            return;
        }
        let (who, groups, asked_at) = self.logins.remove(at % self.logins.len());
        *self.here.entry(who).or_default() += 1;
        let begun = self.members.come(user(who), &groups, asked_at);
        let begun = begun.into_iter().map(GroupId::get);
        self.interest.borrow_mut().extend(begun);
    }

    fn go(&mut self, who: u32) {
        let Some(sessions) = self.here.get_mut(&who) else {
            return;
        };
        *sessions -= 1;
        if *sessions == 0 {
            self.here.remove(&who);
            self.members.go(user(who), |group| {
                self.interest.borrow_mut().remove(&group.get());
            });
        }
    }

    fn known(&self, id: u32) -> BTreeSet<u32> {
        let local = self.members.local(group(id));
        local.iter().map(|member| member.user.get()).collect()
    }
}

proptest! {
    /// Whatever the order in which logins and words of changes arrive: in the end exactly the members who are here are
    /// known, and others are told exactly of the groups that have one.
    #[test]
    fn nobody_is_missed_and_nobody_stays(
        steps in proptest::collection::vec((0u8..8, 1..=USERS, 1..=GROUPS, 0usize..8), 1..80)
    ) {
        let mut world = World::default();
        for (step, who, id, at) in steps {
            match step {
                0 | 1 => world.change(id, who),
                2 | 3 => world.hear(at, false),
                4 => world.hear(at, true),
                5 => world.ask(who),
                6 => world.come(at),
                _ => world.go(who),
            }
        }
        while !world.logins.is_empty() {
            world.come(0);
        }
        while !world.told.is_empty() {
            world.hear(world.told.len() / 2, false);
        }
        let mut interest = BTreeSet::new();
        for id in 1..=GROUPS {
            let stored = world.stored.remove(&id).unwrap_or_default().1;
            let wanted: BTreeSet<u32> =
                stored.into_iter().filter(|who| world.here.contains_key(who)).collect();
            prop_assert_eq!(world.known(id), wanted.clone(), "group {}", id);
            if !wanted.is_empty() {
                interest.insert(id);
            }
        }
        prop_assert_eq!(&*world.interest.borrow(), &interest);
        let users: Vec<u32> = world.here.keys().copied().collect();
        for who in users {
            while world.here.contains_key(&who) {
                world.go(who);
            }
        }
        prop_assert!(world.members.groups.is_empty() && world.members.by_user.is_empty());
    }
}

#[test]
fn what_was_missed_shows_in_the_version() {
    let mut world = World::default();
    world.change(1, 1);
    world.ask(1);
    world.come(0);
    assert_eq!(world.members.complete_as_of(group(1)), 0, "nobody told");
    world.hear(0, false);
    assert_eq!(world.members.complete_as_of(group(1)), 1);
    world.change(1, 2);
    world.told.clear();
    world.change(1, 3);
    assert_eq!(world.members.complete_as_of(group(1)), 1);
    world.hear(0, false);
    assert_eq!(world.members.complete_as_of(group(1)), 3);
}

#[test]
fn changes_of_the_last_moments_are_bounded() {
    let members = Members::default();
    for version in 1..=MAX_CHANGES as u32 + 10 {
        let told = Membership::new(group(version), 1, &[1]);
        members.told(&told, |_, _| {}, |_| {});
    }
    let lately = members.lately.lock();
    assert_eq!(lately.changes.len(), MAX_CHANGES);
    assert_eq!(lately.ids, MAX_CHANGES);
    assert!(members.groups.is_empty());
}

/// What was written before he joined is not for him, though the store gives it with the group's version of now.
#[test]
fn a_new_member_was_not_in_the_group_before() {
    let members = Members::default();
    let now = Instant::now();
    members.come(user(1), &[(group(1), 4)], now);
    let told = Membership::new(group(1), 5, &[1, 2]).with_joined(&[2]);
    members.told(&told, |_, act| act(), |_| {});
    let was_in = |stored: Instant| -> Vec<u32> {
        let local = members.local(group(1));
        let was_in = local.iter().filter(|member| member.was_in_at(stored));
        was_in.map(|member| member.user.get()).collect()
    };
    assert_eq!(was_in(now - Duration::from_secs(1)), [1]);
    assert_eq!(was_in(Instant::now()), [1, 2]);
}
