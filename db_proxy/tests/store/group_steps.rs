use std::time::Duration;

use db_proxy::store::{
    AppendRefusal, ContactStep, ContactWish, Direction, GroupBounds, GroupDetails, GroupInviting,
    GroupJoining, GroupMember, GroupRefusal, GroupRequest, GroupRequestKind, GroupRequestState,
    GroupRole, GroupSettings, GroupStep, GroupStepOutcome, GroupStepRefusal, GroupStepped,
    GroupWish, MemberSettings, RequestKey, UnixMillis,
};
use futures_util::future::join_all;
use proto::ids::{GroupId, UserId};

use crate::bed::{Bed, keyed};
use crate::circle::to_group;

use GroupStepRefusal::{
    NoSuchGroup, NoSuchRequest, NoSuchUser, NotAMember, NotOpen, NotPermitted, OwnerMustTransfer,
    TooManyAdmins, TooManyGroups, TooManyMembers, TooManyRequests,
};

pub(crate) const LONG: Duration = Duration::from_secs(3600);

pub(crate) fn bounds() -> GroupBounds {
    GroupBounds {
        members: 5,
        per_user: 3,
        admins: 2,
        applications: 2,
        invitations: 3,
        requests_of_user: 2,
        waiting: LONG,
    }
}

fn wish(user: UserId, group: GroupId, step: GroupStep) -> GroupWish {
    GroupWish {
        user,
        group,
        step,
        bounds: bounds(),
        request: None,
    }
}

impl Bed {
    pub(crate) async fn tried(
        &self,
        user: UserId,
        group: GroupId,
        step: GroupStep,
    ) -> GroupStepOutcome {
        let taken = self.store.take_group_step(&wish(user, group, step)).await;
        taken.unwrap()
    }

    async fn done(&self, user: UserId, group: GroupId, step: GroupStep) -> GroupStepped {
        self.tried(user, group, step).await.unwrap()
    }

    async fn is_refused(&self, user: UserId, group: GroupId, step: GroupStep) -> GroupStepRefusal {
        let before = self.state(group).await;
        let refusal = self.tried(user, group, step).await.unwrap_err();
        assert_eq!(self.state(group).await, before, "nothing changed");
        refusal
    }

    /// A group of these users that is as it says.
    async fn group_with(&self, members: &[UserId], settings: GroupSettings) -> GroupId {
        let group = self.group(members).await;
        self.done(members[0], group, GroupStep::Set(settings)).await;
        group
    }

    async fn details(&self, group: GroupId) -> Option<GroupDetails> {
        let anybody = UserId::new(u32::MAX).unwrap();
        let view = self.store.group_view(anybody, group, UnixMillis(0)).await;
        view.unwrap().map(|view| view.details)
    }

    async fn roll(&self, group: GroupId) -> Vec<GroupMember> {
        self.store.group_roll(group, None, 1_000).await.unwrap()
    }

    async fn roles(&self, group: GroupId) -> Vec<(UserId, GroupRole)> {
        let roll = self.roll(group).await;
        roll.iter()
            .map(|member| (member.user, member.role))
            .collect()
    }

    pub(crate) async fn waiting(&self, user: UserId) -> Vec<GroupRequest> {
        let since = UnixMillis::now().before(LONG);
        let found = self.store.group_requests(user, since, None, 1_000).await;
        found.unwrap()
    }

    pub(crate) async fn state(&self, group: GroupId) -> (Option<GroupDetails>, Vec<GroupMember>) {
        (self.details(group).await, self.roll(group).await)
    }

    /// As if everything that waits had been asked for two hours ago.
    pub(crate) async fn requests_are_old(&self) {
        self.database
            .execute("UPDATE group_requests SET changed_at_ms = changed_at_ms - 7200000")
            .await;
    }
}

pub(crate) fn join() -> GroupStep {
    GroupStep::Join {
        greeting: "hello".to_owned(),
    }
}

pub(crate) fn invite(users: &[UserId]) -> GroupStep {
    GroupStep::Invite {
        users: users.to_vec(),
        greeting: String::new(),
    }
}

pub(crate) fn decide(applicant: UserId, accept: bool) -> GroupStep {
    GroupStep::Decide { applicant, accept }
}

pub(crate) fn joining(joining: GroupJoining) -> GroupSettings {
    GroupSettings {
        joining: Some(joining),
        ..GroupSettings::default()
    }
}

fn member(member: UserId, settings: MemberSettings) -> GroupStep {
    GroupStep::SetMember { member, settings }
}

pub(crate) fn admin(user: UserId, admin: bool) -> GroupStep {
    let settings = MemberSettings {
        admin: Some(admin),
        ..MemberSettings::default()
    };
    member(user, settings)
}

pub(crate) fn mute(user: UserId, muted: Duration) -> GroupStep {
    let settings = MemberSettings {
        muted: Some(muted),
        ..MemberSettings::default()
    };
    member(user, settings)
}

pub(crate) fn called(user: UserId, nickname: &str) -> GroupStep {
    let settings = MemberSettings {
        nickname: Some(nickname.to_owned()),
        ..MemberSettings::default()
    };
    member(user, settings)
}

fn told(stepped: &GroupStepped) -> Vec<(UserId, GroupRequestState, Vec<UserId>)> {
    let told = stepped.requests.iter();
    told.map(|(request, users)| (request.user, request.state, users.clone()))
        .collect()
}

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

pub(crate) async fn a_step_asked_for_again_is_answered_again(bed: Bed) {
    let [owner, a, b] = bed.users().await;
    let group = bed
        .group_with(&[owner, a], joining(GroupJoining::Open))
        .await;
    let keyed = |user, key: &[u8], step| GroupWish {
        request: RequestKey::of_step(user, key),
        ..wish(user, group, step)
    };
    let take = async |wish: &GroupWish| bed.store.take_group_step(wish).await.unwrap();
    let came = keyed(b, b"1", join());
    let first = take(&came).await.unwrap();
    let again = take(&came).await.unwrap();
    assert_eq!(again.comings, first.comings);
    assert_eq!(again.details, first.details);
    let set = GroupStep::Set(GroupSettings {
        muted: Some(LONG),
        ..GroupSettings::default()
    });
    let muted = keyed(owner, b"2", set);
    let first = take(&muted).await.unwrap();
    let again = take(&muted).await.unwrap();
    assert_eq!(again.details, first.details, "not from now on once more");
    let ended = keyed(owner, b"3", GroupStep::Disband);
    let first = take(&ended).await.unwrap();
    let again = take(&ended).await.unwrap();
    assert_eq!(again.comings, first.comings);
    assert_eq!((again.changed, again.is_member), (None, false));
}

pub(crate) async fn an_owner_who_is_gone_is_followed(bed: Bed) {
    use GroupRole::{Member, Owner};

    let [a, b, c, d] = bed.users().await;
    let group = bed.group(&[a, b, c, d]).await;
    bed.done(a, group, admin(c, true)).await;
    let left = bed.change(group, a, Direction::Leave, &[a]).await.unwrap();
    let passed = left.inherited.unwrap();
    assert_eq!((passed.owner.user, passed.details.owner), (c, Some(c)));
    assert_eq!(passed.details.version, left.version, "one change");
    assert_eq!(
        bed.roles(group).await,
        [(b, Member), (c, Owner), (d, Member)]
    );
    let closed = bed.store.close_account(c, "hash").await.unwrap().unwrap();
    assert_eq!(
        closed.inherited[0].owner.user, b,
        "who has been in it for longest"
    );
    let left = bed.change(group, None, Direction::Leave, &[d]).await;
    assert_eq!(left.unwrap().inherited, None);
    let closed = bed.store.close_account(b, "hash").await.unwrap().unwrap();
    assert_eq!(closed.inherited, []);
    assert_eq!(bed.details(group).await, None, "nobody is left");
}

pub(crate) async fn steps_at_two_stores_at_once_come_one_after_the_other(bed: Bed) {
    let users: [UserId; 12] = bed.users().await;
    let group = bed
        .group_with(&users[..1], joining(GroupJoining::Open))
        .await;
    let other = bed.database.open().await;
    let joins = users[1..].iter().enumerate().map(|(n, user)| {
        let store = if n % 2 == 0 { &bed.store } else { &other };
        let wish = wish(*user, group, join());
        async move { store.take_group_step(&wish).await.unwrap() }
    });
    let outcomes = join_all(joins).await;
    let came = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(came, 4, "with the owner as many as there may be");
    let versions = outcomes.iter().flatten().map(|came| came.details.version);
    let mut versions: Vec<_> = versions.collect();
    versions.sort_unstable();
    assert_eq!(versions, [3, 4, 5, 6]);
    assert_eq!(bed.members(group).await.members.len(), 5);
}
