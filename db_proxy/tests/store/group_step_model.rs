//! Any order of steps by several users, and what has to hold after each.

use std::pin::Pin;
use std::time::Duration;

use db_proxy::store::{
    Direction, GroupDetails, GroupInviting, GroupJoining, GroupRole, GroupSettings, GroupStep,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use proto::ids::{GroupId, UserId};

use crate::bed::Bed;
use crate::group_steps::{LONG, admin, bounds, called, decide, invite, join, joining, mute};

/// What somebody does; users by number.
#[derive(Clone, Debug)]
enum Act {
    Step(usize, StepOf),
    Stock(usize, bool, usize),
    Expire,
}

#[derive(Clone, Debug)]
enum StepOf {
    Join,
    Invite(usize),
    Answer(bool),
    Decide(usize, bool),
    Leave,
    Disband,
    Transfer(usize),
    Joining(usize),
    Inviting(bool),
    Limit(u32),
    Mute(bool),
    Admin(usize, bool),
    Nickname(usize, bool),
    MuteMember(usize, bool),
}

const USERS: usize = 6;

fn act() -> impl Strategy<Value = Act> {
    let user = 0..USERS;
    let step = prop_oneof![
        3 => Just(StepOf::Join),
        3 => user.clone().prop_map(StepOf::Invite),
        3 => any::<bool>().prop_map(StepOf::Answer),
        3 => (user.clone(), any::<bool>()).prop_map(|(of, yes)| StepOf::Decide(of, yes)),
        2 => Just(StepOf::Leave),
        1 => Just(StepOf::Disband),
        2 => user.clone().prop_map(StepOf::Transfer),
        3 => (0..3usize).prop_map(StepOf::Joining),
        1 => any::<bool>().prop_map(StepOf::Inviting),
        1 => (0..6u32).prop_map(StepOf::Limit),
        1 => any::<bool>().prop_map(StepOf::Mute),
        3 => (user.clone(), any::<bool>()).prop_map(|(of, yes)| StepOf::Admin(of, yes)),
        1 => (user.clone(), any::<bool>()).prop_map(|(of, yes)| StepOf::Nickname(of, yes)),
        1 => (user.clone(), any::<bool>()).prop_map(|(of, yes)| StepOf::MuteMember(of, yes)),
    ];
    prop_oneof![
        20 => (user.clone(), step).prop_map(|(user, step)| Act::Step(user, step)),
        5 => (user.clone(), any::<bool>(), user).prop_map(|(by, adds, of)| Act::Stock(by, adds, of)),
        1 => Just(Act::Expire),
    ]
}

fn step_of(users: &[UserId; USERS], step: &StepOf) -> GroupStep {
    let length = |muted: bool| if muted { LONG } else { Duration::ZERO };
    let set = |settings| GroupStep::Set(settings);
    let nothing = GroupSettings::default();
    match *step {
        StepOf::Join => join(),
        StepOf::Invite(of) => invite(&[users[of]]),
        StepOf::Answer(accept) => GroupStep::Answer { accept },
        StepOf::Decide(of, yes) => decide(users[of], yes),
        StepOf::Leave => GroupStep::Leave,
        StepOf::Disband => GroupStep::Disband,
        StepOf::Transfer(to) => GroupStep::Transfer { to: users[to] },
        StepOf::Joining(way) => set(joining(GroupJoining::ALL[way])),
        StepOf::Inviting(all) => set(GroupSettings {
            inviting: Some(GroupInviting::ALL[usize::from(all)]),
            ..nothing
        }),
        StepOf::Limit(limit) => set(GroupSettings {
            member_limit: Some(limit),
            ..nothing
        }),
        StepOf::Mute(muted) => set(GroupSettings {
            muted: Some(length(muted)),
            ..nothing
        }),
        StepOf::Admin(of, yes) => admin(users[of], yes),
        StepOf::Nickname(of, named) => called(users[of], if named { "name" } else { "" }),
        StepOf::MuteMember(of, muted) => mute(users[of], length(muted)),
    }
}

/// Whoever does what: a group has one owner, who is in it; its version rises by one with each change and with nothing else;
/// members have no request; bounds hold; what is refused changes nothing.
async fn any_steps_leave_it_in_order(bed: &Bed, users: &[UserId; USERS], acts: &[Act]) {
    let group = bed.group(&users[..2]).await;
    for act in acts {
        let before = bed.state(group).await;
        let refused = match act {
            Act::Step(user, step) => {
                // nobody is asked to do with himself what is for others
                if matches!(step, StepOf::Invite(of) | StepOf::Transfer(of) if of == user) {
                    continue;
                }
                let step = step_of(users, step);
                bed.tried(users[*user], group, step).await.is_err()
            }
            Act::Stock(by, adds, of) => {
                let direction = if *adds {
                    Direction::Join
                } else {
                    Direction::Leave
                };
                let named = [users[*of]];
                let changed = bed.change(group, users[*by], direction, &named);
                changed.await.is_err()
            }
            Act::Expire => {
                bed.requests_are_old().await;
                true
            }
        };
        let after = bed.state(group).await;
        let context = || format!("{act:?} of {acts:?}: {before:?} {after:?}");
        assert!(!refused || before == after, "{}", context());
        let (Some(was), Some(is)) = (&before.0, &after.0) else {
            assert!(after.0.is_none() && after.1.is_empty(), "{}", context());
            continue;
        };
        let at_version = |details: &GroupDetails| GroupDetails {
            version: 0,
            ..details.clone()
        };
        let same = at_version(was) == at_version(is) && before.1 == after.1;
        assert_eq!(is.version, was.version + u32::from(!same), "{}", context());
        let owners = after.1.iter().filter(|one| one.role == GroupRole::Owner);
        let owners: Vec<_> = owners.map(|one| one.user).collect();
        assert_eq!(owners, Vec::from_iter(is.owner), "{}", context());
        let kept = was.owner.is_none() || is.owner.is_some() || after.1.is_empty();
        assert!(kept, "{}", context());
        assert_eq!(is.size as usize, after.1.len());
        let limit = is.member_limit;
        assert!(limit == 0 || is.size <= limit, "{}", context());
        let admins = after.1.iter().filter(|one| one.role == GroupRole::Admin);
        assert!(admins.count() <= bounds().admins + 1, "{}", context());
        for user in users {
            let is_member = after.1.iter().any(|one| one.user == *user);
            let asks = bed.waiting(*user).await;
            let own = asks
                .iter()
                .any(|one| one.group == group && one.user == *user);
            assert!(!(is_member && own), "{}", context());
        }
    }
    bed.done_with(group, users).await;
}

impl Bed {
    /// Nobody is in it any more, so that limits of users are those of the next case.
    async fn done_with(&self, group: GroupId, users: &[UserId]) {
        let _gone = self.change(group, None, Direction::Leave, users).await;
        self.database.execute("DELETE FROM group_requests").await;
    }
}

pub(crate) fn check(bed: impl Fn() -> Pin<Box<dyn Future<Output = Option<Bed>>>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let Some(bed) = runtime.block_on(bed()) else {
        return;
    };
    let users: [UserId; USERS] = runtime.block_on(bed.users());
    let mut runner = TestRunner::new(Config {
        cases: 60,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&prop::collection::vec(act(), 1..40), |acts| {
            runtime.block_on(any_steps_leave_it_in_order(&bed, &users, &acts));
            Ok(())
        })
        .unwrap();
}
