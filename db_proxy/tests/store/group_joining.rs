//! How users come into groups.

use db_proxy::store::{
    ContactStep, ContactWish, Direction, GroupInviting, GroupJoining, GroupRefusal,
    GroupRequestKind, GroupRequestState, GroupSettings, GroupStep, GroupStepRefusal, UnixMillis,
};
use proto::ids::{GroupId, UserId};

use crate::bed::Bed;
use crate::group_steps::{decide, invite, join, joining, told};

use GroupStepRefusal::{
    NoSuchGroup, NoSuchRequest, NoSuchUser, NotAMember, NotOpen, NotPermitted, TooManyGroups,
    TooManyMembers, TooManyRequests,
};

pub(crate) async fn who_asks_comes_in_as_the_group_lets_him(bed: Bed) {
    let [owner, plain, a, b] = bed.users().await;
    let group = bed.group(&[owner, plain]).await;
    assert_eq!(bed.is_refused(a, group, join()).await, NotOpen);
    let nowhere = GroupId::new(99).unwrap();
    assert_eq!(bed.is_refused(a, nowhere, join()).await, NoSuchGroup);
    let stranger = UserId::new(99).unwrap();
    let set = GroupStep::Set(joining(GroupJoining::Approval));
    assert_eq!(
        bed.is_refused(plain, group, set.clone()).await,
        NotPermitted
    );
    assert_eq!(bed.is_refused(a, group, set.clone()).await, NotAMember);
    let set = bed.done(owner, group, set).await;
    assert_eq!(set.details.version, 2);
    assert_eq!(set.changed, Some(vec![]));
    assert_eq!(bed.is_refused(stranger, group, join()).await, NoSuchUser);

    let asked = bed.done(a, group, join()).await;
    assert!(!asked.is_member && asked.comings.is_none());
    assert_eq!(asked.details.version, 2, "the group is as it was");
    let waits = (a, GroupRequestState::Waiting, vec![owner, a]);
    assert_eq!(told(&asked), [waits]);
    let again = bed.done(a, group, join()).await;
    assert!(again.requests.is_empty(), "it waits already");
    assert_eq!(bed.waiting(a).await, bed.waiting(owner).await);
    assert_eq!(bed.waiting(a).await[0].greeting, "hello");
    assert_eq!(bed.waiting(plain).await, []);

    assert_eq!(
        bed.is_refused(plain, group, decide(a, true)).await,
        NotPermitted
    );
    let taken_in = bed.done(owner, group, decide(a, true)).await;
    let accepted = (a, GroupRequestState::Accepted, vec![owner, a]);
    assert_eq!(told(&taken_in), [accepted]);
    let comings = taken_in.comings.unwrap();
    assert_eq!((comings.by, comings.direction), (owner, Direction::Join));
    assert_eq!(
        (comings.users, comings.members),
        (vec![a], vec![owner, plain, a])
    );
    assert_eq!(bed.members(group).await.version, 3);
    assert_eq!(bed.waiting(owner).await, []);
    let holds = bed.done(a, group, join()).await;
    assert!(holds.is_member && holds.comings.is_none());
    let holds = bed.done(owner, group, decide(a, true)).await;
    assert_eq!(holds.details.version, 3);
    assert_eq!(
        bed.is_refused(owner, group, decide(a, false)).await,
        NoSuchRequest
    );

    bed.done(b, group, join()).await;
    let refused = bed.done(owner, group, decide(b, false)).await;
    assert_eq!(told(&refused)[0].1, GroupRequestState::Refused);
    assert_eq!(bed.waiting(b).await, []);
    assert!(
        bed.done(owner, group, decide(b, false))
            .await
            .requests
            .is_empty()
    );
    assert_eq!(
        bed.is_refused(owner, group, decide(b, true)).await,
        NoSuchRequest
    );
    // he may ask again, and think better of it
    bed.done(b, group, join()).await;
    let back = bed
        .done(b, group, GroupStep::Answer { accept: false })
        .await;
    assert_eq!(told(&back)[0].1, GroupRequestState::Ended);
    let open = GroupStep::Set(joining(GroupJoining::Open));
    bed.done(owner, group, open).await;
    let came = bed.done(b, group, join()).await;
    assert_eq!(came.comings.unwrap().by, b);
    bed.say_to(group, b, &["here"]).await;
    assert_eq!(bed.seen(owner, group).await, ["here"]);
}

pub(crate) async fn who_is_invited_answers_himself(bed: Bed) {
    let [owner, plain, a, b] = bed.users().await;
    let group = bed.group(&[owner, plain]).await;
    let stranger = UserId::new(99).unwrap();
    assert_eq!(bed.is_refused(a, group, invite(&[b])).await, NotAMember);
    let refused = bed.is_refused(plain, group, invite(&[a, stranger])).await;
    assert_eq!(refused, NoSuchUser);
    assert_eq!(bed.waiting(a).await, [], "all or nobody");
    let invited = bed.done(plain, group, invite(&[owner, a])).await;
    assert_eq!(told(&invited), [(a, GroupRequestState::Waiting, vec![a])]);
    assert_eq!(bed.waiting(a).await[0].by, plain);
    assert_eq!(bed.waiting(owner).await, []);
    let view = bed.store.group_view(a, group, UnixMillis(0)).await;
    assert!(view.unwrap().unwrap().is_invited);

    let refused = bed.is_refused(owner, group, decide(a, true)).await;
    assert_eq!(refused, NoSuchRequest, "it is his to answer");
    let came = bed.done(a, group, GroupStep::Answer { accept: true }).await;
    let accepted = (a, GroupRequestState::Accepted, vec![plain, a]);
    assert_eq!(told(&came), [accepted]);
    assert_eq!(came.comings.unwrap().by, a);
    let again = bed.done(a, group, GroupStep::Answer { accept: true }).await;
    assert!(again.is_member && again.comings.is_none());
    let no = GroupStep::Answer { accept: false };
    assert_eq!(bed.is_refused(a, group, no.clone()).await, NoSuchRequest);

    assert_eq!(bed.is_refused(b, group, no.clone()).await, NoSuchRequest);
    bed.done(plain, group, invite(&[b])).await;
    let declined = bed.done(b, group, no.clone()).await;
    assert_eq!(
        told(&declined),
        [(b, GroupRequestState::Refused, vec![plain, b])]
    );
    assert!(bed.done(b, group, no).await.requests.is_empty());
    // who is invited comes in however he says so
    bed.done(plain, group, invite(&[b])).await;
    assert_eq!(
        bed.is_refused(a, group, decide(b, false)).await,
        NotPermitted
    );
    let back = bed.done(plain, group, decide(b, false)).await;
    assert_eq!(told(&back)[0].1, GroupRequestState::Ended);
    bed.done(plain, group, invite(&[b])).await;
    assert!(bed.done(b, group, join()).await.is_member);

    let admins_only = GroupSettings {
        inviting: Some(GroupInviting::Admins),
        ..GroupSettings::default()
    };
    bed.done(owner, group, GroupStep::Set(admins_only)).await;
    assert_eq!(
        bed.is_refused(plain, group, invite(&[a])).await,
        NotPermitted
    );
    bed.done(b, group, GroupStep::Leave).await;
    let refused = bed.change(group, plain, Direction::Join, &[b]).await;
    assert_eq!(refused, Err(GroupRefusal::NotPermitted));
    let added = bed.change(group, owner, Direction::Join, &[b]).await;
    assert_eq!(added.unwrap().changed, [b]);
}

pub(crate) async fn who_has_applied_comes_in_when_an_admin_invites_him(bed: Bed) {
    let [owner, plain, a] = bed.users().await;
    let settings = joining(GroupJoining::Approval);
    let group = bed.group_with(&[owner, plain], settings).await;
    bed.done(a, group, join()).await;
    let nothing = bed.done(plain, group, invite(&[a])).await;
    assert!(nothing.comings.is_none() && nothing.requests.is_empty());
    let came = bed.done(owner, group, invite(&[a])).await;
    assert_eq!(came.comings.unwrap().users, [a]);
    assert_eq!(bed.waiting(a).await, []);
    // and whoever is added has nothing to ask any more
    bed.done(a, group, GroupStep::Leave).await;
    bed.done(a, group, join()).await;
    bed.change(group, plain, Direction::Join, &[a])
        .await
        .unwrap();
    assert_eq!(bed.waiting(owner).await, []);
}

pub(crate) async fn an_invitation_by_somebody_blocked_is_never_seen(bed: Bed) {
    let [owner, other, a] = bed.users().await;
    let contact = |step| ContactWish {
        user: a,
        other: owner,
        step,
        most: 10,
    };
    let group = bed.group(&[owner, other]).await;
    let block = contact(ContactStep::Block);
    bed.store.take_step(&block).await.unwrap().unwrap();
    let invited = bed.done(owner, group, invite(&[a])).await;
    assert!(invited.requests.is_empty());
    // taking it back tells no more than when he does not block
    for inviter in [other, owner] {
        let back = bed.done(inviter, group, decide(a, false)).await;
        assert!(back.requests.is_empty());
    }
    let unblock = contact(ContactStep::Unblock);
    bed.store.take_step(&unblock).await.unwrap().unwrap();
    assert_eq!(bed.waiting(a).await, []);
    assert_eq!(bed.is_refused(a, group, join()).await, NotOpen);
    // one by somebody else counts, until he is blocked too
    bed.done(other, group, invite(&[a])).await;
    assert_eq!(bed.waiting(a).await.len(), 1);
    let block = ContactWish { other, ..block };
    bed.store.take_step(&block).await.unwrap().unwrap();
    assert_eq!(bed.waiting(a).await, []);
}

pub(crate) async fn requests_expire_and_are_limited(bed: Bed) {
    let [owner, a, b, c, d] = bed.users().await;
    let settings = joining(GroupJoining::Approval);
    let group = bed.group_with(&[owner], settings.clone()).await;
    bed.done(a, group, join()).await;
    bed.done(b, group, join()).await;
    assert_eq!(bed.is_refused(c, group, join()).await, TooManyRequests);
    bed.requests_are_old().await;
    assert_eq!(bed.waiting(owner).await, []);
    assert_eq!(
        bed.is_refused(owner, group, decide(a, true)).await,
        NoSuchRequest
    );
    bed.done(c, group, join()).await;
    assert_eq!(bed.waiting(owner).await.len(), 1);

    // of one user, wherever
    let [second, third, fourth] = [
        bed.group_with(&[owner], settings.clone()).await,
        bed.group_with(&[d], settings.clone()).await,
        bed.group_with(&[d], settings).await,
    ];
    bed.done(c, second, join()).await;
    assert_eq!(bed.is_refused(c, third, join()).await, TooManyRequests);
    bed.done(owner, second, invite(&[a])).await;
    bed.done(d, third, invite(&[a])).await;
    assert_eq!(
        bed.is_refused(d, fourth, invite(&[a])).await,
        TooManyRequests
    );
    // pages make up the whole
    let whole = bed.waiting(owner).await;
    assert_eq!(whole.len(), 2);
    let mut paged = Vec::new();
    let mut after = None;
    loop {
        let page = bed
            .store
            .group_requests(owner, UnixMillis(0), after, 1)
            .await;
        let page = page.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.group, last.user));
        paged.extend(page);
    }
    assert_eq!(paged, whole);
    let kinds: Vec<_> = bed.waiting(a).await.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [GroupRequestKind::Invitation; 2]);
}

pub(crate) async fn a_group_has_room_for_as_many_as_it_says(bed: Bed) {
    let users: [UserId; 7] = bed.users().await;
    let [owner, a, b, ..] = users;
    let settings = GroupSettings {
        member_limit: Some(2),
        ..joining(GroupJoining::Open)
    };
    let group = bed.group_with(&[owner], settings).await;
    bed.done(a, group, join()).await;
    assert_eq!(bed.is_refused(b, group, join()).await, TooManyMembers);
    bed.done(owner, group, invite(&[b])).await;
    let yes = GroupStep::Answer { accept: true };
    assert_eq!(bed.is_refused(b, group, yes).await, TooManyMembers);
    let refused = bed.change(group, owner, Direction::Join, &[b]).await;
    assert_eq!(refused, Err(GroupRefusal::TooManyMembers));
    // three groups are as many as anybody may be in
    for _more in 0..3 {
        bed.group(&[users[6]]).await;
    }
    let open = bed.group_with(&[owner], joining(GroupJoining::Open)).await;
    assert_eq!(bed.is_refused(users[6], open, join()).await, TooManyGroups);
    for user in &users[1..5] {
        bed.done(*user, open, join()).await;
    }
    assert_eq!(bed.is_refused(users[5], open, join()).await, TooManyMembers);
}
