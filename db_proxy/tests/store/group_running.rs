//! What owners and admins do.

use std::time::Duration;

use db_proxy::store::{
    AppendRefusal, Direction, GroupInviting, GroupJoining, GroupRefusal, GroupRequestState,
    GroupRole, GroupSettings, GroupStep, GroupStepRefusal, UnixMillis,
};
use proto::ids::UserId;

use crate::bed::{Bed, keyed};
use crate::circle::to_group;
use crate::group_steps::{LONG, admin, called, invite, join, joining, mute, told};

use GroupStepRefusal::{
    NoSuchGroup, NotAMember, NotPermitted, OwnerMustTransfer, TooManyAdmins, TooManyMembers,
};

pub(crate) async fn the_owner_makes_somebody_else_the_owner_or_ends_it(bed: Bed) {
    use GroupRole::{Admin, Member, Owner};

    let [a, b, c, d] = bed.users().await;
    let group = bed
        .group_with(&[a, b, c], joining(GroupJoining::Approval))
        .await;
    assert_eq!(
        bed.is_refused(a, group, GroupStep::Leave).await,
        OwnerMustTransfer
    );
    assert_eq!(bed.is_refused(d, group, GroupStep::Leave).await, NotAMember);
    let to = |to| GroupStep::Transfer { to };
    assert_eq!(bed.is_refused(a, group, to(d)).await, NotAMember);
    assert_eq!(bed.is_refused(b, group, to(c)).await, NotPermitted);
    assert_eq!(
        bed.is_refused(b, group, GroupStep::Disband).await,
        NotPermitted
    );
    bed.done(a, group, admin(b, true)).await;
    let passed = bed.done(a, group, to(b)).await;
    assert_eq!(passed.details.owner, Some(b));
    assert_eq!(
        bed.roles(group).await,
        [(a, Admin), (b, Owner), (c, Member)]
    );
    let changed: Vec<_> = passed.changed.unwrap().iter().map(|one| one.user).collect();
    assert_eq!(changed, [a, b]);
    let again = bed.done(a, group, to(b)).await;
    assert_eq!(again.changed, None);
    let left = bed.done(a, group, GroupStep::Leave).await;
    assert_eq!(left.comings.unwrap().members, [b, c]);
    assert!(bed.done(a, group, GroupStep::Leave).await.comings.is_none());

    bed.done(d, group, join()).await;
    let ended = bed.done(b, group, GroupStep::Disband).await;
    let comings = ended.comings.clone().unwrap();
    assert_eq!((comings.users, comings.members), (vec![b, c], vec![]));
    assert_eq!(told(&ended), [(d, GroupRequestState::Ended, vec![d])]);
    assert_eq!(bed.waiting(d).await, []);
    assert!(bed.store.group_members(group).await.unwrap().is_none());
    assert!(bed.store.groups_of(b, None, 9).await.unwrap().is_empty());
    let refused = bed.append(&[to_group(b, group, "x")]).await;
    assert_eq!(refused, [Err(AppendRefusal::NoSuchGroup)]);
    assert!(
        bed.tried(b, group, GroupStep::Disband).await.is_ok(),
        "as it is"
    );
    for step in [join(), GroupStep::Leave, GroupStep::Disband, invite(&[a])] {
        assert_eq!(bed.is_refused(c, group, step).await, NoSuchGroup);
    }
    let alone = bed.group(&[a]).await;
    assert!(!bed.done(a, alone, GroupStep::Leave).await.is_member);
    assert_eq!(bed.details(alone).await, None);
}

pub(crate) async fn admins_set_what_admins_may(bed: Bed) {
    let [owner, one, two, plain, other] = bed.users().await;
    let group = bed.group(&[owner, one, two, plain, other]).await;
    assert_eq!(
        bed.is_refused(one, group, admin(plain, true)).await,
        NotPermitted
    );
    for user in [one, two] {
        bed.done(owner, group, admin(user, true)).await;
    }
    assert_eq!(
        bed.is_refused(owner, group, admin(plain, true)).await,
        TooManyAdmins
    );
    assert_eq!(
        bed.is_refused(one, group, admin(two, false)).await,
        NotPermitted
    );
    assert_eq!(
        bed.is_refused(owner, group, admin(owner, false)).await,
        NotPermitted
    );
    let stranger = UserId::new(99).unwrap();
    assert_eq!(
        bed.is_refused(owner, group, admin(stranger, true)).await,
        NotAMember
    );
    let again = bed.done(owner, group, admin(one, true)).await;
    assert_eq!((again.changed, again.details.version), (None, 3));

    let settings = GroupSettings {
        name: Some("another".to_owned()),
        avatar_url: Some("http://picture".to_owned()),
        announcement: Some("first\nsecond".to_owned()),
        joining: Some(GroupJoining::Open),
        inviting: Some(GroupInviting::Admins),
        member_limit: Some(5),
        muted: Some(LONG),
    };
    let before = UnixMillis::now();
    let set = bed.done(one, group, GroupStep::Set(settings)).await.details;
    assert_eq!(bed.details(group).await.as_ref(), Some(&set));
    assert_eq!((set.name.as_str(), set.version), ("another", 4));
    let announced = set.announcement.clone().unwrap();
    assert_eq!(
        (announced.text.as_str(), announced.by),
        ("first\nsecond", Some(one))
    );
    assert!(announced.at >= before.before(LONG));
    assert_eq!(
        (set.joining, set.inviting),
        (GroupJoining::Open, GroupInviting::Admins)
    );
    assert!(set.muted_until.is_some() && set.member_limit == 5);
    let nothing = GroupStep::Set(GroupSettings::default());
    assert_eq!(bed.done(one, group, nothing).await.changed, None);
    let silent = GroupSettings {
        announcement: Some(String::new()),
        muted: Some(Duration::ZERO),
        member_limit: Some(0),
        ..GroupSettings::default()
    };
    let set = bed.done(two, group, GroupStep::Set(silent)).await.details;
    assert_eq!(
        (set.announcement, set.muted_until, set.member_limit),
        (None, None, 0)
    );
    let few = GroupSettings {
        member_limit: Some(4),
        ..GroupSettings::default()
    };
    assert_eq!(
        bed.is_refused(one, group, GroupStep::Set(few)).await,
        TooManyMembers
    );

    bed.done(plain, group, called(plain, "me")).await;
    bed.done(one, group, called(plain, "him")).await;
    bed.done(one, group, called(one, "the one")).await;
    assert_eq!(
        bed.is_refused(plain, group, called(other, "x")).await,
        NotPermitted
    );
    assert_eq!(
        bed.is_refused(one, group, called(two, "x")).await,
        NotPermitted
    );
    assert_eq!(
        bed.is_refused(one, group, called(owner, "x")).await,
        NotPermitted
    );
    bed.done(owner, group, called(two, "second")).await;
    let names: Vec<_> = bed
        .roll(group)
        .await
        .into_iter()
        .map(|one| one.nickname)
        .collect();
    assert_eq!(names, ["", "the one", "second", "him", ""]);
}

pub(crate) async fn admins_send_members_away(bed: Bed) {
    let [owner, one, two, plain, other] = bed.users().await;
    let group = bed.group(&[owner, one, two, plain, other]).await;
    for user in [one, two] {
        bed.done(owner, group, admin(user, true)).await;
    }
    let refused = Err(GroupRefusal::NotPermitted);
    let gone = Direction::Leave;
    assert_eq!(bed.change(group, plain, gone, &[other]).await, refused);
    assert_eq!(bed.change(group, one, gone, &[two]).await, refused);
    assert_eq!(bed.change(group, one, gone, &[plain, owner]).await, refused);
    let sent = bed.change(group, one, gone, &[plain]).await;
    assert_eq!(sent.unwrap().changed, [plain]);
    let sent = bed.change(group, owner, gone, &[one]).await;
    assert_eq!(sent.unwrap().changed, [one]);
    // whoever comes back is what everybody is
    bed.change(group, two, Direction::Join, &[one])
        .await
        .unwrap();
    assert_eq!(bed.roles(group).await[1], (one, GroupRole::Member));
}

pub(crate) async fn who_is_muted_writes_nothing_new(bed: Bed) {
    let [owner, boss, plain] = bed.users().await;
    let group = bed.group(&[owner, boss, plain]).await;
    bed.done(owner, group, admin(boss, true)).await;
    let now = |user, text: &str| {
        let mut message = to_group(user, group, text);
        message.created_at = UnixMillis::now();
        message
    };
    let said = keyed(now(plain, "1"), b"k");
    bed.append(std::slice::from_ref(&said)).await[0].unwrap();
    assert_eq!(
        bed.is_refused(boss, group, mute(owner, LONG)).await,
        NotPermitted
    );
    assert_eq!(
        bed.is_refused(owner, group, mute(owner, LONG)).await,
        NotPermitted
    );
    assert_eq!(
        bed.is_refused(boss, group, mute(boss, LONG)).await,
        NotPermitted
    );
    assert_eq!(
        bed.is_refused(plain, group, mute(boss, LONG)).await,
        NotPermitted
    );
    bed.done(boss, group, mute(plain, LONG)).await;
    let outcomes = bed.append(&[now(plain, "x"), said, now(boss, "2")]).await;
    let Err(AppendRefusal::Muted { until }) = outcomes[0] else {
        panic!("{:?}", outcomes[0]);
    };
    assert!(until > UnixMillis::now() && until.since(UnixMillis::now()) <= LONG);
    assert!(
        outcomes[1].unwrap().duplicate,
        "what was sent before is sent"
    );
    assert!(outcomes[2].is_ok());
    bed.done(boss, group, mute(plain, Duration::ZERO)).await;
    assert!(bed.append(&[now(plain, "3")]).await[0].is_ok());

    let all = |muted| {
        GroupStep::Set(GroupSettings {
            muted: Some(muted),
            ..GroupSettings::default()
        })
    };
    bed.done(boss, group, all(LONG)).await;
    let outcomes = bed
        .append(&[now(plain, "x"), now(boss, "4"), now(owner, "5")])
        .await;
    assert!(matches!(outcomes[0], Err(AppendRefusal::Muted { .. })));
    assert!(outcomes[1].is_ok() && outcomes[2].is_ok());
    // the owner may silence an admin, too
    bed.done(owner, group, mute(boss, LONG)).await;
    let refused = bed.append(&[now(boss, "x")]).await;
    assert!(matches!(refused[0], Err(AppendRefusal::Muted { .. })));
    bed.done(owner, group, all(Duration::ZERO)).await;
    assert!(bed.append(&[now(plain, "6")]).await[0].is_ok());
    let later = UnixMillis(UnixMillis::now().0 + 7_200_000);
    let mut over = now(boss, "7");
    over.created_at = later;
    assert!(bed.append(&[over]).await[0].is_ok(), "it ends by itself");
    assert_eq!(
        bed.seen(plain, group).await,
        ["1", "2", "3", "4", "5", "6", "7"]
    );
}
